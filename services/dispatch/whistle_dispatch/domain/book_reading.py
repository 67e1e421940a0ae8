"""From a book of sheets to a pack, by the very rules by which a folder of files becomes one. Pure.

The sheets are written out as the pack's files, those are read, and whatever is wrong is told by sheet, row and column.
INVARIANT: what the rules of the pack refuse in a file they refuse in a sheet, and nothing else.
"""

import csv
import io
import json
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from whistle_dispatch.domain.book import KEY_OF, SHEETS, Book, Line, key_of
from whistle_dispatch.domain.pack import Pack, PackInvalid, Problem, parse_pack
from whistle_dispatch.domain.pack_cells import CELLS, MAY_BE_MISSING, parts_of
from whistle_dispatch.domain.pack_text import quoted
from whistle_shared.contracts.dispatch import CalendarDay
from whistle_shared.registry import Polygon

_YEAR = re.compile(r"\d{4}", re.ASCII)
_NUMBER = re.compile(r"\d{1,18}(\.\d{1,9})?", re.ASCII)
_SETTING = re.compile(r"[A-Za-z_]+(\.[A-Za-z_]+){1,2}", re.ASCII)
_LINE = re.compile(r"on line (\d+)")
_NAMELESS = "·"
"""Stands in a file for the name of a day that has none."""
_MOST_ROWS = 20_000


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One mistake in a book. `row` as the spreadsheet counts, 0 for the whole sheet; `column` may be empty."""

    sheet: str
    row: int
    column: str
    reason: str


class BookInvalid(Exception):
    """A book with mistakes, all that were found."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("; ".join(f"{at.sheet}:{at.row}: {at.column}: {at.reason}" for at in self.faults))


Place = tuple[str, int]
"""A sheet and a row."""


@dataclass
class _File:
    """A file being written; `places`: its line → sheet and row that stand there."""

    name: str
    lines: list[str] = field(default_factory=list)
    places: dict[int, Place] = field(default_factory=dict)

    def add(self, text: str, place: Place | None = None) -> None:
        if place is not None:
            self.places[self._next()] = place
        self.lines.append(text)

    def _next(self) -> int:
        return 1 + len(self.lines) + sum(text.count("\n") for text in self.lines if "\n" in text)

    def data(self) -> bytes:
        return "\n".join([*self.lines, ""]).encode(errors="replace")


def pack_of(book: Book, grounds: Mapping[str, Polygon]) -> Pack:
    """The pack that the book says; a grid lies where it lay. Raises BookInvalid."""
    files = list(_files(book))
    if faults := [*_misplaced(book)]:
        raise BookInvalid(faults)
    try:
        pack = parse_pack({file.name: file.data() for file in files})
    except PackInvalid as invalid:
        places = {file.name: file.places for file in files}
        raise BookInvalid([_fault(problem, places, book) for problem in invalid.problems]) from None
    registry = pack.registry
    grids = tuple(grid.model_copy(update={"ground": grounds.get(grid.code)}) for grid in registry.grids)
    years = tuple(year.model_copy(update={"days": tuple(map(_unnamed, year.days))}) for year in pack.calendars)
    return replace(pack, registry=registry.model_copy(update={"grids": grids}), calendars=years)


def _unnamed(day: CalendarDay) -> CalendarDay:
    return day.model_copy(update={"name": ""}) if day.name == _NAMELESS else day


def _misplaced(book: Book) -> Iterator[Fault]:
    """What the pack's files could not even say."""
    for sheet in SHEETS:
        if len(book[sheet]) > _MOST_ROWS:
            yield Fault(sheet, 0, "", f"has more than {_MOST_ROWS} rows")
    for sheet in ("regulation", "hours", "years", "days"):
        yield from _repeated(sheet, book[sheet])
    for line in book["regulation"]:
        if not _SETTING.fullmatch(line.cells["setting"]):
            yield Fault("regulation", line.row, "setting", "is not a setting such as returning.decide_within")
    for line in book["hours"]:
        if line.cells["setting"] not in ("windows", "start_rule"):
            yield Fault("hours", line.row, "setting", "is neither windows nor start_rule")
    years = {line.cells["year"] for line in book["years"]}
    for sheet, flag in (("years", "official"), ("days", "off")):
        for line in book[sheet]:
            yield from _of_a_year(sheet, flag, line, years)


def _repeated(sheet: str, lines: Sequence[Line]) -> Iterator[Fault]:
    seen: dict[tuple[str, ...], int] = {}
    for line in lines:
        key = key_of(sheet, line.cells)
        if (first := seen.setdefault(key, line.row)) != line.row:
            yield Fault(sheet, line.row, KEY_OF[sheet][-1], f"{' '.join(key)} is there already, in row {first}")


def _of_a_year(sheet: str, flag: str, line: Line, years: Container[str]) -> Iterator[Fault]:
    year, said = line.cells["year"], line.cells[flag]
    if not _YEAR.fullmatch(year):
        yield Fault(sheet, line.row, "year", "is not a year such as 2027")
    elif year not in years:
        yield Fault(sheet, line.row, "year", f"{year} is not among the years")
    if said.lower() not in ("true", "false"):
        yield Fault(sheet, line.row, flag, f"{quoted(said)} is not true or false")


def _files(book: Book) -> Iterator[_File]:
    about = _File("pack.toml")
    about.add('name = "-"')
    about.add("version = 1")
    yield about
    for section in CELLS:
        if book[section] or section not in MAY_BE_MISSING:
            yield _table(section, SHEETS[section], book[section])
    yield _regulation(book["regulation"])
    yield _calendar(book)
    for line in book["years"]:
        days = [day for day in book["days"] if day.cells["year"] == line.cells["year"]]
        if days or line.cells["official"].lower() == "false":
            yield _year(line, days)


def _table(section: str, columns: Sequence[str], lines: Sequence[Line]) -> _File:
    file = _File(f"{section}.csv")
    file.add(_record(columns))
    at = 2
    for line in lines:
        text = _record([line.cells.get(column, "") for column in columns])
        file.places[at] = (section, line.row)
        file.lines.append(text)
        at += 1 + text.count("\n")
    return file


def _record(cells: Sequence[str]) -> str:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="", quoting=csv.QUOTE_ALL).writerow(cells)
    return written.getvalue()


def _regulation(lines: Sequence[Line]) -> _File:
    """Settings by their table; those of one table stand together."""
    file = _File("regulation.toml")
    tables: dict[str, list[tuple[str, Line]]] = {}
    for line in lines:
        table, _, name = line.cells["setting"].rpartition(".")
        tables.setdefault(table, []).append((name, line))
    for table in sorted(tables):
        file.add(f"[{table}]", ("regulation", 0))
        for name, line in tables[table]:
            file.add(f"{name} = {_value(line.cells['value'])}", ("regulation", line.row))
    return file


def _value(cell: str) -> str:
    """A cell as TOML: a number as a number, all else as text."""
    return cell if _NUMBER.fullmatch(cell) else json.dumps(cell)


def _calendar(book: Book) -> _File:
    file = _File("calendar.toml")
    file.add("version = 1")
    years = [line.cells["year"] for line in book["years"]]
    first = book["years"][0].row if book["years"] else 0
    file.add(f"years = [{', '.join(map(_value, years))}]", ("years", first))
    for line in book["hours"]:
        name, cell = line.cells["setting"], line.cells["value"]
        said = json.dumps(parts_of(cell)) if name == "windows" else json.dumps(cell)
        file.add(f"{name} = {said}", ("hours", line.row))
    for line in book["seasons"]:
        file.add("[[seasons]]", ("seasons", line.row))
        for name in ("first", "last"):
            file.add(f"{name} = {json.dumps(line.cells[name])}", ("seasons", line.row))
        file.add(f"windows = {json.dumps(parts_of(line.cells['windows']))}", ("seasons", line.row))
    return file


def _year(line: Line, days: Sequence[Line]) -> _File:
    """The shape of holiday-cn, a day on a line."""
    year, official = line.cells["year"], line.cells["official"].lower() == "true"
    file = _File(f"calendar/{year}.json")
    head = json.dumps({"year": int(year) if _YEAR.fullmatch(year) else 0, "papers": ["-"] if official else []})
    file.add(f"{head[:-1]},", ("years", line.row))
    file.add('"days": [')
    for place, day in enumerate(days):
        cells = day.cells
        said = {"name": cells["name"] or _NAMELESS, "date": cells["date"], "isOffDay": cells["off"].lower() == "true"}
        file.add(json.dumps(said, ensure_ascii=False) + ("," if place + 1 < len(days) else ""), ("days", day.row))
    file.add("]}")
    return file


def _fault(problem: Problem, places: Mapping[str, Mapping[int, Place]], book: Book) -> Fault:
    """Where in the book a mistake of a file stands."""
    file = problem.file
    known = places.get(file, {})
    sheet, row = known.get(problem.line, (_sheet_of(file), 0))
    column = _column(sheet, problem.field)
    if row == 0 and sheet == "regulation":
        row = next((line.row for line in book[sheet] if line.cells["setting"] == problem.field), 0)
    reason = _LINE.sub(lambda found: f"in row {known.get(int(found[1]), (sheet, 0))[1]}", problem.reason)
    return Fault(sheet, row, column, reason.replace(".csv", ""))


def _sheet_of(file: str) -> str:
    if file.startswith("calendar"):
        return "days" if file.endswith(".json") else "hours"
    name = file.partition(".")[0]
    return name if name in SHEETS else "regulation"


def _column(sheet: str, said: str) -> str:
    """The column that a file's field is in the sheet."""
    if sheet in ("regulation", "hours"):
        return "value"
    if sheet == "years":
        return "year"
    if sheet == "seasons":
        return said.rpartition(".")[2] if said.rpartition(".")[2] in SHEETS["seasons"] else ""
    if sheet == "days":
        return "date"
    return said
