"""Idempotency keys: one answer per (caller, key), kept in the transaction that produced it (EVENTS.md R12)."""

from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from whistle_shared.db.tables import idempotency


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
