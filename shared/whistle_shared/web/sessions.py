"""Sessions of people at a browser: the cookie carries a random secret, the database its digest and whose token it is.

INVARIANT: a session ends with its token, by signing out, or after IDLE without use; what the cookie carries is worth
nothing afterwards and never was the token itself.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, DateTime, LargeBinary, MetaData, Table, Uuid, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from whistle_shared.auth import Caller, digest_of
from whistle_shared.db import Unit, metadata
from whistle_shared.timesource import wall_now

IDLE = timedelta(hours=12)
_RENEW_BELOW = IDLE - timedelta(hours=1)
_token = metadata.tables["api_token"].c


def session_table(own: MetaData) -> Table:
    """The table of a service that has pages. Times are technical."""
    return Table(
        "web_session",
        own,
        Column("digest", LargeBinary, primary_key=True),
        Column("token_id", Uuid, nullable=False),
        Column("opened_at", DateTime(timezone=True), nullable=False),
        Column("expires_at", DateTime(timezone=True), nullable=False),
    )


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in. `ageing`: an hour of its time has gone; renew it."""

    caller: Caller
    ageing: bool


async def open_session(unit: Unit, sessions: Table, caller: Caller) -> str:
    """Begin a session for the holder of a token; returns the cookie's secret. Sweeps away what has expired."""
    now = wall_now()
    await unit.connection.execute(delete(sessions).where(sessions.c.expires_at < now))
    secret = secrets.token_urlsafe(32)
    unit.insert(
        sessions,
        digest=digest_of(secret),
        token_id=caller.token_id,
        opened_at=now,
        expires_at=now + IDLE,
    )
    return secret


def renew_session(unit: Unit, sessions: Table, secret: str) -> None:
    """It is in use: count IDLE from now."""
    unit.update(sessions, digest=digest_of(secret), expires_at=wall_now() + IDLE)


def close_session(unit: Unit, sessions: Table, secret: str) -> None:
    """End it now."""
    unit.update(sessions, digest=digest_of(secret), expires_at=wall_now())


async def find_session(connection: AsyncConnection, sessions: Table, secret: str) -> Session | None:
    """The live session behind a cookie, or None."""
    now: datetime = wall_now()
    query = (
        select(sessions.c.expires_at, _token.token_id, _token.name, _token.role, _token.scope)
        .join_from(sessions, metadata.tables["api_token"], sessions.c.token_id == _token.token_id)
        .where(sessions.c.digest == digest_of(secret), sessions.c.expires_at > now)
        .where(_token.revoked_at.is_(None), or_(_token.expires_at.is_(None), _token.expires_at > now))
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    return Session(Caller(row.token_id, row.name, row.role, row.scope), row.expires_at - now < _RENEW_BELOW)
