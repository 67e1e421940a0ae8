"""Who did what: one row for every command, in the transaction of its effect, and for every refusal.

INVARIANT: a command that took effect has its audit row; one that did not has none that says it was done.
INVARIANT: the audit keeps neither secrets nor anything that tells a resident: `NOT_KEPT`, wherever it stands; and of
every other text no number of a person.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import orjson

from whistle_shared.db.tables import audit
from whistle_shared.privacy import masked
from whistle_shared.timesource import wall_now

if TYPE_CHECKING:
    from whistle_shared.db.unit import Unit

Outcome = Literal["done", "refused", "failed"]
Shown = Mapping[str, Any]
LONGEST = 500
"""Characters of one text that are kept."""
_MOST = 50
NOT_KEPT = frozenset(
    {
        # secrets
        *("password", "current_password", "new_password", "repeated", "secret", "token", "code", "recovery_code"),
        # a resident: who, how to reach them, where exactly, and their own words
        *("contact", "phone", "location", "description", "text"),
    }
)
"""Names of fields of requests that are left out, however deep they stand."""


class Shows(Protocol):
    """What the thing that a command is about looks like now; None: there is no such thing (yet)."""

    def __call__(self, unit: "Unit", /) -> Shown | None: ...


@dataclass(frozen=True, slots=True)
class Deed:
    """Who asks for what, from where.

    `actor`: `account:<id>`, `token:<id>`, `resident`, `whistlectl` or `nobody`. `asked`: what came with it. `shows`:
    what the thing looks like; taken before and after, the difference is kept.
    """

    actor: str
    name: str
    role: str | None
    scope: str | None
    action: str
    subject: str | None
    address: str
    asked: Mapping[str, Any] = field(default_factory=dict)
    shows: Shows | None = None


def note(unit: "Unit", deed: Deed, outcome: Outcome, before: Shown | None = None, after: Shown | None = None) -> None:
    """Write a deed down. Of `before` and `after` only what differs is kept, of long texts only the beginning."""
    changed = _differing(before, after)
    unit.insert(
        audit,
        at=wall_now(),
        business_at=unit.now,
        actor=_clean(deed.actor),
        name=_clean(deed.name),
        role=deed.role,
        scope=deed.scope,
        action=_clean(deed.action),
        subject=None if deed.subject is None else _clean(deed.subject),
        outcome=outcome,
        address=_clean(deed.address),
        correlation_id=unit.trace.correlation_id,
        asked=_json(deed.asked),
        before=_json({name: before[name] for name in before if name in changed}) if before else None,
        after=_json({name: after[name] for name in after if name in changed}) if after else None,
    )


def _differing(before: Shown | None, after: Shown | None) -> set[str]:
    names = set(before or ()) | set(after or ())
    if before is None or after is None:
        return names
    return {name for name in names if before.get(name) != after.get(name)}


def _json(value: Shown) -> str:
    return orjson.dumps(kept(value), default=str).decode()


def kept(value: Any) -> Any:
    """What is kept of something that was said: no secrets, nothing personal, no endless texts and lists."""
    match value:
        case str():
            return _clean(value)
        case Mapping():
            return {_clean(str(name)): kept(item) for name, item in value.items() if name not in NOT_KEPT}
        case list() | tuple() | AbstractSet():
            return [kept(item) for item in list(value)[:_MOST]]
    return value


def _clean(said: str) -> str:
    """As much of a text as is kept, its numbers of persons blotted out, in characters that the database takes."""
    said = masked(said)
    if len(said) > LONGEST:
        said = said[:LONGEST] + "…"
    return said if said.isascii() and "\0" not in said else said.encode("utf-8", "replace").decode().replace("\0", "�")
