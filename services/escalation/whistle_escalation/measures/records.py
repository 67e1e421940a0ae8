"""What the measures know of one whistle and of each of its tasks: plain values that go to JSON and back. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import TypeAdapter

Outcome = Literal["met", "late"]


@dataclass(slots=True)
class ClockRecord:
    """One clock as escalation last said it stands. `breached_due_at`: the due time whose passing was told."""

    name: str
    status: str = "running"
    due_at: datetime | None = None
    breached_due_at: datetime | None = None

    @property
    def outcome(self) -> Outcome | None:
        """In time, or late (overdue and still running is late). None: not decided, paused, or it does not count. A
        breach that a later due time undid is none."""
        if self.status == "met":
            return "met"
        if self.status == "met_late" or (self.status == "running" and self.overdue):
            return "late"
        return None

    @property
    def overdue(self) -> bool:
        """Whether the due time in force has passed."""
        return self.breached_due_at is not None and (self.due_at is None or self.due_at <= self.breached_due_at)


@dataclass(frozen=True, slots=True)
class Naming:
    """A task was named the lead; the latest word counts. `event_id` (UUIDv7) tells two words of one instant apart,
    here and below: business time may stand still."""

    at: datetime
    event_id: UUID


@dataclass(frozen=True, slots=True)
class Decision:
    """A decided request: the first decision counts."""

    at: datetime
    event_id: UUID
    granted: bool


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The street's score; the highest revision counts."""

    revision: int
    total: int
    veto: bool


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Whether the task is left out of assessment; the latest word counts."""

    at: datetime
    event_id: UUID
    excluded: bool


@dataclass(frozen=True, slots=True)
class CallBack:
    """What whoever reported the matter said; the latest call counts."""

    at: datetime
    event_id: UUID
    contacted: bool
    solved: bool | None
    satisfaction: str | None
    waived: bool


@dataclass(frozen=True, slots=True)
class Reopening:
    """Why a round was followed by another one; the first word counts."""

    at: datetime
    event_id: UUID
    cause: str


@dataclass(slots=True)
class TaskRecord:
    """One department's duty. `called_at` None: its steps were heard before the dispatch. `named_lead`: when it was
    last named the lead; `attended_at`: when it sat in a joint meeting. `submitted` and `reworked` hold the
    attempts, in order; clocks and requests are by id."""

    task_id: UUID
    department: str = ""
    round: int = 0
    presence: str = ""
    called_at: datetime | None = None
    named_lead: Naming | None = None
    ended_at: datetime | None = None
    acknowledged_at: datetime | None = None
    arrived_at: datetime | None = None
    attended_at: datetime | None = None
    submitted: list[int] = field(default_factory=list)
    reworked: list[int] = field(default_factory=list)
    clocks: dict[str, ClockRecord] = field(default_factory=dict)
    returns: dict[str, Decision] = field(default_factory=dict)
    suspensions: dict[str, Decision] = field(default_factory=dict)
    evaluation: Evaluation | None = None
    scored_by_default: bool = False
    exclusion: Exclusion | None = None

    @property
    def came(self) -> bool:
        """A meeting counts as coming only where a meeting is the presence asked for (EVENTS.md, Meeting)."""
        return self.arrived_at is not None or (self.presence == "meeting" and self.attended_at is not None)

    @property
    def excluded(self) -> bool:
        return self.exclusion is not None and self.exclusion.excluded


@dataclass(slots=True)
class RoundRecord:
    """What is known of one round of a whistle as a whole."""

    withdrawn_at: datetime | None = None
    closed_at: datetime | None = None
    callback: CallBack | None = None
    reopening: Reopening | None = None


@dataclass(slots=True)
class WhistleRecord:
    """One whistle. `blown_at` None: only a draft of it is known. `by_street` False: a department blew it."""

    whistle_id: UUID
    street: str = ""
    number: str = ""
    kind: str = ""
    by_street: bool = True
    proposed_at: datetime | None = None
    blown_at: datetime | None = None
    self_handled_at: datetime | None = None
    signature_missed: bool = False
    rounds: dict[int, RoundRecord] = field(default_factory=dict)

    @property
    def began_at(self) -> datetime | None:
        """The instant that puts it into a period: when it was blown, else when it was first handed up."""
        return self.blown_at or self.proposed_at

    def withdrawn(self, round_: int | None = None) -> bool:
        """Whether this round (None: any) was taken back."""
        return any(known.withdrawn_at for number, known in self.rounds.items() if round_ in (None, number))

    def round(self, number: int) -> RoundRecord:
        return self.rounds.setdefault(number, RoundRecord())


@dataclass(slots=True)
class Ledger:
    """A whistle with its tasks: the unit in which events are folded."""

    whistle: WhistleRecord
    tasks: dict[UUID, TaskRecord] = field(default_factory=dict)

    def task(self, task_id: UUID) -> TaskRecord:
        return self.tasks.setdefault(task_id, TaskRecord(task_id))

    def leads(self, task: TaskRecord) -> bool:
        """Whether this task leads its round: of those that were named lead, the one that was named last."""
        named = [
            (other.named_lead.at, other.named_lead.event_id, other.task_id)
            for other in self.tasks.values()
            if other.round == task.round and other.named_lead is not None
        ]
        return bool(named) and max(named)[2] == task.task_id


_TASK = TypeAdapter(TaskRecord)
_WHISTLE = TypeAdapter(WhistleRecord)


def empty(whistle_id: UUID) -> Ledger:
    """The ledger of a whistle nobody has heard of."""
    return Ledger(WhistleRecord(whistle_id))


def task_json(task: TaskRecord) -> dict[str, Any]:
    """The record as JSON holds it."""
    plain: dict[str, Any] = _TASK.dump_python(task, mode="json")
    return plain


def whistle_json(whistle: WhistleRecord) -> dict[str, Any]:
    """The record as JSON holds it."""
    plain: dict[str, Any] = _WHISTLE.dump_python(whistle, mode="json")
    return {**plain, "rounds": {str(number): held for number, held in plain["rounds"].items()}}


def task_from(plain: dict[str, Any]) -> TaskRecord:
    """The record of which `task_json` made this."""
    return _TASK.validate_python(plain)


def whistle_from(plain: dict[str, Any]) -> WhistleRecord:
    """The record of which `whistle_json` made this."""
    return _WHISTLE.validate_python(plain)
