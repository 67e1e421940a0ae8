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
_BUSY = 1.0


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
    load: float
    """The machine's load average before anything was started: on a busy machine the ratios say little."""

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

    @property
    def cpu_ratios(self) -> dict[str, float]:
        """The other sides' CPU time for a whistle, relative to ours. Other work on the machine disturbs this far less
        than it does the rates."""
        ours = self.cpu("ours")
        return {"bare": round(self.cpu("bare") / ours, 3), "celery": round(self.cpu("celery") / ours, 2)}

    def cpu(self, side: str) -> float:
        """CPU milliseconds for a whistle of all processes of a side, broker and database included."""
        return median(sum(turn.cpu_ms_per_whistle.values()) for turn in self.meant(side, "0701", None))


def write(figures: Figures, file: Path) -> None:
    """Keep the figures as JSON."""
    machine = {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}
    content = {
        "machine": machine | {"load": figures.load},
        "completed_per_second": {side: figures.rate(side) for side in ("bare", "ours", "celery")},
        "completed_ratio": figures.ratios,
        "cpu_ratio": figures.cpu_ratios,
        "turns": figures.turns,
        "latency": figures.latency,
        "processes": figures.processes,
    }
    file.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))


def show(figures: Figures) -> None:
    """Print the tables. `done`: completed; `201 in ms`: p50/p95/p99 of the answer; `CPU ms`: of all processes, for one
    whistle; `client`: how busy the client was, of one core."""
    console = Console()
    console.print(_throughput(figures))
    console.print(_processes(figures))
    alone = figures.latency
    console.print(f"one whistle at {alone['whistles_per_second']}/s, p50 / p95 / p99:")
    console.print(f"  to its 201                     {_told(alone['answer_ms'])} ms")
    console.print(f"  to its last task and clock     {_told(alone['completed_ms'])} ms")
    ratios, cpu = figures.ratios, figures.cpu_ratios
    console.print(f"completed / bare    {ratios['bare']:.2f}   by CPU time {cpu['bare']:.2f}   (aim: {AIM_OF_BARE})")
    console.print(
        f"completed / Celery  {ratios['celery']:.1f}    by CPU time {cpu['celery']:.1f}    (aim: {AIM_OF_CELERY:.0f})"
    )
    if figures.load > _BUSY:
        console.print(f"The machine was busy (load {figures.load:.1f}): repeat this on one at rest.")


def _throughput(figures: Figures) -> Table:
    table = Table(title="Whistles per second, raised and done")
    for heading in ("side", "what"):
        table.add_column(heading, no_wrap=True)
    for heading in ("conn.", "raised", "done", "201 in ms", "CPU ms", "client"):
        table.add_column(heading, justify="right", no_wrap=True)
    shapes = dict.fromkeys((turn.side, turn.what, turn.connections) for turn in figures.turns)
    for shape in shapes:
        turns = figures.meant(*shape)
        table.add_row(
            shape[0],
            shape[1],
            str(shape[2]),
            f"{median(turn.accepted_per_second for turn in turns):.0f}",
            f"{median(turn.completed_per_second for turn in turns):.0f}",
            "/".join(f"{value:.0f}" for value in turns[-1].answer_ms.values()),
            f"{median(sum(turn.cpu_ms_per_whistle.values()) for turn in turns):.1f}",
            f"{max(turn.client_busy for turn in turns):.0%}",
        )
    return table


def _processes(figures: Figures) -> Table:
    table = Table(title="Our processes")
    table.add_column("process")
    for heading in ("PSS MiB", "RSS MiB", "idle CPU", "CPU ms a whistle"):
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
