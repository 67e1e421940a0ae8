"""The FastAPI application every service starts from: problems, limits, headers, probes, metrics."""

import hmac
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import PlainTextResponse

from whistle_shared.auth import Unauthenticated
from whistle_shared.web.body import StrictRoute
from whistle_shared.web.docs import install_docs
from whistle_shared.web.gate import Gate
from whistle_shared.web.headers import Outermost
from whistle_shared.web.limits import Limits, Slots
from whistle_shared.web.models import PROBLEMS
from whistle_shared.web.problems import install, problem

_LOCAL = ("127.0.0.1", "::1")
_FORWARDED = ("forwarded", "x-forwarded-for", "via")
# A page of 100 kB in 1 ms to a tenth of it; a higher level costs more time than it saves on the way.
_GZIP_FROM, _GZIP_LEVEL = 1_000, 4


def make_app(
    title: str,
    description: str,
    ready: Callable[[], Awaitable[str | None]],
    metrics: Callable[[], Awaitable[bytes]],
    limits: Limits,
    slots: Slots,
    metrics_token: str = "",
) -> FastAPI:
    """An application with `/livez /readyz /metrics /openapi.json /docs`. `ready` returns what is missing, or None."""
    app = FastAPI(title=title, description=description, version="1", docs_url=None, redoc_url=None)
    app.router.route_class = StrictRoute
    app.state.limits = limits
    install(app)
    app.add_middleware(GZipMiddleware, minimum_size=_GZIP_FROM, compresslevel=_GZIP_LEVEL)
    app.add_middleware(Gate, limits=limits, slots=slots)
    app.add_middleware(Outermost)
    install_docs(app)

    @app.get("/livez", tags=["operations"], summary="The process answers")
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", tags=["operations"], summary="The process can do its job", responses={503: PROBLEMS[503]})
    async def readyz() -> Response:
        missing = await ready()
        if missing is not None:
            return problem(503, "Not ready", missing)
        return Response('{"status":"ready"}', media_type="application/json")

    @app.get(
        "/metrics",
        tags=["operations"],
        summary="Prometheus metrics",
        response_class=PlainTextResponse,
        responses={401: PROBLEMS[401], 429: PROBLEMS[429], 503: PROBLEMS[503]},
    )
    async def metrics_route(request: Request) -> Response:
        """For this machine, and elsewhere for who brings the bearer token of the setting `WHISTLE_METRICS_TOKEN`."""
        if not (_is_local(request) or _has_token(request, metrics_token)):
            raise Unauthenticated("metrics are for this machine, or for the token that was set for them")
        return Response(await metrics(), media_type="text/plain; version=0.0.4")

    return app


def _is_local(request: Request) -> bool:
    """From this very machine, and not through a proxy on it."""
    forwarded = any(name in request.headers for name in _FORWARDED)
    return request.client is not None and request.client.host in _LOCAL and not forwarded


def _has_token(request: Request, wanted: str) -> bool:
    given = request.headers.get("authorization", "")
    return bool(wanted) and hmac.compare_digest(given.encode(), f"Bearer {wanted}".encode())
