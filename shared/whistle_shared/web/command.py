"""From a request to a command and back: idempotency keys and answers (EVENTS.md R12)."""

from typing import Annotated

from fastapi import Header, Request, Response

from whistle_shared.auth import Caller, Forbidden
from whistle_shared.db import Answer, Idempotency

_KEY = {"min_length": 1, "max_length": 200, "pattern": r"^[\x21-\x7e]+$"}
_ABOUT = "Any text of your own, up to 200 visible ASCII characters; a repeat with the same key gives the same answer"

IdempotencyKey = Annotated[str, Header(alias="Idempotency-Key", description=_ABOUT, **_KEY)]
OptionalIdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", description=_ABOUT, **_KEY)]


def keyed(caller: Caller, key: str | None, *asked: str) -> Idempotency | None:
    """The request as one that may come again, if it carries a key. `asked`: what tells it from another request."""
    return Idempotency.of(caller.actor, key, *asked) if key else None


def respond(answer: Answer, location: str | None = None) -> Response:
    """The HTTP response of a command's answer; a repeated one says so."""
    headers = {"Location": location} if location else {}
    if answer.replayed:
        headers["Idempotency-Replayed"] = "true"
    return Response(answer.body, answer.status, headers, media_type="application/json")


def require_own_page(request: Request) -> None:
    """Raises Forbidden unless a page of this very origin sent this: a browser's cookie goes with whatever is asked of
    us, from whichever page."""
    if request.headers.get("origin") != _origin(request):
        raise Forbidden("this can only be sent from its own page")


def _origin(request: Request) -> str:
    return f"{request.url.scheme}://{request.headers.get('host')}"


def comes_from_here(request: Request) -> bool:
    """Whether a link that was followed stood on a page of this very origin. Browsers say so over TLS and on their own
    machine; elsewhere the page they come from does, which ours let them name."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return request.headers.get("referer", "").startswith(f"{_origin(request)}/")
