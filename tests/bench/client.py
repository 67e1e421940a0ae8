"""The client: keep-alive connections, each sending its next request when the last one is answered.

Runs as a process of its own (`python -m bench.client`: a plan in JSON on standard input, the outcome on standard
output) and says how much of a core it used, so that it can be seen not to be the bottleneck.
Instants are CLOCK_MONOTONIC seconds, which all processes of a machine share.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import count
from time import monotonic, process_time
from typing import cast

import httptools
import orjson
import uvloop

PATH = "/api/v1/whistles"


@dataclass(frozen=True, slots=True)
class Plan:
    """`total` POSTs over so many connections; bodies in turn; `prefix` makes the idempotency keys the run's own."""

    port: int
    token: str
    bodies: list[str]
    total: int
    connections: int
    prefix: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """When the first request went out and the last answer came, answers by status, p50, p95 and p99 of the wait for
    one, and the client's own cost."""

    started: float
    ended: float
    statuses: dict[str, int]
    answer_ms: dict[str, float]
    cpu_seconds: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return sum(self.statuses.values()) / (self.ended - self.started)

    @property
    def busy(self) -> float:
        """The share of one core that the client used."""
        return self.cpu_seconds / (self.ended - self.started)


class Connection(asyncio.Protocol):
    """One keep-alive connection; one request at a time."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._body = b""

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; returns the answer's status and body. Raises ConnectionError when the server hangs up."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._body = b""
        self._transport.write(request)
        return await self._answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not of asyncio's classes.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        assert self._answer is not None
        self._answer.set_result((self._parser.get_status_code(), self._body))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("the server closed the connection"))

    def close(self) -> None:
        """Hang up."""
        assert self._transport is not None
        self._transport.close()


async def connect(port: int) -> Connection:
    """A connection to that port of this machine."""
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return connection


def post(token: str, key: str, body: bytes) -> bytes:
    """The bytes of one POST."""
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nIdempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def raise_all(plan: Plan) -> Outcome:
    """Carry out a plan."""
    bodies = [body.encode() for body in plan.bodies]
    numbers = count()
    statuses: Counter[str] = Counter()
    waits: list[float] = []

    async def keep_asking(connection: Connection) -> None:
        while (number := next(numbers)) < plan.total:
            request = post(plan.token, f"{plan.prefix}-{number}", bodies[number % len(bodies)])
            sent = monotonic()
            status, _ = await connection.ask(request)
            waits.append(monotonic() - sent)
            statuses[str(status)] += 1

    connections = [await connect(plan.port) for _ in range(plan.connections)]
    started, cpu = monotonic(), process_time()
    await asyncio.gather(*map(keep_asking, connections))
    ended, spent = monotonic(), process_time() - cpu
    for connection in connections:
        connection.close()
    return Outcome(started, ended, dict(statuses), percentiles(waits), spent)


async def run(plan: Plan) -> Outcome:
    """Carry out a plan in a process of its own. Raises RuntimeError when it fails or an answer is not 201."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate(orjson.dumps(plan))
    if process.returncode != 0:
        raise RuntimeError("the client failed")
    outcome = Outcome(**orjson.loads(told))
    if set(outcome.statuses) != {"201"}:
        raise RuntimeError(f"not every answer was 201: {outcome.statuses}")
    return outcome


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99 in milliseconds."""
    ordered = sorted(values)
    return {f"p{p}": round(1000 * ordered[min(len(ordered) - 1, len(ordered) * p // 100)], 1) for p in (50, 95, 99)}


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(asdict(uvloop.run(raise_all(Plan(**orjson.loads(sys.stdin.buffer.read())))))))
