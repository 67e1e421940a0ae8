"""The district whistle office at work: what waits, routing by hand, a dispute with its precedent, the registry."""

import re
from pathlib import Path
from typing import Any

from openpyxl import load_workbook  # type: ignore[import-untyped]
from playwright.async_api import Page, expect

from browser.conftest import Visitor
from browser.test_dashboard import too_wide
from support.answers import expect as answered
from support.city import City
from whistle_dispatch import domain
from whistle_dispatch.api import spreadsheet

_OFFICE: dict[str, Any] = {"service": "dispatch", "role": "arbitrator"}
_PHONE: dict[str, Any] = {"width": 360, "height": 740}
_PLAIN = {"kind": "appeal", "urgency": "normal"}


async def saves(page: Page, why: str) -> None:
    """Say why, save the row, and have the answer: whoever leaves before may find things as they were."""
    await page.fill("#why", why)
    async with page.expect_response(re.compile("/api/v1/registry/(changes|spreadsheet)")):
        await page.get_by_role("button", name="保存").click()


async def versions(city: City) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answered(await city.call("dispatch", "GET", "/api/v1/registry/versions"))["items"]
    return found


async def test_an_unrouted_whistle_appears_and_is_routed_with_its_limits_seen_before(
    visitor: Visitor, city: City
) -> None:
    async with visitor.signed_in("/", **_OFFICE) as page:
        await expect(page.locator("main")).to_contain_text("没有等待决定的事项")
        await page.evaluate("() => { window.untouched = true; }")
        whistle = await city.street("S01").blows(category=None, title="多个小区要求统一接入养老餐", **_PLAIN)
        row = page.locator("[data-row]")
        await expect(row).to_contain_text("没有选定类别")
        await expect(row.locator(".chip")).to_contain_text("还剩")
        assert await page.evaluate("() => window.untouched")
        await row.get_by_role("link", name="指定部门").click()
        await page.wait_for_load_state()
        await page.select_option("#route-lead", "MZ")
        await expect(page.locator(".limit")).to_contain_text("4 个工作小时")
        await page.get_by_label("城市管理局（城管委）").check()
        await expect(page.locator(".limit")).to_have_count(2)
        await page.get_by_role("button", name="确认派单").click()
        await expect(page.locator("#toasts")).to_contain_text("已派单")
        duties = page.locator("tbody [data-row]")
        await expect(duties).to_have_count(2)
        await expect(duties.first).to_contain_text("主办")
        await expect(page.locator("#routing")).to_have_count(0)
    task = await city.department("CGJ").task(whistle)
    assert task["role"] == "assist"


async def test_a_dispute_is_decided_with_a_precedent_that_is_adopted(visitor: Visitor, city: City) -> None:
    visitor.may_fail = ("422",)
    whistle = await city.street("S01").blows("0701", departments=["CGJ"], **_PLAIN)
    await city.department("CGJ").returns(whistle, to="PSGS")
    await city.passes(hours=20)
    await city.whistle_office.finds_dispute(whistle)
    async with city.under(), visitor.signed_in("/", **_OFFICE) as page:
        await page.locator("[data-row]").get_by_role("link", name="裁定").click()
        await page.wait_for_load_state()
        await expect(page.locator(".claim")).to_have_count(2)
        await expect(page.locator(".claim").first).to_contain_text("城市管理局")
        await expect(page.locator(".claim").last).to_contain_text("排水公司")
        await expect(page.locator("#divide-lead")).to_have_value("PSGS")
        await page.get_by_role("button", name="裁定").click()
        await expect(page.get_by_role("alert").first).to_contain_text("裁定理由")
        await page.fill("#divide-reason", "现场踏勘：排水管破损引起")
        await page.fill("#divide-rule", "路面塌陷系排水管破损的，由排水公司主办")
        await page.get_by_role("button", name="裁定").click()
        await expect(page.locator("#toasts")).to_contain_text("已裁定")
        await expect(page.locator(".verdict")).to_contain_text("现由排水公司办理")
        await page.get_by_role("button", name="今后照此派单").first.click()
        await page.locator("#adopt").get_by_role("button", name="写入").click()
        await expect(page.locator("#toasts")).to_contain_text("规则库有了新版本")
        await expect(page.locator("main")).to_contain_text("已写入分类目录")
        assert (await versions(city))[0]["how"] == "adoption"


async def test_a_limit_is_changed_with_its_effect_seen_and_put_back(visitor: Visitor, city: City) -> None:
    """INVARIANT: what is put in force has its line in the history, in the same transaction."""
    await city.street("S01").blows("0701", departments=["CGJ"], **_PLAIN)
    await city.settles()
    async with city.under(), visitor.signed_in("/registry", **_OFFICE) as page:
        await page.get_by_role("link", name="时限 ").click()
        await (
            page.locator("tbody tr").filter(has_text="群众诉求哨").filter(has_text="4 个工作小时").locator("a").click()
        )
        await page.wait_for_load_state()
        effect = page.locator(".beside")
        await page.fill("#cell-ack", "2x")
        await expect(effect).to_contain_text("不是时限")
        await page.fill("#cell-ack", "2h@work")
        await expect(effect.locator("[data-effect='1']")).to_contain_text("1")
        await saves(page, "区政府会议")
        await page.wait_for_url("**/registry/policies")
        await expect(page.locator("tbody")).to_contain_text("2 个工作小时")
        await page.get_by_role("link", name="规则库").last.click()
        await page.get_by_role("link", name="历史").click()
        first, second = page.locator("tbody tr").nth(0), page.locator("tbody tr").nth(1)
        await expect(first).to_contain_text("区政府会议")
        await second.locator("a").click()
        await expect(page.locator("[hx-get]")).to_contain_text("4 个工作小时")
        await page.get_by_role("button", name="恢复这一版").click()
        await page.fill("#back-why", "改错了")
        await page.locator("#restore").get_by_role("button", name="恢复", exact=True).click()
        await expect(page.locator("tbody tr").first).to_contain_text("恢复旧版")
        found = await versions(city)
        assert [one["how"] for one in found[:2]] == ["restoration", "change"]


async def test_who_was_overtaken_keeps_what_they_typed(visitor: Visitor, city: City) -> None:
    """INVARIANT: nobody changes what they have not seen."""
    visitor.may_fail = ("409",)
    async with city.under(), visitor.signed_in("/registry/streets/row?key=S02", **_OFFICE) as page:
        base = (await versions(city) or [{"number": 0}])[0]["number"]
        body = {"base": base, "sheet": "streets", "key": ["S03"], "cells": {"name_en": "Overtaking"}, "reason": "先改"}
        answered(await city.call("dispatch", "POST", "/api/v1/registry/changes", json=body))
        await page.fill("#cell-name_en", "Overtaken")
        await saves(page, "后改")
        await expect(page.get_by_role("alert").first).to_contain_text("刚刚被别人改过")
        await expect(page.locator("#cell-name_en")).to_have_value("Overtaken")


async def test_a_spreadsheet_is_refused_by_row_and_column_and_then_saved(
    visitor: Visitor, city: City, tmp_path: Path
) -> None:
    visitor.may_fail = ("422",)
    good, bad = tmp_path / "good.xlsx", tmp_path / "bad.xlsx"
    async with city.under(), visitor.signed_in("/registry/import", **_OFFICE) as page:
        async with page.expect_download() as got:
            await page.get_by_role("link", name="先导出现行的表格").click()
        exported = tmp_path / "exported.xlsx"
        await (await got.value).save_as(exported)
        book = load_workbook(exported)
        book["streets"]["C2"] = "Another name"
        book.save(good)
        book["categories"]["G2"] = "NOBODY"
        book.save(bad)
        chooser = page.locator("input[name=file]")
        await chooser.set_input_files(bad)
        faults = page.locator("#sheet-shown tbody tr")
        await expect(faults).to_have_count(1)
        await expect(faults).to_contain_text("分类与派单")
        await expect(faults).to_contain_text("没有部门 NOBODY")
        await expect(page.get_by_role("button", name="保存")).to_be_disabled()
        await chooser.set_input_files(good)
        await expect(page.locator("#sheet-shown")).to_contain_text("Another name")
        await saves(page, "统一英文名")
        await expect(page.locator("tbody tr").first).to_contain_text("表格导入")
    assert spreadsheet.read(exported.read_bytes()) == domain.book_of(city.pack)


async def test_a_looker_sees_and_changes_nothing(visitor: Visitor, city: City) -> None:
    """INVARIANT: a page changes nothing."""
    await city.street("S01").blows(category=None, **_PLAIN)
    await city.settles()
    async with visitor.signed_in("/", service="dispatch", role="operations") as page:
        await page.locator("[data-row] a").first.click()
        await expect(page.locator("h1")).to_be_visible()
        assert await page.locator("form[data-act]").count() == 0
        await page.goto("/".join(page.url.split("/")[:3]) + "/registry/streets/row?key=S01")
        await expect(page.locator("main")).to_contain_text("采薇街道")
        assert await page.locator("form[data-act]").count() == 0


async def test_a_phone_in_english_needs_no_sideways_scrolling(visitor: Visitor, city: City) -> None:
    whistle = await city.street("S01").blows("0701", departments=["CGJ"], **_PLAIN)
    await city.department("CGJ").returns(whistle, to="PSGS")
    asked = await city.whistle_office.finds("returns", "pending", "CGJ")
    async with visitor.signed_in("/?lang=en", **_OFFICE, **_PHONE) as page:
        await expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
        root = "/".join(page.url.split("/")[:3])
        for path in (
            "/",
            f"/requests/{asked['request_id']}",
            f"/whistles/{whistle.whistle_id}",
            "/registry",
            "/registry/policies",
            "/registry/policies/row?key=appeal&key=normal&key=",
            "/registry/versions",
            "/registry/import",
        ):
            await page.goto(root + path)
            assert await too_wide(page) == [], path
