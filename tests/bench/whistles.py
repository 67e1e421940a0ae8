"""The whistles that are raised, and what must come of each: an independent reading of the sample pack.

A sample is a request body of about 1 kB of Chinese text, with the tasks and the clocks that one such whistle causes.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import orjson

PACK = Path("deploy/district/sample")
_STARTING_AT_DISPATCH = ("ack", "arrive", "contain", "resolve")
_TEXT = "人行道上一处井盖缺失，夜间无照明，周边有学校和菜市场，行人与非机动车有坠落危险，居民已多次反映。"


@dataclass(frozen=True, slots=True)
class Sample:
    """One kind of request and its consequences, counted in rows."""

    body: bytes
    tasks: int
    clocks: int


def fanned_out() -> list[Sample]:
    """Sub-category 0701, five departments, from every street in turn."""
    return [_sample(_category("0701"), street) for street in _streets()]


def mixed() -> list[Sample]:
    """Every sub-category that a street may simply blow, with its usual kind and urgency."""
    streets = _streets()
    basic = {code for row in _rows("duties.csv") if row["level"] == "basic" for code in row["categories"].split(";")}
    rows = (row for row in _rows("categories.csv") if row["code"] not in basic)
    return [_sample(row, streets[n % len(streets)]) for n, row in enumerate(rows)]


def routes() -> dict[str, tuple[str, ...]]:
    """Sub-category → its departments, the lead first."""
    return {row["code"]: _departments(row) for row in _rows("categories.csv")}


def clock_names(kind: str, urgency: str) -> tuple[str, ...]:
    """The clocks of one task that start when it is dispatched."""
    policy = next(row for row in _rows("policies.csv") if (row["kind"], row["urgency"]) == (kind, urgency))
    return tuple(name for name in _STARTING_AT_DISPATCH if policy[name] and not policy[name].startswith("per_plan"))


def _sample(category: dict[str, str], street: str) -> Sample:
    kind, urgency = category["default_kind"], category["default_urgency"]
    body = {
        "kind": kind,
        "urgency": urgency,
        "street": street,
        "grid": f"{street}-G001",
        "category": category["code"],
        "title": category["name_zh"],
        "description": _TEXT * 6,
        "place": "东门路 12 号门前",
        "beyond_power_reason": "权属不明，街道无权处置。",
        # All of one sub-category are alike.
        "distinct_reason": "压力测量，每件各自成立。",
    }
    tasks = len(_departments(category))
    clocks = tasks * len(clock_names(kind, urgency)) if tasks else 1
    return Sample(orjson.dumps(body), tasks, clocks)


def _departments(category: dict[str, str]) -> tuple[str, ...]:
    active = {row["code"] for row in _rows("departments.csv") if row["active"] == "true"}
    codes = [category["lead"], *category["assist"].split(";")]
    return tuple(code for code in dict.fromkeys(codes) if code in active)


def _category(code: str) -> dict[str, str]:
    return next(row for row in _rows("categories.csv") if row["code"] == code)


def _streets() -> list[str]:
    """The streets whose whistles are blown when they are submitted."""
    return [row["code"] for row in _rows("streets.csv") if row["approval"] == "automatic"]


def _rows(file: str) -> list[dict[str, str]]:
    with (PACK / file).open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))
