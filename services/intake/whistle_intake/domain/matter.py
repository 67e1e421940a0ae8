"""The matter of a whistle: what somebody says about it, and whether the registry bears that out. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from whistle_shared.contracts.intake import Location, WhistleFacts
from whistle_shared.contracts.vocabulary import Kind, Urgency
from whistle_shared.errors import Invalid
from whistle_shared.registry import Registry

URGENCIES: tuple[Urgency, ...] = ("long_term", "normal", "urgent", "critical")


@dataclass(frozen=True, slots=True)
class Matter:
    """What is said, checked for form. `departments`: those wanted, the first leads. `initiator`: a department's code
    when it is not the street that calls."""

    kind: Kind
    urgency: Urgency
    street: str
    grid: str | None
    category: str | None
    title: str
    description: str
    place: str
    beyond_power_reason: str
    departments: tuple[str, ...] = ()
    initiator: str | None = None
    cross_district: bool = False
    location: Location | None = None
    photos: tuple[UUID, ...] = ()

    def facts(self, number: str, blown_by: str, blown_at: datetime) -> WhistleFacts:
        """What is said to the world when it is blown."""
        said = {name: getattr(self, name) for name in self.__slots__ if name != "departments"}
        return WhistleFacts(number=number, blown_by=blown_by, blown_at=blown_at, **said)

    @classmethod
    def of(cls, facts: dict[str, Any], departments: tuple[str, ...]) -> "Matter":
        """From a whistle's stored facts."""
        said: dict[str, Any] = {n: facts[n] for n in cls.__slots__ if n not in ("departments", "location", "photos")}
        at = facts.get("location")
        return cls(
            **said,
            departments=departments,
            location=Location.model_validate(at) if at else None,
            photos=tuple(UUID(photo_id) for photo_id in facts.get("photos", ())),
        )


def check(matter: Matter, registry: Registry) -> None:
    """Raises Invalid naming the first field that the registry does not bear out."""
    if matter.street not in registry.street_by_code:
        raise Invalid("street", f"street {matter.street!r} is unknown")
    if matter.grid is not None:
        grid = registry.grid_by_code.get(matter.grid)
        if grid is None or grid.street != matter.street:
            raise Invalid("grid", f"street {matter.street!r} has no grid {matter.grid!r}")
    if matter.category is not None and matter.category not in registry.category_by_code:
        raise Invalid("category", f"sub-category {matter.category!r} is unknown")
    for position, code in enumerate(matter.departments):
        department = registry.department_by_code.get(code)
        if department is None or not department.active:
            raise Invalid(f"departments.{position}", f"department {code!r} is unknown or not active")
    if (matter.kind, matter.urgency) not in registry.policy_by_pair:
        legal = ", ".join(urgency for kind, urgency in registry.policy_by_pair if kind == matter.kind)
        raise Invalid(
            "urgency", f"there is no policy for {matter.kind} whistles that are {matter.urgency}; legal: {legal}"
        )


def own_duties(matter: Matter, registry: Registry) -> tuple[str, ...]:
    """The codes of the street's own basic duties that the matter falls under; none for a department's whistle."""
    if matter.initiator is not None:
        return ()
    return tuple(duty.code for duty in registry.basic_duties(matter.category))


def gate(matter: Matter, registry: Registry, override_reason: str | None) -> None:
    """What a street can do itself it does itself (履职事项清单). An emergency waits for no list.

    Raises Invalid("override_reason") naming the duties, unless a reason says why it is beyond the street all the same.
    """
    if override_reason is not None or matter.kind == "emergency" or matter.initiator is not None:
        return
    duties = registry.basic_duties(matter.category)
    if duties:
        named = ", ".join(f"{duty.code} {duty.name_zh}" for duty in duties)
        raise Invalid("override_reason", f"this is on the street's own duty list ({named}); say why it cannot do it")


def raised(kind: Kind, urgency: Urgency, registry: Registry) -> Urgency:
    """One step more urgent, but not above the highest that the policies give this kind (EVENTS.md section 6)."""
    legal = [step for step in URGENCIES if (kind, step) in registry.policy_by_pair]
    higher = [step for step in legal if URGENCIES.index(step) > URGENCIES.index(urgency)]
    return higher[0] if higher else urgency
