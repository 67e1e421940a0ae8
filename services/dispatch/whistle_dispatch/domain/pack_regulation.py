"""The pack's `regulation.toml`: the district's settings of the mechanism. What is left out keeps its default.

The tables, keys and kinds of values are those of `whistle_shared.registry.Regulation`; here is what one value and
several together must keep.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from whistle_dispatch.domain.pack_cells import limit_reason
from whistle_dispatch.domain.pack_text import Problem, quoted, read_toml, shown
from whistle_shared.contracts.vocabulary import Frozen
from whistle_shared.registry import Regulation

FILE = "regulation.toml"
_TABLES: Mapping[str, type[Frozen]] = {name: type(getattr(Regulation(), name)) for name in Regulation.model_fields}
_PLAIN_WORDS = ("period",)
"""Settings that are words; every other text is a limit."""
_WHOLE = 100
_RESULT = "result"
_HEAD = re.compile(r"[ \t]*\[{1,2}[ \t]*([\w.\"' \t-]+?)[ \t]*\]")
_KEY = re.compile(r"[ \t]*([\w.\"' \t-]+?)[ \t]*=")
_SUMS = (
    ("response_weight", "solved_weight", "satisfied_weight"),
    ("score_weight", "on_time_weight", "composite_weight", "quality_weight"),
)


_Path = tuple[str, ...]
_Lines = Mapping[_Path, int]


def build_regulation(files: Mapping[str, bytes | None]) -> tuple[Regulation, list[Problem]]:
    """The settings, or the defaults with every mistake. A pack without the file has the defaults."""
    if FILE not in files:
        return Regulation(), []
    document = read_toml(FILE, files[FILE], (), tuple(_TABLES))
    lines = _lines_of(document.text)
    problems = [*document.problems]
    tables: dict[str, Frozen] = {}
    for name, model in _TABLES.items():
        values = document.values.get(name, {})
        found = [*_table_problems(name, values, model, lines)]
        problems += found
        if not found:
            tables[name] = model.model_validate(values)
    return (Regulation(), problems) if problems else (Regulation.model_validate(tables), [])


def _table_problems(name: str, values: Any, model: type[Frozen], lines: _Lines) -> Iterator[Problem]:
    if not isinstance(values, dict):
        yield _problem((name,), "must be a table of settings", lines)
        return
    for key in values:
        if key not in model.model_fields:
            yield _problem((name, key), "is not a known key", lines)
    known = {key: value for key, value in values.items() if key in model.model_fields}
    wrong = {**dict(_wrong_values(known)), **dict(_wrong_kinds(model, known))}
    for path, reason in wrong.items() or _wrong_together(model.model_validate(known).model_dump()):
        yield _problem((name, *path), reason, lines)


def _problem(path: _Path, reason: str, lines: _Lines) -> Problem:
    """A mistake at `path`, on the line of the last of its keys that stands on a line of its own."""
    known = (lines[path[:depth]] for depth in range(len(path), 0, -1) if path[:depth] in lines)
    return Problem(FILE, next(known, 0), ".".join(map(shown, path)), reason)


def _lines_of(text: str) -> _Lines:
    """The lines of tables' heads and of keys, by path; a key inside an inline table has none."""
    lines: dict[_Path, int] = {}
    head: _Path = ()
    for number, line in enumerate(text.split("\n"), 1):
        if match := _HEAD.match(line):
            head = _path(match[1])
            lines.setdefault(head, number)
        elif match := _KEY.match(line):
            lines.setdefault((*head, *_path(match[1])), number)
    return lines


def _path(dotted: str) -> _Path:
    return tuple(part.strip(" \t\"'") for part in dotted.split("."))


def _wrong_values(values: Mapping[str, Any]) -> Iterator[tuple[_Path, str]]:
    """Texts that are not limits, and numbers that are none."""
    for path, value in _leaves(values):
        if isinstance(value, str) and path[0] not in _PLAIN_WORDS and (reason := limit_reason(value)):
            yield path, reason
        if isinstance(value, float) and not math.isfinite(value):
            yield path, f"{value} is not a number that can be reckoned with"


def _leaves(values: Mapping[str, Any], above: _Path = ()) -> Iterator[tuple[_Path, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key), value


def _wrong_kinds(model: type[Frozen], values: Mapping[str, Any]) -> Iterator[tuple[_Path, str]]:
    try:
        model.model_validate(values, strict=True)
    except ValidationError as invalid:
        for error in invalid.errors():
            path = tuple(str(part) for part in error["loc"] if part != "[key]")
            yield path, f"{quoted(error['input'])} is wrong: {error['msg'][0].lower()}{error['msg'][1:]}"


def _wrong_together(values: Mapping[str, Any]) -> Iterator[tuple[_Path, str]]:
    """What several settings of one table must keep together; the defaults speak for those left out."""
    parts = values.get("parts")
    if parts is not None and sum(parts.values()) != _WHOLE:
        yield ("parts",), f"the parts add up to {sum(parts.values())}, not to {_WHOLE}"
    elif parts is not None and _RESULT not in parts:
        yield ("parts",), f"there must be a part named {_RESULT}: a veto makes it count 0"
    for names in _SUMS:
        if names[0] in values and abs(total := math.fsum(values[name] for name in names) - 1) > 1e-9:
            yield (names[0],), f"{', '.join(names)} add up to {total + 1:.12g}, not to 1"
    if "band_low" in values and values["band_low"] > values["band_high"]:
        yield ("band_low",), f"{values['band_low']:g} is above band_high, {values['band_high']:g}"
