"""The terms of clocks: a policy's limits, the ladder and the calendar, frozen into ClockSpecs. Pure.

INVARIANT: a clock's terms never change after the dispatch; a later policy or ladder touches only later whistles.
INVARIANT: no transfer moves the whistle's own due time.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from whistle_shared.clockwork import parse_limit, rungs, schedule
from whistle_shared.contracts.dispatch import ClockSchedule, ClockSpec
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.contracts.vocabulary import ClockName, Kind, PolicyClock, Side, TaskRole, Urgency
from whistle_shared.registry import Hours, Policy, Registry
from whistle_shared.worktime import Calendar, add_working, due, working_minutes

WARN_PERCENT = (50, 80)
_OF_AN_ITEM = ("ack", "street_verify", "evaluate", "suspension_review")
PER_PLAN = "per_plan@natural"


@dataclass(frozen=True, slots=True)
class _Nature:
    """What a clock is like under every policy. Source: DOMAIN.md C.3, EVENTS.md section 1."""

    side: Side = "department"
    starts_at_dispatch: bool = False
    pausable: bool = False
    extendable: bool = False


_NATURES: dict[ClockName, _Nature] = {
    "dispatch": _Nature(side="district"),
    "ack": _Nature(starts_at_dispatch=True),
    "arrive": _Nature(starts_at_dispatch=True),
    "contain": _Nature(starts_at_dispatch=True),
    "first_meeting": _Nature(extendable=True),
    "plan": _Nature(extendable=True),
    "resolve": _Nature(starts_at_dispatch=True, pausable=True, extendable=True),
    "restore": _Nature(pausable=True, extendable=True),
    "street_verify": _Nature(side="street"),
    "evaluate": _Nature(side="street"),
    "adjudication": _Nature(side="district"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """What is looked up while planning: one version of the registry and one of the calendar."""

    registry: Registry
    calendar: Calendar


def hours_of(department: str, rules: Rules) -> Hours:
    """Whether the department's limits in working time count working hours, or every hour."""
    known = rules.registry.department_by_code.get(department)
    return known.hours if known else "work"


def limits_of(policy: Policy, role: TaskRole, hours: Hours) -> dict[PolicyClock, str]:
    """The limits of a task in this role at a department with these hours."""
    return {
        name: _counted(limit, hours) if _NATURES[name].side == "department" else limit
        for name, limit in policy.limits_of(role).items()
    }


@lru_cache(maxsize=64)
def task_terms(
    kind: Kind, urgency: Urgency, role: TaskRole, start: datetime, rules: Rules, hours: Hours = "work"
) -> tuple[ClockSpec, ...]:
    """Every clock that the policy gives a task in this role, those that start at the dispatch with their instants
    (UTC); and the review of a suspension, the street's and the district's. `hours`: the department's.

    Remembered, because whistles that are dispatched together start together and are often alike.
    """
    limits = limits_of(rules.registry.policy_by_pair[kind, urgency], role, hours)
    clocks = tuple(
        _spec(name, _NATURES[name], limit, kind, urgency, start if _NATURES[name].starts_at_dispatch else None, rules)
        for name, limit in limits.items()
        if name != "dispatch"
    )
    return clocks + _reviews(kind, urgency, rules)


def _counted(limit: str, hours: Hours) -> str:
    """Who works round the clock has no other hours than natural ones."""
    return limit.replace("@work", "@natural") if hours == "always" else limit


def successor_terms(
    facts: WhistleFacts,
    role: TaskRole,
    item_limit: str,
    start: datetime,
    latest: datetime | None,
    rules: Rules,
    hours: Hours = "work",
) -> tuple[ClockSpec, ...]:
    """The terms of a task that takes over another's duty, or a meeting's action item with its own limit: its resolve
    clock never runs past `latest`."""
    terms = (
        item_terms(facts, item_limit, start, rules, hours)
        if item_limit
        else task_terms(facts.kind, facts.urgency, role, start, rules, hours)
    )
    return tuple(_capped(spec, latest, rules.calendar) if spec.name == "resolve" else spec for spec in terms)


def item_terms(
    facts: WhistleFacts, limit: str, start: datetime, rules: Rules, hours: Hours = "work"
) -> tuple[ClockSpec, ...]:
    """The terms of a meeting's action item: to be acknowledged, verified and scored as any task of its role, and to
    be resolved within its own limit. Raises ValueError for what is no limit."""
    terms = task_terms(facts.kind, facts.urgency, "co_handle", start, rules, hours)
    kept = tuple(spec for spec in terms if spec.name in _OF_AN_ITEM)
    counted = _counted(limit, hours)
    return (*kept, _spec("resolve", _NATURES["resolve"], counted, facts.kind, facts.urgency, start, rules))


def dispatch_clock(kind: Kind, urgency: Urgency, start: datetime, rules: Rules) -> tuple[ClockSpec, ...]:
    """The clock of a whistle that waits at the district whistle office, counted from when it was blown."""
    limit = rules.registry.policy_by_pair[kind, urgency].limits.get("dispatch")
    return () if not limit else (_spec("dispatch", _NATURES["dispatch"], limit, kind, urgency, start, rules),)


def adjudication_clock(facts: WhistleFacts, start: datetime, rules: Rules) -> ClockSpec:
    """The clock under which the whistle office decides a dispute."""
    limit = rules.registry.regulation.returning.adjudication
    return _spec("adjudication", _NATURES["adjudication"], limit, facts.kind, facts.urgency, start, rules)


def decide_by(asked_at: datetime, rules: Rules) -> datetime:
    """When a return that nobody has decided becomes a dispute."""
    return due(asked_at, parse_limit(rules.registry.regulation.returning.decide_within), rules.calendar).at


@lru_cache(maxsize=4096)
def duty_people(department: str, grid: str | None, rules: Rules) -> tuple[str, ...]:
    """Who handles this grid's matters at a department, by name; none: the department's duty desk."""
    return tuple(person.name for person in rules.registry.people_on(department, "handler", grid))


def _reviews(kind: Kind, urgency: Urgency, rules: Rules) -> tuple[ClockSpec, ...]:
    """An emergency is never suspended (DOMAIN.md C.5), so there is nothing to review."""
    if kind == "emergency":
        return ()
    limit = rules.registry.regulation.more_time.review
    sides: tuple[Side, ...] = ("street", "district")
    return tuple(_spec("suspension_review", _Nature(side), limit, kind, urgency, None, rules) for side in sides)


def _spec(
    name: ClockName, nature: _Nature, limit: str, kind: Kind, urgency: Urgency, start: datetime | None, rules: Rules
) -> ClockSpec:
    ladder = rules.registry.ladder(nature.side, urgency, emergency=kind == "emergency")
    scheduled = start is not None and limit != PER_PLAN
    return ClockSpec(
        name=name,
        side=nature.side,
        limit=limit,
        warn_percent=WARN_PERCENT,
        pausable=nature.pausable,
        extendable=nature.extendable,
        ladder=ladder,
        schedule=schedule(start, limit, WARN_PERCENT, ladder, rules.calendar) if start and scheduled else None,
    )


def _capped(spec: ClockSpec, latest: datetime | None, calendar: Calendar) -> ClockSpec:
    """The clock, due at `latest` if it were due later; warnings at their share of the time that is left."""
    planned = spec.schedule
    if planned is None or latest is None or planned.due_at <= latest:
        return spec
    capped = ClockSchedule(
        start_at=planned.start_at,
        due_at=latest,
        provisional=False,
        warn_at=tuple(_share(spec.limit, planned.start_at, latest, percent, calendar) for percent in spec.warn_percent),
        rung_at=rungs(latest, spec.ladder, calendar),
    )
    return spec.model_copy(update={"schedule": capped})


def _share(limit: str, start: datetime, end: datetime, percent: int, calendar: Calendar) -> datetime:
    """When `percent` of the time from start to end has passed, in the limit's own unit; `end` if that is over."""
    if end <= start:
        return end
    if not parse_limit(limit).is_working:
        return start + (end - start) * percent / 100
    return add_working(start, working_minutes(start, end, calendar) * percent // 100, calendar)
