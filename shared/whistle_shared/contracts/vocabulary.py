"""The words of the field as types: kinds, urgencies, roles, clocks. Source: DOMAIN.md sections B and C."""

from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

Kind = Literal["appeal", "key_work", "enforcement", "emergency"]
Urgency = Literal["critical", "urgent", "normal", "long_term"]
TaskRole = Literal["lead", "assist", "co_handle", "street_joint"]
Presence = Literal["none", "online", "meeting", "on_site"]
Side = Literal["department", "district", "street"]
# The clocks that a policy may give a limit; the other three run under the district's regulation.
PolicyClock = Literal[
    "dispatch",
    "ack",
    "arrive",
    "contain",
    "first_meeting",
    "plan",
    "resolve",
    "restore",
    "street_verify",
    "evaluate",
]
ClockName = Literal[PolicyClock, "adjudication", "suspension_review", "reply"]
Milestone = Literal["contain", "plan", "repair", "restore"]
Decider = Literal["street", "district"]
SuspensionReason = Literal[
    "funding_approval",
    "lawsuit",
    "superior_approval",
    "season_or_weather",
    "major_event",
    "owner_vote",
    "third_party",
]
ReportChannel = Literal["resident", "informant", "grid_officer", "community", "street"]
ReportOutcome = Literal["handling", "handled", "handed_up", "drafted", "declined"]
Satisfaction = Literal["satisfied", "basically_satisfied", "dissatisfied"]
ClockStatus = Literal["running", "paused", "met", "met_late", "cancelled", "voided"]
EscalationStatus = Literal["open", "withdrawn", "resolved"]
RungForm = Literal["reminder", "letter", "red_light", "supervision", "notice", "interview"]

_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def imaginable(value: datetime) -> datetime:
    """The instant, if it can be one of ours; the first and the last that Python knows come back from PostgreSQL as
    infinite, without a zone. Raises ValueError."""
    if not _EARLIEST <= value <= _LATEST:
        raise ValueError("must be between the years 2000 and 2200")
    return value


Instant = Annotated[AwareDatetime, AfterValidator(imaginable)]
Round = Annotated[int, Field(ge=1, le=10_000)]
Version = Annotated[int, Field(ge=0, le=2**31 - 1)]
Attempt = Annotated[int, Field(ge=1, le=10_000)]
"""Counts what can happen again, from 1: submissions of a task, revisions of a score, suspensions."""


def _printable(text: str) -> str:
    """Refuse what PostgreSQL cannot keep (NUL) and what a reader cannot see (text without one visible character)."""
    if "\x00" in text:
        raise ValueError("must not contain the NUL character")
    if text and not any(ch.isprintable() and not ch.isspace() for ch in text):
        raise ValueError("must contain at least one visible character")
    return text


Text = Annotated[str, AfterValidator(_printable)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Title = Annotated[Text, StringConstraints(min_length=1, max_length=200)]
ShortText = Annotated[Text, StringConstraints(min_length=1, max_length=500)]
LongText = Annotated[Text, StringConstraints(min_length=1, max_length=10_000)]


class Frozen(BaseModel):
    """A value: immutable; unknown fields are ignored, so that an older reader survives a newer writer."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class EventData(Frozen):
    """The `data` of one event type. `key` is the AMQP routing key and the CloudEvents `type`.

    `addressed` events reach a department instance only through a `to.<department>` copy (EVENTS.md R7).
    """

    key: ClassVar[str]
    addressed: ClassVar[bool] = False


class TaskFact(EventData):
    """About one task of one department."""

    whistle_id: UUID
    task_id: UUID
    department: Code


class Score(Frozen):
    """The street's marks for one task. Parts by the regulation's names, each from 0 to the regulation's maximum;
    `total` from 0 to 100. `veto`: the result counts 0 and the work is to be done again (一票否决)."""

    parts: dict[Code, int]
    total: Annotated[int, Field(ge=0, le=100)]
    veto: bool = False


class RequestDecision(TaskFact):
    """What every decision about a department's request says."""

    request_id: UUID
    granted: bool
    reason: Text
    by: Text


class DeliveryEvent(EventData):
    """About an event of this producer whose receipt from `receiver` is missing. Times are technical, not business."""

    event_id: UUID
    event_type: Text
    whistle_id: UUID | None
    receiver: Code
    sent_at: Instant
