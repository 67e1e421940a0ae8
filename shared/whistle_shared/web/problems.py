"""Errors as RFC 9457 problem documents: one table from exception to status, and nothing leaks.

They are written in English; whoever prefers Chinese (`Accept-Language`) gets it as the answer goes out.

INVARIANT: an answer says what is wrong with the request and nothing of how we work: no trace, no statement, no path.
"""

from collections.abc import Mapping
from typing import Any

import asyncpg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from whistle_shared.auth import Forbidden, Unauthenticated
from whistle_shared.db import KeyReused, is_outage, is_transient
from whistle_shared.errors import Conflict, IllegalTransition, Invalid, NotFound, Unavailable
from whistle_shared.web.chinese import in_chinese, prefers_chinese
from whistle_shared.web.limits import Limits, TooMany

log = structlog.get_logger(__name__)
_MOST_FAULTS = 20
_MOST_NAME = 100
_TRIED = ("function-", "literal[")
_DRIVER = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
MEDIA_TYPE = "application/problem+json"
_TABLE: dict[type[Exception], tuple[int, str]] = {
    Unauthenticated: (401, "Sign in first"),
    Forbidden: (403, "Not allowed"),
    NotFound: (404, "Not found"),
    IllegalTransition: (409, "Not possible in this state"),
    Conflict: (409, "Conflict"),
    Invalid: (422, "Invalid input"),
    KeyReused: (422, "Idempotency key used for another request"),
    Unavailable: (503, "Not available now"),
}


class Malformed(Exception):
    """A request that cannot be read at all."""

    def __init__(self, status: int, reason: str) -> None:
        self.status, self.reason = status, reason
        super().__init__(reason)


class ProblemDocument(JSONResponse):
    """Only when it is sent is it known who reads it, and so in which language."""

    media_type = MEDIA_TYPE

    def __init__(self, content: dict[str, Any], status: int, headers: Mapping[str, str]) -> None:
        self._content = content
        super().__init__(content, status, {**headers, "Vary": "Accept-Language"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if prefers_chinese(Headers(scope=scope).get("accept-language", "")):
            self.body = self.render(in_chinese(self._content))
            self.headers["Content-Length"] = str(len(self.body))
        await super().__call__(scope, receive, send)


def problem(status: int, title: str, detail: str = "", **more: Any) -> ProblemDocument:
    """A problem document. 401 and 503 carry the headers that go with them."""
    headers = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "2"}}.get(status, {})
    content = {"type": "about:blank", "title": title, "status": status} | ({"detail": detail} if detail else {}) | more
    return ProblemDocument(content, status, headers)


def too_many(error: TooMany) -> JSONResponse:
    """429: which budget is spent, and when there is a new one."""
    answer = problem(429, "Too many requests", f"{error}; try again in {error.wait} s", budget=error.name)
    answer.headers["Retry-After"] = str(error.wait)
    return answer


def install(app: FastAPI) -> None:
    """Answer every exception with a problem document."""
    for kind in _TABLE:
        app.add_exception_handler(kind, _known)
    app.add_exception_handler(Unauthenticated, _unauthenticated)
    app.add_exception_handler(Malformed, _malformed)
    app.add_exception_handler(TooMany, _too_many)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    for kind in (SQLAlchemyError, OSError, *_DRIVER):
        app.add_exception_handler(kind, unexpected)


async def note_refusal(request: Request, error: Exception) -> None:
    """Have the service write down whom it turns away, before they are told."""
    service = getattr(request.app.state, "service", None)
    if service is not None:
        await service.refused(request, error)


async def _known(request: Request, error: Exception) -> JSONResponse:
    await note_refusal(request, error)
    status, title = _TABLE[type(error)]
    more: dict[str, Any] = {}
    if isinstance(error, Invalid):
        more["errors"] = [{"field": error.field, "reason": error.reason}]
    if isinstance(error, IllegalTransition):
        more |= {"state": error.state, "legal": list(error.legal)}
    return problem(status, title, str(error), **more)


async def _unauthenticated(request: Request, error: Exception) -> JSONResponse:
    """An address that goes on asking without a good credential is told to wait; who has a good one is not touched."""
    limits: Limits = request.app.state.limits
    try:
        limits.spend_of_stranger(request.scope)
    except TooMany as spent:
        return await _too_many(request, spent)
    return await _known(request, error)


async def _too_many(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, TooMany)
    await note_refusal(request, error)
    return too_many(error)


async def _malformed(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Malformed)
    return problem(error.status, "Malformed request", error.reason)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    reasons: dict[str, str] = {}
    for item in error.errors():
        reasons.setdefault(_field(item["loc"]), _reason(item))  # what may be one of two has a fault for either
    found = [{"field": field, "reason": reason} for field, reason in reasons.items()][:_MOST_FAULTS]
    status = 400 if any(item["field"] == "Idempotency-Key" for item in found) else 422
    return problem(status, "Invalid input", f"{found[0]['field']}: {found[0]['reason']}", errors=found)


def _field(location: tuple[int | str, ...]) -> str:
    """`("body", "place", 0)` → `place.0`; a header keeps its name; a name that nobody gave us is cut; which of its
    types was tried is left out."""
    path = [part for part in map(str, location[1:]) if not part.startswith(_TRIED)]
    return ".".join(part[:_MOST_NAME] for part in path) or str(location[0])


def _reason(item: Mapping[str, Any]) -> str:
    """What is wrong with a field; where the validator speaks of its own workings, in plainer words."""
    about = item.get("ctx", {})
    counted = "characters" if isinstance(item.get("input"), str) else "entries"
    match item["type"]:
        case "value_error" if "error" in about:
            return str(about["error"])
        case "too_short" | "string_too_short" if about["min_length"] == 1:
            return "must not be empty"
        case "too_long":
            return f"has {about['actual_length']} {counted}; at most {about['max_length']} are allowed"
    return str(item["msg"])


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    answer = problem(error.status_code, str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def unexpected(request: Request, error: Exception) -> JSONResponse:
    """What nobody foresaw: the log has all of it, the answer nothing."""
    if is_outage(error) or is_transient(error) or isinstance(error, TimeoutError):
        log.warning("http.unavailable", path=request.url.path, error=repr(error)[:300])
        return problem(503, "Not available now", "The database cannot be reached; nothing was lost, try again.")
    log.error("http.failed", path=request.url.path, exc_info=error)
    return problem(500, "Internal error", "The failure has been logged.")
