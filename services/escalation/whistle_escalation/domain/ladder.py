"""What a clock has to say when it is looked at: warnings, the breach, rungs. Source: EVENTS.md section 5.

INVARIANT: a running clock fires each warning and each rung at most once, in order.
INVARIANT: a rung that nobody can hear is never silent: it is skipped aloud, and the next one takes over at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from whistle_escalation.domain.clocks import Clock, escalation_id, next_look, rung_at
from whistle_shared.clockwork import awake
from whistle_shared.contracts.dispatch import ClockSchedule, ClockSpec, LadderStep
from whistle_shared.contracts.vocabulary import RungForm

Reach = Callable[[LadderStep], tuple[str, ...] | None]
"""Who can be told of a rung: names, none for a manned desk, None for nobody at all."""


@dataclass(frozen=True, slots=True)
class Warned:
    percent: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Breached:
    late_by: timedelta


@dataclass(frozen=True, slots=True)
class Raised:
    escalation_id: UUID
    rung: int
    role: str
    form: RungForm
    rung_at: datetime
    late_by: timedelta
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    rung: int
    role: str


Firing = Warned | Breached | Raised | Skipped


def somebody(step: LadderStep) -> tuple[str, ...]:
    """Reach without a registry: every desk is manned."""
    return ()


def fire(
    clock: Clock,
    spec: ClockSpec,
    schedule: ClockSchedule,
    now: datetime,
    until: datetime,
    reach: Reach = somebody,
) -> tuple[Clock, list[Firing]]:
    """What the clock has to say at `now` about instants up to `until`, and the clock after saying it.

    Of several missed warnings only the latest is sent; one rung is climbed at a time, at least 60 business seconds
    after the one before, and none in its quiet hours, however long it has been due. `schedule` belongs to the clock's
    present start and due.
    """
    if clock.status != "running":
        return clock, []
    clock, firings = _warn(clock, spec, schedule, until)
    if clock.due_at <= until and clock.breached_at is None:
        clock = replace(clock, breached_at=now)
        firings.append(Breached(now - clock.due_at))
    at = None if clock.breached_at is None else rung_at(clock, schedule)
    if at is not None and at <= until:
        clock, climbed = _climb(clock, spec, schedule.rung_at[clock.climbed], now, reach)
        firings += climbed
    return replace(clock, next_at=_next_look(clock, spec, schedule, now)), firings


def _next_look(clock: Clock, spec: ClockSpec, schedule: ClockSchedule, now: datetime) -> datetime | None:
    """When to look again; a rung that comes in its quiet hours, or is kept by them, waits for their end."""
    at = next_look(clock, schedule)
    if at is None or clock.breached_at is None or clock.warned < len(schedule.warn_at):
        return at
    earliest = max(at, now)
    waits = awake(earliest, spec.ladder[clock.climbed].quiet)
    return waits if waits > earliest else at


def _warn(clock: Clock, spec: ClockSpec, schedule: ClockSchedule, until: datetime) -> tuple[Clock, list[Firing]]:
    passed = sum(at <= until for at in schedule.warn_at)
    if passed <= clock.warned:
        return clock, []
    latest = Warned(spec.warn_percent[passed - 1], schedule.warn_at[passed - 1])
    return replace(clock, warned=passed), [latest]


def _climb(clock: Clock, spec: ClockSpec, at: datetime, now: datetime, reach: Reach) -> tuple[Clock, list[Firing]]:
    """The next rung, or the first one above it that somebody can hear; one in its quiet hours waits."""
    said: list[Firing] = []
    for place, step in enumerate(spec.ladder[clock.climbed :], clock.climbed + 1):
        if awake(now, step.quiet) > now:
            return replace(clock, climbed=place - 1), said
        people = reach(step)
        if people is not None:
            said.append(_raised(clock, step, at, now, people))
            return replace(clock, climbed=place, last_fired_at=now), said
        said.append(Skipped(step.rung, step.role))
    return replace(clock, climbed=len(spec.ladder)), said


def _raised(clock: Clock, step: LadderStep, at: datetime, now: datetime, people: tuple[str, ...]) -> Raised:
    return Raised(escalation_id(clock.clock_id, step.rung), step.rung, step.role, step.form, at, now - at, people)


def jump(
    clock: Clock, spec: ClockSpec, schedule: ClockSchedule, rung: int, now: datetime, reach: Reach
) -> tuple[Clock, Raised] | None:
    """Climb to a rung by hand: those below it are passed over. None for a rung that is not above the last one."""
    for place, step in enumerate(spec.ladder):
        if step.rung == rung and place >= clock.climbed:
            clock = replace(clock, climbed=place + 1, last_fired_at=now)
            raised = _raised(clock, step, now, now, reach(step) or ())
            return replace(clock, next_at=next_look(clock, schedule)), raised
    return None
