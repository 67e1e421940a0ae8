"""Who is calling, and how far their word goes."""

from dataclasses import dataclass
from typing import Literal, get_args
from uuid import UUID

Role = Literal["community", "street", "street_leader", "department", "district", "operations"]
ROLES: tuple[Role, ...] = get_args(Role)
STREET_ROLES: tuple[Role, ...] = ("community", "street", "street_leader")
EVERYWHERE = "*"


class Unauthenticated(Exception):
    """No token, or one that is unknown, expired or revoked."""


class Forbidden(Exception):
    """The role may never do this, whatever the object."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A token's holder. `scope` is a street code, a department code, or `*` for the whole district.

    `community` drafts (grid officers too), `street` blows and verifies, `street_leader` signs as well.
    """

    token_id: UUID
    name: str
    role: Role
    scope: str

    @property
    def of_street(self) -> bool:
        """Whether the scope is a street's."""
        return self.role in STREET_ROLES

    def covers(self, owner: str) -> bool:
        """Whether objects of this street or department exist for the caller."""
        return self.scope in (EVERYWHERE, owner)

    def needs(self, *roles: Role) -> None:
        """Raises Forbidden unless the caller has one of these roles."""
        if self.role not in roles:
            raise Forbidden(f"role {self.role!r} may not do this; it takes {' or '.join(roles)}")
