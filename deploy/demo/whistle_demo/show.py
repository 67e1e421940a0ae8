"""What the person at the terminal sees: progress while the demo runs, and tables of what happened."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from time import monotonic
from types import TracebackType
from typing import Any, Self

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.live import Live
from rich.table import Table

from whistle_demo.count import Seen, Summary
from whistle_demo.ledger import Ledger
from whistle_demo.pack import Pack

PLAIN_EVERY_SECONDS = 5.0
MOST_WHISTLES = 60
_MOST_FAULTS = 20
_SHANGHAI = timezone(timedelta(hours=8))
_STEPS = ("叫\ncalled", "应哨\nacked", "报到\narrived", "办结\ndone")
_URGENCY = {"critical": "特急", "urgent": "紧急", "normal": "一般", "long_term": "长期"}


class Progress:
    """A table that changes in place on a terminal; elsewhere a line every five seconds."""

    def __init__(self, console: Console, planned: int) -> None:
        self._console = console
        self._planned = planned
        self._live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        self._last = 0.0

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def update(self, now: datetime, ledger: Ledger, statistics: dict[str, Any] | None, note: str) -> None:
        """`statistics`: escalation's, or None while it cannot be asked. `note`: what is going on."""
        figures = _figures(now, ledger, self._planned, statistics)
        if self._live:
            self._live.update(_grid([*figures, ("", note)]))
        elif monotonic() - self._last >= PLAIN_EVERY_SECONDS:
            self._last = monotonic()
            self._console.print("  ".join(f"{name} {value}" for name, value in figures), note, soft_wrap=True)


def _figures(now: datetime, ledger: Ledger, planned: int, statistics: dict[str, Any] | None) -> list[tuple[str, str]]:
    rungs = statistics["open_by_rung"] if statistics else {}
    departments = statistics["departments"] if statistics else []
    called = sum(department["acknowledged"][outcome] for department in departments for outcome in _OUTCOMES)
    return [
        ("业务时间 time", f"{now.astimezone(_SHANGHAI):%a %H:%M}"),
        ("吹哨 raised", f"{len(ledger.raised)}/{planned}"),
        ("任务 tasks", str(called or "-")),
        ("应哨 acknowledged", str(ledger.steps["acknowledgement"])),
        ("报到 arrived", str(ledger.steps["arrival"])),
        ("办结 submitted", str(ledger.steps["submission"])),
        ("升级 open rungs", " ".join(f"{rung}级×{n}" for rung, n in sorted(rungs.items())) or "-"),
    ]


_OUTCOMES = ("met", "met_late", "overdue", "running")


def _grid(rows: Iterable[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    for name, value in rows:
        grid.add_row(f"[bold]{name}", value)
    return grid


def tables(seen: Seen, ledger: Ledger, pack: Pack, summary: Summary) -> list[Table]:
    """What happened, as tables: every whistle if there are not too many, every department, the figures."""
    whistles = [_whistles(seen, ledger)] if len(ledger.raised) <= MOST_WHISTLES else []
    return [*whistles, _departments(seen, pack), _rungs(seen, pack), _summary(summary)]


def _whistles(seen: Seen, ledger: Ledger) -> Table:
    table = _table("哨单 Whistles", ("哨单号\nnumber", "事项\nmatter", "紧急\nurgency", *_STEPS, "升级\nrung"))
    tasks, highest = _by(seen.tasks, "whistle_id"), _highest(seen.escalations, "whistle_id")
    for whistle, planned in sorted(ledger.raised.items(), key=lambda item: item[1].after):
        mine = tasks[str(whistle)]
        withdrawn = "撤回" if whistle in ledger.withdrawn else ""
        table.add_row(
            ledger.numbers[whistle],
            planned.title,
            _URGENCY[planned.urgency],
            str(len(mine)) if mine else "待派" if not withdrawn else "-",
            *_steps(mine),
            withdrawn or _rung(highest.get(str(whistle))),
        )
    return table


def _departments(seen: Seen, pack: Pack) -> Table:
    table = _table("部门 Departments", ("部门\ndepartment", *_STEPS, "及时应哨\nin time", "最高\nrung"))
    tasks, highest = _by(seen.tasks, "department"), _highest(seen.escalations, "department")
    met = Counter(clock["department"] for clock in seen.clocks if clock["name"] == "ack" and clock["status"] == "met")
    for code, mine in sorted(tasks.items(), key=lambda item: -len(item[1])):
        in_time = f"{100 * met[code] / len(mine):.0f}%"
        table.add_row(pack.names.get(code, code), str(len(mine)), *_steps(mine), in_time, _rung(highest.get(code)))
    return table


def _rungs(seen: Seen, pack: Pack) -> Table:
    heads = ("级\nrung", "升到\nwhom", "次数\nraised", "未了\nopen", "撤销\nwithdrawn", "迟应\nresolved")
    table = _table("升级 Escalations", heads)
    statuses = defaultdict[int, Counter[str]](Counter)
    for rung in seen.escalations:
        statuses[rung["rung"]][rung["status"]] += 1
    for level, found in sorted(statuses.items()):
        ended = (str(found[status]) for status in ("open", "withdrawn", "resolved"))
        table.add_row(str(level), pack.rungs.get(level, ""), str(found.total()), *ended)
    return table


def _summary(summary: Summary) -> Table:
    table = Table(title="合计 Summary", title_justify="left", show_header=False, box=box.SIMPLE_HEAD)
    for name, value in summary.as_json().items():
        table.add_row(name, str(value))
    return table


def _table(title: str, heads: Sequence[str]) -> Table:
    """Columns as narrow as their content; what does not fit into the terminal is cut in the second one."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for position, head in enumerate(heads):
        table.add_column(head, overflow="ellipsis", no_wrap=True, min_width=None if position == 1 else _width(head))
    return table


def _width(head: str) -> int:
    return max(map(cell_len, head.split("\n")))


def faults(console: Console, found: Sequence[str]) -> None:
    """Says what is wrong, the first twenty of it."""
    for fault in found[:_MOST_FAULTS]:
        console.print(f"[red]✗[/] {fault}", soft_wrap=True, highlight=False)
    if len(found) > _MOST_FAULTS:
        console.print(f"[red]✗[/] … and {len(found) - _MOST_FAULTS} more")


def _steps(tasks: Sequence[dict[str, Any]]) -> list[str]:
    return [str(sum(t[f"{s}_at"] is not None for t in tasks)) for s in ("acknowledged", "arrived", "submitted")]


def _by(tasks: Sequence[dict[str, Any]], key: str) -> dict[str, list[dict[str, Any]]]:
    grouped = defaultdict[str, list[dict[str, Any]]](list)
    for task in tasks:
        grouped[task[key]].append(task)
    return grouped


def _highest(escalations: Sequence[dict[str, Any]], key: str) -> dict[str, int]:
    highest: dict[str, int] = {}
    for rung in escalations:
        highest[rung[key]] = max(rung["rung"], highest.get(rung[key], 0))
    return highest


def _rung(rung: int | None) -> str:
    return "" if rung is None else f"[red]{rung}级" if rung >= 3 else f"[yellow]{rung}级"
