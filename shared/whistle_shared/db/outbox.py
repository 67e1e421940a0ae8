"""The outbox: what was said, and who has yet to confirm it.

INVARIANT: an event is sent again, with the same id, until the broker has confirmed it and every awaited consumer's
receipt has come (EVENTS.md R6). The in-memory hand-over to the relay is an optimisation; these rows are the truth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from whistle_shared.db.engine import among
from whistle_shared.db.tables import outbox_due

LEASE = timedelta(seconds=10)
FIRST_RECEIPT = timedelta(seconds=30)
STUCK_AFTER = timedelta(minutes=2)

_CLAIM = """
with due as materialized (
    select event_id, receiver from outbox_due where next_at <= clock_timestamp()
    order by next_at limit $1 for update skip locked
), moved as (
    update outbox_due d set tries = d.tries + 1, next_at = clock_timestamp() + case
        when d.receiver = 'broker' then least(60, 5 * 2 ^ least(d.tries, 10)) * interval '1 second'
        else (array[60, 120, 300, 600])[least(d.tries, 3) + 1] * interval '1 second' end
    from due where d.event_id = due.event_id and d.receiver = due.receiver
    returning d.event_id
)
select event_id, key, addressed_to, body from outbox where event_id in (select event_id from moved) order by event_id
"""
_SETTLE = """
with ended as (
    delete from outbox_due d using unnest($1::uuid[], $2::text[]) as x(event_id, receiver)
    where d.event_id = x.event_id and d.receiver = x.receiver
    returning d.event_id, d.receiver, d.stuck, d.since
)
select ended.event_id, ended.receiver, ended.since, o.key, o.subject
from ended join outbox o using (event_id) where ended.stuck
"""
_RECEIPTS_AGAIN = """
insert into outbox_due(event_id, receiver, next_at)
select receipt_id, 'broker', clock_timestamp() from inbox where event_id = any($1::uuid[]) and receipt_id is not null
on conflict (event_id, receiver) do update set next_at = excluded.next_at
"""
_STUCK = """
update outbox_due d set stuck = true from outbox o
where o.event_id = d.event_id and d.receiver <> 'broker' and not d.stuck
  and d.since < clock_timestamp() - $1::interval
returning d.event_id, d.receiver, d.since, o.key, o.subject
"""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One event on its way out: routing key, departments addressed, encoded body."""

    event_id: UUID
    key: str
    to: tuple[str, ...]
    body: bytes


class Outbox:
    """One process's dealings with its outbox. Keeps in memory only what the rows already say."""

    def __init__(self) -> None:
        self._confirmed: list[UUID] = []

    def confirmed(self, event_ids: list[UUID]) -> None:
        """The broker has these; their rows go with the next transaction that runs anyway."""
        self._confirmed.extend(event_ids)

    async def settle(self, connection: AsyncConnection, receipts: list[tuple[UUID, str]]) -> list[Any]:
        """Delete the rows that the broker's confirms and these (event, consumer) receipts end.

        Returns the rows that had been reported stuck. A confirm forgotten by a rollback costs one duplicate, which
        the consumer's inbox absorbs.
        """
        pairs = [(event_id, "broker") for event_id in self._confirmed] + receipts
        self._confirmed = []
        if not pairs:
            return []
        ended = await connection.exec_driver_sql(_SETTLE, ([p[0] for p in pairs], [p[1] for p in pairs]))
        return list(ended)

    async def claim(self, connection: AsyncConnection, limit: int) -> list[Outgoing]:
        """What is due for sending (again), leased to this process until its row's next instant."""
        rows = await connection.exec_driver_sql(_CLAIM, (limit,))
        return [Outgoing(row.event_id, row.key, tuple(row.addressed_to), row.body.encode()) for row in rows]

    async def send_receipts_again(self, connection: AsyncConnection, event_ids: list[UUID]) -> None:
        """A consumer met events it had handled before: its producer may have missed the receipts (EVENTS.md R6)."""
        await connection.exec_driver_sql(_RECEIPTS_AGAIN, (event_ids,))

    async def mark_stuck(self, connection: AsyncConnection) -> list[Any]:
        """Rows whose receipt has been missing for longer than STUCK_AFTER, each returned once."""
        return list(await connection.exec_driver_sql(_STUCK, (STUCK_AFTER,)))


async def awaited(connection: AsyncConnection, event_ids: Sequence[UUID]) -> Mapping[UUID, Sequence[str]]:
    """Who has yet to confirm these events; one that all have confirmed is not there."""
    found: dict[UUID, list[str]] = {}
    if event_ids:
        due = outbox_due.c
        query = select(due.event_id, due.receiver).where(among(due.event_id, event_ids))
        for row in await connection.execute(query):
            found.setdefault(row.event_id, []).append(row.receiver)
    return found
