"""Whose rows: the where-clauses that bind a query to what exists for its caller.

INVARIANT: a department meets its own clocks, a street its own whistles (or its grid's), the district everything.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, exists, true

from whistle_escalation import tables
from whistle_shared.auth import EVERYWHERE, Caller

_m, _t = tables.matter.c, tables.task.c


def scoped(query: Select[Any], caller: Caller, department: ColumnElement[Any]) -> Select[Any]:
    """The query with the caller's where-clause; it must have `matter` in it unless the caller sees everything."""
    if caller.scope == EVERYWHERE:
        return query
    return query.where(of_place(caller) if caller.of_street else department == caller.scope)


def of_place(caller: Caller) -> ColumnElement[bool]:
    """Of the caller's street, and of its grid if it has no more of it."""
    own = _m.street == caller.scope
    return own if caller.grid is None else own & (_m.grid == caller.grid)


def concerns(caller: Caller) -> ColumnElement[bool]:
    """Whether a matter exists for the caller: its own, or one with a task of its own."""
    if caller.scope == EVERYWHERE:
        return true()
    if caller.of_street:
        return of_place(caller)
    return exists().where(_t.whistle_id == _m.whistle_id, _t.department == caller.scope)
