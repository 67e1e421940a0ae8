"""The turns: bare, ours, Celery, again and again; then what only concerns us: mixed whistles, latency, rest."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from time import monotonic
from uuid import uuid4

from bench import client, latency, machine, whistles
from bench.report import Figures, Process, Turn
from bench.sides import Side
from bench.whistles import Sample

CONNECTIONS = (32, 64)
_LOAD_SHARE = 0.2
_IDLE_SECONDS = 15
_WARM_UP = {"bare": 400, "ours": 400, "celery": 150}
_DRAIN_SECONDS = 120


@dataclass(slots=True)
class Runner:
    """Gives one side its turns; knows how many rows must stand by now and how fast the side was last."""

    side: Side
    infrastructure: Mapping[str, int]
    tasks: int = 0
    clocks: int = 0
    rate: float = 0.0
    turns: list[Turn] = field(default_factory=list)

    async def turn(self, samples: Sequence[Sample], total: int, connections: int, what: str) -> Turn:
        """Raise `total` whistles and wait for the last one's last task and clock."""
        side = self.side
        meter = machine.Meter({**side.pids, **self.infrastructure})
        before = meter.cpu()
        bodies = [sample.body.decode() for sample in samples]
        plan = client.Plan(side.port, side.token, bodies, total, connections, uuid4().hex)
        outcome = await client.run(plan)
        self.expect(samples, total)
        ended = outcome.ended
        if side.ledger is not None:
            ended = await side.ledger.complete_at(self.tasks, self.clocks, _DRAIN_SECONDS)
        self.rate = total / (ended - outcome.started)
        return Turn(
            side=side.name,
            what=what,
            connections=connections,
            whistles=total,
            accepted_per_second=round(outcome.rate, 1),
            completed_per_second=round(self.rate, 1),
            answer_ms=outcome.answer_ms,
            client_busy=round(outcome.busy, 2),
            cpu_ms_per_whistle={
                name: round(1000 * seconds / total, 3) for name, seconds in machine.used(before, meter.cpu()).items()
            },
        )

    async def warm_up(self, samples: Sequence[Sample]) -> None:
        """A short turn that is not counted; it tells how many whistles a turn takes."""
        await self.turn(samples, _WARM_UP[self.side.name], CONNECTIONS[0], "warm-up")

    async def timed(self, samples: Sequence[Sample], seconds: float, connections: int, what: str) -> None:
        """A turn of about so many seconds."""
        self.turns.append(await self.turn(samples, max(100, int(self.rate * seconds)), connections, what))

    def expect(self, samples: Sequence[Sample], total: int) -> None:
        """So many more whistles have been raised, from these samples in turn."""
        for number in range(total):
            sample = samples[number % len(samples)]
            self.tasks += sample.tasks
            self.clocks += sample.clocks


async def take(
    bare: Side, ours: Side, peer: Side, infrastructure: Mapping[str, int], rounds: int, seconds: float, load: float
) -> Figures:
    """All turns of all sides, alternating. `load`: the machine's before anything was started."""
    fanned_out = whistles.fanned_out()
    runners = [Runner(side, infrastructure) for side in (bare, ours, peer)]
    for runner in runners:
        await runner.warm_up(fanned_out)
    for _ in range(rounds):
        for connections in CONNECTIONS:
            for runner in runners:
                await runner.timed(fanned_out, seconds, connections, "0701")
    mine = runners[1]
    usual = median(turn.completed_per_second for turn in mine.turns)
    await mine.timed(whistles.mixed(), seconds, CONNECTIONS[0], "mixed")
    alone = await _latency(mine, fanned_out, usual * _LOAD_SHARE, seconds)
    return Figures(
        turns=[turn for runner in runners for turn in runner.turns],
        latency=alone,
        processes=await _at_rest({**ours.pids, **infrastructure}),
        load=load,
    )


async def _latency(runner: Runner, samples: Sequence[Sample], rate: float, seconds: float) -> dict[str, object]:
    side = runner.side
    assert side.ledger is not None
    watch = await latency.measure(side.port, side.token, samples, side.ledger, rate, seconds)
    return {
        "whistles_per_second": round(rate, 1),
        "answer_ms": client.percentiles(watch.answered),
        "completed_ms": client.percentiles(watch.completed),
    }


async def _at_rest(pids: Mapping[str, int]) -> list[Process]:
    """Memory, and the share of one core that each process uses while nothing happens."""
    meter = machine.Meter(pids)
    before, started = meter.cpu(), monotonic()
    await asyncio.sleep(_IDLE_SECONDS)
    spent, elapsed = machine.used(before, meter.cpu()), monotonic() - started
    return [
        Process(name=name, idle_percent=round(100 * spent[name] / elapsed, 2), **asdict(memory))
        for name, memory in meter.memory().items()
    ]
