"""The whistle's state machine as the street sees it. Pure: facts in, states out.

The state of a blown whistle is derived from its tasks, never stored as a fact of its own, so that a late responder
never blocks the others (EVENTS.md section 3).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from whistle_shared.errors import IllegalTransition
from whistle_shared.worktime import SHANGHAI

State = Literal["blown", "responding", "on_scene", "handling", "pending_verify", "withdrawn"]
WITHDRAWABLE: tuple[State, ...] = ("blown", "responding", "on_scene")


@dataclass(frozen=True, slots=True)
class Task:
    """One department's task as its events tell it. Instants UTC; `role` None: the dispatch has not arrived yet."""

    task_id: UUID
    department: str
    role: str | None = None
    called_at: datetime | None = None
    acknowledged_at: datetime | None = None
    arrived_at: datetime | None = None
    progressed_at: datetime | None = None
    submitted_at: datetime | None = None
    person: str | None = None

    @property
    def state(self) -> str:
        """The task's state in DOMAIN.md C.2's words."""
        if self.submitted_at:
            return "submitted"
        if self.progressed_at:
            return "working"
        if self.arrived_at:
            return "arrived"
        return "acknowledged" if self.acknowledged_at else "dispatched"


@dataclass(frozen=True, slots=True)
class Whistle:
    """One matter: what decides its state."""

    whistle_id: UUID
    number: str
    street: str
    round: int
    routing: Literal["pending", "unrouted", "dispatched"] = "pending"
    withdrawn_at: datetime | None = None
    tasks: Mapping[UUID, Task] = field(default_factory=dict)

    @property
    def state(self) -> State:
        return "withdrawn" if self.withdrawn_at else derive(self.tasks.values())


def derive(tasks: Iterable[Task]) -> State:
    """A blown whistle's state from its tasks. Source: EVENTS.md section 3.

    A task that was only heard of (its dispatch is still on its way) cannot complete the whistle.
    """
    called = list(tasks)
    if called and all(task.submitted_at and task.role for task in called):
        return "pending_verify"
    if any(task.progressed_at or task.submitted_at for task in called):
        return "handling"
    if any(task.role == "lead" and task.arrived_at for task in called):
        return "on_scene"
    return "responding" if any(task.acknowledged_at for task in called) else "blown"


def withdraw(whistle: Whistle, now: datetime) -> Whistle:
    """The street takes the whistle back. Raises IllegalTransition once work has begun (DOMAIN.md C.1)."""
    if whistle.state not in WITHDRAWABLE:
        raise IllegalTransition("withdrawal", whistle.state, ())
    return replace(whistle, withdrawn_at=now)


def with_task(whistle: Whistle, task: Task) -> Whistle:
    """The whistle with this task in it."""
    return replace(whistle, tasks={**whistle.tasks, task.task_id: task})


def earliest(known: datetime | None, told: datetime) -> datetime:
    """First stamps are kept, whatever the order of arrival."""
    return told if known is None else min(known, told)


def business_day(now: datetime) -> str:
    """The date in a number, `20261122`: the business day in Asia/Shanghai."""
    return now.astimezone(SHANGHAI).strftime("%Y%m%d")


def number(street: str, day: str, serial: int) -> str:
    """`S01-20261122-0007` (EVENTS.md R4)."""
    return f"{street}-{day}-{serial:04d}"
