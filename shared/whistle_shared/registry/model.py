"""The registry's rows and the indexed whole. Pure."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict

from whistle_shared.contracts.dispatch import LadderStep, Section
from whistle_shared.contracts.vocabulary import (
    ClockName,
    Code,
    Frozen,
    Kind,
    Presence,
    RungForm,
    Side,
    Text,
    Urgency,
)


class Department(Frozen):
    """A functional department. `instance` names the department service that serves it (`hosted` or its own)."""

    code: Code
    name_zh: Text
    name_en: Text
    org_type: Code
    instance: Code
    active: bool = True


class Street(Frozen):
    """A sub-district: blows whistles. `code` is the first part of a whistle's number."""

    code: Code
    name_zh: Text
    name_en: Text


class Grid(Frozen):
    """The smallest unit, inside one street."""

    code: Code
    street: Code
    name_zh: Text


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
    """The limits for one (kind, urgency). Without a limit there is no clock; `per_plan@natural` waits for the plan."""

    kind: Kind
    urgency: Urgency
    presence: Presence
    limits: dict[ClockName, str]


class LadderRung(Frozen):
    """One rung of one side's ladder; `delays` by urgency: a limit counted from the breach, "" for at once."""

    side: Side
    rung: int
    role: Code
    name_zh: Text
    name_en: Text
    form: RungForm
    delays: dict[Urgency, str]


Ladder = tuple[LadderRung, ...]

_MODELS: dict[Section, type[Frozen]] = {
    "departments": Department,
    "streets": Street,
    "grids": Grid,
    "categories": Category,
    "policies": Policy,
    "ladders": LadderRung,
}


class Registry(BaseModel):
    """One version of the whole registry, indexed for look-up."""

    model_config = ConfigDict(frozen=True)

    version: int
    departments: tuple[Department, ...]
    streets: tuple[Street, ...]
    grids: tuple[Grid, ...]
    categories: tuple[Category, ...]
    policies: tuple[Policy, ...]
    ladders: tuple[LadderRung, ...]

    @classmethod
    def from_rows(cls, version: int, rows: Mapping[Section, Iterable[Mapping[str, Any]]]) -> "Registry":
        """Build from plain rows by section, as published. Raises pydantic.ValidationError."""
        parsed = {
            section: tuple(model.model_validate(row) for row in rows[section]) for section, model in _MODELS.items()
        }
        return cls.model_validate({"version": version, **parsed})

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
    def category_by_code(self) -> dict[str, Category]:
        return {row.code: row for row in self.categories}

    @cached_property
    def policy_by_pair(self) -> dict[tuple[str, str], Policy]:
        return {(row.kind, row.urgency): row for row in self.policies}

    @cached_property
    def role_names(self) -> dict[str, tuple[str, str]]:
        """Ladder role → (Chinese, English) name."""
        return {row.role: (row.name_zh, row.name_en) for row in self.ladders}

    def ladder(self, side: Side, urgency: Urgency) -> tuple[LadderStep, ...]:
        """The rungs of `side` in climbing order with the delays that hold for `urgency`."""
        rungs = sorted((row for row in self.ladders if row.side == side), key=lambda row: row.rung)
        return tuple(
            LadderStep(rung=row.rung, role=row.role, form=row.form, delay=row.delays[urgency]) for row in rungs
        )


def registry_rows(registry: Registry) -> dict[Section, tuple[dict[str, Any], ...]]:
    """The registry as plain JSON rows by section: what is published and what `from_rows` reads back."""
    return {section: tuple(row.model_dump(mode="json") for row in getattr(registry, section)) for section in _MODELS}
