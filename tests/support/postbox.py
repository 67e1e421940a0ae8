"""A provider of messages on this machine: keeps what it is told, and answers as a test wants."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from support.waiting import until


@dataclass
class Postbox:
    """What arrived, by path. `answers`: path → status for each request in turn, the last one for good; `says`: path →
    what else than success the body says; `hangs`: paths where the request is taken and never answered, `waits`: and not
    before."""

    port: int = 0
    arrived: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answers: dict[str, list[int]] = field(default_factory=dict)
    says: dict[str, bytes] = field(default_factory=dict)
    hangs: set[str] = field(default_factory=set)
    waits: dict[str, asyncio.Event] = field(default_factory=dict)

    def empty(self) -> None:
        """Nothing has arrived, and everything is answered well and at once."""
        for kept in (self.arrived, self.answers, self.says, self.hangs, self.waits):
            kept.clear()

    @property
    def entry(self) -> str:
        """For the setting `outgoing_allowed`."""
        return f"http://127.0.0.1:{self.port}"

    def address(self, path: str) -> str:
        """As Apprise writes it."""
        return f"json://127.0.0.1:{self.port}{path}"

    def at(self, path: str) -> list[dict[str, Any]]:
        """The messages that came to a path."""
        return [json.loads(body) for there, _, body in self.arrived if there == path]

    async def expects(self, path: str, n: int = 1) -> list[dict[str, Any]]:
        """Wait for so many messages at a path."""

        async def seen() -> list[dict[str, Any]] | None:
            found = self.at(path)
            assert len(found) <= n, found
            return found if len(found) == n else None

        return await until(seen, f"{n} messages at {path}")

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            path = head[0].split(" ")[1]
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.arrived.append((path, headers, body))
            if path in self.hangs:
                await reader.read()
                return
            if path in self.waits:
                await self.waits[path].wait()
            waiting = self.answers.get(path, [200])
            status = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            told = self.says.get(path, b'{"errcode":0}')
            said = f"HTTP/1.1 {status} said\r\nContent-Length: {len(told)}\r\nConnection: close\r\n\r\n"
            writer.write(said.encode() + told)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def postbox() -> AsyncIterator[Postbox]:
    """One that is open."""
    box = Postbox()
    server = await asyncio.start_server(box._take, "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
