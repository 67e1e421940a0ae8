"""What escalation has been told of a whistle and its tasks: marks, in whatever order they arrived.

INVARIANT: what is known does not depend on the order of hearing: of two marks with one key the earlier counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from whistle_escalation.domain.clocks import Clock, Escalation
from whistle_shared.contracts.dispatch import ClockSpec
from whistle_shared.contracts.vocabulary import EscalationStatus, Kind, Side, Urgency

TaskMark = Literal[
    "acknowledged",
    "arrived",
    "submitted",
    "contain",
    "plan",
    "repair",
    "restore",
    "extended",
    "suspended",
    "resumed",
    "passed",
    "reworked",
    "evaluated",
    "ended",
]
MatterMark = Literal[
    "unrouted", "dispatched", "disputed", "decided", "letter", "replied", "minuted", "lead", "closed", "reopened"
]


@dataclass(frozen=True, slots=True)
class Mark:
    """One fact: `what` happened `at` (business); `heard` when. `ref` and `n` tell it from others of its kind (a
    request's id, an attempt, a round); `ok` False: it was refused. `about`: a clock's name, a side, a task;
    `until`: the instant that it grants, plans or was due at; `versions`: of calendar and registry that it brought;
    `said`: its event's id, which tells apart what was said while business time stood still."""

    what: str
    at: datetime
    heard: datetime
    ref: str = ""
    n: int = 0
    ok: bool = True
    about: str = ""
    until: datetime | None = None
    versions: tuple[int, int] = (0, 0)
    said: str = ""

    @property
    def moment(self) -> tuple[datetime, str]:
        """Its place in the order of what was said."""
        return self.at, self.said

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.what, self.ref, self.n)

    def since(self, start: datetime) -> datetime:
        """When it was so for something that began at `start`: a stamp from before is not believed (EVENTS.md R1)."""
        return self.at if self.at >= start else max(self.heard, start)


Marks = tuple[Mark, ...]


def noted(marks: Marks, mark: Mark) -> Marks:
    """The marks with this one: of two of a key the earlier counts. The same marks when it adds nothing."""
    for known in marks:
        if known.key == mark.key:
            if (known.at, known.ok) <= (mark.at, mark.ok):
                return marks
            marks = tuple(other for other in marks if other is not known)
            break
    return tuple(sorted((*marks, mark), key=lambda m: (m.at, m.key)))


def of(marks: Marks, what: str) -> list[Mark]:
    """The marks of one kind, in the order of time."""
    return [mark for mark in marks if mark.what == what]


@dataclass(frozen=True, slots=True)
class Task:
    """What is known of one task; its facts may arrive before the task itself (`terms` empty until then).

    `active_at`: when the department was last seen at work."""

    task_id: UUID
    department: str
    terms: str = ""
    role: str = ""
    round: int = 0
    called_at: datetime | None = None
    calendar_version: int = 0
    registry_version: int = 0
    active_at: datetime | None = None
    marks: Marks = ()

    @property
    def bent(self) -> bool:
        """Whether a clock of it may be due at another time than start and limit say."""
        return any(mark.what in ("extended", "suspended", "reworked") for mark in self.marks)


@dataclass(frozen=True, slots=True)
class About:
    """What the ladder and the letters need to know of a whistle, from round `round`'s facts."""

    round: int
    number: str
    title: str
    street: str
    grid: str | None
    kind: Kind
    urgency: Urgency
    category: str | None


@dataclass(frozen=True, slots=True)
class Matter:
    """Everything escalation knows about one whistle. `terms` is empty until the whistle has been dispatched."""

    whistle_id: UUID
    about: About | None = None
    cancelled_at: datetime | None = None
    terms: Mapping[str, tuple[ClockSpec, ...]] = field(default_factory=dict)
    marks: Marks = ()
    tasks: Mapping[UUID, Task] = field(default_factory=dict)
    clocks: Mapping[UUID, Clock] = field(default_factory=dict)
    escalations: Mapping[UUID, Escalation] = field(default_factory=dict)

    def standing_on(self, clock: UUID, end: EscalationStatus) -> list[Escalation]:
        """Those that `end` concerns: the open ones, and of those that were resolved if they are to be withdrawn; in
        the order of their rungs."""
        concerned = {"open"} if end == "resolved" else {"open", "resolved"}
        standing = (e for e in self.escalations.values() if e.clock_id == clock and e.status in concerned)
        return sorted(standing, key=lambda e: e.rung)

    def spec(self, terms: str, name: str, side: Side | None = None) -> ClockSpec | None:
        """The frozen terms of one clock, if the policy gives it."""
        return next((s for s in self.terms.get(terms, ()) if s.name == name and side in (None, s.side)), None)

    def lead(self, round_: int) -> str | None:
        """The department that leads a round now."""
        tasks = [task for task in self.tasks.values() if task.round == round_]
        named = {mark.about: (mark.n, mark.at) for mark in self.marks if mark.what == "lead"}
        handed = [(named[str(t.task_id)], t.department) for t in tasks if str(t.task_id) in named]
        called = [t.department for t in tasks if t.role == "lead" and t.called_at is not None]
        return max(handed)[1] if handed else next(iter(called), None)


def first(marks: Iterable[Mark]) -> Mark | None:
    """The earliest of some marks."""
    return min(marks, key=lambda mark: mark.at, default=None)
