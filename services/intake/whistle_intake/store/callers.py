"""Whose whistle it is: the street's, or the department's that called.

INVARIANT: a caller's commands reach only what its scope covers; the rest does not exist for it (404).
"""

from typing import Any
from uuid import UUID

from sqlalchemy import Select

from whistle_intake import domain, tables
from whistle_intake.store.reference import matter
from whistle_intake.store.whistles import whistle
from whistle_shared.auth import EVERYWHERE, Caller
from whistle_shared.db import Unit
from whistle_shared.errors import NotFound


def owns(caller: Caller, street: str, grid: str | None, initiator: str | None) -> bool:
    """Whether a whistle exists for this caller: a department's own are those it called for itself."""
    return caller.scope == initiator if caller.of_department else caller.covers_place(street, grid)


def of_place(query: Select[Any], caller: Caller) -> Select[Any]:
    """Only the whistles of the caller's street, and of its grid if it has no more of it."""
    if caller.scope != EVERYWHERE:
        query = query.where(tables.whistle.c.street == caller.scope)
    if caller.grid is not None:
        query = query.where(tables.whistle.c.grid == caller.grid)
    return query


def of_caller(unit: Unit, whistle_id: UUID, caller: Caller) -> domain.Whistle:
    """A loaded whistle of this caller's. Raises NotFound."""
    found = whistle(unit, whistle_id)
    grid = caller.grid and matter(unit, whistle_id).grid
    if not owns(caller, found.street, grid, found.initiator):
        raise NotFound(f"whistle {whistle_id}")
    return found
