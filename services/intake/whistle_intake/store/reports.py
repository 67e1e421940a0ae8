"""Rows to reports and back, for a whole batch at a time; the erasure of what is a person's."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any
from uuid import UUID

from sqlalchemy import FromClause, func, select

from whistle_intake import domain, tables
from whistle_intake.store.people import Kind, Sealed
from whistle_intake.store.timeline import say
from whistle_shared.contracts import EventData
from whistle_shared.db import Unit, among, columns_of
from whistle_shared.errors import NotFound

_STORED = [field.name for field in fields(domain.Report) if field.name != "whistle"]
_TURN = [field.name for field in fields(domain.Turn)]
_draft = tables.whistle.alias("draft")
COURSE = tables.whistle.alias("course")
"""The whistle that a report follows: the one drafted from it, or the one that its draft was joined to."""


def followed() -> FromClause:
    """Reports with what they follow."""
    drafted = tables.report.outerjoin(_draft, _draft.c.whistle_id == tables.report.c.whistle_id)
    return drafted.outerjoin(COURSE, COURSE.c.whistle_id == func.coalesce(_draft.c.joined_to, _draft.c.whistle_id))


async def load_reports(unit: Unit, ids: Sequence[UUID]) -> dict[UUID, domain.Report]:
    """Reports with the stage of what they follow. That whistle is not locked: a word on a report changes nothing of it,
    and what is said a moment too late could have been said a moment earlier."""
    if not ids:
        return {}
    query = select(tables.report, COURSE.c.stage.label("whistle")).select_from(followed())
    rows = await unit.connection.execute(query.where(among(tables.report.c.report_id, list(ids))))
    return {row.report_id: to_report(row) for row in rows}


def to_report(row: Any) -> domain.Report:
    """A report from its row, with the label `whistle` for the stage of what it follows."""
    return domain.Report(**{name: getattr(row, name) for name in _STORED}, whistle=row.whistle)


def to_turn(row: Any) -> domain.Turn:
    """A turn from its row."""
    return domain.Turn(**{name: getattr(row, name) for name in _TURN})


def report(unit: Unit, report_id: UUID) -> domain.Report:
    """A loaded report. Raises NotFound."""
    found: domain.Report | None = unit.reference.reports.get(report_id)
    if found is None:
        raise NotFound(f"report {report_id}")
    return found


def add_report(unit: Unit, new: domain.Report, code_tag: str, sealed: Sealed) -> None:
    """Store a new report, and whose it is."""
    unit.reference.reports[new.report_id] = new
    unit.insert(tables.report, code_tag=code_tag, **_columns(new, _STORED))
    unit.insert(
        tables.person,
        person_id=new.person_id,
        **columns_of(sealed),
        contact_erased_at=None,
        words_erased_at=None,
    )


def save_report(unit: Unit, after: domain.Report) -> None:
    """Store what changed of a loaded report."""
    before = report(unit, after.report_id)
    changed = [name for name in _STORED if getattr(before, name) != getattr(after, name)]
    if changed:
        unit.update(tables.report, report_id=after.report_id, **_columns(after, changed))
    unit.reference.reports[after.report_id] = after


def add_turn(unit: Unit, report_id: UUID, turn: domain.Turn, whistle_id: UUID | None) -> None:
    """Store what was said of a report."""
    unit.insert(tables.report_step, report_id=report_id, whistle_id=whistle_id, **columns_of(turn))


def say_of_report(unit: Unit, data: EventData, of: domain.Report) -> None:
    """Emit an event about a report; where a whistle was drafted from it, its timeline tells of it too."""
    if of.whistle_id is None:
        unit.emit(data, of.report_id)
    else:
        say(unit, data, of.whistle_id, subject=of.report_id)


async def blank(unit: Unit, person_id: UUID, report_id: UUID, kinds: Sequence[Kind]) -> list[Kind]:
    """Blank what was sealed, and what was noted beside it; returns what was there. With the words goes the code that
    opened the report's progress. The keys must be gone already."""
    p = tables.person.c
    row = (await unit.connection.execute(select(tables.person).where(p.person_id == person_id))).one_or_none()
    there = [kind for kind in kinds if row is not None and getattr(row, kind) is not None]
    for kind in there:
        unit.update(tables.person, person_id=person_id, **{kind: None, f"{kind}_erased_at": unit.now})
    if "contact" in there:
        unit.update(tables.person, person_id=person_id, phone_tag=None)
    if "words" in there:
        unit.update(tables.report, report_id=report_id, code_tag=None)
    if "words" in kinds:  # people go on noting things after the words have gone
        numbers = select(tables.report_step.c.number).where(tables.report_step.c.report_id == report_id)
        for number in (await unit.connection.execute(numbers)).scalars():
            unit.update(tables.report_step, report_id=report_id, number=number, note="", answer="")
    return there


def _columns(of: domain.Report, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(of, name) for name in names}
