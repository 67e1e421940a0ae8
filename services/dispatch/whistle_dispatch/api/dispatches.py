"""The whistles on the desk: routing by hand, the lead, a substitute."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict, Field

from whistle_dispatch import commands, domain, queries, store
from whistle_dispatch.api.views import Decision, DispatchView, carry_out, dispatch_view
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

router = APIRouter(prefix="/api/v1", tags=["dispatches"], route_class=StrictRoute, responses=PROBLEMS)


class RouteWhistle(Strict):
    """The whistle office's decision: the departments, the one that leads first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"departments": ["CGJ", "PSGS"]}]})

    departments: Annotated[list[Code], Field(min_length=1, max_length=20)]


class ChangeLead(Decision):
    """Another department of the whistle leads from now."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"department": "PSGS", "reason": "现场以排水抢修为主"}]})

    department: Code


class CallSubstitute(Decision):
    """A department is called in where another one stays silent."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"department": "GA", "role": "assist", "reason": "城管局未应哨，先行处置"}]}
    )

    department: Code
    role: Literal["assist", "co_handle", "street_joint"] = "assist"


@router.get("/dispatches", summary="Dispatches, newest first; `awaiting_triage` is the desk")
async def list_dispatches(
    caller: Annotated[Caller, may("dispatch.read")],
    service: Here,
    state: Annotated[domain.State | None, Query(description="Only dispatches in this state")] = None,
    flag: Annotated[
        Literal["substitute"] | None, Query(description="`substitute`: only those in which a department stays silent")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[DispatchView]:
    found = await queries.dispatches(
        service.engine, state=state, silent=flag is not None, after=after(cursor), limit=limit
    )
    return Page(
        items=[dispatch_view(known.dispatch, known.precedents) for known in found],
        next_cursor=next_cursor([known.dispatch.whistle_id for known in found], limit),
    )


@router.get("/dispatches/{whistle_id}", summary="Who is responsible for a whistle")
async def read_dispatch(
    whistle_id: UUID, caller: Annotated[Caller, may("dispatch.read")], service: Here
) -> DispatchView:
    known = await queries.dispatch(service.engine, whistle_id)
    return dispatch_view(known.dispatch, known.precedents)


@router.post("/dispatches/{whistle_id}/routing", response_model=DispatchView, summary="Route a waiting whistle by hand")
async def route(
    whistle_id: UUID,
    body: RouteWhistle,
    caller: Annotated[Caller, may("dispatch.route")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """Only a whistle that awaits triage can be routed (409 otherwise)."""
    store.registry(service.replica)
    return await carry_out(
        lambda unit: dispatch_view(commands.route_whistle(unit, whistle_id, body.departments)),
        f"routing {whistle_id} {body.model_dump_json()}",
        caller,
        service,
        request,
        key,
        whistle=whistle_id,
    )


@router.post("/dispatches/{whistle_id}/lead", response_model=DispatchView, summary="Hand the lead over")
async def hand_over(
    whistle_id: UUID,
    body: ChangeLead,
    caller: Annotated[Caller, may("dispatch.route")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """To a department that has a task under the whistle. No clock is touched."""
    return await carry_out(
        lambda unit: dispatch_view(commands.change_lead(unit, whistle_id, body.department, body.reason, caller.name)),
        f"lead {whistle_id} {body.model_dump_json()}",
        caller,
        service,
        request,
        key,
        whistle=whistle_id,
    )


@router.post("/dispatches/{whistle_id}/tasks", response_model=DispatchView, summary="Call a substitute")
async def call_substitute(
    whistle_id: UUID,
    body: CallSubstitute,
    caller: Annotated[Caller, may("dispatch.route")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """Once a department has been silent up to the whistle office's rung (409 before); its own clocks run on."""
    store.registry(service.replica)
    return await carry_out(
        lambda unit: dispatch_view(commands.call_substitute(unit, whistle_id, body.department, body.role, body.reason)),
        f"substitute {whistle_id} {body.model_dump_json()}",
        caller,
        service,
        request,
        key,
        whistle=whistle_id,
    )
