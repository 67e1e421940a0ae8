"""Formal letters and joint meetings."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response

from whistle_department import commands, queries, store
from whistle_department.api.acting import AtDesk
from whistle_department.api.bodies import Reply
from whistle_department.api.views import LetterView, MeetingView, shown
from whistle_shared.auth import Caller
from whistle_shared.db import Answer, Unit
from whistle_shared.runtime import Here, may
from whistle_shared.web import PROBLEMS, Cursor, Limit, Page, StrictRoute, after, next_cursor

router = APIRouter(prefix="/api/v1", tags=["letters and meetings"], route_class=StrictRoute, responses=PROBLEMS)


@router.get("/letters", summary="Letters to the caller's department")
async def list_letters(
    caller: Annotated[Caller, may("task.read")], service: Here, cursor: Cursor = None, limit: Limit = 50
) -> Page[LetterView]:
    """The newest first."""
    rows = await queries.letters(service.engine, caller, after(cursor), limit)
    return Page(
        items=[LetterView(**shown(row, LetterView)) for row in rows],
        next_cursor=next_cursor([row.letter_id for row in rows], limit),
    )


@router.post("/letters/{letter_id}/reply", response_model=LetterView, summary="Answer a letter")
async def reply(letter_id: UUID, body: Reply, desk: AtDesk) -> Response:
    """Once (409 after that). Stops the letter's `reply` clock."""
    whistle_id = await queries.whistle_of_letter(desk.service.engine, desk.caller, letter_id)
    act = partial(
        _answer,
        whistle_id=whistle_id,
        letter_id=letter_id,
        department=desk.caller.scope,
        by=desk.caller.name,
        body=body,
    )
    asked = f"reply {letter_id} {body.model_dump_json()}"
    return await desk.does(asked, whistle_id, act, wants=store.Wanted(letter=letter_id))


def _answer(unit: Unit, whistle_id: UUID, letter_id: UUID, department: str, by: str, body: Reply) -> Answer:
    letter = commands.reply_to_letter(unit, whistle_id, letter_id, department, by, body.person, body.reply)
    return Answer(200, LetterView(**shown(letter, LetterView)).model_dump_json())


@router.get("/meetings", summary="Meetings the caller's department is called to")
async def list_meetings(
    caller: Annotated[Caller, may("task.read")], service: Here, cursor: Cursor = None, limit: Limit = 50
) -> Page[MeetingView]:
    """The latest start first."""
    rows = await queries.meetings(service.engine, caller, after(cursor), limit)
    return Page(
        items=[MeetingView(**shown(row, MeetingView)) for row in rows],
        next_cursor=next_cursor([row.meeting_id for row in rows], limit),
    )
