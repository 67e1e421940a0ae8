"""The desks of grid, community and street: what waits for a word, oldest first; one report with all that is known.

INVARIANT: a desk shows the reports of the viewer's place and of no other.
INVARIANT: photos stand in a fragment of their own: their addresses are made for one person.
"""

from datetime import timedelta
from typing import Annotated, get_args
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from whistle_intake import commands, domain, queries
from whistle_intake.api.report_views import report_detail, report_views
from whistle_intake.pages import blowing, report_lines
from whistle_shared import photos
from whistle_shared.auth import Caller
from whistle_shared.errors import NotFound
from whistle_shared.pages import (
    PageRoute,
    Panels,
    Viewer,
    fragment,
    live_page,
    render,
    visitor,
    words_of,
)
from whistle_shared.runtime import Here, Service, may
from whistle_shared.web import Cursor, after, next_cursor

pages = APIRouter(tags=["pages"], route_class=PageRoute)
DAYS = 30
_SHOWN = 25
_PILES = get_args(queries.Pile)
Looker = Annotated[Caller, visitor("report.read")]


async def drawn(service: Service, viewer: Viewer) -> Panels:
    """The panels of a desk. `viewer.about`: `pile` or `pile:cursor`. Raises NotFound, and Invalid for a cursor that is
    none."""
    name, _, cursor = viewer.about.partition(":")
    caller, words, level = viewer.caller, viewer.words, commands.level_of(viewer.caller)
    if name not in _PILES:
        raise NotFound(f"topic {viewer.about!r}")
    pile: queries.Pile = name  # type: ignore[assignment]
    rows = await queries.pile(service.engine, caller, level, pile, after(cursor or None), _SHOWN)
    views = await report_views(service.vault, rows, level)
    settled = await queries.settled(service.engine, caller, viewer.now - timedelta(days=DAYS))
    return {
        "desk_list": {
            "pile": pile,
            "level": level,
            "lines": [report_lines.line(words, view) for view in views],
            "more": next_cursor([row.report_id for row in rows], _SHOWN),
        },
        "desk_levels": {"shares": report_lines.shares(words, settled), "days": DAYS},
    }


@pages.get("/desk", summary="Reports on a desk", response_class=HTMLResponse)
async def desk(
    request: Request,
    viewer: Looker,
    pile: Annotated[queries.Pile, Query(description="What waits here, what waits below, what was decided")] = "mine",
    cursor: Cursor = None,
) -> Response:
    """What waits is shown oldest first, what was decided newest first. Keeps itself fresh."""
    after(cursor)
    level = commands.level_of(viewer)
    about = f"{pile}:{cursor}" if cursor else pile
    return await live_page(request, "desk.html", "desk", viewer, about, pile=pile, level=level)


@pages.get("/desk/{report_id}", summary="One report", response_class=HTMLResponse)
async def one_report(report_id: UUID, request: Request, viewer: Looker, service: Here) -> Response:
    """With what was said of it. Contact and numbers are blotted out; unmasking is an act of its own, on record."""
    row, turns = await queries.report(service.engine, viewer, report_id)
    view = await report_detail(service.vault, row, turns, commands.level_of(viewer), [])
    words = words_of(request)
    registry = service.replica.registry
    ground = blowing.ground(registry, view.street) if registry and view.grid else None
    about = report_lines.detail(words, view) | {"ground": ground, "grid": view.grid}
    about["desk_level"] = commands.level_of(viewer)
    return render(request, "desk_report.html", **about)


@pages.get("/desk/{report_id}/photos", include_in_schema=False)
async def photos_of_report(
    report_id: UUID, request: Request, service: Here, caller: Annotated[Caller, may("report.read")]
) -> Response:
    """A fragment: the photos, by addresses that are this viewer's."""
    await queries.report(service.engine, caller, report_id)
    shown = [one.photo_id for one in await photos.claimed_by(service.engine, domain.subject_of(report_id))]
    return fragment(request, "_desk_photos.html", links=photos.links(service, shown, caller))
