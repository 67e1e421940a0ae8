"""What is pressed is what was read, once, and does not hold up what is pressed next."""

import asyncio
import re
from collections.abc import Awaitable, Callable

from playwright.async_api import Route, expect

from browser.conftest import Visitor
from browser.test_forms import DESK, STREET, sent_to
from browser.test_street import says
from support.city import City

# As long a press as the test needs: of the script's two seconds nothing is left on a busy machine.
_LONG_PRESS = """() => {
  const real = window.setTimeout;
  window.setTimeout = (act, wait, ...more) => real(act, wait === 2000 ? 60000 : wait, ...more);
}"""
# Playwright itself waits for a page that is on its way.
_PRESSED_AGAIN = """() => document.addEventListener("whistle:done", () => {
  setTimeout(() => document.querySelector(".blow-send button.btn-primary").click(), 100);
})"""


def waits_for(held: asyncio.Event) -> Callable[[Route], Awaitable[None]]:
    """An answer that is long on its way."""

    async def waits(route: Route) -> None:
        await held.wait()
        await route.continue_()

    return waits


async def test_nothing_changes_under_a_finger(visitor: Visitor, city: City) -> None:
    """INVARIANT: nothing changes under a finger: what was read where it came down is what its press does."""
    whistle = await city.street("S01").blows("0701", departments=["CGJ"])
    office = city.department("CGJ")
    for step in (office.acknowledges, office.arrives, office.submits):
        await step(whistle)
    await city.expects_state(whistle, "pending_verify")
    async with visitor.signed_in(f"/whistles/{whistle.whistle_id}", **STREET) as page:
        other = await page.context.new_page()
        await other.goto(page.url)
        await page.bring_to_front()
        await page.get_by_role("button", name="通过核查").hover()
        await page.evaluate(_LONG_PRESS)
        await page.mouse.down()
        await city.street("S01").orders_rework(whistle, "CGJ")
        await expect(other.get_by_role("button", name="催办部门")).to_be_visible()
        await page.wait_for_timeout(500)
        await page.mouse.up()
        await expect(page.locator("#pass")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("button", name="催办部门")).to_be_visible()


async def test_the_next_one_can_be_acknowledged_while_the_page_is_fetched_again(visitor: Visitor, city: City) -> None:
    """What was sent is over when it is answered, not when the page shows it."""
    for street in ("S01", "S02"):
        await city.street(street).blows(category="0701")
    await city.settles()
    held = asyncio.Event()
    async with visitor.signed_in("/", **DESK) as page:
        rows = page.locator("[data-panel=inbox_waiting] [data-row]")
        await expect(rows).to_have_count(2)
        acknowledged = sent_to(page, "/acknowledgement")
        await page.route(re.compile(r":\d+/$"), waits_for(held))
        await rows.first.locator("[data-first]").click()
        await expect(rows).to_have_count(1)
        await rows.first.locator("[data-first]").click()
        await expect(rows).to_have_count(0)
        held.set()
        assert len({one.url for one in acknowledged}) == len(acknowledged) == 2


async def test_a_whistle_is_not_blown_again_while_its_page_is_on_the_way(visitor: Visitor, city: City) -> None:
    held = asyncio.Event()
    async with visitor.signed_in("/blow", **STREET) as page:
        await says(page)
        blown = sent_to(page, "/api/v1/whistles")
        await page.route(re.compile(r":\d+/whistles/[0-9a-f-]{36}$"), waits_for(held))
        await page.evaluate(_PRESSED_AGAIN)
        async with page.expect_response(re.compile("/api/v1/whistles$")):
            await page.locator(".blow-send button.btn-primary").click(no_wait_after=True)
        await asyncio.sleep(0.5)
        held.set()
        await expect(page.locator("h1")).to_contain_text("井盖缺失")
        assert len(blown) == 1
