"""The street leader's signature (审签): before the blowing, or owed for an emergency.

INVARIANT: a signature that is missed is said once, whatever crashes: the flag and the event are one transaction.
"""

from dataclasses import replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from whistle_intake import domain, store
from whistle_intake.commands.blowing import say_blown
from whistle_shared.auth import Caller
from whistle_shared.contracts.intake import SignatureMissed, WhistleApproved, WhistleRejected
from whistle_shared.db import Unit


def approve_whistle(unit: Unit, whistle_id: UUID, caller: Caller) -> domain.Whistle:
    """Sign. A whistle that waited is blown; an emergency's debt is paid, late or not. Raises NotFound and
    IllegalTransition."""
    whistle = store.of_caller(unit, whistle_id, caller)
    after = domain.approve(whistle, caller.name, unit.now)
    if after.signature == "late" and whistle.signature == "owed":
        _say_missed(unit, whistle)
    store.save(unit, after)
    store.say(
        unit,
        WhistleApproved(whistle_id=whistle_id, street=whistle.street, by=caller.name, late=after.signature == "late"),
        whistle_id,
    )
    if whistle.stage == "pending_approval":
        matter = store.matter(unit, whistle_id)
        store.write(unit, after, matter)
        say_blown(unit, after, matter)
    return after


def reject_whistle(
    unit: Unit, whistle_id: UUID, caller: Caller, outcome: Literal["self_handled", "draft"], reason: str
) -> domain.Whistle:
    """Do not sign: the street handles it itself, or mends the draft. Raises NotFound and IllegalTransition."""
    whistle = store.of_caller(unit, whistle_id, caller)
    after = domain.reject(whistle, outcome)
    store.save(unit, after)
    store.say(
        unit,
        WhistleRejected(whistle_id=whistle_id, street=whistle.street, outcome=outcome, reason=reason, by=caller.name),
        whistle_id,
    )
    return after


def miss_signature(unit: Unit, whistle_id: UUID, until: datetime) -> None:
    """Nobody signed for an emergency in time. One that was signed or withdrawn meanwhile is left alone."""
    whistle = store.whistle(unit, whistle_id)
    if whistle.signature == "owed" and domain.is_missed(whistle, until):
        store.save(unit, replace(whistle, signature="missed"))
        _say_missed(unit, whistle)


def _say_missed(unit: Unit, whistle: domain.Whistle) -> None:
    assert whistle.signature_due_at is not None
    said = SignatureMissed(whistle_id=whistle.whistle_id, street=whistle.street, owed_until=whistle.signature_due_at)
    store.say(unit, said, whistle.whistle_id)
