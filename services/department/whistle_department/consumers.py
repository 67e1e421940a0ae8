"""What a department instance hears, and the one command each event leads to.

What escalation says about a department that is not served here, or about a clock of no department, is passed
over.
"""

from functools import partial
from typing import Any
from uuid import UUID

from whistle_department import commands, domain, store
from whistle_shared.contracts import Event, EventData
from whistle_shared.contracts.dispatch import (
    CalendarPublished,
    RegistryPublished,
    WhistleCancelled,
    WhistleDispatched,
)
from whistle_shared.contracts.escalation import (
    ClockBreached,
    ClockEvent,
    ClocksChanged,
    ClockWarned,
    DeadlineRecomputed,
    EscalationAcknowledged,
    EscalationEnded,
    EscalationRaised,
    EscalationResolved,
    EscalationWithdrawn,
)
from whistle_shared.db import Unit
from whistle_shared.messaging import Handler
from whistle_shared.replica import on_calendar_published, on_registry_published


def on_whistle_dispatched(unit: Unit, event: Event[WhistleDispatched]) -> None:
    data = event.data
    served = store.served(unit, (task.department for task in data.tasks), data.registry_version)
    commands.receive_tasks(unit, data, served, at=event.time)


def on_whistle_cancelled(unit: Unit, event: Event[WhistleCancelled]) -> None:
    data = event.data
    served = store.served(unit, data.departments)
    commands.cancel_tasks(unit, data.whistle_id, data.round, served, data.reason, at=event.time)


def on_clocks_changed(unit: Unit, event: Event[ClocksChanged]) -> None:
    """Without a task it is about a withdrawn whistle; the department hears of that as a cancellation."""
    data, version = event.data, event.subject_version
    if data.task_id is None:
        return
    for change in data.changes:
        status = partial(domain.told_status, status=change.status, version=version)
        commands.follow_clock(unit, data.whistle_id, data.task_id, change.name, status)
        if change.due_at is not None:
            due = partial(domain.told_due, due_at=change.due_at, version=version)
            commands.follow_clock(unit, data.whistle_id, data.task_id, change.name, due)


def on_clock_warned(unit: Unit, event: Event[ClockWarned]) -> None:
    _follow_clock(unit, event, domain.told_warning, percent=event.data.percent)


def on_clock_breached(unit: Unit, event: Event[ClockBreached]) -> None:
    _follow_clock(unit, event, domain.told_breach, at=event.data.fired_at)


def on_deadline_recomputed(unit: Unit, event: Event[DeadlineRecomputed]) -> None:
    _follow_clock(unit, event, domain.told_due, provisional=event.data.provisional)


def on_escalation_raised(unit: Unit, event: Event[EscalationRaised]) -> None:
    data = event.data
    _follow_escalation(unit, event, role=data.role, form=data.form, raised_at=data.fired_at)


def on_escalation_acknowledged(unit: Unit, event: Event[EscalationAcknowledged]) -> None:
    _follow_escalation(unit, event, acknowledged_at=event.time, acknowledged_by=event.data.by)


def on_escalation_withdrawn(unit: Unit, event: Event[EscalationWithdrawn]) -> None:
    _ended(unit, event, "withdrawn")


def on_escalation_resolved(unit: Unit, event: Event[EscalationResolved]) -> None:
    _ended(unit, event, "resolved")


def _ended(unit: Unit, event: Event[Any], status: str) -> None:
    data: EscalationEnded = event.data
    _follow_escalation(unit, event, status=status, ended_at=event.time, reason=data.reason)


def _task_here(unit: Unit, data: ClockEvent) -> UUID | None:
    """The task an event is about, if its department is served here."""
    return data.task_id if data.department is not None and store.serves(unit, data.department) else None


def _follow_clock(unit: Unit, event: Event[Any], tell: Any, **told: Any) -> None:
    data: ClockEvent = event.data
    task_id = _task_here(unit, data)
    if task_id is not None:
        change = partial(tell, due_at=data.due_at, version=event.subject_version, **told)
        commands.follow_clock(unit, data.whistle_id, task_id, data.clock, change)


def _follow_escalation(unit: Unit, event: Event[Any], **told: Any) -> None:
    data = event.data
    task_id = _task_here(unit, data)
    if task_id is not None:
        heard = domain.Escalation(data.escalation_id, task_id, data.clock, data.rung)
        commands.follow_escalation(unit, data.whistle_id, heard, **told)


SUBSCRIPTIONS: dict[type[EventData], Handler] = {
    RegistryPublished: on_registry_published,
    CalendarPublished: on_calendar_published,
    WhistleDispatched: on_whistle_dispatched,
    WhistleCancelled: on_whistle_cancelled,
    ClocksChanged: on_clocks_changed,
    ClockWarned: on_clock_warned,
    ClockBreached: on_clock_breached,
    DeadlineRecomputed: on_deadline_recomputed,
    EscalationRaised: on_escalation_raised,
    EscalationAcknowledged: on_escalation_acknowledged,
    EscalationWithdrawn: on_escalation_withdrawn,
    EscalationResolved: on_escalation_resolved,
}
