"""Blowing a whistle: one form, with what it would set off shown before it is sent. A draft is mended there too."""

from typing import Annotated, Any, get_args
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from whistle_intake import domain, queries
from whistle_intake.api.registry import registry_of
from whistle_intake.pages import foresight
from whistle_shared.auth import EVERYWHERE, Caller
from whistle_shared.contracts.vocabulary import Code, Kind, Urgency
from whistle_shared.errors import Conflict
from whistle_shared.pages import PageRoute, Words, fragment, grid_at, render, svg_paths, visitor, words_of
from whistle_shared.registry import Registry
from whistle_shared.runtime import Here, Service, may

pages = APIRouter(tags=["pages"], route_class=PageRoute)
SIZE = 320.0
"""Side of a street's map in user units; a phone of 360 px shows them about one to one."""
_KINDS: tuple[Kind, ...] = get_args(Kind)
_URGENCIES: tuple[Urgency, ...] = get_args(Urgency)
Blower = Annotated[Caller, visitor("whistle.draft")]


def choices(words: Words, registry: Registry, caller: Caller) -> dict[str, Any]:
    """What the form offers: categories in their groups with what goes with each, kinds with their legal urgencies,
    departments, streets."""
    groups: dict[str, dict[str, Any]] = {}
    for row in registry.categories:
        name = row.major_zh if words.language == "zh" else row.major_en
        duties = registry.basic_duties(row.code) if not caller.of_department else ()
        one = {
            "code": row.code,
            "name": words.category(row.code),
            "kind": row.default_kind,
            "urgency": row.default_urgency,
            "duties": [words.named(duty) for duty in duties],
        }
        groups.setdefault(row.major, {"name": name, "categories": []})["categories"].append(one)
    own = [street.code for street in registry.streets if caller.covers(street.code) or caller.of_department]
    return {
        "groups": list(groups.values()),
        "kinds": [(code, words.of("kind", code)) for code in _KINDS],
        "urgencies": [(code, words.of("urgency", code)) for code in _URGENCIES],
        "legal": {kind: [u for k, u in registry.policy_by_pair if k == kind] for kind in _KINDS},
        "departments": words.departments(),
        "streets": [(code, words.street(code)) for code in own],
    }


def ground(registry: Registry, street: str, only: str | None = None) -> dict[str, Any]:
    """A street's map and its grids, by code and name without the street's, which stands above them already. `only`: the
    one grid that exists for the caller."""
    paths = {path.grid: path for path in svg_paths(registry, street, SIZE, SIZE)}
    name = registry.street_by_code[street].name_zh if street in registry.street_by_code else ""
    grids = [
        (row.code, row.name_zh.removeprefix(name))
        for row in registry.grids
        if row.street == street and only in (None, row.code)
    ]
    shown = [path for code, path in paths.items() if only in (None, code)]
    return {"street": street, "size": SIZE, "paths": shown, "grids": grids}


@pages.get("/blow", summary="Blow a whistle", response_class=HTMLResponse)
async def blow(
    request: Request,
    service: Here,
    viewer: Blower,
    draft: Annotated[UUID | None, Query(description="A draft to go on with")] = None,
) -> Response:
    """One page: the words, what is proposed, the place, who would be called."""
    registry, words = registry_of(service), words_of(request)
    matter = None if draft is None else await _draft(service, viewer, draft)
    offered = choices(words, registry, viewer)
    street = matter.street if matter else viewer.scope if viewer.of_street else offered["streets"][0][0]
    about = {
        "draft": draft,
        "matter": matter,
        "ground": ground(registry, street, viewer.grid),
        "override": _override(matter, registry),
        "reports": await queries.reports_of_whistle(service.engine, draft) if draft else (),
    }
    return render(request, "blow.html", **offered, **about)


async def _draft(service: Service, viewer: Caller, whistle_id: UUID) -> domain.Matter:
    """Raises NotFound, and Conflict for a whistle that is no draft any more."""
    row, _, _ = await queries.whistle(service.engine, viewer, whistle_id)
    if row.state != "draft":
        raise Conflict(f"whistle {row.number} is {row.state}: only a draft can be mended")
    return domain.Matter.of(row.facts, tuple(row.departments))


def _override(matter: domain.Matter | None, registry: Registry) -> bool:
    return matter is not None and bool(domain.own_duties(matter, registry)) and matter.kind != "emergency"


@pages.get("/blow/ground", include_in_schema=False)
async def ground_of_street(
    street: Code, request: Request, service: Here, viewer: Annotated[Caller, may("whistle.draft")]
) -> Response:
    """A fragment: another street's map, for whoever calls from everywhere."""
    return fragment(request, "_ground.html", ground=ground(registry_of(service), street, viewer.grid), chosen=None)


@pages.get("/blow/here", include_in_schema=False)
async def here(
    service: Here,
    viewer: Annotated[Caller, may("whistle.draft")],
    latitude: Annotated[float, Query(ge=-90, le=90)],
    longitude: Annotated[float, Query(ge=-180, le=180)],
) -> Response:
    """In which grid a place lies: `{grid, street}`, both null outside the map."""
    registry = registry_of(service)
    grid = grid_at(registry, latitude, longitude)
    known = registry.grid_by_code.get(grid) if grid else None
    return JSONResponse({"grid": grid, "street": known.street if known else None})


@pages.get("/blow/foresight", include_in_schema=False)
async def what_follows(
    request: Request,
    service: Here,
    viewer: Annotated[Caller, may("whistle.draft")],
    street: Code,
    kind: Kind,
    urgency: Urgency,
    category: Annotated[str, Query(max_length=32)] = "",
    departments: Annotated[list[Code] | None, Query(alias="departments[]", max_length=20)] = None,
    cross_district: bool = False,
) -> Response:
    """A fragment: who would be called, in what time, and whether somebody signs first."""
    wish = foresight.Wish(street, category or None, kind, urgency, tuple(departments or ()), cross_district)
    seen = foreseen(service, words_of(request), wish, viewer)
    return fragment(request, "_foresight.html", foresight=seen)


def foreseen(service: Service, words: Words, wish: foresight.Wish, viewer: Caller) -> foresight.Foresight:
    """What would follow if this viewer blew now."""
    return foresight.foresee(
        words,
        registry_of(service),
        service.replica.calendar(),
        wish,
        signs=viewer.has("whistle.sign"),
        initiator=viewer.of_department or (viewer.scope == EVERYWHERE and not viewer.of_street),
        now=service.time.now(),
    )
