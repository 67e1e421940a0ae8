"""Who can be told of a rung at this hour: named people on duty, else the duty desk, else nobody. Pure."""

from collections.abc import Callable

from whistle_escalation.domain.clocks import Clock
from whistle_escalation.domain.facts import About
from whistle_shared.registry import Registry

DISTRICT = "district"


def on_duty(
    registry: Registry, role: str, clock: Clock, about: About | None, working: Callable[[], bool]
) -> tuple[str, ...] | None:
    """Names; none when the desk is manned or a role of the district or the street has nobody named; None when nobody
    is there. `working`: whether these are working hours."""
    whose = organisation(registry, role, clock, about)
    if whose is None:
        return ()
    named = registry.people_on(whose, role, about.grid if about is not None else None)
    present = tuple(p.name for p in named if p.hours == "always" or working())
    if present:
        return present
    department = registry.department_by_code.get(whose)
    if department is None:
        return None if named else ()
    manned = department.desk == "always" or (department.desk == "work" and working())
    return () if manned else None


def organisation(registry: Registry, role: str, clock: Clock, about: About | None) -> str | None:
    """Whose role it is: the upper rungs of every side are the district's."""
    if clock.side == "district" or any(row.role == role for row in registry.ladders if row.side == "district"):
        return DISTRICT
    if clock.side == "street":
        return about.street if about is not None else None
    return clock.department
