"""Operations: the dashboard and its wall, the lists behind every number, the page of a clock with its ladder, the desk
of letters, boards and statistics.

INVARIANT: what a page shows is what the viewer's scope covers.
"""

from pathlib import Path

from whistle_escalation.pages import assessing, cases, desk, ladders, notices, panels, routes
from whistle_escalation.pages.keeping import Sums
from whistle_escalation.queries import dossiers, scenes
from whistle_shared import entrance
from whistle_shared.pages import Panels, Place, Topic, Viewer, id_in, mark, midnight
from whistle_shared.runtime import Service

_PACKAGE = Path(__file__).parent.parent
PLACES = (
    Place("/", mark("运行看板"), "layout-dashboard", "clock.read"),
    Place("/clocks", mark("时限"), "clock", "clock.read"),
    Place("/escalations", mark("升级"), "stairs-up", "clock.read"),
    Place("/letters", mark("督办"), "mail", "clock.read"),
    Place("/boards", mark("红黑榜"), "award", "clock.read"),
    Place("/statistics", mark("统计"), "chart-bar", "clock.read"),
    Place("/log", mark("动态"), "list", "clock.read"),
    Place("/account/notices", mark("通知"), "bell", "clock.read"),
    Place("/admin/notices", mark("值班通知"), "bell", "account.manage"),
)


def install(service: Service) -> None:
    """Give the service its entrance and its pages."""

    shown = scenes.Scenes(service.engine)

    async def dashboard(viewer: Viewer) -> Panels:
        scene = await shown.of(viewer.caller, midnight(viewer.now), viewer.now, viewer.since)
        trouble = await notices.panel(service.engine, viewer.words, viewer.caller, viewer.now)
        return {**panels.contents(viewer.words, scene, viewer.now), "notices": trouble}

    async def clock(viewer: Viewer) -> Panels:
        found = await dossiers.of_clock(service.engine, service.replica, viewer.caller, id_in(viewer.about))
        about = ladders.contents(viewer.words, found, viewer.now)
        rungs = [row.escalation_id for row in found.rungs]
        told = await notices.proofs(service.engine, viewer.words, rungs)
        return {"ladder": {**about, "told": told}, "case": {**about, "dossier": found}}

    live = entrance.install(service, _PACKAGE, PLACES)
    live.topics["dashboard"] = Topic("clock.read", dashboard)
    live.topics["clock"] = Topic("clock.read", clock)
    service.app.state.sums = Sums(service)
    for part in (routes, cases, desk, assessing):
        service.app.include_router(part.pages)
    service.app.include_router(notices.pages)
    service.app.include_router(notices.worker)


__all__ = ["install"]
