"""The dashboard as people meet it: in a real browser, on the running city."""

from playwright.async_api import Page, expect

from browser.conftest import Visitor
from support.city import City
from support.entrance import Entrance

_REFUSED = "ERR_CONNECTION_REFUSED"
_CUT = ("ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET", _REFUSED)


async def too_wide(page: Page) -> list[str]:
    """What makes the page wider than its window; nothing when it is not."""
    found: list[str] = await page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
          [...document.querySelectorAll('body *')].filter((node) => node.getBoundingClientRect().right > innerWidth)
            .map((node) => node.outerHTML.slice(0, 80))"""
    )
    return found


async def test_a_wrong_password_is_told_on_the_form_and_a_right_one_opens_the_dashboard(visitor: Visitor) -> None:
    visitor.may_fail = ("401",)
    person = await visitor.somebody()
    async with visitor.at("/") as page:
        await expect(page).to_have_title("登录 · 吹哨报到")
        await expect(page.locator("#username")).to_be_focused()
        await page.fill("#username", person.username)
        await page.fill("#password", "not this one")
        await page.press("#password", "Enter")
        await expect(page.get_by_role("alert")).to_contain_text("用户名或密码不对")
        await expect(page.locator("#username")).to_have_value(person.username)
        await expect(page.locator("#password")).to_be_focused()
        await page.fill("#password", person.password)
        await page.press("#password", "Enter")
        await expect(page).to_have_title("运行看板 · 全区 · 吹哨报到")
        await expect(page.locator("#light")).to_have_attribute("data-state", "live")


async def test_the_session_cookie_is_out_of_reach_and_signing_out_ends_it(visitor: Visitor) -> None:
    async with visitor.signed_in() as page:
        cookies = {cookie["name"]: cookie for cookie in await page.context.cookies()}
        session = cookies["whistle-escalation"]
        assert session["httpOnly"]
        assert session["sameSite"] == "Lax"
        assert "whistle-escalation" not in await page.evaluate("() => document.cookie")
        await page.get_by_role("button", name="退出").click()
        await expect(page.locator("#username")).to_be_visible()
        await page.context.add_cookies([session])  # type: ignore[list-item]
        await page.goto(visitor.entrance.address)
        await expect(page.locator("#username")).to_be_visible()


async def test_an_escalation_appears_without_a_reload(visitor: Visitor, city: City) -> None:
    async with visitor.signed_in() as page:
        await expect(page.locator("#rungs")).to_contain_text("没有未结的升级")
        await page.evaluate("() => { window.untouched = true; }")
        whistle = await city.street("S01").blows(category="0701")
        await expect(page.locator("#feed")).to_contain_text("采薇街道吹哨：井盖缺失")
        await expect(page.locator("#upcoming li").first).to_contain_text("应哨")
        await city.passes(minutes=16)
        first = page.locator(".rung.l1")
        await expect(first.locator(".band .value")).to_have_text("5")
        await expect(first.locator(".line").first).to_contain_text(whistle.number)
        await expect(first.locator(".tick").first).to_contain_text("超时 1 分")
        await expect(page.locator("#feed")).to_contain_text("升至 L1 催办，已报告分管领导")
        assert await page.evaluate("() => window.untouched")


async def test_clocks_tick_and_follow_business_time(visitor: Visitor, city: City) -> None:
    await city.street("S01").blows(category="0701")
    await city.settles()
    async with visitor.signed_in() as page:
        tick = page.locator("#upcoming .tick").first
        shown = await tick.inner_text()
        assert shown.startswith(("还剩 15 分", "还剩 14 分"))
        await expect(tick).not_to_have_text(shown)
        await city.passes(minutes=8)
        await expect(tick).to_contain_text("还剩 6 分")
        await expect(page.locator("#upcoming .chip").first).to_contain_text("过半")


async def test_what_has_not_changed_stays_in_place(visitor: Visitor, city: City) -> None:
    """Focus and screen readers notice only what is new."""
    await city.street("S01").blows(category="0701")
    await city.settles()
    async with visitor.signed_in() as page:
        await page.evaluate("() => { document.querySelector('#feed li:last-child').untouched = true; }")
        await page.locator("#feed .scroll").focus()
        await city.street("S02").blows(category="0701", title="路灯不亮")
        await expect(page.locator("#feed li").filter(has_text="鹿鸣街道吹哨：路灯不亮")).to_be_visible()
        assert await page.evaluate("() => document.querySelector('#feed li:last-child').untouched")
        await expect(page.locator("#feed .scroll")).to_be_focused()
        assert await page.locator("[aria-live]").count() == 1
        assert await page.locator("[aria-live] .tick").count() == 0


async def test_english_by_a_switch_that_is_remembered(visitor: Visitor, city: City) -> None:
    await city.street("S01").blows(category="0701", title="Manhole cover missing")
    await city.settles()
    async with visitor.signed_in() as page:
        await page.get_by_role("link", name="English").click()
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        await expect(page.get_by_role("heading", name="Open escalations")).to_be_visible()
        await expect(page.locator("#feed")).to_contain_text("Caiwei Sub-district blew a whistle: Manhole cover missing")
        await expect(page.locator("#upcoming .tick").first).to_contain_text("left")
        await city.passes(minutes=16)
        await expect(page.locator("#feed")).to_contain_text("late with acknowledgement → L1 Reminder")
        await page.goto(visitor.entrance.address)
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        await page.get_by_role("link", name="中文").click()
        await expect(page.get_by_role("heading", name="未结升级")).to_be_visible()


async def test_dark_by_the_device_or_by_a_switch(visitor: Visitor) -> None:
    background = "() => getComputedStyle(document.documentElement).backgroundColor"
    async with visitor.signed_in(color_scheme="dark") as page:
        assert await page.evaluate(background) == "rgb(11, 18, 29)"
        await page.get_by_role("link", name="浅色").click()
        await expect(page.get_by_role("link", name="浅色")).to_have_attribute("aria-current", "true")
        assert await page.evaluate(background) == "rgb(243, 245, 248)"


async def test_a_phone_needs_no_sideways_scrolling(visitor: Visitor, city: City) -> None:
    await city.street("S01").blows(category="0701")
    await city.street("S02").blows(
        category=None, title="多个小区要求统一接入养老餐并请区里研究场地、资金与资质的协调办法"
    )
    await city.passes(minutes=16)
    for language in ("zh", "en"):
        async with visitor.at(f"/sign-in?lang={language}", width=360, height=740) as page:
            assert await too_wide(page) == []
        async with visitor.signed_in(f"/?lang={language}", width=360, height=740) as page:
            assert await too_wide(page) == []


async def test_the_wall_shows_whole_rows_and_never_scrolls(visitor: Visitor, city: City) -> None:
    for street in ("S01", "S02", "S03"):
        await city.street(street).blows(category="0701")
    await city.passes(minutes=16)
    async with visitor.signed_in("/?mode=wall", width=1920, height=1080) as page:
        assert await page.evaluate("() => document.documentElement.scrollHeight - innerHeight") <= 0
        assert await page.locator(".rung .band").count() == 5
        cut = """() => [...document.querySelectorAll('.fill li')].filter((row) => {
            const [inner, outer] = [row, row.closest('.fill')].map((node) => node.getBoundingClientRect());
            const seen = inner.left < outer.right && inner.top < outer.bottom;
            return seen && inner.bottom > outer.bottom + 1;
        }).length"""
        assert await page.evaluate(cut) == 0


async def test_a_department_sees_its_own(visitor: Visitor, city: City) -> None:
    await city.street("S01").blows(category="0701")
    await city.passes(minutes=16)
    async with visitor.signed_in(role="department_head", scope="PSGS") as page:
        await expect(page.locator("h1")).to_contain_text("排水公司")
        await expect(page.locator(".rung.l1 .band .value")).to_have_text("1")
        await expect(page.locator("#departments li")).to_have_count(1)
        await expect(page.locator("#feed")).not_to_contain_text("供水公司")


async def test_it_finds_its_way_back_after_a_restart(visitor: Visitor, city: City, entrance: Entrance) -> None:
    visitor.may_fail = _CUT
    async with visitor.signed_in() as page:
        await page.evaluate("() => { window.untouched = true; }")
        async with entrance.shut():
            await expect(page.locator("#light")).to_have_attribute("data-state", "lost")
            await city.street("S01").blows(category="0701")
        await expect(page.locator("#light")).to_have_attribute("data-state", "live", timeout=20_000)
        await expect(page.locator("#feed")).to_contain_text("采薇街道吹哨：井盖缺失")
        assert await page.evaluate("() => window.untouched")


async def test_whoever_is_signed_out_elsewhere_is_told(visitor: Visitor, city: City, entrance: Entrance) -> None:
    visitor.may_fail = (*_CUT, "401")
    async with visitor.signed_in() as page:
        async with page.context.expect_page() as opened:
            await page.evaluate("() => { window.open('/', '_blank'); }")
        other = await opened.value
        await other.get_by_role("button", name="退出").click()
        await expect(other.locator("#username")).to_be_visible()
        async with entrance.shut():
            pass
        await expect(page.get_by_role("link", name="请重新登录")).to_be_visible(timeout=20_000)


async def test_updates_can_be_held(visitor: Visitor, city: City) -> None:
    async with visitor.signed_in() as page:
        await page.get_by_role("button", name="暂停刷新").click()
        await expect(page.locator("#light")).to_have_attribute("data-state", "paused")
        await city.street("S01").blows(category="0701")
        await city.settles()
        await expect(page.locator("#feed")).not_to_contain_text("井盖缺失")
        await page.get_by_role("button", name="暂停刷新").click()
        await expect(page.locator("#feed")).to_contain_text("井盖缺失")


async def test_the_keyboard_reaches_the_content_first(visitor: Visitor) -> None:
    async with visitor.signed_in() as page:
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="跳到正文")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("main")).to_be_focused()
        for landmark in ("header", "main", "nav"):
            assert await page.locator(landmark).count() == 1


async def test_the_api_documentation_needs_no_other_host(visitor: Visitor) -> None:
    async with visitor.at("/docs") as page:
        await expect(page.locator(".swagger-ui .info .title")).to_contain_text("Whistle · escalation")
        hosts = await page.evaluate(
            "() => performance.getEntriesByType('resource').map((entry) => new URL(entry.name).origin)"
        )
        assert set(hosts) == {visitor.entrance.address}
