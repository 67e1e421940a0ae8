"""A published board for people: the red places, the black ones, and all of them in order. Pure.

Red means praise here (红榜), so it is shown in gold with a ribbon: on these pages red is kept for what is late.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from whistle_escalation.measures import By
from whistle_escalation.pages.figures import MEASURES, unit_name
from whistle_shared.pages import Words

SHOWN: dict[By, tuple[str, ...]] = {
    "department": ("acknowledgement", "report_in", "on_time", "composite", "score"),
    "street": ("self_handling", "returned_tasks", "late_verification", "late_scoring", "satisfied"),
}
"""The columns beside the index."""


@dataclass(frozen=True, slots=True)
class BoardLine:
    """One unit's place. `change`: places gained since the period before; None: it had none then."""

    rank: int
    unit: str
    name: str
    colour: str | None
    change: int | None
    index: str
    n: int
    n_excluded: int
    points_off: str
    values: Sequence[tuple[str | None, int]]


def lines(words: Words, by: By, rows: Sequence[dict[str, Any]]) -> list[BoardLine]:
    """In the order of the board."""
    return [_line(words, by, row) for row in rows]


def columns(words: Words, by: By) -> list[str]:
    """What stands above the values."""
    return [words.gettext(MEASURES[name]) for name in SHOWN[by]]


def _line(words: Words, by: By, row: dict[str, Any]) -> BoardLine:
    numbers = {number["name"]: number for number in row["numbers"]}
    return BoardLine(
        rank=row["rank"],
        unit=row["unit"],
        name=unit_name(words, by, row["unit"]),
        colour=row["colour"],
        change=row["change"],
        index=row["index"],
        n=row["n"],
        n_excluded=row["n_excluded"],
        points_off=row["points_off"],
        values=[_value(name, numbers.get(name)) for name in SHOWN[by]],
    )


def _value(name: str, number: dict[str, Any] | None) -> tuple[str | None, int]:
    if number is None or number["value"] is None:
        return None, 0
    return (number["value"] if name == "score" else f"{float(number['value']) * 100:.1f}%"), number["n"]
