"""The street's desk: requests for more time, and its word on them."""

from functools import partial
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict

from whistle_intake import commands, queries
from whistle_intake.api.decided import (
    RequestItem,
    RequestView,
    carry_out,
    office_of,
    request_view,
)
from whistle_intake.api.registry import registry_of
from whistle_shared.auth import Caller
from whistle_shared.db import Answer, Unit
from whistle_shared.registry import Registry
from whistle_shared.runtime import Here, may
from whistle_shared.web import (
    PROBLEMS,
    Cursor,
    Limit,
    OptionalIdempotencyKey,
    Page,
    Reason,
    Strict,
    StrictRoute,
    When,
    after,
    next_cursor,
)

router = APIRouter(prefix="/api/v1", tags=["requests"], route_class=StrictRoute, responses=PROBLEMS)


class DecideRequest(Strict):
    """The street's word. `due_at` (an extension) or `until` (a suspension) may be earlier than asked; without one it
    is as asked. `review`: a granted suspension was looked at again and goes on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"granted": True, "reason": "等待配件，情况属实"}]})

    granted: bool
    due_at: When | None = None
    until: When | None = None
    reason: Reason
    review: bool = False


@router.get("/requests", summary="Requests that are for the street to decide, newest first")
async def list_requests(
    caller: Annotated[Caller, may("request.read")],
    service: Here,
    status: Annotated[
        Literal["pending", "granted", "refused"] | None, Query(description="Only requests that stand so")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[RequestItem]:
    found = await queries.requests(service.engine, caller, status=status, after=after(cursor), limit=limit)
    return Page(
        items=[
            RequestItem(
                **request_view(request).model_dump(),
                whistle_id=row.whistle_id,
                number_of_whistle=row.number_of_whistle,
                street=row.street,
            )
            for row, request in found
        ],
        next_cursor=next_cursor([request.request_id for _, request in found], limit),
    )


@router.post("/requests/{request_id}/decision", response_model=RequestView, summary="Grant or refuse a request")
async def decide_request(
    request_id: UUID,
    body: DecideRequest,
    caller: Annotated[Caller, may("task.verify")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """Once. A granted extension moves the due time, a granted suspension lets the pausable clocks stand still."""
    office, registry = office_of(caller), registry_of(service)
    whistle_id = await queries.whistle_of_request(service.engine, caller, request_id)
    act = partial(_decide, whistle_id=whistle_id, request_id=request_id, office=office, body=body, registry=registry)
    return await carry_out(service, request, caller, key, whistle_id, body, act)


def _decide(
    unit: Unit, whistle_id: UUID, request_id: UUID, office: commands.Office, body: DecideRequest, registry: Registry
) -> Answer:
    decision = commands.Decision(body.granted, body.due_at, body.until, body.reason, body.review)
    decided = commands.decide_request(unit, whistle_id, request_id, office, decision, registry.regulation)
    return Answer(200, request_view(decided).model_dump_json())
