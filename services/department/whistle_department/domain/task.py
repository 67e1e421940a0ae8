"""A department's duty under a whistle: its state and the steps that are open. Pure.

INVARIANT: no sequence of steps reaches an undefined state, for the state follows from what is known of the task;
and first stamps are kept.
INVARIANT: every state that is no end has an open step, or waits for a decision that leads out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from whistle_shared.contracts.department import PlanStep
from whistle_shared.contracts.vocabulary import ClockName, Milestone, Presence, TaskRole
from whistle_shared.errors import IllegalTransition

State = Literal[
    "dispatched",
    "acknowledged",
    "arrived",
    "working",
    "submitted",
    "accepted",
    "evaluated",
    "closed",
    "return_requested",
    "disputed",
    "reassigned",
    "suspended",
    "rework",
    "cancelled",
]
ENDED: tuple[State, ...] = ("closed", "reassigned", "cancelled")
AWAITED: Mapping[State, str] = {
    "return_requested": "the district decides the return",
    "disputed": "the district decides the dispute",
    "submitted": "the street verifies",
    "accepted": "the street scores",
    "evaluated": "the whistle is closed",
}
"""The states that somebody else's decision leads out of, and whose."""

Step = Literal[
    "acknowledgement",
    "arrival",
    "departure",
    "progress",
    "milestones",
    "submission",
    "return",
    "extension",
    "suspension",
    "resumption",
    "appeal",
]
RequestKind = Literal["return", "extension", "suspension", "appeal"]
MILESTONES: tuple[Milestone, ...] = ("contain", "plan", "repair", "restore")
_WORK: tuple[Step, ...] = ("progress", "milestones", "submission", "extension", "suspension")
# What a state leaves open; `legal_steps` takes away what its guards forbid. Source: DOMAIN.md C.2, C.4, C.5.
_OPEN: Mapping[State, tuple[Step, ...]] = {
    "dispatched": ("acknowledgement", "return"),
    "acknowledged": ("arrival", *_WORK, "return"),
    "arrived": ("arrival", "departure", *_WORK),
    "working": ("arrival", "departure", *_WORK),
    "rework": ("arrival", "departure", *_WORK),
    "return_requested": ("acknowledgement", "arrival", "departure", "progress", "milestones"),
    "disputed": ("acknowledgement", "arrival", "departure", "progress", "milestones"),
    "suspended": ("arrival", "departure", "resumption"),
    "submitted": ("departure", "milestones"),
    "accepted": ("departure",),
    "evaluated": ("appeal",),
    # A whistle may close before the time for appeals has passed: that right stays.
    "closed": ("appeal",),
}


@dataclass(frozen=True, slots=True)
class Term:
    """A clock as dispatch set it. `limit` as in the policy: `30m@natural`. `due_at` None: it starts later."""

    name: ClockName
    limit: str
    start_at: datetime | None = None
    due_at: datetime | None = None
    provisional: bool = False
    pausable: bool = False
    extendable: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """One answer to a request. `cycle` counts the reviews of a suspension; `detail`: what the deciding event said."""

    at: datetime
    event_id: UUID
    granted: bool
    reason: str
    by: str | None = None
    cycle: int = 0
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """What the department asked for, and the answers. `detail`: what the asking event said. `asked_at` None: an answer
    came before the question. `resumptions`: when a suspension that was asked for by then was ended by anybody."""

    request_id: UUID
    kind: RequestKind
    number: int = 1
    asked_at: datetime | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    disputed_at: datetime | None = None
    decisions: tuple[Decision, ...] = ()
    resumptions: tuple[datetime, ...] = ()

    @property
    def decision(self) -> Decision | None:
        """The first one made counts."""
        return min(self.decisions, key=lambda made: (made.at, made.event_id), default=None)

    @property
    def latest(self) -> Decision | None:
        """What was said at the latest review; of a request that knows no review, the decision."""
        newest = max((made.cycle for made in self.decisions), default=0)
        return min(
            (made for made in self.decisions if made.cycle == newest),
            key=lambda made: (made.at, made.event_id),
            default=None,
        )

    @property
    def state(self) -> Literal["pending", "granted", "refused"]:
        if self.decision is None:
            return "pending"
        return "granted" if self.decision.granted else "refused"

    @property
    def resumed_at(self) -> datetime | None:
        """When the suspension that was granted ended."""
        granted_at = self.decision.at if self.decision and self.decision.granted else None
        return min((at for at in self.resumptions if granted_at and at >= granted_at), default=None)

    @property
    def suspends(self) -> bool:
        """Whether the task stands still because of this request."""
        return self.kind == "suspension" and self.state == "granted" and self.resumed_at is None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One revision of the street's score, with its basis. `version`: intake's count of what it said."""

    revision: int
    at: datetime
    version: int
    score: Mapping[str, Any]
    basis: str
    by_default: bool
    by: str | None
    appeal_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rework:
    """The street found the work of one submission (`attempt`) not done."""

    attempt: int
    at: datetime
    reasons: str
    by: str | None


@dataclass(frozen=True, slots=True)
class Task:
    """One department's duty. Instants are business time, UTC.

    What dispatch called comes first; `action_item`: of a meeting; `people`: the duty persons it named;
    `return_until`: no return after that, None: none at all. The rest follows from the task's log (`apply`). `person` is
    the duty person who acknowledged, `acknowledged_by` the name of the token that was used.
    """

    task_id: UUID
    whistle_id: UUID
    round: int
    department: str
    called_as: TaskRole
    presence: Presence
    origin: str
    dispatched_at: datetime
    terms: tuple[Term, ...] = ()
    action_item: str = ""
    people: tuple[str, ...] = ()
    return_until: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    person: str | None = None
    arrived_at: datetime | None = None
    departed_at: datetime | None = None
    progressed_at: datetime | None = None
    submitted_at: datetime | None = None
    attempt: int = 0
    milestones: Mapping[Milestone, datetime] = field(default_factory=dict)
    plan: tuple[PlanStep, ...] = ()
    requests: Mapping[UUID, Request] = field(default_factory=dict)
    verified: Mapping[int, int] = field(default_factory=dict)
    reworks: Mapping[int, Rework] = field(default_factory=dict)
    evaluations: Mapping[int, Evaluation] = field(default_factory=dict)
    leading: tuple[int, bool] | None = None
    exclusion: tuple[int, bool, str] | None = None
    reassigned_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    closed_at: datetime | None = None

    @property
    def role(self) -> TaskRole:
        """The role as it stands: the lead may have been handed over."""
        if self.leading is None:
            return self.called_as
        if self.leading[1]:
            return "lead"
        return "assist" if self.called_as == "lead" else self.called_as

    @property
    def state(self) -> State:
        """How far the task has come. Source: DOMAIN.md C.2."""
        return self._end or self._disowned or self._judged or self._held_up or self._progress

    @property
    def _end(self) -> State | None:
        if self.reassigned_at:
            return "reassigned"
        if self.cancelled_at:
            return "cancelled"
        return "closed" if self.closed_at else None

    @property
    def _disowned(self) -> State | None:
        asked = self.pending("return") if self.requests else ()
        if not asked:
            return None
        return "disputed" if any(request.disputed_at for request in asked) else "return_requested"

    @property
    def _judged(self) -> State | None:
        """What the street says of the latest submission, also when a suspension is granted only after it. A score
        given before the latest pass is an earlier submission's."""
        if not self.attempt or self.attempt in self.reworks:
            return None
        passed = self.verified.get(self.attempt)
        if passed is None:
            return "submitted"
        return "evaluated" if any(e.version > passed for e in self.evaluations.values()) else "accepted"

    @property
    def _held_up(self) -> State | None:
        if self.suspension:
            return "suspended"
        return "rework" if self.attempt in self.reworks else None

    @property
    def _progress(self) -> State:
        if self.progressed_at:
            return "working"
        if self.arrived_at:
            return "arrived"
        return "acknowledged" if self.acknowledged_at else "dispatched"

    @property
    def evaluation(self) -> Evaluation | None:
        """The score that counts: the highest revision."""
        return self.evaluations[max(self.evaluations)] if self.evaluations else None

    @property
    def suspension(self) -> Request | None:
        """The request because of which the task stands still."""
        if not self.requests:
            return None
        return next((request for request in self.requests.values() if request.suspends), None)

    @property
    def rework(self) -> Rework | None:
        """The latest order to do it again."""
        return self.reworks[max(self.reworks)] if self.reworks else None

    @property
    def excluded(self) -> str | None:
        """Why the task does not count in assessment; None: it counts."""
        return self.exclusion[2] if self.exclusion and self.exclusion[1] else None

    @property
    def present(self) -> bool:
        """Whether somebody has reported in and not left."""
        return self.arrived_at is not None and self.departed_at is None

    @property
    def at_work(self) -> bool:
        """Whether work may begin: taken on, and arrived where presence is asked for."""
        return self.acknowledged_at is not None and (self.arrived_at is not None or self.presence == "none")

    def asked(self, kind: RequestKind) -> list[Request]:
        """The requests of a kind, in the order of asking."""
        return sorted((r for r in self.requests.values() if r.kind == kind and r.asked_at), key=lambda r: r.number)

    def pending(self, kind: RequestKind) -> list[Request]:
        """Those that wait for their decision."""
        return [request for request in self.asked(kind) if request.state == "pending"]


def open_milestones(task: Task) -> tuple[Milestone, ...]:
    """What may still be reached: each once; before arriving only the plan, after submitting only the restoring."""
    if task.state in ("submitted", "suspended", *ENDED) or task.acknowledged_at is None:
        restoring = task.state == "submitted" and any(term.name == "restore" for term in task.terms)
        possible: tuple[Milestone, ...] = ("restore",) if restoring else ()
    else:
        possible = MILESTONES if task.at_work else ("plan",)
    return tuple(milestone for milestone in possible if milestone not in task.milestones)


def legal_steps(task: Task, now: datetime) -> tuple[Step, ...]:
    """The steps that are open now. Arriving may be skipped only where no presence is asked for."""
    return tuple(step for step in _OPEN.get(task.state, ()) if _permitted(task, step, now))


def _permitted(task: Task, step: Step, now: datetime) -> bool:
    match step:
        case "acknowledgement":
            return task.acknowledged_at is None
        case "arrival":
            return task.acknowledged_at is not None and not task.present
        case "departure":
            return task.present
        case "progress" | "submission":
            return task.at_work
        case "milestones":
            return bool(open_milestones(task))
        case "resumption":
            return True
        case _:
            return _may_ask(task, step, now)


def _may_ask(task: Task, kind: RequestKind, now: datetime) -> bool:
    """What of a request's guards does not depend on what it asks for. Source: DOMAIN.md C.4, C.5, C.8."""
    if kind == "return":
        in_time = task.return_until is not None and now <= task.return_until
        return in_time and task.arrived_at is None and not task.asked("return")
    if kind == "extension":
        return any(term.extendable for term in task.terms)
    if kind == "suspension":
        return any(term.pausable for term in task.terms) and not task.pending("suspension")
    first = task.evaluations.get(1)
    in_time = first is not None and first.appeal_until is not None and now <= first.appeal_until
    return in_time and not task.asked("appeal")


def repeated(task: Task, step: Literal["acknowledgement", "arrival"], now: datetime) -> bool:
    """EVENTS.md R12: acknowledging and arriving are naturally idempotent, the first stamp kept."""
    stamp = task.acknowledged_at if step == "acknowledgement" else task.arrived_at
    return stamp is not None and task.state not in ENDED and step not in legal_steps(task, now)


def may_attend(task: Task) -> bool:
    """Whether somebody may report in at a meeting: once taken on, until the task ends, also while others are there."""
    return task.acknowledged_at is not None and task.state not in ENDED


def require(task: Task, step: Step, now: datetime) -> None:
    """Raises IllegalTransition unless the step is open."""
    if step not in legal_steps(task, now):
        refuse(task, step, now)


def refuse(task: Task, step: Step, now: datetime) -> None:
    """Raises IllegalTransition with the steps that are open beside this one."""
    raise IllegalTransition(step, task.state, [legal for legal in legal_steps(task, now) if legal != step])
