"""Signing in through the certified OpenID provider of npm, a process of its own, with every redirect and form.

INVARIANTS tested here: an account of single sign-on is found by issuer and subject and by nothing else; an attempt is
taken back once; a provider's tokens are read and forgotten.
"""

import re
from collections.abc import AsyncIterator
from copy import deepcopy
from typing import Any

import httpx
import pyotp
import pytest
import pytest_asyncio
from sqlalchemy import text

from support.city import City
from support.duty import Duty, refusals
from support.real_provider import Browser, RealProvider
from whistle_shared.auth import Account, Person, create_account, find_identity, find_username, hold_account
from whistle_shared.auth import second_factor as factor
from whistle_shared.auth.accounts import disable_account, set_second_factor
from whistle_shared.db import Deed
from whistle_shared.runtime import Service
from whistle_shared.timesource import wall_now

HANDLER = {"name": "张伟", "preferred_username": "zhangwei", "groups": ["all", "handlers"], "whistle_scope": "CGJ"}
PEOPLE: dict[str, Any] = {
    "u-zhang": {"claims": HANDLER},
    "u-grid": {
        "claims": {"name": "Li Na", "groups": ["grid"], "whistle_scope": "S01", "whistle_part": "S01-03"},
    },
    "u-admin": {"claims": {"name": "Chen", "groups": ["it"]}},
    "u-strong": {"claims": {"name": "Zhao", "groups": ["it"]}, "amr": ["pwd", "mfa"]},
    "u-guest": {"claims": {"name": "Guest", "groups": ["all"]}},
    "u-lost": {"claims": {"name": "Lost", "groups": ["handlers"]}},
}
OPERATOR = Deed("whistlectl", "root", None, None, "", None, "")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def standing_provider() -> AsyncIterator[RealProvider]:
    async with RealProvider(PEOPLE).serving() as provider:
        yield provider


@pytest_asyncio.fixture
async def provider(standing_provider: RealProvider) -> AsyncIterator[RealProvider]:
    """The provider with the people of PEOPLE, though a test may change them and start it anew."""
    yield standing_provider
    if standing_provider.people is not PEOPLE or not standing_provider.is_up:
        standing_provider.people = PEOPLE
        await standing_provider.restart()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def standing_duty(
    standing_city: City, standing_provider: RealProvider, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Duty]:
    async with Duty(standing_city, standing_provider.issuer, tmp_path_factory.mktemp("duty")) as duty:
        yield duty


@pytest.fixture
def duty(standing_duty: Duty, city: City, provider: RealProvider) -> Duty:
    """Services whose tables are empty, and a provider that knows PEOPLE."""
    return standing_duty


async def audited(service: Service, action: str) -> list[Any]:
    """The audit's rows of an action in this test, the newest first."""
    query = "select actor, outcome, subject, asked, before, after from audit where action = :action and at >= :since"
    async with service.engine.connect() as connection:
        began = await connection.scalar(text("select min(created_at) from account"))
        found = await connection.execute(
            text(query + " order by audit_id desc"), {"action": action, "since": began or wall_now()}
        )
        return list(found)


async def known(service: Service, subject: str) -> Account | None:
    async with service.engine.connect() as connection:
        issuer = service.settings.oidc_issuer
        return await find_identity(connection, issuer, subject)


async def there(service: Service, subject: str) -> Account:
    found = await known(service, subject)
    assert found is not None
    return found


async def live_sessions(service: Service, subject: str) -> int:
    account = await there(service, subject)
    query = text("select count(*) from web_session where account_id = :id and expires_at > now()")
    async with service.engine.connect() as connection:
        return int(await connection.scalar(query, {"id": account.account_id}) or 0)


async def test_a_first_sign_in_makes_an_account_and_lands_where_it_was_going(duty: Duty) -> None:
    service = duty.service()
    async with Browser(service.app) as browser:
        page = await browser.goes("/account")
        assert page.url.path == "/sign-in"
        assert 'href="/sso?next=/account"' in page.text
        page = await browser.signs_in("u-zhang", onward="/account")
        assert (page.status_code, page.url.path) == (200, "/account")
        assert "张伟" in page.text
    account = await there(service, "u-zhang")
    assert (account.name, account.role, account.scope, account.part) == ("张伟", "handler", "CGJ", None)
    assert (account.password, account.must_change) == (None, False)
    assert re.fullmatch(r"zhangwei@sso-[0-9a-f]{16}", account.username)
    [made] = await audited(service, "account.create")
    assert (made.actor, made.outcome, made.subject) == ("single sign-on", "done", str(account.account_id))
    assert made.asked["subject"] == "u-zhang"
    [entered] = await audited(service, "sign_in")
    assert (entered.actor, entered.outcome) == (f"account:{account.account_id}", "done")
    assert entered.asked == {"how": "single sign-on", "second_factor": False}


async def test_scope_and_part_come_from_claims(duty: Duty) -> None:
    service = duty.service()
    async with Browser(service.app) as browser:
        await browser.signs_in("u-grid", onward="/account")
    account = await there(service, "u-grid")
    assert (account.role, account.scope, account.part) == ("grid_officer", "S01", "S01-03")


async def test_no_token_of_the_provider_is_kept(duty: Duty) -> None:
    """INVARIANT: a provider's tokens are read and forgotten."""
    service = duty.service()
    async with Browser(service.app) as browser:
        await browser.signs_in("u-zhang", onward="/account")
        cookies = " ".join(str(cookie.value) for cookie in browser.http.cookies.jar)
    async with service.engine.connect() as connection:
        rows = []
        for table in ("account", "web_session", "audit", "idempotency"):
            rows += list(await connection.scalars(text(f"select t::text from {table} t")))
    assert "u-zhang" in " ".join(rows)
    assert "eyJ" not in " ".join(rows) + cookies


async def test_the_cookie_of_an_attempt_is_short_lived_and_for_this_host_alone(duty: Duty) -> None:
    service = duty.service()
    async with Browser(service.app) as browser:
        answer = await browser.http.get("/sso")
        cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-whistle-escalation-sso=")
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert attributes >= {"secure", "httponly", "samesite=lax", "path=/", "max-age=600"}
    assert not any(part.startswith("domain") for part in attributes)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("client", "secret"),
    [("whistle-es256", "secret-of-{}"), ("whistle-post", "secret-of-{}"), ("whistle-public", None)],
)
async def test_other_kinds_of_clients_sign_in_too(duty: Duty, client: str, secret: str | None) -> None:
    service = duty.service(client, secret)
    async with Browser(service.app) as browser:
        page = await browser.signs_in("u-zhang", onward="/account")
    assert (page.status_code, page.url.path) == (200, "/account")


async def test_what_changes_at_the_provider_changes_here_at_the_next_sign_in(
    duty: Duty, provider: RealProvider
) -> None:
    """Another role ends what was open; another name does not. The provider comes back with other keys besides."""
    service = duty.service()
    async with Browser(service.app) as first, Browser(service.app) as second, Browser(service.app) as third:
        await first.signs_in("u-zhang", onward="/account")
        before = await there(service, "u-zhang")
        provider.people = deepcopy(PEOPLE)
        provider.people["u-zhang"]["claims"]["name"] = "张大伟"
        await provider.restart()
        await second.signs_in("u-zhang", onward="/account")
        assert await live_sessions(service, "u-zhang") == 2
        provider.people["u-zhang"]["claims"] |= {"groups": ["handlers", "heads"], "whistle_scope": "GA"}
        await provider.restart()
        await third.signs_in("u-zhang", onward="/account")
        assert await live_sessions(service, "u-zhang") == 1
        assert (await first.goes("/account")).url.path == "/sign-in"
        assert (await third.goes("/account")).url.path == "/account"
    account = await there(service, "u-zhang")
    assert account.account_id == before.account_id
    assert (account.name, account.role, account.scope) == ("张大伟", "handler", "GA")
    changed = (await audited(service, "account.change"))[0]
    assert (changed.before, changed.after) == ({"scope": "CGJ"}, {"scope": "GA"})


@pytest.mark.parametrize(("person", "why"), [("u-guest", "groups"), ("u-lost", "whistle_scope")])
async def test_who_has_no_role_here_is_told_so_and_written_down(duty: Duty, person: str, why: str) -> None:
    service = duty.service()
    async with Browser(service.app) as browser:
        page = await browser.signs_in(person, onward="/account")
        assert (page.status_code, page.url.path) == (403, "/sso/callback")
        assert "没有对应的角色" in page.text
        assert (await browser.goes("/account")).url.path == "/sign-in"
    assert await known(service, person) is None
    assert why in (await refusals(service))[0]


async def test_who_loses_every_role_is_out_at_once(duty: Duty, provider: RealProvider) -> None:
    service = duty.service()
    async with Browser(service.app) as browser, Browser(service.app) as again:
        await browser.signs_in("u-zhang", onward="/account")
        provider.people = deepcopy(PEOPLE)
        provider.people["u-zhang"]["claims"]["groups"] = []
        await provider.restart()
        assert (await again.signs_in("u-zhang", onward="/account")).status_code == 403
        assert (await browser.goes("/account")).url.path == "/sign-in"
    assert await live_sessions(service, "u-zhang") == 0


async def test_a_disabled_account_stays_out(duty: Duty) -> None:
    service = duty.service()
    async with Browser(service.app) as browser:
        await browser.signs_in("u-zhang", onward="/account")
        async with service.group.unit() as unit:
            held = await hold_account(unit, (await there(service, "u-zhang")).account_id)
            await disable_account(unit, OPERATOR, held)
        page = await browser.signs_in("u-zhang", onward="/account")
        assert page.status_code == 403
        assert "已停用" in page.text
    assert (await refusals(service))[0] == "disabled"
    assert await live_sessions(service, "u-zhang") == 0


async def test_an_administrator_gives_a_second_factor_somewhere(duty: Duty) -> None:
    """Shown at the provider it counts; else nothing is open here before it has been set up and given."""
    service = duty.service()
    async with Browser(service.app) as weak, Browser(service.app) as strong:
        page = await weak.signs_in("u-admin", onward="/account")
        assert page.url.path == "/account/second-factor"
        assert (await weak.goes("/admin/accounts")).url.path == "/account/second-factor"
        page = await strong.signs_in("u-strong", onward="/admin/accounts")
        assert (page.status_code, page.url.path) == (200, "/admin/accounts")


async def test_who_has_set_up_a_second_factor_here_gives_it_unless_the_provider_has_seen_one(duty: Duty) -> None:
    service = duty.service()
    secrets = {person: await _with_device(service, person) for person in ("u-admin", "u-strong")}
    async with Browser(service.app) as browser, Browser(service.app) as strong:
        page = await browser.signs_in("u-admin", onward="/admin/accounts")
        assert page.url.path == "/sign-in/second-factor"
        assert (await browser.goes("/admin/accounts")).url.path == "/sign-in"
        answer = await browser.sends(page, code=_digits(secrets["u-admin"]))
        assert answer.headers["location"] == "/admin/accounts"
        assert (await browser.goes("/admin/accounts")).url.path == "/admin/accounts"
        assert (await strong.signs_in("u-strong", onward="/admin/accounts")).url.path == "/admin/accounts"


async def _with_device(service: Service, person: str) -> str:
    """Has signed in once and set up a device; returns its secret."""
    async with Browser(service.app) as browser:
        await browser.signs_in(person, onward="/account")
    account, secret = await there(service, person), factor.new_secret()
    sealed = factor.seal_secret(service.keyring, account.account_id, secret)
    async with service.group.unit() as unit:
        held = await hold_account(unit, account.account_id)
        await set_second_factor(unit, OPERATOR, held, sealed, 0, [])
    return secret


def _digits(secret: str) -> str:
    return pyotp.TOTP(secret).now()


async def test_a_local_account_of_the_same_name_is_another_person(duty: Duty) -> None:
    """INVARIANT: an account of single sign-on is found by issuer and subject and by nothing else."""
    service = duty.service()
    async with service.group.unit() as unit:
        local = await create_account(unit, OPERATOR, "zhangwei", Person("张伟", "administrator", "*"), password="x")
    async with Browser(service.app) as browser:
        page = await browser.signs_in("u-zhang", onward="/account")
        assert page.url.path == "/account"
        assert (await browser.goes("/admin/accounts")).status_code == 403
    account = await there(service, "u-zhang")
    async with service.engine.connect() as connection:
        other = await find_username(connection, "zhangwei")
    assert other is not None
    assert (other.account_id, other.role, other.issuer, other.password) == (local, "administrator", None, "x")
    assert account.account_id != local


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
