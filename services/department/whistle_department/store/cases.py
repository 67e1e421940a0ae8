"""Rows to tasks and back, for a whole batch at a time."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Table, literal, select
from sqlalchemy import case as either
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from whistle_department import domain, tables
from whistle_department.store import handovers
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.contracts.vocabulary import ClockName, RungForm
from whistle_shared.db import Unit, Work, among, columns_of
from whistle_shared.errors import NotFound, Unavailable
from whistle_shared.messaging import RetryLater
from whistle_shared.replica import Replica, serving_fault

_CALLED = (
    "task_id",
    "whistle_id",
    "round",
    "department",
    "called_as",
    "presence",
    "origin",
    "action_item",
    "dispatched_at",
    "return_until",
)
Clocks = dict[ClockName, domain.Clock]


@dataclass(frozen=True, slots=True)
class Letter:
    """A formal letter to a department, and its reply."""

    letter_id: UUID
    whistle_id: UUID
    task_id: UUID
    department: str
    number: str
    form: RungForm
    text: str
    by: str
    issued_at: datetime
    reply_due_at: datetime
    replied_at: datetime | None = None
    person: str | None = None
    reply: str | None = None


@dataclass(frozen=True, slots=True)
class Invitation:
    """A department's call to a joint meeting, and who came."""

    meeting_id: UUID
    department: str
    whistle_id: UUID
    starts_at: datetime
    place: str
    agenda: str
    by: str
    convened_at: datetime
    attended_at: datetime | None = None
    person: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a command needs beside its whistle: one letter, one meeting's invitations; or a department's duty desk."""

    letter: UUID | None = None
    meeting: UUID | None = None
    desk: str | None = None


@dataclass(slots=True)
class Told:
    """What is known of a whistle beside its tasks: its log in the order of hearing; the clocks and the rungs
    climbed, by task."""

    log: list[domain.Entry] = field(default_factory=list)
    clocks: dict[UUID, Clocks] = field(default_factory=dict)
    escalations: dict[UUID, dict[UUID, domain.Escalation]] = field(default_factory=dict)


@dataclass(slots=True)
class Case:
    """What this instance knows of one whistle. Changed only by the functions below, along with its rows."""

    tasks: dict[UUID, domain.Task] = field(default_factory=dict)
    told: Told = field(default_factory=Told)
    letters: dict[UUID, Letter] = field(default_factory=dict)
    invitations: dict[tuple[UUID, str], Invitation] = field(default_factory=dict)


# -- reading -----------------------------------------------------------------------------------------------------


async def load(replica: Replica, unit: Unit, works: Sequence[Work]) -> None:
    """Fetch the cases of a batch's whistles; a whistle nothing is known of has an empty one."""
    unit.reference = replica
    ids = list({work.whistle for work in works if work.whistle is not None})
    if not ids:
        return
    unit.cases = {whistle_id: Case() for whistle_id in ids}
    t = tables.task
    rows = (await unit.connection.execute(select(t).where(among(t.c.whistle_id, ids)))).all()
    for whistle_id, told in (await told_of(unit.connection, ids)).items():
        case(unit, whistle_id).told = told
    for row in rows:
        known = case(unit, row.whistle_id)
        known.tasks[row.task_id] = to_task(row, known.told)
    await _load_wanted(unit, [work.wants for work in works if isinstance(work.wants, Wanted)])


async def _load_wanted(unit: Unit, wanted: Sequence[Wanted]) -> None:
    n, v = tables.letter, tables.invitation
    letters = [each.letter for each in wanted if each.letter]
    meetings = [each.meeting for each in wanted if each.meeting]
    if letters:
        for row in await unit.connection.execute(select(n).where(among(n.c.letter_id, letters))):
            if row.whistle_id in unit.cases:
                case(unit, row.whistle_id).letters[row.letter_id] = _from_row(Letter, row)
    if meetings:
        for row in await unit.connection.execute(select(v).where(among(v.c.meeting_id, meetings))):
            if row.whistle_id in unit.cases:
                case(unit, row.whistle_id).invitations[row.meeting_id, row.department] = _from_row(Invitation, row)

    await handovers.load(unit, {each.desk for each in wanted if each.desk})


async def told_of(
    connection: AsyncConnection, whistle_ids: Collection[UUID], listed: Collection[UUID] | None = None
) -> dict[UUID, Told]:
    """What is known of these whistles beside their tasks; silence leaves no entry.

    `listed`: what a list of these tasks shows, and no more: their own clocks and the rungs that are open.
    """
    found: dict[UUID, Told] = {}
    e, k, r = tables.entry.c, tables.clock.c, tables.escalation.c
    lines = select(e.whistle_id, *_ENTRY).where(among(e.whistle_id, whistle_ids)).order_by(e.position)
    for whistle_id, *line in await connection.execute(lines):
        found.setdefault(whistle_id, Told()).log.append(domain.Entry(*line))
    clocks = select(k.whistle_id, k.task_id, *_CLOCK).where(among(k.whistle_id, whistle_ids))
    if listed is not None:
        clocks = clocks.where(among(k.task_id, listed))
    for whistle_id, task_id, *values in await connection.execute(clocks):
        clock = domain.Clock(*values)
        found.setdefault(whistle_id, Told()).clocks.setdefault(task_id, {})[clock.name] = clock
    escalations = select(r.whistle_id, *_ESCALATION).where(among(r.whistle_id, whistle_ids))
    if listed is not None:
        escalations = escalations.where(among(r.task_id, listed), r.status == "open")
    for whistle_id, *values in await connection.execute(escalations):
        raised = domain.Escalation(*values)
        of_task = found.setdefault(whistle_id, Told()).escalations.setdefault(raised.task_id, {})
        of_task[raised.escalation_id] = raised
    return found


def _columns(model: Any, table: Table) -> list[Any]:
    """A model's fields in its own order: its values by position, for there are many rows."""
    return [table.c[name] for name in model.__slots__]


_CLOCK, _ESCALATION = _columns(domain.Clock, tables.clock), _columns(domain.Escalation, tables.escalation)
# A progress note may be long and decides nothing: it is left where it is.
_SHORT = either((tables.entry.c.step == "progress", literal({}, JSONB)), else_=tables.entry.c.detail).label("detail")
_ENTRY = [_SHORT if column.name == "detail" else column for column in _columns(domain.Entry, tables.entry)]


def _from_row(model: Any, row: Any) -> Any:
    return model(**{name: getattr(row, name) for name in model.__slots__})


def to_entry(row: Any) -> domain.Entry:
    """A line of the log from its row."""
    entry: domain.Entry = _from_row(domain.Entry, row)
    return entry


def to_task(row: Any, told: Told) -> domain.Task:
    """A task from its row and its whistle's log."""
    values = {name: getattr(row, name) for name in _CALLED}
    called = domain.Task(**values, people=tuple(row.people), terms=tuple(_term(raw) for raw in row.terms))
    return domain.told(called, told.log)


def _term(raw: Mapping[str, Any]) -> domain.Term:
    instants = {name: datetime.fromisoformat(raw[name]) for name in ("start_at", "due_at") if raw[name]}
    return domain.Term(**{**raw, **instants})


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


def rules(unit: Unit) -> domain.Rules:
    """The registry and the calendar in force. Raises Unavailable before they have arrived."""
    replica: Replica = unit.reference
    if replica.registry is None:
        raise Unavailable("the registry has not arrived yet")
    return domain.Rules(replica.registry, replica.calendar())


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


# -- writing -----------------------------------------------------------------------------------------------------


def add_facts(unit: Unit, whistle_id: UUID, round_: int, facts: WhistleFacts) -> None:
    """Store what the street said, once per round: with the first of its tasks."""
    if all(task.round != round_ for task in case(unit, whistle_id).tasks.values()):
        unit.insert(tables.whistle, whistle_id=whistle_id, round=round_, facts=facts.model_dump_json())


def add(unit: Unit, called: domain.Task) -> None:
    """Store a task that was called, with what its whistle's log says of it already."""
    known = case(unit, called.whistle_id)
    new = known.tasks[called.task_id] = domain.told(called, known.told.log)
    fixed = {name: getattr(new, name) for name in _CALLED if name != "task_id"}
    people = orjson.dumps(new.people).decode()
    unit.insert(tables.task, **fixed, people=people, terms=_terms_text(new.terms), **_changing(unit, new))


def _save(unit: Unit, after: domain.Task) -> None:
    """Store a changed task: this one's row and no other."""
    case(unit, after.whistle_id).tasks[after.task_id] = after
    unit.update(tables.task, **_changing(unit, after))


def _changing(unit: Unit, task: domain.Task) -> dict[str, Any]:
    """The columns that change, always the same set, so that the last of several updates in a batch wins."""
    return {"task_id": task.task_id, "state": task.state, "due_at": due_at(unit, task)}


def due_at(unit: Unit, task: domain.Task) -> datetime | None:
    """What runs out first for a loaded task."""
    return domain.next_due(task, case(unit, task.whistle_id).told.clocks.get(task.task_id, {}))


def note(unit: Unit, whistle_id: UUID, entry: domain.Entry) -> None:
    """Append a line to a whistle's log, and store what follows for the tasks that are here."""
    known = case(unit, whistle_id)
    known.told.log.append(entry)
    row = columns_of(entry) | {"detail": orjson.dumps(entry.detail).decode()}
    unit.insert(tables.entry, whistle_id=whistle_id, **row)
    for before in list(known.tasks.values()):
        after = domain.apply(before, entry)
        if after != before:
            _save(unit, after)


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
    _write(unit, tables.clock, new=before is None, whistle_id=whistle_id, task_id=task_id, **columns_of(after))
    if task_id in known.tasks:
        _save(unit, known.tasks[task_id])


def escalation(unit: Unit, whistle_id: UUID, task_id: UUID, escalation_id: UUID) -> domain.Escalation | None:
    """What has been heard of an escalation, if anything."""
    return case(unit, whistle_id).told.escalations.get(task_id, {}).get(escalation_id)


def save_escalation(unit: Unit, whistle_id: UUID, after: domain.Escalation) -> None:
    """Store what has been heard of an escalation."""
    heard = case(unit, whistle_id).told.escalations.setdefault(after.task_id, {})
    before, heard[after.escalation_id] = heard.get(after.escalation_id), after
    if after != before:
        _write(unit, tables.escalation, new=before is None, whistle_id=whistle_id, **columns_of(after))


def _write(unit: Unit, table: Table, *, new: bool, **row: Any) -> None:
    write = unit.insert if new else unit.update
    write(table, **row)


def keep_letter(unit: Unit, letter: Letter) -> None:
    """Store a letter, once."""
    unit.keep(tables.letter, **columns_of(letter))


def letter(unit: Unit, whistle_id: UUID, letter_id: UUID) -> Letter:
    """A letter that the command wanted. Raises NotFound."""
    found = case(unit, whistle_id).letters.get(letter_id)
    if found is None:
        raise NotFound(f"letter {letter_id}")
    return found


def save_letter(unit: Unit, after: Letter) -> None:
    """Store a letter that was answered."""
    case(unit, after.whistle_id).letters[after.letter_id] = after
    unit.update(tables.letter, **columns_of(after))


def keep_invitation(unit: Unit, invitation: Invitation) -> None:
    """Store an invitation, once."""
    unit.keep(tables.invitation, **columns_of(invitation))


def invitation(unit: Unit, whistle_id: UUID, meeting_id: UUID, department: str) -> Invitation | None:
    """A department's invitation to a meeting about a whistle, if there is one; the command must want the meeting."""
    return case(unit, whistle_id).invitations.get((meeting_id, department))


def save_invitation(unit: Unit, after: Invitation) -> None:
    """Store that somebody came."""
    case(unit, after.whistle_id).invitations[after.meeting_id, after.department] = after
    unit.update(tables.invitation, **columns_of(after))


def shown(unit: Unit, subject: UUID) -> dict[str, Any] | None:
    """What a loaded whistle (or a duty desk) looks like to the audit: its tasks here. None: nothing is known of it."""
    if subject in unit.ledgers:
        return handovers.shown(unit.ledgers[subject])
    known: Case | None = unit.cases.get(subject)
    if known is None or not known.tasks:
        return None
    about: dict[str, Any] = {}
    for task in known.tasks.values():
        name = f"task {task.department} {task.task_id}"
        about[name] = (task.state, f"attempt {task.attempt}", task.person, due_at(unit, task))
        about[f"{name} reached"] = sorted(task.milestones)
        about[f"{name} present"] = task.present
        about |= {f"{asked.kind} {request_id}": asked.state for request_id, asked in task.requests.items()}
    about |= {f"letter {letter.number}": letter.replied_at for letter in known.letters.values()}
    about |= {f"meeting {call.meeting_id} {call.department}": call.attended_at for call in known.invitations.values()}
    return about
