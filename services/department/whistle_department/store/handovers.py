"""Rows to hand-overs of the duty desk and back, and what lies in a department's hands."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import and_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from whistle_department import domain, tables
from whistle_shared.db import Unit, columns_of
from whistle_shared.errors import Invalid

# Of each task in a hand-over; and how many of both a command looks at.
_FACTS = ("number", "title", "place", "urgency")
_LONGEST_LIST = 500
_LATEST = 50


async def load(unit: Unit, departments: Collection[str]) -> None:
    """Fetch the duty desks of these departments."""
    for department in sorted(departments):
        found = await handovers(unit.connection, department, None, _LATEST)
        in_hand = await open_tasks(unit.connection, department)
        unit.ledgers[domain.desk_of(department)] = domain.Desk({one.handover_id: one for one in found}, in_hand)


async def open_tasks(connection: AsyncConnection, department: str | None) -> list[dict[str, Any]]:
    """What waits for the department (None: for anybody) to do something, by what runs out first; as a hand-over keeps
    it."""
    t, w = tables.task.c, tables.whistle.c
    same = and_(t.whistle_id == w.whistle_id, t.round == w.round)
    facts = [w.facts[name].astext.label(name) for name in _FACTS]
    query = select(t.task_id, t.state, t.due_at, *facts).join_from(tables.task, tables.whistle, same)
    query = query.where(tables.IN_HAND).order_by(t.due_at.asc().nulls_last(), t.task_id).limit(_LONGEST_LIST)
    rows = await connection.execute(query if department is None else query.where(t.department == department))
    return [_kept(row) for row in rows]


def _kept(row: Any) -> dict[str, Any]:
    due_at = row.due_at.isoformat() if row.due_at else None
    facts = {name: getattr(row, name) for name in _FACTS}
    return {"task_id": str(row.task_id), "state": row.state, "due_at": due_at, **facts}


async def handovers(
    connection: AsyncConnection, department: str | None, after: UUID | None, limit: int
) -> list[domain.Handover]:
    """A department's hand-overs (None: anybody's), newest first. Raises Invalid for a foreign cursor."""
    h = tables.handover.c
    query = select(tables.handover)
    if department is not None:
        query = query.where(h.department == department)
    if after is not None:
        anchor = (await connection.execute(query.where(h.handover_id == after))).one_or_none()
        if anchor is None:
            raise Invalid("cursor", "is not a cursor of this list")
        query = query.where(tuple_(h.offered_at, h.handover_id) < tuple_(anchor.offered_at, after))
    rows = await connection.execute(query.order_by(h.offered_at.desc(), h.handover_id.desc()).limit(limit))
    return [domain.Handover(**{name: getattr(row, name) for name in domain.Handover.__slots__}) for row in rows]


def desk(unit: Unit, department: str) -> domain.Desk:
    """The loaded duty desk of a department."""
    found: domain.Desk = unit.ledgers[domain.desk_of(department)]
    return found


def add_handover(unit: Unit, new: domain.Handover) -> None:
    """Store a hand-over that is offered."""
    desk(unit, new.department).handovers[new.handover_id] = new
    unit.insert(tables.handover, **columns_of(new) | {"tasks": orjson.dumps(new.tasks).decode()})


def save_handover(unit: Unit, after: domain.Handover) -> None:
    """Store that a hand-over was accepted or replaced."""
    desk(unit, after.department).handovers[after.handover_id] = after
    changing = ("handover_id", "replaced_at", "accepted_at", "accepted_by", "accepted_person")
    unit.update(tables.handover, **{name: getattr(after, name) for name in changing})


def shown(desk: domain.Desk) -> dict[str, Any] | None:
    """What a duty desk looks like to the audit: its newest hand-over. None: it has none."""
    newest = max(desk.handovers.values(), key=lambda one: one.offered_at, default=None)
    if newest is None:
        return None
    whose = f"{newest.person} → {newest.accepted_person or newest.successor}"
    return {f"hand-over {newest.handover_id}": (newest.state, whose, f"{len(newest.tasks)} tasks")}
