"""Joint meetings: convene, look, file the minutes."""

from functools import partial
from typing import Annotated
from uuid import UUID

import uuid_utils.compat
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from whistle_intake import commands, queries
from whistle_intake.api.decided import MeetingView, carry_out, meeting_view, office_of
from whistle_intake.api.registry import registry_of
from whistle_shared.auth import Caller
from whistle_shared.contracts.intake import ActionItem
from whistle_shared.contracts.vocabulary import Code, LongText, ShortText, Text, Title
from whistle_shared.db import Answer, Unit
from whistle_shared.registry import Registry
from whistle_shared.runtime import Here, may
from whistle_shared.web import PROBLEMS, Blotted, OptionalIdempotencyKey, Reason, Strict, StrictRoute, When

router = APIRouter(prefix="/api/v1", tags=["meetings"], route_class=StrictRoute, responses=PROBLEMS)


class ConveneMeeting(Strict):
    """Who is to come, when, where (or the link), and what for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "departments": ["CGJ", "GA"],
                    "starts_at": "2026-06-02T14:30:00+08:00",
                    "place": "街道三楼会议室",
                    "agenda": "会商停车难整治方案",
                }
            ]
        }
    )

    departments: Annotated[list[Code], Field(min_length=1, max_length=41)]
    starts_at: When
    place: Annotated[ShortText, Blotted]
    agenda: Reason


class Item(Strict):
    """What one department is to do, within `limit` (`3d@work`)."""

    department: Code
    title: Annotated[Title, Blotted]
    limit: Annotated[Text, Field(max_length=40)]


class FileMinutes(Strict):
    """What was said; who attended beside those that checked in; what is to be done: each item becomes a task."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "minutes": "会议议定：由城管局牵头施划停车位。",
                    "attended": ["CGJ"],
                    "items": [{"department": "CGJ", "title": "施划停车位", "limit": "5d@work"}],
                }
            ]
        }
    )

    minutes: Annotated[LongText, Blotted]
    attended: list[Code] = Field(default_factory=list, max_length=41)
    items: list[Item] = Field(default_factory=list, max_length=41)


class Meetings(BaseModel):
    items: list[MeetingView]


@router.post(
    "/whistles/{whistle_id}/meetings", status_code=201, response_model=MeetingView, summary="Convene a joint meeting"
)
async def convene_meeting(
    whistle_id: UUID,
    body: ConveneMeeting,
    caller: Annotated[Caller, may("task.verify")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """The departments are invited; to check in with the meeting's id is to attend."""
    office, registry = office_of(caller), registry_of(service)
    call = commands.Call(
        uuid_utils.compat.uuid7(), tuple(dict.fromkeys(body.departments)), body.starts_at, body.place, body.agenda
    )
    act = partial(_convene, whistle_id=whistle_id, office=office, call=call, asked=body.departments, registry=registry)
    return await carry_out(service, request, caller, key, whistle_id, body, act)


def _convene(
    unit: Unit, whistle_id: UUID, office: commands.Office, call: commands.Call, asked: list[str], registry: Registry
) -> Answer:
    commands.check_departments("departments", asked, registry)
    return Answer(201, meeting_view(commands.convene_meeting(unit, whistle_id, office, call)).model_dump_json())


@router.get("/whistles/{whistle_id}/meetings", summary="The meetings under a whistle")
async def list_meetings(whistle_id: UUID, caller: Annotated[Caller, may("meeting.read")], service: Here) -> Meetings:
    found = await queries.meetings(service.engine, caller, whistle_id)
    return Meetings(items=[meeting_view(meeting) for meeting in found])


@router.post("/meetings/{meeting_id}/minutes", response_model=MeetingView, summary="File the minutes")
async def file_minutes(
    meeting_id: UUID,
    body: FileMinutes,
    caller: Annotated[Caller, may("task.verify")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """Once, and not before the meeting has begun."""
    office, registry = office_of(caller), registry_of(service)
    whistle_id = await queries.whistle_of_meeting(service.engine, caller, meeting_id)
    act = partial(_file, whistle_id=whistle_id, meeting_id=meeting_id, office=office, body=body, registry=registry)
    return await carry_out(service, request, caller, key, whistle_id, body, act)


def _file(
    unit: Unit, whistle_id: UUID, meeting_id: UUID, office: commands.Office, body: FileMinutes, registry: Registry
) -> Answer:
    items = tuple(ActionItem(**item.model_dump()) for item in body.items)
    commands.check_departments("attended", body.attended, registry)
    commands.check_items(items, registry)
    filed = commands.Minutes(body.minutes, tuple(body.attended), items)
    return Answer(
        200, meeting_view(commands.file_minutes(unit, whistle_id, meeting_id, office, filed)).model_dump_json()
    )
