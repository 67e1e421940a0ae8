"""Clocks begin: with a dispatch, a returned task's replacement, a wait at the whistle office, a dispute."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from whistle_escalation import domain, store
from whistle_escalation.commands.saying import calendars, finish, say_armed, say_changes, say_ended
from whistle_escalation.notices import writing
from whistle_shared.contracts.dispatch import (
    DisputeDecided,
    DisputeOpened,
    EndedTask,
    ReturnDecided,
    TaskCalled,
    TasksCalled,
    WhistleDispatched,
    WhistleUnrouted,
)
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.db import Unit


def note_whistle(unit: Unit, whistle_id: UUID, round_: int, facts: WhistleFacts) -> None:
    """Remember what a whistle is about, for the ladder, the dashboard and the record."""
    store.save(unit, informed(store.matter(unit, whistle_id), round_, facts))


def informed(matter: domain.Matter, round_: int, facts: WhistleFacts) -> domain.Matter:
    """The matter with a round's facts; those of an earlier round are old news."""
    if matter.about is not None and matter.about.round >= round_:
        return matter
    about = domain.About(
        round=round_,
        number=facts.number,
        title=facts.title,
        street=facts.street,
        grid=facts.grid,
        kind=facts.kind,
        urgency=facts.urgency,
        category=facts.category,
    )
    return replace(matter, about=about)


def noted(unit: Unit, matter: domain.Matter, mark: domain.Mark) -> domain.Matter:
    """The matter with a mark of the whistle's own."""
    return replace(matter, marks=domain.noted(matter.marks, mark))


def arm_clocks(unit: Unit, data: WhistleDispatched, at: datetime) -> None:
    """Start the clocks of a dispatched whistle, or of tasks that join it; stop the one that waited for it; make good
    what was heard before. A cancelled whistle arms nothing, and a meeting's task is no route."""
    matter = store.matter(unit, data.whistle_id)
    if any(task.origin == "routed" for task in data.tasks):
        matter = noted(unit, matter, domain.Mark("dispatched", at, unit.now, n=data.round))
    _arm(unit, data, _called(unit, matter, data, at))


def _arm(unit: Unit, data: TasksCalled, changes: domain.Changes, ended: Sequence[EndedTask] = ()) -> None:
    """Says how many clocks stand, always and first: that is the receipt."""
    concerned = [*(task.task_id for task in data.tasks), *(task.task_id for task in ended)]
    tasks = [changes.matter.tasks[task_id] for task_id in concerned]
    domain.reckon(changes, tasks, calendars(unit), own=True)
    say_armed(unit, changes.matter, data.round)
    store.save(unit, changes.matter)
    say_changes(unit, changes)
    say_ended(unit, changes)
    for called in data.tasks:
        writing.tell_of_task(unit, changes.matter, called)


def _called(unit: Unit, matter: domain.Matter, data: TasksCalled, at: datetime) -> domain.Changes:
    """The matter with the tasks that begin. What another department said of one of them before is dropped (R8)."""
    tasks = dict(matter.tasks)
    for called in data.tasks:
        tasks[called.task_id] = _begun(tasks.get(called.task_id), called, data, at)
    terms = {**matter.terms, **data.terms} if data.terms else matter.terms
    matter = replace(informed(matter, data.round, data.facts), terms=terms, tasks=tasks)
    return domain.Changes(matter, unit.now)


def _begun(heard: domain.Task | None, called: TaskCalled, data: TasksCalled, at: datetime) -> domain.Task:
    if heard is None or heard.department != called.department:
        heard = domain.Task(called.task_id, called.department)
    if heard.called_at is not None:
        return heard
    return replace(
        heard,
        terms=called.terms,
        role=called.role,
        round=data.round,
        called_at=at,
        calendar_version=data.calendar_version,
        registry_version=data.registry_version,
    )


def decide_return(unit: Unit, data: ReturnDecided, at: datetime, version: int) -> None:
    """The district's word on a return or a dispute (`version`: of its event). Refused: every clock runs on. Upheld: the
    clocks of the task that ends are voided, those of its successors begin."""
    matter = store.matter(unit, data.whistle_id)
    if isinstance(data, DisputeDecided):
        matter = noted(unit, matter, domain.Mark("decided", at, unit.now, ref=str(data.dispute_id)))
    if data.lead is not None and data.upheld:
        matter = noted(unit, matter, led(data.lead, at, unit.now, version))
    changes = _called(unit, matter, data, at)
    tasks = dict(changes.matter.tasks)
    for over in data.ended:
        known = tasks.get(over.task_id) or domain.Task(over.task_id, over.department)
        mark = domain.Mark("ended", at, unit.now)
        tasks[over.task_id] = replace(known, marks=domain.noted(known.marks, mark))
    changes = domain.Changes(replace(changes.matter, tasks=tasks), unit.now)
    _arm(unit, data, changes, data.ended)


def led(task_id: UUID, at: datetime, heard: datetime, version: int) -> domain.Mark:
    """Another task leads from `at`; dispatch's `version` of the whistle orders what it says at one instant."""
    return domain.Mark("lead", at, heard, ref=at.isoformat(), n=version, about=str(task_id))


def wait_for_routing(unit: Unit, data: WhistleUnrouted, at: datetime) -> None:
    """Start the clock of a whistle that waits at the district whistle office; one that has been dispatched since
    stops it at once, so that the office's time is on record in whatever order this is heard."""
    matter = informed(store.matter(unit, data.whistle_id), data.round, data.facts)
    if matter.cancelled_at is None:
        versions = (data.calendar_version, data.registry_version)
        matter = noted(unit, matter, domain.Mark("unrouted", at, unit.now, n=data.round, versions=versions))
        matter = replace(matter, terms={**matter.terms, f"triage/{data.round}": data.clocks})
    changes = domain.Changes(matter, unit.now)
    domain.reckon(changes, (), calendars(unit), own=True)
    say_armed(unit, changes.matter, data.round)
    store.save(unit, changes.matter)
    say_ended(unit, changes)


def open_dispute(unit: Unit, data: DisputeOpened, at: datetime) -> None:
    """Responsibility is disputed: the district's clock runs; the task's own run on."""
    matter = store.matter(unit, data.whistle_id)
    task = matter.tasks.get(data.task_id) or domain.Task(data.task_id, data.department)
    versions = (data.calendar_version, data.registry_version)
    mark = domain.Mark("disputed", at, unit.now, ref=str(data.dispute_id), about=str(data.task_id), versions=versions)
    matter = noted(unit, matter, mark)
    terms = {**matter.terms, f"dispute/{data.dispute_id}": (data.clock,)}
    matter = replace(matter, terms=terms, tasks={**matter.tasks, task.task_id: task})
    changes = domain.Changes(matter, unit.now)
    domain.reckon(changes, (), calendars(unit), own=True)
    changes.expected.clear()
    finish(unit, changes, (task.task_id, task.department))
