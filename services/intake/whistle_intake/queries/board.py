"""Read models of the street's pages: whistles by what runs out first, each with its tasks and what runs.

A page reads as many rows as it shows, however many whistles there are: each list is walked along an index.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from whistle_intake import domain, store, tables
from whistle_shared.auth import EVERYWHERE, Caller
from whistle_shared.db import among

_SHOWN = (
    "c.whistle_id, c.number, c.street, c.grid, c.category, c.state, c.stage, c.routing, c.round, c.signature, "
    "c.signature_due_at, c.override_reason, c.distinct_reason, c.drafted_by, c.submitted_by, c.blown_at, c.closed_at, "
    "c.withdrawn_at, c.due_at, c.initiator, c.facts ->> 'title' as title, c.facts ->> 'place' as place, "
    "c.facts ->> 'kind' as kind, c.facts ->> 'urgency' as urgency, c.facts ->> 'beyond_power_reason' as reason"
)
_AFTER = (
    "($2::uuid is null or (c.due_at, c.whistle_id) > ($1::timestamptz, $2) or ($1 is not null and c.due_at is null) "
    "or ($1 is null and c.due_at is null and c.whistle_id > $2))"
)
_ORDER = "order by c.due_at, c.whistle_id limit $3"
_OF_STREET = (
    f"select found.* from unnest($4::text[]) as s(state) cross join lateral ("
    f"select {_SHOWN} from whistle c where c.street = $5 and c.state = s.state "
    f"and ($6::text is null or c.grid = $6) and {_AFTER} {_ORDER}) as found"
)
_OF_DISTRICT = (
    f"select found.* from unnest($4::text[]) as s(state) cross join lateral ("
    f"select {_SHOWN} from whistle c where c.state = s.state and {_AFTER} {_ORDER}) as found"
)
_OF_DEPARTMENT = (
    f"select found.* from unnest($4::text[]) as s(state) cross join lateral ("
    f"select {_SHOWN} from whistle c where c.initiator = $5 and c.state = s.state and {_AFTER} {_ORDER}) as found"
)
_UNSIGNED = (
    f"select {_SHOWN} from whistle c where c.signature in ('owed', 'missed') and c.stage in ('open', 'closed') "
    "and c.street = $1 order by c.signature_due_at limit $2"
)
Key = tuple[datetime | None, UUID]


@dataclass(frozen=True, slots=True)
class Lines:
    """Rows of whistles, the one that runs out first in front, with the tasks of their rounds and the clocks that run
    or stand still, by whistle."""

    rows: Sequence[Any]
    tasks: dict[UUID, list[domain.Task]] = field(default_factory=dict)
    clocks: dict[UUID, list[domain.Clock]] = field(default_factory=dict)


async def lines(
    engine: AsyncEngine,
    caller: Caller,
    columns: Sequence[Sequence[str]],
    each: int,
    after: Key | None = None,
) -> Lines:
    """The caller's whistles in these columns of states: of every column `each`, from `after` on, and one more where
    there is one, without its tasks."""
    due_at, whistle_id = after or (None, None)
    start = (due_at, whistle_id, each + 1, [state for states in columns for state in states])
    async with engine.connect() as connection:
        if caller.of_department:
            found = await connection.exec_driver_sql(_OF_DEPARTMENT, (*start, caller.scope))
        elif caller.scope == EVERYWHERE:
            found = await connection.exec_driver_sql(_OF_DISTRICT, start)
        else:
            found = await connection.exec_driver_sql(_OF_STREET, (*start, caller.scope, caller.grid))
        ordered = sorted(found, key=rank)
        stacks = [[row for row in ordered if row.state in states][: each + 1] for states in columns]
        shown = [row for stack in stacks for row in stack[:each]]
        return await _with_tasks(connection, [row for stack in stacks for row in stack], shown)


async def unsigned(engine: AsyncEngine, street: str, limit: int) -> Lines:
    """A street's emergencies that were blown and not signed for yet, the one that is owed longest first; and one more
    than `limit` where there is one, without its tasks."""
    async with engine.connect() as connection:
        found = (await connection.exec_driver_sql(_UNSIGNED, (street, limit + 1))).all()
        return await _with_tasks(connection, found, found[:limit])


def rank(row: Any) -> tuple[bool, float, UUID]:
    """What runs out first stands first; what has no clock stands last."""
    at: datetime | None = row.due_at
    return (at is None, at.timestamp() if at else 0.0, row.whistle_id)


async def _with_tasks(connection: AsyncConnection, rows: Sequence[Any], shown: Sequence[Any]) -> Lines:
    found, ids = Lines(rows), [row.whistle_id for row in shown]
    if not ids:
        return found
    rounds = {row.whistle_id: row.round for row in rows}
    t, c = tables.task.c, tables.clock.c
    for row in await connection.execute(select(tables.task).where(among(t.whistle_id, ids)).order_by(t.task_id)):
        if row.round in (None, rounds[row.whistle_id]):
            found.tasks.setdefault(row.whistle_id, []).append(store.to_task(row))
    runs = c.status.in_(("running", "paused"))
    for row in await connection.execute(select(tables.clock).where(among(c.whistle_id, ids), runs)):
        found.clocks.setdefault(row.whistle_id, []).append(store.to_clock(row))
    return found


async def clocks(engine: AsyncEngine, whistle_id: UUID) -> list[domain.Clock]:
    """Every clock that was ever heard of under a whistle, in the order of their due times."""
    c = tables.clock.c
    query = select(tables.clock).where(c.whistle_id == whistle_id).order_by(c.due_at, c.clock_id)
    async with engine.connect() as connection:
        return [store.to_clock(row) for row in await connection.execute(query)]


async def ended(engine: AsyncEngine, caller: Caller, state: str, after: UUID | None, limit: int) -> Sequence[Any]:
    """A page of the caller's whistles that ended like this, newest first."""
    values: tuple[str | None, ...] = (None,)
    own = "$4::text is null"
    if caller.of_department:
        own, values = "c.initiator = $4", (caller.scope,)
    elif caller.scope != EVERYWHERE:
        own, values = "c.street = $4 and ($5::text is null or c.grid = $5)", (caller.scope, caller.grid)
    query = (
        f"select {_SHOWN} from whistle c where {own} and c.state = $1 and ($2::uuid is null or c.whistle_id < $2) "
        "order by c.whistle_id desc limit $3"
    )
    async with engine.connect() as connection:
        return (await connection.exec_driver_sql(query, (state, after, limit, *values))).all()
