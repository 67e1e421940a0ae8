"""More time: second extensions and long suspensions on the desk."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict

from whistle_dispatch import commands, domain, queries
from whistle_dispatch.api.views import Decision, DispatchView, MoreTimeView, carry_out, dispatch_view, more_time_view
from whistle_shared.auth import Caller
from whistle_shared.runtime import Here, may
from whistle_shared.web import (
    PROBLEMS,
    Cursor,
    Limit,
    OptionalIdempotencyKey,
    Page,
    StrictRoute,
    When,
    after,
    next_cursor,
)

router = APIRouter(prefix="/api/v1", tags=["requests"], route_class=StrictRoute, responses=PROBLEMS)


class DecideRequest(Decision):
    """An extension is granted until `due_at`, a suspension until `until`; without it, as asked for. `review`: a granted
    suspension was looked at again and goes on."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"granted": True, "due_at": "2026-11-30T09:30:00Z", "reason": "材料采购需时，准予延期"}]
        }
    )

    granted: bool
    due_at: When | None = None
    until: When | None = None
    review: bool = False


class Resume(Decision):
    """The district ends a suspension that it granted."""


@router.get("/requests", summary="Requests for more time, newest first; `pending` is the desk")
async def list_requests(
    caller: Annotated[Caller, may("dispatch.read")],
    service: Here,
    status: Annotated[domain.RequestState | None, Query(description="Only requests in this state")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[MoreTimeView]:
    found = await queries.requests(
        service.engine, ("extension", "suspension"), state=status, after=after(cursor), limit=limit
    )
    return Page(
        items=[more_time_view(known) for known in found],
        next_cursor=next_cursor([known.asked.request_id for known in found], limit),
    )


@router.post("/requests/{request_id}/decision", response_model=MoreTimeView, summary="Decide a request for more time")
async def decide_request(
    request_id: UUID,
    body: DecideRequest,
    caller: Annotated[Caller, may("dispatch.route")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """Once; a suspension that runs on may be kept at every review."""
    whistle_id = await queries.whistle_of_request(service.engine, request_id)
    return await carry_out(
        lambda unit: more_time_view(
            commands.decide_request(
                unit,
                whistle_id,
                request_id,
                body.granted,
                body.due_at,
                body.until,
                body.reason,
                caller.name,
                review=body.review,
            )
        ),
        f"decision {request_id} {body.model_dump_json()}",
        caller,
        service,
        request,
        key,
        whistle=whistle_id,
    )


@router.post("/tasks/{task_id}/resumption", response_model=DispatchView, summary="End a suspension")
async def resume(
    task_id: UUID,
    body: Resume,
    caller: Annotated[Caller, may("dispatch.route")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    whistle_id = await queries.whistle_of_task(service.engine, task_id)
    return await carry_out(
        lambda unit: dispatch_view(commands.resume_task(unit, whistle_id, task_id, body.reason, caller.name)),
        f"resumption {task_id} {body.model_dump_json()}",
        caller,
        service,
        request,
        key,
        whistle=whistle_id,
    )
