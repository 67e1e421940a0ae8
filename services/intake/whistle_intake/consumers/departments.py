"""What the departments say: their steps, which make the task's state, and their requests."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from whistle_intake import commands, domain, store
from whistle_shared.contracts import Event
from whistle_shared.contracts.department import (
    ExtensionRequested,
    MilestoneReached,
    ProgressLogged,
    ResponderCheckedIn,
    ReturnRequested,
    SuspensionRequested,
    TaskAcknowledged,
    TaskResumed,
    TaskSubmitted,
)
from whistle_shared.db import Unit

_Change = Callable[[domain.Task], domain.Task]


def _follow(unit: Unit, event: Event[Any], change: _Change) -> None:
    """Note a department's step, and tell of it."""
    data = event.data
    commands.change_task(unit, data.whistle_id, data.task_id, data.department, change)
    store.tell(unit, event, data.whistle_id)


def on_task_acknowledged(unit: Unit, event: Event[TaskAcknowledged]) -> None:
    """The person named is the one who acknowledged."""
    _follow(
        unit,
        event,
        lambda task: replace(
            task, acknowledged_at=domain.earliest(task.acknowledged_at, event.time), person=event.data.person
        ),
    )


def on_responder_checked_in(unit: Unit, event: Event[ResponderCheckedIn]) -> None:
    """A check-in at a meeting is an arrival only where a meeting is the presence asked for (EVENTS.md section 2)."""
    data = event.data

    def arrived(task: domain.Task) -> domain.Task:
        return replace(task, arrived_at=domain.earliest(task.arrived_at, event.time)) if data.arrival else task

    _follow(unit, event, arrived)
    if data.meeting_id is not None:
        commands.note_attendance(unit, data.whistle_id, data.meeting_id, data.department)


def on_progress_logged(unit: Unit, event: Event[ProgressLogged | MilestoneReached]) -> None:
    """A note on the work, or a milestone of it."""
    _follow(unit, event, lambda task: replace(task, progressed_at=domain.latest(task.progressed_at, event.time)))


def on_task_submitted(unit: Unit, event: Event[TaskSubmitted]) -> None:
    _follow(unit, event, lambda task: domain.submitted(task, event.data.attempt, event.time))


def on_return_requested(unit: Unit, event: Event[ReturnRequested]) -> None:
    _follow(unit, event, lambda task: replace(task, returned_at=domain.earliest(task.returned_at, event.time)))


def on_task_resumed(unit: Unit, event: Event[TaskResumed]) -> None:
    _follow(unit, event, lambda task: replace(task, resumed_at=domain.latest(task.resumed_at, event.time)))


def on_extension_requested(unit: Unit, event: Event[ExtensionRequested]) -> None:
    data = event.data
    _ask(unit, event, "extension", data.due_at, clock=data.clock, current_due_at=data.current_due_at)


def on_suspension_requested(unit: Unit, event: Event[SuspensionRequested]) -> None:
    _ask(unit, event, "suspension", event.data.until, cause=event.data.cause)


def _ask(unit: Unit, event: Event[Any], kind: domain.RequestKind, until: datetime, **more: Any) -> None:
    """What is for the street to decide comes to its desk; the rest is only told."""
    data = event.data
    _follow(unit, event, lambda task: task)
    if data.decider != "street":
        return
    request = domain.Request(
        request_id=data.request_id,
        task_id=data.task_id,
        department=data.department,
        kind=kind,
        decider=data.decider,
        number=data.number,
        asked_until=until,
        reason=data.reason,
        asked_by=data.by,
        asked_at=event.time,
        **more,
    )
    commands.note_request(unit, data.whistle_id, request)
