"""The rules of a pack's tables: what each cell may say, and what rows and tables must keep together.

`CELLS` is the whole list of columns with the check of each. A cell that was refused is taken out of its row,
so no later rule speaks about it a second time.
INVARIANT: a registry is built only when no problem was found in any of its tables.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, get_args

from whistle_dispatch.domain.pack_text import Problem, Row, Sheet, name_reason, quoted
from whistle_shared.contracts.dispatch import Section
from whistle_shared.contracts.vocabulary import (
    ClockName,
    Kind,
    Presence,
    RungForm,
    Side,
    Urgency,
)
from whistle_shared.registry import Registry
from whistle_shared.worktime import Limit

Check = Callable[[str], str | None]

_NEEDED_CLOCKS = ("dispatch", "ack", "resolve")
_PER_PLAN = "per_plan@natural"
_DAY = 1440


def _like(pattern: str, meaning: str) -> Check:
    whole = re.compile(pattern, re.ASCII)
    return lambda cell: None if whole.fullmatch(cell) else f"{quoted(cell)} is not {meaning}"


def _one_of(words: object) -> Check:
    legal = get_args(words)
    return lambda cell: None if cell in legal else f"{quoted(cell)} is not one of {', '.join(legal)}"


def _or_empty(check: Check) -> Check:
    return lambda cell: check(cell) if cell else None


def _several(cell: str) -> str | None:
    parts = _parts(cell)
    twice = sorted({part for part in parts if parts.count(part) > 1})
    wrong = next(filter(None, map(_routable, parts)), None)
    if wrong:
        return f"{wrong}; several are parted by ';'"
    return f"{', '.join(twice)} is named twice" if twice else None


def _limit(cell: str) -> str | None:
    try:
        Limit.parse(cell)
    except ValueError as error:
        return str(error)
    return None


def _needed_limit(cell: str) -> str | None:
    return _limit(cell) if cell else "this clock must have a limit"


def _resolve_limit(cell: str) -> str | None:
    return None if cell == _PER_PLAN else _needed_limit(cell)


_code = _like(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", "a code: letters, digits, '.', '_' and '-', at most 32")
# A department's and a street's code become a word of a routing key and the first part of a whistle's number.
_routable = _like(r"[A-Za-z0-9][A-Za-z0-9_]{0,15}", "a code: letters, digits and '_', at most 16")
# An instance is part of the name of a queue, a database and a role.
_instance = _like(r"[a-z][a-z0-9_]{0,30}", "an instance: small letters, digits and '_', at most 31")
_flag = _like(r"(?i:true|false)", "true or false")
_rung = _like(r"[1-9]", "a rung from 1 to 9")
_CLOCKS: tuple[str, ...] = get_args(ClockName)
_URGENCIES: tuple[str, ...] = get_args(Urgency)
_names: dict[str, Check] = {"name_zh": name_reason, "name_en": name_reason}
_limits: dict[str, Check] = {
    **dict.fromkeys(_CLOCKS, _or_empty(_limit)),
    **dict.fromkeys(_NEEDED_CLOCKS, _needed_limit),
    "resolve": _resolve_limit,
}

CELLS: Mapping[Section, Mapping[str, Check]] = {
    "departments": {"code": _routable, **_names, "org_type": _code, "instance": _instance, "active": _flag},
    "streets": {"code": _routable, **_names},
    "grids": {"code": _code, "street": _routable, "name_zh": name_reason},
    "categories": {
        "code": _code,
        "major": _code,
        "major_zh": name_reason,
        "major_en": name_reason,
        **_names,
        "lead": _or_empty(_routable),
        "assist": _or_empty(_several),
        "default_kind": _one_of(Kind),
        "default_urgency": _one_of(Urgency),
    },
    "policies": {
        "kind": _one_of(Kind),
        "urgency": _one_of(Urgency),
        "presence": _one_of(Presence),
        **_limits,
    },
    "ladders": {
        "side": _one_of(Side),
        "rung": _rung,
        "role": _code,
        **_names,
        "form": _one_of(RungForm),
        **{f"delay_{urgency}": _or_empty(_limit) for urgency in _URGENCIES},
    },
}
NOTES: Mapping[Section, tuple[str, ...]] = {"policies": ("basis",)}
"""Columns for the reader of the file; nothing of them is loaded."""

_KEYS: Mapping[Section, tuple[str, ...]] = {
    "departments": ("code",),
    "streets": ("code",),
    "grids": ("code",),
    "categories": ("code",),
    "policies": ("kind", "urgency"),
    "ladders": ("side", "rung"),
}


def build_registry(
    version: int, sheets: Mapping[Section, Sheet], day_minutes: int
) -> tuple[Registry | None, list[Problem]]:
    """The registry of these tables, or every mistake in them. `day_minutes`: working minutes of a day."""
    problems = [problem for sheet in sheets.values() for problem in sheet.problems]
    tables: dict[Section, Sheet] = {}
    for section, sheet in sheets.items():
        problems += (found := [*_cell_problems(sheet, CELLS[section])])
        tables[section] = _without(sheet, found, _KEYS[section])
        problems += _repeated(tables[section], _KEYS[section])
    problems += _references(tables)
    problems += _presences(tables["policies"])
    problems += _ladders(tables["ladders"], day_minutes)
    if problems:
        return None, problems
    rows = {section: map(_ROWS[section], sheet.rows) for section, sheet in tables.items()}
    return Registry.from_rows(version, rows), []


def _cell_problems(sheet: Sheet, checks: Mapping[str, Check]) -> Iterator[Problem]:
    for row in sheet.rows:
        for field, check in checks.items():
            if field in row.cells and (reason := check(row.cells[field])):
                yield sheet.problem(row, field, reason)


def _without(sheet: Sheet, found: Iterable[Problem], key: tuple[str, ...]) -> Sheet:
    """The sheet without its refused cells; no longer whole when one of them was part of a key."""
    refused = {(problem.line, problem.field) for problem in found}
    rows = (
        Row(row.line, {field: cell for field, cell in row.cells.items() if (row.line, field) not in refused})
        for row in sheet.rows
    )
    whole = sheet.whole and not any(field in key for _, field in refused)
    return Sheet(sheet.file, tuple(rows), sheet.problems, whole)


def _repeated(sheet: Sheet, key: tuple[str, ...]) -> Iterator[Problem]:
    first: dict[tuple[str | None, ...], int] = {}
    for row in sheet.rows:
        value = tuple(map(row.cells.get, key))
        if None not in value and (line := first.setdefault(value, row.line)) != row.line:
            yield sheet.problem(row, key[-1], f"{' '.join(map(str, value))} is there already, on line {line}")


def _references(tables: Mapping[Section, Sheet]) -> Iterator[Problem]:
    streets, departments, policies = tables["streets"], tables["departments"], tables["policies"]
    known = {row.cells.get("code") for row in streets.rows}
    for row in tables["grids"].rows if streets.whole else ():
        if (street := row.cells.get("street")) and street not in known:
            yield tables["grids"].problem(row, "street", f"street {street} is not in {streets.file}")
    active = {row.cells.get("code"): row.cells.get("active", "").lower() != "false" for row in departments.rows}
    for row in tables["categories"].rows:
        yield from _routing(tables["categories"], row, active, departments.whole)
    pairs = {(row.cells.get("kind"), row.cells.get("urgency")) for row in policies.rows}
    for row in tables["categories"].rows if policies.whole else ():
        kind, urgency = row.cells.get("default_kind"), row.cells.get("default_urgency")
        if kind and urgency and (kind, urgency) not in pairs:
            reason = f"no row of {policies.file} has {kind} with {urgency}"
            yield tables["categories"].problem(row, "default_urgency", reason)


def _routing(sheet: Sheet, row: Row, active: Mapping[str | None, bool], whole: bool) -> Iterator[Problem]:
    lead, assist = row.cells.get("lead"), _parts(row.cells.get("assist", ""))
    if assist and lead == "":
        yield sheet.problem(row, "lead", "assisting departments need a lead")
    if lead and lead in assist:
        yield sheet.problem(row, "assist", f"{lead} is the lead already")
    for field, code in [("lead", lead), *(("assist", code) for code in assist)]:
        if code and whole and code not in active:
            yield sheet.problem(row, field, f"department {code} is not in departments.csv")
        elif code and not active.get(code, True):
            yield sheet.problem(row, field, f"department {code} is not active")


def _presences(sheet: Sheet) -> Iterator[Problem]:
    for row in sheet.rows:
        if row.cells.get("presence") == "none" and row.cells.get("arrive"):
            yield sheet.problem(row, "presence", "a limit to arrive needs a presence other than none")


def _ladders(sheet: Sheet, day_minutes: int) -> Iterator[Problem]:
    names: dict[str, tuple[str | None, str | None]] = {}
    for row in sheet.rows:
        shown = row.cells.get("name_zh"), row.cells.get("name_en")
        if (role := row.cells.get("role")) and names.setdefault(role, shown) != shown and None not in shown:
            yield sheet.problem(row, "role", f"role {role} has another name on an earlier line")
    for side in get_args(Side) if sheet.whole else ():
        rows = sorted((row for row in sheet.rows if row.cells["side"] == side), key=lambda row: row.cells["rung"])
        if not rows:
            yield Problem(sheet.file, 0, "side", f"side {side} has no rung")
        for lower, upper in pairwise(rows):
            yield from _step(sheet, lower, upper, day_minutes)
        yield from _same_role(sheet, rows)


def _step(sheet: Sheet, lower: Row, upper: Row, day_minutes: int) -> Iterator[Problem]:
    missing = range(int(lower.cells["rung"]) + 1, int(upper.cells["rung"]))
    if missing:
        gap = ", ".join(map(str, missing))
        yield sheet.problem(upper, "rung", f"rung {gap} of this side is missing")
    for urgency in _URGENCIES:
        field = f"delay_{urgency}"
        first, then = lower.cells.get(field), upper.cells.get(field)
        if first and then is not None and not in_order(Limit.parse(first), then, day_minutes):
            yield sheet.problem(upper, field, f"{then or 'at once'} may come before the rung below, {first}")


def in_order(first: Limit, then: str, day_minutes: int) -> bool:
    """Is `then` ("" for at once) never due before `first`, from whatever start? `day_minutes` as above.

    INVARIANT: a ladder is climbed upwards only. A holiday holds up working time and not natural time, so
    natural time never follows working time; an `Nd@work` lasts from N to N + 1 days' working minutes.
    """
    second = Limit.parse(then) if then else None
    if second is None or (first.is_working and not second.is_working):
        return False
    if first.counts_days and second.counts_days:
        return first.amount <= second.amount
    longest = (first.amount + 1) * day_minutes if first.counts_days else _minutes(first)
    if not second.counts_days:
        return longest <= _minutes(second)
    shortest = second.amount * day_minutes if first.is_working else (second.amount - 1) * _DAY + day_minutes
    return longest <= shortest


def _minutes(limit: Limit) -> float:
    return limit.length.total_seconds() / 60


def _same_role(sheet: Sheet, rows: Iterable[Row]) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for row in rows:
        role, rung = row.cells.get("role"), row.cells["rung"]
        if role and seen.setdefault(role, rung) != rung:
            yield sheet.problem(row, "role", f"role {role} is rung {seen[role]} of this side already")


def _parts(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(";")] if cell else []


def _plain(row: Row) -> dict[str, Any]:
    return dict(row.cells)


def _department(row: Row) -> dict[str, Any]:
    return {**row.cells, "active": row.cells["active"].lower() == "true"}


def _category(row: Row) -> dict[str, Any]:
    return {**row.cells, "lead": row.cells["lead"] or None, "assist": _parts(row.cells["assist"])}


def _policy(row: Row) -> dict[str, Any]:
    return {**row.cells, "limits": {clock: row.cells[clock] for clock in _CLOCKS if row.cells[clock]}}


def _ladder_rung(row: Row) -> dict[str, Any]:
    delays = {urgency: row.cells[f"delay_{urgency}"] for urgency in _URGENCIES}
    return {**row.cells, "rung": int(row.cells["rung"]), "delays": delays}


_ROWS: Mapping[Section, Callable[[Row], dict[str, Any]]] = {
    "departments": _department,
    "streets": _plain,
    "grids": _plain,
    "categories": _category,
    "policies": _policy,
    "ladders": _ladder_rung,
}
