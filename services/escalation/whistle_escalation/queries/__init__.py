"""Read models. Here those of the API; `scenes` is what the dashboard shows, `listings` the lists behind its numbers,
`dossiers` one clock with all about it, `scoping` whose rows."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Select, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from whistle_escalation import domain, store, tables
from whistle_escalation.queries.scenes import OUTCOME, open_by_rung
from whistle_escalation.queries.scoping import scoped
from whistle_shared.auth import Caller
from whistle_shared.errors import NotFound
from whistle_shared.replica import Replica

_c, _e, _m = tables.clock.c, tables.escalation.c, tables.matter.c


async def clocks(
    engine: AsyncEngine, caller: Caller, filters: dict[str, Any], after: UUID | None, limit: int
) -> Sequence[Any]:
    """A page of clocks in the order of their ids; `filters` by column (None: any)."""
    return await _page(engine, _clocks(caller), _c.clock_id, filters, after, limit)


async def clock(engine: AsyncEngine, caller: Caller, clock_id: UUID) -> Any:
    """One clock with its whistle's number, title and street. Raises NotFound."""
    return await _one(engine, _clocks(caller), _c.clock_id, clock_id)


async def task(engine: AsyncEngine, caller: Caller, task_id: UUID) -> Any:
    """One task's whistle and department. Raises NotFound."""
    t = tables.task.c
    query = select(t.task_id, t.whistle_id, t.department, _m.street).join_from(
        tables.task, tables.matter, t.whistle_id == _m.whistle_id
    )
    return await _one(engine, scoped(query, caller, t.department), t.task_id, task_id)


async def matter(engine: AsyncEngine, whistle_id: UUID) -> domain.Matter:
    """Everything known of one whistle, as it stands."""
    async with engine.connect() as connection:
        return (await store.read_matters(connection, [whistle_id]))[whistle_id].matter


async def explanation(
    engine: AsyncEngine, replica: Replica, caller: Caller, clock_id: UUID
) -> tuple[domain.Explanation, Any]:
    """Why a clock is due when it is, and the clock's row. Raises NotFound."""
    row = await clock(engine, caller, clock_id)
    known = await matter(engine, row.whistle_id)
    found = domain.explanation(known, known.clocks[clock_id], replica.calendar)
    if found is None:
        raise NotFound(f"the terms of clock {clock_id}")
    return found, row


async def letters(
    engine: AsyncEngine, caller: Caller, filters: dict[str, Any], after: UUID | None, limit: int
) -> Sequence[Any]:
    """A page of letters in the order of their ids; `filters` by column (None: any). `letter_id` finds one."""
    letter = tables.letter.c
    query = select(tables.letter, _m.number.label("whistle_number")).join_from(
        tables.letter, tables.matter, letter.whistle_id == _m.whistle_id
    )
    return await _page(engine, scoped(query, caller, letter.department), letter.letter_id, filters, after, limit)


async def escalations(
    engine: AsyncEngine, caller: Caller, filters: dict[str, Any], after: UUID | None, limit: int
) -> Sequence[Any]:
    """A page of escalations in the order of their ids; `filters` by column (None: any)."""
    return await _page(engine, _escalations(caller), _e.escalation_id, filters, after, limit)


async def escalation(engine: AsyncEngine, caller: Caller, escalation_id: UUID) -> Any:
    """One escalation. Raises NotFound."""
    return await _one(engine, _escalations(caller), _e.escalation_id, escalation_id)


async def statistics(engine: AsyncEngine, caller: Caller) -> tuple[Sequence[Any], dict[int, int]]:
    """Per department its clocks by name and outcome, and the open escalations by rung."""
    by_clock = (
        select(_c.department, _c.name, OUTCOME, func.count().label("n"))
        .join_from(tables.clock, tables.matter, _c.whistle_id == _m.whistle_id)
        .where(_c.department.is_not(None), _c.name.in_(("ack", "arrive", "resolve")))
        .group_by(_c.department, _c.name, OUTCOME)
    )
    async with engine.connect() as connection:
        counted = (await connection.execute(scoped(by_clock, caller, _c.department))).all()
        rungs = (await connection.execute(open_by_rung(caller))).all()
    return counted, {row.rung: row.n for row in rungs}


def _clocks(caller: Caller) -> Select[Any]:
    query = select(tables.clock, _m.number, _m.title, _m.street)
    return scoped(query.join_from(tables.clock, tables.matter, _c.whistle_id == _m.whistle_id), caller, _c.department)


def _escalations(caller: Caller) -> Select[Any]:
    query = select(tables.escalation, _m.number, _m.title, _m.street)
    return scoped(
        query.join_from(tables.escalation, tables.matter, _e.whistle_id == _m.whistle_id), caller, _e.department
    )


async def _page(
    engine: AsyncEngine, query: Select[Any], key: Column[Any], filters: dict[str, Any], after: UUID | None, limit: int
) -> Sequence[Any]:
    for name, value in filters.items():
        if value is not None:
            query = query.where(key.table.c[name] == value)
    if after is not None:
        query = query.where(key > after)
    async with engine.connect() as connection:
        rows: Sequence[Any] = (await connection.execute(query.order_by(key).limit(limit))).all()
    return rows


async def _one(engine: AsyncEngine, query: Select[Any], key: Column[Any], value: UUID) -> Any:
    async with engine.connect() as connection:
        row = (await connection.execute(query.where(key == value))).one_or_none()
    if row is None:
        raise NotFound(f"{key.table.name} {value}")
    return row
