"""What others say about a whistle and its tasks, noted.

INVARIANT: the order in which it is heard does not matter (EVENTS.md R5).
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from whistle_intake import domain, store
from whistle_shared.contracts.dispatch import EndedTask, TaskCalled, TasksCalled
from whistle_shared.db import Unit
from whistle_shared.errors import Invalid
from whistle_shared.messaging import RetryLater


def follow_task(unit: Unit, whistle_id: UUID, task_id: UUID, department: str, **told: Any) -> None:
    """Note what an event says about a task, also when it overtakes the dispatch that called it."""
    change_task(unit, whistle_id, task_id, department, lambda task: replace(task, **told))


def change_task(
    unit: Unit, whistle_id: UUID, task_id: UUID, department: str, change: Callable[[domain.Task], domain.Task]
) -> None:
    """The same, where what is told must be weighed against what is known."""
    whistle = store.whistle(unit, whistle_id)
    store.save(unit, domain.with_task(whistle, change(known_task(whistle, task_id, department))))


def known_task(whistle: domain.Whistle, task_id: UUID, department: str) -> domain.Task:
    """The task as known, or as first heard of. Raises Invalid when it is another department's (EVENTS.md R8)."""
    task = whistle.tasks.get(task_id) or domain.Task(task_id, department)
    if task.department != department:
        raise Invalid("department", f"task {task_id} is {task.department}'s, not {department}'s")
    return task


def call_tasks(unit: Unit, called: TasksCalled, at: datetime) -> None:
    """Note tasks as dispatch called them; what another department said about one before is dropped.

    Called after the withdrawal, they are cancelled: dispatch had not heard of it yet.
    """
    whistle = store.whistle(unit, called.whistle_id)
    for call in called.tasks:
        known = whistle.tasks.get(call.task_id)
        if known is None or known.department != call.department:
            known = domain.Task(call.task_id, call.department)
        task = _called(known, call, called, at)
        over = whistle.withdrawn_at is not None and called.round == whistle.round and task.ended is None
        whistle = domain.with_task(whistle, replace(task, ended="cancelled") if over else task)
    store.save(unit, _in_roles(whistle))


def _called(task: domain.Task, call: TaskCalled, called: TasksCalled, at: datetime) -> domain.Task:
    specs = called.terms.get(call.terms, ())
    return replace(
        task,
        called_as=call.role,
        led_at=domain.latest(task.led_at, at) if call.role == "lead" else task.led_at,
        round=called.round,
        presence=call.presence,
        origin=call.origin,
        title=call.title,
        called_at=at,
        verify_limit=next((spec.limit for spec in specs if spec.name == "street_verify"), None),
        calendar_version=called.calendar_version,
    )


def end_tasks(unit: Unit, whistle_id: UUID, ended: tuple[EndedTask, ...]) -> None:
    """Note that other tasks replaced these."""
    for end in ended:
        follow_task(unit, whistle_id, end.task_id, end.department, ended="reassigned")


def cancel_tasks(unit: Unit, whistle_id: UUID, departments: tuple[str, ...]) -> None:
    """Note that the tasks of these departments ended with the whistle's withdrawal."""
    whistle = store.whistle(unit, whistle_id)
    for task in whistle.current:
        if task.department in departments and task.ended is None:
            whistle = domain.with_task(whistle, replace(task, ended="cancelled"))
    store.save(unit, whistle)


def give_lead(unit: Unit, whistle_id: UUID, task_id: UUID, at: datetime, department: str | None = None) -> None:
    """Note that this task leads from this instant. Raises RetryLater for one not heard of yet whose `department` is
    not told either."""
    whistle = store.whistle(unit, whistle_id)
    if task_id not in whistle.tasks and department is None:
        raise RetryLater(f"task {task_id}, which leads from now, has not been called yet")
    task = known_task(whistle, task_id, department or whistle.tasks[task_id].department)
    named = replace(task, led_at=domain.latest(task.led_at, at))
    store.save(unit, _in_roles(domain.with_task(whistle, named)))


def _in_roles(whistle: domain.Whistle) -> domain.Whistle:
    for task in domain.in_roles(whistle.current):
        whistle = domain.with_task(whistle, task)
    return whistle


def follow_routing(unit: Unit, whistle_id: UUID, round_: int, routed: bool) -> None:
    """Note that dispatch has called departments, or that the whistle waits at the district whistle office. How an
    earlier round was routed says nothing of the present one."""
    whistle = store.whistle(unit, whistle_id)
    if whistle.routing != "dispatched" and whistle.round == round_:
        store.save(unit, replace(whistle, routing="dispatched" if routed else "unrouted"))
