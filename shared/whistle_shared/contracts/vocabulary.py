"""The words of the field as types: kinds, urgencies, roles, clocks. Source: DOMAIN.md sections B and C."""

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

Kind = Literal["appeal", "key_work", "enforcement", "emergency"]
Urgency = Literal["critical", "urgent", "normal", "long_term"]
TaskRole = Literal["lead", "assist"]
Presence = Literal["none", "online", "meeting", "on_site"]
Side = Literal["department", "district", "street"]
ClockName = Literal[
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
ClockStatus = Literal["running", "paused", "met", "met_late", "cancelled", "voided"]
EscalationStatus = Literal["open", "withdrawn", "resolved"]
RungForm = Literal["reminder", "letter", "red_light", "supervision", "interview"]

Instant = AwareDatetime
Round = Annotated[int, Field(ge=1, le=10_000)]
Version = Annotated[int, Field(ge=0, le=2**31 - 1)]


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


class DeliveryEvent(EventData):
    """About an event of this producer whose receipt from `receiver` is missing. Times are technical, not business."""

    event_id: UUID
    event_type: Text
    whistle_id: UUID | None
    receiver: Code
    sent_at: Instant
