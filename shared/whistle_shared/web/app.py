"""The FastAPI application every service starts from: problems, limits, headers, probes, metrics."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from whistle_shared.web.body import BodyLimit, StrictRoute
from whistle_shared.web.docs import install_docs
from whistle_shared.web.problems import install, problem

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


class SecurityHeaders:
    """Adds to every answer the headers that cost nothing and close doors; a page brings a policy of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


def make_app(
    title: str,
    description: str,
    ready: Callable[[], Awaitable[str | None]],
    metrics: Callable[[], Awaitable[bytes]],
) -> FastAPI:
    """An application with `/livez /readyz /metrics /openapi.json /docs`. `ready` returns what is missing, or None."""
    app = FastAPI(title=title, description=description, version="1", docs_url=None, redoc_url=None)
    app.router.route_class = StrictRoute
    install(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(SecurityHeaders)
    install_docs(app)

    @app.get("/livez", tags=["operations"], summary="The process answers")
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", tags=["operations"], summary="The process can do its job")
    async def readyz() -> Response:
        missing = await ready()
        if missing is not None:
            return problem(503, "Not ready", missing)
        return Response('{"status":"ready"}', media_type="application/json")

    @app.get("/metrics", tags=["operations"], summary="Prometheus metrics")
    async def metrics_route() -> Response:
        return Response(await metrics(), media_type="text/plain; version=0.0.4")

    return app
