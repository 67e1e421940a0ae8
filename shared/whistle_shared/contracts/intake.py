"""Events of *intake*: the matter, and what the street decides."""

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from whistle_shared.contracts.vocabulary import (
    Attempt,
    ClockName,
    Code,
    DeliveryEvent,
    EventData,
    Frozen,
    Instant,
    Kind,
    LongText,
    ReportChannel,
    ReportOutcome,
    RequestDecision,
    Round,
    Satisfaction,
    Score,
    ShortText,
    TaskFact,
    Text,
    Title,
    Urgency,
)


class Location(Frozen):
    """A point, WGS 84, degrees."""

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]


class WhistleFacts(Frozen):
    """What the street said when it blew: never changes afterwards, so every reader may keep a copy.

    `initiator`: the organisation that blows when it is not the street itself (a department). `photos`: ids; the
    pictures are kept by intake. A reopened whistle's next round has facts of its own: a higher urgency, a later
    `blown_at`.
    """

    number: Text
    kind: Kind
    urgency: Urgency
    street: Code
    grid: Code | None = None
    category: Code | None = None
    title: Title
    description: LongText
    place: ShortText
    beyond_power_reason: Text
    blown_by: Text
    blown_at: Instant
    initiator: Code | None = None
    cross_district: bool = False
    location: Location | None = None
    photos: tuple[UUID, ...] = ()


class WhistleSubmitted(EventData):
    """A draft was handed up for approval. `duties`: what of the street's own basic duty list it touches;
    `override_reason`: why it is beyond the street's power all the same. Nobody but the record needs it."""

    key: ClassVar[str] = "intake.whistle_submitted.v1"
    whistle_id: UUID
    street: Code
    kind: Kind
    urgency: Urgency
    category: Code | None = None
    duties: tuple[Code, ...] = ()
    override_reason: Text | None = None
    submitted_by: Text


class WhistleRejected(EventData):
    """The street's leader did not sign: the street handles the matter itself, or the draft is to be mended."""

    key: ClassVar[str] = "intake.whistle_rejected.v1"
    whistle_id: UUID
    street: Code
    outcome: Literal["self_handled", "draft"]
    reason: Text
    by: Text


class WhistleApproved(EventData):
    """A street leader signed; for an emergency that was blown at once, afterwards (`late`: after the time owed)."""

    key: ClassVar[str] = "intake.whistle_approved.v1"
    whistle_id: UUID
    street: Code
    by: Text
    late: bool = False


class SignatureMissed(EventData):
    """An emergency was blown at once and nobody signed for it in time."""

    key: ClassVar[str] = "intake.signature_missed.v1"
    whistle_id: UUID
    street: Code
    owed_until: Instant


class WhistleJoined(EventData):
    """Another report of the same matter (`joined_id`) became part of this whistle instead of one of its own."""

    key: ClassVar[str] = "intake.whistle_joined.v1"
    whistle_id: UUID
    joined_id: UUID
    by: Text


class WhistleBlown(EventData):
    """A street blew a whistle (round 1). Receipt: dispatch."""

    key: ClassVar[str] = "intake.whistle_blown.v1"
    whistle_id: UUID
    round: Round
    facts: WhistleFacts
    departments: tuple[Code, ...] = ()


class WhistleWithdrawn(EventData):
    """The street took the whistle back. Receipts: dispatch, escalation."""

    key: ClassVar[str] = "intake.whistle_withdrawn.v1"
    whistle_id: UUID
    round: Round
    reason: Text
    withdrawn_by: Text


class WhistleReopened(EventData):
    """The matter came back, was never solved, or left the reporter dissatisfied: round `round` begins with `facts`.
    `departments`: the original lead first. Receipt: dispatch."""

    key: ClassVar[str] = "intake.whistle_reopened.v1"
    whistle_id: UUID
    round: Round
    facts: WhistleFacts
    departments: tuple[Code, ...] = ()
    cause: Literal["relapse", "false_completion", "dissatisfied"]
    reason: Text
    by: Text


class WhistleClosed(EventData):
    """Every task is scored and the call-back is done or waived (销哨): read-only from now."""

    key: ClassVar[str] = "intake.whistle_closed.v1"
    addressed: ClassVar[bool] = True
    whistle_id: UUID
    round: Round
    callback: Literal["done", "waived"]


class TaskVerified(TaskFact):
    """The street has seen the work done. Receipt: escalation."""

    key: ClassVar[str] = "intake.task_verified.v1"
    addressed: ClassVar[bool] = True
    attempt: Attempt
    note: Text = ""
    by: Text


class TaskReworkOrdered(TaskFact):
    """The street found the work not done: the resolve clock runs on as if it had never stopped, less the street's
    own lateness. `submitted_at`: of the submission that failed; `verify_due_at`: None without a limit. Receipt:
    escalation."""

    key: ClassVar[str] = "intake.task_rework_ordered.v1"
    addressed: ClassVar[bool] = True
    attempt: Attempt
    submitted_at: Instant
    verify_due_at: Instant | None
    reasons: Text
    by: Text


class TaskEvaluated(TaskFact):
    """The street scored a task; the highest revision counts. `by_default`: nobody did in time. Receipt: escalation."""

    key: ClassVar[str] = "intake.task_evaluated.v1"
    addressed: ClassVar[bool] = True
    revision: Attempt
    score: Score
    basis: Text
    by_default: bool = False
    by: Text


class CallbackRecorded(EventData):
    """Whoever reported the matter was asked. `contacted` False: not reached, and nothing else was answered."""

    key: ClassVar[str] = "intake.callback_recorded.v1"
    whistle_id: UUID
    round: Round
    street: Code
    contacted: bool
    solved: bool | None = None
    satisfaction: Satisfaction | None = None
    waived: bool = False
    note: Text = ""
    by: Text


class MeetingConvened(EventData):
    """The street calls units to a joint meeting about a whistle."""

    key: ClassVar[str] = "intake.meeting_convened.v1"
    addressed: ClassVar[bool] = True
    meeting_id: UUID
    whistle_id: UUID
    departments: tuple[Code, ...]
    starts_at: Instant
    place: Text
    agenda: Text
    by: Text


class ActionItem(Frozen):
    """What one department is to do after a meeting, within `limit` (`3d@work`)."""

    department: Code
    title: Title
    limit: Text


class MeetingMinuted(EventData):
    """The minutes are filed; each action item becomes a task. Receipts: escalation, and dispatch with items."""

    key: ClassVar[str] = "intake.meeting_minuted.v1"
    meeting_id: UUID
    whistle_id: UUID
    round: Round
    minutes: LongText
    attended: tuple[Code, ...]
    items: tuple[ActionItem, ...]
    by: Text


class ExtensionDecided(RequestDecision):
    """The street's word on a first request for more time. Receipt: escalation."""

    key: ClassVar[str] = "intake.extension_decided.v1"
    addressed: ClassVar[bool] = True
    clock: ClockName
    due_at: Instant | None = None


class SuspensionDecided(RequestDecision):
    """The street's word on a short suspension; `cycle` numbers the review clock. Receipt: escalation."""

    key: ClassVar[str] = "intake.suspension_decided.v1"
    addressed: ClassVar[bool] = True
    cycle: Attempt
    until: Instant | None = None


class TaskResumed(TaskFact):
    """The street ends a suspension. Receipt: escalation."""

    key: ClassVar[str] = "intake.task_resumed.v1"
    addressed: ClassVar[bool] = True
    reason: Text
    by: Text


class TaskUrged(TaskFact):
    """The street urges a department (催办); escalation makes a reminder of it."""

    key: ClassVar[str] = "intake.task_urged.v1"
    note: Text
    by: Text


class ReportSubmitted(EventData):
    """Somebody reported a matter (一键报事). Nothing personal travels: words, photos and contact stay with intake."""

    key: ClassVar[str] = "intake.report_submitted.v1"
    report_id: UUID
    street: Code
    grid: Code | None = None
    category: Code | None = None
    channel: ReportChannel
    target: Literal["grid", "property"]


class ReportTriaged(EventData):
    """The grid, the community or the street said what becomes of a report; `whistle_id` where a whistle was drafted."""

    key: ClassVar[str] = "intake.report_triaged.v1"
    report_id: UUID
    street: Code
    outcome: ReportOutcome
    whistle_id: UUID | None = None
    by: Text


class ReportRated(EventData):
    """Whoever reported said how it went: contacted? solved? satisfied?"""

    key: ClassVar[str] = "intake.report_rated.v1"
    report_id: UUID
    street: Code
    whistle_id: UUID | None = None
    contacted: bool
    solved: bool
    satisfaction: Satisfaction


class DeliveryStuck(DeliveryEvent):
    """No receipt for two minutes: the matter is shown to operations while it is sent again."""

    key: ClassVar[str] = "intake.delivery_stuck.v1"


class DeliveryRecovered(DeliveryEvent):
    """The receipt of a stuck event arrived after all."""

    key: ClassVar[str] = "intake.delivery_recovered.v1"
