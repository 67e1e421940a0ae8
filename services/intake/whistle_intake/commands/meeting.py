"""Joint meetings (会商): the street calls units together, files the minutes, and hands out what is to be done."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from whistle_intake import domain, store
from whistle_intake.commands.standing import Office, open_whistle
from whistle_shared.clockwork import parse_limit
from whistle_shared.contracts.intake import ActionItem, MeetingConvened, MeetingMinuted
from whistle_shared.db import Unit
from whistle_shared.errors import Invalid, NotFound
from whistle_shared.registry import Registry


@dataclass(frozen=True, slots=True)
class Call:
    """A meeting as the street calls it."""

    meeting_id: UUID
    departments: tuple[str, ...]
    starts_at: datetime
    place: str
    agenda: str


@dataclass(frozen=True, slots=True)
class Minutes:
    """What the street files after a meeting. `attended`: beside those that checked in."""

    text: str
    attended: tuple[str, ...]
    items: tuple[ActionItem, ...]


def check_departments(field: str, codes: Sequence[str], registry: Registry) -> None:
    """Raises Invalid naming the first department that the registry does not have, or has no longer."""
    for position, code in enumerate(codes):
        _check_department(f"{field}.{position}", code, registry)


def check_items(items: Sequence[ActionItem], registry: Registry) -> None:
    """Raises Invalid naming the first item whose department is unknown or whose limit is none."""
    for position, item in enumerate(items):
        _check_department(f"items.{position}.department", item.department, registry)
        try:
            parse_limit(item.limit)
        except ValueError as error:
            raise Invalid(f"items.{position}.limit", str(error)) from None


def _check_department(field: str, code: str, registry: Registry) -> None:
    department = registry.department_by_code.get(code)
    if department is None or not department.active:
        raise Invalid(field, f"department {code!r} is unknown or not active")


def convene_meeting(unit: Unit, whistle_id: UUID, office: Office, call: Call) -> domain.Meeting:
    """Call departments to a meeting. Raises NotFound, IllegalTransition, and Invalid for a start that is past."""
    whistle = open_whistle(unit, whistle_id, office, "meeting")
    if call.starts_at <= unit.now:
        raise Invalid("starts_at", f"must be later than now ({unit.now.isoformat()})")
    meeting = domain.Meeting(
        call.meeting_id,
        whistle.round,
        call.departments,
        call.starts_at,
        call.place,
        call.agenda,
        convened_by=office.by,
        convened_at=unit.now,
    )
    _save(unit, whistle, meeting)
    store.say(
        unit,
        MeetingConvened(
            meeting_id=meeting.meeting_id,
            whistle_id=whistle_id,
            departments=meeting.departments,
            starts_at=meeting.starts_at,
            place=meeting.place,
            agenda=meeting.agenda,
            by=office.by,
        ),
        whistle_id,
        to=meeting.departments,
    )
    return meeting


def file_minutes(unit: Unit, whistle_id: UUID, meeting_id: UUID, office: Office, filed: Minutes) -> domain.Meeting:
    """File a meeting's minutes; dispatch makes a task of each action item.

    Raises NotFound, IllegalTransition for a second time, and Invalid before the meeting has begun.
    """
    whistle = open_whistle(unit, whistle_id, office, "minutes")
    known = whistle.meetings.get(meeting_id)
    if known is None:
        raise NotFound(f"meeting {meeting_id}")
    held = domain.minute(known, filed.text, filed.attended, filed.items, office.by, unit.now)
    meeting = replace(held, round=whistle.round)
    said = store.say(
        unit,
        MeetingMinuted(
            meeting_id=meeting_id,
            whistle_id=whistle_id,
            round=whistle.round,
            minutes=filed.text,
            attended=meeting.attended,
            items=meeting.items,
            by=office.by,
        ),
        whistle_id,
        awaiting=("dispatch", "escalation") if meeting.items else ("escalation",),
    )
    _save(unit, whistle, replace(meeting, calling=said) if meeting.items else meeting)
    return meeting


def note_called(unit: Unit, whistle_id: UUID, answered: UUID | None) -> None:
    """dispatch has answered: where that was to a meeting's minutes, their action items are tasks now, or none.

    INVARIANT: an action item becomes a task or is told to be none; the closing waits for that.
    """
    whistle = store.whistle(unit, whistle_id)
    for meeting in whistle.meetings.values():
        if meeting.calling is not None and meeting.calling == answered:
            _save(unit, whistle, replace(meeting, calling=None))


def note_attendance(unit: Unit, whistle_id: UUID, meeting_id: UUID, department: str) -> None:
    """A department checked in to a meeting of this whistle."""
    whistle = store.whistle(unit, whistle_id)
    known = whistle.meetings.get(meeting_id)
    if known is not None:
        _save(unit, whistle, domain.attend(known, (department,)))


def _save(unit: Unit, whistle: domain.Whistle, meeting: domain.Meeting) -> None:
    store.save(unit, replace(whistle, meetings={**whistle.meetings, meeting.meeting_id: meeting}))
