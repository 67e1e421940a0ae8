"""The dashboard's addresses: the page, its stream, signing in and out."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from fastapi.routing import APIRoute

from whistle_escalation import queries
from whistle_escalation.pages import why as why_due
from whistle_escalation.pages.live import Live
from whistle_escalation.pages.words import Words, iso
from whistle_shared.auth import Caller, Unauthenticated
from whistle_shared.db import is_outage, is_transient
from whistle_shared.runtime import Here, SignedIn, current_caller, find_session_of
from whistle_shared.web import (
    PAGE_HEADERS,
    PROBLEMS,
    Language,
    Templates,
    elsewhere,
    look_of,
    page,
)

log = structlog.get_logger(__name__)
_TRY_AGAIN = "5"


class PageRoute(APIRoute):
    """Whoever opens a page while the database is away gets a page that tries again, not a problem document."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except Exception as error:
                if not (is_outage(error) or is_transient(error)):
                    raise
                log.warning("page.unavailable", path=request.url.path, error=repr(error)[:300])
                look = look_of(request)
                content = _templates(request).render(look.language, "unavailable.html", look=look)
                unavailable = page(request, content, 503)
                unavailable.headers["Refresh"] = _TRY_AGAIN
                return unavailable

        return answer


pages = APIRouter(tags=["pages"], route_class=PageRoute)
streams = APIRouter(tags=["pages"])


def _templates(request: Request) -> Templates:
    templates: Templates = request.app.state.templates
    return templates


def _live(request: Request) -> Live:
    live: Live = request.app.state.live
    return live


async def _viewer(session: SignedIn) -> Caller | None:
    """Who is signed in with this request's cookie, or None."""
    return session.caller if session else None


Viewer = Annotated[Caller | None, Depends(_viewer)]


@pages.get("/clocks/{clock_id}/why", include_in_schema=False)
async def why(
    clock_id: UUID, request: Request, service: Here, viewer: Viewer, lang: Language | None = None
) -> Response:
    """A fragment of a page: why a clock is due when it is. For whoever is signed in, or brings a bearer token."""
    caller = viewer or await current_caller(request, service)
    explanation, row = await queries.explanation(service.engine, service.replica, caller, clock_id)
    language = lang or look_of(request).language
    words = Words(language, _templates(request).texts[language], service.replica.registry)
    about = why_due.contents(words, explanation, row.title or "…", row.number or "")
    return HTMLResponse(_templates(request).render(language, "_why.html", **about), headers=PAGE_HEADERS)


async def _listener(viewer: Viewer) -> Caller:
    """A stream has nobody to show a form to: 401, never a redirect."""
    if viewer is None:
        raise Unauthenticated("sign in first")
    return viewer


Listener = Annotated[Caller, Depends(_listener)]


@pages.get("/", summary="The dashboard", response_class=HTMLResponse)
async def dashboard(request: Request, service: Here, viewer: Viewer) -> Response:
    """Whoever is not signed in is sent to `/sign-in`. `?lang=zh|en`, `?theme=auto|light|dark`, `?mode=wall`."""
    if viewer is None:
        return elsewhere(request, "/sign-in")
    look = look_of(request)
    live, templates = _live(request), _templates(request)
    frame = await live.frame(live.channel(look.language, viewer))
    words = Words(look.language, templates.texts[look.language], service.replica.registry)
    content = templates.render(
        look.language,
        "dashboard.html",
        look=look,
        frame=frame,
        words=words,
        spans=words.spans(),
        scope=_scope(words, viewer),
        now=service.time.now(),
        rate=service.time.rate,
        iso=iso,
    )
    return page(request, content)


def _scope(words: Words, caller: Caller) -> str:
    """Whose matters the viewer sees."""
    if caller.scope == "*":
        return words.gettext("全区")
    return words.street(caller.scope) if caller.of_street else words.department(caller.scope)


@streams.head("/events", include_in_schema=False)
async def may_listen(listener: Listener) -> Response:
    """204 or 401: a browser's EventSource does not tell why it was refused."""
    return Response(status_code=204, headers=PAGE_HEADERS)


@streams.get(
    "/events",
    summary="Server-sent events for the dashboard",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}, 401: PROBLEMS[401]},
)
async def events(
    request: Request,
    service: Here,
    listener: Listener,
    lang: Language = "zh",
    after: Annotated[str | None, Query(max_length=64, description="The position the page shows")] = None,
    last_event_id: Annotated[str | None, Header(max_length=64)] = None,
) -> StreamingResponse:
    """`hello {now, rate, until, as_of, build}` first, `beat {now, rate, until, as_of}` every 15 s, unnamed messages
    with fresh panels (panel → HTML), `resync` when the page is to be loaded again. Ids are positions of the event log.
    Never redirects."""

    async def still_welcome() -> bool:
        return await find_session_of(request, service) is not None

    live = _live(request)
    stream = live.stream(live.channel(lang, listener), last_event_id or after, still_welcome)
    return StreamingResponse(
        stream, media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
