"""Rows to matters and back, for a whole batch at a time; the claim of what is due; the event log."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import select

from whistle_escalation import domain, tables
from whistle_shared.auth import Caller
from whistle_shared.contracts import Event, EventData
from whistle_shared.contracts.dispatch import ClockSpec
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.db import Unit, Work, among, columns_of
from whistle_shared.replica import Replica
from whistle_shared.timesource import wall_now
from whistle_shared.web import close_session, open_session, renew_session

_TERMS = TypeAdapter(dict[str, tuple[ClockSpec, ...]])
_CLOCK = [field.name for field in fields(domain.Clock)]
_TASK = [field.name for field in fields(domain.Task)]
_NOT_LOGGED = {"facts": {"description"}}
# Whistles whose clocks are due, each locked for this transaction unless another one holds it (EVENTS.md R9).
_CLAIM_DUE = """
with due as materialized (
    select whistle_id, min(next_at) as next_at from clock where next_at <= $1 group by whistle_id
    order by min(next_at) limit $2
)
select whistle_id from due where pg_try_advisory_xact_lock(hashtextextended(whistle_id::text, 0))
"""
_CLAIM_PROVISIONAL = """
with stale as materialized (
    select distinct whistle_id from clock where provisional and status = 'running' and calendar_version < $1 limit $2
)
select whistle_id from stale where pg_try_advisory_xact_lock(hashtextextended(whistle_id::text, 0))
"""


async def load(replica: Replica, unit: Unit, works: Sequence[Work]) -> None:
    """Fetch everything that is known about the whistles of a batch."""
    await load_matters(replica, unit, {work.whistle for work in works if work.whistle is not None})


async def load_matters(replica: Replica, unit: Unit, whistle_ids: Iterable[UUID]) -> None:
    """Fetch matters with their tasks, clocks and escalations. A whistle not heard of becomes an empty matter."""
    unit.reference = replica
    ids = list(whistle_ids)
    if not ids:
        return
    m, t, c, e = tables.matter.c, tables.task.c, tables.clock.c, tables.escalation.c
    matters = {whistle_id: domain.Matter(whistle_id) for whistle_id in ids}
    known = select(m.whistle_id, m.cancelled_at, m.dispatched_at, m.terms, m.calendar_version).where(
        among(m.whistle_id, ids)
    )
    rows = (await unit.connection.execute(known)).all()
    for row in rows:
        matters[row.whistle_id] = domain.Matter(
            row.whistle_id, row.cancelled_at, row.dispatched_at, _TERMS.validate_python(row.terms), row.calendar_version
        )
    tasks: dict[UUID, dict[UUID, domain.Task]] = {}
    for row in await unit.connection.execute(select(tables.task).where(among(t.whistle_id, ids))):
        task = domain.Task(**{name: getattr(row, name) for name in _TASK})
        tasks.setdefault(row.whistle_id, {})[row.task_id] = task
    clocks: dict[UUID, dict[UUID, domain.Clock]] = {}
    for row in await unit.connection.execute(select(tables.clock).where(among(c.whistle_id, ids))):
        clock = domain.Clock(**{name: getattr(row, name) for name in _CLOCK})
        clocks.setdefault(row.whistle_id, {})[row.clock_id] = clock
    climbed: dict[UUID, dict[UUID, domain.Escalation]] = {}
    columns = (e.escalation_id, e.clock_id, e.rung, e.status, e.acknowledged_at)
    for found in await unit.connection.execute(select(e.whistle_id, *columns).where(among(e.whistle_id, ids))):
        climbed.setdefault(found.whistle_id, {})[found.escalation_id] = domain.Escalation(*found[1:])
    exist = {row.whistle_id for row in rows}
    for whistle_id, matter in matters.items():
        unit.cases[whistle_id] = Loaded(
            replace(
                matter,
                tasks=tasks.get(whistle_id, {}),
                clocks=clocks.get(whistle_id, {}),
                escalations=climbed.get(whistle_id, {}),
            ),
            exists=whistle_id in exist,
        )


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
    found: Replica = unit.reference
    return found


async def claim_due(unit: Unit, until: datetime, limit: int) -> list[UUID]:
    """Lock and return whistles that have a clock to look at by `until` (business), the longest due first."""
    return list((await unit.connection.exec_driver_sql(_CLAIM_DUE, (until, limit))).scalars())


async def claim_provisional(unit: Unit, calendar_version: int, limit: int) -> list[UUID]:
    """Lock and return whistles with running provisional clocks reckoned by an older calendar."""
    return list((await unit.connection.exec_driver_sql(_CLAIM_PROVISIONAL, (calendar_version, limit))).scalars())


def save(unit: Unit, after: domain.Matter, facts: WhistleFacts | None = None) -> None:
    """Store what changed of a matter, its tasks and its clocks. `facts` come with its first event."""
    loaded: Loaded = unit.cases[after.whistle_id]
    before = loaded.matter
    exists = _save_matter(unit, loaded, after, facts)
    for task_id, task in after.tasks.items():
        if task_id not in before.tasks:
            unit.insert(tables.task, whistle_id=after.whistle_id, **columns_of(task))
        elif task != before.tasks[task_id]:
            unit.update(tables.task, **columns_of(task))
    for clock_id, clock in after.clocks.items():
        if clock_id not in before.clocks:
            unit.insert(tables.clock, **columns_of(clock))
        elif clock != before.clocks[clock_id]:
            unit.update(tables.clock, **columns_of(clock))
    unit.cases[after.whistle_id] = Loaded(after, exists)


def _save_matter(unit: Unit, loaded: Loaded, after: domain.Matter, facts: WhistleFacts | None) -> bool:
    before = loaded.matter
    same = (before.cancelled_at, before.terms) == (after.cancelled_at, after.terms)
    if same and facts is None:
        return loaded.exists
    about = {
        name: None if facts is None else getattr(facts, name)
        for name in ("number", "title", "street", "kind", "urgency", "category")
    }
    row: dict[str, Any] = {
        "whistle_id": after.whistle_id,
        "terms": _TERMS.dump_json(dict(after.terms)).decode(),
        "calendar_version": after.calendar_version,
        "dispatched_at": after.dispatched_at,
        "cancelled_at": after.cancelled_at,
    }
    if not loaded.exists:
        unit.insert(tables.matter, **row, **about)
    else:
        unit.update(tables.matter, **row, **(about if facts else {}))
    return True


def add_escalation(unit: Unit, clock: domain.Clock, raised: domain.Raised, degraded: bool) -> None:
    """Store a rung that was climbed. INVARIANT: (clock, rung) is stored once; a second time fails the transaction."""
    unit.insert(
        tables.escalation,
        escalation_id=raised.escalation_id,
        clock_id=clock.clock_id,
        rung=raised.rung,
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
        status="open",
        ended_at=None,
        reason=None,
        acknowledged_at=None,
        acknowledged_by=None,
    )


def end_escalation(unit: Unit, escalation_id: UUID, status: str, reason: str) -> None:
    """An open escalation is withdrawn or resolved."""
    unit.update(tables.escalation, escalation_id=escalation_id, status=status, reason=reason, ended_at=unit.now)


def acknowledge(unit: Unit, escalation_id: UUID, by: str) -> None:
    """Someone whom a rung called has seen it."""
    unit.update(tables.escalation, escalation_id=escalation_id, acknowledged_at=unit.now, acknowledged_by=by)


def log_event(unit: Unit, event: Event[Any]) -> None:
    """Append an event that was heard to the log: everything but a resident's own words."""
    data = event.data.model_dump_json(exclude=_NOT_LOGGED if hasattr(event.data, "facts") else None)
    _append(unit, event.id, event.key, event.producer, event.subject, event.time, data)


def postpone(unit: Unit, whistle_id: UUID, until: datetime) -> None:
    """Look at a matter's due clocks again only at `until` (business): firing them failed."""
    for clock in matter(unit, whistle_id).clocks.values():
        if clock.next_at is not None and clock.next_at < until:
            unit.update(tables.clock, clock_id=clock.clock_id, next_at=until)


def say(unit: Unit, data: EventData, whistle_id: UUID, department: str | None = None) -> None:
    """Emit an event of escalation's own and append it to the log; `department` must see it."""
    event_id = unit.emit(data, whistle_id, to=() if department is None else (department,))
    _append(unit, event_id, data.key, unit.producer, str(whistle_id), unit.now, data.model_dump_json())


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


async def add_session(unit: Unit, caller: Caller) -> str:
    """Begin a session at a browser; returns the cookie's secret."""
    return await open_session(unit, tables.web_session, caller)


def keep_session(unit: Unit, secret: str) -> None:
    """A session is in use."""
    renew_session(unit, tables.web_session, secret)


def end_session(unit: Unit, secret: str) -> None:
    """A session is over."""
    close_session(unit, tables.web_session, secret)
