"""Whistles as they are seen: a page of them, and one with everything that is known of it."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from whistle_intake import domain, queries
from whistle_intake.api.decided import (
    CallbackView,
    EvaluationView,
    MeetingView,
    RequestView,
    callback_view,
    evaluation_view,
    meeting_view,
    request_view,
)
from whistle_intake.api.views import TaskView, WhistleView, of_row, task_view, view_of
from whistle_shared import photos
from whistle_shared.auth import Caller
from whistle_shared.contracts.department import ResponderCheckedIn, TaskSubmitted
from whistle_shared.photos import PhotoLink
from whistle_shared.runtime import Here, Service, may
from whistle_shared.web import PROBLEMS, Cursor, Limit, Page, StrictRoute, after, next_cursor

router = APIRouter(prefix="/api/v1", tags=["whistles"], route_class=StrictRoute, responses=PROBLEMS)


class TimelineEntry(BaseModel):
    """One thing that happened, in business time."""

    at: datetime
    event: str = Field(description="Event type, `producer.event.vN`")
    event_id: UUID
    producer: str
    data: dict[str, Any]
    photos: list[PhotoLink] = Field(description="What a check-in or a submission names")


class WhistleDetail(WhistleView):
    """A whistle with everything that is known of it."""

    tasks: list[TaskView]
    requests: list[RequestView]
    meetings: list[MeetingView]
    callbacks: list[CallbackView]
    evaluations: list[EvaluationView]
    timeline: list[TimelineEntry]
    photos: list[PhotoLink]
    reports: list[UUID] = Field(description="What it was drafted from: there is whom to call back")


@router.get("/whistles", summary="The caller's whistles, newest first")
async def list_whistles(
    caller: Annotated[Caller, may("whistle.read")],
    service: Here,
    state: Annotated[domain.State | None, Query(description="Only whistles in this state")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[WhistleView]:
    """A street's people see the street's, a department those it called for itself."""
    rows = await queries.whistles(service.engine, caller, state=state, after=after(cursor), limit=limit)
    return Page(items=[view_of(row) for row in rows], next_cursor=next_cursor([row.whistle_id for row in rows], limit))


@router.get("/whistles/{whistle_id}", summary="One whistle with its timeline")
async def read_whistle(
    whistle_id: UUID, caller: Annotated[Caller, may("whistle.read")], service: Here
) -> WhistleDetail:
    row, tasks, told = await queries.whistle(service.engine, caller, whistle_id)
    decided = await queries.decisions(service.engine, whistle_id)
    return WhistleDetail(
        **of_row(row),
        tasks=[task_view(task) for task in tasks],
        requests=[request_view(request) for request in decided.requests],
        meetings=[meeting_view(meeting) for meeting in decided.meetings],
        callbacks=[callback_view(callback) for callback in decided.callbacks],
        evaluations=[evaluation_view(evaluation) for evaluation in decided.evaluations],
        timeline=[await _entry(service, caller, line) for line in told],
        photos=photos.links(service, domain.Matter.of(row.facts, ()).photos, caller),
        reports=await queries.reports_of_whistle(service.engine, whistle_id),
    )


async def _entry(service: Service, caller: Caller, line: Any) -> TimelineEntry:
    shown = await photos.links_from(service, line.producer, photos_in(line.key, line.data), caller)
    return TimelineEntry(
        at=line.at, event=line.key, event_id=line.event_id, producer=line.producer, data=line.data, photos=shown
    )


def photos_in(key: str, data: dict[str, Any]) -> list[UUID]:
    """The photos that a department's event names."""
    if key == ResponderCheckedIn.key:
        return photos.ids_in([data["photo"]])
    return photos.ids_in(data["evidence"]) if key == TaskSubmitted.key else []
