"""From the bytes of a pack's files to cells and values that remember their place; knows no rule of the field.

INVARIANT: any bytes give a result with problems, never an exception, and a line is the true line of the file,
even where a quoted cell holds line breaks.
"""

import csv
import io
import json
import re
import reprlib
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

LARGEST_FILE = 4 * 1024 * 1024
_LONGEST_CELL = 500
_LONGEST_NAME = 100
_REFUSED = {"Cc": "a control character", "Cf": "an invisible character", "Cs": "half a character"}
_REFUSED |= dict.fromkeys(("Zl", "Zp"), "a line break")


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in a pack. `line` from 1, 0 for the whole file; `field` a column or key, "" for none."""

    file: str
    line: int
    field: str
    reason: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.field}: {self.reason}" if self.field else f"{place}: {self.reason}"


class PackInvalid(Exception):
    """A pack with mistakes: all that were found, in the order of file and line. Nothing of it was loaded."""

    def __init__(self, problems: Collection[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a CSV file: the line it starts on, its cells by column, without surrounding blanks."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A CSV file as read. Not `whole`: rows or codes were lost, so no code may be called unknown for it."""

    file: str
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]
    whole: bool

    def problem(self, row: Row, field: str, reason: str) -> Problem:
        """A mistake in one cell of this file."""
        return Problem(self.file, row.line, field, reason)


@dataclass(frozen=True, slots=True)
class Document:
    """A TOML or JSON file as read: its top-level values, none when it could not be read."""

    file: str
    values: Mapping[str, Any]
    problems: tuple[Problem, ...]
    text: str = ""

    def lines_of(self, pattern: str) -> list[int]:
        """The lines on which the pattern (a regular expression) begins, in order."""
        starts = [match.start() for match in re.finditer(pattern, self.text, re.MULTILINE)]
        breaks = [self.text.count("\n", *span) for span in pairwise([0, *starts])]
        return [1 + passed for passed in accumulate(breaks)]

    def problem(self, key: str, reason: str) -> Problem:
        """A mistake in the value of a key: `key =` or `[key]` in TOML, `"key":` in JSON."""
        name = re.escape(key)
        lines = self.lines_of(rf"^[ \t]*(?:{name}[ \t]*=|\[[ \t]*{name}[ \t]*\])|[\"']{name}[\"'][ \t]*[=:]")
        return Problem(self.file, lines[0] if lines else 0, key, reason)


def quoted(value: object) -> str:
    """A value as a reason may show it: one line, no control characters, not long."""
    try:
        return reprlib.repr(value)
    except ValueError:  # a whole number of more digits than Python will write out
        return type(value).__name__


def text_reason(text: str, longest: int) -> str | None:
    """Why this text may not stand in a pack, or None."""
    if len(text) > longest:
        return f"is longer than {longest} characters"
    for ch in text:
        if kind := _REFUSED.get(unicodedata.category(ch)):
            return f"contains {kind} (U+{ord(ch):04X})"
    return None


def name_reason(value: object) -> str | None:
    """Why this value may not be a name that people read, or None."""
    if not isinstance(value, str) or not any(ch.isprintable() and not ch.isspace() for ch in value):
        return "must be text that is not empty"
    return text_reason(value, _LONGEST_NAME)


def version_reason(value: object) -> str | None:
    """Why this value may not be a version, or None."""
    return number_reason(value, 1)


def number_reason(value: object, least: int, most: int = 2**31 - 1) -> str | None:
    """Why this value is not a whole number from `least` to `most`, or None."""
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return None
    return f"{quoted(value)} is not a whole number from {least} to {most}"


def read_sheet(file: str, data: bytes | None, required: Collection[str], optional: Collection[str] = ()) -> Sheet:
    """Read a CSV file with a header. Blank lines are passed over; the order of columns is free; an optional column
    that is not there reads as empty."""
    text = _decode(file, data)
    if isinstance(text, Problem):
        return Sheet(file, (), (text,), whole=False)
    (head_line, header), *records = [*_records(file, text)] or [(1, [])]
    if isinstance(header, Problem):
        return Sheet(file, (), (header,), whole=False)
    columns = [*map(str.strip, header)]
    lost = [Problem(file, head_line, name, "this column is missing") for name in required if name not in columns]
    for name, times in Counter(columns).items():
        if times > 1:
            lost.append(Problem(file, head_line, shown(name), "this column is there twice"))
    if lost:
        return Sheet(file, (), tuple(lost), whole=False)
    unknown = [name for name in columns if name not in required and name not in optional]
    extra = [Problem(file, head_line, shown(name), "is not a known column") for name in unknown]
    lacking = dict.fromkeys((name for name in optional if name not in columns), "")
    rows, refused = _rows(file, columns, records, lacking)
    if not records:
        refused.append(Problem(file, head_line, "", "has a header and no rows"))
    return Sheet(file, tuple(rows), (*extra, *refused), whole=not refused)


def read_toml(file: str, data: bytes | None, required: Collection[str], optional: Collection[str] = ()) -> Document:
    """Read a TOML file of plain keys."""
    document = _read_document(file, data, tomllib.loads)
    if document.problems:
        return document
    missing = [Problem(file, 0, key, "is missing") for key in required if key not in document.values]
    unknown = [
        document.problem(shown(key), "is not a known key")
        for key in document.values
        if key not in (*required, *optional)
    ]
    return Document(file, document.values, (*missing, *unknown), document.text)


def read_json(file: str, data: bytes | None) -> Document:
    """Read a JSON file that holds one object."""
    return _read_document(file, data, json.loads)


_Record = tuple[int, list[str] | Problem]


def _decode(file: str, data: bytes | None) -> str | Problem:
    if data is None:
        return Problem(file, 0, "", "is missing or cannot be read")
    if len(data) > LARGEST_FILE:
        return Problem(file, 0, "", f"is larger than {LARGEST_FILE // 1024 // 1024} MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Problem(file, line, "", "is not UTF-8 text (in a spreadsheet: save as “CSV UTF-8”)")
    return text if text.strip() else Problem(file, 0, "", "is empty")


def _records(file: str, text: str) -> Iterator[_Record]:
    """Each record with the line it starts on; in place of one that is not CSV a problem, and no more."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    start = 1
    try:
        for record in reader:
            if any(map(str.strip, record)):
                yield start, record
            start = reader.line_num + 1
    except csv.Error as error:
        yield start, Problem(file, start, "", f"is not readable as CSV: {error}")


def _rows(
    file: str, header: list[str], records: list[_Record], lacking: Mapping[str, str]
) -> tuple[list[Row], list[Problem]]:
    rows: list[Row] = []
    problems: list[Problem] = []
    for line, record in records:
        if isinstance(record, Problem):
            problems.append(record)
        elif len(record) != len(header):
            problems.append(Problem(file, line, "", f"has {len(record)} cells, the header has {len(header)}"))
        else:
            cells = dict(zip(header, record, strict=True))
            reasons = {name: text_reason(cell, _LONGEST_CELL) for name, cell in cells.items()}
            problems += [Problem(file, line, shown(name), why) for name, why in reasons.items() if why]
            sound = {name: cell.strip() for name, cell in cells.items() if not reasons[name]}
            rows.append(Row(line, {**lacking, **sound}))
    return rows, problems


def _read_document(file: str, data: bytes | None, parse: Callable[[str], Any]) -> Document:
    text = _decode(file, data)
    if isinstance(text, Problem):
        return Document(file, {}, (text,))
    try:
        values = parse(text)
    # Beside their own errors the parsers let through int()'s limit on digits and the depth of recursion.
    except (ValueError, RecursionError) as error:
        problem = Problem(file, _error_line(error), "", f"cannot be read: {shown(str(error))}")
        return Document(file, {}, (problem,))
    if not isinstance(values, dict):
        return Document(file, {}, (Problem(file, 1, "", "must hold one object"),))
    return Document(file, values, (), text)


def _error_line(error: Exception) -> int:
    if isinstance(error, json.JSONDecodeError):
        return error.lineno
    found = re.search(r"at line (\d+)", str(error))
    return int(found[1]) if found else 0


def shown(text: str) -> str:
    """A name out of the file as a field may show it."""
    return text if 0 < len(text) <= 100 and text.isprintable() else quoted(text)
