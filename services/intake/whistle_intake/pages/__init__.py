"""intake's pages: whoever reports, communities and grids, and the street.

INVARIANT: what a page shows is what the viewer's scope covers.
"""

from functools import partial
from pathlib import Path

from whistle_intake.pages import approvals, blowing, board, desks, reporting, whistles
from whistle_shared import entrance
from whistle_shared.pages import Place, Topic, mark
from whistle_shared.runtime import Service

_PACKAGE = Path(__file__).parent.parent
# The first that somebody may see is where they come in: a street to its board, a community to its desk.
PLACES = (
    Place("/whistles", mark("哨单"), "layout-kanban", "task.verify"),
    Place("/desk", mark("报事台"), "inbox", "report.read"),
    Place("/whistles", mark("哨单"), "layout-kanban", "whistle.read"),
    Place("/blow", mark("吹哨"), "whistle", "whistle.draft"),
    Place("/approvals", mark("审签"), "signature", "whistle.sign"),
)


def install(service: Service) -> None:
    """Give the service its entrance and its pages."""
    live = entrance.install(service, _PACKAGE, PLACES)
    live.topics["desk"] = Topic("report.read", partial(desks.drawn, service))
    live.topics["board"] = Topic("whistle.read", partial(board.drawn, service))
    live.topics["approvals"] = Topic("whistle.sign", partial(approvals.drawn, service))
    live.topics["whistle"] = Topic("whistle.read", partial(whistles.drawn, service))
    for room in (desks, board, blowing, approvals, whistles, reporting):
        service.app.include_router(room.pages)


__all__ = ["install"]
