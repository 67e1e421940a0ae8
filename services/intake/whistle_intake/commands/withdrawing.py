"""Taking a whistle back."""

from uuid import UUID

from whistle_intake import domain, store
from whistle_shared.auth import Caller
from whistle_shared.contracts.intake import WhistleWithdrawn
from whistle_shared.db import Unit


def withdraw_whistle(unit: Unit, whistle_id: UUID, caller: Caller, reason: str) -> domain.Whistle:
    """Take a whistle back. A repetition changes nothing, and a draft that nobody was shown goes without a word.

    Raises NotFound (also for another street's whistle), Forbidden and IllegalTransition.
    """
    whistle = store.of_caller(unit, whistle_id, caller)
    if whistle.stage != "draft":
        caller.needs("whistle.blow")
    if whistle.withdrawn_at is not None:
        return whistle
    withdrawn = domain.withdraw(whistle, unit.now)
    store.save(unit, withdrawn)
    if whistle.stage != "draft":
        store.say(
            unit,
            WhistleWithdrawn(whistle_id=whistle_id, round=whistle.round, reason=reason, withdrawn_by=caller.name),
            whistle_id,
            awaiting=("dispatch", "escalation") if whistle.stage == "open" else (),
        )
    return withdrawn
