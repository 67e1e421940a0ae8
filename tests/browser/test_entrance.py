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
        await page.click("main button.btn-primary")
        await expect(page.get_by_role("heading", level=1)).to_have_text("开启两步验证")
        assert await page.locator(".picture svg").bounding_box() is not None
        secret = (await page.inner_text(".secret")).replace(" ", "")
        boss = Somebody(boss.account_id, boss.username, OTHER, secret)
        await page.fill("#code", boss.digits())
        await page.fill("#password", OTHER)
        await page.click("main button.btn-primary")
        await expect(page.locator(".codes li")).to_have_count(10)
        code = await page.locator(".codes li").first.inner_text()
        await page.get_by_role("link", name="已保存，继续").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("账号")
        await expect(page.locator("nav.places")).to_contain_text("令牌")
        await page.locator("details.menu > summary").click()
        await page.get_by_role("button", name="退出", exact=True).click()
        await visitor.signs_in(page, boss)
        await expect(page.locator("#code")).to_be_focused()
        await page.fill("#code", code)
        await page.keyboard.press("Enter")
        await page.locator("details.menu > summary").click()
        await page.get_by_role("link", name="我的账号").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("我的账号")
        await expect(page.locator(".datagrid")).to_contain_text("备用码还剩 9 个")


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
        await page.wait_for_selector("nav.places")
        paths = ("/account", "/account/password", "/account/second-factor", "/admin/accounts", "/admin/accounts/new")
        for path in (*paths, f"/admin/accounts/{plain.account_id}", "/admin/tokens", "/"):
            await page.goto(visitor.entrance.address + path)
            assert not await is_too_wide(page), path
        await page.goto(visitor.entrance.address + "/admin/tokens")
        await page.fill("#name", "大屏")
        await page.select_option("#role", "operations")
        await page.select_option("#scope", "*")
        await page.locator("form[action='/admin/tokens'] button.btn-primary").click()
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
    visitor.may_fail = ("401",)
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
            await expect(outside.locator("#wrong")).to_be_visible()
            await outside.goto(visitor.entrance.address + "/sign-in")
        await outside.fill("#username", person.username)
        await outside.fill("#password", PASSWORD)
        await outside.keyboard.press("Enter")
        await expect(outside.locator("#wrong")).to_contain_text("已登录的页面不受影响")
        await page.reload()
        await expect(page.locator("#light")).to_have_attribute("data-state", "live")


@pytest.mark.parametrize(("lang", "width"), [("zh", 360), ("en", 360), ("en", 768), ("en", 1280)])
async def test_everything_of_the_frame_is_reached_at_every_width(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, lang: str, width: int
) -> None:
    """The other services stand in the bar, or in the menu where the bar is too narrow, also in large type."""
    await visitor.doors.door("escalation")  # a fresh one
    service = visitor.city.services["escalation"]
    sites = {name: f"http://{name}.test" for name in ("intake", "department", "dispatch", "escalation")}
    monkeypatch.setattr(service, "settings", service.settings.model_copy(update={"sites": sites}))
    async with visitor.signed_in(f"/?lang={lang}&type=large", width=width) as page:
        menu, sheet = page.locator("details.menu > summary"), page.locator(".menu-sheet")
        await menu.click()
        links = page.locator(".sites a:visible, .menu-sites a:visible")
        shown = await links.evaluate_all("links => links.map(link => link.getAttribute('href'))")
        assert shown == ["http://intake.test/report", *(f"http://{name}.test/" for name in list(sites)[:3]), "/"]
        here = page.locator(".sites [aria-current]:visible, .menu-sites [aria-current]:visible")
        await expect(here).to_have_attribute("href", "/")
        assert not await is_too_wide(page)
        await page.keyboard.press("Escape")
        await expect(sheet).to_be_hidden()
        await expect(menu).to_be_focused()
        await menu.click()
        await sheet.get_by_role("button", name="Keyboard" if lang == "en" else "键盘操作").click()
        await expect(sheet).to_be_hidden()
        await expect(page.locator("dialog#keys")).to_be_visible()
        box = await page.locator("dialog#keys").bounding_box()
        assert box is not None
        assert 0 <= box["x"] < box["x"] + box["width"] <= width
        await page.keyboard.press("Escape")
        await expect(page.locator("dialog#keys")).to_be_hidden()
        assert not await is_too_wide(page)


async def test_the_look_is_changed_from_the_menu_and_the_address_stays(visitor: Visitor) -> None:
    async with visitor.at("/sign-in?next=%2Faccount&theme=light") as page:
        await page.locator("details.menu > summary").click()
        await page.get_by_role("link", name="English").click()
        await page.locator("details.menu > summary").click()
        await page.get_by_role("link", name="Dark").click()
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        await expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
        await expect(page.locator("input[name=next]")).to_have_value("/account")


async def test_the_keyboard_goes_to_the_content_first(visitor: Visitor) -> None:
    async with visitor.at("/sign-in") as page:
        skip = page.locator("a.skip")
        first = "() => document.querySelector('a[href], button, input, select, summary').className"
        assert await page.evaluate(first) == "skip"
        await skip.focus()
        await expect(skip).to_be_focused()
        await expect(skip).to_be_in_viewport()
        await page.keyboard.press("Enter")
        await expect(page.locator("#content")).to_be_focused()
