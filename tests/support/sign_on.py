"""Who signs in through the provider in the tests, and what the tests look up about them."""

from typing import Any

import pyotp
from sqlalchemy import text

from support.real_provider import Browser
from whistle_shared.auth import Account, find_identity, hold_account
from whistle_shared.auth import second_factor as factor
from whistle_shared.auth.accounts import set_second_factor
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


async def with_device(service: Service, person: str) -> str:
    """Has signed in once and set up a device; returns its secret."""
    async with Browser(service.app) as browser:
        await browser.signs_in(person, onward="/account")
    account, secret = await there(service, person), factor.new_secret()
    sealed = factor.seal_secret(service.keyring, account.account_id, secret)
    async with service.group.unit() as unit:
        held = await hold_account(unit, account.account_id)
        await set_second_factor(unit, OPERATOR, held, sealed, 0, [])
    return secret


def digits(secret: str) -> str:
    return pyotp.TOTP(secret).now()
