"""`python -m bench.pages`: set the stage, measure, fill the databases, measure again, print the tables."""

import argparse
import asyncio
import sys
from statistics import median
from time import monotonic, perf_counter

from rich.console import Console
from rich.table import Table

from bench.pages import dashboards, multiply, times
from screens import setting
from support import promptness
from support.every_page import ARBITRATOR, View, views
from support.looks import LOOKS
from support.onlooker import Onlooker
from whistle_local import StackError

_DASHBOARDS = 500
_MOST_MS = 50
_CONSOLE = Console(width=140, highlight=False)


def main() -> int:
    """Measure and print; returns the exit code: 1 when a page takes longer than it may."""
    parser = argparse.ArgumentParser(prog="bench.pages", description=__doc__)
    parser.add_argument("--whistles", type=int, default=100_000, help="in the databases (default: 100000)")
    parser.add_argument("--times", type=int, default=15, help="how often each page is asked for (default: 15)")
    parser.add_argument("--changes", type=int, default=20, help="to an open page (default: 20)")
    asked = parser.parse_args()
    try:
        return asyncio.run(_measure(asked.whistles, asked.times, asked.changes))
    except StackError as error:
        print(error, file=sys.stderr)
        return 1


async def _measure(wanted: int, times_each: int, changes: int) -> int:
    async with setting.onlooker() as onlooker:
        _CONSOLE.print(f"a change in intake on an open page of escalation: {await _promptness(onlooker, changes)}")
        began = monotonic()
        there, still_open = await multiply.multiply(onlooker.stage.city, wanted)
        _CONSOLE.print(f"{there} whistles, {still_open} of them open; filled in {monotonic() - began:.0f} s")
        _CONSOLE.print(_pace())
        slow = _show(await times.costs(onlooker.stage, times_each), await _assets(onlooker))
        _CONSOLE.print(f"the same change with {there} whistles: {await _promptness(onlooker, changes)}")
        for what, people in (
            ("of the district", dashboards.THE_DISTRICT),
            ("of all it concerns", dashboards.CONCERNED),
        ):
            load = await dashboards.load(onlooker.stage, what, people, _DASHBOARDS, 5)
            _CONSOLE.print(f"{load.open} open dashboards {what} ({load.kinds} kinds): {load.told}")
        _CONSOLE.print(_pace())
    return 1 if slow else 0


def _pace() -> str:
    """How fast the machine is just now: on a shared one it is not always the same."""

    def once() -> float:
        began = perf_counter()
        sum(n * n for n in range(1_000_000))
        return (perf_counter() - began) * 1000

    return f"the machine's pace: a million squares summed in {median(once() for _ in range(9)):.0f} ms"


async def _promptness(onlooker: Onlooker, changes: int) -> str:
    async with onlooker.before(View("escalation", "/", ARBITRATOR), LOOKS[0]) as seen:
        return promptness.told(await promptness.measured(onlooker.stage.city, seen.page, changes))


async def _assets(onlooker: Onlooker) -> dict[View, int]:
    """Bytes of what a browser fetches beside each page at its first visit, as they were sent."""
    found = {}
    for view in views():
        await onlooker.rests()
        async with onlooker.before(view, LOOKS[0]) as seen:
            found[view] = sum((await seen.assets()).values())
    return found


def _show(costs: list[times.Cost], assets: dict[View, int]) -> int:
    """Print the table, the slowest first; returns how many are too slow."""
    table = Table("page", "seen by", "drawn anew, ms", "again, ms", "HTML, kB", "assets, kB")
    for cost in sorted(costs, key=lambda cost: -cost.fresh):
        mark = " !" if cost.fresh > _MOST_MS else ""
        table.add_row(
            cost.view.name,
            cost.view.sight.role or "anybody",
            f"{cost.fresh:.1f}{mark}",
            f"{cost.again:.1f}",
            f"{cost.weight / 1000:.0f}",
            f"{assets[cost.view] / 1000:.0f}",
        )
    _CONSOLE.print(table)
    slow = sum(cost.fresh > _MOST_MS for cost in costs)
    _CONSOLE.print(f"{len(costs)} pages, {slow} slower than {_MOST_MS} ms")
    return slow


if __name__ == "__main__":
    sys.exit(main())
