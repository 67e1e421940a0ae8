"""Idempotency keys: one answer per (caller, key), kept in the transaction that produced it (EVENTS.md R12).

INVARIANT: within KEPT a key has one answer; not long after it is as if it had never come.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

import structlog
from sqlalchemy import select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from whistle_shared.db.engine import is_passing
from whistle_shared.db.tables import idempotency
from whistle_shared.timesource import wall_now

log = structlog.get_logger(__name__)
KEPT = timedelta(days=30)
"""How long an answer is kept, in wall time."""
_EVERY = 3600.0
_AT_ONCE = 5_000
_FORGET = text(
    "delete from idempotency where ctid = any(array("
    "select ctid from idempotency where created_at < :before limit :most for update skip locked))"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command says over HTTP: status, JSON body, and whether it is a repetition of an earlier answer."""

    status: int
    body: str
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Idempotency:
    """A request that carries an idempotency key. `digest` is the SHA-256 of what was asked."""

    caller: str
    key: str
    digest: str

    @classmethod
    def of(cls, caller: str, key: str, *parts: str | bytes) -> "Idempotency":
        digest = sha256()
        for part in parts:
            digest.update(part.encode() if isinstance(part, str) else part)
            digest.update(b"\x00")
        return cls(caller, key, digest.hexdigest())

    @property
    def identity(self) -> tuple[str, str]:
        return (self.caller, self.key)


class KeyReused(Exception):
    """The same idempotency key came with another request."""

    def __init__(self) -> None:
        super().__init__("this key was used for another request before; a new request takes a new key")


async def stored_answers(
    connection: AsyncConnection, requests: list[Idempotency]
) -> dict[tuple[str, str], tuple[str, Answer]]:
    """(caller, key) → (digest, the answer given then) for those of `requests` that were answered before."""
    t = idempotency.c
    found = await connection.execute(
        select(t.caller, t.key, t.digest, t.status, t.body).where(
            tuple_(t.caller, t.key).in_([request.identity for request in requests])
        )
    )
    return {(row.caller, row.key): (row.digest, Answer(row.status, row.body, replayed=True)) for row in found}


async def forget_old(engine: AsyncEngine) -> int:
    """Delete the answers that were kept long enough, so many at a time; returns how many."""
    forgotten, before = 0, wall_now() - KEPT
    while True:
        async with engine.begin() as connection:
            gone = (await connection.execute(_FORGET, {"before": before, "most": _AT_ONCE})).rowcount
        forgotten += gone
        if gone < _AT_ONCE:
            return forgotten


async def keep_forgetting(
    engine: AsyncEngine, forget: Callable[[AsyncEngine], Awaitable[int]] = forget_old, what: str = "idempotency"
) -> None:
    """The duty: `forget` every hour; what cannot be done now is done the next time."""
    while True:
        await asyncio.sleep(_EVERY)
        try:
            if forgotten := await forget(engine):
                log.info("rows.forgotten", what=what, count=forgotten)
        except Exception as error:
            if not is_passing(error):
                raise
            log.warning("rows.forgotten_later", what=what, error=str(error)[:200])
