"""Every page, as somebody comes to it first: nothing for axe-core to find, nothing for the browser to complain about,
no wider than its window, and light enough for a phone.

Each page is looked at in one of four looks, all of them in turn; `make a11y` looks at every page in every one.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from support import every_page
from support.city import City
from support.every_page import ANYWHERE, ENTRANCE, EVERY_PAGE, View, views
from support.looks import LOOKS, look_at
from support.onlooker import Onlooker
from support.stack import PROCESSES
from support.stage import set_stage
from support.visitor import Doors

_MOST = 200_000
"""Bytes of the assets of a first visit, as the browser was sent them."""
EVERY_VIEW = list(views())


@pytest_asyncio.fixture(scope="module")
async def onlooker(standing_city: City, chromium: Browser) -> AsyncIterator[Onlooker]:
    """Somebody before the stage."""
    await standing_city.clean()
    stage = await set_stage(standing_city)
    doors = Doors(standing_city)
    yield Onlooker(stage, doors, chromium)
    await doors.close()


@pytest.mark.parametrize("service", list(EVERY_PAGE))
async def test_no_page_is_forgotten(door: City, service: str) -> None:
    """INVARIANT: every address that an application gives to browsers stands in the list of pages or among its parts."""
    found = every_page.addresses_of(door.services[PROCESSES[service]]) - ANYWHERE - set(ENTRANCE)
    assert found == every_page.listed(service)


@pytest.mark.parametrize("view", EVERY_VIEW, ids=lambda view: view.name)
async def test_a_page(onlooker: Onlooker, view: View) -> None:
    """INVARIANT: no page has a violation that axe-core knows of, and none needs 200 kB of assets at first."""
    look = look_at(view, EVERY_VIEW.index(view))
    await onlooker.rests()
    async with onlooker.before(view, look) as seen:
        found = [*await seen.violations(), *await seen.too_wide(), *seen.complaints]
        assets = await seen.assets()
    assert not found, f"{view.name} ({look}):\n" + "\n".join(found)
    assert sum(assets.values()) < _MOST, assets


def test_every_look_has_its_turn() -> None:
    """A page seen by one person only is seen in one look here; every look is seen on many pages."""
    turns = [look_at(view, number) for number, view in enumerate(EVERY_VIEW)]
    assert {look for look in turns if look.width < 1920} == set(LOOKS)
