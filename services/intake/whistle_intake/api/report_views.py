"""What intake shows of a report: to the street's people with numbers blotted out, to whoever made it in plain steps.

INVARIANT: a name or a number of whoever reported is shown blotted out; only unmasking, which is recorded, shows more.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from pydantic import BaseModel, Field

from whistle_intake import domain, queries, store
from whistle_shared.contracts.intake import Location
from whistle_shared.contracts.vocabulary import ReportChannel, ReportOutcome, Satisfaction
from whistle_shared.keyring import Unreadable
from whistle_shared.photos import PhotoLink
from whistle_shared.privacy import Vault, masked, masked_name, masked_phone

log = structlog.get_logger(__name__)


class ReportTaken(BaseModel):
    """A report that was taken in. `code` opens its progress; it is shown here and never again."""

    report_id: UUID
    street: str
    grid: str | None
    state: domain.ReportState
    submitted_at: datetime
    code: str | None = Field(None, description="The tracking code", examples=["7K4M-2PQX-9HTDC"])


class RatingView(BaseModel):
    """What whoever reported said in the end."""

    contacted: bool
    solved: bool
    satisfaction: Satisfaction


class StepView(BaseModel):
    """One step, in business time. `desk`: with whom the report is then, where that changes."""

    name: domain.StepName
    at: datetime
    desk: domain.Desk | None


class ProgressView(BaseModel):
    """How far a report has come, for whoever holds its code. No names, and nothing of what they wrote."""

    state: domain.ReportState
    street: str
    grid: str | None
    category: str | None
    steps: list[StepView]
    answer: str = Field(description="What the street's people last answered; may be empty")
    may_rate: bool
    rating: RatingView | None
    photos: list[PhotoLink] = []


class TurnView(BaseModel):
    """What was said of a report, once."""

    at: datetime
    outcome: ReportOutcome
    desk: domain.Desk
    by: str
    note: str
    answer: str


class ContactView(BaseModel):
    """How whoever reported can be reached, blotted out: `张**`, `138****1234`."""

    name: str | None
    phone: str | None


class ReportView(BaseModel):
    """A report as grid, community and street see it."""

    report_id: UUID
    street: str
    grid: str | None
    category: str | None
    channel: ReportChannel
    target: domain.Target
    desk: domain.Desk
    state: domain.ReportState
    steps: list[ReportOutcome] = Field(description="What the caller may say of it now")
    submitted_at: datetime
    text: str | None = Field(description="What was written, numbers blotted out; null once it is erased")
    has_contact: bool
    whistle_id: UUID | None
    rating: RatingView | None


class ReportDetail(ReportView):
    """A report with everything that is known of it. `person_id`: whom an erasure is about."""

    person_id: UUID
    location: Location | None
    contact: ContactView | None
    turns: list[TurnView]
    photos: list[PhotoLink] = []


class TriagedView(BaseModel):
    """A report after somebody's word on it; `whistle_id` from the draft on."""

    report_id: UUID
    desk: domain.Desk
    state: domain.ReportState
    steps: list[ReportOutcome]
    whistle_id: UUID | None


class UnmaskedView(BaseModel):
    """How whoever reported can be reached, and what they wrote, as they wrote it."""

    name: str | None
    phone: str | None
    text: str | None


class ErasedView(BaseModel):
    """What was erased just now; nothing more the second time."""

    person_id: UUID
    report_id: UUID
    erased: list[store.Kind]
    photos: int


def rating_view(report: domain.Report) -> RatingView | None:
    said = report.rating
    if said is None:
        return None
    return RatingView(contacted=said.contacted, solved=said.solved, satisfaction=said.satisfaction)


def taken_view(report: domain.Report) -> ReportTaken:
    return ReportTaken(**{name: getattr(report, name) for name in ReportTaken.model_fields if name != "code"})


def triaged_view(report: domain.Report, level: domain.Desk | None) -> TriagedView:
    shown = {name: getattr(report, name) for name in TriagedView.model_fields if name != "steps"}
    return TriagedView(**shown, steps=_steps(report, level))


def _steps(report: domain.Report, level: domain.Desk | None) -> list[ReportOutcome]:
    return [] if level is None else list(report.legal(level))


def progress_view(
    report: domain.Report, steps: Iterable[domain.Step], answer: str, shown: list[PhotoLink]
) -> ProgressView:
    return ProgressView(
        state=report.state,
        street=report.street,
        grid=report.grid,
        category=report.category,
        steps=[StepView(name=step.name, at=step.at, desk=step.desk) for step in steps],
        answer=answer,
        may_rate=report.rating is None and report.state in domain.REPORT_ENDS,
        rating=rating_view(report),
        photos=shown,
    )


async def report_views(vault: Vault, rows: Sequence[Any], level: domain.Desk | None) -> list[ReportView]:
    """Rows of reports as people at this level see them (None: they only look)."""
    opened = await asyncio.gather(*(_words(vault, row) for row in rows))
    return [ReportView(**_of_row(row, level, words)) for row, words in zip(rows, opened, strict=True)]


async def report_detail(
    vault: Vault, row: Any, turns: Iterable[domain.Turn], level: domain.Desk | None, shown: list[PhotoLink]
) -> ReportDetail:
    """One report with all that may be seen of it."""
    words, contact = await asyncio.gather(_words(vault, row), _contact(vault, row))
    return ReportDetail(
        **_of_row(row, level, words),
        person_id=row.person_id,
        location=words and words.location,
        contact=contact and _blotted(contact),
        turns=[turn_view(turn) for turn in turns],
        photos=shown,
    )


def turn_view(turn: domain.Turn) -> TurnView:
    return TurnView(**{name: getattr(turn, name) for name in TurnView.model_fields})


def _of_row(row: Any, level: domain.Desk | None, words: domain.Words | None) -> dict[str, Any]:
    report = store.to_report(row)
    of_report = ("report_id", "street", "grid", "category", "channel", "target", "desk", "state", "submitted_at")
    shown = {name: getattr(report, name) for name in of_report}
    return shown | {
        "steps": _steps(report, level),
        "text": words and masked(words.text),
        "has_contact": row.contact is not None,
        "whistle_id": report.whistle_id,
        "rating": rating_view(report),
    }


def _blotted(contact: domain.Contact) -> ContactView:
    return ContactView(
        name=contact.name and masked_name(contact.name), phone=contact.phone and masked_phone(contact.phone)
    )


async def _words(vault: Vault, row: Any) -> domain.Words | None:
    """One that cannot be read must not hide all others."""
    try:
        return await queries.words(vault, row)
    except Unreadable as error:
        log.error("person.unreadable", report=str(row.report_id), error=str(error))
        return None


async def _contact(vault: Vault, row: Any) -> domain.Contact | None:
    try:
        return await queries.contact(vault, row)
    except Unreadable as error:
        log.error("person.unreadable", report=str(row.report_id), error=str(error))
        return None
