"""Read models: a page of tasks, one task with everything the department knows of it, letters, meetings."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Select,
    Table,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from whistle_department import domain, store, tables
from whistle_shared.auth import EVERYWHERE, Caller
from whistle_shared.db import among
from whistle_shared.errors import Invalid, NotFound

Order = Literal["newest", "due"]
_LONG_FACTS = ["description", "beyond_power_reason"]


@dataclass(frozen=True)
class Found:
    """A task with what surrounds it. `facts`: of its whistle, in a page without the long texts."""

    task: domain.Task
    due_at: datetime | None
    facts: Mapping[str, Any]
    told: store.Told

    @cached_property
    def clocks(self) -> list[domain.Clock]:
        return domain.clocks_of(self.task, self.told.clocks.get(self.task.task_id, {}))

    @property
    def escalations(self) -> list[domain.Escalation]:
        raised = self.told.escalations.get(self.task.task_id, {}).values()
        return sorted(raised, key=lambda e: (e.clock, e.rung))

    @property
    def banner(self) -> domain.Banner | None:
        return domain.banner(self.task, self.clocks, self.escalations)

    @property
    def assistants(self) -> list[domain.Breach]:
        """The breaches of the others, for the lead."""
        return domain.assistants_breaches(self.task, self.told.clocks)


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
    query = _joined(_short_facts(), caller).limit(limit)
    if department is not None:
        query = query.where(t.department == department)
    if state is not None:
        query = query.where(t.state == state)
    async with _snapshot(engine) as connection:
        query = _ordered(query, order, None if after is None else await _anchor(connection, caller, after))
        return await _found(connection, (await connection.execute(query)).all())


def _joined(facts: Any, caller: Caller) -> Select[Any]:
    w, t = tables.whistle.c, tables.task.c
    same = and_(t.whistle_id == w.whistle_id, t.round == w.round)
    return _own(select(tables.task, facts).join_from(tables.task, tables.whistle, same), t.department, caller)


def _own(query: Select[Any], department: Column[Any], caller: Caller) -> Select[Any]:
    return query if caller.scope == EVERYWHERE else query.where(department == caller.scope)


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
        if anchor.due_at is None:
            raise Invalid("cursor", "nothing is due any more for the task that the last page ended with; begin again")
        query = query.where(tuple_(t.due_at, t.task_id) > tuple_(anchor.due_at, anchor.task_id))
    return query.order_by(t.due_at, t.task_id)


async def _found(connection: AsyncConnection, rows: Sequence[Any], listed: bool = False) -> list[Found]:
    """`listed`: for a list of a page, which shows a task's banner and its next clock only."""
    tasks = {row.task_id for row in rows} if listed else None
    told = await store.told_of(connection, {row.whistle_id for row in rows}, tasks)
    return [_with(row, told.get(row.whistle_id) or store.Told()) for row in rows]


def _with(row: Any, told: store.Told) -> Found:
    return Found(store.to_task(row, told), row.due_at, row.facts, told)


@dataclass(frozen=True, slots=True)
class Whole:
    """A task with its history (whole lines, in the order of hearing) and its letters."""

    found: Found
    history: Sequence[Any]
    letters: Sequence[Any]


async def task(engine: AsyncEngine, caller: Caller, task_id: UUID) -> Whole:
    """One task and everything known of it. Raises NotFound."""
    e, n = tables.entry, tables.letter
    query = _joined(tables.whistle.c.facts, caller).where(tables.task.c.task_id == task_id)
    async with _snapshot(engine) as connection:
        rows = (await connection.execute(query)).all()
        if not rows:
            raise NotFound(f"task {task_id}")
        (found,) = await _found(connection, rows)
        lines = await connection.execute(
            select(e).where(e.c.whistle_id == found.task.whistle_id).order_by(e.c.position)
        )
        letters = await connection.execute(
            select(n).where(n.c.task_id == task_id).order_by(n.c.issued_at, n.c.letter_id)
        )
        history = [line for line in lines if domain.concerns(found.task, store.to_entry(line))]
        return Whole(found, history, letters.all())


async def letters(engine: AsyncEngine, caller: Caller, after: UUID | None, limit: int) -> Sequence[Any]:
    """A page of the letters to the caller's department, newest first. Raises Invalid for a foreign cursor."""
    return await _page(engine, caller, tables.letter, ("issued_at", "letter_id"), after, limit)


async def meetings(engine: AsyncEngine, caller: Caller, after: UUID | None, limit: int) -> Sequence[Any]:
    """A page of the meetings the caller's department is called to, the latest start first. Raises Invalid."""
    return await _page(engine, caller, tables.invitation, ("starts_at", "meeting_id"), after, limit)


async def _page(
    engine: AsyncEngine, caller: Caller, table: Table, order: tuple[str, str], after: UUID | None, limit: int
) -> Sequence[Any]:
    at, key = (table.c[name] for name in order)
    query: Select[Any] = _own(select(table), table.c.department, caller)
    async with _snapshot(engine) as connection:
        if after is not None:
            anchor = (await connection.execute(query.where(key == after).limit(1))).one_or_none()
            if anchor is None:
                raise Invalid("cursor", "is not a cursor of this list")
            query = query.where(tuple_(at, key) < tuple_(getattr(anchor, order[0]), after))
        query = query.order_by(at.desc(), key.desc(), table.c.department).limit(limit)
        rows: Sequence[Any] = (await connection.execute(query)).all()
        return rows


async def whistle_of(engine: AsyncEngine, caller: Caller, task_id: UUID) -> UUID:
    """The whistle a task belongs to: what a command on it must lock. Raises NotFound."""
    return await _whistle(engine, caller, tables.task, "task", task_id)


async def whistle_of_letter(engine: AsyncEngine, caller: Caller, letter_id: UUID) -> UUID:
    """The whistle a letter belongs to. Raises NotFound."""
    return await _whistle(engine, caller, tables.letter, "letter", letter_id)


async def _whistle(engine: AsyncEngine, caller: Caller, table: Table, noun: str, key: UUID) -> UUID:
    t = table.c
    async with engine.connect() as connection:
        query = select(t.whistle_id, t.department).where(t[f"{noun}_id"] == key)
        row = (await connection.execute(query)).one_or_none()
    if row is None or not caller.covers(row.department):
        raise NotFound(f"{noun} {key}")
    whistle_id: UUID = row.whistle_id
    return whistle_id


# -- what the pages list -----------------------------------------------------------------------------------------


_MANY = 1_000
_ASKS = ("return", "extension", "suspension")
_WAITING_FOR_ANSWER = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Inbox:
    """The groups of an inbox, each what is due first, first, and before that what is critical among those that wait to
    be acknowledged; and how many there are of each, counted up to 1,000."""

    waiting: Sequence[Found]
    ahead: Sequence[Found]
    late: Sequence[Found]
    counts: tuple[int, int, int]


async def inbox(engine: AsyncEngine, caller: Caller, now: datetime, limit: int) -> Inbox:
    """What waits for its acknowledgement, what runs out next, and what has run out, at most `limit` of each."""
    t = tables.task.c
    acknowledged = and_(t.state != "dispatched", t.due_at.is_not(None))
    groups = (t.state == "dispatched", and_(acknowledged, t.due_at > now), and_(acknowledged, t.due_at <= now))
    # What is critical must not stand below lateness that is days old.
    critical = tables.whistle.c.facts["urgency"].astext == "critical"
    by_due = (critical.desc(), t.due_at.asc().nulls_last(), t.task_id)
    unanswered = _joined(_short_facts(), caller).where(groups[0]).order_by(*by_due).limit(limit)
    queries = (unanswered, *(_due_first(caller, group, limit) for group in groups[1:]))
    async with _snapshot(engine) as connection:
        rows: list[Sequence[Any]] = []
        counts = []
        for group, query in zip(groups, queries, strict=True):
            rows.append((await connection.execute(query)).all())
            counts.append(len(rows[-1]) if len(rows[-1]) < limit else await _count(connection, caller, group))
        found = iter(await _found(connection, [row for group_rows in rows for row in group_rows], listed=True))
        waiting, ahead, late = ([next(found) for _ in group_rows] for group_rows in rows)
    return Inbox(waiting, ahead, late, (counts[0], counts[1], counts[2]))


async def _count(connection: AsyncConnection, caller: Caller, where: ColumnElement[bool]) -> int:
    some = _own(select(literal(1)).select_from(tables.task), tables.task.c.department, caller).where(where)
    counted = await connection.execute(select(func.count()).select_from(some.limit(_MANY).subquery()))
    return int(counted.scalar_one())


def _short_facts() -> Any:
    return tables.whistle.c.facts.op("-", return_type=JSONB)(cast(_LONG_FACTS, ARRAY(Text))).label("facts")


async def in_hand(engine: AsyncEngine, caller: Caller, limit: int) -> list[Found]:
    """What waits for the department to do something, by what runs out first."""
    query = _due_first(caller, tables.IN_HAND, limit)
    async with _snapshot(engine) as connection:
        return await _found(connection, (await connection.execute(query)).all(), listed=True)


def _due_first(caller: Caller, wanted: ColumnElement[bool], limit: int) -> Select[Any]:
    """The tasks that are `wanted`, by what runs out first. They are chosen before their whistles are looked up."""
    t = tables.task.c
    by_due = (t.due_at.asc().nulls_last(), t.task_id)
    first = _own(select(t.task_id), t.department, caller).where(wanted).order_by(*by_due).limit(limit).correlate(None)
    return _joined(_short_facts(), caller).where(t.task_id.in_(first)).order_by(*by_due)


@dataclass(frozen=True, slots=True)
class Share:
    """What lies in one person's hands; `person` empty: nobody has acknowledged it. `late` and `nearly` count all that
    stands so, `first` has the first of each."""

    person: str
    in_hand: int
    late: int
    nearly: int
    first: Sequence[Found]


async def shares(engine: AsyncEngine, caller: Caller, now: datetime, each: int) -> list[Share]:
    """Who has how much in hand, and at most `each` of what is late and of what is nearly so."""
    async with _snapshot(engine) as connection:
        counted = (await connection.execute(_first_of_each(caller, now, each))).all()
        wanted = [row.task_id for row in counted if row.standing]
        query = _joined(_short_facts(), caller).where(among(tables.task.c.task_id, wanted))
        rows = (await connection.execute(query)).all()
        found = {one.task.task_id: one for one in await _found(connection, rows, listed=True)}
    by_person: dict[str, list[Any]] = {}
    for row in counted:
        by_person.setdefault(row.person, []).append(row)
    return [_share(person, rows, found) for person, rows in by_person.items()]


def _share(person: str, rows: Sequence[Any], found: Mapping[UUID, Found]) -> Share:
    n = {row.standing: row.n for row in rows}
    first = [found[row.task_id] for row in rows if row.standing]
    return Share(person, rows[0].in_hand, n.get("late", 0), n.get("nearly", 0), first)


def _first_of_each(caller: Caller, now: datetime, each: int) -> Select[Any]:
    """Of what is in hand: the first few by person and standing, each line with how many there are of its like."""
    t, e, k = tables.task.c, tables.entry.c, tables.clock.c
    own = (e.whistle_id == t.whistle_id, e.task_id == t.task_id, e.step == "acknowledgement")
    first = select(e.person).where(*own).order_by(e.position).limit(1).scalar_subquery()
    person = case((t.state == "dispatched", ""), else_=func.coalesce(first, "")).label("person")
    # As chips say it: the clock that runs out first, once four fifths of its time have passed.
    warned = exists().where(k.task_id == t.task_id, k.due_at == t.due_at, k.warned_percent >= domain.NEARLY_PERCENT)
    standing = case((t.due_at <= now, "late"), (and_(t.due_at > now, warned), "nearly"), else_="").label("standing")
    mine = _own(select(t.task_id, person, standing, t.due_at), t.department, caller).where(tables.IN_HAND).subquery().c
    like = (mine.person, mine.standing)
    turn = func.row_number().over(partition_by=like, order_by=(mine.due_at, mine.task_id)).label("turn")
    counts = (
        func.count().over(partition_by=mine.person).label("in_hand"),
        func.count().over(partition_by=like).label("n"),
    )
    turns = select(mine.task_id, mine.person, mine.standing, mine.due_at, turn, *counts).subquery()
    most = case((turns.c.standing == "", 1), else_=each)
    return select(turns).where(turns.c.turn <= most).order_by(turns.c.due_at, turns.c.task_id)


async def brief(engine: AsyncEngine, caller: Caller, task_id: UUID) -> Any:
    """A task's own columns and its whistle's facts, nothing replayed. Raises NotFound."""
    query = _joined(tables.whistle.c.facts, caller).where(tables.task.c.task_id == task_id)
    async with engine.connect() as connection:
        row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise NotFound(f"task {task_id}")
    return row


def _lines(caller: Caller, wanted: ColumnElement[bool], limit: int) -> Select[Any]:
    """The newest lines of the log that are `wanted`, with their tasks, and with their whistles' facts once chosen."""
    e, t, w = tables.entry.c, tables.task.c, tables.whistle.c
    newest = _own(select(e.position).join_from(tables.entry, tables.task, e.task_id == t.task_id), t.department, caller)
    newest = newest.where(wanted).order_by(e.at.desc()).limit(limit).correlate(None)
    return (
        select(e.step, e.at, e.person, e.by, e.detail, t.task_id, t.department, t.state, _short_facts())
        .join_from(tables.entry, tables.task, e.task_id == t.task_id)
        .join(tables.whistle, and_(t.whistle_id == w.whistle_id, t.round == w.round))
        .where(e.position.in_(newest))
        .order_by(e.at.desc())
    )


async def asked(engine: AsyncEngine, caller: Caller, now: datetime, limit: int) -> Sequence[Any]:
    """What the department has asked for and nobody has decided yet, newest first: about what is in its hands, and
    appeals of the last 90 days."""
    e, decision = tables.entry.c, tables.entry.alias("decision")
    same = decision.c.detail["request_id"].astext == e.detail["request_id"].astext
    decided = exists().where(decision.c.whistle_id == e.whistle_id, decision.c.step == "decision", same)
    about_work = and_(e.step.in_(_ASKS), tables.task.c.whistle_id == e.whistle_id, tables.IN_HAND)
    appealed = and_(e.step == "appeal", e.at > now - _WAITING_FOR_ANSWER)
    async with engine.connect() as connection:
        rows: list[Any] = []
        for kind in (about_work, appealed):
            rows += (await connection.execute(_lines(caller, and_(kind, ~decided), limit))).all()
    return sorted(rows, key=lambda row: row.at, reverse=True)[:limit]


async def scored(engine: AsyncEngine, caller: Caller, limit: int) -> Sequence[Any]:
    """The latest scores, newest first."""
    query = _lines(caller, tables.entry.c.step == "evaluation", limit)
    async with engine.connect() as connection:
        return list(await connection.execute(query))


async def tasks_of(engine: AsyncEngine, caller: Caller, whistle_ids: Collection[UUID]) -> dict[tuple[UUID, str], Any]:
    """The caller's newest task under each of these whistles, by whistle and department, with the whistle's facts."""
    query = _joined(_short_facts(), caller).where(among(tables.task.c.whistle_id, whistle_ids))
    async with engine.connect() as connection:
        rows = await connection.execute(query.order_by(tables.task.c.round, tables.task.c.dispatched_at))
        return {(row.whistle_id, row.department): row for row in rows}


async def handovers(engine: AsyncEngine, caller: Caller, after: UUID | None, limit: int) -> list[domain.Handover]:
    """A page of the hand-overs in the caller's department, newest first. Raises Invalid for a foreign cursor."""
    async with engine.connect() as connection:
        return await store.handovers(connection, None if caller.scope == EVERYWHERE else caller.scope, after, limit)


async def open_tasks(engine: AsyncEngine, caller: Caller) -> list[dict[str, Any]]:
    """What a hand-over would list now."""
    async with engine.connect() as connection:
        return await store.open_tasks(connection, None if caller.scope == EVERYWHERE else caller.scope)
