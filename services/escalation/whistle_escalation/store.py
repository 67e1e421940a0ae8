"""Rows to matters and back, for a whole batch at a time; the claim of what is due; the event log."""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from uuid import UUID

import orjson
from pydantic import TypeAdapter
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from whistle_escalation import domain, ledger, tables
from whistle_shared.contracts import Event, EventData
from whistle_shared.contracts.dispatch import ClockSpec
from whistle_shared.contracts.escalation import LetterIssued
from whistle_shared.db import Unit, Work, among, columns_of
from whistle_shared.replica import Replica
from whistle_shared.timesource import wall_now

_TERMS = TypeAdapter(dict[str, tuple[ClockSpec, ...]])
_MARKS = TypeAdapter(tuple[domain.Mark, ...])
_CLOCK = [field.name for field in fields(domain.Clock)]
_TASK = [field.name for field in fields(domain.Task)]
_ABOUT = [field.name for field in fields(domain.About)]
_ESCALATION = [field.name for field in fields(domain.Escalation)]
_NOT_LOGGED = {"facts": {"description"}}
# Whistles whose clocks are due, each locked for this transaction unless another one holds it (EVENTS.md R9).
_CLAIM_DUE = """
with due as materialized (
    select whistle_id, min(next_at) as next_at
    from (
        select whistle_id, next_at from clock where next_at <= $1
        union all select whistle_id, next_at from escalation where next_at <= $1
    ) looks
    group by whistle_id order by min(next_at) limit $2
)
select whistle_id from due where pg_try_advisory_xact_lock(hashtextextended(whistle_id::text, 0))
"""
_CLAIM_PROVISIONAL = """
with stale as materialized (
    select distinct whistle_id from clock
    where provisional and status in ('running', 'paused') and calendar_version < $1 limit $2
)
select whistle_id from stale where pg_try_advisory_xact_lock(hashtextextended(whistle_id::text, 0))
"""
_OVERLOOKED = """
select distinct whistle_id from clock
where status = 'running' and next_at is null and (breached_at is null or climbed < rungs) limit $1
"""
_DRAW = """
insert into letter_counter(year, form, last) select * from unnest($1::int[], $2::text[], $3::int[])
on conflict (year, form) do update set last = letter_counter.last + excluded.last returning year, form, last
"""


async def load(replica: Replica, unit: Unit, works: Sequence[Work]) -> None:
    """Fetch everything that is known about the whistles of a batch, and numbers for the letters that it writes."""
    await load_matters(replica, unit, {work.whistle for work in works if work.whistle is not None})
    series = [work.wants for work in works if isinstance(work.wants, domain.Series)]
    if series:
        unit.reference = Reference(replica, await draw_numbers(unit, series))
    for work in works:
        if isinstance(work.wants, ledger.BoardWanted):
            await ledger.prepare(unit, work.wants)


@dataclass(frozen=True, slots=True)
class Reference:
    """What the use cases look things up in: the registry and calendars, and the numbers drawn for letters."""

    replica: Replica
    numbers: dict[domain.Series, Iterator[int]]


async def load_matters(replica: Replica, unit: Unit, whistle_ids: Iterable[UUID]) -> None:
    """Fetch matters with their tasks, clocks and escalations. A whistle not heard of becomes an empty matter."""
    unit.reference = Reference(replica, {})
    ids = list(whistle_ids)
    if ids:
        await ledger.load(unit, ids)
    unit.cases.update(await read_matters(unit.connection, ids))


async def read_matters(connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, "Loaded"]:
    """Matters as they stand, by their whistles."""
    if not ids:
        return {}
    m, t, c, e = tables.matter.c, tables.task.c, tables.clock.c, tables.escalation.c
    rows = {row.whistle_id: row for row in await connection.execute(_matters().where(among(m.whistle_id, ids)))}
    tasks: dict[UUID, dict[UUID, domain.Task]] = {}
    for row in await connection.execute(select(tables.task).where(among(t.whistle_id, ids))):
        known = {name: getattr(row, name) for name in _TASK} | {"marks": _MARKS.validate_python(row.marks)}
        tasks.setdefault(row.whistle_id, {})[row.task_id] = domain.Task(**known)
    clocks: dict[UUID, dict[UUID, domain.Clock]] = {}
    for row in await connection.execute(select(tables.clock).where(among(c.whistle_id, ids))):
        clock = domain.Clock(**{name: getattr(row, name) for name in _CLOCK})
        clocks.setdefault(row.whistle_id, {})[row.clock_id] = clock
    climbed: dict[UUID, dict[UUID, domain.Escalation]] = {}
    columns = (e[name] for name in _ESCALATION)
    for found in await connection.execute(select(e.whistle_id, *columns).where(among(e.whistle_id, ids))):
        climbed.setdefault(found.whistle_id, {})[found.escalation_id] = domain.Escalation(*found[1:])
    return {
        whistle_id: Loaded(
            replace(
                _matter(whistle_id, rows.get(whistle_id)),
                tasks=tasks.get(whistle_id, {}),
                clocks=clocks.get(whistle_id, {}),
                escalations=climbed.get(whistle_id, {}),
            ),
            exists=whistle_id in rows,
        )
        for whistle_id in ids
    }


def _matters() -> Select[Any]:
    m = tables.matter.c
    return select(m.whistle_id, m.cancelled_at, m.terms, m.marks, *(m[name] for name in _ABOUT))


@lru_cache(maxsize=512)
def _terms(stored: str) -> Mapping[str, tuple[ClockSpec, ...]]:
    """Terms as they are stored: read once for the many things that are soon heard of one whistle. Never changed."""
    return MappingProxyType(_TERMS.validate_json(stored))


def _matter(whistle_id: UUID, row: Any) -> domain.Matter:
    if row is None:
        return domain.Matter(whistle_id)
    about = None if row.round is None else domain.About(**{name: getattr(row, name) for name in _ABOUT})
    return domain.Matter(whistle_id, about, row.cancelled_at, _terms(row.terms), _MARKS.validate_python(row.marks))


@dataclass(frozen=True, slots=True)
class Loaded:
    """A matter, and whether it has a row of its own yet."""

    matter: domain.Matter
    exists: bool


def matter(unit: Unit, whistle_id: UUID) -> domain.Matter:
    """A loaded matter."""
    loaded: Loaded = unit.cases[whistle_id]
    return loaded.matter


def replica(unit: Unit) -> Replica:
    """The registry and the calendars."""
    found: Reference = unit.reference
    return found.replica


def next_number(unit: Unit, series: domain.Series) -> str:
    """The next number of those drawn for this batch."""
    found: Reference = unit.reference
    return series.number(next(found.numbers[series]))


async def draw_numbers(unit: Unit, wishes: Sequence[domain.Series]) -> dict[domain.Series, Iterator[int]]:
    """As many serial numbers per year and form as are wished for, in one statement."""
    counts = Counter(wishes)
    ordered = sorted(counts, key=lambda series: (series.year, series.form))
    columns = [s.year for s in ordered], [s.form for s in ordered], [counts[s] for s in ordered]
    drawn = await unit.connection.exec_driver_sql(_DRAW, columns)
    lasts = {domain.Series(row.year, row.form): row.last for row in drawn}
    return {series: iter(range(lasts[series] - n + 1, lasts[series] + 1)) for series, n in counts.items()}


async def draw_for(unit: Unit, series: domain.Series) -> None:
    """A number for one letter more."""
    found: Reference = unit.reference
    unit.reference = Reference(found.replica, {**found.numbers, **await draw_numbers(unit, [series])})


async def overlooked(unit: Unit, limit: int) -> list[UUID]:
    """Whistles with a running clock that nobody would ever look at again."""
    return list((await unit.connection.exec_driver_sql(_OVERLOOKED, (limit,))).scalars())


async def claim_due(unit: Unit, until: datetime, limit: int) -> list[UUID]:
    """Lock and return whistles that have a clock to look at by `until` (business), the longest due first."""
    return list((await unit.connection.exec_driver_sql(_CLAIM_DUE, (until, limit))).scalars())


async def claim_provisional(unit: Unit, calendar_version: int, limit: int) -> list[UUID]:
    """Lock and return whistles with running provisional clocks reckoned by an older calendar."""
    return list((await unit.connection.exec_driver_sql(_CLAIM_PROVISIONAL, (calendar_version, limit))).scalars())


def save(unit: Unit, after: domain.Matter, added: Container[UUID] = ()) -> None:
    """Store what changed of a matter, its tasks, its clocks and its escalations. `added`: escalations that have been
    stored as they are."""
    loaded: Loaded = unit.cases[after.whistle_id]
    before = loaded.matter
    exists = _save_matter(unit, loaded, after)
    for task_id, task in after.tasks.items():
        if task is not before.tasks.get(task_id):
            row = columns_of(task) | {"marks": _json(task.marks)}
            if task_id not in before.tasks:
                unit.insert(tables.task, whistle_id=after.whistle_id, **row)
            elif task != before.tasks[task_id]:
                unit.update(tables.task, **row)
    for clock_id, clock in after.clocks.items():
        if clock_id not in before.clocks:
            unit.insert(tables.clock, **columns_of(clock))
        elif clock is not before.clocks[clock_id] and clock != before.clocks[clock_id]:
            unit.update(tables.clock, **columns_of(clock))
    for escalation_id, escalation in after.escalations.items():
        if escalation is not before.escalations.get(escalation_id) and escalation_id not in added:
            unit.update(tables.escalation, **columns_of(escalation))
    unit.cases[after.whistle_id] = Loaded(after, exists)


def _json(marks: tuple[domain.Mark, ...]) -> str:
    return _MARKS.dump_json(marks, exclude_defaults=True).decode()


def _save_matter(unit: Unit, loaded: Loaded, after: domain.Matter) -> bool:
    before = loaded.matter
    known = (before.cancelled_at, before.terms, before.marks, before.about)
    if known == (after.cancelled_at, after.terms, after.marks, after.about):
        return loaded.exists
    about = dict.fromkeys(_ABOUT) if after.about is None else columns_of(after.about)
    row: dict[str, Any] = {
        "whistle_id": after.whistle_id,
        "terms": _TERMS.dump_json(dict(after.terms), exclude_defaults=True).decode(),
        "marks": _json(after.marks),
        "cancelled_at": after.cancelled_at,
        **about,
    }
    if loaded.exists:
        unit.update(tables.matter, **row)
    else:
        unit.insert(tables.matter, **row)
    return True


def add_escalation(
    unit: Unit,
    clock: domain.Clock,
    raised: domain.Raised,
    escalation: domain.Escalation,
    *,
    degraded: bool = False,
    by: str | None = None,
    reason: str | None = None,
) -> None:
    """Store a rung that was climbed, by itself or by hand (`by`, `reason`).

    INVARIANT: (clock, rung) is stored once; a second time fails the transaction."""
    unit.insert(
        tables.escalation,
        whistle_id=clock.whistle_id,
        task_id=clock.task_id,
        department=clock.department,
        clock=clock.name,
        side=clock.side,
        role=raised.role,
        form=raised.form,
        due_at=clock.due_at,
        rung_at=raised.rung_at,
        fired_at=unit.now,
        degraded=degraded,
        people=orjson.dumps(raised.people).decode(),
        raised_by=by,
        raised_reason=reason,
        **columns_of(escalation),
    )


def add_letter(unit: Unit, letter: LetterIssued) -> None:
    """Store a letter that goes out now."""
    row = letter.model_dump()
    row["issued_by"] = row.pop("by")
    unit.insert(tables.letter, **row, issued_at=unit.now, replied_at=None, replied_by=None, reply=None)


def reply_to_letter(unit: Unit, letter_id: UUID, at: datetime, person: str, reply: str) -> None:
    """A department answered a letter at `at` (business)."""
    unit.update(tables.letter, letter_id=letter_id, replied_at=at, replied_by=person, reply=reply)


def log_event(unit: Unit, event: Event[Any]) -> None:
    """Append an event that was heard to the log: everything but a resident's own words."""
    data = event.data.model_dump_json(exclude=_NOT_LOGGED if hasattr(event.data, "facts") else None)
    _append(unit, event.id, event.key, event.producer, event.subject, event.time, data)
    ledger.fold(unit, event.data, event.time, event.id)


def postpone(unit: Unit, whistle_id: UUID, until: datetime) -> None:
    """Look at a matter's due clocks and escalations again only at `until` (business): firing them failed."""
    known = matter(unit, whistle_id)
    for clock in known.clocks.values():
        if clock.next_at is not None and clock.next_at < until:
            unit.update(tables.clock, clock_id=clock.clock_id, next_at=until)
    for standing in known.escalations.values():
        if standing.next_at is not None and standing.next_at < until:
            unit.update(tables.escalation, escalation_id=standing.escalation_id, next_at=until)


def say(unit: Unit, data: EventData, whistle_id: UUID, *departments: str | None) -> None:
    """Emit an event of escalation's own and append it to the log; these departments must see it."""
    event_id = unit.emit(data, whistle_id, to={code: None for code in departments if code is not None})
    _append(unit, event_id, data.key, unit.producer, str(whistle_id), unit.now, data.model_dump_json())
    ledger.fold(unit, data, unit.now, event_id)


def _append(unit: Unit, event_id: UUID, key: str, producer: str, subject: str, at: datetime, data: str) -> None:
    unit.insert(
        tables.event_log,
        event_id=event_id,
        key=key,
        producer=producer,
        subject=subject,
        at=at,
        received_at=wall_now(),
        data=data,
    )


def shown(unit: Unit, subject: UUID) -> dict[str, Any] | None:
    """What a loaded matter looks like to the audit: its clocks and the rungs climbed. None: nothing is known of it."""
    loaded: Loaded | None = unit.cases.get(subject)
    if loaded is None or not loaded.exists:
        return None
    known = loaded.matter
    about: dict[str, Any] = {"letters": sum(mark.what == "letter" for mark in known.marks)}
    for clock in known.clocks.values():
        name = f"clock {clock.name} {clock.department or clock.side} {clock.clock_id}"
        about[name] = (clock.status, clock.due_at, f"climbed {clock.climbed}")
    for rung in known.escalations.values():
        about[f"escalation {rung.escalation_id}"] = (f"rung {rung.rung}", rung.status, rung.acknowledged_by)
    return about
