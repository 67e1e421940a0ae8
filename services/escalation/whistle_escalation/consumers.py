"""What escalation hears, and the one command each event leads to. Everything heard joins the event log."""

from typing import Any

from whistle_escalation import commands, domain, store
from whistle_shared.contracts import TYPES, Event, EventData
from whistle_shared.contracts.department import (
    ResponderCheckedIn,
    TaskAcknowledged,
    TaskEvent,
    TaskSubmitted,
)
from whistle_shared.contracts.dispatch import (
    CalendarPublished,
    RegistryPublished,
    WhistleDispatched,
    WhistleUnrouted,
)
from whistle_shared.contracts.escalation import DeliveryRecovered, DeliveryStuck
from whistle_shared.contracts.intake import WhistleBlown, WhistleWithdrawn
from whistle_shared.db import Unit
from whistle_shared.messaging import Handler
from whistle_shared.replica import Replica, on_calendar_published, on_registry_published, serving_fault


def admits(replica: Replica, event: Event[EventData]) -> str | None:
    """EVENTS.md R8: a department's word counts only through the instance that serves it."""
    if isinstance(event.data, TaskEvent):
        return serving_fault(replica, event.producer, event.data.department)
    return None


def on_whistle_blown(unit: Unit, event: Event[WhistleBlown]) -> None:
    commands.note_whistle(unit, event.data.whistle_id, event.data.facts)


def on_whistle_dispatched(unit: Unit, event: Event[WhistleDispatched]) -> None:
    data = event.data
    commands.arm_clocks(
        unit,
        data.whistle_id,
        data.round,
        data.facts,
        data.tasks,
        data.terms,
        data.calendar_version,
        event.time,
    )


def on_whistle_unrouted(unit: Unit, event: Event[WhistleUnrouted]) -> None:
    data = event.data
    commands.wait_for_routing(unit, data.whistle_id, data.round, data.facts, data.clocks, data.calendar_version)


def on_whistle_withdrawn(unit: Unit, event: Event[WhistleWithdrawn]) -> None:
    commands.cancel_matter(unit, event.data.whistle_id, event.time)


def _step(step: domain.Step) -> Handler:
    def on_step(unit: Unit, event: Event[Any]) -> None:
        data = event.data
        commands.take_step(unit, data.whistle_id, data.task_id, data.department, step, event.time)

    return on_step


def _heard(unit: Unit, event: Event[Any]) -> None:
    """An event that only joins the log."""


_HANDLERS: dict[type[EventData], Handler] = {
    RegistryPublished: on_registry_published,
    CalendarPublished: on_calendar_published,
    WhistleBlown: on_whistle_blown,
    WhistleDispatched: on_whistle_dispatched,
    WhistleUnrouted: on_whistle_unrouted,
    WhistleWithdrawn: on_whistle_withdrawn,
    TaskAcknowledged: _step("acknowledged"),
    ResponderCheckedIn: _step("arrived"),
    TaskSubmitted: _step("submitted"),
}


def _logged(handler: Handler) -> Handler:
    def on_event(unit: Unit, event: Event[Any]) -> None:
        handler(unit, event)
        store.log_event(unit, event)

    return on_event


def _subscriptions() -> dict[type[EventData], Handler]:
    """Every type of every other producer, and escalation's own word on its deliveries."""
    others = [model for key, model in TYPES.items() if not key.startswith("escalation.")]
    heard: list[type[EventData]] = [*others, DeliveryStuck, DeliveryRecovered]
    return {model: _logged(_HANDLERS.get(model, _heard)) for model in heard}


SUBSCRIPTIONS: dict[type[EventData], Handler] = _subscriptions()
