"""A browser below the browser: what it sends, and the stream that an open page hears."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson

from support.entrance import Entrance
from support.window import Somebody


@asynccontextmanager
async def visiting(entrance: Entrance, person: Somebody | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """What a browser sends, with a session if somebody is named."""
    headers = {"origin": entrance.address}
    async with httpx.AsyncClient(base_url=entrance.address, headers=headers, timeout=20, trust_env=False) as client:
        if person is not None:
            await enters(client, person)
        yield client


async def enters(client: httpx.AsyncClient, person: Somebody) -> None:
    answer = await client.post("/sign-in", data={"username": person.username, "password": person.password})
    assert answer.status_code == 303, answer.text


class Listening:
    """An open stream, read message by message."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def next(self, event: str | None = None) -> dict[str, Any]:
        """The next message (of this name): `event` (panels have none), `id`, `data`."""
        async with asyncio.timeout(20):
            while True:
                message = await self._read()
                if event in (None, message["event"]):
                    return message

    async def _read(self) -> dict[str, Any]:
        message: dict[str, Any] = {"event": "panels"}
        async for line in self._lines:
            name, _, value = line.partition(": ")
            if line == "" and "data" in message:
                return message
            if name in ("event", "id"):
                message[name] = value
            elif name == "data":
                message["data"] = orjson.loads(value)
        raise EOFError

    async def ends(self) -> None:
        """Read to the end of the stream."""
        async with asyncio.timeout(20):
            async for _ in self._lines:
                pass


@asynccontextmanager
async def listening(
    client: httpx.AsyncClient, headers: dict[str, str] | None = None, **query: Any
) -> AsyncIterator[Listening]:
    asked = {"topic": "dashboard", **query}
    async with client.stream("GET", "/live", params=asked, headers=headers or {}) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Listening(answer.aiter_lines())
