"""Everything about one clock for the page that shows its ladder: the road, the rungs, what was said of it, the letters
of its task, and who has not confirmed yet what was said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from whistle_escalation import domain, queries, store, tables
from whistle_escalation.queries.scenes import own_events, told
from whistle_shared.auth import Caller
from whistle_shared.db import awaited
from whistle_shared.replica import Replica

_e, _l, _letter = tables.escalation.c, tables.event_log.c, tables.letter.c
_MOST = 200
_OF_THE_TASK = ("escalation.task_reminded.v1", "escalation.letter_issued.v1", "department.letter_replied.v1")


@dataclass(frozen=True, slots=True)
class Dossier:
    """One clock. `rungs`: its escalations, the lowest first; `said`: events about it (and letters and reminders of its
    task) in the order of the log; `waiting`: event → who has not confirmed it yet."""

    clock: Any
    matter: domain.Matter
    explanation: domain.Explanation | None
    rungs: Sequence[Any]
    letters: Sequence[Any]
    said: Sequence[Any]
    waiting: Mapping[UUID, Sequence[str]]


async def of_clock(engine: AsyncEngine, replica: Replica, caller: Caller, clock_id: UUID) -> Dossier:
    """The dossier of a clock. Raises NotFound."""
    row = await queries.clock(engine, caller, clock_id)
    async with engine.connect() as connection:
        matter = (await store.read_matters(connection, [row.whistle_id]))[row.whistle_id].matter
        climbed = select(tables.escalation).where(_e.clock_id == clock_id).order_by(_e.rung)
        rungs = (await connection.execute(climbed)).all()
        letters = await _letters(connection, row.task_id)
        said = await _said(connection, caller, row)
        waiting = await awaited(connection, [event.event_id for event in said])
    clock = matter.clocks[clock_id]
    road = domain.explanation(matter, clock, replica.calendar)
    return Dossier(row, matter, road, rungs, letters, said, waiting)


async def _letters(connection: AsyncConnection, task_id: UUID | None) -> Sequence[Any]:
    if task_id is None:
        return []
    query = select(tables.letter).where(_letter.task_id == task_id).order_by(_letter.issued_at.desc()).limit(20)
    rows: Sequence[Any] = (await connection.execute(query)).all()
    return rows


async def _said(connection: AsyncConnection, caller: Caller, clock: Any) -> Sequence[Any]:
    about = [_l.data["clock_id"].astext == str(clock.clock_id)]
    if clock.task_id is not None:
        of_task = and_(_l.key.in_(_OF_THE_TASK), _l.data["task_id"].astext == str(clock.task_id))
        about.append(of_task)
    query = own_events(told(), caller).where(_l.subject == str(clock.whistle_id), or_(*about))
    latest = (await connection.execute(query.order_by(_l.position.desc()).limit(_MOST))).all()
    return [*reversed(latest)]
