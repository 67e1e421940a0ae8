"""A task as its events tell it, and what a whistle's tasks make of its state. Pure.

The state of a blown whistle is derived from its tasks, never stored as a fact of its own, so that a late responder
never blocks the others (EVENTS.md section 3).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from whistle_intake.domain.states import State
from whistle_shared.contracts.vocabulary import Decider
from whistle_shared.errors import IllegalTransition

TaskState = Literal[
    "dispatched",
    "acknowledged",
    "arrived",
    "working",
    "return_requested",
    "disputed",
    "suspended",
    "rework",
    "submitted",
    "accepted",
    "evaluated",
    "reassigned",
    "cancelled",
]
# What the street may do with a task, by its state.
STREET_STEPS: dict[TaskState, tuple[str, ...]] = {
    "dispatched": ("urge",),
    "acknowledged": ("urge",),
    "arrived": ("urge",),
    "working": ("urge",),
    "return_requested": ("urge",),
    "disputed": ("urge",),
    "suspended": ("resumption",),
    "rework": ("urge",),
    "submitted": ("verification",),
    "accepted": ("score",),
    "evaluated": (),
    "reassigned": (),
    "cancelled": (),
}


@dataclass(frozen=True, slots=True)
class Task:
    """One department's task as its events tell it. Instants UTC; `called_at` None: the dispatch has not arrived yet.

    `attempt` counts submissions and `reworked` is the last one that was sent back; `submitted_at` is of `attempt`.
    `role` is the present one, `called_as` the first; `led_at`: when it was last named the lead. `revision` counts its
    scores. `verify_limit`: the street's own limit for verifying, by the calendar frozen with it.
    """

    task_id: UUID
    department: str
    role: str | None = None
    called_as: str | None = None
    led_at: datetime | None = None
    round: int | None = None
    presence: str | None = None
    origin: str = "routed"
    title: str = ""
    called_at: datetime | None = None
    acknowledged_at: datetime | None = None
    arrived_at: datetime | None = None
    progressed_at: datetime | None = None
    attempt: int = 0
    submitted_at: datetime | None = None
    reworked: int = 0
    verified_at: datetime | None = None
    vetoed: bool = False
    revision: int = 0
    evaluated_at: datetime | None = None
    suspended_at: datetime | None = None
    suspended_by: Decider | None = None
    resumed_at: datetime | None = None
    returned_at: datetime | None = None
    disputed_at: datetime | None = None
    settled_at: datetime | None = None
    ended: Literal["reassigned", "cancelled"] | None = None
    verify_limit: str | None = None
    calendar_version: int | None = None
    person: str | None = None

    @property
    def delivered(self) -> bool:
        """The department's last word is that it is done, and the street has not sent that back."""
        return self.attempt > self.reworked

    @property
    def suspended(self) -> bool:
        return self.suspended_at is not None and (self.resumed_at is None or self.resumed_at < self.suspended_at)

    @property
    def working(self) -> bool:
        """Something was done after arriving; where nobody must come, or that is not known yet, something was done."""
        if self.progressed_at is None or self.presence in (None, "none"):
            return self.progressed_at is not None
        return self.arrived_at is not None and self.arrived_at <= self.progressed_at

    @property
    def state(self) -> TaskState:
        """The task's state in DOMAIN.md C.2's words."""
        return self.ended or self._outcome() or self._pause() or self._course()

    def _outcome(self) -> TaskState | None:
        if self.revision:
            return "evaluated"
        if self.verified_at:
            return "accepted"
        return "submitted" if self.delivered else None

    def _pause(self) -> TaskState | None:
        if self.suspended:
            return "suspended"
        if self.settled_at is None and (self.disputed_at or self.returned_at):
            return "disputed" if self.disputed_at else "return_requested"
        return None

    def _course(self) -> TaskState:
        if self.reworked:
            return "rework"
        if self.working:
            return "working"
        if self.arrived_at:
            return "arrived"
        return "acknowledged" if self.acknowledged_at else "dispatched"

    @property
    def steps(self) -> tuple[str, ...]:
        """What the street may do with the task now."""
        return STREET_STEPS[self.state]

    def needs(self, step: str) -> None:
        """Raises IllegalTransition unless this step of the street's is open."""
        if step not in self.steps:
            raise IllegalTransition(step, self.state, self.steps)


def derive(tasks: Iterable[Task], met: bool = False, calling: bool = False) -> State:
    """A blown whistle's state from the tasks of its round. Source: EVENTS.md section 3.

    Tasks that were replaced or cancelled do not count. A task that was only heard of (its dispatch is still on its
    way) cannot complete the whistle. `met`: a joint meeting was held and minuted; `calling`: what it resolved is to
    become tasks yet.
    """
    required = [task for task in tasks if task.ended is None]
    if required and not calling and all(task.called_at for task in required):
        if all(task.verified_at for task in required):
            return "pending_evaluation"
        if all(task.state == "suspended" for task in required):
            return "suspended"
        if all(task.delivered for task in required):
            return "pending_verify"
    if any(task.working or task.attempt for task in required):
        return "handling"
    if met or any(task.role == "lead" and task.arrived_at for task in required):
        return "on_scene"
    return "responding" if any(task.acknowledged_at for task in required) else "blown"


def all_scored(tasks: Iterable[Task]) -> bool:
    """Whether every task that counts has its score, and there is one."""
    required = [task for task in tasks if task.ended is None]
    return bool(required) and all(task.verified_at and task.revision for task in required)


def submitted(task: Task, attempt: int, at: datetime) -> Task:
    """The task after a submission was heard, in whatever order: the highest attempt counts, with its first stamp."""
    if attempt < task.attempt:
        return task
    known = task.submitted_at if attempt == task.attempt else None
    return replace(task, attempt=attempt, submitted_at=earliest(known, at))


def in_roles(tasks: Iterable[Task]) -> list[Task]:
    """The tasks of a round in their present roles: who was named the lead last leads, who led before assists."""
    known = list(tasks)
    named = [task for task in known if task.led_at is not None]
    lead = max(named, key=lambda task: (task.led_at, task.task_id), default=None)
    return [replace(task, role=_role(task, lead)) for task in known]


def _role(task: Task, lead: Task | None) -> str | None:
    if task is lead:
        return "lead"
    return "assist" if task.called_as == "lead" else task.called_as


def earliest(known: datetime | None, told: datetime) -> datetime:
    """First stamps are kept, whatever the order of arrival."""
    return told if known is None else min(known, told)


def latest(known: datetime | None, told: datetime) -> datetime:
    """Where the last stamp counts, whatever the order of arrival."""
    return told if known is None else max(known, told)
