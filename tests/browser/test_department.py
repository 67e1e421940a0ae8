"""A department at work: the inbox with its alarm, a task from the stairwell with a phone, hand-over, letters, heads."""

from pathlib import Path
from typing import Any

from PIL import Image
from playwright.async_api import Page, expect

from browser.conftest import Visitor
from browser.test_dashboard import too_wide
from support.answers import expect as answered
from support.city import City

_HERE: dict[str, Any] = {
    "geolocation": {"latitude": 31.23, "longitude": 121.47, "accuracy": 12},
    "permissions": ["geolocation"],
}
_PHONE: dict[str, Any] = {"width": 360, "height": 740}
_AT_THE_DESK: dict[str, Any] = {"service": "department", "role": "handler", "scope": "CGJ"}
_HEAD: dict[str, Any] = {"service": "department", "role": "department_head", "scope": "CGJ"}


def photo(folder: Path) -> str:
    """A picture as a phone takes it."""
    file = folder / "site.jpg"
    Image.new("RGB", (640, 480), (120, 120, 110)).save(file)
    return str(file)


async def hears(page: Page) -> None:
    """Count from here on how often the alarm sounds."""
    await page.evaluate(
        "() => { window.rung = 0; document.addEventListener('whistle:rung', () => { window.rung += 1; }); }"
    )


async def test_a_new_task_appears_and_is_acknowledged_in_one_touch(visitor: Visitor, city: City) -> None:
    async with visitor.signed_in("/", **_AT_THE_DESK) as page:
        await expect(page.locator('[data-group="waiting"]')).to_contain_text("没有待签收的任务")
        await page.evaluate("() => { window.untouched = true; }")
        await city.street("S01").blows(category="0701")
        await city.street("S02").blows(category="0701", title="路面塌陷")
        waiting = page.locator('[data-group="waiting"] [data-row]')
        await expect(waiting).to_have_count(2)
        await expect(waiting.first).to_contain_text("应哨")
        await page.keyboard.press("j")
        await page.keyboard.press("a")
        await expect(page.locator("#toasts")).to_contain_text("已签收")
        await expect(page.locator('[data-group="ahead"] [data-row]')).to_have_count(1)
        await expect(waiting).to_have_count(1)
        await expect(waiting.locator("[data-first]")).to_be_focused()
        assert await page.evaluate("() => window.untouched")


async def test_a_new_emergency_stands_above_old_lateness(visitor: Visitor, city: City) -> None:
    await city.street("S01").blows(category="0701", urgency="normal", kind="appeal")
    await city.passes(hours=30)
    await city.street("S02").blows(category="0701", urgency="critical", kind="emergency", title="燃气泄漏")
    async with visitor.signed_in("/", **_AT_THE_DESK) as page:
        waiting = page.locator('[data-group="waiting"] [data-row]')
        await expect(waiting).to_have_count(2)
        await expect(waiting.first).to_contain_text("燃气泄漏")
        await expect(waiting.last.locator(".chip[data-over]")).to_be_visible()


async def test_late_comes_last_with_its_rung(visitor: Visitor, city: City) -> None:
    whistle = await city.street("S01").blows(category="0701")
    await city.department("CGJ").acknowledges(whistle)
    await city.passes(hours=3)
    async with visitor.signed_in("/", **_AT_THE_DESK) as page:
        late = page.locator('[data-group="late"] [data-row]')
        await expect(late).to_contain_text("井盖缺失")
        await expect(late.locator(".rung-sign")).to_contain_text("L")
        await expect(late.locator(".chip[data-state=late]")).to_contain_text("超时")
        await expect(page.locator('[data-group="waiting"]')).to_contain_text("没有待签收的任务")


async def test_a_task_from_the_stairwell(visitor: Visitor, city: City, tmp_path: Path) -> None:
    """On a phone: acknowledge, check in with photo and place, secure the site, progress, submit with evidence."""
    await city.street("S01").blows(category="0701", urgency="critical", kind="emergency")
    await city.settles()
    picture = photo(tmp_path)
    async with visitor.signed_in("/", **_AT_THE_DESK, **_PHONE, **_HERE) as page:
        await page.get_by_role("link", name="井盖缺失").first.click()
        await page.wait_for_load_state()
        first = page.locator(".next-act button")
        await expect(first).to_have_text("签收")
        await first.click()
        await expect(first).to_have_text("到场报到")
        await first.click()
        await page.set_input_files("input[data-photos=photo]", picture)
        await expect(page.locator("#step-arrival input[name=photo]")).to_have_count(1)
        await page.get_by_role("button", name="用手机定位").click()
        await expect(page.locator("#arrival-place")).to_have_value(
            "东门路 12 号门前（定位 31.23000, 121.47000，误差 12 米）"
        )
        await page.get_by_role("button", name="确认报到").click()
        await expect(first).to_have_text("确认先期处置完成")
        await first.click()
        await page.get_by_role("button", name="确认完成").click()
        await expect(first).to_have_text("记录进展")
        await first.click()
        await page.fill("#progress-note", "备件半小时内到")
        await page.get_by_role("button", name="记下进展").click()
        await expect(first).to_have_text("提交办结")
        await first.click()
        await page.set_input_files("input[data-photos='evidence[]']", [picture, picture])
        await expect(page.locator("#step-submission input[name='evidence[]']")).to_have_count(2)
        await page.fill("#submission-result", "井盖已更换")
        await page.locator("#step-submission").get_by_role("button", name="提交办结").click()
        await expect(page.locator("#next")).to_contain_text("待街道核查")
        await expect(page.locator(".timeline")).to_contain_text("提交办结")
        await expect(page.locator("#task-photos img")).to_have_count(3)
        assert await too_wide(page) == []


async def test_what_is_missing_is_said_and_what_was_typed_stays(visitor: Visitor, city: City) -> None:
    visitor.may_fail = ("422",)
    whistle = await city.street("S01").blows(category="0701", urgency="normal", kind="appeal")
    task = await city.department("CGJ").task(whistle)
    async with visitor.signed_in(f"/tasks/{task['task_id']}?lang=en", **_HEAD) as page:
        await page.get_by_role("button", name="Return the task").click()
        dialog = page.locator("#step-return")
        await dialog.get_by_label("Reason").fill("owned by the drainage company")
        await dialog.get_by_role("button", name="Return the task").click()
        await expect(dialog.get_by_role("alert")).to_be_focused()
        await expect(dialog.get_by_label("Reason")).to_have_value("owned by the drainage company")
        await dialog.get_by_label("Clause").fill("Regulations, article 23")
        await dialog.get_by_label("Whose duty is it?").select_option("PSGS")
        await dialog.get_by_role("button", name="Return the task").click()
        await expect(page.locator(".task-signs")).to_contain_text("Return requested")
        await expect(page.locator("#content")).to_contain_text("Regulations, article 23")


async def test_more_time_is_asked_for_beside_its_clock(visitor: Visitor, city: City) -> None:
    whistle = await city.street("S01").blows(category="0701", urgency="normal", kind="appeal")
    await city.department("CGJ").acknowledges(whistle)
    task = await city.department("CGJ").task(whistle)
    async with visitor.signed_in(f"/tasks/{task['task_id']}", **_HEAD) as page:
        await page.locator("tr", has_text="办结").get_by_role("button", name="申请延期").click()
        await expect(page.locator("#extension-due")).not_to_have_value("")
        await page.fill("#extension-reason", "备件次日到货")
        await page.locator("#step-extension").get_by_role("button", name="申请延期").click()
        await expect(page.locator("#content")).to_contain_text("待答复")
        await page.goto(visitor.doors["department"].address + "/overview")
        await expect(page.locator("#asked")).to_contain_text("备件次日到货")
        await expect(page.locator("#people")).to_contain_text("王敏")


async def test_one_shift_hands_over_to_the_next(visitor: Visitor, city: City) -> None:
    await city.street("S01").blows(category="0701")
    await city.settles()
    async with visitor.signed_in("/handover", **_AT_THE_DESK) as outgoing:
        await expect(outgoing.locator("main")).to_contain_text("现有 1 件未办结")
        await outgoing.fill("#successor", "李强")
        await outgoing.fill("#offer-note", "备件明早到")
        await outgoing.get_by_role("button", name="交班", exact=True).click()
        await expect(outgoing.locator("main")).to_contain_text("等待接班人用自己的账号逐件确认")
    visitor.may_fail = ("422",)
    async with visitor.signed_in("/handover", **_AT_THE_DESK, **_PHONE) as incoming:
        await expect(incoming.locator("main")).to_contain_text("备件明早到")
        await incoming.fill("#accept-person", "李强")
        await incoming.get_by_role("button", name="确认接班").click()
        await expect(incoming.get_by_role("alert").first).to_be_focused()
        await incoming.locator("input[name='tasks[]']").check()
        await incoming.get_by_role("button", name="确认接班").click()
        await expect(incoming.locator("main")).to_contain_text("→ 李强")
        await expect(incoming.locator("main")).to_contain_text("已接班")


async def test_a_letter_is_answered(visitor: Visitor, city: City) -> None:
    whistle = await city.street("S01").blows(category="0701")
    task = await city.department("CGJ").task(whistle)
    letter = answered(await city.watch.writes(task), 201)
    await city.settles()
    async with visitor.signed_in("/letters", **_AT_THE_DESK, **_PHONE) as page:
        await expect(page.locator("main")).to_contain_text(letter["number"])
        await page.locator("[data-first]").click()
        await page.fill("#reply-text", "已增派人员，今日 18 时前完成。")
        await page.get_by_role("button", name="发出回复").click()
        await expect(page.locator(".letter-reply")).to_contain_text("已增派人员")
        assert await too_wide(page) == []


async def test_the_alarm_sounds_for_a_new_emergency_until_it_is_acknowledged(visitor: Visitor, city: City) -> None:
    async with visitor.signed_in("/", **_AT_THE_DESK) as page:
        await city.street("S01").blows(category="0701", urgency="critical", kind="emergency", title="先前的应急哨")
        await expect(page.locator("[data-alarm=repeat]")).to_have_count(1)
        await expect(page.locator("body")).to_have_attribute("data-alarms", "off")
        await hears(page)
        await page.get_by_role("button", name="开启提示音").click()
        await expect(page.locator("body")).to_have_attribute("data-alarms", "on")
        await expect(page.locator("body")).to_have_attribute("data-alarmed", "")
        await page.wait_for_function("() => window.rung >= 1")
        before = await page.evaluate("() => window.rung")
        await city.street("S02").blows(category="0701", urgency="critical", kind="emergency", title="燃气泄漏")
        await expect(page.locator("#alarm")).to_contain_text("燃气泄漏")
        await page.wait_for_function("(before) => window.rung > before", arg=before)
        for _ in range(2):
            await page.locator('[data-group="waiting"] [data-first]').first.click()
            await expect(page.locator("#toasts")).to_contain_text("已签收")
        await expect(page.locator("[data-alarm]")).to_have_count(0)
        await page.get_by_role("button", name="提示音已开").click()
        await expect(page.locator("body")).to_have_attribute("data-alarms", "off")


async def test_another_departments_task_does_not_exist(visitor: Visitor, city: City) -> None:
    """INVARIANT: what a page shows is what the viewer's department is called to; another's task is as if it did not
    exist."""
    visitor.may_fail = ("404",)
    whistle = await city.street("S01").blows(category="0701")
    task = await city.department("CGJ").task(whistle)
    async with visitor.signed_in("/", service="department", role="handler", scope="ZFJ") as page:
        address = visitor.doors["department"].address
        answer = await page.goto(f"{address}/tasks/{task['task_id']}")
        assert answer is not None
        assert answer.status == 404
        answer = await page.goto(f"{address}/live?topic=task&about={task['task_id']}")
        assert answer is not None
        assert answer.status == 404


async def test_a_dedicated_instance_has_the_same_desk(visitor: Visitor, city: City) -> None:
    await city.street("S01").blows(category="1902", kind="appeal", urgency="normal", title="楼上深夜喧哗")
    await city.settles()
    async with visitor.signed_in("/", service="department-ga", role="handler", scope="GA") as page:
        await page.locator('[data-group="waiting"] [data-first]').first.click()
        await expect(page.locator('[data-group="ahead"]')).to_contain_text("楼上深夜喧哗")


async def test_every_page_fits_a_phone_in_both_languages(visitor: Visitor, city: City) -> None:
    whistle = await city.street("S01").blows(category="0701", title="多个小区要求统一更换老旧井盖并请区里协调资金")
    await city.department("CGJ").acknowledges(whistle)
    await city.street("S02").blows(category="0701")
    await city.passes(minutes=16)
    task = await city.department("CGJ").task(whistle)
    pages = ["/", "/tasks", f"/tasks/{task['task_id']}", "/letters", "/meetings", "/handover", "/overview", "/print"]
    async with visitor.signed_in("/", **_HEAD, **_PHONE) as page:
        for language in ("zh", "en"):
            for path in pages:
                await page.goto(f"{visitor.doors['department'].address}{path}?lang={language}")
                await expect(page.locator("h1")).to_be_visible()
                assert await too_wide(page) == [], (path, language)


async def test_the_days_list_is_made_for_paper(visitor: Visitor, city: City) -> None:
    await city.street("S01").blows(category="0701")
    await city.settles()
    async with visitor.signed_in("/print", **_AT_THE_DESK) as page:
        await page.emulate_media(media="print")
        await expect(page.locator(".bar")).to_be_hidden()
        await expect(page.get_by_role("button", name="打印")).to_be_hidden()
        await expect(page.locator("table tbody tr")).to_have_count(1)
        await page.evaluate("() => { window.printed = 0; window.print = () => { window.printed += 1; }; }")
        await page.emulate_media(media="screen")
        await page.get_by_role("button", name="打印").click()
        assert await page.evaluate("() => window.printed") == 1
