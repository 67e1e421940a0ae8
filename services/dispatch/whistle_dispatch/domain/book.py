"""The district pack as a book of sheets: tables of text, as people edit it row by row and as one spreadsheet. Pure.

A sheet has the columns and the keys of the pack's table of the same name; the settings and the calendar, which the pack
keeps in other files, are sheets of their own. Where grids lie is no table: it goes along untouched (`ground_of`).
INVARIANT: a book made of what is in force and read back is what is in force.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from whistle_dispatch.domain.pack import Pack
from whistle_dispatch.domain.pack_cells import CELLS, CLOCKS, KEYS, NO_CLOCK, OPTIONAL, URGENCIES
from whistle_shared.contracts.dispatch import CalendarPublished
from whistle_shared.errors import Invalid, NotFound
from whistle_shared.registry import Policy, Polygon, Registry

Cells = Mapping[str, str]
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One row. `row`: its number in the spreadsheet, the head being row 1."""

    row: int
    cells: Cells


Book = Mapping[str, tuple[Line, ...]]

CALENDAR = ("years", "hours", "seasons", "days")
SHEETS: Mapping[str, tuple[str, ...]] = {
    **{str(section): (*CELLS[section], *OPTIONAL.get(section, ())) for section in CELLS},
    "policies": ("kind", "urgency", "role", "presence", *CLOCKS),
    "regulation": ("setting", "value"),
    "years": ("year", "official"),
    "hours": ("setting", "value"),
    "seasons": ("first", "last", "windows"),
    "days": ("year", "date", "name", "off"),
}
"""Sheet → its columns, in the order in which they are shown."""
KEY_OF: Mapping[str, tuple[str, ...]] = {
    **{str(section): key for section, key in KEYS.items()},
    "regulation": ("setting",),
    "years": ("year",),
    "hours": ("setting",),
    "seasons": ("first",),
    "days": ("year", "date"),
}
"""Sheet → the columns that tell one row from another."""
FIXED = ("regulation", "hours")
"""Sheets whose rows are given: only their values change."""


def book_of(pack: Pack) -> Book:
    """The pack as sheets."""
    return {sheet: sheet_of(pack, sheet) for sheet in SHEETS}


def sheet_of(pack: Pack, sheet: str) -> tuple[Line, ...]:
    """One sheet of the pack."""
    registry = pack.registry
    match sheet:
        case "policies":
            rows: Iterable[Cells] = (cells for policy in registry.policies for cells in _policy(policy))
        case "ladders":
            rows = (_rung(row.model_dump()) for row in registry.ladders)
        case "regulation":
            # What the database gives back has its keys in an order of its own: ours is the alphabet's.
            leaves = sorted(_leaves(registry.regulation.model_dump()))
            rows = ({"setting": name, "value": _cell(value)} for name, value in leaves)
        case "years" | "hours" | "seasons" | "days":
            rows = _calendar(pack.calendars)[sheet]
        case _:
            rows = (_text(row.model_dump(exclude={"ground"})) for row in getattr(registry, sheet))
    return tuple(
        Line(row, {column: cells.get(column, "") for column in SHEETS[sheet]}) for row, cells in enumerate(rows, 2)
    )


def ground_of(registry: Registry) -> dict[str, Polygon]:
    """Where each grid lies, by its code."""
    return {grid.code: grid.ground for grid in registry.grids if grid.ground}


def key_of(sheet: str, cells: Cells) -> Key:
    """What tells this row from the others of its sheet."""
    return tuple(cells.get(column, "") for column in KEY_OF[sheet])


def find(book: Book, sheet: str, key: Key) -> Line:
    """The row with this key. Raises NotFound."""
    found = next((line for line in book[sheet] if key_of(sheet, line.cells) == key), None)
    if found is None:
        raise NotFound(f"row {'/'.join(key)} of {sheet}")
    return found


def changed(book: Book, sheet: str, key: Key | None, cells: Cells | None) -> tuple[Book, int]:
    """The book with one row changed, or added (`key` None), or taken out (`cells` None); and which row that is. What
    `cells` does not name stays. Raises NotFound, Invalid."""
    if key is None and cells is None:
        raise Invalid("cells", "are needed for a new row")
    if sheet in FIXED and (key is None or cells is None):
        raise Invalid("sheet", f"rows of {sheet} are neither added nor taken out")
    if unknown := [column for column in cells or () if column not in SHEETS[sheet]]:
        raise Invalid("cells", f"{', '.join(sorted(unknown))} is no column of {sheet}")
    lines = book[sheet]
    if key is None:
        row = max((line.row for line in lines), default=1) + 1
        return {**book, sheet: (*lines, Line(row, _whole(sheet, {}, cells or {})))}, row
    old = find(book, sheet, key)
    after = [] if cells is None else [Line(old.row, _whole(sheet, old.cells, cells))]
    kept = (made for line in lines for made in (after if line is old else [line]))
    return {**book, sheet: tuple(kept)}, old.row


def _whole(sheet: str, before: Cells, cells: Cells) -> Cells:
    return {column: cells.get(column, before.get(column, "")).strip() for column in SHEETS[sheet]}


def _text(row: Mapping[str, Any]) -> Cells:
    return {column: _cell(value) for column, value in row.items()}


def _cell(value: Any) -> str:
    """A value as a cell of the pack says it."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.9f}".rstrip("0").rstrip(".")
        case list() | tuple():
            return ";".join(map(str, value))
    return str(value)


def _policy(policy: Policy) -> list[Cells]:
    """The row of all roles, then those of the roles that differ."""
    pair = {"kind": policy.kind, "urgency": policy.urgency}
    differing = [
        {**pair, "role": role, **{clock: limit or NO_CLOCK for clock, limit in limits.items()}}
        for role, limits in sorted(policy.by_role.items())
    ]
    limits: Cells = {str(clock): limit for clock, limit in policy.limits.items()}
    return [{**pair, "presence": policy.presence, **limits}, *differing]


def _rung(row: Mapping[str, Any]) -> Cells:
    delays = {f"delay_{urgency}": row["delays"][urgency] for urgency in URGENCIES}
    return {
        **_text({name: row[name] for name in row if name != "delays"}),
        **delays,
        "repeats": str(row["repeats"] or ""),
    }


def _leaves(values: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _calendar(years: tuple[CalendarPublished, ...]) -> dict[str, list[Cells]]:
    some = years[-1]
    return {
        "years": [{"year": str(year.year), "official": _cell(year.official)} for year in years],
        "hours": [
            {"setting": "windows", "value": windows_text(some.windows)},
            {"setting": "start_rule", "value": some.start_rule},
        ],
        "seasons": [
            {"first": season.first, "last": season.last, "windows": windows_text(season.windows)}
            for season in some.seasons
        ],
        "days": [
            {"year": str(year.year), "date": str(day.date), "name": day.name, "off": _cell(day.is_off_day)}
            for year in years
            for day in year.days
        ],
    }


def windows_text(windows: Iterable[tuple[int, int]]) -> str:
    """Working windows (minutes of the day) as a cell: `08:30-12:00;13:30-17:30`."""
    return ";".join("-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in window) for window in windows)
