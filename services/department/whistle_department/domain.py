"""A department's duty under a whistle: its steps, and what it sees of its time. Pure: facts in, values out.

INVARIANT: no sequence of steps reaches an undefined state, for the state follows from the stamps; and first
stamps are kept. What escalation says of a clock may come in any order: a due time wins by its version, and what
was said of an earlier due time falls with it (EVENTS.md R5, R10).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from whistle_shared.contracts.vocabulary import (
    ClockName,
    ClockStatus,
    EscalationStatus,
    Presence,
    RungForm,
    TaskRole,
)
from whistle_shared.errors import IllegalTransition

State = Literal["dispatched", "acknowledged", "arrived", "working", "submitted", "cancelled"]
Step = Literal["acknowledgement", "arrival", "progress", "submission"]
ENDED: tuple[State, ...] = ("submitted", "cancelled")


@dataclass(frozen=True, slots=True)
class Term:
    """A clock as dispatch set it. `limit` as in the policy: `30m@natural`. `due_at` None: it starts later."""

    name: ClockName
    limit: str
    due_at: datetime | None = None
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """One department's duty. Instants are business time, UTC; `person` is the duty person who acknowledged,
    `acknowledged_by` the name of the token that was used."""

    task_id: UUID
    whistle_id: UUID
    round: int
    department: str
    role: TaskRole
    presence: Presence
    origin: str
    dispatched_at: datetime
    terms: tuple[Term, ...] = ()
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    person: str | None = None
    arrived_at: datetime | None = None
    progressed_at: datetime | None = None
    submitted_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None

    @property
    def state(self) -> State:
        """How far the task has come. Source: DOMAIN.md C.2."""
        if self.cancelled_at:
            return "cancelled"
        if self.submitted_at:
            return "submitted"
        if self.progressed_at:
            return "working"
        if self.arrived_at:
            return "arrived"
        return "acknowledged" if self.acknowledged_at else "dispatched"


def legal_steps(task: Task) -> tuple[Step, ...]:
    """The steps that are open now. Arriving may be skipped only where no presence is asked for."""
    if task.state in ENDED:
        return ()
    if task.acknowledged_at is None:
        return ("acknowledgement",)
    if task.arrived_at is not None:
        return ("progress", "submission")
    return ("arrival", "progress", "submission") if task.presence == "none" else ("arrival",)


def acknowledge(task: Task, person: str, by: str, now: datetime) -> Task:
    """A named duty person takes the task on; a repetition gives the same task. Raises IllegalTransition."""
    if _repeated(task, task.acknowledged_at):
        return task
    _require(task, "acknowledgement")
    return replace(task, acknowledged_at=now, acknowledged_by=by, person=person)


def arrive(task: Task, now: datetime) -> Task:
    """A responder reports in; a repetition gives the same task. Raises IllegalTransition."""
    if _repeated(task, task.arrived_at):
        return task
    _require(task, "arrival")
    return replace(task, arrived_at=now)


def log_progress(task: Task, now: datetime) -> Task:
    """Work goes on; `progressed_at` is the latest note's time. Raises IllegalTransition."""
    _require(task, "progress")
    return replace(task, progressed_at=now)


def submit(task: Task, now: datetime) -> Task:
    """The department says its work is done, once. Raises IllegalTransition."""
    _require(task, "submission")
    return replace(task, submitted_at=now)


def cancel(task: Task, reason: str, at: datetime) -> Task:
    """The whistle was withdrawn: the task ends, whatever its state (EVENTS.md: the withdrawal wins)."""
    return task if task.cancelled_at else replace(task, cancelled_at=at, cancel_reason=reason)


def _repeated(task: Task, stamp: datetime | None) -> bool:
    """EVENTS.md R12: acknowledging and arriving are naturally idempotent, the first stamp kept."""
    return stamp is not None and task.cancelled_at is None


def _require(task: Task, step: Step) -> None:
    legal = legal_steps(task)
    if step not in legal:
        raise IllegalTransition(step, task.state, legal)


@dataclass(frozen=True, slots=True)
class Clock:
    """What escalation has said of one clock of a task. The versions are those of its events about the
    whistle; 0: it has not said that yet. `warned_percent`, `breached_at`: about `due_at` as it stands."""

    name: ClockName
    due_at: datetime | None = None
    due_version: int = 0
    provisional: bool | None = None
    status: ClockStatus | None = None
    status_version: int = 0
    warned_percent: int = 0
    breached_at: datetime | None = None


def told_due(clock: Clock, due_at: datetime, version: int, provisional: bool | None = None) -> Clock:
    """A due time was named. A newer one replaces it, and with it what was said of the old one.

    What is said of the due time that stands counts whenever it comes; once official it stays so.
    """
    if version > clock.due_version:
        moved = due_at != clock.due_at
        clock = replace(clock, due_at=due_at, due_version=version)
        if moved:
            clock = replace(clock, provisional=None, warned_percent=0, breached_at=None)
    if provisional is None or due_at != clock.due_at:
        return clock
    return replace(clock, provisional=provisional and clock.provisional is not False)


def told_status(clock: Clock, status: ClockStatus, version: int) -> Clock:
    """A clock started, paused or stopped."""
    return clock if version <= clock.status_version else replace(clock, status=status, status_version=version)


def told_warning(clock: Clock, percent: int, due_at: datetime, version: int) -> Clock:
    """`percent` of the time up to `due_at` has passed."""
    known = told_due(clock, due_at, version)
    return replace(known, warned_percent=max(known.warned_percent, percent)) if known.due_at == due_at else known


def told_breach(clock: Clock, at: datetime, due_at: datetime, version: int) -> Clock:
    """`due_at` has passed."""
    known = told_due(clock, due_at, version)
    return replace(known, breached_at=at) if known.due_at == due_at else known


def clocks_of(task: Task, told: Mapping[ClockName, Clock]) -> list[Clock]:
    """Every clock of the task as it stands: dispatch's terms, overlaid with what escalation has said since.

    `status` None: the clock has not started.
    """
    terms = {term.name: term for term in task.terms}
    return [
        _seen(task, terms.get(name) or Term(name, ""), told.get(name) or Clock(name))
        for name in dict.fromkeys([*terms, *told])
    ]


def _seen(task: Task, term: Term, told: Clock) -> Clock:
    due_at = told.due_at if told.due_version else term.due_at
    status = told.status or ("running" if due_at else None)
    if task.cancelled_at and status in ("running", "paused"):
        status = "cancelled"
    provisional = term.provisional if told.provisional is None else told.provisional
    return replace(told, due_at=due_at, status=status, provisional=provisional)


def next_due(task: Task, told: Mapping[ClockName, Clock]) -> datetime | None:
    """What runs out first, overdue or not; None when nothing is asked of the department any more.

    What the department has answered itself does not wait for escalation to say so.
    """
    if task.state in ENDED:
        return None
    answered = {"ack": task.acknowledged_at, "arrive": task.arrived_at}
    running = (c for c in clocks_of(task, told) if c.status == "running" and not answered.get(c.name))
    return min((clock.due_at for clock in running if clock.due_at), default=None)


@dataclass(frozen=True, slots=True)
class Escalation:
    """One rung that was climbed because of a clock. Without `raised_at` its end came before its beginning."""

    escalation_id: UUID
    task_id: UUID
    clock: ClockName
    rung: int
    role: str | None = None
    form: RungForm | None = None
    status: EscalationStatus = "open"
    raised_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    ended_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Banner:
    """The most serious thing about a task's time. `percent`: a warning's; `rung`, `role`: an escalation's."""

    level: Literal["warned", "breached", "escalated"]
    clock: ClockName
    due_at: datetime | None
    percent: int | None = None
    rung: int | None = None
    role: str | None = None
    acknowledged: bool = False


def banner(task: Task, clocks: Collection[Clock], escalations: Iterable[Escalation]) -> Banner | None:
    """The highest open rung, else the oldest breach, else the highest warning of what runs, else nothing.

    `clocks` as `clocks_of` gives them.
    """
    if task.cancelled_at:
        return None
    due = {clock.name: clock.due_at for clock in clocks}
    called = [(e.rung, e.raised_at, e) for e in escalations if e.status == "open" and e.raised_at]
    if called:
        top = max(called, key=lambda call: call[:2])[2]
        seen = top.acknowledged_at is not None
        return Banner("escalated", top.clock, due.get(top.clock), rung=top.rung, role=top.role, acknowledged=seen)
    running = [(clock.due_at, clock) for clock in clocks if clock.status == "running" and clock.due_at]
    breached = [(due_at, clock) for due_at, clock in running if clock.breached_at]
    if breached:
        due_at, first = min(breached, key=lambda pair: pair[0])
        return Banner("breached", first.name, due_at)
    warned = [(due_at, clock) for due_at, clock in running if clock.warned_percent]
    if warned:
        due_at, latest = max(warned, key=lambda pair: pair[1].warned_percent)
        return Banner("warned", latest.name, due_at, percent=latest.warned_percent)
    return None
