"""What a department instance hears, and the one command each event leads to.

What is said about a department that is not served here, or about a clock of no department, is passed over; except an
assistant's breach, which is addressed to the lead it is said to.
"""

from functools import partial
from typing import Any
from uuid import UUID

from whistle_department import commands, domain, store
from whistle_shared.contracts import Event, EventData, dispatch, intake
from whistle_shared.contracts.dispatch import (
    CalendarPublished,
    DisputeDecided,
    DisputeOpened,
    LeadChanged,
    RegistryPublished,
    ReturnDecided,
    ScoreAppealDecided,
    TaskExcluded,
    TasksCalled,
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
    EscalationRepeated,
    EscalationResolved,
    EscalationWithdrawn,
    LetterIssued,
    RungSkipped,
    TaskReminded,
)
from whistle_shared.contracts.intake import (
    MeetingConvened,
    TaskEvaluated,
    TaskReworkOrdered,
    TaskVerified,
    WhistleClosed,
)
from whistle_shared.contracts.vocabulary import TaskFact
from whistle_shared.db import Unit
from whistle_shared.messaging import Handler
from whistle_shared.replica import on_calendar_published, on_registry_published

_ABOUT = {*TaskFact.model_fields, "by"}
_CALLS = {*TasksCalled.model_fields} - {"round"}


def _entry(event: Event[Any], step: domain.EntryStep, task_id: UUID | None, **more: Any) -> domain.Entry:
    """The line of the log that an event is."""
    detail = event.data.model_dump(mode="json", exclude=_ABOUT | _CALLS) | more
    by = getattr(event.data, "by", None)
    return domain.Entry(event.id, step, event.time, task_id, event.subject_version, by, None, detail)


# -- tasks begin and end -----------------------------------------------------------------------------------------


def on_whistle_dispatched(unit: Unit, event: Event[WhistleDispatched]) -> None:
    data = event.data
    served = store.served(unit, (task.department for task in data.tasks), data.registry_version)
    commands.receive_tasks(unit, data, served, at=event.time)


def on_return_decided(unit: Unit, event: Event[ReturnDecided]) -> None:
    """Also a decided dispute, which says the same and a little more."""
    data = event.data
    named = (data.department, *(ended.department for ended in data.ended), *(task.department for task in data.tasks))
    served = store.served(unit, named, data.registry_version)
    ended = [str(each.task_id) for each in data.ended]
    heard = _entry(event, "decision", data.task_id, kind="return", granted=data.upheld, ended=ended)
    commands.decide_return(unit, data, served, heard)


def on_whistle_cancelled(unit: Unit, event: Event[WhistleCancelled]) -> None:
    served = store.served(unit, event.data.departments)
    commands.cancel_tasks(unit, event.data.whistle_id, served, _entry(event, "cancellation", None))


def on_whistle_closed(unit: Unit, event: Event[WhistleClosed]) -> None:
    commands.hear(unit, event.data.whistle_id, _entry(event, "closing", None))


# -- what is said of one task ------------------------------------------------------------------------------------


def _hear(step: domain.EntryStep, unit: Unit, event: Event[Any], **more: Any) -> None:
    data: TaskFact = event.data
    if store.serves(unit, data.department):
        commands.hear(unit, data.whistle_id, _entry(event, step, data.task_id, **more))


def _heard(step: domain.EntryStep, **more: Any) -> Handler:
    return partial(_hear, step, **more)


def on_lead_changed(unit: Unit, event: Event[LeadChanged]) -> None:
    data = event.data
    if {store.serves(unit, department) for department in (data.department, data.previous_department)} != {False}:
        commands.hear(unit, data.whistle_id, _entry(event, "handover", data.task_id))


def on_task_evaluated(unit: Unit, event: Event[TaskEvaluated]) -> None:
    """The window for an appeal opens with the first revision."""
    if store.serves(unit, event.data.department):
        until = domain.appeal_window(event.time, store.rules(unit)) if event.data.revision == 1 else None
        _hear("evaluation", unit, event, appeal_until=until.isoformat() if until else None)


def on_letter_issued(unit: Unit, event: Event[LetterIssued]) -> None:
    if store.serves(unit, event.data.department):
        commands.keep_letter(unit, event.data, at=event.time)


def on_meeting_convened(unit: Unit, event: Event[MeetingConvened]) -> None:
    served = store.served(unit, event.data.departments)
    commands.invite(unit, event.data, served, at=event.time)


# -- clocks and rungs --------------------------------------------------------------------------------------------


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
    """Kept whosesoever it is: one of another instance's department comes here because the lead is served here."""
    data = event.data
    if data.task_id is not None and data.department is not None:
        change = partial(
            domain.told_breach,
            at=data.fired_at,
            due_at=data.due_at,
            version=event.subject_version,
            department=data.department,
        )
        commands.follow_clock(unit, data.whistle_id, data.task_id, data.clock, change)


def on_deadline_recomputed(unit: Unit, event: Event[DeadlineRecomputed]) -> None:
    _follow_clock(unit, event, domain.told_due, provisional=event.data.provisional)


def on_escalation_raised(unit: Unit, event: Event[EscalationRaised]) -> None:
    data = event.data
    _follow_escalation(unit, event, role=data.role, form=data.form, raised_at=data.fired_at)


def on_escalation_repeated(unit: Unit, event: Event[EscalationRepeated]) -> None:
    _follow_escalation(unit, event, repeats=event.data.repeat)


def on_rung_skipped(unit: Unit, event: Event[RungSkipped]) -> None:
    task_id = _task_here(unit, event.data)
    if task_id is not None:
        commands.hear(unit, event.data.whistle_id, _entry(event, "skipped_rung", task_id))


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
    ReturnDecided: on_return_decided,
    DisputeDecided: on_return_decided,
    WhistleCancelled: on_whistle_cancelled,
    WhistleClosed: on_whistle_closed,
    DisputeOpened: _heard("dispute", clock="adjudication"),
    LeadChanged: on_lead_changed,
    TaskExcluded: _heard("exclusion"),
    intake.ExtensionDecided: _heard("decision", kind="extension"),
    dispatch.ExtensionDecided: _heard("decision", kind="extension"),
    intake.SuspensionDecided: _heard("decision", kind="suspension"),
    dispatch.SuspensionDecided: _heard("decision", kind="suspension"),
    ScoreAppealDecided: _heard("decision", kind="appeal"),
    intake.TaskResumed: _heard("resumption"),
    dispatch.TaskResumed: _heard("resumption"),
    TaskVerified: _heard("verification"),
    TaskReworkOrdered: _heard("rework"),
    TaskEvaluated: on_task_evaluated,
    TaskReminded: _heard("reminder"),
    LetterIssued: on_letter_issued,
    MeetingConvened: on_meeting_convened,
    ClocksChanged: on_clocks_changed,
    ClockWarned: on_clock_warned,
    ClockBreached: on_clock_breached,
    DeadlineRecomputed: on_deadline_recomputed,
    EscalationRaised: on_escalation_raised,
    EscalationRepeated: on_escalation_repeated,
    RungSkipped: on_rung_skipped,
    EscalationAcknowledged: on_escalation_acknowledged,
    EscalationWithdrawn: on_escalation_withdrawn,
    EscalationResolved: on_escalation_resolved,
}
