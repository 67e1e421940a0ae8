"""Sessions of people at a browser: the cookie carries a random secret, the database its digest and whose account it is.

INVARIANT: a session ends with its account, by signing out, after IDLE without use, and after LASTING in any case; what
the cookie carries is worth nothing afterwards.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from whistle_shared.auth.caller import Caller
from whistle_shared.auth.roles import takes_second_factor
from whistle_shared.auth.tokens import digest_of
from whistle_shared.db import Unit
from whistle_shared.db.tables import account, web_session
from whistle_shared.timesource import wall_now

IDLE = timedelta(hours=12)
LASTING = timedelta(days=7)
_RENEW_BELOW = IDLE - timedelta(minutes=10)
_MOST_AGENT = 200
Owed = Literal["password", "second factor"]


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in. `second_factor`: given when it was opened. `must_change`: nothing but a new password is
    possible. `ageing`: some of its time has gone; renew it. `issuer`: the provider that its account signs in by, None
    for an account of our own."""

    session_id: UUID
    caller: Caller
    second_factor: bool
    must_change: bool
    ageing: bool
    issuer: str | None

    @property
    def owes(self) -> Owed | None:
        """What its person has to do before anything else opens."""
        if self.must_change:
            return "password"
        return "second factor" if takes_second_factor(self.caller.role) and not self.second_factor else None


async def open_session(unit: Unit, account_id: UUID, *, second_factor: bool, address: str, agent: str) -> str:
    """Begin a session of an account; returns the cookie's secret. Sweeps away what has expired."""
    now, t = wall_now(), web_session.c
    await unit.connection.execute(delete(web_session).where(t.expires_at < now))
    secret = secrets.token_urlsafe(32)
    unit.insert(
        web_session,
        digest=digest_of(secret),
        session_id=uuid_utils.compat.uuid7(),
        account_id=account_id,
        opened_at=now,
        used_at=now,
        expires_at=now + IDLE,
        ends_at=now + LASTING,
        second_factor=second_factor,
        address=address,
        agent=agent[:_MOST_AGENT],
    )
    return secret


async def find_session(connection: AsyncConnection, secret: str) -> Session | None:
    """The live session behind a cookie, or None."""
    now, t, a = wall_now(), web_session.c, account.c
    query = (
        select(t.session_id, t.expires_at, t.ends_at, t.second_factor)
        .add_columns(a.account_id, a.name, a.role, a.scope, a.part, a.must_change, a.issuer)
        .join_from(web_session, account, t.account_id == a.account_id)
        .where(t.digest == digest_of(secret), t.expires_at > now, a.disabled_at.is_(None))
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    caller = Caller(row.account_id, row.name, row.role, row.scope, row.part, "account")
    ageing = row.expires_at - now < _RENEW_BELOW and row.expires_at < row.ends_at
    return Session(row.session_id, caller, row.second_factor, row.must_change, ageing, row.issuer)


async def renew_session(unit: Unit, secret: str) -> None:
    """It is in use: count IDLE from now, but never beyond its end. One that has been ended meanwhile stays ended."""
    now, t = wall_now(), web_session.c
    live = update(web_session).where(t.digest == digest_of(secret), t.expires_at > now)
    await unit.connection.execute(live.values(used_at=now, expires_at=func.least(now + IDLE, t.ends_at)))


async def end_sessions(unit: Unit, account_id: UUID, *, only: UUID | None = None) -> None:
    """End an account's sessions now: all, or only one (by session id)."""
    t = web_session.c
    chosen = update(web_session).where(t.account_id == account_id, t.expires_at > wall_now())
    if only is not None:
        chosen = chosen.where(t.session_id == only)
    await unit.connection.execute(chosen.values(expires_at=wall_now()))


async def list_sessions(connection: AsyncConnection, account_id: UUID) -> list[Any]:
    """An account's live sessions, the newest first, without what the cookies carry."""
    t = web_session.c
    live = select(t.session_id, t.opened_at, t.used_at, t.expires_at, t.second_factor, t.address, t.agent)
    live = live.where(t.account_id == account_id, t.expires_at > wall_now()).order_by(t.opened_at.desc())
    return list(await connection.execute(live))
