"""Whether a scope and its part name anything: a token or an account for a place that is not there opens nothing."""

from whistle_shared.auth.caller import EVERYWHERE
from whistle_shared.auth.roles import ROLES, Role
from whistle_shared.registry import Registry


def check_place(registry: Registry, role: Role, scope: str, part: str | None = None) -> None:
    """Raises ValueError naming what the registry does not know: a street, a department, a grid of that street.

    A section of a department is the department's own affair: no registry lists them.
    """
    if scope == EVERYWHERE:
        if part is not None:
            raise ValueError(f"{part!r} is part of nothing: the scope is the whole district")
        return
    reach = ROLES[role].reach
    is_street, is_department = scope in registry.street_by_code, scope in registry.department_by_code
    if not (is_street if reach == "street" else is_department if reach == "department" else is_street or is_department):
        kind = {"street": "street", "department": "department"}.get(reach, "street or department")
        raise ValueError(f"there is no {kind} {scope!r} in registry version {registry.version}")
    if part is not None and is_street:
        grid = registry.grid_by_code.get(part)
        if grid is None or grid.street != scope:
            raise ValueError(f"{scope} has no grid {part!r} in registry version {registry.version}")
