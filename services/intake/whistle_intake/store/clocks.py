"""Rows to clocks and back, for a whole batch at a time.

INVARIANT: `whistle.due_at` is when the first of the whistle's running clocks runs out: lists are ordered by it.
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select

from whistle_intake import domain, tables
from whistle_shared.contracts.dispatch import TasksCalled, WhistleUnrouted
from whistle_shared.contracts.escalation import ClockEvent, ClocksChanged
from whistle_shared.db import Unit, Work, among, columns_of

_CLOCK = [field.name for field in fields(domain.Clock)]
Clocks = dict[UUID, domain.Clock]


def about_time(work: Work) -> bool:
    """Whether a work tells of clocks."""
    told = None if work.event is None else work.event.data
    if isinstance(told, ClocksChanged):
        return bool(told.changes)
    return isinstance(told, ClockEvent | TasksCalled | WhistleUnrouted)


async def load_clocks(unit: Unit, works: Sequence[Work]) -> None:
    """Fetch the clocks of the whistles that these works tell about the time of."""
    ids = [work.whistle for work in works if work.whistle is not None and about_time(work)]
    if not ids:
        return
    c = tables.clock.c
    for row in await unit.connection.execute(select(tables.clock).where(among(c.whistle_id, ids))):
        clocks(unit, row.whistle_id)[row.clock_id] = to_clock(row)


def clocks(unit: Unit, whistle_id: UUID) -> Clocks:
    """The clocks of a whistle by their ids, as they are known in this unit."""
    found: Clocks = unit.ledgers.setdefault(whistle_id, {})
    return found


def to_clock(row: Any) -> domain.Clock:
    """A clock from its row."""
    return domain.Clock(**{name: getattr(row, name) for name in _CLOCK})


def save_clock(unit: Unit, after: domain.Clock) -> None:
    """Store what is known of a clock now, and when the whistle's first one runs out."""
    known = clocks(unit, after.whistle_id)
    before, due_before = known.get(after.clock_id), domain.next_due(known.values())
    if before == after:
        return
    known[after.clock_id] = after
    row = columns_of(after) | {"rungs": orjson.dumps(after.rungs).decode()}
    (unit.insert if before is None else unit.update)(tables.clock, **row)
    due_at = domain.next_due(known.values())
    if due_at != due_before:
        unit.update(tables.whistle, whistle_id=after.whistle_id, due_at=due_at)
