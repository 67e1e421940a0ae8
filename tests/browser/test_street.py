"""The street at work: a whistle blown from a phone, signed, followed, verified, scored, called back, closed."""

from datetime import timedelta
from typing import Any

from playwright.async_api import Page, expect

from browser.conftest import Visitor
from browser.test_dashboard import too_wide
from support.answers import Blown
from support.city import City
from whistle_shared.registry import label_of

_PHONE: dict[str, Any] = {"width": 360, "height": 740}
_STREET: dict[str, Any] = {"service": "intake", "role": "street_initiator", "scope": "S01"}
_UNTIDY = ("422", "409")


async def says(page: Page, title: str = "东门路人行道井盖缺失，有人绊倒", place: str = "东门路 12 号") -> None:
    """The least that makes a whistle; what goes with the words follows by itself."""
    await page.fill("#title", title)
    await expect(page.locator("#suggestions button").first).to_be_visible()
    await expect(page.locator("#category")).to_have_value("0701")
    await page.fill("#place", place)
    await page.locator("[data-write]").nth(1).click()


async def confirms(page: Page, dialog: str) -> None:
    """Press the last button of an open dialog."""
    await page.locator(f"{dialog} .modal-buttons .btn").last.click()
    await expect(page.locator(dialog)).to_be_hidden()


async def test_a_whistle_from_a_phone_is_followed_live(visitor: Visitor, city: City) -> None:
    """Words, place by the device, what would follow, and then the departments as they come."""
    ground = city.pack.registry.grid_by_code["S01-G001"].ground
    assert ground is not None
    longitude, latitude = label_of(ground)
    here: dict[str, Any] = {
        "geolocation": {"latitude": latitude, "longitude": longitude},
        "permissions": ["geolocation"],
    }
    async with visitor.signed_in("/blow", **_STREET, **_PHONE, **here) as page:
        await says(page)
        await expect(page.locator("#kind")).to_have_value("emergency")
        await expect(page.locator("#foresight")).to_contain_text("城市管理局（城管委）")
        await expect(page.locator("#foresight")).to_contain_text("应哨 15 分钟")
        await expect(page.locator("#foresight")).to_contain_text("事后补签")
        await page.click("#locate")
        await expect(page.locator("#grid")).to_have_value("S01-G001")
        await page.locator(".ground [data-grid='S01-G002']").click()
        await expect(page.locator("#grid")).to_have_value("S01-G002")
        assert not await too_wide(page)
        await page.locator(".blow-send .btn-primary").click()
        await expect(page.locator("h1")).to_have_text("东门路人行道井盖缺失，有人绊倒")
        await expect(page.locator("#toasts")).to_contain_text("已吹哨")
        await expect(page.locator(".lane").nth(1)).to_contain_text("尚未应哨")
        await page.evaluate("() => { window.untouched = true; }")
        (whistle,) = await city.street("S01").lists()
        await city.department("CGJ").acknowledges(Blown(whistle["whistle_id"], whistle["number"], "0701", whistle))
        await expect(page.locator(".lane").nth(1)).not_to_contain_text("尚未应哨")
        await expect(page.locator(".told")).to_contain_text("城市管理局（城管委）应哨（王敏）")
        assert await page.evaluate("() => window.untouched")
        assert not await too_wide(page)
        await page.get_by_role("link", name="首日").click()
        await expect(page.locator(".spans [aria-current]")).to_have_text("首日")
        assert whistle["whistle_id"] in page.url


async def test_the_board_moves_by_itself(visitor: Visitor, city: City) -> None:
    async with visitor.signed_in("/whistles", **_STREET) as page:
        await expect(page.locator("#column-blown")).to_contain_text("没有等着部门应哨的哨单")
        whistle = await city.street("S01").blows("0701", departments=["CGJ"])
        card = page.locator("#column-blown .case")
        await expect(card).to_contain_text(whistle.number)
        await expect(card.locator(".chip [data-due]")).to_contain_text("还剩")
        await city.department("CGJ").acknowledges(whistle)
        await expect(page.locator("#column-coming .case")).to_contain_text("已应哨")
        await city.passes(hours=2)
        await expect(page.locator("#column-coming .rung-sign")).to_contain_text("L")
        await expect(page.locator("#column-coming .chip[data-state=late]")).to_contain_text("超时")


async def test_verified_scored_called_back_and_closed_in_english(visitor: Visitor, city: City) -> None:
    whistle = await city.street("S01").blows("0701", departments=["CGJ"], title="Manhole cover missing")
    office = city.department("CGJ")
    for step in (office.acknowledges, office.arrives, office.submits):
        await step(whistle)
    await city.expects_state(whistle, "pending_verify")
    async with visitor.signed_in(f"/whistles/{whistle.whistle_id}?lang=en", **_STREET) as page:
        visitor.may_fail = _UNTIDY
        await page.get_by_role("button", name="Rework").click()
        await page.locator("#rework .modal-buttons .btn-danger").click()
        await expect(page.locator("#rework .errors")).to_be_visible()
        await page.fill("#rework-note", "the cover is loose")
        await confirms(page, "#rework")
        await expect(page.get_by_role("button", name="Pass")).to_be_hidden()
        await expect(page.locator(".duty .case-signs")).to_contain_text("Rework")
        await office.submits(whistle, "cover fixed")
        await page.get_by_role("button", name="Pass").click()
        await confirms(page, "#pass")
        await page.locator(".duty").get_by_role("button", name="Score").click()
        await expect(page.locator("[data-total]")).to_have_text("100")
        await page.fill("#part-result", "25")
        await expect(page.locator("[data-total]")).to_have_text("95")
        await page.fill("#score-basis", "in time and solid")
        await confirms(page, "#score")
        await expect(page.locator(".duty-score")).to_contain_text("Scored 95")
        await page.get_by_role("button", name="Call-back").click()
        await page.get_by_label("Not reached").check()
        await expect(page.get_by_text("Satisfied", exact=True)).to_be_hidden()
        await page.fill("#callback-note", "nobody answered")
        await confirms(page, "#callback")
        await page.get_by_role("button", name="Call-back").click()
        await expect(page.get_by_text("Satisfied", exact=True)).to_be_visible()
        await page.get_by_label("Reached", exact=True).check()
        await page.get_by_label("Solved", exact=True).check()
        await page.get_by_label("Satisfied", exact=True).check()
        await confirms(page, "#callback")
        await expect(page.locator("[data-panel=whistle_head] .chip").first).to_contain_text("Closed")
        await page.get_by_role("button", name="Reopen").wait_for()
        await page.goto(page.url.split("/whistles")[0] + "/whistles/over")
        await expect(page.locator("tbody")).to_contain_text("Manhole cover missing")


async def test_a_leader_signs_one_and_sends_another_back(visitor: Visitor, city: City) -> None:
    street = city.street("S13")
    for title in ("占道经营", "油烟扰民"):
        await street.blows("0103", title=title, distinct_reason="两件事")
    async with visitor.signed_in("/approvals", service="intake", role="street_approver", scope="S13") as page:
        papers = page.locator(".paper")
        await expect(papers).to_have_count(2)
        await expect(papers.first).to_contain_text("不在街道基本履职事项之内")
        await page.locator(".paper", has_text="占道经营").get_by_role("button", name="审签", exact=True).click()
        await expect(page.locator("#approve [data-slot=title]")).to_have_text("占道经营")
        await confirms(page, "#approve")
        await expect(page.locator("#toasts")).to_contain_text("已审签")
        await expect(papers).to_have_count(1)
        await papers.get_by_role("button", name="不予审签").click()
        await expect(page.locator("#reject [data-slot=title]")).to_have_text("油烟扰民")
        await page.fill("#reject-reason", "请补充照片")
        await confirms(page, "#reject")
        await expect(page.locator(".empty")).to_contain_text("没有等您审签的哨单")


async def test_the_same_matter_is_shown_and_joined(visitor: Visitor, city: City) -> None:
    known = await city.street("S01").blows("0701", grid="S01-G001", title="东门路井盖缺失")
    await city.settles()
    async with visitor.signed_in("/blow", **_STREET) as page:
        await says(page, "东门路井盖缺失")
        await page.fill("#description", "人行道上一处井盖缺失，夜间无照明，行人有坠落危险。")
        await page.select_option("#grid", "S01-G001")
        await expect(page.locator("#alike")).to_contain_text(known.number)
        await page.get_by_role("button", name="并入").click()
        await page.wait_for_url(f"**/whistles/{known.whistle_id}")
        await expect(page.locator(".told")).to_contain_text("并入此哨")


async def test_a_draft_is_kept_mended_and_blown(visitor: Visitor, city: City) -> None:
    async with visitor.signed_in("/blow", **_STREET) as page:
        await says(page)
        await page.reload()
        await expect(page.locator("#title")).to_have_value("东门路人行道井盖缺失，有人绊倒")
        await expect(page.locator("#suggestions button").first).to_be_visible()
        await page.get_by_role("button", name="先存着").click()
        await page.get_by_role("link", name="修改拟哨").click()
        await page.wait_for_load_state()
        await page.fill("#place", "东门路 30 号")
        await page.get_by_role("button", name="保存").click()
        await expect(page.locator(".facts")).to_contain_text("东门路 30 号")
        await page.locator(".acts-of").get_by_role("button", name="吹哨").click()
        await confirms(page, "#hand-up")
        await expect(page.locator("[data-panel=whistle_head]")).to_contain_text("已吹哨")
        await page.get_by_role("button", name="撤哨").click()
        await page.fill("#withdraw-reason", "居民已自行解决")
        await confirms(page, "#withdraw")
        await expect(page.locator("[data-panel=whistle_head] .chip").first).to_contain_text("撤哨")


async def test_a_meeting_and_a_request_for_more_time(visitor: Visitor, city: City) -> None:
    whistle = await city.street("S01").blows("0107", kind="key_work", urgency="urgent", departments=["CGJ"])
    office = city.department("CGJ")
    await office.acknowledges(whistle)
    await office.asks_for_time(whistle, city.time.now() + timedelta(days=16))
    await city.settles()
    async with visitor.signed_in(f"/whistles/{whistle.whistle_id}", **_STREET) as page:
        await page.get_by_role("link", name="1 项申请等街道答复").click()
        await page.locator("#desk").get_by_role("button", name="同意", exact=True).click()
        await page.fill("#grant-reason", "情况属实")
        await confirms(page, "#grant-extension")
        await expect(page.locator("#desk")).to_contain_text("已同意")
        await page.get_by_role("button", name="召集会商").click()
        await page.fill("#meet-at", "2026-06-01T09:30")
        await page.fill("#meet-place", "街道三楼会议室")
        await page.fill("#meet-agenda", "会商整治方案")
        await expect(page.locator("#meet input[value=CGJ]")).to_be_checked()
        await confirms(page, "#meet")
        await city.passes(hours=2)
        await page.get_by_role("button", name="提交纪要").click()
        await page.fill("#minutes-text", "由城管局牵头施划停车位。")
        row = page.locator("[data-item]").first
        await row.locator("[data-of=department]").select_option("CGJ")
        await row.locator("[data-of=title]").fill("施划停车位")
        await confirms(page, "#minutes")
        await expect(page.locator("#desk details summary")).to_contain_text("纪要")
        await expect(page.locator(".duties")).to_contain_text("议定事项：施划停车位")
