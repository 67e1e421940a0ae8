"""A service of the city at a real port of this machine, for what needs real HTTP: a browser, a stream."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial

import uvicorn

from support.city import City
from support.waiting import until
from whistle_shared.runtime.process import config_of
from whistle_shared.runtime.protocol import Bounds, GuardedProtocol


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ctrl-C belongs to pytest."""
        yield


class Entrance:
    """The way in to one service; it can be shut and opened again at the same address."""

    def __init__(self, city: City, producer: str, bounds: Bounds | None = None) -> None:
        """`bounds`: what a connection may take, where that is not the usual."""
        self._city = city
        self._producer = producer
        self._bounds = bounds
        self._port = 0
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        """Without a trailing slash."""
        return f"http://127.0.0.1:{self._port}"

    async def open(self) -> None:
        config = config_of(self._city.services[self._producer])
        config.port, config.timeout_graceful_shutdown = self._port, 5
        if self._bounds is not None:
            config.http = partial(GuardedProtocol, bounds=self._bounds)  # type: ignore[assignment]
        server = _Server(config)
        self._server, self._serving = server, asyncio.create_task(server.serve())

        async def listening() -> bool:
            return server.started

        await until(listening, f"{self._producer} to listen")
        self._port = server.servers[0].sockets[0].getsockname()[1]

    async def close(self) -> None:
        """As the process does at SIGTERM: streams are asked to end, then the server goes."""
        if self._server is not None and self._serving is not None:
            self._city.services[self._producer].stopping = True
            self._server.should_exit = True
            await self._serving
            self._city.services[self._producer].stopping = False
            self._server = None

    @asynccontextmanager
    async def shut(self) -> AsyncIterator[None]:
        """The whole service is down inside the block, and a fresh one opens at the same address after it."""
        await self.close()
        async with self._city.without(self._producer):
            yield
        await self.open()


@asynccontextmanager
async def opened(city: City, producer: str, bounds: Bounds | None = None) -> AsyncIterator[Entrance]:
    """One service at a port of this machine, for as long as the block lasts."""
    entrance = Entrance(city, producer, bounds)
    await entrance.open()
    try:
        yield entrance
    finally:
        await entrance.close()
