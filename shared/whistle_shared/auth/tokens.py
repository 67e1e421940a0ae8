"""Tokens of machines, in the service's own database. A token is 256 random bits, so one SHA-256 is hash enough.

INVARIANT: a token ends with its last day or by being revoked; nobody can make one that never ends.
INVARIANT: noting that a token was used costs a request nothing: a duty writes it down, at most once a minute.
"""

import asyncio
import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from time import monotonic
from typing import Any
from uuid import UUID

import structlog
import uuid_utils.compat
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from whistle_shared.auth.caller import Caller, Unauthenticated, check_scope
from whistle_shared.db import Group, Unit, is_passing
from whistle_shared.db.tables import api_token
from whistle_shared.timesource import wall_now

log = structlog.get_logger(__name__)
_PREFIX = "wst_"
_REMEMBER = 5.0
_MOST = 10_000
_EVERY = 60.0
_USED = """
update api_token t set used_at = x.used_at, used_from = x.used_from
from unnest($1::uuid[], $2::timestamptz[], $3::text[]) as x(token_id, used_at, used_from)
where t.token_id = x.token_id and (t.used_at is null or t.used_at < x.used_at)
"""
VALID = timedelta(days=365)
"""How long a token lasts at most."""


def digest_of(token: str) -> bytes:
    """What is kept of a token."""
    return sha256(token.encode()).digest()


def create_token(
    unit: Unit,
    name: str,
    role: str,
    scope: str,
    expires_at: datetime | None = None,
    part: str | None = None,
    token_id: UUID | None = None,
) -> str:
    """Make a token and return it: the only time it is ever seen. Without an end it lasts VALID; without an id it gets
    one.

    Raises ValueError for a role or scope that cannot be, and for an end beyond VALID.
    """
    known, now = check_scope(role, scope), wall_now()
    if expires_at is not None and expires_at > now + VALID:
        raise ValueError(f"a token ends within {VALID.days} days")
    token = _PREFIX + secrets.token_urlsafe(32)
    unit.insert(
        api_token,
        token_id=token_id or uuid_utils.compat.uuid7(),
        name=name,
        digest=digest_of(token),
        role=known,
        scope=scope,
        part=part,
        created_at=now,
        expires_at=expires_at or now + VALID,
        revoked_at=None,
        used_at=None,
        used_from=None,
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
            select(*(column for column in t if column.name != "digest")).order_by(t.created_at.desc())
        )
        return list(rows)


class Tokens:
    """Resolves tokens to callers; remembers a known one for five seconds to spare the database, and who came from
    where until the next minute."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._known: dict[bytes, tuple[float, Caller]] = {}
        self._asked: dict[bytes, asyncio.Task[Caller]] = {}
        self._used: dict[UUID, tuple[datetime, str]] = {}

    async def caller(self, token: str | None, address: str = "") -> Caller:
        """The token's holder. `address`: where the request came from. Raises Unauthenticated."""
        if not token or len(token) > 200 or not token.isascii():
            raise Unauthenticated("a bearer token is required")
        digest = digest_of(token)
        until, caller = self._known.get(digest, (0.0, None))
        if caller is None or monotonic() >= until:
            caller = await self._look_up_once(digest)
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[digest] = (monotonic() + _REMEMBER, caller)
        self._used[caller.id] = (wall_now(), address)
        return caller

    async def note_uses(self, group: Group) -> None:
        """Write down when and from where each token was last used since the last time. What cannot be written now is
        kept for the next time; raises what the database raised."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            async with group.unit() as unit:
                columns = (list(used), [at for at, _ in used.values()], [address for _, address in used.values()])
                await unit.connection.exec_driver_sql(_USED, columns)
        except Exception:
            self._used = used | self._used
            raise

    async def keep_uses(self, group: Group) -> None:
        """Note the uses once a minute, until cancelled."""
        while True:
            await asyncio.sleep(_EVERY)
            try:
                await self.note_uses(group)
            except Exception as error:
                if not is_passing(error):
                    raise
                log.warning("token.uses_not_noted", error=str(error)[:200])

    async def _look_up_once(self, digest: bytes) -> Caller:
        """Requests with the same token share one look-up, or a busy caller's would take every connection at once."""
        asked = self._asked.get(digest)
        if asked is None:
            asked = self._asked[digest] = asyncio.create_task(self._look_up(digest))
            asked.add_done_callback(lambda _: self._asked.pop(digest))
        return await asyncio.shield(asked)

    async def _look_up(self, digest: bytes) -> Caller:
        t = api_token.c
        query = select(t.token_id, t.name, t.role, t.scope, t.part).where(
            t.digest == digest, t.revoked_at.is_(None), t.expires_at > wall_now()
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise Unauthenticated("the token is unknown, expired or revoked")
        return Caller(row.token_id, row.name, row.role, row.scope, row.part, "token")
