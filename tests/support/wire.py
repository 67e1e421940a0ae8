"""Events as their producers would have made them, for putting into a queue by hand."""

from datetime import datetime
from typing import Any

import uuid_utils.compat

from support.clockface import MONDAY
from whistle_shared.contracts import Event, EventData, encode


def envelope(
    data: EventData, *, producer: str = "intake", time: datetime | None = None, **more: Any
) -> Event[EventData]:
    """An event that says `data`, about its whistle."""
    return Event(
        id=uuid_utils.compat.uuid7(),
        producer=producer,
        subject=str(getattr(data, "whistle_id", "registry")),
        time=time or MONDAY,
        data=data,
        correlation_id=uuid_utils.compat.uuid7(),
        subject_version=1,
        **more,
    )


def wire(data: EventData, **about: Any) -> bytes:
    """The bytes of such an event."""
    return encode(envelope(data, **about))
