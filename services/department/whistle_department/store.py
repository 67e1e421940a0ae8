"""Rows to tasks and back, for a whole batch at a time."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from whistle_department import domain, tables
from whistle_shared.contracts.department import TaskEvent
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.contracts.vocabulary import ClockName
from whistle_shared.db import Unit, Work, among, columns_of
from whistle_shared.errors import NotFound
from whistle_shared.messaging import RetryLater
from whistle_shared.replica import Replica, serving_fault

_STAMPS = (
    "acknowledged_at",
    "acknowledged_by",
    "person",
    "arrived_at",
    "progressed_at",
    "submitted_at",
    "cancelled_at",
    "cancel_reason",
)
_FIXED = ("task_id", "whistle_id", "round", "department", "role", "presence", "origin", "dispatched_at")

Clocks = dict[ClockName, domain.Clock]


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A round's task of one department was cancelled, whether or not the task has arrived."""

    reason: str
    at: datetime


@dataclass(slots=True)
class Told:
    """What escalation has said, by task."""

    clocks: dict[UUID, Clocks] = field(default_factory=dict)
    escalations: dict[UUID, dict[UUID, domain.Escalation]] = field(default_factory=dict)


@dataclass(slots=True)
class Case:
    """What this instance knows of one whistle. Changed only by the functions below, along with its rows."""

    has_facts: bool = False
    tasks: dict[UUID, domain.Task] = field(default_factory=dict)
    cancelled: dict[tuple[int, str], Cancelled] = field(default_factory=dict)
    told: Told = field(default_factory=Told)


async def load(replica: Replica, unit: Unit, works: Sequence[Work]) -> None:
    """Fetch the cases of a batch's whistles; a whistle nothing is known of has an empty one."""
    unit.reference = replica
    ids = list({work.whistle for work in works if work.whistle is not None})
    if not ids:
        return
    unit.cases = {whistle_id: Case() for whistle_id in ids}
    w, t, c = tables.whistle.c, tables.task, tables.cancellation
    for row in await unit.connection.execute(select(w.whistle_id).where(among(w.whistle_id, ids))):
        case(unit, row.whistle_id).has_facts = True
    for row in await unit.connection.execute(select(t).where(among(t.c.whistle_id, ids))):
        case(unit, row.whistle_id).tasks[row.task_id] = to_task(row)
    for row in await unit.connection.execute(select(c).where(among(c.c.whistle_id, ids))):
        case(unit, row.whistle_id).cancelled[row.round, row.department] = Cancelled(row.reason, row.cancelled_at)
    for whistle_id, told in (await told_of(unit.connection, ids)).items():
        case(unit, whistle_id).told = told


async def told_of(connection: AsyncConnection, whistle_ids: Collection[UUID]) -> dict[UUID, Told]:
    """What escalation has said about the tasks of these whistles, by whistle; silence leaves no entry."""
    found: dict[UUID, Told] = {}
    k, e = tables.clock, tables.escalation
    for row in await connection.execute(select(k).where(among(k.c.whistle_id, whistle_ids))):
        clocks = found.setdefault(row.whistle_id, Told()).clocks.setdefault(row.task_id, {})
        clocks[row.name] = _from_row(domain.Clock, row)
    for row in await connection.execute(select(e).where(among(e.c.whistle_id, whistle_ids))):
        raised = found.setdefault(row.whistle_id, Told()).escalations.setdefault(row.task_id, {})
        raised[row.escalation_id] = _from_row(domain.Escalation, row)
    return found


def _from_row(model: Any, row: Any) -> Any:
    return model(**{name: getattr(row, name) for name in model.__slots__})


def to_task(row: Any) -> domain.Task:
    """A task from its row."""
    values = {name: getattr(row, name) for name in (*_FIXED, *_STAMPS)}
    return domain.Task(**values, terms=tuple(_term(raw) for raw in row.terms))


def _term(raw: Mapping[str, Any]) -> domain.Term:
    due_at = raw["due_at"]
    return domain.Term(
        raw["name"], raw["limit"], datetime.fromisoformat(due_at) if due_at else None, raw["provisional"]
    )


@lru_cache(maxsize=256)
def _terms_text(terms: tuple[domain.Term, ...]) -> str:
    """The tasks of a whistle share their terms, so the text is made once for all of them."""
    return orjson.dumps(terms).decode()


def case(unit: Unit, whistle_id: UUID) -> Case:
    """The loaded case of a whistle."""
    found: Case = unit.cases[whistle_id]
    return found


def task(unit: Unit, whistle_id: UUID, task_id: UUID) -> domain.Task:
    """A loaded task. Raises NotFound."""
    found = case(unit, whistle_id).tasks.get(task_id)
    if found is None:
        raise NotFound(f"task {task_id}")
    return found


def served(unit: Unit, departments: Iterable[str], registry_version: int = 1) -> list[str]:
    """Those of `departments` that this instance serves. Raises RetryLater until the registry is as new as
    `registry_version` and names one of them ours: an older one would drop the task of a department that has just
    become ours."""
    replica: Replica = unit.reference
    if replica.registry is None or replica.registry.version < registry_version:
        raise RetryLater(f"registry version {registry_version} has not arrived yet")
    served = sorted({code for code in departments if serving_fault(replica, unit.producer, code) is None})
    if not served:
        raise RetryLater(f"none of these departments is served here by registry version {replica.registry.version}")
    return served


def serves(unit: Unit, department: str) -> bool:
    """Whether this instance serves a department. Raises RetryLater while the registry does not know it."""
    return serving_fault(unit.reference, unit.producer, department) is None


def add_facts(unit: Unit, whistle_id: UUID, facts: WhistleFacts) -> None:
    """Store what the street said, once per whistle."""
    known = case(unit, whistle_id)
    if not known.has_facts:
        known.has_facts = True
        unit.insert(tables.whistle, whistle_id=whistle_id, facts=facts.model_dump_json())


def add(unit: Unit, new: domain.Task) -> None:
    """Store a new task."""
    case(unit, new.whistle_id).tasks[new.task_id] = new
    fixed = {name: getattr(new, name) for name in _FIXED if name != "task_id"}
    unit.insert(tables.task, **fixed, terms=_terms_text(new.terms), **_changing(unit, new))


def save(unit: Unit, after: domain.Task) -> None:
    """Store a changed task: this one's row and no other."""
    case(unit, after.whistle_id).tasks[after.task_id] = after
    unit.update(tables.task, **_changing(unit, after))


def _changing(unit: Unit, task: domain.Task) -> dict[str, Any]:
    """The columns that change, always the same set, so that the last of several updates in a batch wins."""
    stamps = {name: getattr(task, name) for name in _STAMPS}
    return {"task_id": task.task_id, "state": task.state, "due_at": due_at(unit, task), **stamps}


def due_at(unit: Unit, task: domain.Task) -> datetime | None:
    """What runs out first for a loaded task."""
    return domain.next_due(task, case(unit, task.whistle_id).told.clocks.get(task.task_id, {}))


def tell(unit: Unit, event_id: UUID, step: domain.Step, data: TaskEvent) -> None:
    """Append a step to a task's history."""
    unit.insert(
        tables.step,
        event_id=event_id,
        task_id=data.task_id,
        step=step,
        at=unit.now,
        by=data.by,
        person=data.person,
        detail=data.model_dump_json(exclude=set(TaskEvent.model_fields)),
    )


def remember_cancelled(unit: Unit, whistle_id: UUID, round_: int, department: str, cancelled: Cancelled) -> None:
    """Keep the tombstone of a round's task; the first one counts."""
    known = case(unit, whistle_id).cancelled
    if (round_, department) not in known:
        known[round_, department] = cancelled
        unit.insert(
            tables.cancellation,
            whistle_id=whistle_id,
            round=round_,
            department=department,
            cancelled_at=cancelled.at,
            reason=cancelled.reason,
        )


def clock(unit: Unit, whistle_id: UUID, task_id: UUID, name: ClockName) -> domain.Clock:
    """What escalation has said of a clock; nothing yet, perhaps."""
    return case(unit, whistle_id).told.clocks.get(task_id, {}).get(name) or domain.Clock(name)


def save_clock(unit: Unit, whistle_id: UUID, task_id: UUID, after: domain.Clock) -> None:
    """Store what escalation has said of a clock, and what follows for the task if it is here."""
    known = case(unit, whistle_id)
    clocks = known.told.clocks.setdefault(task_id, {})
    before, clocks[after.name] = clocks.get(after.name), after
    if after == before:
        return
    write = unit.update if before else unit.insert
    write(tables.clock, whistle_id=whistle_id, task_id=task_id, **columns_of(after))
    if task_id in known.tasks:
        save(unit, known.tasks[task_id])


def escalation(unit: Unit, whistle_id: UUID, task_id: UUID, escalation_id: UUID) -> domain.Escalation | None:
    """What has been heard of an escalation, if anything."""
    return case(unit, whistle_id).told.escalations.get(task_id, {}).get(escalation_id)


def save_escalation(unit: Unit, whistle_id: UUID, after: domain.Escalation) -> None:
    """Store what has been heard of an escalation."""
    heard = case(unit, whistle_id).told.escalations.setdefault(after.task_id, {})
    before, heard[after.escalation_id] = heard.get(after.escalation_id), after
    if after != before:
        write = unit.update if before else unit.insert
        write(tables.escalation, whistle_id=whistle_id, **columns_of(after))
