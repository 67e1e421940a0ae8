"""A resident reports (一键报事) and looks after it; grid and community decide: with and without a network."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Page, Request, Route, expect
from sqlalchemy import text

from browser.conftest import Visitor
from browser.test_dashboard import too_wide
from support import paperwork
from support.city import City
from support.gallery import resident_adds
from support.reporters import NAME, PHONE, WORDS, Neighbourhood
from support.waiting import until
from whistle_shared.registry import label_of

_PHONE = {"width": 360, "height": 740}
_NO_WORKER = "Service Worker registration blocked"
_OFFLINE = ("ERR_INTERNET_DISCONNECTED", "ERR_FAILED")
_GRID = {"service": "intake", "role": "grid_officer", "scope": "S01", "part": "S01-G001"}
_COMMUNITY = {"service": "intake", "role": "community", "scope": "S01"}


@pytest.fixture
def street(city: City) -> Neighbourhood:
    return Neighbourhood(city)


@pytest.fixture
def picture(tmp_path: Path) -> str:
    """A photo as a phone takes it: larger than any is sent."""
    file = tmp_path / "cover.jpg"
    Image.effect_noise((2400, 1800), 60).convert("RGB").save(file)
    return str(file)


def somebody_at(visitor: Visitor, path: str = "/report", **context: Any) -> AbstractAsyncContextManager[Page]:
    """Whoever has a phone and no account."""
    return visitor.at(path, service="intake", **_PHONE | context)


async def writes(page: Page, words: str = WORDS) -> None:
    """The least that makes a report."""
    await page.select_option("#street", "S01")
    await expect(page.locator("#grid")).to_be_visible()
    await page.select_option("#grid", "S01-G001")
    await page.fill("#text", words)


async def sends(page: Page) -> str:
    """Press the button; the tracking code."""
    await page.click(".btn-report")
    await expect(page.locator("#outbox .tracking").first).not_to_be_empty()
    return await page.locator("#outbox .tracking").first.inner_text()


async def rows(city: City, query: str, **parameters: Any) -> list[Any]:
    async with city.services["intake"].engine.connect() as connection:
        return list((await connection.execute(text(query), parameters)).all())


async def reported(city: City) -> list[Any]:
    """Everything that was taken in."""
    return await rows(city, "select * from report order by report_id")


_STOCKED = """async () => {
  if (!navigator.serviceWorker.controller) return false;
  const kept = (await (await caches.open('whistle-report')).keys()).map(({ url }) => new URL(url).pathname);
  const pages = ['/report', '/report/progress', '/map.json'];
  return pages.every((path) => kept.includes(path)) && kept.some((path) => path.startsWith('/static/'));
}"""
_DRAFTED = """() => new Promise((done) => {
  indexedDB.open("whistle-reports").onsuccess = ({ target: { result: base } }) => {
    base.transaction("draft").objectStore("draft").getAll().onsuccess = ({ target }) => {
      base.close();
      done(target.result.some(({ body, photos }) => body.text && body.grid && photos.length === 1));
    };
  };
})"""


async def holds(page: Page, condition: str) -> None:
    """Wait until the device has kept something."""

    async def kept() -> bool:
        return bool(await page.evaluate(condition))

    await until(kept, "the device to keep it")


def counted(page: Page, path: str) -> list[Request]:
    """The POST requests to a path, as they come."""
    seen: list[Request] = []
    page.on("request", lambda asked: seen.append(asked) if asked.method == "POST" and path in asked.url else None)
    return seen


async def test_from_a_photo_to_the_rating(visitor: Visitor, city: City, picture: str) -> None:
    async with visitor.signed_in("/desk", **_GRID) as desk, somebody_at(visitor) as phone:
        await expect(desk.locator("main")).to_contain_text("没有等着的报事")
        await phone.set_input_files("input[capture]", picture)
        await expect(phone.locator("#photos canvas")).to_have_count(1)
        await phone.select_option("#street", "S01")
        await phone.locator("[data-grid='S01-G001']").click()
        await expect(phone.locator("#grid")).to_have_value("S01-G001")
        await phone.fill("#text", WORDS)
        await phone.locator("#kinds").get_by_text("井盖缺失破损").click()
        await phone.get_by_text("物业", exact=True).click()
        await phone.locator("#contact summary").click()
        await phone.fill("#name", NAME)
        await phone.fill("#phone", PHONE)
        code = await sends(phone)
        [report] = await reported(city)
        assert (report.grid, report.category, report.target) == ("S01-G001", "0701", "property")

        row = desk.locator("[data-row]")
        await expect(row).to_contain_text("请转告物业")
        await row.get_by_role("button", name="就地办").click()
        await expect(row).to_contain_text("办理中")
        await phone.get_by_role("link", name="看进度", exact=True).click()
        await expect(phone.locator(".way-now")).to_have_text("正在办理")
        await expect(phone.locator("#way img")).to_have_count(1)
        assert code in phone.url
        await row.get_by_role("button", name="办完了").click()
        await desk.fill("#handled textarea", "已补装井盖。")
        await desk.locator("#handled .btn-primary").click()
        await expect(row).to_have_count(0)
        await expect(desk.locator(".small-share")).to_contain_text("100.0%")

        await phone.reload()
        await expect(phone.locator("#way")).to_contain_text("已补装井盖。")
        await phone.locator("#rate .btn-report").click()
        await expect(phone.locator("#unsaid")).to_be_visible()
        for question in ("contacted", "solved"):
            await phone.locator(f"[name={question}][value=true] + span").click()
        await phone.locator("[value=basically_satisfied] + span").click()
        await phone.locator("#rate .btn-report").click()
        await expect(phone.locator("#way")).to_contain_text("您的评价，谢谢！")
        await expect(phone.locator("#rate")).to_have_count(0)
        [report] = await reported(city)
        assert (report.contacted, report.solved, report.satisfaction) == (True, True, "basically_satisfied")


async def test_without_a_network_a_report_waits_and_goes_off_once(visitor: Visitor, city: City, picture: str) -> None:
    """INVARIANT: a report is kept before it is sent, and sent again with its key it counts once."""
    visitor.may_fail = _OFFLINE
    async with somebody_at(visitor) as phone:
        await holds(phone, _STOCKED)
        await phone.set_input_files("input[capture]", picture)
        await writes(phone)
        await phone.context.set_offline(True)
        await expect(phone.locator("#offline")).to_be_visible()
        await phone.click(".btn-report")
        await expect(phone.locator("#outbox")).to_contain_text("未送出")
        await phone.reload()
        await expect(phone.locator("#outbox li")).to_have_count(1)
        await expect(phone.locator("#outbox")).to_contain_text(WORDS)
        assert await reported(city) == []
        await phone.context.set_offline(False)
        await expect(phone.locator("#outbox")).to_contain_text("已送达")
        assert len(await reported(city)) == 1
        await phone.reload()
        await expect(phone.locator("#outbox .tracking")).not_to_be_empty()
        assert len(await reported(city)) == 1


async def test_a_lost_answer_makes_no_second_report(visitor: Visitor, city: City, picture: str) -> None:
    """Nor a second photo. Without a service worker, as over plain HTTP."""
    visitor.may_fail = (*_OFFLINE, _NO_WORKER)
    lost = asyncio.Event()

    async def loses(route: Route) -> None:
        if lost.is_set():
            await route.continue_()
            return
        answer = await route.fetch()
        assert answer.status == 201
        lost.set()
        await route.abort()

    async with somebody_at(visitor, service_workers="block") as phone:
        await phone.route("**/api/v1/reports", loses)
        photos, reports = counted(phone, "/api/v1/photos"), counted(phone, "/api/v1/reports")
        await phone.set_input_files("input[capture]", picture)
        await writes(phone)
        await phone.click(".btn-report")
        await lost.wait()
        assert len(await reported(city)) == 1
        await phone.evaluate("() => { window.dispatchEvent(new Event('online')); }")
        await expect(phone.locator("#outbox .tracking")).not_to_be_empty()
        assert len(await reported(city)) == 1
        asked = [request for request in reports if request.url.endswith("/reports")]
        assert len({await request.header_value("idempotency-key") for request in asked}) == 1
        assert (len(asked), len(photos)) == (2, 1)


async def test_pressed_twice_it_is_one_report_with_the_photo_that_was_on_its_way(
    visitor: Visitor, city: City, picture: str
) -> None:
    slow = """() => {
      const made = window.createImageBitmap;
      const developed = () => new Promise((done) => { window.develop = done; });
      window.createImageBitmap = async (...all) => { await developed(); return made(...all); };
    }"""
    async with somebody_at(visitor) as phone:
        await phone.evaluate(slow)
        await writes(phone)
        reports = counted(phone, "/api/v1/reports")
        await phone.set_input_files("input[capture]", picture)
        await phone.wait_for_function("() => window.develop")
        await phone.evaluate("() => { for (const _ of [1, 2]) document.getElementById('report').requestSubmit(); }")
        await expect(phone.locator(".btn-report")).to_be_disabled()
        await phone.evaluate("() => window.develop()")
        await expect(phone.locator("#outbox .tracking").first).not_to_be_empty()
        await expect(phone.locator("#outbox li")).to_have_count(1)
        assert len(await reported(city)) == 1
        bodies: list[Any] = [asked.post_data_json for asked in reports if asked.url.endswith("/reports")]
        assert [len(body["photos"]) for body in bodies] == [1]


async def test_what_was_typed_is_there_again(visitor: Visitor, picture: str) -> None:
    async with somebody_at(visitor) as phone:
        await phone.set_input_files("input[capture]", picture)
        await writes(phone)
        await holds(phone, _DRAFTED)
        await phone.reload()
        await expect(phone.locator("#text")).to_have_value(WORDS)
        await expect(phone.locator("#photos canvas")).to_have_count(1)
        await expect(phone.locator("#grid")).to_have_value("S01-G001")


async def test_the_device_finds_the_grid(visitor: Visitor) -> None:
    ground = next(grid.ground for grid in paperwork.pack().registry.grids if grid.code == "S02-G003")
    assert ground is not None
    longitude, latitude = label_of(ground)
    where = {"latitude": latitude, "longitude": longitude, "accuracy": 18}
    async with somebody_at(visitor, geolocation=where, permissions=["geolocation"]) as phone:
        await phone.click("#locate")
        await expect(phone.locator("#place")).to_contain_text("误差约 18 米")
        await expect(phone.locator("#street")).to_have_value("S02")
        await expect(phone.locator("#grid")).to_have_value("S02-G003")
        await phone.context.set_geolocation({"latitude": 0, "longitude": 0})
        await phone.click("#locate")
        await expect(phone.locator("#place")).to_contain_text("不在本区")


async def test_faults_are_told_and_nothing_is_lost(visitor: Visitor, city: City) -> None:
    visitor.may_fail = ("422", _NO_WORKER)
    told = '{"title": "Invalid input", "status": 422, "errors": [{"field": "text", "reason": "太长"}]}'

    async def refuses(route: Route) -> None:
        await route.fulfill(status=422, body=told, content_type="application/problem+json")

    async with somebody_at(visitor, service_workers="block") as phone:
        await phone.click(".btn-report")
        await expect(phone.locator("#wrong")).to_be_focused()
        await expect(phone.locator("#wrong li")).to_have_count(2)
        await expect(phone.locator("#text")).to_have_attribute("aria-invalid", "true")
        await writes(phone)
        await phone.locator("#contact summary").click()
        await phone.fill("#phone", "12345")
        await phone.click(".btn-report")
        await expect(phone.locator("#wrong li")).to_have_count(1)
        await phone.fill("#phone", "１３９ 8765 4321")
        await phone.route("**/api/v1/reports", refuses)
        await phone.click(".btn-report")
        await expect(phone.locator("#outbox")).to_contain_text("太长")
        await phone.unroute("**/api/v1/reports")
        await phone.get_by_role("button", name="修改后再报").click()
        await expect(phone.locator("#text")).to_have_value(WORDS)
        await sends(phone)
        assert len(await reported(city)) == 1


async def test_a_wrong_code_opens_nothing_and_a_code_is_in_no_address_that_is_sent(
    visitor: Visitor, street: Neighbourhood
) -> None:
    """INVARIANT: a tracking code stands in no address that a server sees."""
    visitor.may_fail = ("404",)
    report = await street.reports()
    async with somebody_at(visitor, "/report/progress") as phone:
        asked: list[str] = []
        phone.on("request", lambda request: asked.append(request.url))
        await phone.fill("#code", "7K4M-2PQX-0000")
        await phone.click("#ask button")
        await expect(phone.locator("#fault")).to_contain_text("没有这个编码")
        await phone.fill("#code", report.code.lower())
        await phone.click("#ask button")
        await expect(phone.locator(".way-now")).to_have_text("已收到")
        await expect(phone.locator("#fault")).to_be_hidden()
        assert asked
        assert not [url for url in asked if report.code.lower() in url.lower().partition("#")[0]]
        await expect(phone.locator("meta[name=robots]")).to_have_attribute("content", "noindex, nofollow")


async def test_grid_and_community_decide(visitor: Visitor, street: Neighbourhood, city: City) -> None:
    photo = (await resident_adds(city))["photo_id"]
    report = await street.reports(text="楼道堆物，联系不上住户。", photos=[photo])
    await street.reports(text="广场舞太吵。", contact=None)
    async with visitor.signed_in("/desk", **_GRID) as desk:
        first = desk.locator("[data-row]").first
        await expect(desk.locator("[data-row]")).to_have_count(2)
        await expect(first).to_contain_text("楼道堆物")
        await first.get_by_role("button", name="上报").click()
        await desk.fill("#handed_up textarea", "需社区协调住户。")
        await desk.locator("#handed_up .btn-primary").click()
        await expect(desk.locator("[data-row]")).to_have_count(1)
    async with visitor.signed_in("/desk", **_COMMUNITY, width=360, height=740) as desk:
        await expect(desk.locator("[data-row]")).to_have_count(1)
        await desk.locator("[data-row] h2 a").click()
        await expect(desk.locator("main")).to_contain_text("需社区协调住户。")
        await expect(desk.locator("main")).not_to_contain_text(PHONE)
        await expect(desk.locator("#report-photos img")).to_have_count(1)
        await desk.get_by_role("button", name="查看原文").click()
        await desk.fill("#unmask-reason", "电话核实")
        await desk.locator("#unmask .btn-primary").click()
        await expect(desk.locator("#unmasked")).to_contain_text(PHONE)
        about = "select outcome from audit where action = 'intake.unmask_contact' and subject = :subject"
        assert [deed.outcome for deed in await rows(city, about, subject=report.report_id)] == ["done"]
        await desk.keyboard.press("Escape")
        await desk.get_by_role("button", name="拟成哨单").click()
        await desk.fill("#draft-reason", "堆物涉及消防通道，街道无权强制。")
        await desk.locator("#drafted .btn-primary").click()
        await desk.wait_for_url(lambda url: "/blow?draft=" in url)
        assert {row.stage for row in await reported(city)} == {"drafted", "submitted"}
        await desk.get_by_role("button", name="带上居民拍的照片").click()
        await expect(desk.locator("[name='photos[]']:not([type=file])")).to_have_count(1)
        await desk.get_by_role("button", name="先存着").or_(desk.get_by_role("button", name="保存")).click()
        await desk.wait_for_url("**/whistles/*")
        await expect(desk.locator(".photo img")).to_have_count(1)
        await desk.goto(visitor.doors["intake"].address + "/desk?pile=below")
        await desk.get_by_role("button", name="不受理").click()
        await desk.fill("#declined-answer", "请拨打 110。")
        await desk.locator("#declined .btn-danger").click()
        await expect(desk.locator("main")).to_contain_text("下级手上没有没办完的报事")
        assert {row.stage for row in await reported(city)} == {"drafted", "declined"}


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_a_small_phone_with_large_type_needs_no_sideways_scrolling(
    visitor: Visitor, street: Neighbourhood, language: str
) -> None:
    report = await street.reports()
    small: dict[str, Any] = {"width": 320, "height": 640}
    look = f"lang={language}&type=large"
    async with somebody_at(visitor, f"/report?{look}", **small) as phone:
        await writes(phone)
        await sends(phone)
        assert await too_wide(phone) == []
        await expect(phone).to_have_title({"zh": "一键报事 · 吹哨报到", "en": "Report a matter · Whistle"}[language])
    async with somebody_at(visitor, f"/report/progress?{look}#{report.code}", **small) as phone:
        await expect(phone.locator(".way-now")).to_have_text({"zh": "已收到", "en": "Received"}[language])
        assert await too_wide(phone) == []
    for path in ("/desk", f"/desk/{report.report_id}"):
        async with visitor.signed_in(f"{path}?{look}", **_GRID | small) as desk:
            await expect(desk.locator("main")).to_contain_text(WORDS[:8])
            assert await too_wide(desk) == []


async def test_the_page_can_be_installed(visitor: Visitor) -> None:
    async with somebody_at(visitor) as phone:
        said = await phone.evaluate("async () => (await fetch(document.querySelector('[rel=manifest]').href)).json()")
        assert (said["start_url"], said["scope"], said["display"]) == ("/report", "/report", "standalone")
        for icon in said["icons"]:
            answer = await phone.request.get(visitor.doors["intake"].address + icon["src"])
            assert answer.headers["content-type"] == icon["type"]
        scope: Callable[[], str] = await phone.evaluate("async () => (await navigator.serviceWorker.ready).scope")
        assert str(scope).endswith("/report")
