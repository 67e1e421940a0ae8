"""What is typed, sent, lost on the way and sent again: forms and live panels that must not get in each other's way."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import Page, Request, Route, expect

from browser.conftest import Visitor
from browser.test_department import hears, photo
from browser.test_street import confirms, says
from support.answers import expect as answered
from support.city import City

DESK: dict[str, Any] = {"service": "department", "role": "handler", "scope": "CGJ"}
STREET: dict[str, Any] = {"service": "intake", "role": "street_initiator", "scope": "S01"}
_LEADER: dict[str, Any] = {"service": "intake", "role": "street_approver", "scope": "S13"}
_LOST = "ERR_FAILED"
_CUT = ("ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION", "401")
_RECONNECT = "() => { const pause = document.getElementById('pause'); pause.click(); pause.click(); }"
_COUNT = "() => { window.fresh = 0; document.addEventListener('whistle:fresh', () => { window.fresh += 1; }); }"


def sent_to(page: Page, path: str, method: str = "POST") -> list[Request]:
    """The requests to addresses that end so, as they come."""
    seen: list[Request] = []

    def look(asked: Request) -> None:
        if asked.method == method and asked.url.endswith(path):
            seen.append(asked)

    page.on("request", look)
    return seen


def body_of(sent: Request) -> Any:
    """What a request said."""
    return sent.post_data_json


def once_lost() -> Callable[[Route], Awaitable[None]]:
    """The server takes it in, and its first answer never arrives."""
    lost: list[str] = []

    async def loses(route: Route) -> None:
        if lost:
            await route.continue_()
            return
        lost.append(route.request.url)
        await route.fetch()
        await route.abort()

    return loses


async def task_page(city: City, **about: Any) -> str:
    """The address of a task of CGJ that has just been called."""
    whistle = await city.street("S01").blows(category="0701", **about)
    task = await city.department("CGJ").task(whistle)
    return f"/tasks/{task['task_id']}"


async def acknowledges(page: Page) -> None:
    """The next act of a task that has been called; the one after it is arriving."""
    await page.locator(".next-act button").click()
    await expect(page.locator(".next-act button")).to_have_text("到场报到")


async def test_a_form_waits_for_its_photo_and_is_empty_afterwards(visitor: Visitor, city: City, tmp_path: Path) -> None:
    arrived = asyncio.Event()

    async def slowly(route: Route) -> None:
        await arrived.wait()
        await route.continue_()

    address = await task_page(city, urgency="critical", kind="emergency")
    async with visitor.signed_in(address, **DESK) as page:
        await acknowledges(page)
        await page.locator(".next-act button").click()
        await page.route("**/api/v1/photos*", slowly)
        arrivals = sent_to(page, "/arrival")
        await page.set_input_files("input[data-photos=photo]", photo(tmp_path))
        await page.get_by_role("button", name="确认报到").click()
        await expect(page.get_by_role("button", name="确认报到")).to_be_disabled()
        assert arrivals == []
        arrived.set()
        await expect(page.locator("#toasts")).to_contain_text("已报到")
        [sent] = arrivals
        assert body_of(sent)["photo"]
        await expect(page.locator("#step-arrival .photo-list li")).to_have_count(0)


async def test_a_form_is_not_sent_when_its_photo_did_not_arrive(visitor: Visitor, city: City, tmp_path: Path) -> None:
    visitor.may_fail = (_LOST,)
    refused = asyncio.Event()

    async def fails(route: Route) -> None:
        await refused.wait()
        await route.abort()

    async with visitor.signed_in(await task_page(city), **DESK) as page:
        await acknowledges(page)
        await page.locator(".next-act button").click()
        await page.route("**/api/v1/photos*", fails)
        arrivals = sent_to(page, "/arrival")
        await page.set_input_files("input[data-photos=photo]", photo(tmp_path))
        await page.get_by_role("button", name="确认报到").click()
        await expect(page.get_by_role("button", name="确认报到")).to_be_disabled()
        refused.set()
        await expect(page.locator("#toasts")).to_contain_text("照片没有送出")
        await expect(page.get_by_role("button", name="确认报到")).to_be_enabled()
        assert arrivals == []


async def test_a_lost_answer_does_not_stand_in_the_next_ones_way(visitor: Visitor, city: City) -> None:
    """One form acknowledges every task of the list: each is a request of its own, with a key of its own."""
    visitor.may_fail = (_LOST,)
    for street in ("S01", "S02"):
        await city.street(street).blows(category="0701")
    await city.settles()
    async with visitor.signed_in("/", **DESK) as page:
        waiting = page.locator("[data-panel=inbox_waiting] [data-row]")
        await expect(waiting).to_have_count(2)
        await page.route("**/acknowledgement", once_lost())
        await waiting.first.locator("[data-first]").click()
        await expect(page.locator("#toasts")).to_contain_text("没有连上服务器")
        await expect(waiting).to_have_count(1)
        await waiting.locator("[data-first]").click()
        await expect(page.locator("#toasts")).to_contain_text("已签收")
        await expect(waiting).to_have_count(0)


async def test_sent_again_after_a_lost_answer_it_counts_once(visitor: Visitor, city: City) -> None:
    """INVARIANT: sent again after a lost answer, it counts once."""
    visitor.may_fail = (_LOST,)
    async with visitor.signed_in(await task_page(city), **DESK) as page:
        await acknowledges(page)
        await page.route("**/arrival", once_lost())
        arrivals = sent_to(page, "/arrival")
        await page.locator(".next-act button").click()
        await page.fill("#arrival-place", "东门路 12 号")
        await page.get_by_role("button", name="确认报到").click()
        await expect(page.locator("#toasts")).to_contain_text("没有连上服务器")
        await page.get_by_role("button", name="确认报到").click()
        await expect(page.locator("#toasts")).to_contain_text("已报到")
        assert len({await sent.header_value("idempotency-key") for sent in arrivals}) == 1
        assert len(arrivals) == 2


async def test_a_plan_is_gathered_from_its_rows(visitor: Visitor, city: City) -> None:
    """What is wrong with a step is said beside it; afterwards the list is as short as it was."""
    visitor.may_fail = ("422",)
    address = await task_page(city, kind="key_work", urgency="urgent")
    async with visitor.signed_in(address, **DESK) as page:
        await page.locator(".next-act button").click()
        await page.get_by_role("button", name="填报处置方案").click()
        steps = page.locator("#step-plan [data-item]")
        await page.get_by_role("button", name="报备").click()
        await expect(page.locator("#step-plan .errors")).to_be_focused()
        await expect(steps.first.locator("[data-of=name]")).to_have_attribute("aria-invalid", "true")
        await page.get_by_role("button", name="加一步").click()
        await expect(steps).to_have_count(2)
        await expect(steps.last.locator("[aria-invalid]")).to_have_count(0)
        await steps.last.locator("[data-of=name]").fill("施划停车位")
        await page.get_by_role("button", name="报备").click()
        await expect(steps.last.locator("[data-of=due_at]")).to_have_attribute("aria-invalid", "true")
        await steps.last.locator("[data-of=due_at]").fill("2026-06-10T18:00")
        plans = sent_to(page, "/milestones")
        await page.get_by_role("button", name="报备").click()
        await expect(page.locator("#toasts")).to_contain_text("方案已报备")
        assert body_of(plans[0])["plan"] == [{"name": "施划停车位", "due_at": "2026-06-10T18:00:00+08:00"}]
        await expect(steps).to_have_count(1)


async def test_the_minutes_of_one_meeting_do_not_go_along_with_the_next(visitor: Visitor, city: City) -> None:
    street = city.street("S01")
    whistle = await street.blows("0107", kind="key_work", urgency="urgent", departments=["CGJ"])
    await city.department("CGJ").acknowledges(whistle)
    for agenda in ("第一次", "第二次"):
        starts_at = (city.time.now() + timedelta(hours=1)).isoformat()
        said = {"starts_at": starts_at, "place": "三楼", "agenda": agenda, "departments": ["CGJ"]}
        answered(await street.tries_to_step(whistle, "meetings", said), 201)
    await city.passes(hours=2)
    async with visitor.signed_in(f"/whistles/{whistle.whistle_id}", **STREET) as page:
        minutes = sent_to(page, "/minutes")
        for agenda in ("第一次", "第二次"):
            await page.locator("#desk .duty", has_text=agenda).get_by_role("button", name="提交纪要").click()
            await page.fill("#minutes-text", agenda)
            if agenda == "第一次":
                row = page.locator("#minutes [data-item]").last
                await row.locator("[data-of=department]").select_option("CGJ")
                await row.locator("[data-of=title]").fill("施划停车位")
            await confirms(page, "#minutes")
            await expect(page.locator("#desk .duty", has_text=agenda).locator("summary")).to_contain_text("纪要")
        first, second = [body_of(sent) for sent in minutes]
        assert first["items"] == [{"department": "CGJ", "title": "施划停车位", "limit": "5d@work"}]
        assert "items" not in second


async def test_the_focus_never_moves_to_another_whistle(visitor: Visitor, city: City) -> None:
    """INVARIANT: a row that goes takes its focus away with it: whoever presses Enter signs what they looked at."""
    street = city.street("S13")
    first, second = [await street.blows("0103", title=title, distinct_reason="两件事") for title in ("一", "二")]
    async with visitor.signed_in("/approvals", **_LEADER) as page:
        papers = page.locator(".paper")
        await expect(papers).to_have_count(2)
        await page.locator(f"#paper-{first.whistle_id} [data-first]").focus()
        await street.signs(first)
        await expect(papers).to_have_count(1)
        assert await page.evaluate("() => document.activeElement === document.body")
        await page.keyboard.press("Enter")
        await expect(page.locator("#approve")).to_be_hidden()
        await page.locator(f"#paper-{second.whistle_id} [data-first]").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#approve [data-slot=title]")).to_have_text("二")


async def test_an_older_page_does_not_stand_over_a_newer_push(visitor: Visitor, city: City) -> None:
    """INVARIANT: what a page shows is what its stream goes on from: an act's own answer may be the older one."""
    held = asyncio.Event()
    whistle = await city.street("S01").blows(category="0701")
    office = city.department("CGJ")
    await office.acknowledges(whistle)
    await office.arrives(whistle)
    address = f"/tasks/{(await office.task(whistle))['task_id']}"

    async def slowly(route: Route) -> None:
        answer = await route.fetch()
        await held.wait()
        await route.fulfill(response=answer)

    async with visitor.signed_in(address, **DESK) as page:
        await page.evaluate(_COUNT)
        await page.route(re.compile(f"{address}$"), slowly)
        await page.get_by_role("button", name="记录进展").click()
        await page.fill("#progress-note", "先到的话")
        await page.get_by_role("button", name="记下进展").click()
        await expect(page.locator(".timeline")).to_contain_text("先到的话")
        await office.logs(whistle, "后到的话")
        await expect(page.locator(".timeline")).to_contain_text("后到的话")
        before = await page.evaluate("() => window.fresh")
        async with page.expect_response(re.compile(f"{address}$")):
            held.set()
        await page.wait_for_function("(before) => window.fresh > before", arg=before)
        await expect(page.locator(".timeline")).to_contain_text("后到的话", timeout=8_000)


async def test_a_new_build_waits_for_whoever_is_writing(visitor: Visitor, city: City) -> None:
    whistle = await city.street("S01").blows(category="0701")
    await city.settles()
    async with visitor.signed_in(f"/whistles/{whistle.whistle_id}", **STREET) as page:
        await page.evaluate("() => { document.body.dataset.build = 'older'; window.untouched = true; }")
        await page.get_by_role("button", name="撤哨").click()
        await page.fill("#withdraw-reason", "还在写")
        await page.keyboard.press("Escape")
        await page.evaluate(_RECONNECT)
        await expect(page.locator("#toasts")).to_contain_text("页面有了新版本")
        await expect(page.get_by_role("link", name="换成新版本")).to_have_attribute(
            "href", f"/whistles/{whistle.whistle_id}"
        )
        assert await page.evaluate("() => window.untouched")
        await page.evaluate("() => document.querySelector('#withdraw form').reset()")
        async with page.expect_navigation():
            await page.evaluate(_RECONNECT)
        await expect(page.locator("#light")).to_have_attribute("data-state", "live")
        # At most once a minute: two processes of two builds would send the page to and fro.
        await page.evaluate("() => { document.body.dataset.build = 'older'; window.untouched = true; }")
        await page.evaluate(_RECONNECT)
        await expect(page.locator("#light")).to_have_attribute("data-state", "live")
        assert await page.evaluate("() => window.untouched")


async def test_what_is_missing_is_said_by_us_also_in_a_form_that_was_shown_anew(visitor: Visitor, city: City) -> None:
    visitor.may_fail = ("422",)
    await city.street("S01").blows(category="0701")
    await city.settles()
    async with visitor.signed_in("/handover", **DESK) as page:
        await page.fill("#successor", "李强")
        await page.get_by_role("button", name="交班", exact=True).click()
        await expect(page.locator("main")).to_contain_text("等待接班人用自己的账号逐件确认")
        await page.get_by_role("button", name="交班", exact=True).click()
        await expect(page.locator("main .errors")).to_be_focused()


async def test_photos_are_fetched_again_before_their_addresses_end(visitor: Visitor, city: City) -> None:
    """Also when the page around them was shown anew: what was fetched stays."""
    whistle = await city.street("S01").blows(category="0701", departments=["CGJ"])
    await city.settles()
    async with visitor.signed_in(f"/whistles/{whistle.whistle_id}", **STREET) as page:
        await page.clock.install()
        await page.reload()
        photos = page.locator("[hx-get$='/photos']:not(.htmx-request)")
        await expect(photos).to_contain_text("还没有照片")
        async with page.expect_request(lambda asked: asked.url.endswith("/photos")):
            await page.clock.fast_forward("04:00")
        await page.get_by_role("button", name="催办部门").first.click()
        await page.fill("#urge-note", "请尽快到场")
        await page.locator("#urge").get_by_role("button", name="催办部门").click()
        await expect(page.locator("#toasts")).to_contain_text("已催办")
        await expect(photos).to_contain_text("还没有照片")


async def test_what_one_person_typed_is_not_shown_to_the_next(visitor: Visitor) -> None:
    async with visitor.signed_in("/blow", **STREET) as page:
        await says(page)
        await page.context.clear_cookies()
        await page.goto(page.url)
        await visitor.signs_in(page, await visitor.somebody("street_initiator", "S01", service="intake"))
        await expect(page.locator("#matter")).to_be_visible()
        await page.wait_for_load_state()
        await expect(page.locator("#title")).to_have_value("")
        await page.fill("#title", "另一个人写的")
        await page.locator(".menu > summary").click()
        await page.get_by_role("button", name="退出").click()
        await expect(page.locator("#username")).to_be_visible()
        assert await page.evaluate("() => Object.keys(sessionStorage)") == []


async def test_a_joining_that_failed_makes_no_second_draft(visitor: Visitor, city: City) -> None:
    visitor.may_fail = (_LOST,)
    known = await city.street("S01").blows("0701", grid="S01-G001", title="东门路井盖缺失")
    await city.settles()
    failed: list[str] = []

    async def fails(route: Route) -> None:
        failed.append(route.request.url)
        await (route.abort() if len(failed) == 1 else route.continue_())

    async with visitor.signed_in("/blow", **STREET) as page:
        await page.route("**/joining", fails)
        drafts = sent_to(page, "/api/v1/drafts")
        mended: list[Any] = []
        page.on("request", lambda asked: mended.append(asked.post_data_json) if asked.method == "PUT" else None)
        await says(page, "东门路井盖缺失")
        await page.select_option("#grid", "S01-G001")
        await page.get_by_role("button", name="并入").click()
        await expect(page.locator("#toasts")).to_contain_text("没有连上服务器")
        await page.fill("#place", "东门路 14 号")
        await page.get_by_role("button", name="并入").click()
        await page.wait_for_url(f"**/whistles/{known.whistle_id}")
        assert len(drafts) == 1
        assert [body["place"] for body in mended] == ["东门路 14 号"]


async def test_an_inbox_that_was_signed_out_says_so_aloud(visitor: Visitor, city: City) -> None:
    visitor.may_fail = _CUT
    async with visitor.signed_in("/", **DESK) as page:
        await page.get_by_role("button", name="开启提示音").click()
        await expect(page.locator("body")).to_have_attribute("data-alarms", "on")
        await page.wait_for_load_state()
        await hears(page)
        await expect(page.locator(".signed-out")).to_be_hidden()
        async with page.context.expect_page() as opened:
            await page.evaluate("() => { window.open('/account', '_blank'); }")
        other = await opened.value
        await other.locator(".menu > summary").click()
        await other.get_by_role("button", name="退出", exact=True).click()
        await expect(other.locator("#username")).to_be_visible()
        async with visitor.doors["department"].shut():
            pass
        await expect(page.locator(".signed-out")).to_be_visible()
        await page.wait_for_function("() => window.rung >= 1")


async def test_a_whistle_is_printed_once(visitor: Visitor, city: City) -> None:
    whistle = await city.street("S01").blows(category="0701")
    async with visitor.signed_in(f"/whistles/{whistle.whistle_id}", **STREET) as page:
        await page.evaluate("() => { window.printed = 0; window.print = () => { window.printed += 1; }; }")
        await page.get_by_role("button", name="打印").click()
        assert await page.evaluate("() => window.printed") == 1
