"""The street leader's desk: what waits for a signature, with its reasons beside the duty list; what is owed one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from whistle_intake import queries
from whistle_intake.pages import rows
from whistle_shared.auth import Caller
from whistle_shared.pages import PageRoute, Panels, Viewer, Words, live_page, visitor
from whistle_shared.registry import Registry
from whistle_shared.runtime import Service

pages = APIRouter(tags=["pages"], route_class=PageRoute)
_MOST = 50


@dataclass(frozen=True, slots=True)
class Paper:
    """One whistle to sign. `duties`: what of the street's own basic duty list it falls under; `override`, `distinct`:
    why it is called for all the same, and why it is a matter of its own."""

    line: rows.Line
    duties: Sequence[tuple[str, str]]
    reason: str
    override: str
    distinct: str
    by: str


def papers(words: Words, found: queries.Lines, registry: Registry | None, now: Any) -> list[Paper]:
    """The first `_MOST` that are to be signed, in the order in which they were found."""
    return [
        Paper(
            rows.line(words, row, found.tasks.get(row.whistle_id, []), found.clocks.get(row.whistle_id, []), now),
            _duties(words, registry, row.category),
            row.reason or "",
            row.override_reason or "",
            row.distinct_reason or "",
            row.submitted_by or "",
        )
        for row in found.rows[:_MOST]
    ]


def _duties(words: Words, registry: Registry | None, category: str | None) -> list[tuple[str, str]]:
    known = registry.basic_duties(category) if registry else ()
    return [(duty.code, words.named(duty)) for duty in known]


@pages.get("/approvals", summary="Whistles to sign", response_class=HTMLResponse)
async def approvals(request: Request, viewer: Annotated[Caller, visitor("whistle.sign")]) -> Response:
    """What waits for a signature, and emergencies that are owed one. Keeps itself fresh."""
    return await live_page(request, "approvals.html", "approvals", viewer)


async def drawn(service: Service, viewer: Viewer) -> Panels:
    """What waits for a signature, and what is owed one."""
    registry = service.replica.registry
    waiting = await queries.lines(service.engine, viewer.caller, [["pending_approval"]], _MOST)
    owed = await queries.unsigned(service.engine, viewer.caller.scope, _MOST)
    return {
        f"approvals_{name}": {
            "papers": papers(viewer.words, found, registry, viewer.now),
            "more": len(found.rows) > _MOST,
        }
        for name, found in (("waiting", waiting), ("owed", owed))
    }
