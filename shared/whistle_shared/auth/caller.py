"""Who is calling, and how far their word goes."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from whistle_shared.auth.roles import DEPARTMENT_ROLES, ROLES, STREET_ROLES, Right, Role

EVERYWHERE = "*"
Means = Literal["account", "token"]


class Unauthenticated(Exception):
    """No credential, or one that is unknown, expired or revoked."""


class Forbidden(Exception):
    """The role may never do this, whatever the object."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever holds a token or is signed in to an account.

    `scope` is a street code, a department code, or `*` for the whole district; `part`, where it is given, a grid of
    that street or a section of that department: then only what lies in it exists.
    """

    id: UUID
    name: str
    role: Role
    scope: str
    part: str | None = None
    means: Means = "token"

    @property
    def of_street(self) -> bool:
        """Whether the scope is a street's."""
        return self.role in STREET_ROLES

    @property
    def of_department(self) -> bool:
        """Whether the scope is a department's."""
        return self.role in DEPARTMENT_ROLES

    @property
    def actor(self) -> str:
        """How the audit names them: `account:<id>` or `token:<id>`."""
        return f"{self.means}:{self.id}"

    def covers(self, owner: str) -> bool:
        """Whether objects of this street or department exist for the caller."""
        return self.scope in (EVERYWHERE, owner)

    def has(self, right: Right) -> bool:
        """Whether the role has this right."""
        return right in ROLES[self.role].rights

    def needs(self, right: Right) -> None:
        """Raises Forbidden unless the role has this right."""
        if not self.has(right):
            raise Forbidden(f"role {self.role!r} may not do this; it takes the right {right!r}")


def check_scope(role: str, scope: str) -> Role:
    """The role, if it may have this scope. Raises ValueError saying what is wrong."""
    known = next((name for name in ROLES if name == role), None)
    if known is None:
        raise ValueError(f"role {role!r} is not one of {', '.join(ROLES)}")
    reach = ROLES[known].reach
    if reach in ("street", "department") and scope == EVERYWHERE:
        raise ValueError(f"role {role!r} needs a {reach} code as its scope")
    if reach == "district" and scope != EVERYWHERE:
        raise ValueError(f"role {role!r} sees the whole district: its scope is {EVERYWHERE}")
    return known
