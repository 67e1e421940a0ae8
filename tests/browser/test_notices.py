"""One's own notices as people set them, in a browser: a channel is added, tried, put first, taken away; quiet hours."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from browser.conftest import Visitor

# A test message that does not arrive is told by a 409, and a browser writes that down.
_MAY_FAIL = ("409 (Conflict)",)


async def adds(page: Page, address: str) -> None:
    await page.click("[data-open='#new-channel']")
    await page.fill("#secret", address)
    await page.press("#secret", "Enter")
    await expect(page.locator("#new-channel")).not_to_be_visible()


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (360, 740)], ids=["desktop", "phone"])
async def test_somebody_sets_how_they_are_told(visitor: Visitor, width: int, height: int) -> None:
    visitor.may_fail = _MAY_FAIL
    sizes: Any = {"width": width, "height": height}
    async with visitor.signed_in("/account/notices", role="handler", scope="CGJ", **sizes) as page:
        await expect(page.locator(".empty-title")).to_have_text("还没有通知渠道")
        await adds(page, "wecombot://BOTKEY1234567890abcdef")
        await adds(page, "dingtalk://TOKENabc123")
        rows = page.locator(".channels > li")
        await expect(rows).to_have_count(2)
        await expect(page.locator("#push")).to_be_visible()
        await expect(rows.nth(0)).to_contain_text("企业微信")
        await expect(rows.nth(0)).to_contain_text("待验证")
        assert "BOTKEY1234567890abcdef" not in await page.content()
        await rows.nth(1).get_by_role("button", name="上移").click()
        await expect(rows.nth(0)).to_contain_text("钉钉")
        await rows.nth(0).get_by_role("button", name="发测试消息").click()
        await expect(rows.nth(0).locator(".errors")).to_contain_text("测试消息没有送达")
        await rows.nth(1).get_by_role("button", name="移除").click()
        await expect(page.locator("#remove-channel [data-slot=label]")).to_contain_text("企业微信")
        await page.click("#remove-channel .btn-danger")
        await expect(rows).to_have_count(1)
        await page.fill("#quiet", "22:00-07:00")
        await page.press("#quiet", "Enter")
        await expect(page.locator("#toasts")).to_contain_text("免打扰时段已保存")
        assert await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert not visitor.complaints, visitor.complaints


async def test_what_is_wrong_with_an_address_stands_beside_it_in_english_too(visitor: Visitor) -> None:
    visitor.may_fail = ("422 (Unprocessable",)
    async with visitor.signed_in("/account/notices?lang=en", role="handler", scope="CGJ") as page:
        await page.click("[data-open='#new-channel']")
        await page.fill("#secret", "syslog://")
        await page.press("#secret", "Enter")
        await expect(page.locator("#new-channel .errors")).to_contain_text("shows it on the server and to nobody")
        await expect(page.locator("#secret")).to_have_value("syslog://")
    assert not visitor.complaints, visitor.complaints


async def test_an_administrator_sets_a_duty_desk(visitor: Visitor) -> None:
    async with visitor.signed_in("/admin/notices", role="administrator", scope="*") as page:
        await page.select_option("#desk", "district/whistle_office")
        await page.get_by_role("button", name="查看").click()
        await adds(page, "feishu://TOKENabc1234567")
        await expect(page.locator(".channels > li")).to_contain_text("飞书")
    assert not visitor.complaints, visitor.complaints
