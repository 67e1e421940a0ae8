"""department's use cases, one function each: load, decide, save, emit."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from whistle_department import domain, store
from whistle_shared.contracts.department import (
    ProgressLogged,
    ResponderCheckedIn,
    TaskAcknowledged,
    TaskEvent,
    TasksReceived,
    TaskSubmitted,
)
from whistle_shared.contracts.dispatch import ClockSpec, TaskCalled, WhistleDispatched
from whistle_shared.contracts.vocabulary import ClockName
from whistle_shared.db import Unit
from whistle_shared.errors import NotFound


def receive_tasks(unit: Unit, called: WhistleDispatched, served: Collection[str], at: datetime) -> None:
    """Keep the tasks of the departments served here and give the receipt, also when all were here before.

    `at`: the business time of the dispatch. A task that was cancelled before it arrived is kept as cancelled.
    """
    known = store.case(unit, called.whistle_id)
    terms = {name: _terms(specs) for name, specs in called.terms.items()}
    new = [task for task in called.tasks if task.department in served and task.task_id not in known.tasks]
    if new:
        store.add_facts(unit, called.whistle_id, called.facts)
    for task in new:
        received = _task(called, task, terms.get(task.terms, ()), at)
        cancelled = known.cancelled.get((called.round, task.department))
        store.add(unit, domain.cancel(received, cancelled.reason, cancelled.at) if cancelled else received)
    _receipt(unit, called.whistle_id, called.round, served)


def _task(called: WhistleDispatched, task: TaskCalled, terms: tuple[domain.Term, ...], at: datetime) -> domain.Task:
    return domain.Task(
        task_id=task.task_id,
        whistle_id=called.whistle_id,
        round=called.round,
        department=task.department,
        role=task.role,
        presence=task.presence,
        origin=task.origin,
        dispatched_at=at,
        terms=terms,
    )


def _terms(specs: Sequence[ClockSpec]) -> tuple[domain.Term, ...]:
    """The department's own clocks; the street's and the district's are not its business."""
    return tuple(
        domain.Term(spec.name, spec.limit, spec.schedule.due_at, spec.schedule.provisional)
        if spec.schedule
        else domain.Term(spec.name, spec.limit)
        for spec in specs
        if spec.side == "department"
    )


def cancel_tasks(unit: Unit, whistle_id: UUID, round_: int, served: Collection[str], reason: str, at: datetime) -> None:
    """End the round's tasks of the departments served here, those that are still on their way included."""
    known = store.case(unit, whistle_id)
    for department in served:
        store.remember_cancelled(unit, whistle_id, round_, department, store.Cancelled(reason, at))
    for task in list(known.tasks.values()):
        if task.round == round_ and task.department in served and not task.cancelled_at:
            store.save(unit, domain.cancel(task, reason, at))
    _receipt(unit, whistle_id, round_, served)


def _receipt(unit: Unit, whistle_id: UUID, round_: int, served: Collection[str]) -> None:
    instance = unit.producer.removeprefix("department.")
    unit.emit(
        TasksReceived(whistle_id=whistle_id, round=round_, instance=instance, departments=tuple(sorted(served))),
        whistle_id,
    )


@dataclass(frozen=True, slots=True)
class Actor:
    """Who takes a step on which task. `department`: the caller's scope; `by`: the token's name; `person`: the
    duty person."""

    whistle_id: UUID
    task_id: UUID
    department: str
    by: str
    person: str


def acknowledge_task(unit: Unit, actor: Actor) -> domain.Task:
    """Take a task on. A repetition changes nothing. Raises NotFound (also for another's), IllegalTransition.

    INVARIANT: one department's acknowledgement touches only its own task.
    """
    before = _own_task(unit, actor)
    after = domain.acknowledge(before, actor.person, actor.by, unit.now)
    if after is not before:
        _record(unit, after, "acknowledgement", TaskAcknowledged(**asdict(actor)))
    return after


def arrive(
    unit: Unit, actor: Actor, place: str, mode: Literal["on_site", "online", "meeting"], photo: str | None
) -> domain.Task:
    """Report in. A repetition changes nothing. Raises NotFound and IllegalTransition."""
    before = _own_task(unit, actor)
    after = domain.arrive(before, unit.now)
    if after is not before:
        event = ResponderCheckedIn(**asdict(actor), place=place, mode=mode, photo=photo)
        _record(unit, after, "arrival", event)
    return after


def log_progress(unit: Unit, actor: Actor, note: str) -> domain.Task:
    """Note how the work goes. Raises NotFound and IllegalTransition."""
    after = domain.log_progress(_own_task(unit, actor), unit.now)
    _record(unit, after, "progress", ProgressLogged(**asdict(actor), note=note), awaited=False)
    return after


def submit(unit: Unit, actor: Actor, result: str, evidence: Sequence[str]) -> domain.Task:
    """Say that the work is done. Raises NotFound and IllegalTransition. `evidence`: references."""
    after = domain.submit(_own_task(unit, actor), unit.now)
    _record(unit, after, "submission", TaskSubmitted(**asdict(actor), result=result, evidence=tuple(evidence)))
    return after


def _own_task(unit: Unit, actor: Actor) -> domain.Task:
    task = store.task(unit, actor.whistle_id, actor.task_id)
    if task.department != actor.department:
        raise NotFound(f"task {actor.task_id}")
    return task


def _record(unit: Unit, after: domain.Task, step: domain.Step, event: TaskEvent, awaited: bool = True) -> None:
    """Save a step, say it, and keep it in the history. Steps that move a clock await escalation's receipt."""
    store.save(unit, after)
    event_id = unit.emit(event, after.whistle_id, awaiting=("escalation",) if awaited else ())
    store.tell(unit, event_id, step, event)


def follow_clock(
    unit: Unit,
    whistle_id: UUID,
    task_id: UUID,
    name: ClockName,
    change: Callable[[domain.Clock], domain.Clock],
) -> None:
    """Note what escalation says of a clock, also when it overtakes the dispatch of its task."""
    store.save_clock(unit, whistle_id, task_id, change(store.clock(unit, whistle_id, task_id, name)))


def follow_escalation(unit: Unit, whistle_id: UUID, heard: domain.Escalation, **told: Any) -> None:
    """Note what is said of an escalation, in whatever order. `heard`: what it is where it is new."""
    known = store.escalation(unit, whistle_id, heard.task_id, heard.escalation_id)
    store.save_escalation(unit, whistle_id, replace(known or heard, **told))
