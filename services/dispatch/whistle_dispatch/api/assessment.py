"""What counts in assessment: score appeals, and tasks that are left out."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict, Field, JsonValue

from whistle_dispatch import commands, domain, queries, store
from whistle_dispatch.api.views import AppealView, Decision, DispatchView, appeal_view, carry_out, dispatch_view
from whistle_shared.auth import Caller
from whistle_shared.contracts.vocabulary import Code
from whistle_shared.runtime import Here, may
from whistle_shared.web import (
    PROBLEMS,
    Cursor,
    Limit,
    OptionalIdempotencyKey,
    Page,
    Strict,
    StrictRoute,
    after,
    next_cursor,
)

router = APIRouter(prefix="/api/v1", tags=["assessment"], route_class=StrictRoute, responses=PROBLEMS)
_MARKS: dict[str, JsonValue] = {
    "arrival": 18,
    "people": 10,
    "handling": 18,
    "result": 30,
    "cooperation": 10,
    "citizen": 8,
}


class Marks(Strict):
    """The marks by part. `total` follows from them; where it is given it has to fit."""

    parts: dict[Code, int]
    veto: bool = False
    total: int | None = None


class DecideAppeal(Decision):
    """Granted with the score that stands from now, or refused without one."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"granted": True, "score": {"parts": _MARKS}, "reason": "到场时间有签到记录"}]}
    )

    granted: bool
    score: Marks | None = None


class Exclude(Decision):
    """Whether the task is left out of assessment, and why."""

    excluded: bool = Field(True, description="false: it counts again")


@router.get("/appeals", summary="Score appeals, newest first; `pending` is the desk")
async def list_appeals(
    caller: Annotated[Caller, may("dispatch.read")],
    service: Here,
    status: Annotated[domain.RequestState | None, Query(description="Only appeals in this state")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[AppealView]:
    found = await queries.requests(service.engine, ("appeal",), state=status, after=after(cursor), limit=limit)
    return Page(
        items=[appeal_view(known) for known in found],
        next_cursor=next_cursor([known.asked.request_id for known in found], limit),
    )


@router.post("/appeals/{request_id}/decision", response_model=AppealView, summary="Decide a score appeal")
async def decide_appeal(
    request_id: UUID,
    body: DecideAppeal,
    caller: Annotated[Caller, may("dispatch.arbitrate")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """Once, also after the whistle was closed. The street's score gets its next revision when it is granted."""
    store.registry(service.replica)
    whistle_id = await queries.whistle_of_request(service.engine, request_id)
    marks = None if body.score is None else (body.score.parts, body.score.veto, body.score.total)
    return await carry_out(
        lambda unit: appeal_view(
            commands.decide_appeal(unit, whistle_id, request_id, body.granted, marks, body.reason, caller.name)
        ),
        f"appeal {request_id} {body.model_dump_json()}",
        caller,
        service,
        request,
        key,
        whistle=whistle_id,
    )


@router.post("/tasks/{task_id}/exclusion", response_model=DispatchView, summary="Leave a task out of assessment")
async def exclude(
    task_id: UUID,
    body: Exclude,
    caller: Annotated[Caller, may("dispatch.arbitrate")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """With the reason on record, also after the whistle was closed; measures show how many were left out."""
    whistle_id = await queries.whistle_of_task(service.engine, task_id)
    return await carry_out(
        lambda unit: dispatch_view(
            commands.exclude_task(unit, whistle_id, task_id, body.excluded, body.reason, caller.name)
        ),
        f"exclusion {task_id} {body.model_dump_json()}",
        caller,
        service,
        request,
        key,
        whistle=whistle_id,
    )
