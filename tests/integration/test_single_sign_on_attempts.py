"""Attempts to sign in through the provider that go astray, are tampered with, or find it away; and signing out."""

import re
from typing import Any

import httpx
import pytest

from support.city import City
from support.duty import Duty, refusals
from support.real_provider import Browser, RealProvider
from support.sign_on import live_sessions


async def test_whoever_changes_their_mind_is_told_and_not_let_in(duty: Duty) -> None:
    service = duty.service()
    async with Browser(service.app) as browser:
        page = await browser.signs_in("nobody", onward="/account")
        assert page.status_code == 403
        assert "没有完成登录" in page.text
    assert "access_denied" in (await refusals(service))[0]


async def test_an_attempt_is_answered_once(duty: Duty) -> None:
    """INVARIANT: an attempt is taken back once: a repeated one is refused before the provider is asked."""
    service = duty.service()
    async with Browser(service.app) as browser:
        back = await browser.signs_in("u-zhang", until="https://duty.example.cn/sso/callback")
        url, attempt = back.headers["location"], dict(browser.http.cookies)
        assert (await browser.http.get(url)).status_code == 303
        browser.http.cookies.clear()
        for name, value in attempt.items():
            browser.http.cookies.set(name, value, domain="duty.example.cn")
        again = await browser.http.get(url)
        assert again.status_code == 403
        assert "set-cookie" in again.headers
    assert (await refusals(service))[0] == "this attempt was answered before"
    assert await live_sessions(service, "u-zhang") == 1


async def test_the_answer_to_anothers_attempt_signs_nobody_in(duty: Duty) -> None:
    """Whoever sends somebody the end of their own sign-in does not get them to work in the sender's name."""
    service = duty.service()
    async with Browser(service.app) as sender, Browser(service.app) as victim:
        back = await sender.signs_in("u-zhang", until="https://duty.example.cn/sso/callback")
        url = back.headers["location"]
        assert (await victim.http.get(url)).status_code == 403
        await victim.http.get("/sso")
        assert (await victim.http.get(url)).status_code == 403
        assert (await victim.goes("/account")).url.path == "/sign-in"
    assert (await refusals(service))[:2] == [
        "the answer belongs to another attempt",
        "this browser has begun no attempt, or too long ago",
    ]


async def test_the_code_of_another_client_or_verifier_is_not_taken(duty: Duty) -> None:
    service, other = duty.service(), duty.service("another")
    async with Browser(service.app) as browser, Browser(other.app) as elsewhere, Browser(service.app) as thief:
        foreign = await elsewhere.signs_in("u-zhang", until="https://duty.example.cn/sso/callback")
        own = await browser.signs_in("u-zhang", until="https://duty.example.cn/sso/callback")
        for stolen in (foreign, own):
            code = _asked(stolen.headers["location"])["code"]
            start = await thief.http.get("/sso")
            state = _asked(start.headers["location"])["state"]
            asked = {"code": code, "state": state, "iss": service.settings.oidc_issuer}
            assert (await thief.http.get("/sso/callback", params=asked)).status_code == 403
        assert (await thief.goes("/account")).url.path == "/sign-in"
    assert (await refusals(service))[:2] == ["the provider does not take the code: invalid_grant"] * 2


def _asked(url: str) -> dict[str, str]:
    return dict(httpx.URL(url).params)


@pytest.mark.parametrize("named", [None, "https://evil.example"])
async def test_an_answer_without_the_issuer_that_was_asked_is_refused(duty: Duty, named: str | None) -> None:
    service = duty.service()
    async with Browser(service.app) as browser:
        back = await browser.signs_in("u-zhang", until="https://duty.example.cn/sso/callback")
        asked = _asked(back.headers["location"]) | {"iss": named or ""}
        if named is None:
            del asked["iss"]
        assert (await browser.http.get("/sso/callback", params=asked)).status_code == 403
    assert "issuer" in (await refusals(service))[0]


@pytest.mark.parametrize("onward", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1"])
async def test_no_address_elsewhere_is_gone_to_after(duty: Duty, onward: str) -> None:
    service = duty.service()
    async with Browser(service.app) as browser:
        back = await browser.signs_in("u-zhang", onward, until="https://duty.example.cn/sso/callback")
        answer = await browser.http.get(back.headers["location"])
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?code=x",
        "?state=x&code=x",
        "?error=%00",
        "?state=%F0%9F%98%80&code=",
        "?state=" + "x" * 5000,
        "?iss=a&iss=b",
    ],
)
async def test_nonsense_at_the_way_back_is_refused(duty: Duty, query: str) -> None:
    service = duty.service()
    async with Browser(service.app) as browser:
        assert (await browser.http.get(f"/sso/callback{query}")).status_code == 403
        await browser.http.get("/sso")
        assert (await browser.http.get(f"/sso/callback{query}")).status_code == 403


async def test_a_provider_that_is_down_is_told_apart_and_nothing_breaks(duty: Duty, provider: RealProvider) -> None:
    service, fresh = duty.service(), duty.service(pool_size=3)
    async with Browser(service.app) as browser, Browser(fresh.app) as other:
        back = await browser.signs_in("u-zhang", until="https://duty.example.cn/sso/callback")
        await provider.stop()
        page = await browser.http.get(back.headers["location"])
        assert page.status_code == 503
        assert "暂时连不上" in page.text
        assert (await other.http.get("/sso")).status_code == 503
        assert (await other.goes("/sign-in")).status_code == 200
        assert (await other.goes("/sso/sign-out")).status_code == 200


async def test_whoever_signs_out_is_offered_to_sign_out_there_too(duty: Duty) -> None:
    service = duty.service()
    async with Browser(service.app) as browser:
        page = await browser.signs_in("u-zhang", onward="/account")
        answer = await browser.http.post("/sign-out", headers={"origin": "https://duty.example.cn"})
        assert answer.headers["location"] == "/sso/sign-out"
        page = await browser.goes("/sso/sign-out")
        [link] = re.findall(rf'href="({re.escape(service.settings.oidc_issuer)}[^"]+)"', page.text)
        asking = await browser.http.get(link.replace("&amp;", "&"))
        assert asking.status_code == 200
        left = await browser.sends(asking, logout="yes")
        assert left.headers["location"].startswith("https://duty.example.cn/sign-in")
        form = await browser.goes("/sso")
        assert "/interaction/" in form.url.path


async def test_who_came_with_a_password_is_not_sent_to_the_provider_at_the_end(duty: Duty) -> None:
    service = duty.service()
    async with Browser(service.app) as browser:
        answer = await browser.http.post("/sign-out", headers={"origin": "https://duty.example.cn"})
    assert answer.headers["location"] == "/sign-in"


async def test_local_accounts_can_be_switched_off(duty: Duty) -> None:
    service = duty.service(local_accounts=False)
    async with Browser(service.app) as browser:
        page = await browser.goes("/sign-in")
        assert "/sso" in page.text
        assert 'name="password"' not in page.text
        sent = await browser.http.post("/sign-in", data={}, headers={"origin": "https://duty.example.cn"})
        assert sent.status_code == 403
        assert (await browser.signs_in("u-zhang", onward="/account")).url.path == "/account"


async def test_without_a_provider_there_is_no_way_to_one(city: City) -> None:
    service = city.services["escalation"]
    async with Browser(service.app) as browser:
        for path in ("/sso", "/sso/callback", "/sso/sign-out"):
            assert (await browser.http.get(path)).status_code == 404
        assert "/sso" not in (await browser.goes("/sign-in")).text


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"outgoing_allowed": ""}, "not in outgoing_allowed"),
        ({"oidc_client_id": ""}, "oidc_client_id"),
        ({"oidc_roles": {}}, "oidc_roles"),
        ({"oidc_roles": {"x": "boss"}}, "boss"),
        ({"oidc_roles": {"x": "handler@*"}}, "handler"),
        ({"oidc_issuer": "", "local_accounts": False}, "nobody could sign in"),
    ],
)
async def test_settings_that_cannot_be_stop_the_service_at_its_start(
    duty: Duty, settings: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        duty.service(**settings)
