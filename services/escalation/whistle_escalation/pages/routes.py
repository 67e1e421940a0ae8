"""The dashboard's addresses: the page, its stream, signing in and out."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from whistle_escalation import commands, queries
from whistle_escalation.pages.live import Live
from whistle_escalation.pages.words import Words, iso
from whistle_shared.auth import Caller, Unauthenticated
from whistle_shared.runtime import Here, Service
from whistle_shared.web import (
    PAGE_HEADERS,
    PROBLEMS,
    Language,
    Look,
    Templates,
    elsewhere,
    form_of,
    look_of,
    page,
    set_session_cookie,
)

router = APIRouter(tags=["pages"])
COOKIE = "whistle_session_escalation"


def _templates(request: Request) -> Templates:
    templates: Templates = request.app.state.templates
    return templates


def _live(request: Request) -> Live:
    live: Live = request.app.state.live
    return live


async def viewer(service: Service, secret: str) -> Caller | None:
    """Who is signed in with this cookie, or None. A session in use is renewed."""
    session = await queries.session(service.engine, secret) if secret else None
    if session is None:
        return None
    if session.ageing:
        async with service.group.unit() as unit:
            commands.stay_signed_in(unit, secret)
    return session.caller


@router.get("/", summary="The dashboard", response_class=HTMLResponse)
async def dashboard(request: Request, service: Here) -> Response:
    """Whoever is not signed in is sent to `/sign-in`. `?lang=zh|en`, `?theme=auto|light|dark`, `?mode=wall`."""
    look = look_of(request)
    caller = await viewer(service, request.cookies.get(COOKIE, ""))
    if caller is None:
        return elsewhere(request, "/sign-in")
    live, templates = _live(request), _templates(request)
    frame = await live.frame(live.channel(look.language, caller))
    words = Words(look.language, templates.texts[look.language], service.replica.registry)
    content = templates.render(
        look.language,
        "dashboard.html",
        look=look,
        frame=frame,
        words=words,
        spans=words.spans(),
        scope=_scope(words, caller),
        now=service.time.now(),
        rate=service.time.rate,
        iso=iso,
    )
    return page(request, content)


def _scope(words: Words, caller: Caller) -> str:
    """Whose matters the viewer sees."""
    if caller.scope == "*":
        return words.gettext("全区")
    return words.street(caller.scope) if caller.role == "street" else words.department(caller.scope)


@router.head("/events", include_in_schema=False)
async def may_listen(request: Request, service: Here) -> Response:
    """204 or 401: a browser's EventSource does not tell why it was refused."""
    if await viewer(service, request.cookies.get(COOKIE, "")) is None:
        raise Unauthenticated("sign in first")
    return Response(status_code=204, headers=PAGE_HEADERS)


@router.get(
    "/events",
    summary="Server-sent events for the dashboard",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}, 401: PROBLEMS[401]},
)
async def events(
    request: Request,
    service: Here,
    lang: Language = "zh",
    after: Annotated[str | None, Query(max_length=64, description="The position the page shows")] = None,
    last_event_id: Annotated[str | None, Header(max_length=64)] = None,
) -> StreamingResponse:
    """`hello {now, rate, until, as_of, build}` first, `beat {now, rate, until, as_of}` every 15 s, unnamed messages
    with fresh panels (panel → HTML), `resync` when the page is to be loaded again. Ids are positions of the event log.
    Never redirects."""
    secret = request.cookies.get(COOKIE, "")
    caller = await viewer(service, secret)
    if caller is None:
        raise Unauthenticated("sign in first")
    live = _live(request)
    stream = live.stream(live.channel(lang, caller), last_event_id or after, partial(_still, service, secret))
    return StreamingResponse(
        stream, media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )


async def _still(service: Service, secret: str) -> bool:
    return await viewer(service, secret) is not None


@router.get("/sign-in", include_in_schema=False)
async def sign_in_page(request: Request, service: Here) -> Response:
    look = look_of(request)
    if await viewer(service, request.cookies.get(COOKIE, "")) is not None:
        return elsewhere(request, "/")
    return page(request, _sign_in_form(request, look, failed=False))


def _sign_in_form(request: Request, look: Look, *, failed: bool) -> str:
    return _templates(request).render(look.language, "sign_in.html", look=look, failed=failed)


@router.post("/sign-in", include_in_schema=False)
async def sign_in(request: Request, service: Here) -> Response:
    """Opens a session for the token's holder. A wrong token brings the form back with a word about it (401)."""
    form, look = await form_of(request), look_of(request)
    try:
        caller = await service.tokens.caller(form.get("token", "").strip())
    except Unauthenticated:
        return page(request, _sign_in_form(request, look, failed=True), 401)
    async with service.group.unit() as unit:
        secret = await commands.sign_in(unit, caller)
    answer = elsewhere(request, "/")
    set_session_cookie(request, answer, COOKIE, secret)
    return answer


@router.post("/sign-out", include_in_schema=False)
async def sign_out(request: Request, service: Here) -> Response:
    """Ends the session, here and for whoever else has the cookie."""
    await form_of(request)
    async with service.group.unit() as unit:
        commands.sign_out(unit, request.cookies.get(COOKIE, ""))
    answer = elsewhere(request, "/sign-in")
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer
