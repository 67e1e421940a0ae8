"""What escalation says: how the clocks stand, and which rungs were climbed. Everything but a receipt is told too."""

from collections.abc import Callable
from functools import partial
from typing import Any

from whistle_intake import commands, domain, store
from whistle_shared.contracts import Event
from whistle_shared.contracts.escalation import (
    ClockBreached,
    ClocksChanged,
    ClockWarned,
    DeadlineRecomputed,
    EscalationEnded,
    EscalationRaised,
)
from whistle_shared.db import Unit


def on_clocks_changed(unit: Unit, event: Event[ClocksChanged]) -> None:
    """Also the receipt that ends the re-sending of a decision; the consumer has seen to that."""
    data, version = event.data, event.subject_version
    for change in data.changes:

        def told(clock: domain.Clock, change: Any = change) -> domain.Clock:
            known = domain.told_status(clock, change.status, version)
            return known if change.due_at is None else domain.told_due(known, change.due_at, version)

        commands.follow_clock(unit, data.whistle_id, data.task_id, change.clock_id, change.name, told)


def on_clock_warned(unit: Unit, event: Event[ClockWarned]) -> None:
    data = event.data
    _follow(unit, event, partial(domain.told_warning, percent=data.percent, due_at=data.due_at))


def on_clock_breached(unit: Unit, event: Event[ClockBreached]) -> None:
    """The street was late to score: the default stands."""
    data = event.data
    _follow(unit, event, partial(domain.told_warning, percent=100, due_at=data.due_at))
    if data.clock == "evaluate":
        commands.score_by_default(unit, event)


def on_escalation_raised(unit: Unit, event: Event[EscalationRaised]) -> None:
    _follow(unit, event, partial(domain.told_rung, rung=event.data.rung, is_open=True))


def on_escalation_ended(unit: Unit, event: Event[EscalationEnded]) -> None:
    _follow(unit, event, partial(domain.told_rung, rung=event.data.rung, is_open=False))


def on_deadline_recomputed(unit: Unit, event: Event[DeadlineRecomputed]) -> None:
    data = event.data
    told = partial(domain.told_due, due_at=data.due_at, version=event.subject_version, provisional=data.provisional)
    _follow(unit, event, told)


def _follow(unit: Unit, event: Event[Any], change: Callable[[domain.Clock], domain.Clock]) -> None:
    store.whistle(unit, event.data.whistle_id)
    store.tell(unit, event, event.data.whistle_id)
    commands.follow_event(unit, event.data, event.subject_version, change)
