"""Joint meetings (会商) under a whistle: convened, attended, minuted. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from whistle_shared.contracts.intake import ActionItem
from whistle_shared.errors import IllegalTransition, Invalid


@dataclass(frozen=True, slots=True)
class Meeting:
    """One meeting. Instants UTC. `attended`: departments that checked in to it or that the minutes name. `calling`: the
    event that has dispatch make tasks of its items, until dispatch answers it."""

    meeting_id: UUID
    round: int
    departments: tuple[str, ...]
    starts_at: datetime
    place: str
    agenda: str
    convened_by: str
    convened_at: datetime
    attended: tuple[str, ...] = ()
    minutes: str | None = None
    items: tuple[ActionItem, ...] = ()
    minuted_by: str | None = None
    minuted_at: datetime | None = None
    calling: UUID | None = None


def attend(meeting: Meeting, departments: Iterable[str]) -> Meeting:
    """The meeting with these departments among those that attended."""
    return replace(meeting, attended=tuple(sorted({*meeting.attended, *departments})))


def minute(
    meeting: Meeting, minutes: str, attended: Iterable[str], items: tuple[ActionItem, ...], by: str, now: datetime
) -> Meeting:
    """The meeting with its minutes. Raises IllegalTransition for a second time, Invalid before it has begun."""
    if meeting.minuted_at is not None:
        raise IllegalTransition("minutes", "minuted", ())
    if now < meeting.starts_at:
        raise Invalid("minutes", f"the meeting begins at {meeting.starts_at.isoformat()}")
    return replace(attend(meeting, attended), minutes=minutes, items=items, minuted_by=by, minuted_at=now)
