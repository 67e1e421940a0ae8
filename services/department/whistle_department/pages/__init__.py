"""The department's pages: the inbox, a task, letters, meetings, hand-over, the heads' view, the day's list on paper.

INVARIANT: what a page shows is what the viewer's department is called to; another's task is as if it did not exist.
"""

import asyncio
from functools import partial
from pathlib import Path

from whistle_department import domain, queries
from whistle_department.pages import overview, rows, task
from whistle_department.pages.routes import pages
from whistle_shared import entrance
from whistle_shared.pages import Panels, Place, Topic, Viewer, id_in, mark
from whistle_shared.runtime import Service

_PACKAGE = Path(__file__).parent.parent
_EACH = 20
_EACH_PERSONS = 3
_LATEST = 10
PLACES = (
    Place("/", mark("待办"), "inbox", "task.read"),
    Place("/tasks", mark("全部任务"), "list-details", "task.read"),
    Place("/letters", mark("函件"), "mail", "task.read"),
    Place("/meetings", mark("会商"), "users-group", "task.read"),
    Place("/handover", mark("交接班"), "switch-horizontal", "task.act"),
    Place("/overview", mark("科室一览"), "chart-bar", "task.ask"),
)


def install(service: Service) -> None:
    """Give the service its entrance and its pages."""
    live = entrance.install(service, _PACKAGE, PLACES)
    live.topics["inbox"] = Topic("task.read", partial(_inbox, service))
    live.topics["task"] = Topic("task.read", partial(_task, service))
    live.topics["overview"] = Topic("task.ask", partial(_overview, service))
    service.app.include_router(pages)


async def _inbox(service: Service, viewer: Viewer) -> Panels:
    found = await queries.inbox(service.engine, viewer.caller, viewer.now, _EACH)
    of = partial(rows.rows, viewer.words, now=viewer.now, scope=viewer.caller.scope)
    return {
        "inbox_waiting": {"rows": of(found.waiting), "count": found.counts[0]},
        "inbox_ahead": {"rows": of(found.ahead), "count": found.counts[1]},
        "inbox_late": {"rows": of(found.late), "count": found.counts[2]},
    }


async def _task(service: Service, viewer: Viewer) -> Panels:
    """`about`: the task's id. Raises NotFound."""
    whole = await queries.task(service.engine, viewer.caller, id_in(viewer.about))
    replica = service.replica
    rules = domain.Rules(replica.registry, replica.calendar()) if replica.registry and replica.ready else None
    return task.panels(viewer.words, whole, viewer.now, rules)


async def _overview(service: Service, viewer: Viewer) -> Panels:
    shares, asked, scored = await asyncio.gather(
        queries.shares(service.engine, viewer.caller, viewer.now, _EACH_PERSONS),
        queries.asked(service.engine, viewer.caller, viewer.now, overview.ASKED),
        queries.scored(service.engine, viewer.caller, _LATEST),
    )
    return overview.panels(viewer.words, shares, asked, scored, viewer.now, viewer.caller.scope)


__all__ = ["install"]
