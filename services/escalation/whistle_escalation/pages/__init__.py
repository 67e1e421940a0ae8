"""The dashboard: what stands escalated, what will breach next, who reports in, and what has just happened, live.

INVARIANT: what a page shows is what the viewer's scope covers; a page changes nothing but sessions.
"""

from pathlib import Path

from starlette.staticfiles import StaticFiles

from whistle_escalation.pages.live import Live
from whistle_escalation.pages.routes import pages, streams
from whistle_shared.runtime import Service
from whistle_shared.web import Templates

_PACKAGE = Path(__file__).parent.parent


def install(service: Service) -> None:
    """Give the service its pages and the duty that keeps them live."""
    templates = Templates(_PACKAGE)
    live = Live(service, templates)
    service.duties["dashboard"] = live.run
    service.app.state.templates, service.app.state.live = templates, live
    service.app.include_router(pages)
    service.app.include_router(streams)
    service.app.mount("/static", StaticFiles(directory=_PACKAGE / "static"), name="static")


__all__ = ["install"]
