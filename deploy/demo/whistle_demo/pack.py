"""The demo's own reading of the district pack: only what is needed to plan whistles and to know who must answer.

Deliberately independent of the code that loads the pack into the services; the pack itself is checked there.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Category:
    """A sub-category: its departments (the lead first; none: the whistle office routes) and its usual pair."""

    departments: tuple[str, ...]
    kind: str
    urgency: str


@dataclass(frozen=True, slots=True)
class Pack:
    """`streets`: those that blow without waiting for a leader's signature; `own`: sub-categories of the street's own
    basic duty list, which are not blown without a reason; `instances`: active department → the department service
    that serves it; `names`: Chinese names of all; `rungs`: whom each rung of the departments' ladder calls."""

    streets: tuple[str, ...]
    categories: dict[str, Category]
    own: frozenset[str]
    instances: dict[str, str]
    names: dict[str, str]
    rungs: dict[int, str]


def read(folder: Path) -> Pack:
    """Reads the pack in that folder."""
    departments = list(_rows(folder / "departments.csv"))
    return Pack(
        streets=tuple(row["code"] for row in _rows(folder / "streets.csv") if row["approval"] == "automatic"),
        categories={row["code"]: _category(row) for row in _rows(folder / "categories.csv")},
        own=frozenset(
            code
            for row in _rows(folder / "duties.csv")
            if row["level"] == "basic"
            for code in row["categories"].split(";")
        ),
        instances={row["code"]: row["instance"] for row in departments if row["active"] == "true"},
        names={row["code"]: row["name_zh"] for row in departments},
        rungs={
            int(row["rung"]): row["name_zh"] for row in _rows(folder / "ladders.csv") if row["side"] == "department"
        },
    )


def _category(row: dict[str, str]) -> Category:
    codes = [row["lead"], *row["assist"].split(";")] if row["lead"] else []
    return Category(tuple(code for code in codes if code), row["default_kind"], row["default_urgency"])


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        yield from csv.DictReader(lines)
