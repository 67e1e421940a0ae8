"""The one call by which a service gets its pages: templates, the kit's files, the header's places, live panels."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from whistle_shared.auth import Caller, Right, Unauthenticated
from whistle_shared.pages.assets import Assets
from whistle_shared.pages.live import Live
from whistle_shared.pages.look import PAGE_HEADERS, Language
from whistle_shared.pages.maps import router as maps
from whistle_shared.pages.templating import Templates
from whistle_shared.pages.visitors import ElseFirst, admit, is_welcome
from whistle_shared.runtime import Here, Service, SignedIn
from whistle_shared.web import PROBLEMS

_PACKAGE = Path(__file__).parent
_STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass(frozen=True, slots=True)
class Place:
    """A page that the header leads to, and whose: `name` is marked for translation, `icon` one of the kit's."""

    path: str
    name: str
    icon: str
    right: Right


def pages_for(service: Service, packages: Sequence[Path], places: Sequence[Place] = ()) -> Live:
    """Give a service its pages. `packages`: where `templates/` and `locale/` lie, the first one first; `places`: in the
    order of the header; the first that somebody may see is where they come in. Returns the service's live pages."""
    state = service.app.state
    assets = Assets()
    state.assets = assets
    state.templates = Templates(*packages, _PACKAGE, assets=assets)
    state.places = tuple(places)
    state.live = Live(service, state.templates)
    service.duties["pages"] = state.live.run
    service.app.include_router(_streams)
    service.app.include_router(maps)
    service.app.mount("/static", assets, name="static")
    live: Live = state.live
    return live


_streams = APIRouter(tags=["pages"])


async def _listener(
    request: Request, session: SignedIn, topic: Annotated[str, Query(max_length=40, description="Which page")]
) -> Caller:
    """Whoever is signed in and may see this topic: a stream never sends anybody elsewhere."""
    if session is not None:
        request.state.caller = session.caller
    try:
        caller = admit(session)
    except ElseFirst:
        raise Unauthenticated("sign in first") from None
    live: Live = request.app.state.live
    caller.needs(live.topic(topic).right)
    return caller


@_streams.head("/live", include_in_schema=False)
async def may_listen(request: Request, session: SignedIn, topic: Annotated[str, Query(max_length=40)]) -> Response:
    """204 or a refusal: a browser's EventSource does not tell why it was refused."""
    await _listener(request, session, topic)
    return Response(status_code=204, headers=PAGE_HEADERS)


@_streams.get(
    "/live",
    summary="Server-sent events for an open page",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}, **{code: PROBLEMS[code] for code in (401, 403, 404)}},
)
async def events(
    request: Request,
    service: Here,
    session: SignedIn,
    topic: Annotated[str, Query(max_length=40, description="Which page")],
    about: Annotated[str, Query(max_length=200, description="The rest of the page's address")] = "",
    lang: Language = "zh",
    after: Annotated[str | None, Query(max_length=64, description="The contents the page shows")] = None,
    last_event_id: Annotated[str | None, Header(max_length=64)] = None,
) -> StreamingResponse:
    """`hello {now, rate, until, as_of, build}` first, `beat {now, rate, until, as_of}` every 15 s, unnamed messages
    with fresh panels (panel → HTML); an id names what the page shows then. Never redirects."""
    hearer = await _listener(request, session, topic)
    live: Live = request.app.state.live
    channel = live.channel(topic, lang, hearer, about)
    await live.frame(channel)  # what does not exist is told before a stream begins
    still_welcome = partial(is_welcome, request, service, channel.topic.right)
    stream = live.stream(channel, last_event_id or after, still_welcome)
    return StreamingResponse(stream, media_type="text/event-stream", headers=_STREAM_HEADERS)
