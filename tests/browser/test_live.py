"""A change in one service stands on the open page of another before anybody wonders. `make bench-pages` measures it;
here the limit is generous, for machines that do other things beside. And what a finger is on stays until it lifts."""

from statistics import median

from playwright.async_api import expect

from browser.conftest import Visitor
from support import promptness
from support.city import City

_GENEROUS = 5.0


async def test_a_change_in_intake_is_soon_on_a_page_of_escalation(visitor: Visitor, city: City) -> None:
    async with visitor.signed_in("/", role="arbitrator") as page:
        spans = await promptness.measured(city, page, 3)
    assert median(spans) < _GENEROUS, promptness.told(spans)


async def test_nothing_changes_under_a_finger(visitor: Visitor, city: City) -> None:
    """INVARIANT: nothing changes under a finger: what was read where it came down is what its press does."""
    whistle = await city.street("S01").blows("0701", departments=["CGJ"])
    office = city.department("CGJ")
    for step in (office.acknowledges, office.arrives, office.submits):
        await step(whistle)
    await city.expects_state(whistle, "pending_verify")
    street = {"service": "intake", "role": "street_initiator", "scope": "S01"}
    async with visitor.signed_in(f"/whistles/{whistle.whistle_id}", **street) as page:
        other = await page.context.new_page()
        await other.goto(page.url)
        await page.bring_to_front()
        await page.get_by_role("button", name="通过核查").hover()
        await page.mouse.down()
        await city.street("S01").orders_rework(whistle, "CGJ")
        await expect(other.get_by_role("button", name="催办部门")).to_be_visible()
        await page.wait_for_timeout(500)
        await page.mouse.up()
        await expect(page.locator("#pass")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("button", name="催办部门")).to_be_visible()
