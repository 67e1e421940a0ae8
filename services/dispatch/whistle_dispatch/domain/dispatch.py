"""What dispatch holds about a whistle: who has which task, what was asked of the district, what is disputed. Pure.

INVARIANT: in every round one standing task leads, and a task that has ended never comes back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args
from uuid import NAMESPACE_URL, UUID, uuid5

from whistle_shared.contracts.department import (
    ExtensionRequested,
    ReturnRequested,
    ScoreAppealed,
    SuspensionRequested,
)
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.contracts.vocabulary import Presence, Score, TaskRole
from whistle_shared.errors import IllegalTransition

State = Literal["awaiting_triage", "dispatched", "closed", "cancelled"]
RequestState = Literal["pending", "disputed", "refused", "upheld", "lapsed"]
DisputeState = Literal["open", "decided", "lapsed"]
MOVES: tuple[tuple[str, State, State], ...] = (
    ("routing", "awaiting_triage", "dispatched"),
    ("withdrawal", "awaiting_triage", "cancelled"),
    ("withdrawal", "dispatched", "cancelled"),
    ("closing", "dispatched", "closed"),
    ("reopening", "dispatched", "dispatched"),
    ("reopening", "closed", "dispatched"),
    ("reopening without a route", "dispatched", "awaiting_triage"),
    ("reopening without a route", "closed", "awaiting_triage"),
)
"""The state diagram as data: (what happens, from, to). A test walks every road and finds these moves and no others."""
Cause = Literal["second_return", "undecided", "transfer_cap"]
RequestKind = Literal["return", "extension", "suspension", "appeal"]
Asked = ReturnRequested | ExtensionRequested | SuspensionRequested | ScoreAppealed

ASKED: dict[RequestKind, type[Asked]] = {
    "return": ReturnRequested,
    "extension": ExtensionRequested,
    "suspension": SuspensionRequested,
    "appeal": ScoreAppealed,
}
_KINDS: dict[type[Asked], RequestKind] = {model: kind for kind, model in ASKED.items()}
_ROLES: tuple[TaskRole, ...] = get_args(TaskRole)


@dataclass(frozen=True, slots=True)
class Task:
    """One department's duty under a whistle. `title`, `item_limit`: of a meeting's action item. `reason`: why it was
    called later than its round. `ended_at`: another task replaced it. `raised_at`: one of its clocks reached the
    whistle office's rung, and nobody has been called in its place yet."""

    task_id: UUID
    department: str
    role: TaskRole
    presence: Presence
    origin: str = "routed"
    round: int = 1
    title: str = ""
    item_limit: str = ""
    reason: str = ""
    ended_at: datetime | None = None
    raised_at: datetime | None = None
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """What a department asked the district for, and what became of it. `decide_by`: when an undecided return becomes
    a dispute. `granted_until`: the new due time, or the end of a suspension. `cycle` numbers its review clock."""

    asked: Asked
    asked_at: datetime
    round: int
    state: RequestState = "pending"
    decide_by: datetime | None = None
    decided_at: datetime | None = None
    decided_by: str = ""
    reason: str = ""
    granted_until: datetime | None = None
    cycle: int | None = None
    resumed_at: datetime | None = None
    score: Score | None = None

    @property
    def kind(self) -> RequestKind:
        return _KINDS[type(self.asked)]


@dataclass(frozen=True, slots=True)
class Dispute:
    """A return over which the whistle office has to rule. `due_at`: of the adjudication clock."""

    dispute_id: UUID
    request_id: UUID
    cause: Cause
    opened_at: datetime
    due_at: datetime
    state: DisputeState = "open"
    decided_at: datetime | None = None
    decided_by: str = ""
    reason: str = ""
    upheld: bool | None = None
    on_site: bool = False
    precedent_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What dispatch knows about one whistle. `facts` None: the withdrawal came before the whistle. Requests and
    disputes by id; where nothing about them is decided they are not loaded."""

    whistle_id: UUID
    state: State
    round: int = 1
    facts: WhistleFacts | None = None
    reason: str = ""
    tasks: tuple[Task, ...] = ()
    flags: tuple[str, ...] = ()
    dispatched_at: datetime | None = None
    whistle_due_at: datetime | None = None
    requests: Mapping[UUID, Request] = field(default_factory=dict)
    disputes: Mapping[UUID, Dispute] = field(default_factory=dict)

    @property
    def active(self) -> tuple[Task, ...]:
        """The tasks of the present round that stand, the lead first."""
        return tuple(task for task in self.tasks if task.round == self.round and task.ended_at is None)

    @property
    def lead(self) -> Task | None:
        return next((task for task in self.active if task.role == "lead"), None)

    def task(self, task_id: UUID) -> Task | None:
        return next((task for task in self.tasks if task.task_id == task_id), None)

    def held_by(self, department: str) -> Task | None:
        """The department's share of the duty in this round; an action item of a meeting is none."""
        return next((task for task in self.active if task.department == department and not task.item_limit), None)

    @property
    def precedents_apply(self) -> bool:
        """Whether somebody at the whistle office has to say whose duty this is."""
        return self.state == "awaiting_triage" or any(
            request.kind == "return" and request.state in ("pending", "disputed") for request in self.requests.values()
        )


@dataclass(frozen=True, slots=True)
class Ruling:
    """A precedent (判例) as it is kept: what a decided dispute says about the next matter of its kind."""

    precedent_id: UUID
    dispute_id: UUID
    whistle_id: UUID
    category: str | None
    department: str
    assist: tuple[str, ...]
    rule: str
    decided_at: datetime
    decided_by: str
    adopted_at: datetime | None = None
    adopted_by: str | None = None
    adopted_version: int | None = None


def in_order(task: Task) -> tuple[int, bool, int, str, str]:
    """The present round first, then what stands, the lead first."""
    return -task.round, task.ended_at is not None, _ROLES.index(task.role), task.department, task.origin


def task_id(whistle_id: UUID, round_: int, department: str, origin: str = "routed") -> UUID:
    """The same task has the same id, however often it is planned (EVENTS.md R9)."""
    return uuid5(NAMESPACE_URL, f"whistle:{whistle_id}/{round_}/{department}/{origin}")


def terms_name(task: Task) -> str:
    """The name of a new task's set of clocks: `assist@1`, `assist@1.reassigned-1`; unique in the whistle's life."""
    later = "" if task.origin == "routed" else f".{task.origin}"
    return f"{task.role}@{task.round}{later}"


def origin(dispatch: Dispatch, kind: Literal["reassigned", "meeting", "substitute"], beside: int = 0) -> str:
    """`reassigned-2`: the next free number of its kind within the whistle, after `beside` others."""
    taken = {task.origin for task in dispatch.tasks}
    used = max((int(name.rpartition("-")[2]) for name in taken if name.startswith(f"{kind}-")), default=0)
    return f"{kind}-{used + 1 + beside}"


def require_open(dispatch: Dispatch, step: str) -> WhistleFacts:
    """The facts of a whistle that is being worked on. Raises IllegalTransition for any other: a whistle that is
    withdrawn or closed is read-only."""
    if dispatch.state != "dispatched" or dispatch.facts is None:
        legal = ("routing",) if dispatch.state == "awaiting_triage" else ()
        raise IllegalTransition(step, dispatch.state, legal)
    return dispatch.facts


def with_task(dispatch: Dispatch, *changed: Task) -> tuple[Task, ...]:
    """The whistle's tasks with these in their present form."""
    now = {task.task_id: task for task in changed}
    return tuple(now.get(task.task_id, task) for task in dispatch.tasks)
