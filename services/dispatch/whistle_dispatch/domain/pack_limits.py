"""What a pack's policies and ladders must keep together, row by row.

INVARIANT: a ladder is climbed upwards only: no rung may come before the one below it.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import get_args

from whistle_dispatch.domain.pack_cells import CLOCKS, NEEDED_CLOCKS, NO_CLOCK, URGENCIES
from whistle_dispatch.domain.pack_text import Problem, Row, Sheet
from whistle_shared.contracts.vocabulary import Side
from whistle_shared.worktime import Limit

_DAY = 1440


def policy_problems(sheet: Sheet) -> Iterator[Problem]:
    """Every pair has its row for all roles, with its limits; a row with a role only differs from that one."""
    presences = {_pair(row): row.cells.get("presence") for row in sheet.rows if row.cells.get("role") == ""}
    for row in sheet.rows:
        if row.cells.get("role") == "":
            yield from _pair_row(sheet, row)
        elif "role" in row.cells:
            yield from _role_row(sheet, row, presences)
    if sheet.whole:
        yield from _gaps(sheet)


def _pair(row: Row) -> tuple[str | None, str | None]:
    return row.cells.get("kind"), row.cells.get("urgency")


def _pair_row(sheet: Sheet, row: Row) -> Iterator[Problem]:
    for clock in CLOCKS:
        cell = row.cells.get(clock)
        if cell == NO_CLOCK:
            yield sheet.problem(row, clock, "only a row with a role takes a clock away; leave the cell empty")
        elif cell == "" and clock in NEEDED_CLOCKS:
            yield sheet.problem(row, clock, "this clock must have a limit")
    if row.cells.get("presence") == "":
        yield sheet.problem(row, "presence", "must be given in the row of all roles")
    if row.cells.get("presence") == "none" and row.cells.get("arrive"):
        yield sheet.problem(row, "presence", "a limit to arrive needs a presence other than none")


def _role_row(sheet: Sheet, row: Row, presences: dict[tuple[str | None, str | None], str | None]) -> Iterator[Problem]:
    for clock in ("ack", "resolve"):
        if row.cells.get(clock) == NO_CLOCK:
            yield sheet.problem(row, clock, "this clock must have a limit")
    for field in ("presence", "dispatch"):
        if row.cells.get(field):
            yield sheet.problem(row, field, "does not differ by role; leave the cell empty")
    if sheet.whole and _pair(row) not in presences:
        yield sheet.problem(row, "role", f"no row for all roles has {' with '.join(map(str, _pair(row)))}")
    if row.cells.get("arrive") not in (None, "", NO_CLOCK) and presences.get(_pair(row)) == "none":
        yield sheet.problem(row, "arrive", "a limit to arrive needs a presence other than none")


def _gaps(sheet: Sheet) -> Iterator[Problem]:
    """A matter that is raised a step, or comes back, must find the limits of the next urgency."""
    order: dict[str, int] = {urgency: place for place, urgency in enumerate(URGENCIES)}
    kinds: dict[str, list[Row]] = {}
    for row in sheet.rows:
        if not row.cells["role"]:
            kinds.setdefault(row.cells["kind"], []).append(row)
    for kind, rows in kinds.items():
        rows.sort(key=lambda row: order[row.cells["urgency"]])
        for upper, lower in pairwise(rows):
            if gap := URGENCIES[order[upper.cells["urgency"]] + 1 : order[lower.cells["urgency"]]]:
                reason = f"{kind} has {upper.cells['urgency']} and {lower.cells['urgency']} but not {', '.join(gap)}"
                yield sheet.problem(lower, "urgency", reason)


def ladder_problems(sheet: Sheet, day_minutes: int) -> Iterator[Problem]:
    """Each side has a ladder whose rungs follow one another. `day_minutes`: working minutes of a day."""
    names: dict[str, tuple[str | None, str | None]] = {}
    for row in sheet.rows:
        shown = row.cells.get("name_zh"), row.cells.get("name_en")
        if (role := row.cells.get("role")) and names.setdefault(role, shown) != shown and None not in shown:
            yield sheet.problem(row, "role", f"role {role} has another name on an earlier line")
        yield from _repeating(sheet, row)
    for side in get_args(Side) if sheet.whole else ():
        rows = sorted((row for row in sheet.rows if row.cells["side"] == side), key=lambda row: row.cells["rung"])
        if not rows:
            yield Problem(sheet.file, 0, "side", f"side {side} has no rung")
        for lower, upper in pairwise(rows):
            yield from _step(sheet, lower, upper, day_minutes)
        yield from _same_role(sheet, rows)


def _repeating(sheet: Sheet, row: Row) -> Iterator[Problem]:
    for field, other in (("every", "repeats"), ("repeats", "every")):
        if row.cells.get(field) == "" and row.cells.get(other):
            yield sheet.problem(row, field, f"is needed where {other} is given")


def _step(sheet: Sheet, lower: Row, upper: Row, day_minutes: int) -> Iterator[Problem]:
    missing = range(int(lower.cells["rung"]) + 1, int(upper.cells["rung"]))
    if missing:
        gap = ", ".join(map(str, missing))
        yield sheet.problem(upper, "rung", f"rung {gap} of this side is missing")
    for urgency in URGENCIES:
        field = f"delay_{urgency}"
        first, then = lower.cells.get(field), upper.cells.get(field)
        if first and then is not None and not in_order(Limit.parse(first), then, day_minutes):
            yield sheet.problem(upper, field, f"{then or 'at once'} may come before the rung below, {first}")
    quiet, above = lower.cells.get("quiet"), upper.cells.get("quiet")
    if quiet and above is not None and above != quiet:
        reason = f"may come before the rung below, which waits from {quiet.replace('-', ' to ')}: give both the same"
        yield sheet.problem(upper, "quiet", reason)


def in_order(first: Limit, then: str, day_minutes: int) -> bool:
    """Is `then` ("" for at once) never due before `first`, from whatever start? `day_minutes` as above.

    A holiday holds up working time and not natural time, so natural time never follows working time; an `Nd@work`
    lasts from N to N + 1 days' working minutes.
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
