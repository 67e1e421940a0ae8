"""The lists behind the pages: whatever a number on a page counts can be walked through, the most pressing first.

Pages are cut by where the last row stood (keyset), so that the hundredth is as quick as the first.
INVARIANT: whoever walks through a list meets each row once, however much is added meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple, get_args
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine

from whistle_escalation import tables
from whistle_escalation.queries.scenes import FLOWS, LATE, OPEN, RUNNING, own_events, told
from whistle_escalation.queries.scoping import scoped
from whistle_shared.auth import EVERYWHERE, Caller
from whistle_shared.errors import Invalid

Standing = Literal["open", "late", "nearly", "ahead", "paused", "duty"]
"""`open`: under way; `late`: overdue; `nearly`: past its last warning; `ahead`: not overdue; `duty`: 应哨 and 报到 of
the last week, whatever became of them."""
LetterState = Literal["all", "waiting", "overdue", "replied"]
STANDINGS: tuple[Standing, ...] = get_args(Standing)
LETTER_STATES: tuple[LetterState, ...] = get_args(LetterState)
_c, _e, _m, _l, _letter = (
    tables.clock.c,
    tables.escalation.c,
    tables.matter.c,
    tables.event_log.c,
    tables.letter.c,
)
_DUTY_DAYS = timedelta(days=7)
_LOOK_BACK = 100_000
"""Events; years in a small district, weeks in the largest."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class At(NamedTuple):
    """Where a page of a list begins: after the row of this instant and id (of this rung)."""

    at: datetime
    id: UUID
    rung: int = 0


def cursor_of(at: At) -> str:
    """The place in an address."""
    return f"{at.rung}.{(at.at - _EPOCH) // _MICROSECOND}.{at.id.hex}"


def place_of(cursor: str | None) -> At | None:
    """The place behind a cursor. Raises Invalid for one that is not ours."""
    if cursor is None:
        return None
    try:
        rung, microseconds, hexadecimal = cursor.split(".")
        return At(_EPOCH + int(microseconds) * _MICROSECOND, UUID(hex=hexadecimal), int(rung))
    except (ValueError, OverflowError):
        raise Invalid("cursor", "is not a cursor of this list") from None


@dataclass(frozen=True, slots=True)
class Clocks:
    """Which clocks; None: any."""

    standing: Standing = "open"
    name: str | None = None
    department: str | None = None
    street: str | None = None
    grid: str | None = None
    side: str | None = None
    outcome: str | None = None
    whistle_id: UUID | None = None
    task_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Escalations:
    """Which escalations. `ended`: those that are over, the latest first; else the open ones, the highest rung first."""

    ended: bool = False
    rung: int | None = None
    department: str | None = None
    street: str | None = None
    side: str | None = None
    unseen: bool = False


@dataclass(frozen=True, slots=True)
class Happenings:
    """Which events of the log: of one key, of a stretch of time."""

    key: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def _rows(engine: AsyncEngine, query: Select[Any], limit: int) -> Sequence[Any]:
    async with engine.connect() as connection:
        rows: Sequence[Any] = (await connection.execute(query.limit(limit))).all()
    return rows


def _only(query: Select[Any], pairs: Sequence[tuple[ColumnElement[Any], Any]]) -> Select[Any]:
    for column, value in pairs:
        if value is not None:
            query = query.where(column == value)
    return query


async def clocks(
    engine: AsyncEngine, caller: Caller, asked: Clocks, now: datetime, after: At | None, limit: int
) -> Sequence[Any]:
    """A page of clocks by due time, the soonest (and the longest overdue) first; duties of the week newest first."""
    query = select(tables.clock, _m.number, _m.title, _m.street, _m.grid, _m.urgency)
    query = query.join_from(tables.clock, tables.matter, _c.whistle_id == _m.whistle_id)
    query = scoped(query, caller, _c.department).where(*_standing(asked.standing, now))
    query = _only(query, [(_c[name], getattr(asked, name)) for name in ("name", "department", "side")])
    query = _only(query, [(_c[name], getattr(asked, name)) for name in ("whistle_id", "task_id")])
    query = _only(query, [(_m.street, asked.street), (_m.grid, asked.grid)])
    query = _outcome(query, asked.outcome)
    if asked.standing == "duty":
        query = query.order_by(_c.started_at.desc(), _c.clock_id.desc())
        if after is not None:
            query = query.where(tuple_(_c.started_at, _c.clock_id) < (after.at, after.id))
    else:
        query = query.order_by(_c.due_at, _c.clock_id)
        if after is not None:
            query = query.where(tuple_(_c.due_at, _c.clock_id) > (after.at, after.id))
    return await _rows(engine, query, limit)


def _standing(standing: Standing, now: datetime) -> Sequence[Any]:
    late = _c.breached_at.is_not(None)
    match standing:
        case "open":
            return [OPEN]
        case "late":
            return [LATE]
        case "nearly":
            return [OPEN, RUNNING, ~late, _c.warned >= 2]
        case "ahead":
            return [OPEN, RUNNING, ~late]
        case "paused":
            return [OPEN, _c.status == "paused"]
        case "duty":
            return [_c.name.in_(("ack", "arrive")), _c.started_at >= now - _DUTY_DAYS]


def _outcome(query: Select[Any], outcome: str | None) -> Select[Any]:
    """`overdue`: still running and late; `decided`: what a rate counts."""
    if outcome is None:
        return query
    overdue = and_(_c.status == "running", _c.breached_at.is_not(None))
    if outcome == "overdue":
        return query.where(overdue)
    if outcome == "decided":
        return query.where(or_(overdue, _c.status.in_(("met", "met_late"))))
    return query.where(_c.status == outcome)


async def escalations(
    engine: AsyncEngine, caller: Caller, asked: Escalations, after: At | None, limit: int
) -> Sequence[Any]:
    """A page of escalations."""
    query = select(tables.escalation, _m.number, _m.title, _m.street, _c.provisional)
    query = query.join_from(tables.escalation, tables.matter, _e.whistle_id == _m.whistle_id)
    query = query.join(tables.clock, _c.clock_id == _e.clock_id)
    query = scoped(query, caller, _e.department)
    query = _only(query, [(_e.rung, asked.rung), (_e.department, asked.department), (_e.side, asked.side)])
    query = _only(query, [(_m.street, asked.street)])
    if asked.unseen:
        query = query.where(_e.acknowledged_at.is_(None))
    if asked.ended:
        query = query.where(_e.ended_at.is_not(None)).order_by(_e.ended_at.desc(), _e.escalation_id.desc())
        if after is not None:
            query = query.where(tuple_(_e.ended_at, _e.escalation_id) < (after.at, after.id))
        return await _rows(engine, query, limit)
    query = query.where(_e.status == "open").order_by(_e.rung.desc(), _e.due_at, _e.escalation_id)
    if after is not None:
        behind = and_(_e.rung == after.rung, tuple_(_e.due_at, _e.escalation_id) > (after.at, after.id))
        query = query.where(_e.rung <= after.rung, or_(_e.rung < after.rung, behind))
    return await _rows(engine, query, limit)


async def happenings(
    engine: AsyncEngine, caller: Caller, asked: Happenings, before: int | None, limit: int
) -> Sequence[Any]:
    """A page of the log, the newest first. `before`: the position above.

    INVARIANT: no page reads the whole log: of what has no index (and of what is another's) it looks back for so far.
    """
    query = own_events(told(), caller)
    if asked.since is None and (caller.scope != EVERYWHERE or asked.key not in (None, *FLOWS)):
        newest = select(func.max(_l.position)).scalar_subquery() if before is None else before
        query = query.where(_l.position > newest - _LOOK_BACK)
    query = _only(query, [(_l.key, asked.key)])
    if asked.since is not None:
        query = query.where(_l.at >= asked.since)
    if asked.until is not None:
        query = query.where(_l.at < asked.until)
    if before is not None:
        query = query.where(_l.position < before)
    return await _rows(engine, query.order_by(_l.position.desc()), limit)


async def letters(
    engine: AsyncEngine,
    caller: Caller,
    state: LetterState,
    form: str | None,
    department: str | None,
    now: datetime,
    after: At | None,
    limit: int,
) -> Sequence[Any]:
    """A page of letters: the newest first; those that wait for a reply by when it is due."""
    query = select(tables.letter, _m.number.label("whistle_number"), _m.title, _m.street)
    query = query.join_from(tables.letter, tables.matter, _letter.whistle_id == _m.whistle_id)
    query = scoped(query, caller, _letter.department)
    query = _only(query, [(_letter.form, form), (_letter.department, department)])
    if state in ("waiting", "overdue"):
        query = query.where(_letter.replied_at.is_(None)).order_by(_letter.reply_due_at, _letter.letter_id)
        if state == "overdue":
            query = query.where(_letter.reply_due_at <= now)
        if after is not None:
            query = query.where(tuple_(_letter.reply_due_at, _letter.letter_id) > (after.at, after.id))
        return await _rows(engine, query, limit)
    if state == "replied":
        query = query.where(_letter.replied_at.is_not(None))
    query = query.order_by(_letter.issued_at.desc(), _letter.letter_id.desc())
    if after is not None:
        query = query.where(tuple_(_letter.issued_at, _letter.letter_id) < (after.at, after.id))
    return await _rows(engine, query, limit)
