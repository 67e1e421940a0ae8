"""Disputes over responsibility, and the precedents that come of them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict, Field

from whistle_dispatch import commands, domain, queries, store
from whistle_dispatch.api.views import (
    Decision,
    Departments,
    DisputeView,
    PrecedentView,
    carry_out,
    dispute_view,
    precedent_view,
)
from whistle_shared.auth import Caller
from whistle_shared.contracts.vocabulary import Code, LongText
from whistle_shared.db import Unit
from whistle_shared.runtime import Here, may
from whistle_shared.web import (
    PROBLEMS,
    Blotted,
    Cursor,
    Limit,
    OptionalIdempotencyKey,
    Page,
    StrictRoute,
    after,
    next_cursor,
)

router = APIRouter(prefix="/api/v1", tags=["disputes"], route_class=StrictRoute, responses=PROBLEMS)


class DecideDispute(Decision):
    """Refused: the department keeps its task. Upheld: the duty is divided anew among `departments`, the lead first;
    the department itself may be among them."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "upheld": True,
                    "departments": ["PSGS", "CGJ"],
                    "reason": "现场踏勘：塌陷由排水管破损引起",
                    "on_site": True,
                    "precedent": "路面塌陷经踏勘系排水管破损的，由排水公司主办、城管局协办",
                }
            ]
        }
    )

    upheld: bool
    departments: Departments = Field(default_factory=list)
    on_site: bool = Field(False, description="The units were called to the site for it")
    precedent: Annotated[LongText, Blotted] | None = Field(None, description="The rule for the next matter of its kind")


@router.get("/disputes", summary="Disputes, newest return first; `open` is the desk")
async def list_disputes(
    caller: Annotated[Caller, may("dispatch.read")],
    service: Here,
    status: Annotated[domain.DisputeState | None, Query(description="Only disputes in this state")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[DisputeView]:
    found = await queries.disputes(service.engine, state=status, after=after(cursor), limit=limit)
    return Page(
        items=[dispute_view(dispute, asked) for dispute, asked in found],
        next_cursor=next_cursor([dispute.request_id for dispute, _ in found], limit),
    )


@router.post("/disputes/{dispute_id}/decision", response_model=DisputeView, summary="Decide a dispute")
async def decide_dispute(
    dispute_id: UUID,
    body: DecideDispute,
    caller: Annotated[Caller, may("dispatch.arbitrate")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """Once. The whistle's own due time does not move, whoever has the duty."""
    store.registry(service.replica)
    whistle_id = await queries.whistle_of_dispute(service.engine, dispute_id)

    def act(unit: Unit) -> DisputeView:
        done = commands.decide_dispute(
            unit,
            whistle_id,
            dispute_id,
            body.upheld,
            body.departments,
            body.reason,
            body.on_site,
            body.precedent,
            caller.name,
        )
        dispute = done.disputes[dispute_id]
        return dispute_view(dispute, done.requests[dispute.request_id])

    asked = f"dispute {dispute_id} {body.model_dump_json()}"
    return await carry_out(act, asked, caller, service, request, key, whistle=whistle_id)


@router.get("/precedents", tags=["precedents"], summary="Precedents, by sub-category")
async def list_precedents(
    caller: Annotated[Caller, may("dispatch.read")],
    service: Here,
    category: Annotated[Code | None, Query(description="Only about this sub-category", examples=["0701"])] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[PrecedentView]:
    found = await queries.precedents(service.engine, category=category, after=after(cursor), limit=limit)
    return Page(
        items=[precedent_view(ruling) for ruling in found],
        next_cursor=next_cursor([ruling.precedent_id for ruling in found], limit),
    )


@router.post(
    "/precedents/{precedent_id}/adoption",
    tags=["precedents"],
    response_model=PrecedentView,
    summary="Route by a precedent from now on",
)
async def adopt(
    precedent_id: UUID,
    caller: Annotated[Caller, may("dispatch.arbitrate")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """Publishes the next version of the registry. Whistles that are under way keep their departments."""
    store.registry(service.replica)
    return await carry_out(
        lambda unit: precedent_view(commands.adopt_precedent(unit, precedent_id, caller.name)),
        f"adoption {precedent_id}",
        caller,
        service,
        request,
        key,
        wants=store.Adoption(precedent_id),
    )
