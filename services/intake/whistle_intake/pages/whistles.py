"""A whistle's page: where it stands, its departments side by side, what may be done with it, and all that happened.

INVARIANT: photos stand in a fragment of their own: their addresses are made for one person.
"""

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from whistle_intake import domain, queries
from whistle_intake.api.drafts import sees
from whistle_intake.api.reading import photos_in
from whistle_intake.api.registry import registry_of
from whistle_intake.pages import blowing, foresight, lanes, matters
from whistle_shared import photos
from whistle_shared.auth import Caller
from whistle_shared.errors import NotFound
from whistle_shared.pages import PageRoute, Panels, Viewer, Words, fragment, id_in, live_page, visitor, words_of
from whistle_shared.runtime import Here, Service, may

pages = APIRouter(tags=["pages"], route_class=PageRoute)
Reader = Annotated[Caller, visitor("whistle.read")]


@pages.get("/whistles/{whistle_id}", summary="One whistle", response_class=HTMLResponse)
async def whistle(
    whistle_id: UUID,
    request: Request,
    service: Here,
    viewer: Reader,
    span: Annotated[lanes.Span, Query(description="How much of it the lanes show")] = "hour",
) -> Response:
    """Live. `?span=hour|day|all`."""
    row, tasks, _ = await queries.whistle(service.engine, viewer, whistle_id)
    words, registry = words_of(request), registry_of(service)
    matter = domain.Matter.of(row.facts, tuple(row.departments))
    own = registry.basic_duties(matter.category) if matter.initiator is None and matter.kind != "emergency" else ()
    before = row.state in ("draft", "pending_approval")
    about: dict[str, Any] = {
        "row": row,
        "matter": matter,
        "span": span,
        "ground": blowing.ground(registry, matter.street) if matter.grid else None,
        "reports": await queries.reports_of_whistle(service.engine, whistle_id),
        "duties": [(duty.code, words.named(duty)) for duty in own],
        "foresight": blowing.foreseen(service, words, foresight.wish_of(matter), viewer) if before else None,
        "alike": await _alike(service, viewer, matter, whistle_id) if row.state == "draft" else domain.Likeness(),
        "parts": [(code, words.of("score_part", code), n) for code, n in _parts(service).items()],
        "departments": _departments(words, tasks),
    }
    return await live_page(request, "whistle.html", "whistle", viewer, f"{whistle_id} {span}", **about)


def _parts(service: Service) -> dict[str, int]:
    return registry_of(service).regulation.scoring.parts


def _departments(words: Words, tasks: list[domain.Task]) -> list[tuple[str, str, bool]]:
    """(code, name, whether it has a task here): these first."""
    here = {task.department for task in tasks if task.ended is None}
    known = [(code, name, code in here) for code, name in words.departments()]
    return sorted(known, key=lambda one: not one[2])


async def _alike(service: Service, viewer: Caller, matter: domain.Matter, whistle_id: UUID) -> domain.Likeness:
    probe, regulation, now = domain.Probe.of(matter), registry_of(service).regulation, service.time.now()
    known = await queries.similar(service.engine, probe, regulation, now)
    others = [one for one in known if one.whistle_id != whistle_id]
    return domain.liken(probe, others, regulation, now, partial(sees, viewer))


@pages.get("/whistles/{whistle_id}/photos", include_in_schema=False)
async def photos_of_whistle(
    whistle_id: UUID, request: Request, service: Here, caller: Annotated[Caller, may("whistle.read")]
) -> Response:
    """A fragment: the photos, by addresses that are this viewer's, each with what it goes with."""
    row, _, told = await queries.whistle(service.engine, caller, whistle_id)
    words = words_of(request)
    own = photos.links(service, domain.Matter.of(row.facts, ()).photos, caller)
    shown = [("", None, own)] if own else []
    for line in told:
        if named := photos_in(line.key, line.data):
            links = await photos.links_from(service, line.producer, named, caller)
            shown.append((words.department(line.data["department"]), line.at, links))
    return fragment(request, "_whistle_photos.html", shown=shown)


async def drawn(service: Service, viewer: Viewer) -> Panels:
    """`about`: the whistle's id and the span of its lanes. Raises NotFound."""
    first, _, last = viewer.about.partition(" ")
    span: lanes.Span | None = next((span for span in lanes.SPANS if span == last), None)
    whistle_id = id_in(first)
    if span is None:
        raise NotFound(f"span {last}")
    found = await queries.whistle(service.engine, viewer.caller, whistle_id)
    clocks = await queries.clocks(service.engine, whistle_id)
    decided = await queries.decisions(service.engine, whistle_id)
    panels = matters.panels(viewer.words, viewer.caller, found, clocks, decided, span, viewer.now)
    panels["whistle_tasks"]["record"] = service.settings.sites.get("escalation", "")
    return panels
