"""What follows from a change is saved and said: the receipt first, then the escalations that ended with a clock."""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from whistle_escalation import domain, store
from whistle_shared.contracts.escalation import (
    ClockChange,
    ClocksArmed,
    ClocksChanged,
    EscalationResolved,
    EscalationWithdrawn,
)
from whistle_shared.db import Unit
from whistle_shared.messaging import RetryLater
from whistle_shared.worktime import Calendar


def calendars(unit: Unit) -> Callable[[int], Calendar]:
    """The calendar of a version; RetryLater while it has not arrived."""
    replica = store.replica(unit)

    def calendar(version: int) -> Calendar:
        if replica.calendar_version < version:
            raise RetryLater(f"calendar version {version} has not arrived yet")
        return replica.calendar(version)

    return calendar


def about(clock: domain.Clock) -> dict[str, Any]:
    """What every event about a clock says."""
    return {
        "whistle_id": clock.whistle_id,
        "task_id": clock.task_id,
        "department": clock.department,
        "clock_id": clock.clock_id,
        "clock": clock.name,
        "side": clock.side,
        "due_at": clock.due_at,
    }


def hearer(clock: domain.Clock) -> str | None:
    """The department that must see what happens to a clock: not the street's or the district's lateness."""
    return clock.department if clock.side == "department" else None


def finish(unit: Unit, changes: domain.Changes, about_task: tuple[UUID, str] | None = None) -> None:
    """Save, and tell every department how its clocks stand now. There is always a word, for it is the receipt:
    `about_task` (task, department) is told even when nothing changed. dispatch has a receipt of its own."""
    store.save(unit, changes.matter)
    if unit.cause is not None and unit.cause.producer == "dispatch":
        say_armed(unit, changes.matter)
    said = say_changes(unit, changes, about_task)
    if not said:
        whistle_id = changes.matter.whistle_id
        store.say(unit, ClocksChanged(whistle_id=whistle_id, task_id=None, changes=()), whistle_id)
    say_ended(unit, changes)


def say_armed(unit: Unit, matter: domain.Matter, round_: int | None = None) -> None:
    """How many clocks stand: the receipt for whatever dispatch says, and the only word of clocks that it listens to;
    what every step changes would be many times as much."""
    known = round_ or (matter.about.round if matter.about is not None else 1)
    armed = ClocksArmed(whistle_id=matter.whistle_id, round=known, clocks=len(matter.clocks))
    store.say(unit, armed, matter.whistle_id)


def say_changes(unit: Unit, changes: domain.Changes, about_task: tuple[UUID, str] | None = None) -> int:
    """Tell each department its changed clocks; what its dispatch has told it already is left out."""
    whistle_id = changes.matter.whistle_id
    told = [clock for key, clock in changes.clocks.items() if key not in changes.expected]
    tasks: dict[tuple[UUID | None, str | None], list[domain.Clock]] = {}
    if about_task is not None:
        tasks[about_task] = []
    for clock in told:
        tasks.setdefault((clock.task_id, clock.department), []).append(clock)
    for (task_id, department), clocks in tasks.items():
        store.say(unit, _changes(whistle_id, task_id, clocks), whistle_id, department)
    return len(tasks)


def _changes(whistle_id: UUID, task_id: UUID | None, clocks: Iterable[domain.Clock]) -> ClocksChanged:
    """Of several clocks of one name the one that counts now comes first: a reader who follows names takes that."""
    ordered = sorted(clocks, key=lambda clock: (clock.status == "voided", -clock.cycle))
    return ClocksChanged(
        whistle_id=whistle_id,
        task_id=task_id,
        changes=tuple(
            ClockChange(clock_id=clock.clock_id, name=clock.name, status=clock.status, due_at=clock.due_at)
            for clock in ordered
        ),
    )


def say_ended(unit: Unit, changes: domain.Changes) -> None:
    """Tell whom it concerns which escalations are over."""
    for clock, over in changes.ended:
        model = EscalationResolved if over.status == "resolved" else EscalationWithdrawn
        word = model(**about(clock), escalation_id=over.escalation_id, rung=over.rung, reason=over.reason or "")
        store.say(unit, word, clock.whistle_id, hearer(clock))
