"""Reading bodies strictly: JSON by orjson (no NaN, no lone surrogate, no runaway nesting, no key said twice), of one
content type, within a size and a time.

INVARIANT: what waits in memory of bodies is bounded, whatever is sent and however slowly.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message, Receive, Scope

from whistle_shared.errors import Unavailable
from whistle_shared.web.limits import TooManyPhotos, address_of
from whistle_shared.web.problems import Malformed

MOST_DEPTH = 32
MOST_KEYS = 5_000
SECONDS = 20.0
"""How long a body may take; a large one longer, as long as it comes at SLOWEST."""
SLOWEST = 32 * 1024  # bytes a second
LARGE = 256 * 1024
MOST_LARGE = 64 * 1024 * 1024
"""How many bytes of large bodies (photos) may be on their way together."""
MOST_OF_ONE = 24 * 1024 * 1024
"""And from one address: two of the largest, or half a dozen as a phone makes them."""
_SHORTLY = 5


class StrictRequest(Request):
    """A request whose JSON has been read already, by rules that accept what we can store and nothing else."""

    parsed: Any = None

    async def json(self) -> Any:
        return self.parsed


class StrictRoute(APIRoute):
    """Every JSON route reads its body through StrictRequest and refuses other content types."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        takes_body = self.body_field is not None

        async def strict(request: Request) -> Response:
            reading = StrictRequest(request.scope, request.receive)
            if takes_body:
                _require_json(request)
                reading.parsed = parse(await reading.body())
            return await handle(reading)

        return strict


def parse(body: bytes) -> Any:
    """What a body says; None for an empty one. Raises Malformed (400)."""
    if not body:
        return None
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(400, f"the body is not valid JSON: {error}") from None
    # As many colons as keys: nothing was said twice. More: some stand in texts, or a key came again.
    if _keys_in(parsed) != body.count(b":"):
        json.loads(body, object_pairs_hook=_distinct, parse_int=str, parse_float=str)
    return parsed


def _keys_in(value: Any) -> int:
    """How many keys its objects have together. Raises Malformed for too many, and for nesting beyond MOST_DEPTH."""
    keys, level = 0, [value]
    for _ in range(MOST_DEPTH + 1):
        objects = [item for item in level if isinstance(item, dict)]
        keys += sum(map(len, objects))
        if keys > MOST_KEYS:
            raise Malformed(400, f"the body has more than {MOST_KEYS} keys")
        inner = [child for item in objects for child in item.values() if isinstance(child, dict | list)]
        inner += [child for item in level if isinstance(item, list) for child in item if isinstance(child, dict | list)]
        if not inner:
            return keys
        level = inner
    raise Malformed(400, f"the body is nested more than {MOST_DEPTH} deep")


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise Malformed(400, f"the key {name[:100]!r} is said twice")
        seen.add(name)


def _require_json(request: Request) -> None:
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if kind.strip().lower() != "application/json" or charset not in ("", "utf-8"):
        raise Malformed(415, "the content type must be application/json in UTF-8")


class Bodies:
    """Reads the bodies of one process's requests; knows how much of large ones is on its way."""

    def __init__(self) -> None:
        self.large: Counter[str] = Counter()

    async def read(self, scope: Scope, receive: Receive, most: int) -> bytes | None:
        """The whole body of a request; None when whoever sent it has gone.

        Raises Malformed (413, 408, 415) and, for a large one, TooMany when its address sends too many of them, and
        Unavailable when all together do.
        """
        headers = dict(scope["headers"])
        if headers.get(b"content-encoding", b"identity").strip().lower() not in (b"identity", b""):
            raise Malformed(415, "compressed bodies are not accepted")
        announced = headers.get(b"content-length")
        if announced is None and b"transfer-encoding" not in headers:
            return b""
        if announced is not None and (not announced.isdigit() or int(announced[:20]) > most):
            raise too_large(most)
        if most <= LARGE:
            return await _whole(receive, most)
        room = most if announced is None else int(announced[:20])  # none comes longer than it is announced
        with self._on_its_way(address_of(scope), room):
            return await _whole(receive, room)

    @contextmanager
    def _on_its_way(self, address: str, room: int) -> Iterator[None]:
        """Raises TooMany and Unavailable."""
        if self.large[address] + room > MOST_OF_ONE:
            raise TooManyPhotos("this address is sending as many photos at once as one may", _SHORTLY)
        if self.large.total() + room > MOST_LARGE:
            raise Unavailable("too many large bodies are on their way; try again shortly")
        self.large[address] += room
        try:
            yield
        finally:
            self.large -= Counter({address: room})  # forgets who has nothing on its way


def too_large(most: int) -> Malformed:
    return Malformed(413, f"the body is larger than {most} bytes")


async def _whole(receive: Receive, most: int) -> bytes | None:
    parts: list[bytes] = []
    size, began = 0, monotonic()
    while True:
        message = await _next(receive, began + SECONDS + size / SLOWEST)
        if message["type"] != "http.request":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise too_large(most)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def _next(receive: Receive, deadline: float) -> Message:
    try:
        async with asyncio.timeout(deadline - monotonic()):
            return await receive()
    except TimeoutError:
        raise Malformed(408, f"the body did not come within {SECONDS:.0f} seconds") from None
