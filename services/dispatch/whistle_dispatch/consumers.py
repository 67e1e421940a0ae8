"""What dispatch hears, and the one command each event leads to."""

from whistle_dispatch import commands
from whistle_shared.contracts import Event, EventData, department, escalation, intake
from whistle_shared.contracts.department import ExtensionRequested, ReturnRequested, ScoreAppealed, SuspensionRequested
from whistle_shared.contracts.escalation import EscalationRaised
from whistle_shared.contracts.intake import (
    MeetingMinuted,
    WhistleBlown,
    WhistleClosed,
    WhistleReopened,
    WhistleWithdrawn,
)
from whistle_shared.db import Unit
from whistle_shared.messaging import Handler
from whistle_shared.replica import Replica, serving_fault

_WHISTLE_OFFICE = "whistle_office"


def admits(replica: Replica, event: Event[EventData]) -> str | None:
    """EVENTS.md R8: a department's word counts only through the instance that serves it."""
    if isinstance(event.data, department.TaskEvent):
        return serving_fault(replica, event.producer, event.data.department)
    return None


def on_whistle_blown(unit: Unit, event: Event[WhistleBlown]) -> None:
    data = event.data
    commands.dispatch_whistle(unit, data.whistle_id, data.round, data.facts, data.departments)


def on_whistle_reopened(unit: Unit, event: Event[WhistleReopened]) -> None:
    data = event.data
    commands.reopen_whistle(unit, data.whistle_id, data.round, data.facts, data.departments)


def on_whistle_withdrawn(unit: Unit, event: Event[WhistleWithdrawn]) -> None:
    commands.cancel_whistle(unit, event.data.whistle_id, event.data.round, event.data.reason)


def on_whistle_closed(unit: Unit, event: Event[WhistleClosed]) -> None:
    commands.close_whistle(unit, event.data.whistle_id, event.data.round)


def on_meeting_minuted(unit: Unit, event: Event[MeetingMinuted]) -> None:
    data = event.data
    commands.call_for_meeting(unit, data.whistle_id, data.round, data.meeting_id, data.items)


def on_return_requested(unit: Unit, event: Event[ReturnRequested]) -> None:
    commands.request_return(unit, event.data, event.time)


def on_more_time_requested(unit: Unit, event: Event[ExtensionRequested] | Event[SuspensionRequested]) -> None:
    """What the street decides is not the district's business."""
    if event.data.decider == "district":
        commands.note_request(unit, event.data, event.time)


def on_score_appealed(unit: Unit, event: Event[ScoreAppealed]) -> None:
    commands.note_request(unit, event.data, event.time)


def on_task_resumed(unit: Unit, event: Event[department.TaskResumed] | Event[intake.TaskResumed]) -> None:
    commands.note_resumption(unit, event.data.whistle_id, event.data.task_id, event.time)


def on_escalation_raised(unit: Unit, event: Event[EscalationRaised]) -> None:
    """Of a department's clock, the whistle office's rung; the others call somebody else."""
    data = event.data
    if data.role == _WHISTLE_OFFICE and data.side == "department" and data.task_id is not None:
        commands.note_silence(unit, data.whistle_id, data.task_id, data.fired_at)


def on_receipt(unit: Unit, event: Event[department.TasksReceived] | Event[escalation.ClocksArmed]) -> None:
    """Ends the re-sending of what it answers; the consumer has seen to that."""


SUBSCRIPTIONS: dict[type[EventData], Handler] = {
    WhistleBlown: on_whistle_blown,
    WhistleReopened: on_whistle_reopened,
    WhistleWithdrawn: on_whistle_withdrawn,
    WhistleClosed: on_whistle_closed,
    MeetingMinuted: on_meeting_minuted,
    ReturnRequested: on_return_requested,
    ExtensionRequested: on_more_time_requested,
    SuspensionRequested: on_more_time_requested,
    ScoreAppealed: on_score_appealed,
    department.TaskResumed: on_task_resumed,
    intake.TaskResumed: on_task_resumed,
    EscalationRaised: on_escalation_raised,
    department.TasksReceived: on_receipt,
    escalation.ClocksArmed: on_receipt,
}
