"""Clocks and the ladder, pure: what starts, what stops, what fires. Source: EVENTS.md sections 1, 2 and 5.

INVARIANT: a stopped clock never fires; a running one fires each warning and each rung at most once, in order.
INVARIANT: met or late is decided by the business time of the fact that stops the clock, whenever it arrives.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid5

from whistle_shared.contracts.dispatch import ClockSchedule, ClockSpec
from whistle_shared.contracts.vocabulary import ClockName, ClockStatus, EscalationStatus, RungForm, Side

APART = timedelta(seconds=60)
Step = Literal["acknowledged", "arrived", "submitted"]


@dataclass(frozen=True, slots=True)
class Clock:
    """One running time limit. `warned` and `climbed` count what has fired; `next_at` is when to look again."""

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
    cycle: int = 1
    warned: int = 0
    climbed: int = 0
    breached_at: datetime | None = None
    last_fired_at: datetime | None = None
    stopped_at: datetime | None = None
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """What is known of one task; its facts may arrive before the task itself (`terms` empty until then)."""

    task_id: UUID
    department: str
    terms: str = ""
    acknowledged_at: datetime | None = None
    arrived_at: datetime | None = None
    submitted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Escalation:
    """One rung that was climbed."""

    escalation_id: UUID
    clock_id: UUID
    rung: int
    status: EscalationStatus = "open"
    acknowledged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Matter:
    """Everything escalation knows about one whistle. `terms` is empty until the whistle has been dispatched."""

    whistle_id: UUID
    cancelled_at: datetime | None = None
    dispatched_at: datetime | None = None
    terms: Mapping[str, tuple[ClockSpec, ...]] = field(default_factory=dict)
    calendar_version: int = 0
    tasks: Mapping[UUID, Task] = field(default_factory=dict)
    clocks: Mapping[UUID, Clock] = field(default_factory=dict)
    escalations: Mapping[UUID, Escalation] = field(default_factory=dict)

    def open_on(self, clock: UUID) -> list[Escalation]:
        """The open escalations of one clock, in the order of their rungs."""
        standing = (e for e in self.escalations.values() if e.clock_id == clock and e.status == "open")
        return sorted(standing, key=lambda e: e.rung)

    def spec(self, terms: str, name: str) -> ClockSpec | None:
        """The frozen terms of one clock, if the policy gives it."""
        return next((spec for spec in self.terms.get(terms, ()) if spec.name == name), None)


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


Firing = Warned | Breached | Raised

# What a step of the department stops and starts. Until milestones exist (contain, plan, restore), the submission of
# the finished work ends every clock of the department's side: whoever has finished has also contained and planned.
STOPS: dict[Step, tuple[ClockName, ...]] = {
    "acknowledged": ("ack",),
    "arrived": ("arrive",),
    "submitted": ("resolve", "contain", "first_meeting", "plan", "restore"),
}
STARTS: dict[Step, tuple[ClockName, ...]] = {
    "acknowledged": ("first_meeting", "plan"),
    "arrived": (),
    "submitted": ("street_verify",),
}
STEPS: tuple[Step, ...] = ("acknowledged", "arrived", "submitted")


def clock_id(owner: UUID, name: str, cycle: int = 1) -> UUID:
    """The same clock has the same id, however often it is armed (EVENTS.md R4)."""
    return uuid5(owner, f"{name}/{cycle}")


def escalation_id(clock: UUID, rung: int) -> UUID:
    """The same rung of the same clock has the same id."""
    return uuid5(clock, f"rung/{rung}")


def start(
    matter: Matter,
    spec: ClockSpec,
    schedule: ClockSchedule,
    task: Task | None,
    terms: str,
    calendar_version: int,
) -> Clock:
    """A clock that runs from the schedule's start."""
    owner = task.task_id if task else matter.whistle_id
    return Clock(
        clock_id=clock_id(owner, spec.name),
        whistle_id=matter.whistle_id,
        task_id=task.task_id if task else None,
        department=task.department if task else None,
        name=spec.name,
        side=spec.side,
        terms=terms,
        status="running",
        started_at=schedule.start_at,
        due_at=schedule.due_at,
        provisional=schedule.provisional,
        calendar_version=calendar_version,
        next_at=min((*schedule.warn_at, schedule.due_at)),
    )


def stop(clock: Clock, at: datetime) -> Clock:
    """The clock's purpose was reached at `at`: in time or late. A clock that has ended stays as it ended."""
    if clock.status not in ("running", "paused"):
        return clock
    return replace(clock, status="met" if at <= clock.due_at else "met_late", stopped_at=at, next_at=None)


def cancel(clock: Clock, at: datetime) -> Clock:
    """The clock's matter is gone."""
    if clock.status not in ("running", "paused"):
        return clock
    return replace(clock, status="cancelled", stopped_at=at, next_at=None)


def fire(
    clock: Clock, spec: ClockSpec, schedule: ClockSchedule, now: datetime, until: datetime
) -> tuple[Clock, list[Firing]]:
    """What the clock has to say at `now` about instants up to `until`, and the clock after saying it.

    Of several missed warnings only the latest is sent; one rung is climbed at a time, at least 60 business seconds
    after the one before. `schedule` belongs to the clock's present start and due.
    """
    if clock.status != "running":
        return clock, []
    clock, firings = _warn(clock, spec, schedule, until)
    if clock.due_at <= until and clock.breached_at is None:
        clock = replace(clock, breached_at=now)
        firings.append(Breached(now - clock.due_at))
    if clock.breached_at is not None and _rung_ready(clock, schedule, until):
        step, at = spec.ladder[clock.climbed], schedule.rung_at[clock.climbed]
        raised = Raised(escalation_id(clock.clock_id, step.rung), step.rung, step.role, step.form, at, now - at)
        firings.append(raised)
        clock = replace(clock, climbed=clock.climbed + 1, last_fired_at=now)
    return replace(clock, next_at=_next(clock, schedule)), firings


def _warn(clock: Clock, spec: ClockSpec, schedule: ClockSchedule, until: datetime) -> tuple[Clock, list[Firing]]:
    passed = sum(at <= until for at in schedule.warn_at)
    if passed <= clock.warned:
        return clock, []
    latest = Warned(spec.warn_percent[passed - 1], schedule.warn_at[passed - 1])
    return replace(clock, warned=passed), [latest]


def _rung_ready(clock: Clock, schedule: ClockSchedule, until: datetime) -> bool:
    at = _rung_at(clock, schedule)
    return at is not None and at <= until


def _rung_at(clock: Clock, schedule: ClockSchedule) -> datetime | None:
    """When the next rung may be climbed."""
    if clock.climbed >= len(schedule.rung_at):
        return None
    at = schedule.rung_at[clock.climbed]
    return at if clock.last_fired_at is None else max(at, clock.last_fired_at + APART)


def _next(clock: Clock, schedule: ClockSchedule) -> datetime | None:
    """When to look at a running clock again; None once its ladder is climbed: it stays overdue until stopped."""
    if clock.warned < len(schedule.warn_at):
        return min(schedule.warn_at[clock.warned], clock.due_at)
    return clock.due_at if clock.breached_at is None else _rung_at(clock, schedule)


def move_due(clock: Clock, schedule: ClockSchedule, calendar_version: int) -> tuple[Clock, Clock | None]:
    """A running clock with another due time (a calendar was published). A breach that the new due undoes voids the
    clock, and a new cycle of it takes over, so that its rungs can be climbed when it is really due."""
    if clock.status != "running":
        return clock, None
    moved = replace(clock, due_at=schedule.due_at, provisional=schedule.provisional, calendar_version=calendar_version)
    if clock.breached_at is None or clock.breached_at >= schedule.due_at:
        return replace(moved, next_at=_next(moved, schedule)), None
    again = replace(
        moved,
        clock_id=clock_id(clock.task_id or clock.whistle_id, clock.name, clock.cycle + 1),
        cycle=clock.cycle + 1,
        breached_at=None,
        climbed=0,
        last_fired_at=None,
    )
    voided = replace(clock, status="voided", stopped_at=clock.breached_at, next_at=None)
    return voided, replace(again, next_at=_next(again, schedule))


def with_step(task: Task, step: Step, at: datetime) -> Task:
    """The task with this step noted; the first stamp counts."""
    stamp = f"{step}_at"
    known: datetime | None = getattr(task, stamp)
    first: dict[str, Any] = {stamp: at if known is None else min(known, at)}
    return replace(task, **first)


def stamps(task: Task) -> Iterable[tuple[Step, datetime]]:
    """The steps this task has taken, in order."""
    for step in STEPS:
        at: datetime | None = getattr(task, f"{step}_at")
        if at is not None:
            yield step, at
