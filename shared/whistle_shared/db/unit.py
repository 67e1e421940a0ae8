"""The Unit: one transaction that collects rows and events and writes them set-based.

A handler is a plain function about one thing: it reads what was loaded into `unit.cases`, decides with the pure
domain, and calls `insert`, `update` and `emit`. `flush` then writes each table once for the whole batch.
INVARIANT: whoever works on a subject (a whistle) holds that subject's lock for the whole transaction, so nothing
is ever decided on a stale reading, not even about rows that do not exist yet.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import orjson
import uuid_utils.compat
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from whistle_shared.contracts import Event, EventData, encode
from whistle_shared.db.outbox import FIRST_RECEIPT, Outgoing
from whistle_shared.db.tables import outbox, outbox_due
from whistle_shared.observability import Trace
from whistle_shared.timesource import wall_now

_dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
_LOCK = "select pg_advisory_xact_lock(hashtextextended(s, 0)) from unnest($1::text[]) as s"
_VERSIONS = (
    "insert into subject_version(subject, version) select * from unnest($1::text[], $2::bigint[]) "
    "on conflict (subject) do update set version = subject_version.version + excluded.version "
    "returning subject, version"
)


class Unit:
    """One transaction of one service. `now` is business time, read once.

    `cases` holds what the service knows about each whistle of the batch, `ledgers` what it projects beside that,
    `reference` what it looks things up in (registry, calendars): all are filled by the service's `load` before any
    handler runs. `photos` holds the rows of the photos that the batch names.
    """

    def __init__(self, connection: AsyncConnection, producer: str, now: datetime, lease: timedelta) -> None:
        self.connection = connection
        self.producer = producer
        self.now = now
        self.lease = lease
        self.cases: dict[UUID, Any] = {}
        self.ledgers: dict[UUID, Any] = {}
        self.photos: dict[UUID, Any] = {}
        self.trace: Trace
        self.cause: Event[EventData] | None = None
        self.receipts: list[tuple[UUID, str]] = []
        self.repeated: list[UUID] = []
        self.outgoing: list[Outgoing] = []
        self.touches = 0
        self.reference: Any = None
        self._inserts: dict[tuple[Table, bool], list[dict[str, Any]]] = {}
        self._updates: dict[Table, dict[tuple[Any, ...], dict[str, Any]]] = {}
        self._events: list[tuple[Event[EventData], tuple[str, ...], tuple[str, ...]]] = []

    # -- what a handler may do ------------------------------------------------------------------------------

    def insert(self, table: Table, **row: Any) -> None:
        """Add one row; every column without an identity must be given. A duplicate key fails the transaction."""
        self.touches += 1
        self._inserts.setdefault((table, False), []).append(row)

    def keep(self, table: Table, **row: Any) -> None:
        """Add one row unless its key is there already."""
        self.touches += 1
        self._inserts.setdefault((table, True), []).append(row)

    def update(self, table: Table, **row: Any) -> None:
        """Change the row with this primary key: the key's columns and the ones that change. The last word counts."""
        self.touches += 1
        key = tuple(row[column.name] for column in table.primary_key)
        rows = self._updates.setdefault(table, {})
        rows[key] = rows.get(key, {}) | row

    def emit(
        self, data: EventData, subject: UUID | str, *, to: Iterable[str] = (), awaiting: Iterable[str] = ()
    ) -> UUID:
        """Say that something happened, now. Returns the event's id.

        `to`: departments that must see it (EVENTS.md R7). `awaiting`: consumers whose receipt ends its re-sending
        (R6), by producer name: `dispatch`, `department.<instance>`…
        """
        self.touches += 1
        cause = self.cause
        hop = self.trace.next_hop()
        event = Event(
            id=uuid_utils.compat.uuid7(),
            producer=self.producer,
            subject=str(subject),
            time=self.now,
            data=data,
            correlation_id=hop.correlation_id,
            causation_id=cause.id if cause else None,
            cause_time=cause.time if cause else None,
            traceparent=hop.traceparent,
        )
        self._events.append((event, tuple(sorted(set(to))), tuple(sorted(set(awaiting)))))
        return event.id

    def receipt_for(self, event_id: UUID) -> UUID | None:
        """The first event emitted in answer to `event_id`: its receipt (EVENTS.md R6)."""
        return next((event.id for event, _, _ in self._events if event.causation_id == event_id), None)

    # -- what the runner does -------------------------------------------------------------------------------

    async def lock(self, subjects: Iterable[str]) -> None:
        """Wait for the sole right to work on these subjects, in one order for everybody, so nobody deadlocks."""
        ordered = sorted(set(subjects))
        if ordered:
            await self.connection.exec_driver_sql(_LOCK, (ordered,))

    async def flush(self) -> None:
        """Write everything collected: one statement per table and shape."""
        await self._write_events()
        for (table, lenient), rows in self._inserts.items():
            await self._write(_insert_sql(table, lenient), rows, _insert_columns(table))
        for table, changed in self._updates.items():
            for columns, rows in _by_shape(changed.values()).items():
                await self._write(_update_sql(table, columns), rows, columns)

    async def _write(self, statement: str, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
        await self.connection.exec_driver_sql(statement, tuple([row[column] for row in rows] for column in columns))

    async def _write_events(self) -> None:
        if not self._events:
            return
        versions = await self._versions()
        wall = wall_now()
        for event, to, awaiting in self._events:
            versions[event.subject] += 1
            body = encode(replace(event, subject_version=versions[event.subject]))
            self.outgoing.append(Outgoing(event.id, event.key, to, body))
            self.insert(
                outbox,
                event_id=event.id,
                key=event.key,
                subject=event.subject,
                addressed_to=orjson.dumps(to).decode(),
                body=body.decode(),
                created_at=wall,
            )
            self._due(event.id, "broker", wall, self.lease)
            for receiver in awaiting:
                self._due(event.id, receiver, wall, FIRST_RECEIPT)

    def _due(self, event_id: UUID, receiver: str, wall: datetime, after: timedelta) -> None:
        self.insert(
            outbox_due,
            event_id=event_id,
            receiver=receiver,
            next_at=wall + after,
            since=wall,
            tries=0,
            stuck=False,
        )

    async def _versions(self) -> dict[str, int]:
        """Draw as many versions per subject as it has events; returns the version before the first of them."""
        counts: dict[str, int] = {}
        for event, _, _ in self._events:
            counts[event.subject] = counts.get(event.subject, 0) + 1
        subjects = sorted(counts)
        drawn = await self.connection.exec_driver_sql(_VERSIONS, (subjects, [counts[s] for s in subjects]))
        return {row.subject: row.version - counts[row.subject] for row in drawn}


def _by_shape(rows: Iterable[dict[str, Any]]) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    """Rows that name the same columns can be written together."""
    shapes: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        shapes.setdefault(tuple(sorted(row)), []).append(row)
    return shapes


def columns_of(value: Any) -> dict[str, Any]:
    """A slotted dataclass's fields by name, for a row. `dataclasses.asdict` would copy every value deeply."""
    return {name: getattr(value, name) for name in value.__slots__}


def _sql_type(table: Table, column: str) -> tuple[str, str]:
    """(type of the array parameter's elements, cast on selection): jsonb travels as text."""
    kind = table.c[column].type
    if isinstance(kind, JSONB):
        return "text", "::jsonb"
    return kind.compile(dialect=_dialect), ""


def _unnest(table: Table, columns: tuple[str, ...]) -> str:
    arrays = ", ".join(f"${i}::{_sql_type(table, c)[0]}[]" for i, c in enumerate(columns, 1))
    return f"unnest({arrays}) as x({', '.join(_quoted(columns))})"


def _quoted(columns: Iterable[str]) -> list[str]:
    return [f'"{column}"' for column in columns]


@cache
def _insert_columns(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns if column.identity is None)


@cache
def _insert_sql(table: Table, lenient: bool) -> str:
    columns = _insert_columns(table)
    values = ", ".join(f'x."{c}"{_sql_type(table, c)[1]}' for c in columns)
    into = f"insert into {table.name}({', '.join(_quoted(columns))})"
    return f"{into} select {values} from {_unnest(table, columns)}" + (" on conflict do nothing" if lenient else "")


@cache
def _update_sql(table: Table, columns: tuple[str, ...]) -> str:
    keys = [column.name for column in table.primary_key]
    changes = ", ".join(f'"{c}" = x."{c}"{_sql_type(table, c)[1]}' for c in columns if c not in keys)
    matched = " and ".join(f't."{key}" = x."{key}"' for key in keys)
    return f"update {table.name} t set {changes} from {_unnest(table, columns)} where {matched}"
