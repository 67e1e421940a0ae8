"""Hand-overs of the duty desk: one shift offers, somebody else of the department accepts."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated
from uuid import UUID

import uuid_utils.compat
from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from whistle_department import commands, domain, queries, store
from whistle_department.api.acting import AtDesk, Desk
from whistle_department.api.bodies import HandOver, TakeOver
from whistle_department.api.views import At, Department, shown
from whistle_shared.auth import Caller
from whistle_shared.contracts.vocabulary import Urgency
from whistle_shared.db import Answer, Unit
from whistle_shared.runtime import Here, may
from whistle_shared.web import PROBLEMS, Cursor, Limit, Page, StrictRoute, after, next_cursor

router = APIRouter(prefix="/api/v1", tags=["hand-overs"], route_class=StrictRoute, responses=PROBLEMS)


class OpenTaskView(BaseModel):
    """A task as it lay open when the shift ended."""

    task_id: UUID
    number: str = Field(examples=["S01-20261123-0007"])
    title: str = Field(examples=["井盖缺失"])
    place: str = Field(examples=["东门路 12 号门前"])
    urgency: Urgency
    state: domain.State
    due_at: datetime | None


class HandoverView(BaseModel):
    """One shift to the next."""

    handover_id: UUID
    department: Department
    person: str = Field(description="Who hands over", examples=["王建国"])
    successor: str = Field(description="Who is to take over", examples=["李敏"])
    note: str
    state: domain.HandoverState
    offered_at: At
    tasks: list[OpenTaskView]
    accepted_at: At | None
    accepted_person: str | None = Field(description="Who took over")


@router.get("/handovers", summary="Hand-overs of the caller's department")
async def list_handovers(
    caller: Annotated[Caller, may("task.read")], service: Here, cursor: Cursor = None, limit: Limit = 50
) -> Page[HandoverView]:
    """The newest first."""
    found = await queries.handovers(service.engine, caller, after(cursor), limit)
    return Page(items=[_view(one) for one in found], next_cursor=next_cursor([one.handover_id for one in found], limit))


@router.post("/handovers", status_code=201, response_model=HandoverView, summary="Hand over")
async def hand_over(body: HandOver, desk: AtDesk) -> Response:
    """Lists what lies in the department's hands now. One that was offered before and not accepted is replaced."""
    offer = partial(
        commands.hand_over,
        handover_id=uuid_utils.compat.uuid7(),
        department=desk.caller.scope,
        by=desk.caller.id,
        person=body.person,
        successor=body.successor,
        note=body.note,
    )
    return await _does(desk, f"hand over {body.model_dump_json()}", lambda unit: _answer(201, offer(unit)))


@router.post("/handovers/{handover_id}/acceptance", response_model=HandoverView, summary="Take over")
async def take_over(handover_id: UUID, body: TakeOver, desk: AtDesk) -> Response:
    """By another account than the one that offered it (409), naming every task that is still open (422)."""
    accept = partial(
        commands.take_over,
        handover_id=handover_id,
        department=desk.caller.scope,
        by=desk.caller.id,
        person=body.person,
        tasks=body.tasks,
    )
    asked = f"take over {handover_id} {body.model_dump_json()}"
    return await _does(desk, asked, lambda unit: _answer(200, accept(unit)))


async def _does(desk: Desk, asked: str, act: Callable[[Unit], Answer]) -> Response:
    department = desk.caller.scope
    return await desk.does(asked, domain.desk_of(department), act, wants=store.Wanted(desk=department))


def _answer(code: int, handover: domain.Handover) -> Answer:
    return Answer(code, _view(handover).model_dump_json())


def _view(handover: domain.Handover) -> HandoverView:
    return HandoverView.model_validate(shown(handover, HandoverView))
