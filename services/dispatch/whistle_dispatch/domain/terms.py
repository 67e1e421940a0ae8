"""The terms of clocks: a policy's limits, the ladder and the calendar, frozen into ClockSpecs. Pure.

INVARIANT: a clock's terms never change after the dispatch; a later policy or ladder touches only later whistles.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from whistle_shared.clockwork import schedule
from whistle_shared.contracts.dispatch import ClockSpec
from whistle_shared.contracts.vocabulary import ClockName, Kind, Side, Urgency
from whistle_shared.registry import Policy, Registry
from whistle_shared.worktime import Calendar

WARN_PERCENT = (50, 80)
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
}


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """What is looked up while planning: one version of the registry and one of the calendar."""

    registry: Registry
    calendar: Calendar


@lru_cache(maxsize=64)
def task_terms(kind: Kind, urgency: Urgency, start: datetime, rules: Rules) -> tuple[ClockSpec, ...]:
    """Every clock that the policy gives a task; those that start at the dispatch with their instants (UTC).

    Remembered, because whistles that are dispatched together start together and are often alike.
    """
    policy = rules.registry.policy_by_pair[kind, urgency]
    return tuple(
        _spec(name, limit, policy, start if _NATURES[name].starts_at_dispatch else None, rules)
        for name, limit in policy.limits.items()
        if name != "dispatch"
    )


def dispatch_clock(kind: Kind, urgency: Urgency, start: datetime, rules: Rules) -> Iterable[ClockSpec]:
    """The clock of a whistle that waits at the district whistle office, counted from when it was blown."""
    policy = rules.registry.policy_by_pair[kind, urgency]
    limit = policy.limits.get("dispatch")
    return () if limit is None else (_spec("dispatch", limit, policy, start, rules),)


def _spec(name: ClockName, limit: str, policy: Policy, start: datetime | None, rules: Rules) -> ClockSpec:
    nature = _NATURES[name]
    ladder = rules.registry.ladder(nature.side, policy.urgency)
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
