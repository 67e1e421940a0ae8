"""From events to facts: what each event of the log adds to the ledger of its whistle. Pure.

INVARIANT: the facts do not depend on the order in which the events of other services are heard. What can be said
twice has a rule: the first decision on a request, the highest revision of a score, the latest call-back, exclusion and
lead, the earliest stamp of a step. escalation's own words about a clock are heard in the order in which it says them
(it writes the log itself); of those the last one counts.
"""

from bisect import insort
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from whistle_escalation.measures.records import (
    CallBack,
    ClockRecord,
    Decision,
    Evaluation,
    Exclusion,
    Ledger,
    Naming,
    Reopening,
    TaskRecord,
)
from whistle_shared.contracts import EventData, department, dispatch, escalation, intake
from whistle_shared.contracts.intake import WhistleFacts

_COUNTED = ("ack", "arrive", "resolve", "street_verify", "evaluate")


class Place(NamedTuple):
    """Where an event stands among others: its business time, and its id (UUIDv7) for two of one instant."""

    at: datetime
    event_id: UUID


_Note = Callable[[Ledger, Any, Place], None]
_Word = TypeVar("_Word", Decision, CallBack, Exclusion, Reopening, Naming)


def about(data: EventData) -> UUID | None:
    """The whistle whose ledger the event belongs to; None for one that the measures do not ask about."""
    return getattr(data, "whistle_id", None) if type(data) in _NOTES else None


def fold(ledger: Ledger, data: EventData, at: datetime, event_id: UUID) -> None:
    """Take down one event that was said at `at` (business). Doing it again changes nothing."""
    note = _NOTES.get(type(data))
    if note is not None:
        note(ledger, data, Place(at, event_id))


def only_task(data: EventData) -> UUID | None:
    """The one task whose row the event can change; None: the whistle's row, or several."""
    return getattr(data, "task_id", None) if type(data) in _OF_ONE_TASK else None


def _earlier(known: datetime | None, at: datetime) -> datetime:
    return at if known is None else min(known, at)


def _first(known: _Word | None, said: _Word) -> _Word:
    return said if known is None else min(known, said, key=_place)


def _last(known: _Word | None, said: _Word) -> _Word:
    return said if known is None else max(known, said, key=_place)


def _place(said: _Word) -> Place:
    return Place(said.at, said.event_id)


def _add(attempts: list[int], attempt: int) -> None:
    if attempt not in attempts:
        insort(attempts, attempt)


# -- the matter -----------------------------------------------------------------------------------------------


def _facts(ledger: Ledger, facts: WhistleFacts, round_: int) -> None:
    """A later round has a `blown_at` of its own: the whistle keeps its first one, so it stays in its period."""
    whistle = ledger.whistle
    whistle.street, whistle.number = facts.street, facts.number
    whistle.by_street = facts.initiator is None
    if round_ == 1:
        whistle.kind, whistle.blown_at = facts.kind, _earlier(whistle.blown_at, facts.blown_at)


def _blown(ledger: Ledger, data: intake.WhistleBlown, place: Place) -> None:
    _facts(ledger, data.facts, data.round)


def _handed_up(ledger: Ledger, data: intake.WhistleSubmitted | intake.WhistleRejected, place: Place) -> None:
    ledger.whistle.street = data.street
    ledger.whistle.proposed_at = _earlier(ledger.whistle.proposed_at, place.at)


def _rejected(ledger: Ledger, data: intake.WhistleRejected, place: Place) -> None:
    _handed_up(ledger, data, place)
    if data.outcome == "self_handled":
        ledger.whistle.self_handled_at = _earlier(ledger.whistle.self_handled_at, place.at)


def _signature_missed(ledger: Ledger, data: intake.SignatureMissed, place: Place) -> None:
    ledger.whistle.signature_missed = True


def _withdrawn(ledger: Ledger, data: intake.WhistleWithdrawn, place: Place) -> None:
    ended = ledger.whistle.round(data.round)
    ended.withdrawn_at = _earlier(ended.withdrawn_at, place.at)


def _closed(ledger: Ledger, data: intake.WhistleClosed, place: Place) -> None:
    ended = ledger.whistle.round(data.round)
    ended.closed_at = _earlier(ended.closed_at, place.at)


def _reopened(ledger: Ledger, data: intake.WhistleReopened, place: Place) -> None:
    """The round before this one did not last."""
    before = ledger.whistle.round(data.round - 1)
    before.reopening = _first(before.reopening, Reopening(*place, data.cause))


def _called_back(ledger: Ledger, data: intake.CallbackRecorded, place: Place) -> None:
    asked = ledger.whistle.round(data.round)
    said = CallBack(*place, data.contacted, data.solved, data.satisfaction, data.waived)
    asked.callback = _last(asked.callback, said)


# -- the tasks ------------------------------------------------------------------------------------------------


def _called(ledger: Ledger, data: dispatch.TasksCalled, place: Place) -> None:
    _facts(ledger, data.facts, data.round)
    for called in data.tasks:
        task = ledger.task(called.task_id)
        task.department, task.round, task.presence = called.department, data.round, called.presence
        task.called_at = _earlier(task.called_at, place.at)
        if called.role == "lead":
            _name_lead(task, place)


def _name_lead(task: TaskRecord, place: Place) -> None:
    task.named_lead = _last(task.named_lead, Naming(*place))


def _return_decided(ledger: Ledger, data: dispatch.ReturnDecided, place: Place) -> None:
    _called(ledger, data, place)
    task, request = ledger.task(data.task_id), str(data.request_id)
    task.returns[request] = _first(task.returns.get(request), Decision(*place, data.upheld))
    for ended in data.ended:
        gone = ledger.task(ended.task_id)
        gone.ended_at = _earlier(gone.ended_at, place.at)
    if data.lead is not None:
        _name_lead(ledger.task(data.lead), place)


def _lead_changed(ledger: Ledger, data: dispatch.LeadChanged, place: Place) -> None:
    _name_lead(ledger.task(data.task_id), place)


def _acknowledged(ledger: Ledger, data: department.TaskAcknowledged, place: Place) -> None:
    task = ledger.task(data.task_id)
    task.acknowledged_at = _earlier(task.acknowledged_at, place.at)


def _arrived(ledger: Ledger, data: department.ResponderCheckedIn, place: Place) -> None:
    task = ledger.task(data.task_id)
    if data.meeting_id is None:
        task.arrived_at = _earlier(task.arrived_at, place.at)
    else:
        task.attended_at = _earlier(task.attended_at, place.at)


def _submitted(ledger: Ledger, data: department.TaskSubmitted, place: Place) -> None:
    _add(ledger.task(data.task_id).submitted, data.attempt)


def _rework(ledger: Ledger, data: intake.TaskReworkOrdered, place: Place) -> None:
    """Whatever was sent back had been submitted."""
    task = ledger.task(data.task_id)
    _add(task.submitted, data.attempt)
    _add(task.reworked, data.attempt)


def _evaluated(ledger: Ledger, data: intake.TaskEvaluated, place: Place) -> None:
    task = ledger.task(data.task_id)
    said = Evaluation(data.revision, data.score.total, data.score.veto)
    known = task.evaluation
    task.evaluation = said if known is None else max(known, said, key=lambda e: (e.revision, e.total, e.veto))
    task.scored_by_default = task.scored_by_default or data.by_default


def _suspension(ledger: Ledger, data: intake.SuspensionDecided | dispatch.SuspensionDecided, place: Place) -> None:
    task, request = ledger.task(data.task_id), str(data.request_id)
    task.suspensions[request] = _first(task.suspensions.get(request), Decision(*place, data.granted))


def _excluded(ledger: Ledger, data: dispatch.TaskExcluded, place: Place) -> None:
    task = ledger.task(data.task_id)
    task.exclusion = _last(task.exclusion, Exclusion(*place, data.excluded))


# -- the clocks -----------------------------------------------------------------------------------------------


def _clocks(ledger: Ledger, data: escalation.ClocksChanged, place: Place) -> None:
    if data.task_id is None:
        return
    for change in data.changes:
        if change.name in _COUNTED:
            clock = _clock(ledger, data.task_id, change.clock_id, change.name)
            clock.status = change.status
            clock.due_at = change.due_at or clock.due_at


def _breached(ledger: Ledger, data: escalation.ClockBreached, place: Place) -> None:
    if data.task_id is not None and data.clock in _COUNTED:
        clock = _clock(ledger, data.task_id, data.clock_id, data.clock)
        clock.due_at = clock.breached_due_at = data.due_at


def _recomputed(ledger: Ledger, data: escalation.DeadlineRecomputed, place: Place) -> None:
    if data.task_id is not None and data.clock in _COUNTED:
        _clock(ledger, data.task_id, data.clock_id, data.clock).due_at = data.due_at


def _clock(ledger: Ledger, task_id: UUID, clock_id: UUID, name: str) -> ClockRecord:
    return ledger.task(task_id).clocks.setdefault(str(clock_id), ClockRecord(name))


_NOTES: dict[type[EventData], _Note] = {
    intake.WhistleSubmitted: _handed_up,
    intake.WhistleRejected: _rejected,
    intake.WhistleBlown: _blown,
    intake.SignatureMissed: _signature_missed,
    intake.WhistleWithdrawn: _withdrawn,
    intake.WhistleReopened: _reopened,
    intake.WhistleClosed: _closed,
    intake.CallbackRecorded: _called_back,
    intake.TaskReworkOrdered: _rework,
    intake.TaskEvaluated: _evaluated,
    intake.SuspensionDecided: _suspension,
    dispatch.WhistleDispatched: _called,
    dispatch.ReturnDecided: _return_decided,
    dispatch.DisputeDecided: _return_decided,
    dispatch.LeadChanged: _lead_changed,
    dispatch.SuspensionDecided: _suspension,
    dispatch.TaskExcluded: _excluded,
    department.TaskAcknowledged: _acknowledged,
    department.ResponderCheckedIn: _arrived,
    department.TaskSubmitted: _submitted,
    escalation.ClocksChanged: _clocks,
    escalation.ClockBreached: _breached,
    escalation.DeadlineRecomputed: _recomputed,
}
_OF_ONE_TASK = {
    model
    for model in _NOTES
    if "task_id" in model.model_fields and not issubclass(model, (dispatch.TasksCalled, dispatch.LeadChanged))
}
FOLDED = tuple(sorted(model.key for model in _NOTES))
"""The keys of the events that the measures are made of."""
