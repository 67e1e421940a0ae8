"""All that the dashboard shows at one instant.

No statement reads more than what is under way, what began in the last two weeks, or a sliver of the log: the dashboard
is as quick with years of whistles behind it as on its first day.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from math import inf
from time import monotonic
from typing import Any

from sqlalchemy import ColumnElement, Select, Uuid, and_, case, cast, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from whistle_escalation import tables
from whistle_escalation.queries.scoping import concerns, of_place, scoped
from whistle_shared.auth import EVERYWHERE, Caller

WEEK, DAY = timedelta(days=7), timedelta(days=1)
_c, _e, _m, _l = tables.clock.c, tables.escalation.c, tables.matter.c, tables.event_log.c
ABOUT = cast(_l.data["whistle_id"].astext, Uuid)
_WORST, _NEXT, _FEED = 6, 20, 30
# Positions of the log in which what concerns the caller is looked for: the second only if the first has too little.
_LOOK_BACK = (2_000, 20_000)
_QUICK, _SHARE, _MOST = 0.05, 0.05, 2_000
_MOST_SCENES = 100
# In words, not as parameters: only so does the planner see that an index has all of them.
OPEN = text("clock.status in ('running', 'paused')")
RUNNING = text("clock.status = 'running'")
LATE = text("clock.status = 'running' and clock.breached_at is not null")
OUTCOME = case(
    (_c.status == "running", case((_c.breached_at.is_not(None), "overdue"), else_="running")), else_=_c.status
).label("outcome")
_OPEN_RUNG = text("escalation.status = 'open'")
_DUTY = text("clock.name in ('ack', 'arrive')")
FLOWS = (
    "department.responder_checked_in.v1",
    "escalation.clock_breached.v1",
    "escalation.escalation_raised.v1",
    "intake.whistle_blown.v1",
    "intake.whistle_closed.v1",
)
_FLOW = text(f"event_log.key in ({', '.join(repr(key) for key in FLOWS)})")
# Receipts, the registry's parts, and what is settled inside a street (residents' reports among it) or about the
# measures are not for the feed.
UNTOLD = (
    "department.responder_checked_out.v1",
    "department.tasks_received.v1",
    "dispatch.task_excluded.v1",
    "intake.report_rated.v1",
    "intake.report_submitted.v1",
    "intake.report_triaged.v1",
    "intake.whistle_approved.v1",
    "intake.whistle_rejected.v1",
    "intake.whistle_submitted.v1",
    "dispatch.calendar_published.v1",
    "dispatch.registry_published.v1",
    "escalation.clocks_armed.v1",
    "escalation.clocks_changed.v1",
)
_STUCK = text("""
select s.key, s.at, s.data, m.number, m.title, m.street
from event_log s left join matter m on m.whistle_id = (s.data->>'whistle_id')::uuid
where s.key ~ '[.]delivery_' and s.key like '%.delivery\\_stuck.%' and not exists (
    select from event_log r
    where r.key ~ '[.]delivery_' and r.key like '%.delivery\\_recovered.%' and r.position > s.position
      and r.data->>'event_id' = s.data->>'event_id' and r.data->>'receiver' = s.data->>'receiver')
  and (:everything or (m.street = :street and (cast(:grid as text) is null or m.grid = :grid))
       or exists (select from task t where t.whistle_id = m.whistle_id and t.department = :department))
order by s.position limit 50
""")


@dataclass(frozen=True, slots=True)
class Scene:
    """What one viewer may know at `position` of the event log. Rows as the statements below name them.

    `places`: whistles and clocks under way by (street, grid); `duties`: clocks of the last two weeks by (department,
    name, outcome, whether of the last one); `rungs`: open escalations by rung; `worst`: per rung the clocks that stand
    there and climbed no higher, longest overdue first; `flow`: what happened today and a week ago by (key, hour).
    """

    position: int
    places: Sequence[Any]
    duties: Sequence[Any]
    rungs: dict[int, int]
    worst: Sequence[Any]
    upcoming: Sequence[Any]
    flow: Sequence[Any]
    feed: Sequence[Any]
    stuck: Sequence[Any]


@dataclass(frozen=True, slots=True)
class _Kept:
    """`took`: seconds, of the last reading; `takes`: of the last two the shorter, for one may have had bad luck."""

    rows: Sequence[Any]
    read_at: float
    took: float
    takes: float

    @property
    def holds(self) -> bool:
        return self.takes > _QUICK and monotonic() - self.read_at < self.takes / _SHARE


class Scenes:
    """The scenes of one service.

    INVARIANT: reading one part of one scope's scene takes a twentieth of the time at most: what takes long, in a large
    district, is read less often, and the scene shows it as it was some seconds ago.
    INVARIANT: what is read of one scene is of one moment, whichever connection reads it.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._kept: dict[tuple[Any, ...], _Kept] = {}
        self._scenes: dict[tuple[Any, ...], tuple[float, Scene]] = {}
        self._one_at_a_time = asyncio.Lock()

    async def of(self, caller: Caller, today: datetime, now: datetime, since: float = inf) -> Scene:
        """Everything the dashboard shows. `today`: the local midnight before `now`; both business time, UTC. What was
        read for somebody who sees the same, in another language or role, is new enough if that was `since`."""
        whose = (caller.scope, caller.of_street, caller.grid, today)
        async with self._one_at_a_time:
            began = monotonic()
            read_at, scene = self._scenes.get(whose, (0.0, None))
            if scene is None or read_at < since:
                scene = await self._read(caller, today, now, whose)
                if len(self._scenes) > _MOST_SCENES:
                    self._scenes.clear()
                self._scenes[whose] = began, scene
            return scene

    async def _read(self, caller: Caller, today: datetime, now: datetime, whose: tuple[Any, ...]) -> Scene:
        """By two connections: PostgreSQL has a processor for each, for this process waits meanwhile."""
        async with self._engine.connect() as first, self._engine.connect() as second:
            left = await first.execution_options(isolation_level="REPEATABLE READ")
            right = await second.execution_options(isolation_level="REPEATABLE READ")
            last = await _position(left)
            moment = await left.scalar(text("select pg_export_snapshot()"))
            await right.execute(text(f"set transaction snapshot '{moment}'"))

            async def rows(connection: AsyncConnection, part: str, query: Any) -> Sequence[Any]:
                return await self._rows(connection, (part, *whose), query)

            async def of_time() -> dict[str, Any]:
                return {
                    "duties": await rows(left, "duties", _duties(caller, now)),
                    "rungs": {row.rung: row.n for row in await rows(left, "rungs", open_by_rung(caller))},
                    "worst": await rows(left, "worst", _worst(caller)),
                    "upcoming": await rows(left, "upcoming", _upcoming(caller)),
                    "flow": await rows(left, "flow", _flow(caller, today, now)),
                }

            async def of_place_and_log() -> dict[str, Any]:
                return {
                    "places": await rows(right, "places", _places(caller)),
                    "feed": await self._feed(partial(rows, right), caller, last),
                    "stuck": await rows(right, "stuck", _stuck(caller)),
                }

            # Neither connection may be given back while the other half still reads.
            halves = await asyncio.gather(of_time(), of_place_and_log(), return_exceptions=True)
        parts: dict[str, Any] = {}
        for half in halves:
            if isinstance(half, BaseException):
                raise half
            parts |= half
        return Scene(position=last, **parts)

    async def _feed(self, rows: Callable[[str, Any], Awaitable[Sequence[Any]]], caller: Caller, last: int) -> Any:
        found: Sequence[Any] = ()
        for far in _LOOK_BACK:
            if len(found) < _FEED:
                found = await rows(f"feed of {far}", _feed(caller, last - far))
        return found

    async def _rows(self, connection: AsyncConnection, key: tuple[Any, ...], query: Any) -> Sequence[Any]:
        kept = self._kept.get(key)
        if kept is not None and kept.holds:
            return kept.rows
        began = monotonic()
        rows: Sequence[Any] = (await connection.execute(query)).all()
        if len(self._kept) > _MOST:
            self._kept.clear()
        took = monotonic() - began
        self._kept[key] = _Kept(rows, began, took, min(took, kept.took) if kept is not None else 0.0)
        return rows


async def _position(connection: AsyncConnection) -> int:
    """The last position of the event log: it grows with everything that happens."""
    return int((await connection.execute(select(func.coalesce(func.max(_l.position), 0)))).scalar_one())


def _places(caller: Caller) -> Select[Any]:
    """A running clock is late once breached, `nearly` once its last warning has passed."""
    late = LATE
    nearly = and_(RUNNING, _c.breached_at.is_(None), _c.warned >= 2)
    by_whistle = select(
        _c.whistle_id, func.count().filter(late).label("late"), func.count().filter(nearly).label("nearly")
    ).where(OPEN)
    if caller.scope != EVERYWHERE and not caller.of_street:
        by_whistle = by_whistle.where(_c.department == caller.scope)
    s = by_whistle.group_by(_c.whistle_id).subquery()
    query = select(
        _m.street,
        _m.grid,
        func.count().label("open"),
        func.count().filter(s.c.late > 0).label("overdue"),
        func.sum(s.c.late).label("late"),
        func.sum(s.c.nearly).label("nearly"),
    ).join_from(s, tables.matter, s.c.whistle_id == _m.whistle_id)
    if caller.of_street:
        query = query.where(of_place(caller))
    return query.group_by(_m.street, _m.grid)


def _duties(caller: Caller, now: datetime) -> Select[Any]:
    """Of the last two weeks, by when the clock began to run."""
    recent = (_c.started_at >= now - WEEK).label("recent")
    query = select(_c.department, _c.name, OUTCOME, recent, func.count().label("n"))
    query = query.where(_DUTY, _c.started_at >= now - 2 * WEEK, _c.department.is_not(None))
    return _about_clocks(query, caller).group_by(_c.department, _c.name, OUTCOME, recent)


def _about_clocks(query: Select[Any], caller: Caller) -> Select[Any]:
    """Only a street's people need to know of which street a clock's whistle is."""
    if caller.of_street:
        query = query.join_from(tables.clock, tables.matter, _c.whistle_id == _m.whistle_id)
    return scoped(query, caller, _c.department)


def open_by_rung(caller: Caller) -> Select[Any]:
    """How many escalations are open, by rung."""
    query = select(_e.rung, func.count().label("n")).where(_OPEN_RUNG)
    return _about_escalations(query, caller).group_by(_e.rung)


def _about_escalations(query: Select[Any], caller: Caller) -> Select[Any]:
    if caller.of_street:
        query = query.join_from(tables.escalation, tables.matter, _e.whistle_id == _m.whistle_id)
    return scoped(query, caller, _e.department)


def _worst(caller: Caller) -> Select[Any]:
    """Each clock at its highest open rung; `standing` counts all clocks that stand there."""
    from_top = func.row_number().over(partition_by=_e.clock_id, order_by=_e.rung.desc()).label("from_top")
    climbed = select(_e.escalation_id, _e.clock_id, _e.rung, _e.due_at, from_top).where(_OPEN_RUNG)
    s = _about_escalations(climbed, caller).subquery().c
    at_rung = func.count().over(partition_by=s.rung).label("standing")
    place = func.row_number().over(partition_by=s.rung, order_by=(s.due_at, s.clock_id)).label("place")
    top = select(s.escalation_id, at_rung, place).where(s.from_top == 1).subquery()
    query = select(tables.escalation, _m.number, _m.title, _m.street, _c.provisional, top.c.standing)
    query = query.join_from(top, tables.escalation, _e.escalation_id == top.c.escalation_id)
    query = query.join(tables.matter, _e.whistle_id == _m.whistle_id).join(tables.clock, _c.clock_id == _e.clock_id)
    return query.where(top.c.place <= _WORST).order_by(_e.rung.desc(), top.c.place)


def _upcoming(caller: Caller) -> Select[Any]:
    """Clocks that will breach next, soonest first."""
    query = select(tables.clock, _m.number, _m.title, _m.street)
    query = query.join_from(tables.clock, tables.matter, _c.whistle_id == _m.whistle_id)
    query = query.where(OPEN, RUNNING, _c.breached_at.is_(None))
    return scoped(query, caller, _c.department).order_by(_c.due_at, _c.clock_id).limit(_NEXT)


def _flow(caller: Caller, today: datetime, now: datetime) -> Select[Any]:
    """`so_far`: no later in its day than it is now."""
    then = today - WEEK
    hour = func.date_trunc("hour", _l.at).label("hour")
    so_far = case((_l.at >= today, True), else_=_l.at <= now - WEEK).label("so_far")
    days = or_(and_(_l.at >= today, _l.at < today + DAY), and_(_l.at >= then, _l.at < then + DAY))
    query = select(_l.key, hour, so_far, func.count().label("n")).where(_FLOW, days)
    return _about_events(query, caller).group_by(_l.key, hour, so_far)


def _feed(caller: Caller, beyond: int) -> Select[Any]:
    """The newest events that say something, newest first; a caller who sees little is looked back for only so far."""
    query = told().where(_l.position > beyond)
    return own_events(query, caller).order_by(_l.position.desc()).limit(_FEED)


def told() -> Select[Any]:
    """Events that a person is told of, with their matter."""
    query = select(_l.position, _l.event_id, _l.key, _l.at, _l.data, _m.number, _m.title, _m.street)
    query = query.join_from(tables.event_log, tables.matter, _m.whistle_id == ABOUT, isouter=True)
    return query.where(_l.key.not_in(UNTOLD))


def _about_events(query: Select[Any], caller: Caller) -> Select[Any]:
    if caller.scope == EVERYWHERE:
        return query
    query = query.join_from(tables.event_log, tables.matter, _m.whistle_id == ABOUT)
    return own_events(query, caller)


def own_events(query: Select[Any], caller: Caller) -> Select[Any]:
    """Those that concern the caller. What is said of another department under the same whistle is not for this one."""
    query = query.where(concerns(caller))
    if caller.scope == EVERYWHERE or caller.of_street:
        return query
    return query.where(func.coalesce(_l.data["department"].astext, caller.scope) == caller.scope)


def _stuck(caller: Caller) -> Any:
    street = caller.scope if caller.of_street else None
    department = caller.scope if not caller.of_street else None
    everything: ColumnElement[bool] | bool = caller.scope == EVERYWHERE
    return _STUCK.bindparams(everything=everything, street=street, grid=caller.grid, department=department)
