"""What dispatch says: who has which task, and what the district decides about it."""

from dataclasses import replace
from typing import Any

from whistle_intake import commands, domain, store
from whistle_shared.contracts import Event
from whistle_shared.contracts.dispatch import (
    DisputeDecided,
    DisputeOpened,
    LeadChanged,
    ReturnDecided,
    ScoreAppealDecided,
    SuspensionDecided,
    TaskResumed,
    WhistleCancelled,
    WhistleDispatched,
    WhistleUnrouted,
)
from whistle_shared.db import Unit


def on_whistle_dispatched(unit: Unit, event: Event[WhistleDispatched]) -> None:
    """A call that comes late, or says that nobody is called, may be all that the closing waited for."""
    data = event.data
    commands.follow_routing(unit, data.whistle_id, data.round, routed=True)
    commands.call_tasks(unit, data, event.time)
    commands.begin_clocks(unit, data)
    store.tell(unit, event, data.whistle_id)
    commands.note_called(unit, data.whistle_id, event.causation_id)
    commands.close_if_done(unit, data.whistle_id)


def on_whistle_unrouted(unit: Unit, event: Event[WhistleUnrouted]) -> None:
    commands.follow_routing(unit, event.data.whistle_id, event.data.round, routed=False)
    commands.begin_waiting(unit, event.data)
    store.tell(unit, event, event.data.whistle_id)


def on_whistle_cancelled(unit: Unit, event: Event[WhistleCancelled]) -> None:
    commands.cancel_tasks(unit, event.data.whistle_id, event.data.departments)
    store.tell(unit, event, event.data.whistle_id)


def on_return_decided(unit: Unit, event: Event[ReturnDecided | DisputeDecided]) -> None:
    """Refused: the task goes on. Upheld: it ended, and others begin, or who has one already has its duty too; then
    there may be nothing left to do."""
    data = event.data
    commands.follow_task(unit, data.whistle_id, data.task_id, data.department, settled_at=event.time)
    commands.end_tasks(unit, data.whistle_id, data.ended)
    commands.call_tasks(unit, data, event.time)
    commands.begin_clocks(unit, data)
    if data.lead is not None:
        commands.give_lead(unit, data.whistle_id, data.lead, event.time)
    store.tell(unit, event, data.whistle_id)
    commands.close_if_done(unit, data.whistle_id)


def on_dispute_opened(unit: Unit, event: Event[DisputeOpened]) -> None:
    _follow(unit, event, disputed_at=event.time)


def on_lead_changed(unit: Unit, event: Event[LeadChanged]) -> None:
    data = event.data
    commands.give_lead(unit, data.whistle_id, data.task_id, event.time, data.department)
    store.tell(unit, event, data.whistle_id)


def on_suspension_decided(unit: Unit, event: Event[SuspensionDecided]) -> None:
    """A review keeps what began before: it suspends nothing that was resumed meanwhile."""

    def suspended(task: domain.Task) -> domain.Task:
        later = task.suspended_at is not None and task.suspended_at > event.time
        if not event.data.granted or domain.is_review(event.data.cycle) or later:
            return task
        return replace(task, suspended_at=event.time, suspended_by="district")

    data = event.data
    commands.change_task(unit, data.whistle_id, data.task_id, data.department, suspended)
    store.tell(unit, event, data.whistle_id)


def on_task_resumed(unit: Unit, event: Event[TaskResumed]) -> None:
    data = event.data
    commands.change_task(
        unit,
        data.whistle_id,
        data.task_id,
        data.department,
        lambda task: replace(task, resumed_at=domain.latest(task.resumed_at, event.time)),
    )
    store.tell(unit, event, data.whistle_id)


def on_score_appeal_decided(unit: Unit, event: Event[ScoreAppealDecided]) -> None:
    store.tell(unit, event, event.data.whistle_id)
    commands.rewrite_score(unit, event)


def _follow(unit: Unit, event: Event[Any], **told: Any) -> None:
    data = event.data
    commands.follow_task(unit, data.whistle_id, data.task_id, data.department, **told)
    store.tell(unit, event, data.whistle_id)
