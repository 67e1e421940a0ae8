"""Read models: clocks, escalations, statistics, and all that the dashboard shows at one instant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, case, cast, exists, func, select, text, true
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from whistle_escalation import domain, store, tables
from whistle_shared.auth import Caller
from whistle_shared.errors import NotFound
from whistle_shared.replica import Replica

_c, _e, _m, _l = tables.clock.c, tables.escalation.c, tables.matter.c, tables.event_log.c
_about = cast(_l.data["whistle_id"].astext, Uuid)
_WORST, _NEXT, _FEED, _LOOK_BACK = 3, 14, 30, 20_000
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


def _scoped(query: Select[Any], caller: Caller, department: ColumnElement[Any]) -> Select[Any]:
    """What exists for the caller: a department's own, a street's own whistles (or its grid's), or everything."""
    if caller.scope == "*":
        return query
    return query.where(_of_place(caller) if caller.of_street else department == caller.scope)


def _of_place(caller: Caller) -> ColumnElement[bool]:
    """Of the caller's street, and of its grid if it has no more of it."""
    own = _m.street == caller.scope
    return own if caller.grid is None else own & (_m.grid == caller.grid)


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


async def clock(engine: AsyncEngine, caller: Caller, clock_id: UUID) -> Any:
    """One clock with its whistle's number, title and street. Raises NotFound."""
    query = select(tables.clock, _m.number, _m.title, _m.street).join_from(
        tables.clock, tables.matter, _c.whistle_id == _m.whistle_id
    )
    async with engine.connect() as connection:
        row = (
            await connection.execute(_scoped(query, caller, _c.department).where(_c.clock_id == clock_id))
        ).one_or_none()
    if row is None:
        raise NotFound(f"clock {clock_id}")
    return row


async def task(engine: AsyncEngine, caller: Caller, task_id: UUID) -> Any:
    """One task's whistle and department. Raises NotFound."""
    t = tables.task.c
    query = select(t.task_id, t.whistle_id, t.department, _m.street).join_from(
        tables.task, tables.matter, t.whistle_id == _m.whistle_id
    )
    query = _scoped(query, caller, t.department).where(t.task_id == task_id)
    async with engine.connect() as connection:
        row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFound(f"task {task_id}")
    return row


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
    query = _scoped(query, caller, letter.department)
    for name, value in filters.items():
        if value is not None:
            query = query.where(letter[name] == value)
    if after is not None:
        query = query.where(letter.letter_id > after)
    async with engine.connect() as connection:
        rows: Sequence[Any] = (await connection.execute(query.order_by(letter.letter_id).limit(limit))).all()
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
    async with engine.connect() as connection:
        counted = (await connection.execute(_scoped(by_clock, caller, _c.department))).all()
        rungs = (await connection.execute(_open_by_rung(caller))).all()
    return counted, {row[0]: row[1] for row in rungs}


async def position(engine: AsyncEngine) -> int:
    """The last position of the event log: it grows with everything that happens."""
    async with engine.connect() as connection:
        return await _position(connection)


async def _position(connection: AsyncConnection) -> int:
    return int((await connection.execute(select(func.coalesce(func.max(_l.position), 0)))).scalar_one())


@dataclass(frozen=True, slots=True)
class Scene:
    """What one viewer may know at `position` of the event log. Rows as the statements below name them.

    `outcomes`: clocks by (department, name, outcome); `rungs`: open escalations by rung; `worst`: per rung the clocks
    that stand there and climbed no higher, longest overdue first; `blown`: whistles blown since `since`.
    """

    position: int
    outcomes: Sequence[Any]
    rungs: dict[int, int]
    worst: Sequence[Any]
    upcoming: Sequence[Any]
    blown: int
    feed: Sequence[Any]
    stuck: Sequence[Any]


async def scene(engine: AsyncEngine, caller: Caller, since: datetime) -> Scene:
    """Everything the dashboard shows, read from one snapshot. `since`: business time, UTC."""
    async with engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="REPEATABLE READ")

        async def rows(query: Any) -> Sequence[Any]:
            return (await connection.execute(query)).all()

        last = await _position(connection)
        return Scene(
            position=last,
            outcomes=await rows(_outcomes(caller)),
            rungs={row.rung: row.n for row in await rows(_open_by_rung(caller))},
            worst=await rows(_worst(caller)),
            upcoming=await rows(_upcoming(caller)),
            blown=(await rows(_blown(caller, since)))[0][0],
            feed=await rows(_feed(caller, last)),
            stuck=await rows(_stuck(caller)),
        )


def _outcomes(caller: Caller) -> Select[Any]:
    """A running clock is `overdue` once breached, `nearly` once its last warning has passed."""
    running = case((_c.breached_at.is_not(None), "overdue"), (_c.warned >= 2, "nearly"), else_="running")
    outcome = case((_c.status == "running", running), else_=_c.status).label("outcome")
    query = select(_c.department, _c.name, outcome, func.count().label("n"))
    query = query.join_from(tables.clock, tables.matter, _c.whistle_id == _m.whistle_id)
    return _scoped(query, caller, _c.department).group_by(_c.department, _c.name, outcome)


def _open_by_rung(caller: Caller) -> Select[Any]:
    query = select(_e.rung, func.count().label("n"))
    query = query.join_from(tables.escalation, tables.matter, _e.whistle_id == _m.whistle_id)
    return _scoped(query.where(_e.status == "open"), caller, _e.department).group_by(_e.rung)


def _worst(caller: Caller) -> Select[Any]:
    """Each clock at its highest open rung; `standing` counts all clocks that stand there."""
    from_top = func.row_number().over(partition_by=_e.clock_id, order_by=_e.rung.desc()).label("from_top")
    climbed = select(tables.escalation, _m.number, _m.title, _m.street, _c.provisional, from_top)
    climbed = climbed.join_from(tables.escalation, tables.matter, _e.whistle_id == _m.whistle_id)
    climbed = climbed.join(tables.clock, _c.clock_id == _e.clock_id).where(_e.status == "open")
    s = _scoped(climbed, caller, _e.department).subquery().c
    at_rung = func.count().over(partition_by=s.rung).label("standing")
    place = func.row_number().over(partition_by=s.rung, order_by=(s.due_at, s.clock_id)).label("place")
    ranked = select(*s, at_rung, place).where(s.from_top == 1).subquery()
    return select(ranked).where(ranked.c.place <= _WORST).order_by(ranked.c.rung.desc(), ranked.c.place)


def _upcoming(caller: Caller) -> Select[Any]:
    """Clocks that will breach next, soonest first. A running clock before its breach always has a `next_at`."""
    query = select(tables.clock, _m.number, _m.title, _m.street)
    query = query.join_from(tables.clock, tables.matter, _c.whistle_id == _m.whistle_id)
    query = query.where(_c.next_at.is_not(None), _c.status == "running", _c.breached_at.is_(None))
    return _scoped(query, caller, _c.department).order_by(_c.due_at, _c.clock_id).limit(_NEXT)


def _blown(caller: Caller, since: datetime) -> Select[Any]:
    query = select(func.count()).select_from(tables.event_log)
    query = query.join(tables.matter, _m.whistle_id == _about)
    return query.where(text("key = 'intake.whistle_blown.v1'"), _l.at >= since, _concerns(caller))


def _feed(caller: Caller, last: int) -> Select[Any]:
    """The newest events that say something, newest first; a caller who sees little is looked back for only so far."""
    query = select(_l.position, _l.key, _l.at, _l.data, _m.number, _m.title, _m.street)
    query = query.join_from(tables.event_log, tables.matter, _about == _m.whistle_id, isouter=True)
    query = query.where(_l.key.not_in(UNTOLD), _l.position > last - _LOOK_BACK, _concerns(caller))
    if caller.scope != "*" and not caller.of_street:
        query = query.where(func.coalesce(_l.data["department"].astext, caller.scope) == caller.scope)
    return query.order_by(_l.position.desc()).limit(_FEED)


def _stuck(caller: Caller) -> Any:
    street = caller.scope if caller.of_street else None
    department = caller.scope if not caller.of_street else None
    everything = caller.scope == "*"
    return _STUCK.bindparams(everything=everything, street=street, grid=caller.grid, department=department)


def _concerns(caller: Caller) -> ColumnElement[bool]:
    """Whether a matter exists for the caller: its own, or one with a task of its own."""
    if caller.scope == "*":
        return true()
    if caller.of_street:
        return _of_place(caller)
    t = tables.task.c
    return exists().where(t.whistle_id == _m.whistle_id, t.department == caller.scope)
