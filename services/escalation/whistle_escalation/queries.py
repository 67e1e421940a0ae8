"""Read models: clocks, escalations, statistics, the event log."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from whistle_escalation import tables
from whistle_shared.auth import Caller
from whistle_shared.errors import NotFound

_c, _e, _m = tables.clock.c, tables.escalation.c, tables.matter.c


def _scoped(query: Select[Any], caller: Caller, department: ColumnElement[Any]) -> Select[Any]:
    """What exists for the caller: a department's own, a street's own whistles, or everything."""
    if caller.scope == "*":
        return query
    return query.where((_m.street if caller.role == "street" else department) == caller.scope)


async def clocks(
    engine: AsyncEngine,
    caller: Caller,
    filters: dict[str, Any],
    after: UUID | None,
    limit: int,
) -> Sequence[Any]:
    """A page of clocks in the order of their ids; `filters` by column (None: any)."""
    query = select(tables.clock, _m.number, _m.title, _m.street).join_from(
        tables.clock, tables.matter, _c.whistle_id == _m.whistle_id
    )
    query = _scoped(query, caller, _c.department)
    for name, value in filters.items():
        if value is not None:
            query = query.where(_c[name] == value)
    if after is not None:
        query = query.where(_c.clock_id > after)
    async with engine.connect() as connection:
        rows: Sequence[Any] = (await connection.execute(query.order_by(_c.clock_id).limit(limit))).all()
    return rows


async def escalations(
    engine: AsyncEngine, caller: Caller, filters: dict[str, Any], after: UUID | None, limit: int
) -> Sequence[Any]:
    """A page of escalations in the order of their ids; `filters` by column (None: any)."""
    query = _scoped(_escalations(), caller, _e.department)
    for name, value in filters.items():
        if value is not None:
            query = query.where(_e[name] == value)
    if after is not None:
        query = query.where(_e.escalation_id > after)
    async with engine.connect() as connection:
        rows: Sequence[Any] = (await connection.execute(query.order_by(_e.escalation_id).limit(limit))).all()
    return rows


def _escalations() -> Select[Any]:
    return select(tables.escalation, _m.number, _m.title, _m.street).join_from(
        tables.escalation, tables.matter, _e.whistle_id == _m.whistle_id
    )


async def escalation(engine: AsyncEngine, caller: Caller, escalation_id: UUID) -> Any:
    """One escalation. Raises NotFound."""
    query = _scoped(_escalations(), caller, _e.department).where(_e.escalation_id == escalation_id)
    async with engine.connect() as connection:
        row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFound(f"escalation {escalation_id}")
    return row


async def statistics(engine: AsyncEngine, caller: Caller) -> tuple[Sequence[Any], dict[int, int]]:
    """Per department its clocks by name and outcome, and the open escalations by rung."""
    ended = case(
        (_c.status == "running", case((_c.breached_at.is_not(None), "overdue"), else_="running")),
        else_=_c.status,
    )
    by_clock = (
        select(_c.department, _c.name, ended.label("outcome"), func.count().label("n"))
        .join_from(tables.clock, tables.matter, _c.whistle_id == _m.whistle_id)
        .where(_c.department.is_not(None), _c.name.in_(("ack", "arrive", "resolve")))
        .group_by(_c.department, _c.name, "outcome")
    )
    by_rung = (
        select(_e.rung, func.count())
        .join_from(tables.escalation, tables.matter, _e.whistle_id == _m.whistle_id)
        .where(_e.status == "open")
        .group_by(_e.rung)
    )
    async with engine.connect() as connection:
        counted = (await connection.execute(_scoped(by_clock, caller, _c.department))).all()
        rungs = (await connection.execute(_scoped(by_rung, caller, _e.department))).all()
    return counted, {row[0]: row[1] for row in rungs}
