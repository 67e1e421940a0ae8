"""Signing in through the certified OpenID provider of npm, a process of its own, with every redirect and form.

INVARIANTS tested here: an account of single sign-on is found by issuer and subject and by nothing else; an attempt is
taken back once; a provider's tokens are read and forgotten.
"""

import re
from copy import deepcopy

import pytest
from sqlalchemy import text

from support.duty import Duty, refusals
from support.real_provider import Browser, RealProvider
from support.sign_on import OPERATOR, PEOPLE, audited, digits, known, live_sessions, there, with_device
from whistle_shared.auth import Person, create_account, find_username, hold_account
from whistle_shared.auth.accounts import disable_account


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
        answer = await browser.chooses_provider()
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
    secrets = {person: await with_device(service, person) for person in ("u-admin", "u-strong")}
    async with Browser(service.app) as browser, Browser(service.app) as strong:
        page = await browser.signs_in("u-admin", onward="/admin/accounts")
        assert page.url.path == "/sign-in/second-factor"
        assert (await browser.goes("/admin/accounts")).url.path == "/sign-in"
        answer = await browser.sends(page, code=digits(secrets["u-admin"]))
        assert answer.headers["location"] == "/admin/accounts"
        assert (await browser.goes("/admin/accounts")).url.path == "/admin/accounts"
        assert (await strong.signs_in("u-strong", onward="/admin/accounts")).url.path == "/admin/accounts"


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
