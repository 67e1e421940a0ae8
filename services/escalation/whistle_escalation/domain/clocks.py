"""A clock as it stands: its identity, how it starts, ends and moves. Source: EVENTS.md sections 1 and 6, R4, R10.

INVARIANT: a clock that has ended never fires.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID, uuid5

from whistle_shared.contracts.dispatch import ClockSchedule
from whistle_shared.contracts.vocabulary import ClockName, ClockStatus, EscalationStatus, Side

APART = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Clock:
    """One running time limit. `warned` and `climbed` count what has fired; `next_at` is when to look again; `rungs`:
    how long its ladder is. `cycle`: the attempt, the round or the review it counts for."""

    clock_id: UUID
    whistle_id: UUID
    task_id: UUID | None
    department: str | None
    name: ClockName
    side: Side
    terms: str
    status: ClockStatus
    started_at: datetime
    due_at: datetime
    provisional: bool
    calendar_version: int
    registry_version: int = 0
    cycle: int = 1
    warned: int = 0
    climbed: int = 0
    rungs: int = 0
    breached_at: datetime | None = None
    last_fired_at: datetime | None = None
    stopped_at: datetime | None = None
    next_at: datetime | None = None

    @property
    def live(self) -> bool:
        return self.status in ("running", "paused")


@dataclass(frozen=True, slots=True)
class Escalation:
    """One rung that was climbed. `repeated` counts how often it was said again; `next_at` is when to look at that."""

    escalation_id: UUID
    clock_id: UUID
    rung: int
    status: EscalationStatus = "open"
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    ended_at: datetime | None = None
    reason: str | None = None
    repeated: int = 0
    next_at: datetime | None = None


@lru_cache(maxsize=8192)
def clock_id(owner: UUID, name: str, cycle: int = 1) -> UUID:
    """The same clock has the same id, however often it is armed (EVENTS.md R4)."""
    return uuid5(owner, f"{name}/{cycle}")


def escalation_id(clock: UUID, rung: int) -> UUID:
    """The same rung of the same clock has the same id."""
    return uuid5(clock, f"rung/{rung}")


def again_id(clock: UUID) -> UUID:
    """The clock that takes over when a moved due time undoes this one's breach."""
    return uuid5(clock, "again")


def stop(clock: Clock, at: datetime) -> Clock:
    """The clock's purpose was reached at `at`: in time or late. A clock that has ended stays as it ended."""
    return ended(clock, "met" if at <= clock.due_at else "met_late", at) if clock.live else clock


def cancel(clock: Clock, at: datetime) -> Clock:
    """The clock's matter is gone."""
    return ended(clock, "cancelled", at) if clock.live else clock


def ended(clock: Clock, status: ClockStatus, at: datetime) -> Clock:
    """The clock at its end."""
    return replace(clock, status=status, stopped_at=at, next_at=None)


def move_due(clock: Clock, schedule: ClockSchedule, calendar_version: int) -> tuple[Clock, Clock | None]:
    """A running or paused clock with another due time. A breach that the new due undoes voids the clock, and another
    one takes over, so that its rungs can be climbed when it is really due."""
    if not clock.live:
        return clock, None
    moved = replace(clock, due_at=schedule.due_at, provisional=schedule.provisional, calendar_version=calendar_version)
    if clock.breached_at is None or clock.breached_at >= schedule.due_at:
        return replace(moved, next_at=next_look(moved, schedule)), None
    again = replace(moved, clock_id=again_id(clock.clock_id), breached_at=None, climbed=0, last_fired_at=None)
    return ended(clock, "voided", clock.breached_at), replace(again, next_at=next_look(again, schedule))


def next_look(clock: Clock, schedule: ClockSchedule) -> datetime | None:
    """When to look at a running clock again; None once its ladder is climbed: it stays overdue until stopped."""
    if clock.status != "running":
        return None
    if clock.warned < len(schedule.warn_at):
        return min(schedule.warn_at[clock.warned], clock.due_at)
    return clock.due_at if clock.breached_at is None else rung_at(clock, schedule)


def rung_at(clock: Clock, schedule: ClockSchedule) -> datetime | None:
    """When the next rung may be climbed."""
    if clock.climbed >= len(schedule.rung_at):
        return None
    at = schedule.rung_at[clock.climbed]
    return at if clock.last_fired_at is None else max(at, clock.last_fired_at + APART)
