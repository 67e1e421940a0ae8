"""What every answer carries, refusals and failures too: headers that close doors."""

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from whistle_shared.web.problems import unexpected

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
HSTS = "max-age=63072000; includeSubDomains"
Field = tuple[bytes, bytes]
_ALWAYS: list[Field] = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
_WITH_TLS: list[Field] = [*_ALWAYS, (b"strict-transport-security", HSTS.encode())]


class Outermost:
    """Adds the headers; a page or a file brings a policy of its own. What nobody caught is answered here, so that the
    headers are on that answer as well."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = [*message.get("headers", ()), *missing(message, scope["scheme"] == "https")]
            await send(message)

        try:
            await self._app(scope, receive, with_headers)
        except Exception as error:
            if begun:
                raise
            answer = await unexpected(Request(scope), error)
            await answer(scope, receive, with_headers)


def missing(start: Message, secure: bool) -> list[Field]:
    """What an answer that starts so does not have yet. A file with a mark (ETag) may be kept: it is asked for again."""
    there = {name.lower() for name, _ in start.get("headers", ())}
    if b"etag" in there:
        there.add(b"cache-control")
    return [field for field in (_WITH_TLS if secure else _ALWAYS) if field[0] not in there]
