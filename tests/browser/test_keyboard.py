"""Raise, acknowledge, escalate: a whistle's way by keyboard alone. Nothing here clicks or sets a value: keys are
pressed, and what is pressed next is what has the focus."""

from playwright.async_api import Locator, Page, expect

from browser.conftest import Visitor
from support.city import City

# More than any page has on the way to what is wanted.
_MOST_TABS = 120


async def tabs_to(page: Page, wanted: Locator, back: bool = False) -> None:
    """Press Tab until it has the focus, and be able to see where the focus is."""
    for _ in range(_MOST_TABS):
        if await _has_focus(wanted):
            await expect(wanted).to_be_in_viewport()
            return
        await page.keyboard.press("Shift+Tab" if back else "Tab")
    raise AssertionError(f"{wanted} is out of the keyboard's reach on {page.url}")


async def _has_focus(wanted: Locator) -> bool:
    return await wanted.count() == 1 and bool(await wanted.evaluate("(node) => node === document.activeElement"))


async def types(page: Page, wanted: Locator, words: str) -> None:
    """Go to a field and write."""
    await tabs_to(page, wanted)
    await page.keyboard.type(words)


async def test_a_whistle_is_raised_acknowledged_and_escalated_by_keyboard_alone(visitor: Visitor, city: City) -> None:
    await raises(visitor)
    await city.settles()
    await acknowledges(visitor)
    await city.passes(hours=3)
    await escalates(visitor)


async def raises(visitor: Visitor) -> None:
    """The street blows, from its board on."""
    async with visitor.signed_in("/whistles", service="intake", role="street_initiator", scope="S01") as page:
        await tabs_to(page, page.locator(".head a.btn-primary"))
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        await expect(page.locator("#title")).to_be_focused()
        await page.keyboard.type("东门路井盖缺失")
        await expect(page.locator("#suggestions button").first).to_be_visible()
        await tabs_to(page, page.locator("#suggestions button").first)
        await page.keyboard.press("Enter")
        await expect(page.locator("#category")).to_have_value("0701")
        await types(page, page.locator("#place"), "东门路 12 号门前")
        await types(page, page.locator("#beyond_power_reason"), "井盖权属不明")
        await tabs_to(page, page.locator(".blow-send button.btn-primary"))
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_contain_text("东门路井盖缺失")


async def acknowledges(visitor: Visitor) -> None:
    """The department's duty officer, from the list, by the keys of lists."""
    async with visitor.signed_in("/", service="department", role="handler", scope="CGJ") as page:
        row = page.locator("[data-panel=inbox_waiting] [data-row]").first
        await expect(row).to_contain_text("东门路井盖缺失")
        await page.keyboard.press("j")
        await page.keyboard.press("a")
        await expect(page.locator("#toasts")).to_contain_text("已签收")
        await expect(page.locator("[data-panel=inbox_waiting] [data-row]")).to_have_count(0)


async def escalates(visitor: Visitor) -> None:
    """The inspection office, from the wall's numbers down to the clock, and up the ladder."""
    async with visitor.signed_in("/escalations", role="inspector") as page:
        first = page.locator("main a[href^='/escalations/']").first
        await tabs_to(page, first)
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        await tabs_to(page, page.locator("[data-open='#jump']"))
        await page.keyboard.press("Enter")
        await expect(page.locator("#jump")).to_be_visible()
        await tabs_to(page, page.locator("#jump-rung"))
        await page.keyboard.press("End")
        await types(page, page.locator("#jump-reason"), "群众反映强烈")
        await tabs_to(page, page.locator("#jump button.btn-primary"))
        await page.keyboard.press("Enter")
        await expect(page.locator("#toasts")).to_contain_text("已提级")
