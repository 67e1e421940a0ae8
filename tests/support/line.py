"""A bare connection to a service: bytes out, answers in, for requests that no client would send."""

import asyncio
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from support.waiting import until


@dataclass(frozen=True)
class Line:
    """One TCP connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def to(cls, address: str) -> Self:
        """Open one to `http://host:port`."""
        parts = urlsplit(address)
        return cls(*await asyncio.open_connection(parts.hostname, parts.port))

    async def say(self, *pieces: bytes) -> None:
        """Send all of it. Raises ConnectionError when the other side has hung up."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def answer(self) -> httpx.Response:
        """The next answer, read by its Content-Length."""
        async with asyncio.timeout(20):
            head = await self.reader.readuntil(b"\r\n\r\n")
            status, _, fields = head.decode("latin-1").partition("\r\n")
            headers = httpx.Headers([_field(line) for line in fields.strip().splitlines()])
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return httpx.Response(int(status.split()[1]), headers=headers, content=body)

    async def is_hung_up(self) -> bool:
        """Wait until the other side closes; what it still says is thrown away. Raises TimeoutError if it does not."""
        async with asyncio.timeout(20):
            try:
                while await self.reader.read(65_536):
                    pass
            except ConnectionError:
                return True
        return True

    async def closes(self) -> None:
        """Wait until the other side is gone, without reading anything of what it said."""

        async def gone() -> bool:
            self.writer.write(b" ")
            return self.writer.transport.is_closing()

        await until(gone, "the other side to hang up")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: Any) -> None:
        self.writer.transport.abort()


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(": ")
    return name, value
