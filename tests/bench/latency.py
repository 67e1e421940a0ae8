"""How long one whistle takes, end to end, while the system has room: an open loop at a fixed rate, watched by SQL."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from uuid import UUID, uuid4

import orjson

from bench import client
from bench.count import Ledger
from bench.whistles import Sample

_LOOK_EVERY = 0.004


@dataclass(slots=True)
class Watch:
    """Seconds from sending to the answer, and from sending to the last task and clock."""

    answered: list[float] = field(default_factory=list)
    completed: list[float] = field(default_factory=list)
    _open: dict[UUID, tuple[float, Sample]] = field(default_factory=dict)

    async def raise_one(self, idle: "asyncio.Queue[client.Connection]", token: str, sample: Sample) -> None:
        """Raise one whistle on an idle connection and have it watched."""
        request = client.post(token, uuid4().hex, sample.body)
        sent = monotonic()
        connection = await idle.get()
        status, body = await connection.ask(request)
        idle.put_nowait(connection)
        if status != 201:
            raise RuntimeError(f"{status}: {body[:200]!r}")
        self.answered.append(monotonic() - sent)
        self._open[UUID(orjson.loads(body)["whistle_id"])] = (sent, sample)

    async def look(self, ledger: Ledger) -> None:
        """Note which of the watched whistles are complete now."""
        if not self._open:
            return
        found = await ledger.of(list(self._open))
        now = monotonic()
        for whistle, counted in found.items():
            sent, sample = self._open[whistle]
            if counted == (sample.tasks, sample.clocks):
                self.completed.append(now - sent)
                del self._open[whistle]


async def measure(
    port: int, token: str, samples: Sequence[Sample], ledger: Ledger, rate: float, seconds: float
) -> Watch:
    """Raise `rate` whistles a second for so long and wait for the last of them, 30 s at most."""
    watch = Watch()
    idle: asyncio.Queue[client.Connection] = asyncio.Queue()
    for _ in range(16):
        idle.put_nowait(await client.connect(port))
    total = int(rate * seconds)
    raising = asyncio.create_task(_raise(watch, idle, token, samples, rate, total))
    until = monotonic() + seconds + 30
    while len(watch.completed) < total and monotonic() < until and not _failed(raising):
        await watch.look(ledger)
        await asyncio.sleep(_LOOK_EVERY)
    await raising
    while not idle.empty():
        idle.get_nowait().close()
    if len(watch.completed) < total:
        raise TimeoutError(f"{total - len(watch.completed)} of {total} whistles were not complete in time")
    return watch


def _failed(task: "asyncio.Task[None]") -> bool:
    return task.done() and task.exception() is not None


async def _raise(
    watch: Watch,
    idle: "asyncio.Queue[client.Connection]",
    token: str,
    samples: Sequence[Sample],
    rate: float,
    total: int,
) -> None:
    started = monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(total):
            await asyncio.sleep(max(0.0, started + number / rate - monotonic()))
            group.create_task(watch.raise_one(idle, token, samples[number % len(samples)]))
