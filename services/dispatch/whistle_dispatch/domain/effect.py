"""What a new pack changes: rows of its sheets, and how many of last month's matters would have gone otherwise. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from whistle_dispatch.domain.book import CALENDAR, SHEETS, Cells, Key, Line, ground_of, key_of, sheet_of
from whistle_dispatch.domain.pack import Pack
from whistle_dispatch.domain.terms import limits_of
from whistle_shared.contracts.vocabulary import Kind, PolicyClock, TaskRole, Urgency
from whistle_shared.registry import Registry

How = Literal["load", "change", "import", "restoration", "adoption"]
"""By what a version came into force."""
MAP = "map"


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that differs; `before` None: it is new, `after` None: it is gone. Of a row that is changed only what
    differs is told."""

    sheet: str
    key: Key
    before: Cells | None
    after: Cells | None


@dataclass(frozen=True, slots=True)
class Duty:
    """How many tasks of the last month were of this kind. `lead`: the tasks of leading departments, one to a matter and
    round."""

    kind: Kind
    urgency: Urgency
    category: str | None
    role: TaskRole
    department: str
    n: int


@dataclass(frozen=True, slots=True)
class OtherLimit:
    """A limit of a kind of matter that differs, and how many tasks of the last month had it. `before`, `after`: ""
    where there is no such clock."""

    kind: Kind
    urgency: Urgency
    role: TaskRole
    clock: PolicyClock
    before: str
    after: str
    n: int


@dataclass(frozen=True, slots=True)
class OtherRoute:
    """A sub-category with another route, and how many matters of the last month were of it."""

    category: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    n: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What would be otherwise. `matters`: dispatched within the last month; `touched`: those of them of which a limit
    or the route would have been another."""

    differences: tuple[Difference, ...] = ()
    limits: tuple[OtherLimit, ...] = ()
    routes: tuple[OtherRoute, ...] = ()
    matters: int = 0
    touched: int = 0
    by_sheet: Mapping[str, int] = field(default_factory=dict)


def effect_of(before: Pack, after: Pack, month: Iterable[Duty]) -> Effect:
    """What `after` changes of `before`. `month`: what was dispatched within the last month."""
    found = tuple(differences(before, after))
    duties = list(month)
    limits = tuple(_limits(before.registry, after.registry, duties))
    routes = tuple(_routes(before.registry, after.registry, duties))
    pairs = {(one.kind, one.urgency) for one in limits if one.n}
    codes = {one.category for one in routes}
    led = [one for one in duties if one.role == "lead"]
    return Effect(
        differences=found,
        limits=limits,
        routes=routes,
        matters=sum(one.n for one in led),
        touched=sum(one.n for one in led if (one.kind, one.urgency) in pairs or one.category in codes),
        by_sheet={sheet: n for sheet in (*SHEETS, MAP) if (n := sum(one.sheet == sheet for one in found))},
    )


def differences(before: Pack, after: Pack) -> Iterable[Difference]:
    """Row by row, sheet by sheet; of the map, the grids that lie elsewhere."""
    for sheet in SHEETS:
        if not _same(before, after, sheet):
            yield from _sheet_differences(sheet, sheet_of(before, sheet), sheet_of(after, sheet))
    old, new = ground_of(before.registry), ground_of(after.registry)
    for grid in sorted({*old, *new}):
        if old.get(grid) != new.get(grid):
            told = [
                {"ground": f"{sum(map(len, ground))}"} if ground else None for ground in (old.get(grid), new.get(grid))
            ]
            yield Difference(MAP, (grid,), told[0], told[1])


def _same(before: Pack, after: Pack, sheet: str) -> bool:
    """At a glance, before anything is put into words: of most sheets nothing has changed."""
    if sheet in CALENDAR:
        return before.calendars == after.calendars
    return bool(getattr(before.registry, sheet) == getattr(after.registry, sheet))


def _sheet_differences(sheet: str, before: Iterable[Line], after: Iterable[Line]) -> Iterable[Difference]:
    old = {key_of(sheet, line.cells): line.cells for line in before}
    new = {key_of(sheet, line.cells): line.cells for line in after}
    for key in [*old, *(key for key in new if key not in old)]:
        was, becomes = old.get(key), new.get(key)
        if was is None or becomes is None:
            yield Difference(sheet, key, was, becomes)
        elif was != becomes:
            other = [column for column in SHEETS[sheet] if was[column] != becomes[column]]
            yield Difference(sheet, key, {name: was[name] for name in other}, {name: becomes[name] for name in other})


def _limits(before: Registry, after: Registry, duties: Iterable[Duty]) -> Iterable[OtherLimit]:
    """By kind, urgency and role. A department that works round the clock has its own reading of the limits."""
    found: dict[tuple[Kind, Urgency, TaskRole, PolicyClock, str, str], int] = {}
    for one in duties:
        old, new = (_of(registry, one) for registry in (before, after))
        for clock in dict.fromkeys([*old, *new]):
            if old.get(clock, "") != new.get(clock, ""):
                key = (one.kind, one.urgency, one.role, clock, old.get(clock, ""), new.get(clock, ""))
                found[key] = found.get(key, 0) + one.n
    for key, n in sorted(found.items(), key=lambda item: -item[1]):
        yield OtherLimit(*key, n)


def _of(registry: Registry, duty: Duty) -> Mapping[PolicyClock, str]:
    policy = registry.policy_by_pair.get((duty.kind, duty.urgency))
    department = registry.department_by_code.get(duty.department)
    return limits_of(policy, duty.role, department.hours if department else "work") if policy else {}


def _routes(before: Registry, after: Registry, duties: Iterable[Duty]) -> Iterable[OtherRoute]:
    led: dict[str, int] = {}
    for one in duties:
        if one.category and one.role == "lead":
            led[one.category] = led.get(one.category, 0) + one.n
    for code in before.category_by_code:
        old, new = _route(before, code), _route(after, code)
        if old != new:
            yield OtherRoute(code, old, new, led.get(code, 0))


def _route(registry: Registry, code: str) -> tuple[str, ...]:
    known = registry.category_by_code.get(code)
    return () if known is None or known.lead is None else (known.lead, *known.assist)


def unserved(before: Registry, after: Registry) -> list[str]:
    """Active departments of an instance that serves none yet: nobody would hear of their tasks. Whoever sets one up
    loads the pack (`whistlectl registry load`), which looks whether it is there."""
    served = {row.instance for row in before.departments}
    return [row.code for row in after.departments if row.active and row.instance not in served]
