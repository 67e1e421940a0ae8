"""The page of one clock, reached by the clock or by an escalation of it: the ladder, the proofs, the task, why it is
due then, and what may be done about it."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from whistle_escalation import queries
from whistle_escalation.pages import why as why_due
from whistle_escalation.pages.routes import Reader
from whistle_escalation.pages.rows import clock_line
from whistle_shared.auth import EVERYWHERE, Caller
from whistle_shared.pages import PageRoute, fragment, live_page, words_of
from whistle_shared.runtime import Here, Service, may

pages = APIRouter(tags=["pages"], route_class=PageRoute, include_in_schema=False)


@pages.get("/clocks/{clock_id}/why")
async def why(
    clock_id: UUID, request: Request, service: Here, reader: Annotated[Caller, may("clock.read")]
) -> Response:
    """A fragment of a page: why a clock is due when it is."""
    explanation, row = await queries.explanation(service.engine, service.replica, reader, clock_id)
    about = why_due.contents(words_of(request), explanation, row.title or "…", row.number or "")
    return fragment(request, "_why.html", **about)


@pages.get("/clocks/{clock_id}")
async def clock(clock_id: UUID, request: Request, service: Here, viewer: Reader) -> Response:
    """A clock with its ladder."""
    row = await queries.clock(service.engine, viewer, clock_id)
    return await _case(request, service, viewer, row, None)


@pages.get("/escalations/{escalation_id}")
async def escalation(escalation_id: UUID, request: Request, service: Here, viewer: Reader) -> Response:
    """An escalation: the clock that climbed, with this rung to be acknowledged."""
    found = await queries.escalation(service.engine, viewer, escalation_id)
    row = await queries.clock(service.engine, viewer, found.clock_id)
    return await _case(request, service, viewer, row, found)


async def _case(request: Request, service: Service, viewer: Caller, row: Any, escalation: Any) -> Response:
    matter = await queries.matter(service.engine, row.whistle_id)
    known = matter.clocks.get(row.clock_id)
    spec = matter.spec(known.terms, known.name, known.side) if known is not None else None
    left = spec.ladder[row.climbed :] if spec is not None and row.status == "running" else ()
    return await live_page(
        request,
        "case.html",
        "clock",
        viewer,
        str(row.clock_id),
        clock=row,
        line=clock_line(words_of(request), row),
        escalation=escalation,
        left=left,
        may_acknowledge=may_acknowledge(viewer, escalation),
    )


def may_acknowledge(caller: Caller, escalation: Any) -> bool:
    """Whether this person is one of those whom the rung calls, and has not said so yet."""
    if escalation is None or escalation.status != "open" or escalation.acknowledged_at is not None:
        return False
    if not caller.has("escalation.acknowledge"):
        return False
    return caller.scope == EVERYWHERE or escalation.side == ("street" if caller.of_street else "department")
