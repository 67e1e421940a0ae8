"""The dashboard's addresses: the page, its stream, and why a clock is due."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from whistle_escalation import queries
from whistle_escalation.pages import why as why_due
from whistle_escalation.pages.live import Live
from whistle_escalation.pages.words import Words, iso
from whistle_shared.auth import Caller
from whistle_shared.entrance import PageRoute, admit, is_welcome, listener, render, templates_of, visitor
from whistle_shared.runtime import Here, SignedIn, current_caller
from whistle_shared.web import PAGE_HEADERS, PROBLEMS, Language, look_of

pages = APIRouter(tags=["pages"], route_class=PageRoute)
streams = APIRouter(tags=["pages"])


def _live(request: Request) -> Live:
    live: Live = request.app.state.live
    return live


async def _reader(request: Request, service: Here, session: SignedIn) -> Caller:
    """Whoever is signed in, or brings a bearer token: programs explain deadlines too."""
    if session is None:
        caller = await current_caller(request, service)
        caller.needs("clock.read")
        return caller
    request.state.caller = session.caller
    return admit(session, "clock.read")


@pages.get("/clocks/{clock_id}/why", include_in_schema=False)
async def why(
    clock_id: UUID,
    request: Request,
    service: Here,
    reader: Annotated[Caller, Depends(_reader)],
    lang: Language | None = None,
) -> Response:
    """A fragment of a page: why a clock is due when it is."""
    explanation, row = await queries.explanation(service.engine, service.replica, reader, clock_id)
    language = lang or look_of(request).language
    templates = templates_of(request)
    words = Words(language, templates.texts[language], service.replica.registry)
    about = why_due.contents(words, explanation, row.title or "…", row.number or "")
    return HTMLResponse(templates.render(language, "_why.html", **about), headers=PAGE_HEADERS)


@pages.get("/", summary="The dashboard", response_class=HTMLResponse)
async def dashboard(request: Request, service: Here, viewer: Annotated[Caller, visitor("clock.read")]) -> Response:
    """Whoever is not signed in is sent to `/sign-in`. `?lang=zh|en`, `?theme=auto|light|dark`, `?mode=wall`."""
    language = look_of(request).language
    live = _live(request)
    words = Words(language, templates_of(request).texts[language], service.replica.registry)
    return render(
        request,
        "dashboard.html",
        frame=await live.frame(live.channel(language, viewer)),
        words=words,
        spans=words.spans(),
        scope=_scope(words, viewer),
        now=service.time.now(),
        rate=service.time.rate,
        iso=iso,
    )


def _scope(words: Words, caller: Caller) -> str:
    """Whose matters the viewer sees."""
    if caller.scope == "*":
        return words.gettext("全区")
    return words.street(caller.scope) if caller.of_street else words.department(caller.scope)


Listener = Annotated[Caller, listener("clock.read")]


@streams.head("/events", include_in_schema=False)
async def may_listen(hearer: Listener) -> Response:
    """204 or a refusal: a browser's EventSource does not tell why it was refused."""
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
    hearer: Listener,
    lang: Language = "zh",
    after: Annotated[str | None, Query(max_length=64, description="The position the page shows")] = None,
    last_event_id: Annotated[str | None, Header(max_length=64)] = None,
) -> StreamingResponse:
    """`hello {now, rate, until, as_of, build}` first, `beat {now, rate, until, as_of}` every 15 s, unnamed messages
    with fresh panels (panel → HTML), `resync` when the page is to be loaded again. Ids are positions of the event log.
    Never redirects."""

    live = _live(request)
    still_welcome = partial(is_welcome, request, service, "clock.read")
    stream = live.stream(live.channel(lang, hearer), last_event_id or after, still_welcome)
    return StreamingResponse(
        stream, media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
