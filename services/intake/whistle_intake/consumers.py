"""What intake hears, and the one command each event leads to. Every event about a whistle joins its timeline."""

from typing import Any
from uuid import UUID

from whistle_intake import commands, domain, store
from whistle_shared.contracts import Event, EventData
from whistle_shared.contracts.department import (
    ProgressLogged,
    ResponderCheckedIn,
    TaskAcknowledged,
    TaskEvent,
    TaskSubmitted,
)
from whistle_shared.contracts.dispatch import (
    CalendarPublished,
    RegistryPublished,
    WhistleCancelled,
    WhistleDispatched,
    WhistleUnrouted,
)
from whistle_shared.contracts.escalation import (
    ClockBreached,
    ClocksChanged,
    ClockWarned,
    DeadlineRecomputed,
    EscalationAcknowledged,
    EscalationRaised,
    EscalationResolved,
    EscalationWithdrawn,
)
from whistle_shared.db import Unit
from whistle_shared.messaging import Handler
from whistle_shared.replica import Replica, on_calendar_published, on_registry_published, serving_fault


def admits(replica: Replica, event: Event[EventData]) -> str | None:
    """EVENTS.md R8: a department's word counts only through the instance that serves it."""
    if isinstance(event.data, TaskEvent):
        return serving_fault(replica, event.producer, event.data.department)
    return None


def on_whistle_dispatched(unit: Unit, event: Event[WhistleDispatched]) -> None:
    data = event.data
    commands.follow_routing(unit, data.whistle_id, routed=True)
    for task in data.tasks:
        commands.call_task(unit, data.whistle_id, task, event.time)
    store.tell(unit, event, data.whistle_id)


def on_whistle_unrouted(unit: Unit, event: Event[WhistleUnrouted]) -> None:
    commands.follow_routing(unit, event.data.whistle_id, routed=False)
    store.tell(unit, event, event.data.whistle_id)


def on_task_acknowledged(unit: Unit, event: Event[TaskAcknowledged]) -> None:
    _step(unit, event, "acknowledged_at", person=event.data.person)


def on_responder_checked_in(unit: Unit, event: Event[ResponderCheckedIn]) -> None:
    _step(unit, event, "arrived_at")


def on_task_submitted(unit: Unit, event: Event[TaskSubmitted]) -> None:
    _step(unit, event, "submitted_at")


def on_progress_logged(unit: Unit, event: Event[ProgressLogged]) -> None:
    data = event.data
    known = _known(unit, data).progressed_at
    latest = event.time if known is None else max(known, event.time)
    commands.follow_task(unit, data.whistle_id, data.task_id, data.department, progressed_at=latest)
    store.tell(unit, event, data.whistle_id)


def _known(unit: Unit, data: TaskEvent) -> domain.Task:
    return commands.known_task(store.whistle(unit, data.whistle_id), data.task_id, data.department)


def _step(unit: Unit, event: Event[Any], stamp: str, **told: str) -> None:
    """A department's step: its first stamp counts. The person named is the one who acknowledged."""
    data = event.data
    first = domain.earliest(getattr(_known(unit, data), stamp), event.time)
    commands.follow_task(unit, data.whistle_id, data.task_id, data.department, **{stamp: first}, **told)
    store.tell(unit, event, data.whistle_id)


def on_heard(unit: Unit, event: Event[Any]) -> None:
    """An event that only joins the timeline."""
    whistle_id: UUID = event.data.whistle_id
    store.whistle(unit, whistle_id)
    store.tell(unit, event, whistle_id)


def on_receipt(unit: Unit, event: Event[ClocksChanged]) -> None:
    """Ends the re-sending of a withdrawal; the consumer has seen to that."""


SUBSCRIPTIONS: dict[type[EventData], Handler] = {
    RegistryPublished: on_registry_published,
    CalendarPublished: on_calendar_published,
    WhistleDispatched: on_whistle_dispatched,
    WhistleUnrouted: on_whistle_unrouted,
    WhistleCancelled: on_heard,
    TaskAcknowledged: on_task_acknowledged,
    ResponderCheckedIn: on_responder_checked_in,
    ProgressLogged: on_progress_logged,
    TaskSubmitted: on_task_submitted,
    ClocksChanged: on_receipt,
    ClockWarned: on_heard,
    ClockBreached: on_heard,
    EscalationRaised: on_heard,
    EscalationAcknowledged: on_heard,
    EscalationWithdrawn: on_heard,
    EscalationResolved: on_heard,
    DeadlineRecomputed: on_heard,
}
