"""The figures as a value, as JSON and as tables."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

AIM_OF_BARE = 0.2
AIM_OF_CELERY = 6.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One side's turn. Completed: all tasks visible and all clocks armed; bare: the row is inserted."""

    side: str
    what: str
    connections: int
    whistles: int
    accepted_per_second: float
    completed_per_second: float
    answer_ms: dict[str, float]
    client_busy: float
    cpu_ms_per_whistle: dict[str, float]


@dataclass(frozen=True, slots=True)
class Process:
    """One process at rest. Memory in MiB; CPU in per cent of one core."""

    name: str
    rss: float
    pss: float | None
    idle_percent: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that was measured."""

    turns: list[Turn]
    latency: dict[str, Any]
    processes: list[Process]

    def rate(self, side: str, what: str = "0701", connections: int | None = None) -> float:
        """Completed whistles per second, the median of the turns meant."""
        return median(turn.completed_per_second for turn in self.meant(side, what, connections))

    def meant(self, side: str, what: str, connections: int | None) -> list[Turn]:
        """The turns of a side with these whistles and, if given, so many connections."""
        return [
            turn
            for turn in self.turns
            if (turn.side, turn.what) == (side, what) and connections in (None, turn.connections)
        ]

    @property
    def ratios(self) -> dict[str, float]:
        """Completed by us, relative to the other sides."""
        ours = self.rate("ours")
        return {"bare": round(ours / self.rate("bare"), 3), "celery": round(ours / self.rate("celery"), 2)}


def write(figures: Figures, file: Path) -> None:
    """Keep the figures as JSON."""
    machine = {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}
    content = {
        "machine": machine,
        "completed_per_second": {side: figures.rate(side) for side in ("bare", "ours", "celery")},
        "completed_ratio": figures.ratios,
        "turns": figures.turns,
        "latency": figures.latency,
        "processes": figures.processes,
    }
    file.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))


def show(figures: Figures) -> None:
    """Print the tables."""
    console = Console()
    console.print(_throughput(figures))
    console.print(_processes(figures))
    answer, completed = figures.latency["answer_ms"], figures.latency["completed_ms"]
    console.print(f"At {figures.latency['whistles_per_second']}/s: {_told(answer)} ms to 201, {_told(completed)} ms to")
    console.print("the last task and clock (p50 / p95 / p99).")
    ratios = figures.ratios
    console.print(f"completed / bare    {ratios['bare']:.2f}   (aim: {AIM_OF_BARE})")
    console.print(f"completed / Celery  {ratios['celery']:.1f}   (aim: {AIM_OF_CELERY:.0f})")


def _throughput(figures: Figures) -> Table:
    table = Table(title="Whistles per second (medians)")
    for heading in ("side", "whistles", "connections"):
        table.add_column(heading)
    for heading in ("accepted/s", "completed/s", "201: p50 / p95 / p99 ms", "CPU ms each", "client busy"):
        table.add_column(heading, justify="right")
    shapes = dict.fromkeys((turn.side, turn.what, turn.connections) for turn in figures.turns)
    for shape in shapes:
        turns = figures.meant(*shape)
        table.add_row(
            shape[0],
            shape[1],
            str(shape[2]),
            f"{median(turn.accepted_per_second for turn in turns):.0f}",
            f"{median(turn.completed_per_second for turn in turns):.0f}",
            _told(turns[-1].answer_ms),
            f"{median(sum(turn.cpu_ms_per_whistle.values()) for turn in turns):.2f}",
            f"{max(turn.client_busy for turn in turns):.0%}",
        )
    return table


def _processes(figures: Figures) -> Table:
    table = Table(title="Our processes")
    table.add_column("process")
    for heading in ("PSS MiB", "RSS MiB", "idle CPU", "CPU ms per whistle"):
        table.add_column(heading, justify="right")
    turns = figures.meant("ours", "0701", None)
    for process in figures.processes:
        table.add_row(
            process.name,
            f"{process.pss:.0f}" if process.pss is not None else "-",
            f"{process.rss:.0f}",
            f"{process.idle_percent:.1f} %",
            f"{median(turn.cpu_ms_per_whistle[process.name] for turn in turns):.2f}",
        )
    return table


def _told(figures: dict[str, float]) -> str:
    return " / ".join(f"{value:.1f}" for value in figures.values())
