"""Operations as people meet it: the dashboard, its wall, and what lies behind its numbers. On the running city."""

import re

from playwright.async_api import Page, expect

from browser.conftest import Visitor
from support.city import City
from support.entrance import Entrance

_REFUSED = "ERR_CONNECTION_REFUSED"
_CUT = ("ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET", _REFUSED)


PAGES = (
    "/",
    "/clocks",
    "/clocks?standing=duty",
    "/escalations",
    "/log",
    "/letters",
    "/boards",
    "/statistics",
    "/statistics/acknowledgement",
)
# Rows of the wall that are neither whole nor absent.
CUT = """() => [...document.querySelectorAll('.scene li, .places-table tr')].filter((row) => {
    const box = row.getBoundingClientRect();
    let node = row.parentElement;
    let [left, top, right, bottom] = [0, 0, innerWidth, innerHeight];
    for (; node; node = node.parentElement)
      if (getComputedStyle(node).overflow !== 'visible') {
        const outer = node.getBoundingClientRect();
        [left, top] = [Math.max(left, outer.left), Math.max(top, outer.top)];
        [right, bottom] = [Math.min(right, outer.right), Math.min(bottom, outer.bottom)];
      }
    const seen = box.left < right - 1 && box.top < bottom - 1 && box.right > left + 1 && box.bottom > top + 1;
    return seen && (box.bottom > bottom + 1 || box.top < top - 1);
  }).map((row) => row.outerHTML.slice(0, 80))"""


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
        await expect(page.locator("main").get_by_role("alert")).to_contain_text("用户名或密码不对")
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
        await page.locator(".menu > summary").click()
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
        first = page.locator("#rung-1")
        await expect(first.locator(".band .value")).to_have_text("5")
        await expect(first.locator(".line").first).to_contain_text(whistle.number)
        await expect(first.locator("[data-due]").first).to_contain_text("超时 1 分")
        await expect(page.locator("#feed")).to_contain_text("升至 L1 催办，已报告分管领导")
        assert await page.evaluate("() => window.untouched")


async def test_clocks_tick_and_follow_business_time(visitor: Visitor, city: City) -> None:
    await city.street("S01").blows(category="0701")
    await city.settles()
    async with visitor.signed_in() as page:
        tick = page.locator("#upcoming [data-due]").first
        shown = await tick.inner_text()
        assert shown.startswith(("还剩 15 分", "还剩 14 分"))
        await expect(tick).not_to_have_text(shown)
        await city.passes(minutes=8)
        await expect(tick).to_contain_text("还剩 6 分")
        await expect(page.locator("#upcoming .chip").first).to_have_attribute("data-state", "half")


async def test_what_has_not_changed_stays_in_place(visitor: Visitor, city: City) -> None:
    """Focus and screen readers notice only what is new."""
    await city.street("S01").blows(category="0701")
    await city.settles()
    async with visitor.signed_in() as page:
        await page.evaluate("() => { document.querySelector('#feed li:last-child').untouched = true; }")
        await page.locator("#feed li:last-child a").focus()
        await city.street("S02").blows(category="0701", title="路灯不亮")
        await expect(page.locator("#feed li").filter(has_text="鹿鸣街道吹哨：路灯不亮")).to_be_visible()
        assert await page.evaluate("() => document.querySelector('#feed li:last-child').untouched")
        await expect(page.locator("#feed li:last-child a")).to_be_focused()


async def test_english_by_a_switch_that_is_remembered(visitor: Visitor, city: City) -> None:
    await city.street("S01").blows(category="0701", title="Manhole cover missing")
    await city.settles()
    async with visitor.signed_in() as page:
        await page.locator(".menu > summary").click()
        await page.get_by_role("link", name="English").click()
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        await expect(page.get_by_role("heading", name="Open escalations")).to_be_visible()
        await expect(page.locator("#feed")).to_contain_text("Caiwei Sub-district blew a whistle: Manhole cover missing")
        await expect(page.locator("#upcoming [data-due]").first).to_contain_text("left")
        await city.passes(minutes=16)
        await expect(page.locator("#feed")).to_contain_text("late with acknowledgement → L1 Reminder")
        await page.goto(visitor.entrance.address)
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        await page.locator(".menu > summary").click()
        await page.get_by_role("link", name="中文").click()
        await expect(page.get_by_role("heading", name="未结升级")).to_be_visible()


async def test_dark_by_the_device_or_by_a_switch(visitor: Visitor) -> None:
    async with visitor.signed_in(color_scheme="dark") as page:
        await expect(page.locator("body")).to_have_css("background-color", "rgb(11, 18, 29)")
        await page.locator(".menu > summary").click()
        await page.get_by_role("link", name="浅色").click()
        await expect(page.locator("body")).to_have_css("background-color", "rgb(243, 245, 248)")


async def test_a_phone_needs_no_sideways_scrolling(visitor: Visitor, city: City) -> None:
    await city.street("S01").blows(category="0701")
    await city.street("S02").blows(
        category=None, title="多个小区要求统一接入养老餐并请区里研究场地、资金与资质的协调办法"
    )
    await city.passes(minutes=16)
    async with visitor.signed_in("/", width=360, height=740) as page:
        for path in PAGES:
            for language in ("zh", "en"):
                await page.goto(f"{visitor.entrance.address}{path}{'&' if '?' in path else '?'}lang={language}")
                assert await too_wide(page) == [], (path, language)


async def test_the_wall_shows_whole_rows_and_never_scrolls(visitor: Visitor, city: City) -> None:
    for street in ("S01", "S02", "S03"):
        await city.street(street).blows(category="0701")
    await city.passes(minutes=16)
    for width, height in ((1920, 1080), (3840, 2160)):
        async with visitor.signed_in("/?mode=wall", role="operations", width=width, height=height) as page:
            assert await page.evaluate("() => document.documentElement.scrollHeight - innerHeight") <= 0
            await expect(page.locator(".rung .band")).to_have_count(6)
            for band in await page.locator(".rung .band .value").all():
                await expect(band).to_be_in_viewport()
            await expect(page.locator(".district-map canvas")).to_be_visible()
            assert await page.evaluate(CUT) == []


async def test_a_department_sees_its_own(visitor: Visitor, city: City) -> None:
    await city.street("S01").blows(category="0701")
    await city.passes(minutes=16)
    async with visitor.signed_in(role="department_head", scope="PSGS") as page:
        await expect(page.locator("h1")).to_contain_text("排水公司")
        await expect(page.locator("#rung-1 .band .value")).to_have_text("1")
        await expect(page.locator("#departments li")).to_have_count(1)
        await expect(page.locator("#feed")).not_to_contain_text("供水公司")


async def test_every_figure_leads_to_what_it_counts(visitor: Visitor, city: City) -> None:
    whistle = await city.street("S01").blows(category="0701")
    await city.passes(minutes=16)
    async with visitor.signed_in(role="operations") as page:
        for name, rows in (("open", 5), ("late", 5), ("blown", 1)):
            await page.goto(visitor.entrance.address)
            await expect(page.locator(f"#kpi-{name} .value")).to_have_text(str(rows))
            await page.locator(f"#kpi-{name}").click()
            await expect(page.locator("tr[data-row], .card > .events > li")).to_have_count(rows)
            await expect(page.locator("main")).to_contain_text(whistle.number)
        await page.go_back()
        await expect(page).to_have_title("运行看板 · 全区 · 吹哨报到")
        await page.locator("#place-S01 a.overdue").click()
        await expect(page.locator("tr[data-row]")).to_have_count(5)
        await page.get_by_label("部门").select_option("PSGS")
        await page.get_by_role("button", name="筛选").click()
        await expect(page.locator("tr[data-row]")).to_have_count(1)
        await page.get_by_role("link", name="井盖缺失").click()
        await expect(page.locator("#step-rung-1")).to_have_attribute("data-is", "now")


async def test_an_escalation_is_acknowledged_urged_and_climbed_on_its_page(visitor: Visitor, city: City) -> None:
    await city.street("S01").blows(category="0701")
    await city.passes(minutes=16)
    async with visitor.signed_in("/escalations?department=PSGS", role="inspector") as page:
        await page.locator("tr[data-row] a").click()
        await expect(page.locator(".still")).to_contain_text("若仍未应哨，将于 10:15 升至 L2 函告，报告部门主要负责人")
        await expect(page.locator("#step-rung-1 .proof")).to_contain_text("日志第")
        await expect(page.locator("#step-rung-1")).to_contain_text("尚无人知悉")
        await expect(page.locator(".case-why .road")).to_contain_text("自然时间")
        await page.get_by_role("button", name="知悉").click()
        await expect(page.locator("#toasts")).to_contain_text("已记下")
        await expect(page.locator("#step-rung-1 .seen")).to_contain_text("于 09:16 知悉")
        await page.get_by_role("button", name="催办").click()
        await page.locator("#urge-note").fill("请马上派人")
        await page.get_by_role("button", name="发出催办").click()
        await expect(page.locator(".event.task_reminded")).to_contain_text("请马上派人")
        await page.locator(".case-acts").get_by_role("button", name="提级").click()
        await page.locator("#jump-rung").select_option("4")
        await page.locator("#jump-reason").fill("现场危险")
        await page.locator("#jump").get_by_role("button", name="提级").click()
        await expect(page.locator("#step-rung-4")).to_have_attribute("data-is", "now")
        await expect(page.locator("#step-rung-4")).to_contain_text("现场危险")
        await expect(page.locator("#step-rung-3")).to_have_attribute("data-is", "passed")


async def test_operations_only_looks(visitor: Visitor, city: City) -> None:
    await city.street("S01").blows(category="0701")
    await city.passes(minutes=16)
    async with visitor.signed_in("/escalations", role="operations") as page:
        await page.locator("tr[data-row] a").first.click()
        await expect(page.locator("#step-rung-1")).to_be_visible()
        for path in ("/letters", "/boards", page.url.removeprefix(visitor.entrance.address)):
            await page.goto(visitor.entrance.address + path)
            assert await page.locator("form[data-act]").count() == 0, path


async def test_a_letter_is_written_beside_the_facts_and_its_reply_shown(visitor: Visitor, city: City) -> None:
    whistle = await city.street("S01").blows(category="0701")
    await city.passes(minutes=16)
    async with visitor.signed_in("/letters", role="inspector") as page:
        await expect(page.locator("main")).to_contain_text("这里没有函件")
        await page.locator(".candidate").filter(has_text="排水公司").get_by_role("link", name="写函").click()
        await expect(page.locator("#facts-title")).to_be_visible()
        await expect(page.locator("#text")).to_have_value(
            re.compile(f"督办单：“井盖缺失”（{whistle.number}）应哨时限已于")
        )
        await page.locator("#text").fill("督办单：请于今日 12:00 前到场处置。")
        await page.get_by_role("button", name="发出督办单").click()
        await expect(page.locator("h1")).to_contain_text("督〔2026〕1号")
        await expect(page.locator(".paper-text").first).to_have_text("督办单：请于今日 12:00 前到场处置。")
        await page.goto(f"{visitor.entrance.address}/letters?lang=en")
        await expect(page.locator("tr[data-row]")).to_contain_text("Drainage Company")
        await city.passes(minutes=3 * 24 * 60)
        await page.goto(f"{visitor.entrance.address}/letters?state=overdue")
        await expect(page.locator("tr[data-row]").filter(has_text="督〔2026〕1号")).to_have_count(1)


async def test_a_board_is_published_and_made_for_print(visitor: Visitor, city: City) -> None:
    await city.street("S01").blows(category="0701")
    await city.passes(minutes=16)
    async with visitor.signed_in("/boards", role="inspector") as page:
        await expect(page.locator("main")).to_contain_text("还没有发布过榜单")
        await page.get_by_role("button", name="发布榜单").click()
        await page.locator("#publish").get_by_role("button", name="发布", exact=True).click()
        await expect(page.locator(".board-table tbody tr")).to_have_count(5)
        await expect(page.locator("h1")).to_contain_text("2026Q2")
        await page.emulate_media(media="print")
        await expect(page.locator("header")).to_be_hidden()
        await expect(page.get_by_role("button", name="打印")).to_be_hidden()


async def test_a_figure_shows_its_formula_and_the_tasks_behind_it(visitor: Visitor, city: City) -> None:
    await city.street("S01").blows(category="0701")
    await city.passes(minutes=16)
    async with visitor.signed_in("/statistics?unit=PSGS", role="operations") as page:
        figure = page.locator(".figure-card").filter(has=page.locator("#figure-acknowledgement"))
        await expect(figure.locator(".figure-value")).to_contain_text("0%")
        await expect(figure.locator(".figure-formula")).to_have_text("按时应哨 ÷ 应哨时限已见分晓")
        await expect(figure.locator(".figure-inputs")).to_have_text("按时应哨 0 · 应哨时限已见分晓 1")
        await expect(figure.locator(".figure-version")).to_have_text("n = 1 · 公式第 1 版")
        await figure.locator(".figure-value a").click()
        await expect(page.locator("tr[data-row]")).to_have_count(1)


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
        await other.locator(".menu > summary").click()
        await other.get_by_role("button", name="退出").click()
        await expect(other.locator("#username")).to_be_visible()
        async with entrance.shut():
            pass
        await expect(page.get_by_role("link", name="请重新登录")).to_be_visible(timeout=20_000)


async def test_updates_can_be_held(visitor: Visitor, city: City) -> None:
    async with visitor.signed_in() as page:
        await page.locator(".menu > summary").click()
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
        for landmark in ("header", "main"):
            assert await page.locator(landmark).count() == 1


async def test_the_api_documentation_needs_no_other_host(visitor: Visitor) -> None:
    async with visitor.at("/docs") as page:
        await expect(page.locator(".swagger-ui .info .title")).to_contain_text("Whistle · escalation")
        hosts = await page.evaluate(
            "() => performance.getEntriesByType('resource').map((entry) => new URL(entry.name).origin)"
        )
        assert set(hosts) == {visitor.entrance.address}
