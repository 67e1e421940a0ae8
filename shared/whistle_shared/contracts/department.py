"""Events of *department* instances: execution, and nothing decided."""

from typing import ClassVar, Literal
from uuid import UUID

from whistle_shared.contracts.vocabulary import (
    Attempt,
    ClockName,
    Code,
    Decider,
    DeliveryEvent,
    EventData,
    Frozen,
    Instant,
    Milestone,
    Round,
    SuspensionReason,
    TaskFact,
    Text,
)


class TasksReceived(EventData):
    """An instance holds these tasks: the receipt for `whistle_dispatched` and `whistle_cancelled`."""

    key: ClassVar[str] = "department.tasks_received.v1"
    whistle_id: UUID
    round: Round
    instance: Code
    departments: tuple[Code, ...]


class TaskEvent(TaskFact):
    """What every event about one task says. `by`: the token's name; `person`: the duty person."""

    by: Text
    person: Text


class TaskAcknowledged(TaskEvent):
    """A named duty person accepted the task (应哨). Receipt: escalation."""

    key: ClassVar[str] = "department.task_acknowledged.v1"


class ResponderCheckedIn(TaskEvent):
    """A responder reported in (报到). `photo`: the id of one that this department keeps. `arrival` False: at a meeting,
    while presence elsewhere is asked for. Receipt: escalation."""

    key: ClassVar[str] = "department.responder_checked_in.v1"
    place: Text
    mode: Literal["on_site", "online", "meeting"]
    photo: Text | None = None
    meeting_id: UUID | None = None
    arrival: bool = True


class ResponderCheckedOut(TaskEvent):
    """A responder left the place (离场)."""

    key: ClassVar[str] = "department.responder_checked_out.v1"
    note: Text = ""


class ProgressLogged(TaskEvent):
    """A note on the work under way."""

    key: ClassVar[str] = "department.progress_logged.v1"
    note: Text


class PlanStep(Frozen):
    """One step of a filed plan, with the day it is to be done by."""

    name: Text
    due_at: Instant


class MilestoneReached(TaskEvent):
    """The site is secured (contain), the plan filed (plan), the thing repaired or the surface restored. `plan`: the
    plan's own steps; the last one's due time is the resolve clock's where the policy says `per_plan`. Receipt:
    escalation."""

    key: ClassVar[str] = "department.milestone_reached.v1"
    milestone: Milestone
    note: Text = ""
    plan: tuple[PlanStep, ...] = ()


class TaskSubmitted(TaskEvent):
    """The department says its work is done. `evidence`: ids of photos that this department keeps. `attempt` counts
    submissions. Receipt: escalation."""

    key: ClassVar[str] = "department.task_submitted.v1"
    result: Text
    evidence: tuple[Text, ...] = ()
    attempt: Attempt = 1


class ReturnRequested(TaskEvent):
    """The department says it is not its duty (退单): it cites a duty-list item (`duty`) or a clause, and names the
    unit whose it is. Every clock runs on."""

    key: ClassVar[str] = "department.return_requested.v1"
    request_id: UUID
    basis: Text
    duty: Code | None = None
    proper_department: Code
    reason: Text


class ExtensionRequested(TaskEvent):
    """The department asks for more time for one clock, before its due. `due_at`: the instant it asks for; `number`:
    the how-manieth request for this clock; `decider`: who has the word."""

    key: ClassVar[str] = "department.extension_requested.v1"
    request_id: UUID
    clock: ClockName
    current_due_at: Instant
    due_at: Instant
    number: Attempt
    decider: Decider
    reason: Text


class SuspensionRequested(TaskEvent):
    """The department asks to put its task on the ledger (缓办). `number` counts suspensions of the task."""

    key: ClassVar[str] = "department.suspension_requested.v1"
    request_id: UUID
    cause: SuspensionReason
    until: Instant
    number: Attempt
    decider: Decider
    reason: Text


class TaskResumed(TaskEvent):
    """The department works on a suspended task again. Receipt: escalation."""

    key: ClassVar[str] = "department.task_resumed.v1"
    reason: Text = ""


class ScoreAppealed(TaskEvent):
    """The department does not accept this revision of its score; once, within the appeal window."""

    key: ClassVar[str] = "department.score_appealed.v1"
    request_id: UUID
    revision: Attempt
    reason: Text


class LetterReplied(TaskEvent):
    """The department answers a formal letter. Receipt: escalation."""

    key: ClassVar[str] = "department.letter_replied.v1"
    letter_id: UUID
    reply: Text


class DeliveryStuck(DeliveryEvent):
    """No receipt for two minutes: the matter is shown to operations while it is sent again."""

    key: ClassVar[str] = "department.delivery_stuck.v1"


class DeliveryRecovered(DeliveryEvent):
    """The receipt of a stuck event arrived after all."""

    key: ClassVar[str] = "department.delivery_recovered.v1"
