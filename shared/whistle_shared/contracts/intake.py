"""Events of *intake*: the matter, and what the street decides."""

from typing import ClassVar
from uuid import UUID

from whistle_shared.contracts.vocabulary import (
    Code,
    DeliveryEvent,
    EventData,
    Frozen,
    Instant,
    Kind,
    LongText,
    Round,
    ShortText,
    Text,
    Title,
    Urgency,
)


class WhistleFacts(Frozen):
    """What the street said when it blew: never changes afterwards, so every reader may keep a copy."""

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


class DeliveryStuck(DeliveryEvent):
    """No receipt for two minutes: the matter is shown to operations while it is sent again."""

    key: ClassVar[str] = "intake.delivery_stuck.v1"


class DeliveryRecovered(DeliveryEvent):
    """The receipt of a stuck event arrived after all."""

    key: ClassVar[str] = "intake.delivery_recovered.v1"
