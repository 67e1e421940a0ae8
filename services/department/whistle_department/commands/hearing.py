"""What others say: tasks called and ended, decisions, verdicts, clocks, letters, meetings. Nothing here is refused."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from whistle_department import domain, store
from whistle_shared.contracts.department import TasksReceived
from whistle_shared.contracts.dispatch import ClockSpec, TaskCalled, TasksCalled
from whistle_shared.contracts.escalation import LetterIssued
from whistle_shared.contracts.intake import MeetingConvened
from whistle_shared.contracts.vocabulary import ClockName
from whistle_shared.db import Unit


def receive_tasks(unit: Unit, called: TasksCalled, served: Collection[str], at: datetime) -> None:
    """Keep the tasks of the departments served here and give the receipt, also when all were here before.

    `at`: the business time of the dispatch. A task that was cancelled before it arrived is kept as cancelled.
    """
    known = store.case(unit, called.whistle_id)
    new = [task for task in called.tasks if task.department in served and task.task_id not in known.tasks]
    if new:
        store.add_facts(unit, called.whistle_id, called.round, called.facts)
        until = domain.return_window(called.facts.urgency, at, store.rules(unit))
        terms = {name: _terms(specs, called.facts.kind) for name, specs in called.terms.items()}
        for task in new:
            store.add(unit, _task(called, task, terms.get(task.terms, ()), at, until))
    _receipt(unit, called.whistle_id, called.round, served)


def _task(
    called: TasksCalled, task: TaskCalled, terms: tuple[domain.Term, ...], at: datetime, until: datetime | None
) -> domain.Task:
    return domain.Task(
        task_id=task.task_id,
        whistle_id=called.whistle_id,
        round=called.round,
        department=task.department,
        called_as=task.role,
        presence=task.presence,
        origin=task.origin,
        dispatched_at=at,
        terms=terms,
        action_item=task.title,
        people=task.people,
        return_until=until,
    )


def _terms(specs: Sequence[ClockSpec], kind: str) -> tuple[domain.Term, ...]:
    """The department's own clocks; the street's and the district's are not its business. An emergency's are never
    paused (DOMAIN.md C.5)."""
    return tuple(
        domain.Term(
            name=spec.name,
            limit=spec.limit,
            start_at=spec.schedule.start_at if spec.schedule else None,
            due_at=spec.schedule.due_at if spec.schedule else None,
            provisional=spec.schedule.provisional if spec.schedule else False,
            pausable=spec.pausable and kind != "emergency",
            extendable=spec.extendable,
        )
        for spec in specs
        if spec.side == "department"
    )


def cancel_tasks(unit: Unit, whistle_id: UUID, served: Collection[str], heard: domain.Entry) -> None:
    """End a round's tasks, those that are still on their way included."""
    store.note(unit, whistle_id, heard)
    _receipt(unit, whistle_id, heard.detail["round"], served)


def decide_return(unit: Unit, called: TasksCalled, served: Collection[str], heard: domain.Entry) -> None:
    """The district's word on a return or a dispute: what it ends, what it calls, who leads; with the receipt."""
    store.note(unit, called.whistle_id, heard)
    receive_tasks(unit, called, served, heard.at)


def hear(unit: Unit, whistle_id: UUID, heard: domain.Entry) -> None:
    """Note what is said of a task, also when it overtakes the dispatch of the task."""
    store.note(unit, whistle_id, heard)


def _receipt(unit: Unit, whistle_id: UUID, round_: int, served: Collection[str]) -> None:
    instance = unit.producer.removeprefix("department.")
    unit.emit(
        TasksReceived(whistle_id=whistle_id, round=round_, instance=instance, departments=tuple(sorted(served))),
        whistle_id,
    )


def follow_clock(
    unit: Unit,
    whistle_id: UUID,
    task_id: UUID,
    name: ClockName,
    change: Callable[[domain.Clock], domain.Clock],
) -> None:
    """Note what escalation says of a clock, also when it overtakes the dispatch of its task."""
    store.save_clock(unit, whistle_id, task_id, change(store.clock(unit, whistle_id, task_id, name)))


def follow_escalation(unit: Unit, whistle_id: UUID, heard: domain.Escalation, repeats: int = 0, **told: Any) -> None:
    """Note what is said of an escalation, in whatever order. `heard`: what it is where it is new."""
    known = store.escalation(unit, whistle_id, heard.task_id, heard.escalation_id) or heard
    store.save_escalation(unit, whistle_id, replace(known, **told, repeats=max(known.repeats, repeats)))


def keep_letter(unit: Unit, letter: LetterIssued, at: datetime) -> None:
    """A formal letter to be answered."""
    known = {name: getattr(letter, name) for name in store.Letter.__slots__ if hasattr(letter, name)}
    store.keep_letter(unit, store.Letter(**known, issued_at=at))


def invite(unit: Unit, meeting: MeetingConvened, served: Collection[str], at: datetime) -> None:
    """The street calls the departments served here to a meeting."""
    known = {name: getattr(meeting, name) for name in store.Invitation.__slots__ if hasattr(meeting, name)}
    for department in served:
        store.keep_invitation(unit, store.Invitation(**known, department=department, convened_at=at))
