"""What a whistle would do if it were blown now: who is called, in what time, whose signature it takes. Pure.

dispatch decides; this reads the same registry by the same rules, so that nobody is surprised.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from whistle_intake import domain
from whistle_shared.clockwork import parse_limit
from whistle_shared.contracts.vocabulary import Kind, PolicyClock, TaskRole, Urgency
from whistle_shared.pages import Words
from whistle_shared.registry import Category, Department, Policy, Registry
from whistle_shared.worktime import Calendar, due

Signing = Literal["at_once", "by_leader", "afterwards"]
_SHOWN: tuple[PolicyClock, ...] = ("ack", "arrive", "contain", "first_meeting", "plan", "resolve")
_FROM_DISPATCH: tuple[PolicyClock, ...] = ("ack", "arrive", "contain", "resolve")


@dataclass(frozen=True, slots=True)
class Wish:
    """What decides who is called. `departments`: those wanted, the first leads."""

    street: str
    category: str | None
    kind: Kind
    urgency: Urgency
    departments: tuple[str, ...] = ()
    cross_district: bool = False


Limits = tuple[tuple[str, str, datetime | None], ...]


@dataclass(frozen=True, slots=True)
class Called:
    """Departments that would be called under the same limits: (name, role) each. `limits`: (clock, limit, due); due
    None for one that starts later."""

    departments: Sequence[tuple[str, str]]
    limits: Limits


@dataclass(frozen=True, slots=True)
class Foresight:
    """`to_office`: nobody follows, the district whistle office names the departments. `presence`: how they come."""

    called: Sequence[Called]
    to_office: bool
    legal: bool
    presence: str
    signing: Signing


def foresee(
    words: Words, registry: Registry, calendar: Calendar, wish: Wish, *, signs: bool, initiator: bool, now: datetime
) -> Foresight:
    """`signs`: whoever blows may sign; `initiator`: a department calls, and nobody signs for it."""
    policy = registry.policy_by_pair.get((wish.kind, wish.urgency))
    codes = _codes(registry, wish)
    active = [known for code in codes if (known := registry.department_by_code.get(code)) and known.active]
    called: dict[Limits, list[tuple[str, str]]] = {}
    for n, department in enumerate(active if policy is not None else ()):
        assert policy is not None
        role: TaskRole = "assist" if n else "lead"
        limits = _limits(words, department, policy, role, calendar, now)
        called.setdefault(limits, []).append((words.department(department.code), words.of("task_role", role)))
    presence = words.of("presence", policy.presence) if policy is not None else ""
    street = registry.street_by_code.get(wish.street)
    waits = street is not None and street.approval == "review" and not signs and not initiator
    signing: Signing = "at_once"
    if wish.kind == "emergency" and not signs and not initiator:
        signing = "afterwards"
    elif waits:
        signing = "by_leader"
    return Foresight(
        [Called(who, limits) for limits, who in called.items()], not called, policy is not None, presence, signing
    )


def _codes(registry: Registry, wish: Wish) -> list[str]:
    """Whoever is wanted, else the sub-category's route (as dispatch plans it)."""
    if wish.departments:
        return list(dict.fromkeys(wish.departments))
    category: Category | None = registry.category_by_code.get(wish.category or "")
    if wish.cross_district or category is None or category.lead is None:
        return []
    return list(dict.fromkeys((category.lead, *category.assist)))


def _limits(
    words: Words, department: Department, policy: Policy, role: TaskRole, calendar: Calendar, now: datetime
) -> Limits:
    limits, natural = policy.limits_of(role), department.hours == "always"
    counted = {name: limits[name].replace("@work", "@natural") if natural else limits[name] for name in limits}
    return tuple(
        (words.clock(name), words.limit(counted[name]), _due(name, counted[name], calendar, now))
        for name in _SHOWN
        if name in counted
    )


def _due(name: PolicyClock, limit: str, calendar: Calendar, now: datetime) -> datetime | None:
    """When a clock that starts with the dispatch would run out; the others start later."""
    if name not in _FROM_DISPATCH or limit.startswith("per_plan"):
        return None
    return due(now, parse_limit(limit), calendar).at


def wish_of(matter: domain.Matter) -> Wish:
    """Of a draft that is there already."""
    return Wish(matter.street, matter.category, matter.kind, matter.urgency, matter.departments, matter.cross_district)
