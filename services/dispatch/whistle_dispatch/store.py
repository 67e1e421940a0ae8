"""Rows to dispatches and back, for a whole batch at a time."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from whistle_dispatch import domain, tables
from whistle_dispatch.domain.terms import Rules
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.db import Unit, Work, among, columns_of
from whistle_shared.errors import Unavailable
from whistle_shared.messaging import RetryLater
from whistle_shared.registry import Registry
from whistle_shared.replica import Replica


async def load(replica: Replica, unit: Unit, works: Sequence[Work]) -> None:
    """Fetch what is known about the whistles of a batch."""
    unit.reference = replica
    ids = {work.whistle for work in works if work.whistle is not None}
    unit.cases.update(await dispatches(unit.connection, ids))


async def dispatches(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, domain.Dispatch]:
    """The dispatches of these whistles with their tasks, the lead first."""
    wanted = list(ids)
    if not wanted:
        return {}
    d, t = tables.dispatch, tables.task
    rows = (await connection.execute(select(d).where(among(d.c.whistle_id, wanted)))).all()
    tasks: dict[UUID, list[domain.Task]] = {}
    # After the dispatches: tasks are only ever added, along with the state that they are read for.
    in_order = select(t).where(among(t.c.whistle_id, wanted)).order_by(t.c.role.desc(), t.c.department)
    for row in await connection.execute(in_order):
        called = domain.Task(row.task_id, row.department, row.role, row.presence, row.origin)
        tasks.setdefault(row.whistle_id, []).append(called)
    return {row.whistle_id: _dispatch(row, tasks.get(row.whistle_id, [])) for row in rows}


def _dispatch(row: Any, tasks: list[domain.Task]) -> domain.Dispatch:
    return domain.Dispatch(
        whistle_id=row.whistle_id,
        state=row.state,
        round=row.round,
        facts=None if row.facts is None else WhistleFacts.model_validate(row.facts),
        reason=row.reason,
        tasks=tuple(tasks),
        flags=tuple(row.flags),
        dispatched_at=row.dispatched_at,
        whistle_due_at=row.whistle_due_at,
    )


def dispatch(unit: Unit, whistle_id: UUID) -> domain.Dispatch | None:
    """What is known of this whistle, if anything."""
    return unit.cases.get(whistle_id)


def rules(unit: Unit) -> Rules:
    """The registry and calendar in force. Raises RetryLater before the first pack is loaded."""
    replica: Replica = unit.reference
    if not replica.ready or replica.registry is None:
        raise RetryLater("no district pack has been loaded yet")
    return _rules(replica, replica.registry.version, replica.calendar_version)


@lru_cache(maxsize=2)
def _rules(replica: Replica, registry_version: int, calendar_version: int) -> Rules:
    """The same value as long as the versions are the same, so that what was reckoned by it can be remembered."""
    assert replica.registry is not None
    return Rules(replica.registry, replica.calendar())


def registry(replica: Replica) -> Registry:
    """The registry in force, for a request. Raises Unavailable before the first pack is loaded."""
    if replica.registry is None:
        raise Unavailable("no district pack has been loaded yet")
    return replica.registry


def save(unit: Unit, after: domain.Dispatch) -> None:
    """Store a new or changed dispatch; tasks are only ever added."""
    before = dispatch(unit, after.whistle_id)
    row = {
        "whistle_id": after.whistle_id,
        "round": after.round,
        "state": after.state,
        "reason": after.reason,
        "flags": orjson.dumps(after.flags).decode(),
        "dispatched_at": after.dispatched_at,
        "whistle_due_at": after.whistle_due_at,
    }
    if before is None:
        unit.insert(tables.dispatch, **row, facts=None if after.facts is None else after.facts.model_dump_json())
    else:
        unit.update(tables.dispatch, **row)
    known = {task.task_id for task in before.tasks} if before else set()
    for task in after.tasks:
        if task.task_id not in known:
            unit.insert(tables.task, whistle_id=after.whistle_id, round=after.round, **columns_of(task))
    unit.cases[after.whistle_id] = after
