"""The timeline: what was heard of a whistle and what intake itself said."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from whistle_intake import tables
from whistle_shared.contracts import Event, EventData
from whistle_shared.db import Unit


def tell(unit: Unit, event: Event[Any], whistle_id: UUID) -> None:
    """Append an event that was heard to a whistle's timeline."""
    _append(unit, event.id, event.producer, event.time, event.data, whistle_id)


def say(
    unit: Unit,
    data: EventData,
    whistle_id: UUID,
    *,
    awaiting: Sequence[str] = (),
    to: Sequence[str] = (),
    subject: UUID | None = None,
) -> UUID:
    """Emit an event of intake's own and append it to the timeline; returns its id. `awaiting`: whose receipts end its
    re-sending; `to`: departments that must see it; `subject`: what it is about, if not the whistle itself."""
    event_id = unit.emit(data, subject or whistle_id, to=to, awaiting=awaiting)
    _append(unit, event_id, unit.producer, unit.now, data, whistle_id)
    return event_id


def _append(unit: Unit, event_id: UUID, producer: str, at: datetime, data: EventData, whistle_id: UUID) -> None:
    unit.insert(
        tables.timeline,
        event_id=event_id,
        whistle_id=whistle_id,
        at=at,
        key=data.key,
        producer=producer,
        data=data.model_dump_json(exclude={"whistle_id", "facts", "terms", "clocks"}),
    )
