"""Read models: a page of tasks, and one task with everything the department knows of it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ARRAY, Select, Text, cast, select, tuple_
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from whistle_department import domain, store, tables
from whistle_shared.auth import Caller
from whistle_shared.errors import Invalid, NotFound

Order = Literal["newest", "due"]
_LONG_FACTS = ["description", "beyond_power_reason"]


@dataclass(frozen=True, slots=True)
class Found:
    """A task with what surrounds it. `facts`: of its whistle, in a page without the long texts."""

    task: domain.Task
    due_at: datetime | None
    facts: Mapping[str, Any]
    clocks: list[domain.Clock]
    escalations: list[domain.Escalation]

    @property
    def banner(self) -> domain.Banner | None:
        return domain.banner(self.task, self.clocks, self.escalations)


@asynccontextmanager
async def _snapshot(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One moment for several statements: a step taken meanwhile shows in all of them or in none."""
    async with engine.connect() as connection:
        yield await connection.execution_options(isolation_level="REPEATABLE READ")


async def tasks(
    engine: AsyncEngine,
    caller: Caller,
    *,
    state: domain.State | None,
    department: str | None,
    order: Order,
    after: UUID | None,
    limit: int,
) -> list[Found]:
    """A page of the caller's tasks: newest first, or what runs out first (only tasks that a clock runs for).

    Raises Invalid for a cursor that is not a task of the caller's.
    """
    t = tables.task.c
    short = tables.whistle.c.facts.op("-", return_type=JSONB)(cast(_LONG_FACTS, ARRAY(Text))).label("facts")
    query = _joined(short, caller).limit(limit)
    if department is not None:
        query = query.where(t.department == department)
    if state is not None:
        query = query.where(t.state == state)
    async with _snapshot(engine) as connection:
        query = _ordered(query, order, None if after is None else await _anchor(connection, caller, after))
        return await _found(connection, (await connection.execute(query)).all())


def _joined(facts: Any, caller: Caller) -> Select[Any]:
    w = tables.whistle.c
    query = select(tables.task, facts).join_from(tables.task, tables.whistle, tables.task.c.whistle_id == w.whistle_id)
    return query if caller.scope == "*" else query.where(tables.task.c.department == caller.scope)


async def _anchor(connection: AsyncConnection, caller: Caller, task_id: UUID) -> Any:
    """The task a page starts after."""
    t = tables.task.c
    query = select(t.task_id, t.department, t.dispatched_at, t.due_at).where(t.task_id == task_id)
    row = (await connection.execute(query)).one_or_none()
    if row is None or not caller.covers(row.department):
        raise Invalid("cursor", "is not a cursor of this list")
    return row


def _ordered(query: Select[Any], order: Order, anchor: Any) -> Select[Any]:
    t = tables.task.c
    if order == "newest":
        if anchor is not None:
            query = query.where(tuple_(t.dispatched_at, t.task_id) < tuple_(anchor.dispatched_at, anchor.task_id))
        return query.order_by(t.dispatched_at.desc(), t.task_id.desc())
    query = query.where(t.due_at.is_not(None))
    if anchor is not None:
        query = query.where(tuple_(t.due_at, t.task_id) > tuple_(anchor.due_at, anchor.task_id))
    return query.order_by(t.due_at, t.task_id)


async def _found(connection: AsyncConnection, rows: Sequence[Any]) -> list[Found]:
    told = await store.told_of(connection, {row.whistle_id for row in rows})
    return [_with(row, store.to_task(row), told.get(row.whistle_id) or store.Told()) for row in rows]


def _with(row: Any, task: domain.Task, told: store.Told) -> Found:
    clocks = domain.clocks_of(task, told.clocks.get(task.task_id, {}))
    raised = sorted(told.escalations.get(task.task_id, {}).values(), key=lambda e: (e.clock, e.rung))
    return Found(task, row.due_at, row.facts, clocks, raised)


async def task(engine: AsyncEngine, caller: Caller, task_id: UUID) -> tuple[Found, Sequence[Any]]:
    """One task and the steps taken on it, in order. Raises NotFound."""
    s = tables.step
    query = _joined(tables.whistle.c.facts, caller).where(tables.task.c.task_id == task_id)
    async with _snapshot(engine) as connection:
        found = await _found(connection, (await connection.execute(query)).all())
        if not found:
            raise NotFound(f"task {task_id}")
        steps = await connection.execute(select(s).where(s.c.task_id == task_id).order_by(s.c.position))
        return found[0], steps.all()


async def whistle_of(engine: AsyncEngine, caller: Caller, task_id: UUID) -> UUID:
    """The whistle a task belongs to: what a command on it must lock. Raises NotFound."""
    t = tables.task.c
    async with engine.connect() as connection:
        query = select(t.whistle_id, t.department).where(t.task_id == task_id)
        row = (await connection.execute(query)).one_or_none()
    if row is None or not caller.covers(row.department):
        raise NotFound(f"task {task_id}")
    whistle_id: UUID = row.whistle_id
    return whistle_id
