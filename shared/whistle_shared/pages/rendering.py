"""From a page's route to the browser: templates in the reader's language, and what goes wrong said as a page."""

from collections.abc import Callable, Coroutine
from datetime import datetime
from functools import partial
from gettext import NullTranslations
from math import ceil
from typing import Any
from urllib.parse import quote, urlencode

import structlog
from babel.dates import format_datetime
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute

from whistle_shared.auth import ROLES, Caller, Forbidden, Role
from whistle_shared.db import is_outage, is_transient
from whistle_shared.errors import Conflict, Invalid, NotFound, Unavailable
from whistle_shared.pages.live import Live
from whistle_shared.pages.look import PAGE_HEADERS, Language, elsewhere, look_of, page
from whistle_shared.pages.templating import Templates
from whistle_shared.pages.visitors import SIGN_IN, ElseFirst
from whistle_shared.pages.words import SHANGHAI, Words, iso
from whistle_shared.runtime import Service
from whistle_shared.web import TooMany

log = structlog.get_logger(__name__)
_TRY_AGAIN = "5"
_SHORTLY = 2


def templates_of(request: Request) -> Templates:
    """The templates of the service that is answering."""
    templates: Templates = request.app.state.templates
    return templates


def render(request: Request, name: str, code: int = 200, /, **context: Any) -> Response:
    """A whole page from a template that extends `page.html`; `code`: the
    answer's status; `context` is for the template alone."""
    look, service = look_of(request), request.app.state.service
    frame = {
        "look": look,
        "caller": getattr(request.state, "caller", None),
        "barred": getattr(request.state, "barred", False),
        "places": request.app.state.places,
        "sites": service.settings.sites,
        "path": request.url.path,
        "here": partial(here, request),
        "words": words_of(request),
        "now": service.time.now(),
        "rate": service.time.rate,
        "until": service.settings.time_until,
        "service_name": service.name.partition(".")[0],
        "iso": iso,
        "moment": partial(moment, look.language),
        "role_name": partial(role_name, look.language),
    }
    return page(request, templates_of(request).render(look.language, name, **frame, **context), code)


async def live_page(
    request: Request, name: str, topic: str, caller: Caller, about: str = "", /, **context: Any
) -> Response:
    """A page whose panels keep themselves fresh: its template extends `page.html` and puts `panel(frame, "…")` where
    they belong. Raises NotFound when the topic has nothing for this caller."""
    live: Live = request.app.state.live
    channel = live.channel(topic, look_of(request).language, caller, about)
    frame = await live.frame(channel)
    return render(request, name, frame=frame, topic=topic, about=about, **context)


def fragment(request: Request, name: str, code: int = 200, /, **context: Any) -> Response:
    """A part of a page, fetched by itself."""
    look, service = look_of(request), request.app.state.service
    about = {"words": words_of(request), "now": service.time.now(), "caller": getattr(request.state, "caller", None)}
    content = templates_of(request).render(look.language, name, **about, **context)
    return HTMLResponse(content, code, PAGE_HEADERS)


def here(request: Request, **other: str) -> str:
    """This page's own address with other values: `?lang=en`, and whatever else it says already."""
    said = [(name, value) for name, value in request.query_params.multi_items() if name not in other]
    return f"?{urlencode([*said, *other.items()])}"


def words_of(request: Request) -> Words:
    """What is said in the reader's language about the registry as it is known here."""
    service: Service = request.app.state.service
    return Words(look_of(request).language, texts_of(request), service.replica.registry)


def moment(language: Language, at: datetime | None) -> str:
    """An instant of wall time for a person in Shanghai: `2026-06-01 10:32`."""
    return format_datetime(at, "yyyy-MM-dd HH:mm", tzinfo=SHANGHAI, locale=language) if at is not None else ""


def role_name(language: Language, role: Role) -> str:
    """What a role is called."""
    return ROLES[role].zh if language == "zh" else ROLES[role].en[0].upper() + ROLES[role].en[1:]


def duration(request: Request, seconds: int) -> str:
    """How long somebody has to wait, rounded up."""
    texts = texts_of(request)
    if seconds < 60:
        return texts.ngettext("%(n)s 秒", "%(n)s 秒", seconds) % {"n": seconds}
    minutes = ceil(seconds / 60)
    return texts.ngettext("%(n)s 分钟", "%(n)s 分钟", minutes) % {"n": minutes}


def busy(answer: Response, wait: int) -> Response:
    """Says to programs, too, after how many seconds to come again; 0: they may at once."""
    if wait:
        answer.headers["Retry-After"] = str(wait)
    return answer


def texts_of(request: Request) -> NullTranslations:
    """The texts in the reader's language, for what does not stand in a template."""
    return templates_of(request).texts[look_of(request).language]


class PageRoute(APIRoute):
    """A page's reader gets a page whatever happens: sent on to what comes first, told what is not theirs, or, while
    the database is away, a page that tries again."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                answered = await handle(request)
                if answered.status_code == 422:
                    await _noted(request, Invalid("form", "was sent back to be mended"))
                return answered
            except RequestValidationError:
                await _noted(request, Invalid("address", "does not fit"))
                raise
            except ElseFirst as first:
                return _send_on(request, first.path)
            except (Forbidden, NotFound, Conflict) as error:
                await _noted(request, error)
                status = 404 if isinstance(error, NotFound) else 409 if isinstance(error, Conflict) else 403
                return _closed(request, status)
            except TooMany as error:
                await _noted(request, error)
                return _too_many(request, error.wait)
            except Unavailable:
                return _too_many(request, _SHORTLY)
            except Exception as error:
                if not (is_outage(error) or is_transient(error)):
                    raise
                log.warning("page.unavailable", path=request.url.path, error=repr(error)[:300])
                return _unavailable(request)

        return answer


def _send_on(request: Request, path: str) -> Response:
    """Whoever has to sign in first comes back to the page they wanted to see."""
    wanted = request.url.path != "/" and not request.url.path.startswith(SIGN_IN)
    if path == SIGN_IN and request.method == "GET" and wanted:
        query = f"?{request.url.query}" if request.url.query else ""
        return elsewhere(request, f"{path}?next={quote(request.url.path + query, safe='')}")
    return elsewhere(request, path)


async def _noted(request: Request, error: Exception) -> None:
    """Whom a page turns away stands in the audit before they are told."""
    await request.app.state.service.refused(request, error)


def _closed(request: Request, status: int, left: str = "") -> Response:
    return render(request, "closed.html", status, status=status, left=left)


def _too_many(request: Request, wait: int) -> Response:
    return busy(_closed(request, 429, duration(request, wait)), wait)


def _unavailable(request: Request) -> Response:
    answer = _closed(request, 503)
    answer.headers["Refresh"] = _TRY_AGAIN
    return answer
