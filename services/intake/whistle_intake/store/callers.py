"""Whose whistle it is: the street's, or the department's that called.

INVARIANT: a caller's commands reach only what its scope covers; the rest does not exist for it (404).
"""

from uuid import UUID

from whistle_intake import domain
from whistle_intake.store.whistles import whistle
from whistle_shared.auth import Caller
from whistle_shared.db import Unit
from whistle_shared.errors import NotFound


def owns(caller: Caller, street: str, initiator: str | None) -> bool:
    """Whether a whistle exists for this caller: a department's own are those it called for itself."""
    return caller.scope == initiator if caller.of_department else caller.covers(street)


def of_caller(unit: Unit, whistle_id: UUID, caller: Caller) -> domain.Whistle:
    """A loaded whistle of this caller's. Raises NotFound."""
    found = whistle(unit, whistle_id)
    if not owns(caller, found.street, found.initiator):
        raise NotFound(f"whistle {whistle_id}")
    return found
