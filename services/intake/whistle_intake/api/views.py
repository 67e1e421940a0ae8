"""What intake shows of a whistle."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from whistle_intake import domain
from whistle_shared.contracts.intake import Location
from whistle_shared.contracts.vocabulary import Kind, Urgency
from whistle_shared.db import Answer, columns_of


class TaskView(BaseModel):
    """One department's duty, as its events tell it. `attempt` counts its submissions, `revision` its scores."""

    task_id: UUID
    department: str
    role: str | None
    round: int | None
    origin: str
    title: str
    presence: str | None
    state: domain.TaskState
    steps: list[str] = Field(description="What the street may do with it now")
    person: str | None
    called_at: datetime | None
    acknowledged_at: datetime | None
    arrived_at: datetime | None
    submitted_at: datetime | None
    attempt: int
    verified_at: datetime | None
    vetoed: bool
    revision: int
    evaluated_at: datetime | None


class FactsView(BaseModel):
    """What is said of the matter; `blown_by` and `blown_at` from the blowing on."""

    number: str
    kind: Kind
    urgency: Urgency
    street: str
    grid: str | None
    category: str | None
    title: str
    description: str
    place: str
    beyond_power_reason: str
    blown_by: str | None = None
    blown_at: datetime | None = None
    initiator: str | None = None
    cross_district: bool = False
    location: Location | None = None
    photos: list[UUID] = []


class AlikeView(BaseModel):
    """A whistle that may be about the same matter."""

    whistle_id: UUID
    number: str
    title: str
    blown_at: datetime
    closed_at: datetime | None
    similarity: float = Field(description="Of the texts, from 0 to 1")
    metres: int | None = Field(description="Between the places, where both have a point")


class LikenessView(BaseModel):
    """What a matter is like: open whistles that it can join, closed ones that it may reopen."""

    duplicates: list[AlikeView] = []
    relapses: list[AlikeView] = []


class WhistleView(BaseModel):
    """A whistle as its street sees it."""

    whistle_id: UUID
    number: str = Field(examples=["S01-20261122-0007"])
    state: domain.State
    steps: list[str] = Field(description="What people may do with the whistle now")
    routing: str = Field(description="pending, unrouted (at the district whistle office) or dispatched")
    round: int
    drafted_by: str | None
    submitted_by: str | None
    signature: str | None = Field(description="Of an emergency blown at once: owed, given, missed or late")
    signature_due_at: datetime | None
    signed_by: str | None
    joined_to: UUID | None
    closed_at: datetime | None
    withdrawn_at: datetime | None
    departments_wanted: list[str]
    facts: FactsView


class HandedUpView(WhistleView):
    """A whistle that was handed up. `likeness`: what an emergency did not wait for."""

    likeness: LikenessView | None = None


_OF_WHISTLE = (
    "whistle_id",
    "number",
    "state",
    "routing",
    "round",
    "drafted_by",
    "submitted_by",
    "signature",
    "signature_due_at",
    "signed_by",
    "joined_to",
    "closed_at",
    "withdrawn_at",
)
_OF_MATTER = tuple(name for name in domain.Matter.__slots__ if name != "departments")


def of_row(row: Any) -> dict[str, Any]:
    """The fields of a WhistleView from a whistle's row."""
    shown = {name: getattr(row, name) for name in _OF_WHISTLE}
    steps = domain.steps(row.state, row.stage, row.signature, row.called_back)
    return shown | {"steps": steps, "departments_wanted": row.departments, "facts": FactsView(**row.facts)}


def task_view(task: domain.Task) -> TaskView:
    return TaskView(**{name: getattr(task, name) for name in TaskView.model_fields})


def view_of(row: Any) -> WhistleView:
    return WhistleView(**of_row(row))


def answer(whistle: domain.Whistle, matter: domain.Matter, status: int = 200) -> Answer:
    """The changed whistle as a command's answer."""
    return Answer(status, WhistleView(**_shown(whistle, matter)).model_dump_json())


def answer_handed_up(
    whistle: domain.Whistle, matter: domain.Matter, likeness: domain.Likeness, status: int = 200
) -> Answer:
    """The same, with what an emergency is like."""
    told = likeness_view(likeness) if likeness else None
    return Answer(status, HandedUpView(**_shown(whistle, matter), likeness=told).model_dump_json())


def likeness_view(likeness: domain.Likeness) -> LikenessView:
    return LikenessView(duplicates=_alike(likeness.duplicates), relapses=_alike(likeness.relapses))


def _alike(found: Iterable[domain.Alike]) -> list[AlikeView]:
    return [AlikeView(**columns_of(alike)) for alike in found]


def _shown(whistle: domain.Whistle, matter: domain.Matter) -> dict[str, Any]:
    shown = {name: getattr(whistle, name) for name in _OF_WHISTLE}
    said = {name: getattr(matter, name) for name in _OF_MATTER}
    blown = {} if whistle.blown_at is None else {"blown_by": whistle.submitted_by, "blown_at": whistle.blown_at}
    facts = FactsView(number=whistle.number, **said, **blown)
    return shown | {"steps": whistle.legal, "departments_wanted": matter.departments, "facts": facts}
