"""The dashboard: what stands escalated, what will breach next, who reports in, and what has just happened, live.

INVARIANT: what a page shows is what the viewer's scope covers; a page changes nothing but sessions.
"""

from pathlib import Path

from whistle_escalation.pages.live import Live
from whistle_escalation.pages.routes import pages, streams
from whistle_shared import entrance
from whistle_shared.runtime import Service

_PACKAGE = Path(__file__).parent.parent


def install(service: Service) -> None:
    """Give the service its entrance, its pages and the duty that keeps them live."""
    entrance.install(service, _PACKAGE, home=("clock.read", "/"))
    live = Live(service, service.app.state.templates)
    service.duties["dashboard"] = live.run
    service.app.state.live = live
    service.app.include_router(pages)
    service.app.include_router(streams)


__all__ = ["install"]
