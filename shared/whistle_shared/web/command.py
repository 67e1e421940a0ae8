"""From a request to a command and back: idempotency keys and answers (EVENTS.md R12)."""

from typing import Annotated

from fastapi import Header, Response

from whistle_shared.auth import Caller
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
