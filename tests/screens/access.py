"""axe-core over every page in every look."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from support.every_page import View, views
from support.looks import looks_at
from support.onlooker import Look, Onlooker

_RULES = "WCAG 2.2 A and AA and axe-core's good practice"


async def check(onlooker: Onlooker, wanted: str = "") -> int:
    """Look at the pages whose name has `wanted` in it; pages and violations are printed last. Returns the exit code."""
    found: dict[View, list[str]] = {}
    looked = 0
    for view in views():
        if wanted not in view.name:
            continue
        found[view] = []
        for look in looks_at(view):
            found[view] += await _found(onlooker, view, look)
            looked += 1
            print(".", end="", flush=True)
    return _show(found, looked)


async def _found(onlooker: Onlooker, view: View, look: Look) -> Iterable[str]:
    try:
        async with onlooker.before(view, look) as seen:
            return [f"{look}: {violation}" for violation in await seen.violations()]
    except AssertionError as error:
        return [str(error)]


def _show(found: dict[View, list[str]], looked: int) -> int:
    console = Console(width=140, soft_wrap=True, highlight=False)
    table = Table("page", "seen by", "looks", "violations")
    for view, violations in found.items():
        table.add_row(view.name, view.sight.role or "anybody", str(len(looks_at(view))), str(len(violations)))
    console.print()
    console.print(table)
    for view, violations in found.items():
        for violation in violations:
            console.print(f"{view.name}: {violation}", markup=False)
    broken = sum(map(len, found.values()))
    console.print(f"{len(found)} pages, {looked} views, {broken} violations ({_RULES})")
    return 1 if broken else 0
