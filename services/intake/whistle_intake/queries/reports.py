"""Read models of reports: a page of them, one with what was said of it, and how far one has come."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, case, func, not_, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from whistle_intake import domain, store, tables
from whistle_shared.auth import EVERYWHERE, Caller
from whistle_shared.contracts.intake import WhistleJoined
from whistle_shared.db import among
from whistle_shared.errors import NotFound

_r, _p, _w = tables.report.c, tables.person.c, store.COURSE.c
_STATE: ColumnElement[str] = case(
    *(((and_(_r.stage == "drafted", _w.stage == stage), state) for stage, state in domain.BY_WHISTLE.items())),
    else_=_r.stage,
)
"""As `domain.Report.state`."""
# The first half is the index's own, word by word; it knows nothing of whistles.
_UNDECIDED = and_(text("report.stage not in ('handled', 'declined')"), _STATE.in_(domain.OPEN_REPORTS))
Pile = Literal["mine", "below", "past"]
"""On a desk: what waits here for a word, what waits on the desks below, and what was decided."""
_CONCERNING = _w.stage.label("whistle"), _w.whistle_id.label("course_id"), _p.contact, _p.words


def _reports() -> Select[Any]:
    of = store.followed().join(tables.person, _p.person_id == _r.person_id)
    return select(tables.report, *_CONCERNING).select_from(of)


def _of_place(query: Select[Any], caller: Caller) -> Select[Any]:
    if caller.scope != EVERYWHERE:
        query = query.where(_r.street == caller.scope)
    return query if caller.grid is None else query.where(_r.grid == caller.grid)


async def reports(
    engine: AsyncEngine,
    caller: Caller,
    *,
    states: Sequence[domain.ReportState],
    desk: domain.Desk | None,
    after: UUID | None,
    limit: int,
) -> Sequence[Any]:
    """A page of the reports of the caller's place, newest first, each row with what is sealed of it."""
    query = _of_place(_reports(), caller).order_by(_r.report_id.desc()).limit(limit)
    if states:
        query = query.where(_STATE.in_(states))
    if desk is not None:
        query = query.where(_r.desk == desk)
    if after is not None:
        query = query.where(_r.report_id < after)
    async with engine.connect() as connection:
        rows: Sequence[Any] = (await connection.execute(query)).all()
    return rows


async def pile(
    engine: AsyncEngine, caller: Caller, level: domain.Desk | None, pile: Pile, after: UUID | None, limit: int
) -> Sequence[Any]:
    """A page of a desk's pile, of the caller's place: what waits oldest first, what was decided newest first. Who has
    no desk (`level` None) finds whatever waits, wherever, in `mine`."""
    query = _of_place(_reports(), caller).limit(limit)
    if pile == "past":
        query = query.where(not_(_UNDECIDED)).order_by(_r.report_id.desc())
    else:
        query = query.where(_UNDECIDED, _r.desk.in_(_desks(level, pile))).order_by(_r.report_id)
    if after is not None:
        query = query.where(_r.report_id < after if pile == "past" else _r.report_id > after)
    async with engine.connect() as connection:
        rows: Sequence[Any] = (await connection.execute(query)).all()
    return rows


def _desks(level: domain.Desk | None, pile: Pile) -> Sequence[domain.Desk]:
    if level is None:
        return domain.DESKS if pile == "mine" else ()
    return (level,) if pile == "mine" else domain.DESKS[: domain.DESKS.index(level)]


async def settled(engine: AsyncEngine, caller: Caller, since: datetime) -> Mapping[str, int]:
    """Of the reports of the caller's place that have come since then: how many each desk settled by itself, and how
    many became a `whistle`. Declined ones do not count."""
    where = case((_r.stage == "drafted", "whistle"), else_=_r.desk).label("at")
    query = select(where, func.count().label("n")).where(_r.submitted_at >= since, _r.stage.in_(("handled", "drafted")))
    async with engine.connect() as connection:
        rows = await connection.execute(_of_place(query, caller).group_by(where))
        return {row.at: row.n for row in rows}


async def report(engine: AsyncEngine, caller: Caller, report_id: UUID) -> tuple[Any, list[domain.Turn]]:
    """One report's row with what is sealed of it, and what was said of it. Raises NotFound."""
    query = _of_place(_reports(), caller).where(_r.report_id == report_id)
    async with engine.connect() as connection:
        row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFound(f"report {report_id}")
    return row, await _turns(engine, report_id)


async def _turns(engine: AsyncEngine, report_id: UUID) -> list[domain.Turn]:
    t = tables.report_step
    query = select(t).where(t.c.report_id == report_id).order_by(t.c.number)
    async with engine.connect() as connection:
        return [store.to_turn(row) for row in await connection.execute(query)]


async def report_of_person(engine: AsyncEngine, caller: Caller, person_id: UUID) -> UUID:
    """The report that somebody made. Raises NotFound, also for another place's."""
    query = _of_place(select(_r.report_id), caller).where(_r.person_id == person_id)
    async with engine.connect() as connection:
        report_id: UUID | None = await connection.scalar(query)
    if report_id is None:
        raise NotFound(f"person {person_id}")
    return report_id


async def reports_of_whistle(engine: AsyncEngine, whistle_id: UUID) -> list[UUID]:
    """The reports that a whistle was drafted from, also where their drafts were joined to it."""
    line = tables.timeline.c
    joined = select(line.data["joined_id"].astext).where(line.whistle_id == whistle_id, line.key == WhistleJoined.key)
    async with engine.connect() as connection:
        drafts = [whistle_id, *(UUID(joined_id) for joined_id in await connection.scalars(joined))]
        return list(await connection.scalars(select(_r.report_id).where(among(_r.whistle_id, drafts))))


async def code_tag(engine: AsyncEngine, report_id: UUID) -> str | None:
    """What is kept of a report's tracking code, unless it opens nothing any more."""
    async with engine.connect() as connection:
        found: str | None = await connection.scalar(select(_r.code_tag).where(_r.report_id == report_id))
    return found


async def report_by_code(engine: AsyncEngine, code_tags: Sequence[str]) -> Any | None:
    """The row of the report with one of these, or None."""
    async with engine.connect() as connection:
        return (await connection.execute(_reports().where(_r.code_tag.in_(code_tags)))).one_or_none()


async def progress(engine: AsyncEngine, row: Any) -> tuple[tuple[domain.Step, ...], str]:
    """How far a report has come, and what its street last answered whoever made it."""
    turns = await _turns(engine, row.report_id)
    course = domain.Course() if row.course_id is None else await _course(engine, row.course_id)
    steps = domain.progress(store.to_report(row), turns, course)
    return steps, next((turn.answer for turn in reversed(turns) if turn.answer), "")


async def _course(engine: AsyncEngine, whistle_id: UUID) -> domain.Course:
    line, w, t = tables.timeline.c, tables.whistle.c, tables.task.c
    heard = select(line.key, line.at, line.data).where(line.whistle_id == whistle_id, line.key.in_(domain.TOLD))
    done = select(func.max(t.verified_at)).join(tables.whistle, w.whistle_id == t.whistle_id)
    done = done.where(w.whistle_id == whistle_id, w.state.in_(("pending_evaluation", "closed")), t.round == w.round)
    async with engine.connect() as connection:
        told = [domain.Told(*row) for row in await connection.execute(heard.order_by(line.at, line.position))]
        withdrawn_at = await connection.scalar(select(w.withdrawn_at).where(w.whistle_id == whistle_id))
        return domain.Course(told, await connection.scalar(done), withdrawn_at)
