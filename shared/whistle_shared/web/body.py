"""Reading bodies strictly: JSON by orjson (no NaN, no lone surrogate, no runaway nesting), of one content type."""

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from whistle_shared.web.problems import Malformed, problem

MOST_BYTES = 256 * 1024


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
                reading.parsed = _parse(await reading.body())
            return await handle(reading)

        return strict


def _parse(body: bytes) -> Any:
    if not body:
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(400, f"the body is not valid JSON: {error}") from None


def _require_json(request: Request) -> None:
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if kind.strip().lower() != "application/json" or charset not in ("", "utf-8"):
        raise Malformed(415, "the content type must be application/json in UTF-8")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Malformed(415, "compressed bodies are not accepted")


class BodyLimit:
    """Refuses bodies over 256 KiB, announced or not (413)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > MOST_BYTES:
            await _too_large(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > MOST_BYTES:
                raise Malformed(413, f"the body is larger than {MOST_BYTES} bytes")
            return message

        await self._app(scope, counted, send)


async def _too_large(scope: Scope, receive: Receive, send: Send) -> None:
    answer = problem(413, "Malformed request", f"the body is larger than {MOST_BYTES} bytes")
    await answer(scope, receive, send)
