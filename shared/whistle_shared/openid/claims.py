"""From a provider's claims to a person of ours: which claim says the role, the scope, the part, the second factor.

INVARIANT: no claim, no role: nothing is given that neither a claim nor the operator's mapping names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from whistle_shared.auth import EVERYWHERE, ROLES, Person, check_scope

_MOST_NAME = 80
_MOST_SCOPE = 40
_MOST_SUBJECT = 255
_NAMES = ("name", "preferred_username", "sub")


class NotMapped(Exception):
    """The provider knows the person, but nothing it says of them is a role here; says what was missing."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How claims are read. A claim's name may be a path (`realm_access.roles`).

    `roles`: a value of the role claim (a group, say) → a role here, `handler`, or a role and its scope,
    `administrator@*`. Whoever has several values gets the role of the first in this order. `second_factor`: values of
    `amr` or `acr` which say that two factors were shown.
    """

    roles: Mapping[str, str]
    role_claim: str = "groups"
    scope_claim: str = "whistle_scope"
    part_claim: str = "whistle_part"
    second_factor: frozenset[str] = frozenset({"mfa"})

    def __post_init__(self) -> None:
        """Raises ValueError for a role that is none, or has not this scope."""
        for value, given in self.roles.items():
            role, at, scope = given.partition("@")
            if at and not scope:
                raise ValueError(f"oidc_roles: {value!r}: nothing follows the @")
            try:
                check_scope(role, scope if at else _any_scope_of(role))
            except ValueError as error:
                raise ValueError(f"oidc_roles: {value!r}: {error}") from None

    def person_of(self, claims: Mapping[str, Any]) -> Person:
        """Who this is here. Raises NotMapped."""
        held = _texts(_claim(claims, self.role_claim))
        given = next((given for value, given in self.roles.items() if value in held), None)
        if given is None:
            raise NotMapped(f"claim {self.role_claim!r} has no value that oidc_roles gives a role to")
        role, at, scope = given.partition("@")
        if not at:
            scope = self._scope_of(claims, role)
        try:
            known = check_scope(role, scope)
        except ValueError as error:
            raise NotMapped(str(error)) from None
        return Person(_name_of(claims), known, scope, self._part_of(claims))

    def _scope_of(self, claims: Mapping[str, Any], role: str) -> str:
        """A role of the whole district needs no claim; any other has the one scope that its claim names."""
        if _reach_of(role) == "district":
            return EVERYWHERE
        named = _texts(_claim(claims, self.scope_claim))
        if len(named) != 1 or not named[0].strip():
            raise NotMapped(f"role {role!r} needs exactly one scope in claim {self.scope_claim!r}, not {len(named)}")
        scope = named[0].strip()
        if len(scope) > _MOST_SCOPE or not scope.isprintable():
            raise NotMapped(f"claim {self.scope_claim!r} has what is no code of a street or department")
        return scope

    def _part_of(self, claims: Mapping[str, Any]) -> str | None:
        named = _texts(_claim(claims, self.part_claim))
        if len(named) > 1:
            raise NotMapped(f"claim {self.part_claim!r} names more than one part")
        return named[0] if named else None

    def shows_second_factor(self, claims: Mapping[str, Any]) -> bool:
        """Whether the provider says that it saw two factors (RFC 8176)."""
        said = {*_texts(claims.get("amr")), *_texts(claims.get("acr"))}
        return not self.second_factor.isdisjoint(said)


def identity_of(issuer: str, claims: Mapping[str, Any]) -> tuple[str, str]:
    """(subject, username): who the provider means, and what they are called here, which nobody else is.

    The username ends in a digest of issuer and subject, so that none can be chosen to be somebody else's.
    """
    subject = claims["sub"]
    digest = sha256(f"{issuer}\n{subject}".encode()).hexdigest()[:16]
    called = "".join(_texts(claims.get("preferred_username"))[:1])
    letters = "".join(letter for letter in called[:32] if letter.isascii() and (letter.isalnum() or letter in "._-"))
    return subject, f"{letters or 'somebody'}@sso-{digest}"


def is_subject(value: object) -> bool:
    """Whether this can be a subject: OpenID Connect Core 2 allows 255 ASCII characters."""
    return isinstance(value, str) and value.isascii() and value.isprintable() and 1 <= len(value) <= _MOST_SUBJECT


def _name_of(claims: Mapping[str, Any]) -> str:
    for claim in _NAMES:
        name = "".join(letter for letter in "".join(_texts(claims.get(claim))[:1]) if letter.isprintable()).strip()
        if name:
            return name[:_MOST_NAME].strip()
    raise NotMapped("no claim names the person")


def _reach_of(role: str) -> str | None:
    return next((rule.reach for name, rule in ROLES.items() if name == role), None)


def _any_scope_of(role: str) -> str:
    """A scope that a role could have, where only the role is looked at."""
    return "X" if _reach_of(role) in ("street", "department") else EVERYWHERE


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim of this name, or what lies at the end of a path of names."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for step in name.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _texts(value: Any) -> Sequence[str]:
    """A claim of one text or of many, without repetitions."""
    many = value if isinstance(value, list) else [value]
    return list(dict.fromkeys(item for item in many if isinstance(item, str)))
