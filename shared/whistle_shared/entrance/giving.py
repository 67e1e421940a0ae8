"""What an administrator may give to others: roles and scopes, never more than their own reach.

INVARIANT: an administrator of one street or department sees, makes and changes only what has that very scope.
"""

from dataclasses import dataclass

from whistle_shared.auth import EVERYWHERE, ROLES, Caller, Person, Role, check_place, check_scope
from whistle_shared.errors import Invalid, NotFound
from whistle_shared.registry import Registry
from whistle_shared.runtime import Service


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to choose in a form."""

    value: str
    zh: str
    en: str


def covered(giver: Caller, scope: str) -> None:
    """Raises NotFound for what is outside the giver's reach: to them it does not exist."""
    if not giver.covers(scope):
        raise NotFound("there is no such thing, or not for this administrator")


def roles_for(giver: Caller, registry: Registry | None) -> list[Role]:
    """The roles that somebody may be given by this administrator."""
    reach = _reach(giver.scope, registry)
    return [role for role, rule in ROLES.items() if reach is None or rule.reach in (reach, "any")]


def scopes_for(giver: Caller, registry: Registry | None) -> list[Choice]:
    """The scopes to choose from; a registry that is not here leaves only the giver's own."""
    if giver.scope != EVERYWHERE:
        return [Choice(giver.scope, giver.scope, giver.scope)]
    everywhere = Choice(EVERYWHERE, "全区", "Whole district")
    if registry is None:
        return [everywhere]
    streets = (Choice(row.code, row.name_zh, row.name_en) for row in registry.streets)
    departments = (Choice(row.code, row.name_zh, row.name_en) for row in registry.departments)
    return [everywhere, *streets, *departments]


def check_gift(giver: Caller, service: Service, person: Person) -> None:
    """Whether this role and scope may be given. Raises Invalid naming the field."""
    registry = service.replica.registry
    if person.role not in roles_for(giver, registry):
        raise Invalid("role", "is not one that this administrator may give")
    if not giver.covers(person.scope):
        raise Invalid("scope", "is outside this administrator's own")
    try:
        role = check_scope(person.role, person.scope)
        if registry is not None:
            check_place(registry, role, person.scope)
    except ValueError as error:
        raise Invalid("scope", str(error)) from None
    try:
        if registry is not None:
            check_place(registry, role, person.scope, person.part)
    except ValueError as error:
        raise Invalid("part", str(error)) from None


def _reach(scope: str, registry: Registry | None) -> str | None:
    """Whether a scope is a street's or a department's; None: the whole district, or unknown."""
    if scope == EVERYWHERE or registry is None:
        return None
    if scope in registry.street_by_code:
        return "street"
    return "department" if scope in registry.department_by_code else None
