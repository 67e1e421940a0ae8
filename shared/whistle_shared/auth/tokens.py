"""Tokens in the service's own database. A token is 256 random bits, so one SHA-256 is hash enough."""

import asyncio
import secrets
from datetime import datetime
from hashlib import sha256
from time import monotonic
from typing import Any

import uuid_utils.compat
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from whistle_shared.auth.caller import EVERYWHERE, ROLES, STREET_ROLES, Caller, Role, Unauthenticated
from whistle_shared.db import Unit
from whistle_shared.db.tables import api_token
from whistle_shared.timesource import wall_now

_PREFIX = "wst_"
_REMEMBER = 5.0
_MOST = 10_000


def digest_of(token: str) -> bytes:
    """What is kept of a token."""
    return sha256(token.encode()).digest()


def create_token(unit: Unit, name: str, role: str, scope: str, expires_at: datetime | None = None) -> str:
    """Make a token and return it: the only time it is ever seen. Raises ValueError for an unknown role."""
    if role not in ROLES:
        raise ValueError(f"role {role!r} is not one of {', '.join(ROLES)}")
    if role in (*STREET_ROLES, "department") and scope == EVERYWHERE:
        raise ValueError(f"a token of role {role!r} needs a {role} code as its scope")
    if role in ("district", "operations") and scope != EVERYWHERE:
        raise ValueError(f"a token of role {role!r} sees the whole district: its scope is {EVERYWHERE}")
    token = _PREFIX + secrets.token_urlsafe(32)
    unit.insert(
        api_token,
        token_id=uuid_utils.compat.uuid7(),
        name=name,
        digest=digest_of(token),
        role=role,
        scope=scope,
        created_at=wall_now(),
        expires_at=expires_at,
        revoked_at=None,
    )
    return token


def revoke_token(unit: Unit, token_id: Any) -> None:
    """End a token; processes that remember it forget it within five seconds."""
    unit.update(api_token, token_id=token_id, revoked_at=wall_now())


async def list_tokens(engine: AsyncEngine) -> list[Any]:
    """All tokens, newest first, without anything that could be used in their place."""
    t = api_token.c
    async with engine.connect() as connection:
        rows = await connection.execute(
            select(t.token_id, t.name, t.role, t.scope, t.created_at, t.expires_at, t.revoked_at).order_by(
                t.created_at.desc()
            )
        )
        return list(rows)


class Tokens:
    """Resolves tokens to callers; remembers a known one for five seconds to spare the database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._known: dict[bytes, tuple[float, Caller]] = {}
        self._asked: dict[bytes, asyncio.Task[Caller]] = {}

    async def caller(self, token: str | None) -> Caller:
        """The token's holder. Raises Unauthenticated."""
        if not token or len(token) > 200 or not token.isascii():
            raise Unauthenticated("a bearer token is required")
        digest = digest_of(token)
        until, caller = self._known.get(digest, (0.0, None))
        if caller is not None and monotonic() < until:
            return caller
        caller = await self._look_up_once(digest)
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[digest] = (monotonic() + _REMEMBER, caller)
        return caller

    async def _look_up_once(self, digest: bytes) -> Caller:
        """Requests with the same token share one look-up, or a busy caller's would take every connection at once."""
        asked = self._asked.get(digest)
        if asked is None:
            asked = self._asked[digest] = asyncio.create_task(self._look_up(digest))
            asked.add_done_callback(lambda _: self._asked.pop(digest))
        return await asyncio.shield(asked)

    async def _look_up(self, digest: bytes) -> Caller:
        t = api_token.c
        valid = or_(t.expires_at.is_(None), t.expires_at > wall_now())
        query = select(t.token_id, t.name, t.role, t.scope).where(t.digest == digest, t.revoked_at.is_(None), valid)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise Unauthenticated("the token is unknown, expired or revoked")
        role: Role = row.role
        return Caller(row.token_id, row.name, role, row.scope)
