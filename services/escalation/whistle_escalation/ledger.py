"""The projection of the measures in the database: one row per whistle and per task, and sums over them.

Folded in the transaction that logs the event, so the projection and the log never tell two stories.
INVARIANT: nothing that is logged is left out of the projection.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from whistle_escalation import measures, tables
from whistle_escalation.measures import By, Counts, Ledger, Period, TaskRecord
from whistle_shared.contracts import EventData
from whistle_shared.db import Unit, among

Row = dict[str, Any]

_SUMS = {
    "department": """
        select t.department as unit, c.key, sum(c.value::bigint) as n
        from measure_task t, jsonb_each_text(t.counts) c
        where t.began_at >= :starts and t.began_at < :ends group by 1, 2""",
    "street": """
        select r.street as unit, c.key, sum(c.value::bigint) as n
        from (select street, began_at, counts from measure_task
              union all select street, began_at, counts from measure_whistle) r, jsonb_each_text(r.counts) c
        where r.began_at >= :starts and r.began_at < :ends group by 1, 2""",
}
_BEHIND = """
select {key} as id, whistle_id, {task} as task_id, number, street, {department} as department, began_at, counts
from {table}
where began_at >= :starts and began_at < :ends and counts ?| :keys
  and ({unit} = cast(:unit as text) or :unit = '*') and {key} > :after
order by {key} limit :limit
"""
_TASKS_BEHIND = _BEHIND.format(
    key="task_id", task="task_id", department="department", table="measure_task", unit="{unit}"
)
_WHISTLES_BEHIND = _BEHIND.format(
    key="whistle_id",
    task="cast(null as uuid)",
    department="cast(null as text)",
    table="measure_whistle",
    unit="street",
)
# The reader of a board waits until whatever is being logged is there, and nothing is logged until it has read: what it
# sees is exactly the log up to one position. A second publisher waits for the first.
_HOLD = "lock table event_log in share row exclusive mode"


@dataclass(slots=True)
class Held:
    """A whistle's ledger with its rows as they are stored or about to be."""

    ledger: Ledger
    whistle: Row | None = None
    tasks: dict[UUID, Row] = field(default_factory=dict)


@dataclass(slots=True)
class BoardWanted:
    """Which board is to be published; the sums per unit are filled in when the transaction has read them."""

    by: By
    period: Period
    before: Period
    now: dict[str, Counts] = field(default_factory=dict)
    earlier: dict[str, Counts] = field(default_factory=dict)
    position: int = 0


# -- folding --------------------------------------------------------------------------------------------------


async def load(unit: Unit, whistle_ids: Iterable[UUID]) -> None:
    """Fetch the ledgers of these whistles, in two statements for them all."""
    ids = list(whistle_ids)
    unit.ledgers.update({whistle_id: Held(measures.empty(whistle_id)) for whistle_id in ids})
    w, t = tables.measure_whistle, tables.measure_task
    for row in (await unit.connection.execute(w.select().where(among(w.c.whistle_id, ids)))).mappings():
        held: Held = unit.ledgers[row["whistle_id"]]
        held.whistle = dict(row)
        held.ledger.whistle = measures.whistle_from(row["facts"])
    for row in (await unit.connection.execute(t.select().where(among(t.c.whistle_id, ids)))).mappings():
        held = unit.ledgers[row["whistle_id"]]
        held.tasks[row["task_id"]] = dict(row)
        held.ledger.tasks[row["task_id"]] = measures.task_from(row["facts"])


def fold(unit: Unit, data: EventData, at: datetime, event_id: UUID) -> None:
    """Take down an event that is being logged."""
    whistle_id = measures.about(data)
    if whistle_id is None:
        return
    held: Held = unit.ledgers.setdefault(whistle_id, Held(measures.empty(whistle_id)))
    measures.fold(held.ledger, data, at, event_id)
    only = measures.only_task(data)
    if only is not None and only in held.ledger.tasks and held.whistle is not None:
        _write_task(unit, held, held.ledger.tasks[only])
        return
    _write_whistle(unit, held)
    for task in held.ledger.tasks.values():
        _write_task(unit, held, task)


def _write_whistle(unit: Unit, held: Held) -> None:
    row = whistle_row(held.ledger)
    if row != held.whistle:
        _write(unit, tables.measure_whistle, row, new=held.whistle is None)
        held.whistle = row


def _write_task(unit: Unit, held: Held, task: TaskRecord) -> None:
    row, known = task_row(held.ledger, task), held.tasks.get(task.task_id)
    if row != known:
        _write(unit, tables.measure_task, row, new=known is None)
        held.tasks[task.task_id] = row


def _write(unit: Unit, table: Any, row: Row, *, new: bool) -> None:
    stored = {**row, "facts": orjson.dumps(row["facts"]).decode(), "counts": orjson.dumps(row["counts"]).decode()}
    (unit.insert if new else unit.update)(table, **stored)


async def clear(unit: Unit) -> None:
    """Empty the projection; nothing is logged until this transaction has ended."""
    await unit.connection.execute(text(_HOLD))
    for table in (tables.measure_task, tables.measure_whistle):
        await unit.connection.execute(table.delete())


def put(unit: Unit, ledger: Ledger) -> None:
    """Store a whistle's ledger where there is none."""
    held = Held(ledger)
    _write_whistle(unit, held)
    for task in ledger.tasks.values():
        _write_task(unit, held, task)


def whistle_row(ledger: Ledger) -> Row:
    """The row of a whistle as it is to be."""
    whistle = ledger.whistle
    return {
        "whistle_id": whistle.whistle_id,
        "street": whistle.street,
        "number": whistle.number,
        "began_at": whistle.began_at,
        "facts": measures.whistle_json(whistle),
        "counts": measures.whistle_counts(whistle),
    }


def task_row(ledger: Ledger, task: TaskRecord) -> Row:
    """The row of a task as it is to be; a task belongs to the period in which it was called."""
    return {
        "task_id": task.task_id,
        "whistle_id": ledger.whistle.whistle_id,
        "department": task.department,
        "street": ledger.whistle.street,
        "number": ledger.whistle.number,
        "began_at": task.called_at,
        "facts": measures.task_json(task),
        "counts": measures.task_counts(ledger, task),
    }


# -- reading --------------------------------------------------------------------------------------------------


async def sums(connection: AsyncConnection, by: By, period: Period) -> dict[str, Counts]:
    """The contributions of a period, summed by unit; `*` is the whole district."""
    found = await connection.execute(text(_SUMS[by]), {"starts": period.starts_at, "ends": period.ends_at})
    by_unit: dict[str, Counts] = {}
    for row in found:
        by_unit.setdefault(row.unit, {})[row.key] = int(row.n)
    return {**by_unit, measures.DISTRICT: measures.total(by_unit.values())}


async def behind(
    connection: AsyncConnection,
    keys: Sequence[str],
    by: By,
    unit: str,
    period: Period,
    after: UUID | None,
    limit: int,
) -> Sequence[Any]:
    """A page of the tasks (for what is counted in whistles: the whistles) that contribute to one of `keys`, in the
    order of their ids."""
    of_whistles = set(keys) <= measures.OF_WHISTLES
    statement = _WHISTLES_BEHIND if of_whistles else _TASKS_BEHIND.format(unit=by)
    asked = {
        "starts": period.starts_at,
        "ends": period.ends_at,
        "keys": list(keys),
        "unit": unit,
        "after": after or UUID(int=0),
        "limit": limit,
    }
    rows: Sequence[Any] = (await connection.execute(text(statement), asked)).all()
    return rows


async def prepare(unit: Unit, wanted: BoardWanted) -> None:
    """Read what a board is made of, at one position of the log."""
    await unit.connection.execute(text(_HOLD))
    newest = await unit.connection.execute(text("select coalesce(max(position), 0) from event_log"))
    wanted.position = int(newest.scalar_one())
    wanted.now = await sums(unit.connection, wanted.by, wanted.period)
    wanted.earlier = await sums(unit.connection, wanted.by, wanted.before)


def add_board(unit: Unit, row: Row) -> None:
    """Append a published board."""
    unit.insert(tables.board, **{**row, "rows": orjson.dumps(row["rows"]).decode()})


async def boards(
    connection: AsyncConnection, period: str | None, by: By | None, before: UUID | None, limit: int
) -> list[Row]:
    """A page of published boards, newest first."""
    b = tables.board.c
    query = tables.board.select().order_by(b.board_id.desc()).limit(limit)
    if before is not None:
        query = query.where(b.board_id < before)
    for column, value in ((b.period, period), (b.units, by)):
        if value is not None:
            query = query.where(column == value)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def board(connection: AsyncConnection, board_id: UUID) -> Row | None:
    """One published board."""
    found = (await connection.execute(tables.board.select().where(tables.board.c.board_id == board_id))).mappings()
    row = found.one_or_none()
    return None if row is None else dict(row)


async def board_names(connection: AsyncConnection, by: By, limit: int) -> Sequence[Any]:
    """The newest boards of departments or streets, without their rows."""
    b = tables.board.c
    query = select(b.board_id, b.period, b.published_at, b.published_by).where(b.units == by)
    rows: Sequence[Any] = (await connection.execute(query.order_by(b.board_id.desc()).limit(limit))).all()
    return rows
