"""Signing in and keeping accounts as people meet it: in a real browser, whose every complaint fails the test."""

import pytest
from playwright.async_api import Page, expect

from browser.conftest import Visitor
from support.window import PASSWORD, Somebody

OTHER = "seven copper kettles sing softly"
# A page that says what is wrong has the status that says so too, and the browser notes it.
_REFUSALS = ("401", "422", "403")


async def is_too_wide(page: Page) -> bool:
    return bool(await page.evaluate("() => document.documentElement.scrollWidth > innerWidth"))


async def test_a_new_administrator_goes_from_the_initial_password_to_the_list(visitor: Visitor) -> None:
    """Initial password → own password → second factor → recovery codes → accounts; nothing else on the way."""
    boss = await visitor.somebody("administrator", "*", must_change=True)
    async with visitor.at("/admin/accounts") as page:
        await visitor.signs_in(page, boss)
        await expect(page.get_by_role("heading", level=1)).to_have_text("设置您自己的密码")
        await expect(page.locator("nav.places")).to_have_count(0)
        await page.fill("#new_password", OTHER)
        await page.fill("#repeated", OTHER)
        await page.click("main button.main")
        await expect(page.get_by_role("heading", level=1)).to_have_text("开启两步验证")
        assert await page.locator(".picture svg").bounding_box() is not None
        secret = (await page.inner_text(".secret")).replace(" ", "")
        boss = Somebody(boss.account_id, boss.username, OTHER, secret)
        await page.fill("#code", boss.digits())
        await page.fill("#password", OTHER)
        await page.click("main button.main")
        await expect(page.locator(".codes li")).to_have_count(10)
        code = await page.locator(".codes li").first.inner_text()
        await page.get_by_role("link", name="已保存，继续").click()
        await expect(page.locator("nav.places")).to_contain_text("令牌")
        await page.get_by_role("button", name="退出", exact=True).click()
        await visitor.signs_in(page, boss)
        await expect(page.locator("#code")).to_be_focused()
        await page.fill("#code", code)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("我的账号")
        await expect(page.locator(".facts")).to_contain_text("备用码还剩 9 个")


async def test_an_account_is_made_with_the_keyboard_and_mistakes_are_led_to(visitor: Visitor) -> None:
    visitor.may_fail = _REFUSALS
    boss = await visitor.somebody("administrator", "*", second_factor=True)
    async with visitor.at("/admin/accounts/new") as page:
        await visitor.signs_in(page, boss)
        await page.fill("#code", boss.codes[0])
        await page.keyboard.press("Enter")
        await page.get_by_label("用户名").fill("li xiao")
        await page.get_by_label("姓名").fill("李晓")
        await page.select_option("#role", "community")
        await page.select_option("#scope", "S01")
        await page.locator("#part").press("Enter")
        await expect(page.locator("#wrong")).to_be_focused()
        await page.locator("#wrong a").click()
        await expect(page.locator("#username")).to_be_focused()
        await expect(page.locator("#username")).to_have_attribute("aria-invalid", "true")
        await expect(page.locator("#name")).to_have_value("李晓")
        await expect(page.locator("#scope")).to_have_value("S01")
        await page.fill("#username", "li.xiao")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("李晓的初始密码")
        password = await page.inner_text("#initial")
    async with visitor.at("/") as page:
        await page.fill("#username", "LI.XIAO")
        await page.fill("#password", password)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("设置您自己的密码")


@pytest.mark.parametrize(("lang", "scheme"), [("zh", "dark"), ("en", "light")])
async def test_no_page_needs_sideways_scrolling_on_a_phone(visitor: Visitor, lang: str, scheme: str) -> None:
    visitor.may_fail = _REFUSALS
    boss = await visitor.somebody("administrator", "*", second_factor=True)
    plain = await visitor.somebody("street_initiator", "S01")
    async with visitor.at(f"/sign-in?lang={lang}", width=360, height=740, color_scheme=scheme) as page:
        assert not await is_too_wide(page)
        await visitor.signs_in(page, boss)
        assert not await is_too_wide(page)
        await page.fill("#code", boss.codes[0])
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#sessions")
        paths = ("/account", "/account/password", "/account/second-factor", "/admin/accounts", "/admin/accounts/new")
        for path in (*paths, f"/admin/accounts/{plain.account_id}", "/admin/tokens", "/"):
            await page.goto(visitor.entrance.address + path)
            assert not await is_too_wide(page), path
        await page.goto(visitor.entrance.address + "/admin/tokens")
        await page.fill("#name", "大屏")
        await page.select_option("#role", "operations")
        await page.select_option("#scope", "*")
        await page.locator("form[action='/admin/tokens'] button.main").click()
        await page.wait_for_selector("#token")
        assert not await is_too_wide(page)
    async with visitor.at("/account/second-factor", width=360, height=740, color_scheme=scheme) as page:
        await visitor.signs_in(page, plain)
        await page.wait_for_selector(".picture svg")
        assert not await is_too_wide(page)


async def test_password_managers_find_their_fields(visitor: Visitor) -> None:
    person = await visitor.somebody()
    async with visitor.at("/account/password") as page:
        for field, purpose in (("username", "username"), ("password", "current-password")):
            await expect(page.locator(f"#{field}")).to_have_attribute("autocomplete", purpose)
        await visitor.signs_in(page, person)
        purposes = {"current_password": "current-password", "new_password": "new-password", "repeated": "new-password"}
        for field, purpose in purposes.items():
            await expect(page.locator(f"#{field}")).to_have_attribute("autocomplete", purpose)
        await expect(page.locator("input[name=username]")).to_have_value(person.username)


async def test_another_device_is_signed_out_from_here(visitor: Visitor) -> None:
    person = await visitor.somebody("operations")
    async with (
        visitor.signed_in(role="inspector") as unconcerned,
        visitor.at("/") as lost,
        visitor.at("/account") as page,
    ):
        await visitor.signs_in(lost, person)
        await lost.wait_for_selector("#light[data-state=live]")
        await visitor.signs_in(page, person)
        rows = page.locator("tbody tr")
        await expect(rows).to_have_count(2)
        await expect(rows.first).to_contain_text("Chrome · Linux")
        await expect(rows.first).to_contain_text("本机")
        await rows.nth(1).get_by_role("button", name="退出这台设备").click()
        await expect(rows).to_have_count(1)
        await lost.reload()
        await expect(lost.locator("#username")).to_be_visible()
        await unconcerned.reload()
        await expect(unconcerned.locator("#light")).to_be_visible()


async def test_who_is_signed_in_stays_while_somebody_guesses_outside(visitor: Visitor) -> None:
    """INVARIANT: failures close the sign-in and nothing else: sessions that are open stay open."""
    visitor.may_fail = ("401", "429")
    person = await visitor.somebody("operations")
    async with visitor.at("/") as page, visitor.at("/sign-in") as outside:
        await visitor.signs_in(page, person)
        await page.wait_for_selector("#light[data-state=live]")
        for _ in range(5):
            await outside.fill("#username", person.username)
            await outside.fill("#password", "a guess")
            await outside.keyboard.press("Enter")
            await expect(outside.get_by_role("alert")).to_be_visible()
            await outside.goto(visitor.entrance.address + "/sign-in")
        await outside.fill("#username", person.username)
        await outside.fill("#password", PASSWORD)
        await outside.keyboard.press("Enter")
        await expect(outside.get_by_role("alert")).to_contain_text("已登录的页面不受影响")
        await page.reload()
        await expect(page.locator("#light")).to_have_attribute("data-state", "live")
