"""Returns (退单) on the desk."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict, Field

from whistle_dispatch import commands, domain, queries, store
from whistle_dispatch.api.views import Decision, Departments, ReturnView, carry_out, return_view
from whistle_shared.auth import Caller
from whistle_shared.db import Unit
from whistle_shared.runtime import Here, may
from whistle_shared.web import PROBLEMS, Cursor, Limit, OptionalIdempotencyKey, Page, StrictRoute, after, next_cursor

router = APIRouter(prefix="/api/v1", tags=["returns"], route_class=StrictRoute, responses=PROBLEMS)


class DecideReturn(Decision):
    """Refused: nothing changes. Upheld: `departments` have the duty from now, the first one leading if the
    department that gives it back did."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"upheld": True, "departments": ["PSGS"], "reason": "排水管网属排水公司，清单第 12 项"}]
        }
    )

    upheld: bool
    departments: Departments = Field(default_factory=list)


@router.get("/returns", summary="Returns, newest first; `pending` is the desk")
async def list_returns(
    caller: Annotated[Caller, may("dispatch.read")],
    service: Here,
    status: Annotated[domain.RequestState | None, Query(description="Only returns in this state")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ReturnView]:
    found = await queries.requests(service.engine, ("return",), state=status, after=after(cursor), limit=limit)
    return Page(
        items=[return_view(known) for known in found],
        next_cursor=next_cursor([known.asked.request_id for known in found], limit),
    )


@router.post("/returns/{request_id}/decision", response_model=ReturnView, summary="Decide a return")
async def decide_return(
    request_id: UUID,
    body: DecideReturn,
    caller: Annotated[Caller, may("dispatch.arbitrate")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """Only while it is pending: once disputed, the dispute is decided (409)."""
    store.registry(service.replica)
    whistle_id = await queries.whistle_of_request(service.engine, request_id)

    def act(unit: Unit) -> ReturnView:
        done = commands.decide_return(
            unit, whistle_id, request_id, body.upheld, body.departments, body.reason, caller.name
        )
        return return_view(done.requests[request_id])

    asked = f"return {request_id} {body.model_dump_json()}"
    return await carry_out(act, asked, caller, service, request, key, whistle=whistle_id)
