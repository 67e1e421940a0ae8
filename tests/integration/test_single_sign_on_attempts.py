"""Attempts to sign in through the provider that go astray, are tampered with, or find it away; and signing out."""

import re
from typing import Any

import httpx
import pytest

from support.city import City
from support.duty import Duty, refusals
from support.real_provider import Browser, RealProvider
from support.sign_on import live_sessions
from support.window import somebody, window


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
        await victim.chooses_provider()
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
            start = await thief.chooses_provider()
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
        await browser.chooses_provider()
        assert (await browser.http.get(f"/sso/callback{query}")).status_code == 403


async def test_a_provider_that_is_down_is_told_apart_and_nothing_breaks(duty: Duty, provider: RealProvider) -> None:
    service, fresh = duty.service(), duty.service(pool_size=3)
    async with Browser(service.app) as browser, Browser(fresh.app) as other:
        back = await browser.signs_in("u-zhang", until="https://duty.example.cn/sso/callback")
        await provider.stop()
        page = await browser.http.get(back.headers["location"])
        assert page.status_code == 503
        assert "暂时连不上" in page.text
        assert (await other.chooses_provider()).status_code == 503
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
        asking = await browser.chooses_provider()
        form = await browser.goes(asking.headers["location"])
        assert "/interaction/" in form.url.path


_SESSION = "__Host-whistle-escalation"
FROM_ELSEWHERE: list[dict[str, str]] = [
    {},
    {"sec-fetch-site": "cross-site", "referer": "https://duty.example.cn/sign-in"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "none"},
    {"referer": "https://evil.example/"},
    {"referer": "https://duty.example.cn.evil.example/"},
]


@pytest.mark.parametrize("headers", FROM_ELSEWHERE)
async def test_a_link_elsewhere_begins_nothing(duty: Duty, headers: dict[str, str]) -> None:
    """INVARIANT: an attempt begins on a page of ours, where a person chose it: a link elsewhere opens no session."""
    service = duty.service()
    async with Browser(service.app) as browser:
        answer = await browser.http.get("/sso?next=/account", headers=headers)
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Faccount")
        assert "set-cookie" not in answer.headers
        assert 'href="/sso?next=/account"' in (await browser.goes(answer.headers["location"])).text
        ours = {"referer": "https://duty.example.cn/sign-in"}
        chosen = await browser.http.get("/sso?next=/account", headers=ours)
        assert chosen.headers["location"].startswith(service.settings.oidc_issuer)


async def test_who_goes_to_the_provider_is_counted_by_address(duty: Duty) -> None:
    service = duty.service(limits={"sign_in": 1})
    async with Browser(service.app) as browser:
        assert (await browser.chooses_provider()).status_code == 303
        refused = await browser.chooses_provider()
        assert (refused.status_code, refused.json()["budget"]) == (429, "sign_in")


async def test_a_session_ends_when_its_way_in_is_switched_off(duty: Duty) -> None:
    """And is there again with it: nobody's hours are lost by a setting that was wrong for a minute."""
    service = duty.service()
    local = await somebody(service, "operations")
    without_local, without_provider = duty.service(local_accounts=False), duty.service(oidc_issuer="")
    other_provider = duty.service(oidc_issuer="https://other.example.cn", outgoing_allowed="other.example.cn")
    async with Browser(service.app) as browser, window(service, local, "https") as seat:
        await browser.signs_in("u-zhang", onward="/account")
        cookies = {"provider": _session_in(browser.http), "password": _session_in(seat.client)}
    lets_in = {
        service: {"provider", "password"},
        without_local: {"provider"},
        without_provider: {"password"},
        other_provider: {"password"},
    }
    for set_so, known in lets_in.items():
        for means, session in cookies.items():
            async with Browser(set_so.app) as again:
                again.http.cookies.set(_SESSION, session, domain="duty.example.cn")
                landed = (await again.goes("/account")).url.path
            assert (landed == "/account") == (means in known), (means, set_so.settings)


def _session_in(client: httpx.AsyncClient) -> str:
    [value] = [cookie.value for cookie in client.cookies.jar if cookie.name == _SESSION]
    assert value
    return value


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
