"""500 open dashboards on one process of escalation: how soon each is sent a change, and what the process needs."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle, islice, product
from statistics import median
from time import monotonic
from urllib.parse import urlencode

import orjson
import psutil

from support.stage import Stage
from support.waiting import until
from whistle_local.ports import choose
from whistle_local.services import ROOMY, is_ready
from whistle_shared.timesource import wall_now

_MIB = 1 << 20
_PATIENCE = 60.0
Person = tuple[str, str]
THE_DISTRICT: tuple[Person, ...] = (("arbitrator", "*"),)
CONCERNED = (*THE_DISTRICT, ("operations", "*"), ("inspector", "*"), ("street_initiator", "S02"), ("handler", "CGJ"))
"""Whom the change below concerns: everybody else's dashboard is drawn anew and sent nothing."""


@dataclass(frozen=True, slots=True)
class Load:
    """`spans`: seconds from a change until a dashboard was sent it, for every dashboard and change."""

    what: str
    open: int
    kinds: int
    spans: list[float]
    rss: float
    """MiB, the most that was seen."""

    @property
    def told(self) -> str:
        ordered = sorted(self.spans)
        at = ordered[int(len(ordered) * 0.95)]
        return f"median {median(ordered):.2f} s, 95 % within {at:.2f} s, last {ordered[-1]:.2f} s, {self.rss:.0f} MiB"


async def load(stage: Stage, what: str, people: Iterable[Person], dashboards: int, changes: int) -> Load:
    """Open them, make changes, and measure. `people`: who looks, in Chinese and in English, by turns."""
    cookies = [await stage.session("escalation", *person) for person in people]
    kinds = list(product(cookies, ("zh", "en")))
    async with _process(stage) as (port, process), asyncio.TaskGroup() as group:
        lines = [await _opened(port, *kind) for kind in islice(cycle(kinds), dashboards)]
        listening = [group.create_task(line.listens()) for line in lines]
        spans, rss = [], 0
        for number in range(changes):
            spans += await _change(stage, lines, f"dashboards {what} {number}")
            rss = max(rss, process.memory_info().rss)
        for task in listening:
            task.cancel()
        for line in lines:
            line.writer.close()
    return Load(what, dashboards, len(kinds), spans, rss / _MIB)


async def _change(stage: Stage, lines: "list[_Line]", title: str) -> list[float]:
    """A street blows; everybody who may is told."""
    began = monotonic()
    for line in lines:
        line.waits_for, line.heard_at = title.encode(), None
    await stage.city.street("S02").blows("0702", departments=["CGJ"], title=title, distinct_reason="另一处")

    async def all_heard() -> bool:
        return all(line.heard_at for line in lines)

    await until(all_heard, f"{len(lines)} dashboards to be told", _PATIENCE)
    return [line.heard_at - began for line in lines if line.heard_at]


@dataclass
class _Line:
    """One open stream."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    waits_for: bytes = b""
    heard_at: float | None = None

    async def listens(self) -> None:
        while block := await self.reader.read(1 << 16):
            if self.waits_for and self.heard_at is None and self.waits_for in block:
                self.heard_at = monotonic()


async def _opened(port: int, cookie: tuple[str, str], language: str) -> _Line:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
    target = f"/live?{urlencode({'topic': 'dashboard', 'lang': language})}"
    writer.write(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {'='.join(cookie)}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head + await reader.read(1_000)
    await reader.readuntil(b"event: hello")
    return _Line(reader, writer)


@asynccontextmanager
async def _process(stage: Stage) -> AsyncIterator[tuple[int, psutil.Process]]:
    """escalation as a process of its own, in place of the city's. Half of its connections may be streams."""
    city = stage.city
    known = city.infrastructure
    port, now = choose(taken=[]), city.time.now().isoformat()
    settings = {
        "database_url": known.database_urls["escalation"],
        "amqp_url": known.amqp_urls["escalation"],
        "port": str(port),
        "limits": orjson.dumps(ROOMY).decode(),
        "limit_connections": "2000",
        "log_level": "WARNING",
        "time_anchor_business": now,
        "time_anchor_wall": wall_now().isoformat(),
        "time_until": now,
        **known.kept["escalation"],
    }
    environment = {**os.environ, **{f"WHISTLE_{name.upper()}": value for name, value in settings.items()}}
    async with city.without("escalation"):
        command = (sys.executable, "-m", "whistle_escalation", "serve")
        started = await asyncio.create_subprocess_exec(*command, env=environment)
        try:

            async def ready() -> bool:
                return await asyncio.to_thread(is_ready, port)

            await until(ready, "escalation to be ready", _PATIENCE)
            yield port, psutil.Process(started.pid)
        finally:
            started.terminate()
            await started.wait()
