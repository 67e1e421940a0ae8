"""Events of *escalation*: time passing, and what it sets off."""

from typing import ClassVar
from uuid import UUID

from whistle_shared.contracts.vocabulary import (
    ClockName,
    ClockStatus,
    Code,
    DeliveryEvent,
    EventData,
    Frozen,
    Instant,
    Round,
    RungForm,
    Side,
    TaskFact,
    Text,
    Version,
)


class ClocksArmed(EventData):
    """The receipt for what dispatch says of a whistle: so many clocks stand."""

    key: ClassVar[str] = "escalation.clocks_armed.v1"
    whistle_id: UUID
    round: Round
    clocks: int


class ClockChange(Frozen):
    """One clock's new status. `due_at` is None for a clock that has not started."""

    clock_id: UUID
    name: ClockName
    status: ClockStatus
    due_at: Instant | None = None


class ClocksChanged(EventData):
    """The receipt for a department's step or a withdrawal: which clocks it started and stopped."""

    key: ClassVar[str] = "escalation.clocks_changed.v1"
    addressed: ClassVar[bool] = True
    whistle_id: UUID
    task_id: UUID | None
    changes: tuple[ClockChange, ...]


class ClockEvent(EventData):
    """What every event about one clock says. `department` is None for the street's and the district's clocks."""

    addressed: ClassVar[bool] = True
    whistle_id: UUID
    task_id: UUID | None
    department: Code | None
    clock_id: UUID
    clock: ClockName
    side: Side
    due_at: Instant


class ClockWarned(ClockEvent):
    """`percent` of the limit has passed."""

    key: ClassVar[str] = "escalation.clock_warned.v1"
    percent: int
    warned_at: Instant


class ClockBreached(ClockEvent):
    """The limit has passed."""

    key: ClassVar[str] = "escalation.clock_breached.v1"
    fired_at: Instant
    late_by_seconds: float


class EscalationRaised(ClockEvent):
    """A rung of the ladder was climbed. `late_by_seconds`: business seconds between `rung_at` and `fired_at`;
    `people`: who of the role was on duty, none for its desk; `by`, `reason`: of one that was climbed by hand."""

    key: ClassVar[str] = "escalation.escalation_raised.v1"
    escalation_id: UUID
    rung: int
    role: Code
    form: RungForm
    rung_at: Instant
    fired_at: Instant
    late_by_seconds: float
    degraded: bool
    people: tuple[Text, ...] = ()
    by: Text | None = None
    reason: Text | None = None


class EscalationRepeated(ClockEvent):
    """A rung is said again: nobody acknowledged it (`repeat` counts), or whoever did let the work stand still
    (`stale`)."""

    key: ClassVar[str] = "escalation.escalation_repeated.v1"
    escalation_id: UUID
    rung: int
    repeat: int
    stale: bool


class RungSkipped(ClockEvent):
    """Nobody of the rung's role was on duty: the next rung takes over."""

    key: ClassVar[str] = "escalation.rung_skipped.v1"
    rung: int
    role: Code


class EscalationEnded(ClockEvent):
    """What every end of an escalation says."""

    escalation_id: UUID
    rung: int
    reason: Text


class EscalationWithdrawn(EscalationEnded):
    """The escalation should not stand: the clock was met in time, or its task was cancelled."""

    key: ClassVar[str] = "escalation.escalation_withdrawn.v1"


class EscalationResolved(EscalationEnded):
    """The clock was met, late: the escalation stands and is over."""

    key: ClassVar[str] = "escalation.escalation_resolved.v1"


class EscalationAcknowledged(ClockEvent):
    """The person a rung called has seen it. Later rungs still fire."""

    key: ClassVar[str] = "escalation.escalation_acknowledged.v1"
    escalation_id: UUID
    rung: int
    by: Text


class DeadlineRecomputed(ClockEvent):
    """A published calendar year moved a provisional due time (`due_at` is the new one)."""

    key: ClassVar[str] = "escalation.deadline_recomputed.v1"
    previous_due_at: Instant
    provisional: bool
    calendar_version: Version


class TaskReminded(TaskFact):
    """Somebody was urged by hand (催办)."""

    key: ClassVar[str] = "escalation.task_reminded.v1"
    addressed: ClassVar[bool] = True
    note: Text
    by: Text


class LetterIssued(TaskFact):
    """A formal letter (函告), a supervision order (督办单), a public notice (通报) or a summons to an interview (约谈).

    `number`: `督〔2026〕7号`. `escalation_id`: the rung that called for it, None when written by hand.
    """

    key: ClassVar[str] = "escalation.letter_issued.v1"
    addressed: ClassVar[bool] = True
    letter_id: UUID
    number: Text
    form: RungForm
    escalation_id: UUID | None = None
    text: Text
    reply_due_at: Instant
    by: Text


class ClockOverlooked(ClockEvent):
    """The watchdog found a running clock without a next firing; it has been given one."""

    key: ClassVar[str] = "escalation.clock_overlooked.v1"


class DeliveryStuck(DeliveryEvent):
    """No receipt for two minutes: the matter is shown to operations while it is sent again."""

    key: ClassVar[str] = "escalation.delivery_stuck.v1"


class DeliveryRecovered(DeliveryEvent):
    """The receipt of a stuck event arrived after all."""

    key: ClassVar[str] = "escalation.delivery_recovered.v1"
