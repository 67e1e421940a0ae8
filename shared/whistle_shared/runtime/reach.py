"""Whose rows a request sees: none, until it is known who asks.

INVARIANT: no request sees rows by what another one was allowed, also where one task answers both.
"""

from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from whistle_shared.db import EVERYTHING, NOTHING, reaching


class Unreached:
    """Begins every request with nothing in reach, and takes back at its end what its caller had."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with reaching(NOTHING):
            await self._app(scope, receive, send)


async def as_the_system(duty: Callable[[], Awaitable[None]]) -> None:
    """Run a background duty, which is nobody's in particular: it sees everything."""
    with reaching(EVERYTHING):
        await duty()
