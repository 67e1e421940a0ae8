"""What escalation hears, and the one command each event leads to. Everything heard joins the event log."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from typing import Any

from whistle_escalation import commands, store
from whistle_escalation.domain import Mark
from whistle_shared.clockwork import spec_fault
from whistle_shared.contracts import TYPES, Event, EventData, department, dispatch, intake
from whistle_shared.contracts.department import TaskEvent
from whistle_shared.contracts.escalation import DeliveryRecovered, DeliveryStuck
from whistle_shared.db import Unit
from whistle_shared.messaging import Handler
from whistle_shared.replica import Replica, on_calendar_published, on_registry_published, serving_fault


def admits(replica: Replica, event: Event[EventData]) -> str | None:
    """EVENTS.md R8: a department's word counts only through the instance that serves it. And no clock starts that
    cannot be counted."""
    if isinstance(event.data, TaskEvent):
        return serving_fault(replica, event.producer, event.data.department)
    return next(filter(None, map(spec_fault, _specs(event.data))), None)


def _specs(data: EventData) -> Iterable[dispatch.ClockSpec]:
    if isinstance(data, dispatch.TasksCalled):
        return chain.from_iterable(data.terms.values())
    if isinstance(data, dispatch.DisputeOpened):
        return (data.clock,)
    return data.clocks if isinstance(data, dispatch.WhistleUnrouted) else ()


# -- the whistle ------------------------------------------------------------------------------------------------


def on_whistle_blown(unit: Unit, event: Event[intake.WhistleBlown]) -> None:
    commands.note_whistle(unit, event.data.whistle_id, event.data.round, event.data.facts)


def on_whistle_dispatched(unit: Unit, event: Event[dispatch.WhistleDispatched]) -> None:
    commands.arm_clocks(unit, event.data, event.time)


def on_whistle_unrouted(unit: Unit, event: Event[dispatch.WhistleUnrouted]) -> None:
    commands.wait_for_routing(unit, event.data, event.time)


def on_whistle_withdrawn(unit: Unit, event: Event[intake.WhistleWithdrawn]) -> None:
    commands.cancel_matter(unit, event.data.whistle_id, event.time)


def on_whistle_reopened(unit: Unit, event: Event[intake.WhistleReopened]) -> None:
    commands.reopen_matter(unit, event.data, event.time)


def on_whistle_closed(unit: Unit, event: Event[intake.WhistleClosed]) -> None:
    commands.close_matter(unit, event.data, event.time)


def on_meeting_minuted(unit: Unit, event: Event[intake.MeetingMinuted]) -> None:
    commands.file_minutes(unit, event.data, event.time)


# -- responsibility ---------------------------------------------------------------------------------------------


def on_return_decided(unit: Unit, event: Event[dispatch.ReturnDecided]) -> None:
    commands.decide_return(unit, event.data, event.time, event.subject_version)


def on_dispute_opened(unit: Unit, event: Event[dispatch.DisputeOpened]) -> None:
    commands.open_dispute(unit, event.data, event.time)


def on_lead_changed(unit: Unit, event: Event[dispatch.LeadChanged]) -> None:
    commands.change_lead(unit, event.data, event.time, event.subject_version)


# -- the task ---------------------------------------------------------------------------------------------------


def on_task_acknowledged(unit: Unit, event: Event[department.TaskAcknowledged]) -> None:
    commands.take_step(unit, event.data, Mark("acknowledged", event.time, unit.now))


def on_responder_checked_in(unit: Unit, event: Event[department.ResponderCheckedIn]) -> None:
    """Who sits in a meeting while presence elsewhere is asked for has not arrived."""
    what = "arrived" if event.data.arrival else "attended"
    commands.take_step(unit, event.data, Mark(what, event.time, unit.now), active=True)


def on_progress_logged(unit: Unit, event: Event[department.ProgressLogged]) -> None:
    commands.note_progress(unit, event.data, event.time)


def on_milestone_reached(unit: Unit, event: Event[department.MilestoneReached]) -> None:
    data = event.data
    until = data.plan[-1].due_at if data.plan else None
    commands.take_step(unit, data, Mark(data.milestone, event.time, unit.now, until=until), active=True)


def on_task_submitted(unit: Unit, event: Event[department.TaskSubmitted]) -> None:
    mark = Mark("submitted", event.time, unit.now, n=event.data.attempt)
    commands.take_step(unit, event.data, mark, active=True)


def on_task_verified(unit: Unit, event: Event[intake.TaskVerified]) -> None:
    commands.take_step(unit, event.data, Mark("passed", event.time, unit.now, n=event.data.attempt))


def on_task_rework_ordered(unit: Unit, event: Event[intake.TaskReworkOrdered]) -> None:
    """The submission that failed may not have been heard of yet: the order tells when it was."""
    data = event.data
    failed = Mark("reworked", event.time, unit.now, n=data.attempt, until=data.verify_due_at)
    submitted = Mark("submitted", data.submitted_at, unit.now, n=data.attempt)
    commands.take_step(unit, data, failed, submitted)


def on_task_evaluated(unit: Unit, event: Event[intake.TaskEvaluated]) -> None:
    commands.take_step(unit, event.data, Mark("evaluated", event.time, unit.now, n=event.data.revision))


def on_extension_decided(unit: Unit, event: Event[intake.ExtensionDecided | dispatch.ExtensionDecided]) -> None:
    data = event.data
    granted = data.granted and data.due_at is not None
    request = str(data.request_id)
    mark = Mark("extended", event.time, unit.now, request, ok=granted, about=data.clock, until=data.due_at)
    commands.take_step(unit, data, mark)


def on_suspension_decided(unit: Unit, event: Event[intake.SuspensionDecided | dispatch.SuspensionDecided]) -> None:
    """Whoever decides reviews it: the review clock is on that side."""
    data = event.data
    side = "district" if isinstance(data, dispatch.SuspensionDecided) else "street"
    mark = Mark("suspended", event.time, unit.now, str(data.request_id), data.cycle, data.granted, side, data.until)
    commands.take_step(unit, data, replace(mark, said=str(event.id)))


def on_task_resumed(unit: Unit, event: Event[Any]) -> None:
    """Said by the department, the street or the district."""
    mark = Mark("resumed", event.time, unit.now, ref=str(event.id), said=str(event.id))
    commands.take_step(unit, event.data, mark, active=isinstance(event.data, TaskEvent))


def on_task_urged(unit: Unit, event: Event[intake.TaskUrged]) -> None:
    commands.pass_on_urge(unit, event.data, event.data.note, event.data.by)


def on_letter_replied(unit: Unit, event: Event[department.LetterReplied]) -> None:
    commands.reply_to_letter(unit, event.data, event.time)


# -- what is heard ----------------------------------------------------------------------------------------------


def _heard(unit: Unit, event: Event[Any]) -> None:
    """An event that only joins the log."""


_HANDLERS: dict[type[EventData], Handler] = {
    dispatch.RegistryPublished: on_registry_published,
    dispatch.CalendarPublished: on_calendar_published,
    intake.WhistleBlown: on_whistle_blown,
    dispatch.WhistleDispatched: on_whistle_dispatched,
    dispatch.WhistleUnrouted: on_whistle_unrouted,
    intake.WhistleWithdrawn: on_whistle_withdrawn,
    intake.WhistleReopened: on_whistle_reopened,
    intake.WhistleClosed: on_whistle_closed,
    intake.MeetingMinuted: on_meeting_minuted,
    dispatch.ReturnDecided: on_return_decided,
    dispatch.DisputeOpened: on_dispute_opened,
    dispatch.DisputeDecided: on_return_decided,
    dispatch.LeadChanged: on_lead_changed,
    department.TaskAcknowledged: on_task_acknowledged,
    department.ResponderCheckedIn: on_responder_checked_in,
    department.ProgressLogged: on_progress_logged,
    department.MilestoneReached: on_milestone_reached,
    department.TaskSubmitted: on_task_submitted,
    department.TaskResumed: on_task_resumed,
    department.LetterReplied: on_letter_replied,
    intake.TaskVerified: on_task_verified,
    intake.TaskReworkOrdered: on_task_rework_ordered,
    intake.TaskEvaluated: on_task_evaluated,
    intake.ExtensionDecided: on_extension_decided,
    intake.SuspensionDecided: on_suspension_decided,
    intake.TaskResumed: on_task_resumed,
    intake.TaskUrged: on_task_urged,
    dispatch.ExtensionDecided: on_extension_decided,
    dispatch.SuspensionDecided: on_suspension_decided,
    dispatch.TaskResumed: on_task_resumed,
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
