"""What the department sees of its time: due times, warnings, breaches, rungs. Pure: facts in, values out.

What escalation says of a clock may come in any order: a due time wins by its version, and what was said of an earlier
due time falls with it (EVENTS.md R5, R10).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from whistle_department.domain.task import ENDED, State, Task, Term
from whistle_shared.contracts.vocabulary import ClockName, ClockStatus, EscalationStatus, RungForm

NEARLY_PERCENT = 80
"""Once so much of its time has passed, a clock has nearly run out: the second of the warnings."""
_NOT_OURS: frozenset[ClockName] = frozenset(
    {"dispatch", "street_verify", "evaluate", "adjudication", "suspension_review"}
)


@dataclass(frozen=True, slots=True)
class Clock:
    """What escalation has said of one clock of a task. The versions are those of its events about the
    whistle; 0: it has not said that yet. `warned_percent`, `breached_at`: about `due_at` as it stands. `department`:
    whose it is, where a breach has told."""

    name: ClockName
    due_at: datetime | None = None
    due_version: int = 0
    provisional: bool | None = None
    status: ClockStatus | None = None
    status_version: int = 0
    warned_percent: int = 0
    breached_at: datetime | None = None
    department: str | None = None


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


def told_breach(clock: Clock, at: datetime, due_at: datetime, version: int, department: str | None = None) -> Clock:
    """`due_at` has passed."""
    known = replace(told_due(clock, due_at, version), department=department or clock.department)
    return replace(known, breached_at=at) if known.due_at == due_at else known


def clocks_of(task: Task, told: Mapping[ClockName, Clock]) -> list[Clock]:
    """Every clock of the task as it stands: dispatch's terms, overlaid with what escalation has said since.

    `status` None: the clock has not started.
    """
    terms = {term.name: term for term in task.terms}
    state = task.state
    return [
        _seen(state, terms.get(name) or Term(name, ""), told.get(name) or Clock(name))
        for name in dict.fromkeys([*terms, *told])
    ]


def _seen(state: State, term: Term, told: Clock) -> Clock:
    due_at = told.due_at if told.due_version else term.due_at
    status = told.status or ("running" if due_at else None)
    if state in ENDED and status in ("running", "paused"):
        status = "voided" if state == "reassigned" else "cancelled"
    provisional = term.provisional if told.provisional is None else told.provisional
    return replace(told, due_at=due_at, status=status, provisional=provisional)


def next_due(task: Task, told: Mapping[ClockName, Clock]) -> datetime | None:
    """What runs out first, overdue or not; None when nothing is asked of the department any more.

    What the department has answered itself does not wait for escalation to say so, nor does what stands still.
    """
    if task.state in ("accepted", "evaluated", *ENDED):
        return None
    over = answered(task) | (_paused(task) if task.suspension else frozenset())
    running = (clock for clock in clocks_of(task, told) if clock.status == "running" and clock.name not in over)
    return min((clock.due_at for clock in running if clock.due_at), default=None)


def answered(task: Task) -> frozenset[ClockName]:
    """The clocks that are not for the department to answer (any more): its own steps have stopped them, or they are
    the street's and the district's. Source: DOMAIN.md C.3, the submission ends all but the restoring; after an order
    to do it again the resolve clock runs on."""
    stamps: dict[ClockName, datetime | None] = {
        "ack": task.acknowledged_at,
        "arrive": task.arrived_at,
        "contain": task.milestones.get("contain"),
        "plan": task.milestones.get("plan"),
        "restore": task.milestones.get("restore"),
    }
    over = _NOT_OURS | {name for name, stamp in stamps.items() if stamp}
    if task.attempt:
        over |= {"contain", "plan", "first_meeting"}
        over |= frozenset() if task.attempt in task.reworks else {"resolve"}
    return over


def _paused(task: Task) -> frozenset[ClockName]:
    return frozenset(term.name for term in task.terms if term.pausable)


@dataclass(frozen=True, slots=True)
class Breach:
    """An assistant's clock has passed its limit: its lead is told."""

    task_id: UUID
    department: str
    clock: ClockName
    due_at: datetime | None
    breached_at: datetime


def assistants_breaches(task: Task, told: Mapping[UUID, Mapping[ClockName, Clock]]) -> list[Breach]:
    """What the lead sees of the others under its whistle; nothing for whoever does not lead. `told`: by task."""
    if task.role != "lead":
        return []
    found = [
        Breach(task_id, clock.department, clock.name, clock.due_at, clock.breached_at)
        for task_id, clocks in told.items()
        for clock in clocks.values()
        if task_id != task.task_id and clock.department and clock.breached_at
    ]
    return sorted((one for one in found if one.breached_at >= task.dispatched_at), key=lambda one: one.breached_at)


@dataclass(frozen=True, slots=True)
class Escalation:
    """One rung that was climbed because of a clock. Without `raised_at` its end came before its beginning. `repeats`:
    how often it was said again."""

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
    repeats: int = 0


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
    if task.state in ENDED:
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
