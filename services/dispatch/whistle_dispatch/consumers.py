"""What dispatch hears, and the one command each event leads to."""

from whistle_dispatch import commands
from whistle_shared.contracts import Event, EventData
from whistle_shared.contracts.department import TasksReceived
from whistle_shared.contracts.escalation import ClocksArmed
from whistle_shared.contracts.intake import WhistleBlown, WhistleWithdrawn
from whistle_shared.db import Unit
from whistle_shared.messaging import Handler


def on_whistle_blown(unit: Unit, event: Event[WhistleBlown]) -> None:
    data = event.data
    commands.dispatch_whistle(unit, data.whistle_id, data.round, data.facts, data.departments)


def on_whistle_withdrawn(unit: Unit, event: Event[WhistleWithdrawn]) -> None:
    commands.cancel_whistle(unit, event.data.whistle_id, event.data.round, event.data.reason)


def on_receipt(unit: Unit, event: Event[TasksReceived] | Event[ClocksArmed]) -> None:
    """Ends the re-sending of what it answers; the consumer has seen to that."""


SUBSCRIPTIONS: dict[type[EventData], Handler] = {
    WhistleBlown: on_whistle_blown,
    WhistleWithdrawn: on_whistle_withdrawn,
    TasksReceived: on_receipt,
    ClocksArmed: on_receipt,
}
