"""Who did what: one row for every command, in the transaction of its effect, and for every refusal.

INVARIANT: a command that took effect has its audit row; one that did not has none that says it was done.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import orjson

from whistle_shared.db.tables import audit
from whistle_shared.timesource import wall_now

if TYPE_CHECKING:
    from whistle_shared.db.unit import Unit

Outcome = Literal["done", "refused", "failed"]
Shown = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Deed:
    """Who asks for what, from where.

    `actor`: `account:<id>`, `token:<id>`, `resident`, `whistlectl` or `nobody`. `asked`: what came with it, personal
    fields and secrets left out. `shows`: what the thing looks like; taken before and after, the difference is kept.
    """

    actor: str
    name: str
    role: str | None
    scope: str | None
    action: str
    subject: str | None
    address: str
    asked: Mapping[str, Any] = field(default_factory=dict)
    shows: "Callable[[Unit], Shown | None] | None" = None


def note(unit: "Unit", deed: Deed, outcome: Outcome, before: Shown | None = None, after: Shown | None = None) -> None:
    """Write a deed down. Of `before` and `after` only what differs is kept."""
    changed = _differing(before, after)
    unit.insert(
        audit,
        at=wall_now(),
        business_at=unit.now,
        actor=deed.actor,
        name=deed.name,
        role=deed.role,
        scope=deed.scope,
        action=deed.action,
        subject=deed.subject,
        outcome=outcome,
        address=deed.address,
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


def _json(value: Mapping[str, Any]) -> str:
    return orjson.dumps(value, default=str).decode()
