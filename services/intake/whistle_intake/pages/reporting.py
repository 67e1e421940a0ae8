"""The resident's pages (一键报事), open to everybody: a report in one go, also without a network, and its way.

INVARIANT: these pages never look at who is signed in: what a phone keeps of them is the same for everybody.
INVARIANT: a tracking code stands in no address that a server sees: behind `#` in the page's, in a header otherwise.
"""

from typing import Any, cast

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from whistle_intake.api.registry import registry_of
from whistle_intake.api.reporting import TrackingCode, report_progress
from whistle_intake.pages import blowing, report_lines
from whistle_intake.settings import Settings
from whistle_shared.errors import NotFound
from whistle_shared.pages import PAGE_HEADERS, Assets, PageRoute, fragment, render, texts_of, words_of
from whistle_shared.runtime import Here

pages = APIRouter(tags=["pages"], route_class=PageRoute)
_HOME = "/report"
_WORKER = {
    "Content-Type": "text/javascript; charset=utf-8",
    # The worker looks after these pages and nothing else of this service.
    "Service-Worker-Allowed": "/report",
    "Cache-Control": "no-cache",
    "Content-Security-Policy": PAGE_HEADERS["Content-Security-Policy"],
}


@pages.get("/report", summary="Report a matter (一键报事)", response_class=HTMLResponse)
async def report(request: Request, service: Here) -> Response:
    """For everybody, without an account. Works without a network once it has been open."""
    words = words_of(request)
    streets = [(street.code, words.street(street.code)) for street in registry_of(service).streets]
    kept = cast(Settings, service.settings)
    days = {name: getattr(kept, f"{name}_kept_days") for name in ("contact", "report")}
    return render(request, "report.html", home=_HOME, streets=streets, days=days)


@pages.get("/report/streets/{street}", include_in_schema=False)
async def street_map(street: str, request: Request, service: Here) -> Response:
    """A fragment: the grids of a street, as a map to tap and as a list to choose from."""
    registry = registry_of(service)
    if street not in registry.street_by_code:
        raise NotFound(f"street {street!r}")
    return fragment(request, "_report_map.html", ground=blowing.ground(registry, street))


@pages.get("/report/progress", summary="How far a report has come", response_class=HTMLResponse)
async def progress_page(request: Request) -> Response:
    """The tracking code stands behind `#`: `/report/progress#7K4M-2PQX-9HTDC`."""
    return render(request, "report_progress.html", home=_HOME)


@pages.get("/report/progress/steps", include_in_schema=False)
async def progress_steps(code: TrackingCode, request: Request, service: Here) -> Response:
    """A fragment, for the code that is sent in a header."""
    view = await report_progress(code, service)
    return fragment(request, "_report_steps.html", **report_lines.way(words_of(request), view))


@pages.get("/manifest.webmanifest", include_in_schema=False)
async def manifest(request: Request) -> Response:
    """By which phones install the page."""
    texts, assets = texts_of(request), _assets(request)
    told: dict[str, Any] = {
        "id": "/report",
        "name": texts.gettext("一键报事"),
        "short_name": texts.gettext("报事"),
        "description": texts.gettext("身边的事，拍张照片报给网格员或物业"),
        "lang": words_of(request).language,
        "start_url": "/report",
        "scope": "/report",
        "display": "standalone",
        "theme_color": "#123a63",
        "background_color": "#f3f5f8",
        "icons": [
            {"src": assets.address(f"{name}.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": purpose}
            for name, purpose in (("whistle", "any"), ("whistle-maskable", "maskable"))
        ],
    }
    return JSONResponse(told, headers={"Cache-Control": "no-cache"}, media_type="application/manifest+json")


@pages.get("/sw.js", include_in_schema=False)
async def worker(request: Request) -> Response:
    """The service worker. Its address never changes, so that browsers find a new one."""
    return Response(_assets(request).content("sw.js"), headers=_WORKER)


def _assets(request: Request) -> Assets:
    assets: Assets = request.app.state.assets
    return assets
