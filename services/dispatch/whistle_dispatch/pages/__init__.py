"""The district whistle office's pages: what waits for it, a page for every matter and request, and the registry.

INVARIANT: a page changes nothing: what it changes goes through the API, with its rights, its audit and its limits.
"""

from pathlib import Path

from whistle_dispatch import store
from whistle_dispatch.pages import matter, registry_routes, routes, waiting
from whistle_dispatch.queries import desk
from whistle_shared import entrance
from whistle_shared.pages import Panels, Place, Topic, Viewer, id_in, mark
from whistle_shared.runtime import Service

_PACKAGE = Path(__file__).parent.parent
PLACES = (
    Place("/", mark("待办"), "inbox", "dispatch.read"),
    Place("/whistles", mark("哨单"), "list-details", "dispatch.read"),
    Place("/precedents", mark("判例"), "gavel", "dispatch.read"),
    Place("/registry", mark("规则库"), "books", "dispatch.read"),
)


def install(service: Service) -> None:
    """Give the service its entrance and its pages."""

    async def queue(viewer: Viewer) -> Panels:
        only = next((kind for kind in desk.KINDS if kind == viewer.about), None)
        found = await desk.waiting(service.engine)
        return waiting.contents(viewer.words, found, store.rules_now(service.replica), viewer.now, only)

    async def whistle(viewer: Viewer) -> Panels:
        known, _ = await desk.matter(service.engine, id_in(viewer.about))
        rules = store.rules_now(service.replica)
        return {
            "standing": matter.standing_of(viewer.words, known, rules, viewer.now),
            "duties": {"duties": matter.duties_of(viewer.words, known), "state": known.state},
            "asked": {"asked": matter.asked_of(viewer.words, known)},
        }

    async def request(viewer: Viewer) -> Panels:
        case = await desk.case_of_request(service.engine, id_in(viewer.about))
        return {"verdict": matter.request_state(viewer.words, case, store.rules_now(service.replica), viewer.now)}

    live = entrance.install(service, _PACKAGE, PLACES)
    live.topics["desk"] = Topic("dispatch.read", queue)
    live.topics["whistle"] = Topic("dispatch.read", whistle)
    live.topics["request"] = Topic("dispatch.read", request)
    service.app.include_router(routes.pages)
    service.app.include_router(registry_routes.pages)


__all__ = ["install"]
