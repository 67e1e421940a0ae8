"""`python -m bench`: start everything, let the three sides take turns, print the table, write the figures."""

import argparse
import asyncio
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from bench import report, rounds, sides
from whistle_local import Stack, StackError
from whistle_local.ports import choose

PROFILE = Path(".local/bench")


def main() -> int:
    """Measure and report; returns the exit code."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="about how long each turn lasts (default: 8)")
    parser.add_argument("--rounds", type=int, default=2, help="how often each side has its turns (default: 2)")
    arguments = parser.parse_args()
    load, *_ = os.getloadavg()
    try:
        with Stack(PROFILE, free_service_ports=True, environment={"WHISTLE_LOG_LEVEL": "WARNING"}) as stack:
            stack.start_infrastructure()
            stack.reset()
            stack.prepare(Path())
            addresses = stack.start_services()
            figures = asyncio.run(_measure(stack, addresses, arguments.rounds, arguments.seconds, load))
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    report.write(figures, PROFILE / "first.json")
    report.show(figures)
    return 0


async def _measure(stack: Stack, addresses: dict[str, str], turns: int, seconds: float, load: float) -> report.Figures:
    taken = list(stack.service_ports.values())
    ports = [choose(taken=taken)]
    ports.append(choose(taken=[*taken, *ports]))
    logs = stack.root / "log"
    async with AsyncExitStack() as running:
        yardstick = await running.enter_async_context(sides.bare_endpoint(stack.infrastructure, ports[0], logs))
        peer = await running.enter_async_context(sides.celery_peer(stack.infrastructure, ports[1], logs))
        ours = await running.enter_async_context(sides.ours(stack, addresses))
        infrastructure = {name: stack.pid(name) for name in ("broker", "database")}
        return await rounds.take(yardstick, ours, peer, infrastructure, turns, seconds, load)


if __name__ == "__main__":
    sys.exit(main())
