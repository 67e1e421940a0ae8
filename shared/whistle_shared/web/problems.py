"""Errors as RFC 9457 problem documents: one table from exception to status, and nothing leaks."""

from collections.abc import Mapping
from typing import Any

import asyncpg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from whistle_shared.auth import Forbidden, Unauthenticated
from whistle_shared.db import KeyReused, is_outage, is_transient
from whistle_shared.errors import Conflict, IllegalTransition, Invalid, NotFound, Unavailable

log = structlog.get_logger(__name__)
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


def problem(status: int, title: str, detail: str = "", **more: Any) -> JSONResponse:
    """A problem document. 401 and 503 carry the headers that go with them."""
    headers = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "2"}}.get(status)
    content = {"type": "about:blank", "title": title, "status": status} | ({"detail": detail} if detail else {}) | more
    return JSONResponse(content, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def install(app: FastAPI) -> None:
    """Answer every exception with a problem document."""
    for kind in _TABLE:
        app.add_exception_handler(kind, _known)
    app.add_exception_handler(Malformed, _malformed)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    for kind in (SQLAlchemyError, OSError, *_DRIVER, Exception):
        app.add_exception_handler(kind, _unexpected)


async def _known(request: Request, error: Exception) -> JSONResponse:
    status, title = _TABLE[type(error)]
    more: dict[str, Any] = {}
    if isinstance(error, Invalid):
        more["errors"] = [{"field": error.field, "reason": error.reason}]
    if isinstance(error, IllegalTransition):
        more |= {"state": error.state, "legal": list(error.legal)}
    return problem(status, title, str(error), **more)


async def _malformed(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Malformed)
    return problem(error.status, "Malformed request", error.reason)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = [{"field": _field(item["loc"]), "reason": _reason(item)} for item in error.errors()]
    missing_key = any(item["field"] == "Idempotency-Key" for item in found)
    status = 400 if missing_key or any(item["type"] == "json_invalid" for item in error.errors()) else 422
    return problem(status, "Invalid input", f"{found[0]['field']}: {found[0]['reason']}", errors=found)


def _field(location: tuple[int | str, ...]) -> str:
    """`("body", "place", 0)` → `place.0`; a header keeps its name."""
    return ".".join(str(part) for part in location[1:]) or str(location[0])


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
    return problem(error.status_code, str(error.detail))


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    if is_outage(error) or is_transient(error) or isinstance(error, TimeoutError):
        log.warning("http.unavailable", path=request.url.path, error=repr(error)[:300])
        return problem(503, "Not available now", "The database cannot be reached; nothing was lost, try again.")
    log.error("http.failed", path=request.url.path, exc_info=error)
    return problem(500, "Internal error", "The failure has been logged.")
