"""From a pack's tables to the registry: cells, keys, what tables say of one another, and the rows that are loaded.

A cell that was refused is taken out of its row, so no later rule speaks about it a second time.
INVARIANT: a registry is built only when no problem was found in any of its tables.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from whistle_dispatch.domain.pack_cells import (
    CELLS,
    CLOCKS,
    KEYS,
    MAY_BE_MISSING,
    NO_CLOCK,
    NOTES,
    OPTIONAL,
    URGENCIES,
    Check,
    parts_of,
)
from whistle_dispatch.domain.pack_limits import ladder_problems, policy_problems
from whistle_dispatch.domain.pack_text import Problem, Row, Sheet, read_sheet
from whistle_shared.contracts.dispatch import Section
from whistle_shared.registry import Registry, Regulation

Tables = Mapping[Section, Sheet]

WARNED = ("handler", "section_head")
"""Who hears of a clock before it is late; the ladder's roles come after the breach. Source: EVENTS.md section 5."""
_DISTRICT = "district"


def read_tables(files: Mapping[str, bytes | None]) -> dict[Section, Sheet]:
    """Every table of the pack as read; one that may be missing and is not there has no rows."""
    return {section: _read(f"{section}.csv", section, files) for section in CELLS}


def _read(file: str, section: Section, files: Mapping[str, bytes | None]) -> Sheet:
    if file not in files and section in MAY_BE_MISSING:
        return Sheet(file, (), (), whole=True)
    return read_sheet(file, files.get(file), CELLS[section], (*OPTIONAL.get(section, ()), *NOTES.get(section, ())))


def build_registry(
    version: int, sheets: Tables, regulation: Regulation, day_minutes: int
) -> tuple[Registry | None, list[Problem]]:
    """The registry of these tables, or every mistake in them. `day_minutes`: working minutes of a day."""
    problems = [problem for sheet in sheets.values() for problem in sheet.problems]
    tables: dict[Section, Sheet] = {}
    for section, sheet in sheets.items():
        problems += (found := [*_cell_problems(sheet, {**CELLS[section], **OPTIONAL.get(section, {})})])
        tables[section] = _without(sheet, found, KEYS[section])
        problems += _repeated(tables[section], KEYS[section])
    problems += _references(tables)
    problems += policy_problems(tables["policies"])
    problems += ladder_problems(tables["ladders"], day_minutes)
    if problems:
        return None, problems
    rows: dict[Section, Iterable[Mapping[str, Any]]] = {
        section: map(_ROWS.get(section, _plain), sheet.rows) for section, sheet in tables.items()
    }
    rows["policies"] = _policies(tables["policies"].rows)
    rows["regulations"] = [regulation.model_dump()]
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
            shown = {field: cell for field, cell in zip(key, value, strict=True) if cell}
            reason = f"{' '.join(map(str, shown.values()))} is there already, on line {line}"
            yield sheet.problem(row, [*shown][-1], reason)


def _references(tables: Tables) -> Iterator[Problem]:
    yield from _unknown(tables, "grids", "street", "streets")
    yield from _unknown(tables, "keywords", "category", "categories")
    yield from _unknown(tables, "duties", "categories", "categories")
    yield from _unknown(tables, "duties", "department", "departments")
    yield from _unknown(tables, "people", "grid", "grids")
    yield from _people(tables)
    departments, policies = tables["departments"], tables["policies"]
    active = {row.cells.get("code"): row.cells.get("active", "").lower() != "false" for row in departments.rows}
    for row in tables["categories"].rows:
        yield from _routing(tables["categories"], row, active, departments.whole)
    pairs = {(row.cells.get("kind"), row.cells.get("urgency")) for row in policies.rows if not row.cells.get("role")}
    for row in tables["categories"].rows if policies.whole else ():
        kind, urgency = row.cells.get("default_kind"), row.cells.get("default_urgency")
        if kind and urgency and (kind, urgency) not in pairs:
            reason = f"no row of {policies.file} has {kind} with {urgency}"
            yield tables["categories"].problem(row, "default_urgency", reason)
    for row in tables["duties"].rows:
        if row.cells.get("level") == "taken_back" and row.cells.get("department") == "":
            yield tables["duties"].problem(row, "department", "what was taken back needs its department")


def _unknown(tables: Tables, section: Section, field: str, target: Section) -> Iterator[Problem]:
    """Codes in `field` (several where it holds several) that `target` does not list."""
    sheet, listed = tables[section], tables[target]
    noun, known = "sub-category" if target == "categories" else field, _codes(listed)
    for row in sheet.rows if listed.whole else ():
        for code in parts_of(row.cells.get(field, "")):
            if code not in known:
                yield sheet.problem(row, field, f"{noun} {code} is not in {listed.file}")


def _codes(sheet: Sheet) -> set[str | None]:
    return {row.cells.get("code") for row in sheet.rows}


def _people(tables: Tables) -> Iterator[Problem]:
    sheet, streets, departments = tables["people"], tables["streets"], tables["departments"]
    own = _codes(streets)
    organisations = {_DISTRICT, *own, *_codes(departments)}
    roles = {*WARNED, *(row.cells.get("role") for row in tables["ladders"].rows)}
    street_of = {row.cells.get("code"): row.cells.get("street") for row in tables["grids"].rows}
    for row in sheet.rows:
        organisation, role, grid = (row.cells.get(field) for field in ("organisation", "role", "grid"))
        if organisation and organisation not in organisations and streets.whole and departments.whole:
            reason = f"{organisation} is in neither {departments.file} nor {streets.file}, and is not {_DISTRICT}"
            yield sheet.problem(row, "organisation", reason)
        if role and role not in roles and tables["ladders"].whole:
            reason = f"role {role} is neither {' nor '.join(WARNED)} nor a role of {tables['ladders'].file}"
            yield sheet.problem(row, "role", reason)
        street = street_of.get(grid) if grid else None
        if street and organisation in own and organisation != street:
            yield sheet.problem(row, "grid", f"grid {grid} belongs to street {street}")


def _routing(sheet: Sheet, row: Row, active: Mapping[str | None, bool], whole: bool) -> Iterator[Problem]:
    lead, assist = row.cells.get("lead"), parts_of(row.cells.get("assist", ""))
    if assist and lead == "":
        yield sheet.problem(row, "lead", "assisting departments need a lead")
    if lead and lead in assist:
        yield sheet.problem(row, "assist", f"{lead} is the lead already")
    for field, code in [("lead", lead), *(("assist", code) for code in assist)]:
        if code and whole and code not in active:
            yield sheet.problem(row, field, f"department {code} is not in departments.csv")
        elif code and not active.get(code, True):
            yield sheet.problem(row, field, f"department {code} is not active")


def _plain(row: Row) -> dict[str, Any]:
    """The row's cells; what is empty keeps its default."""
    return {field: cell for field, cell in row.cells.items() if cell}


def _department(row: Row) -> dict[str, Any]:
    return {**_plain(row), "active": row.cells["active"].lower() == "true"}


def _category(row: Row) -> dict[str, Any]:
    return {**row.cells, "lead": row.cells["lead"] or None, "assist": parts_of(row.cells["assist"])}


def _duty(row: Row) -> dict[str, Any]:
    return {**_plain(row), "categories": parts_of(row.cells["categories"])}


def _person(row: Row) -> dict[str, Any]:
    return {**row.cells, "grid": row.cells["grid"] or None}


def _ladder_rung(row: Row) -> dict[str, Any]:
    delays = {urgency: row.cells[f"delay_{urgency}"] for urgency in URGENCIES}
    return {**_plain(row), "delays": delays}


def _policies(rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
    """One policy per pair, with what its roles' rows change."""
    pairs: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        pairs.setdefault((row.cells["kind"], row.cells["urgency"]), []).append(row)
    for same in pairs.values():
        changes = {row.cells["role"]: _limits(row) for row in same}
        limits = changes.pop("")
        (base,) = (row for row in same if not row.cells["role"])
        yield {**base.cells, "limits": limits, "by_role": changes}


def _limits(row: Row) -> dict[str, str]:
    cells = {clock: row.cells[clock] for clock in CLOCKS if row.cells[clock]}
    return {clock: "" if cell == NO_CLOCK else cell for clock, cell in cells.items()}


_ROWS: Mapping[Section, Callable[[Row], dict[str, Any]]] = {
    "departments": _department,
    "categories": _category,
    "ladders": _ladder_rung,
    "people": _person,
    "duties": _duty,
}
