"""A headless Chromium, the services at real addresses, and a person who looks at them (support/visitor.py).

    async with visitor.signed_in("/", service="department", role="handler", scope="CGJ") as page: …

Whatever the browser complains about fails the test, unless the test itself caused it (`Visitor.may_fail`).
"""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from support.city import City
from support.entrance import Entrance
from support.places import ROOT
from support.visitor import ARGUMENTS, PATIENCE, Doors, Visitor
from whistle_local.browser import find_chromium

__all__ = ["Visitor"]


@pytest_asyncio.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for the session. Fails when there is none: `make browser` provides it."""
    program = find_chromium(ROOT)
    assert program is not None, "no Chromium: run `make browser`, or name one in WHISTLE_CHROMIUM"
    expect.set_options(timeout=PATIENCE)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture
async def doors(city: City) -> AsyncIterator[Doors]:
    """Every service's way in, opened when somebody comes."""
    opened = Doors(city)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def entrance(doors: Doors) -> Entrance:
    """The escalation service's way in."""
    return await doors.door("escalation")


@pytest.fixture
def visitor(city: City, doors: Doors, chromium: Browser) -> Iterator[Visitor]:
    """Somebody at a browser. Whatever their browser complained about fails the test."""
    person = Visitor(city, doors, chromium)
    yield person
    assert not person.complaints, person.complaints
