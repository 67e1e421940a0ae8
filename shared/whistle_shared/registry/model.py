"""The registry's rows and the indexed whole. Pure."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from whistle_shared.contracts.dispatch import LadderStep, Section
from whistle_shared.contracts.vocabulary import (
    Code,
    Frozen,
    Kind,
    PolicyClock,
    Presence,
    RungForm,
    Side,
    TaskRole,
    Text,
    Urgency,
)
from whistle_shared.registry.regulation import Regulation
from whistle_shared.registry.shapes import Box, Polygon, box_of, holds, outline

Hours = Literal["always", "work"]
"""When somebody is on duty: round the clock, or in the calendar's working hours."""


class Department(Frozen):
    """A functional department. `instance` names the department service that serves it (`hosted` or its own).

    `desk`: when its duty desk is manned; it stands in where the registry names no person. `hours`: whether its limits
    in working time count the calendar's working hours, or every hour, because it works round the clock (7 × 24).
    """

    code: Code
    name_zh: Text
    name_en: Text
    org_type: Code
    instance: Code
    active: bool = True
    desk: Literal["always", "work", "none"] = "always"
    hours: Hours = "work"


class Street(Frozen):
    """A sub-district: blows whistles. `code` is the first part of a whistle's number.

    `approval`: whether a whistle is blown when it is submitted, or when a street leader has signed.
    """

    code: Code
    name_zh: Text
    name_en: Text
    approval: Literal["automatic", "review"] = "automatic"


class Grid(Frozen):
    """The smallest unit, inside one street. `ground`: where it lies; None where the pack's map does not show it."""

    code: Code
    street: Code
    name_zh: Text
    ground: Polygon | None = None

    @cached_property
    def box(self) -> Box | None:
        """The smallest box that holds its ground."""
        return box_of(self.ground) if self.ground else None

    def holds(self, longitude: float, latitude: float) -> bool:
        """Whether a place (WGS 84 degrees) lies in the grid."""
        if self.ground is None or self.box is None:
            return False
        west, south, east, north = self.box
        near = west <= longitude <= east and south <= latitude <= north
        return near and holds(self.ground, longitude, latitude)


class Category(Frozen):
    """A sub-category of matters with its routing. `lead` None: the district whistle office routes by hand."""

    code: Code
    major: Code
    major_zh: Text
    major_en: Text
    name_zh: Text
    name_en: Text
    lead: Code | None
    assist: tuple[Code, ...] = ()
    default_kind: Kind
    default_urgency: Urgency


class Policy(Frozen):
    """The limits for one (kind, urgency). Without a limit there is no clock; `per_plan@natural` waits for the plan.

    `by_role`: where a role's limits differ from these; "" takes the clock away.
    """

    kind: Kind
    urgency: Urgency
    presence: Presence
    limits: dict[PolicyClock, str]
    by_role: dict[TaskRole, dict[PolicyClock, str]] = Field({})

    def limits_of(self, role: TaskRole) -> dict[PolicyClock, str]:
        """The limits of a task in this role."""
        merged = self.limits | self.by_role.get(role, {})
        return {name: limit for name, limit in merged.items() if limit}


class LadderRung(Frozen):
    """One rung of one side's ladder; `delays` by urgency: a limit counted from the breach, "" for at once.

    `every` (a limit), `repeats` and `quiet` (`22:00-07:00`): see `contracts.dispatch.LadderStep`.
    """

    side: Side
    rung: int
    role: Code
    name_zh: Text
    name_en: Text
    form: RungForm
    delays: dict[Urgency, str]
    every: Text = ""
    repeats: int = 0
    quiet: Text = ""


class DutyPerson(Frozen):
    """Somebody on duty: for a ladder role (or as `handler`) of a department, in one grid or (`grid` None) in all.

    `organisation` is a department's code, a street's, or `district`.
    """

    organisation: Code
    role: Code
    grid: Code | None
    name: Text
    hours: Hours


class Duty(Frozen):
    """An item of the duty list (履职事项清单). `basic`: the street's own; `assisting`: the street helps;
    `taken_back`: the department's alone."""

    code: Code
    level: Literal["basic", "assisting", "taken_back"]
    name_zh: Text
    name_en: Text
    categories: tuple[Code, ...] = ()
    department: Code | None = None


class Keyword(Frozen):
    """A word that speaks for a sub-category, with its weight beside the catalogue's own names (1.0)."""

    word: Text
    category: Code
    weight: float = 1.0


Ladder = tuple[LadderRung, ...]

_MODELS: dict[Section, type[Frozen]] = {
    "departments": Department,
    "streets": Street,
    "grids": Grid,
    "categories": Category,
    "policies": Policy,
    "ladders": LadderRung,
    "people": DutyPerson,
    "duties": Duty,
    "keywords": Keyword,
    "regulations": Regulation,
}


class Registry(BaseModel):
    """One version of the whole registry, indexed for look-up."""

    model_config = ConfigDict(frozen=True)

    version: int
    departments: tuple[Department, ...] = ()
    streets: tuple[Street, ...] = ()
    grids: tuple[Grid, ...] = ()
    categories: tuple[Category, ...] = ()
    policies: tuple[Policy, ...] = ()
    ladders: tuple[LadderRung, ...] = ()
    people: tuple[DutyPerson, ...] = ()
    duties: tuple[Duty, ...] = ()
    keywords: tuple[Keyword, ...] = ()
    regulations: tuple[Regulation, ...] = (Regulation(),)

    @classmethod
    def from_rows(cls, version: int, rows: Mapping[Section, Iterable[Mapping[str, Any]]]) -> "Registry":
        """Build from plain rows by section, as published; a section without rows is empty or keeps its defaults.
        Raises pydantic.ValidationError."""
        given = {section: list(rows.get(section, ())) for section in _MODELS}
        parsed = {
            section: tuple(model.model_validate(row) for row in given[section])
            for section, model in _MODELS.items()
            if given[section]
        }
        return cls.model_validate({"version": version, **parsed})

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> "Registry":
        """Without the look-ups that were made of the original."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied

    @property
    def regulation(self) -> Regulation:
        """The district's settings of the mechanism: the section has one row."""
        return self.regulations[0]

    @cached_property
    def duty_by_code(self) -> dict[str, Duty]:
        return {row.code: row for row in self.duties}

    def basic_duties(self, category: str | None) -> tuple[Duty, ...]:
        """The items of the street's own basic duty list that this sub-category falls under."""
        return tuple(duty for duty in self.duties if duty.level == "basic" and category in duty.categories)

    def people_on(self, organisation: str, role: str, grid: str | None) -> tuple[DutyPerson, ...]:
        """Who is named for this role: for the grid, else for the whole organisation."""
        named = self._people_by_role.get((organisation, role), ())
        return tuple(p for p in named if grid is not None and p.grid == grid) or tuple(
            p for p in named if p.grid is None
        )

    @cached_property
    def _people_by_role(self) -> dict[tuple[str, str], list[DutyPerson]]:
        named: dict[tuple[str, str], list[DutyPerson]] = {}
        for person in self.people:
            named.setdefault((person.organisation, person.role), []).append(person)
        return named

    @cached_property
    def department_by_code(self) -> dict[str, Department]:
        return {row.code: row for row in self.departments}

    @cached_property
    def street_by_code(self) -> dict[str, Street]:
        return {row.code: row for row in self.streets}

    @cached_property
    def grid_by_code(self) -> dict[str, Grid]:
        return {row.code: row for row in self.grids}

    @cached_property
    def outline_by_street(self) -> dict[str, tuple[Polygon, ...]]:
        """What a street's grids cover together; a street of which no grid is on the map is not there."""
        grounds: dict[str, list[Polygon]] = {}
        for grid in self.grids:
            if grid.ground:
                grounds.setdefault(grid.street, []).append(grid.ground)
        return {street: outline(own) for street, own in grounds.items()}

    @cached_property
    def category_by_code(self) -> dict[str, Category]:
        return {row.code: row for row in self.categories}

    @cached_property
    def policy_by_pair(self) -> dict[tuple[str, str], Policy]:
        return {(row.kind, row.urgency): row for row in self.policies}

    @cached_property
    def rung_by_role(self) -> dict[str, LadderRung]:
        """A rung that calls this role; a role has the same name on each."""
        return {row.role: row for row in self.ladders}

    def ladder(self, side: Side, urgency: Urgency, *, emergency: bool = False) -> tuple[LadderStep, ...]:
        """The rungs of `side` in climbing order with the delays that hold for `urgency`. An emergency knows no
        quiet hours."""
        rungs = sorted((row for row in self.ladders if row.side == side), key=lambda row: row.rung)
        return tuple(
            LadderStep(
                rung=row.rung,
                role=row.role,
                form=row.form,
                delay=row.delays[urgency],
                every=row.every,
                repeats=row.repeats,
                quiet="" if emergency else row.quiet,
            )
            for row in rungs
        )


def registry_rows(registry: Registry) -> dict[Section, tuple[dict[str, Any], ...]]:
    """The registry as plain JSON rows by section: what is published and what `from_rows` reads back."""
    return {section: tuple(row.model_dump(mode="json") for row in getattr(registry, section)) for section in _MODELS}
