"""Who is calling, and how far their word goes."""

import re
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from whistle_shared.auth.roles import DEPARTMENT_ROLES, ROLES, STREET_ROLES, Right, Role
from whistle_shared.errors import DomainError

EVERYWHERE = "*"
# As contracts.vocabulary.Code: above all without a comma, which stands between the codes that a wall lets through.
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
Means = Literal["account", "token"]


class Unauthenticated(Exception):
    """No credential, or one that is unknown, expired or revoked."""


class Forbidden(DomainError):
    """The role may never do this, whatever the object."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever holds a token or is signed in to an account.

    `scope` is a street code, a department code, or `*` for the whole district. `part`, where it is given, is a grid
    of that street, and then only what lies in that grid exists; or a section of that department, which says where
    somebody works and narrows nothing, for a task belongs to its department as a whole.
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
    def grid(self) -> str | None:
        """The one grid that exists for the caller; None: the whole scope."""
        return self.part if self.of_street else None

    @property
    def actor(self) -> str:
        """How the audit names them: `account:<id>` or `token:<id>`."""
        return f"{self.means}:{self.id}"

    def covers(self, owner: str) -> bool:
        """Whether objects of this street or department exist for the caller."""
        return self.scope in (EVERYWHERE, owner)

    def covers_place(self, street: str, grid: str | None) -> bool:
        """Whether what lies in this grid of this street exists for the caller. What names no grid lies in none."""
        return self.covers(street) and self.grid in (None, grid)

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
    if scope != EVERYWHERE and not _CODE.fullmatch(scope):
        raise ValueError(f"role {role!r} needs a code as its scope, and {scope!r} is none")
    return known
