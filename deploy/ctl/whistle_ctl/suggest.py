"""`whistlectl suggest`: try the suggestion of sub-categories on a text, and measure it on labelled texts.

For whoever edits a pack's `keywords.csv`: change the list, measure, compare.
"""

import csv
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from whistle_ctl.errors import Refused
from whistle_ctl.registry import PackFolder, read_valid
from whistle_ctl.terminal import harmless, table
from whistle_intake.domain.suggestion import suggest
from whistle_shared.registry import Registry

app = typer.Typer(no_args_is_help=True, help="How well texts find their sub-category by a pack's names and keywords.")
_COLUMNS = {"category", "part", "title", "description"}
_LONG = 10_000
_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Matter:
    """A text with the sub-category a person gave it. `part`: what it is for, `tuning` or `held_out`."""

    category: str
    part: str
    title: str
    description: str


@dataclass(frozen=True, slots=True)
class Measure:
    """Of `texts`, the shares whose sub-category came first, and among the first three. `slowest`: milliseconds."""

    texts: int
    top_1: float
    top_3: float
    slowest: float


@app.command("try")
def try_command(
    packdir: PackFolder,
    title: Annotated[str, typer.Argument(help="The title of a matter.")],
    description: Annotated[str, typer.Argument(help="What is said about it.")] = "",
) -> None:
    """Print the three best sub-categories for a text and what spoke for each."""
    registry = read_valid(packdir).registry
    rows = [
        (s.category, registry.category_by_code[s.category].name_zh, f"{s.score:.3f}", "；".join(s.reasons))
        for s in suggest(registry, title, description)
    ]
    typer.echo(table(("category", "name", "score", "reasons"), rows) if rows else "no word speaks for a sub-category")


@app.command("measure")
def measure_command(
    packdir: PackFolder,
    file: Annotated[Path, typer.Argument(help="CSV of labelled texts: category, part, title, description.")],
    misses: Annotated[bool, typer.Option(help="List the tuning texts whose sub-category did not come first.")] = False,
) -> None:
    """Print, for each part of the file, how often the right sub-category came first and among the first three."""
    registry, matters = read_valid(packdir).registry, read_matters(file)
    parts = {part: [m for m in matters if m.part == part] for part in sorted({m.part for m in matters})}
    rows = [
        (part, str(m.texts), f"{m.top_1:.1%}", f"{m.top_3:.1%}", f"{m.slowest:.1f} ms")
        for part, m in ((part, measure(registry, some)) for part, some in parts.items())
    ]
    typer.echo(table(("part", "texts", "top 1", "top 3", "slowest"), rows))
    typer.echo(f"a text of {_LONG:,} characters: {_long(registry, matters):.1f} ms")
    if misses:
        _tell_misses(registry, parts.get("tuning", []))


def read_matters(file: Path) -> list[Matter]:
    """The labelled texts of a CSV file. Raises Refused."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refused(f"{file} cannot be read as CSV: {error}") from None
    if not rows or not rows[0].keys() >= _COLUMNS:
        raise Refused(f"{file} needs rows with the columns {', '.join(sorted(_COLUMNS))}")
    return [Matter(**{column: row[column] or "" for column in _COLUMNS}) for row in rows]


def measure(registry: Registry, matters: Sequence[Matter]) -> Measure:
    """Suggest for every text and compare. `matters` must not be empty."""
    suggest(registry, "", "")  # builds the index, which is done once per registry
    first = among = 0
    slowest = 0.0
    for matter in matters:
        begun = time.perf_counter()
        codes = [s.category for s in suggest(registry, matter.title, matter.description)]
        slowest = max(slowest, time.perf_counter() - begun)
        first += codes[:1] == [matter.category]
        among += matter.category in codes
    return Measure(len(matters), first / len(matters), among / len(matters), slowest * 1000)


def _long(registry: Registry, matters: Sequence[Matter]) -> float:
    """Milliseconds for a text of 10,000 characters, the median of several rounds."""
    text = "".join(matter.description for matter in matters) or "。"
    text = (text * (_LONG // len(text) + 1))[:_LONG]
    rounds = []
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        suggest(registry, matters[0].title, text)
        rounds.append(time.perf_counter() - begun)
    return median(rounds) * 1000


def _tell_misses(registry: Registry, matters: Sequence[Matter]) -> None:
    for matter in matters:
        found = suggest(registry, matter.title, matter.description)
        codes = [s.category for s in found]
        if codes[:1] != [matter.category]:
            reasons = "；".join(found[0].reasons) if found else ""
            typer.echo(harmless(f"{matter.category} not {' '.join(codes) or 'none'}: {matter.title}: {reasons}"))
