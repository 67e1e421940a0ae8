"""Every page there is, who looks at it, and what it is about: the one list for screenshots, checks and measurements.

The addresses come from the running applications (`addresses_of`): what stands neither here nor among the parts fails a
test, so that no page is forgotten.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from support.stage import GRID, STREET, Stage
from whistle_shared.runtime import Service

EVERYWHERE = "*"


@dataclass(frozen=True, slots=True)
class Sight:
    """A page as somebody sees it. `role` None: nobody in particular. `about`: the kind of the stage's thing whose ids
    the path and the query have holes for. `mark`: behind `#`. `wall`: on a video wall. `name`: what tells its pictures
    from others of the same path."""

    role: str | None
    scope: str = EVERYWHERE
    part: str | None = None
    about: str = ""
    query: str = ""
    mark: str = ""
    wall: bool = False
    name: str = ""


Sights = Mapping[str, tuple[Sight, ...]]


@dataclass(frozen=True, slots=True)
class EveryPage:
    """The pages of one service by path. `parts`: what its pages fetch and nobody opens by itself."""

    pages: Sights
    parts: frozenset[str] = field(default_factory=frozenset)


NOBODY = Sight(None)
ADMINISTRATOR = Sight("administrator")
AUDITOR = Sight("auditor")
GRID_OFFICER = Sight("grid_officer", STREET, GRID)
COMMUNITY = Sight("community", STREET)
STREET_DESK = Sight("street_initiator", STREET)
HANDLER = Sight("handler", "CGJ")
HEAD = Sight("department_head", "CGJ")
ARBITRATOR = Sight("arbitrator")
INSPECTOR = Sight("inspector")


def about(sight: Sight, kind: str, **more: Any) -> Sight:
    """The same person before a page of one thing."""
    return replace(sight, about=kind, **more)


# What every service has beside its pages, and the way in, which is the same everywhere and looked at once.
ANYWHERE = frozenset(
    {
        *("/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/docs/start.js"),
        *("/live", "/map.json", "/photos/{photo_id}"),
        "/sign-in/second-factor",  # opens only between two steps
        "/admin/audit/export",
    }
)
ENTRANCE: Sights = {
    "/sign-in": (NOBODY,),
    "/account": (STREET_DESK,),
    "/account/password": (STREET_DESK,),
    "/account/second-factor": (STREET_DESK, Sight("administrator", name="kept")),
    "/admin/accounts": (ADMINISTRATOR,),
    "/admin/accounts/new": (ADMINISTRATOR,),
    "/admin/accounts/{account_id}": (about(ADMINISTRATOR, "account"),),
    "/admin/tokens": (ADMINISTRATOR,),
    "/admin/audit": (AUDITOR,),
    "/admin/audit/{audit_id}": (about(AUDITOR, "audit"),),
}
WAY_IN = "intake"
"""Where the entrance is looked at."""

INTAKE = EveryPage(
    {
        "/": (NOBODY,),
        "/report": (NOBODY,),
        "/report/progress": (NOBODY, replace(NOBODY, mark="{code}", name="found")),
        "/desk": (GRID_OFFICER, replace(COMMUNITY, name="community"), replace(STREET_DESK, name="street")),
        "/desk/{report_id}": (about(GRID_OFFICER, "report"),),
        "/whistles": (STREET_DESK,),
        "/whistles/over": (STREET_DESK,),
        "/whistles/column/{code}": (about(STREET_DESK, "column"),),
        "/whistles/{whistle_id}": (
            about(STREET_DESK, "whistle"),
            about(STREET_DESK, "closed", name="closed"),
            about(STREET_DESK, "draft", name="draft"),
            about(ARBITRATOR, "whistle", name="district"),
        ),
        "/blow": (STREET_DESK,),
        "/approvals": (Sight("street_approver", "S13"),),
    },
    frozenset(
        {
            *("/manifest.webmanifest", "/sw.js", "/report/streets/{street}", "/report/progress/steps"),
            *("/desk/{report_id}/photos", "/whistles/{whistle_id}/photos"),
            *("/blow/ground", "/blow/here", "/blow/foresight"),
        }
    ),
)
DISPATCH = EveryPage(
    {
        "/": (ARBITRATOR, Sight("dispatcher", name="dispatcher")),
        "/whistles": (ARBITRATOR,),
        "/whistles/{whistle_id}": (about(ARBITRATOR, "whistle"), about(ARBITRATOR, "unrouted", name="unrouted")),
        "/requests/{request_id}": (about(ARBITRATOR, "longer"),),
        "/disputes/{dispute_id}": (about(ARBITRATOR, "dispute"),),
        "/precedents": (ARBITRATOR,),
        "/registry": (ARBITRATOR,),
        "/registry/versions": (ARBITRATOR,),
        "/registry/versions/{number}": (about(ARBITRATOR, "edition"),),
        "/registry/import": (ARBITRATOR,),
        "/registry/{sheet}": (about(ARBITRATOR, "sheet"),),
        "/registry/{sheet}/row": (about(ARBITRATOR, "sheet", query="key=CGJ"),),
        "/registry/{sheet}/new": (about(ARBITRATOR, "sheet"),),
    },
    frozenset({"/whistles/{whistle_id}/limits", "/registry/versions/{number}/preview", "/registry/{sheet}/preview"}),
)
DEPARTMENT = EveryPage(
    {
        "/": (HANDLER, replace(HEAD, name="head")),
        "/tasks": (HANDLER,),
        "/tasks/{task_id}": (about(HANDLER, "task"), about(HEAD, "task", name="head")),
        "/letters": (HEAD,),
        "/meetings": (HEAD,),
        "/handover": (HANDLER,),
        "/overview": (HEAD,),
        "/print": (HANDLER,),
    },
    frozenset({"/tasks/{task_id}/photos"}),
)
ESCALATION = EveryPage(
    {
        "/": (
            ARBITRATOR,
            replace(STREET_DESK, name="street"),
            replace(HEAD, name="department"),
            Sight("operations", query="mode=wall", wall=True, name="wall"),
        ),
        "/clocks": (ARBITRATOR,),
        "/escalations": (ARBITRATOR,),
        "/log": (ARBITRATOR,),
        "/clocks/{clock_id}": (about(ARBITRATOR, "clock"),),
        "/escalations/{escalation_id}": (about(INSPECTOR, "escalation"),),
        "/letters": (INSPECTOR,),
        "/letters/new": (about(INSPECTOR, "task", query="task={task_id}"),),
        "/letters/{letter_id}": (about(INSPECTOR, "letter"),),
        "/statistics": (ARBITRATOR, replace(HEAD, name="department")),
        "/statistics/{name}": (about(ARBITRATOR, "measure"),),
        "/account/notices": (INSPECTOR,),
        "/admin/notices": (ADMINISTRATOR,),
        "/boards": (INSPECTOR,),
        "/boards/{board_id}": (about(INSPECTOR, "board"),),
    },
    frozenset({"/clocks/{clock_id}/why", "/push.js"}),
)
EVERY_PAGE: Mapping[str, EveryPage] = {
    "intake": INTAKE,
    "dispatch": DISPATCH,
    "department": DEPARTMENT,
    "escalation": ESCALATION,
}


@dataclass(frozen=True, slots=True)
class View:
    """One sight at its address."""

    service: str
    path: str
    sight: Sight

    @property
    def name(self) -> str:
        """For a file and in a message: `department-tasks-task-head`."""
        parts = [part.strip("{}").removesuffix("_id") for part in self.path.split("/") if part]
        return "-".join([self.service, *(parts or ["home"]), *filter(None, [self.sight.name])])

    def address(self, stage: Stage, **asked: str) -> str:
        """Where it is, without the host; `asked` joins the query."""
        names = stage.names(self.service, self.sight.about) if self.sight.about else {}
        said = [self.sight.query.format(**names), *(f"{name}={value}" for name, value in asked.items())]
        query = "&".join(filter(None, said))
        mark = self.sight.mark.format(code=stage.code)
        return self.path.format(**names) + (f"?{query}" if query else "") + (f"#{mark}" if mark else "")

    async def cookies(self, stage: Stage) -> dict[str, str]:
        """What the browser of whoever looks has kept: values by name."""
        if self.sight.role is None:
            return {}
        return dict([await stage.session(self.service, self.sight.role, self.sight.scope, self.sight.part)])


def views() -> Iterator[View]:
    """Every sight of every page."""
    for path, sights in ENTRANCE.items():
        yield from (View(WAY_IN, path, sight) for sight in sights)
    for service, every in EVERY_PAGE.items():
        for path, sights in every.pages.items():
            yield from (View(service, path, sight) for sight in sights)


def addresses_of(service: Service) -> set[str]:
    """The paths that a running application gives to whoever asks with GET, but for the API's."""
    found = set()
    for route in iter_route_contexts(service.app.routes):
        if not isinstance(route.original_route, Mount) and "GET" in (route.methods or ()):
            found.add(str(route.path))
    return {path for path in found if not path.startswith("/api/")}


def listed(service: str) -> set[str]:
    """The paths of a service that stand in this list."""
    every = EVERY_PAGE[service]
    return set(every.pages) | every.parts
