"""What intake hears, and the one command each event leads to. Every event about a whistle joins its timeline."""

from typing import Any
from uuid import UUID

from whistle_intake import store
from whistle_intake.consumers import departments, district, timing
from whistle_shared.contracts import Event, EventData
from whistle_shared.contracts import department as said_by_department
from whistle_shared.contracts import dispatch as said_by_dispatch
from whistle_shared.contracts import escalation as said_by_escalation
from whistle_shared.db import Unit
from whistle_shared.messaging import Handler
from whistle_shared.replica import Replica, on_calendar_published, on_registry_published, serving_fault

__all__ = ["SUBSCRIPTIONS", "admits"]


def admits(replica: Replica, event: Event[EventData]) -> str | None:
    """EVENTS.md R8: a department's word counts only through the instance that serves it."""
    if isinstance(event.data, said_by_department.TaskEvent):
        return serving_fault(replica, event.producer, event.data.department)
    return None


def on_heard(unit: Unit, event: Event[Any]) -> None:
    """An event that only joins the timeline."""
    whistle_id: UUID = event.data.whistle_id
    store.whistle(unit, whistle_id)
    store.tell(unit, event, whistle_id)


SUBSCRIPTIONS: dict[type[EventData], Handler] = {
    said_by_dispatch.RegistryPublished: on_registry_published,
    said_by_dispatch.CalendarPublished: on_calendar_published,
    said_by_dispatch.WhistleDispatched: district.on_whistle_dispatched,
    said_by_dispatch.WhistleUnrouted: district.on_whistle_unrouted,
    said_by_dispatch.WhistleCancelled: district.on_whistle_cancelled,
    said_by_dispatch.ReturnDecided: district.on_return_decided,
    said_by_dispatch.DisputeOpened: district.on_dispute_opened,
    said_by_dispatch.DisputeDecided: district.on_return_decided,
    said_by_dispatch.LeadChanged: district.on_lead_changed,
    said_by_dispatch.ExtensionDecided: on_heard,
    said_by_dispatch.SuspensionDecided: district.on_suspension_decided,
    said_by_dispatch.TaskResumed: district.on_task_resumed,
    said_by_dispatch.ScoreAppealDecided: district.on_score_appeal_decided,
    said_by_dispatch.TaskExcluded: on_heard,
    said_by_department.TaskAcknowledged: departments.on_task_acknowledged,
    said_by_department.ResponderCheckedIn: departments.on_responder_checked_in,
    said_by_department.ResponderCheckedOut: on_heard,
    said_by_department.ProgressLogged: departments.on_progress_logged,
    said_by_department.MilestoneReached: departments.on_progress_logged,
    said_by_department.TaskSubmitted: departments.on_task_submitted,
    said_by_department.ReturnRequested: departments.on_return_requested,
    said_by_department.ExtensionRequested: departments.on_extension_requested,
    said_by_department.SuspensionRequested: departments.on_suspension_requested,
    said_by_department.TaskResumed: departments.on_task_resumed,
    said_by_department.ScoreAppealed: on_heard,
    said_by_department.LetterReplied: on_heard,
    said_by_escalation.ClocksChanged: timing.on_clocks_changed,
    said_by_escalation.ClockWarned: timing.on_clock_warned,
    said_by_escalation.ClockBreached: timing.on_clock_breached,
    said_by_escalation.EscalationRaised: timing.on_escalation_raised,
    said_by_escalation.EscalationRepeated: on_heard,
    said_by_escalation.RungSkipped: on_heard,
    said_by_escalation.EscalationAcknowledged: on_heard,
    said_by_escalation.EscalationWithdrawn: timing.on_escalation_ended,
    said_by_escalation.EscalationResolved: timing.on_escalation_ended,
    said_by_escalation.DeadlineRecomputed: timing.on_deadline_recomputed,
    said_by_escalation.TaskReminded: on_heard,
    said_by_escalation.LetterIssued: on_heard,
    said_by_escalation.ClockOverlooked: on_heard,
}
