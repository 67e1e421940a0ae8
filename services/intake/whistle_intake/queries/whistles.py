"""Read models: a page of whistles, and one whistle with its whole timeline."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import and_, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from whistle_intake import domain, store, tables
from whistle_shared.auth import Caller
from whistle_shared.contracts.intake import WhistleJoined
from whistle_shared.errors import NotFound
from whistle_shared.registry import Regulation

# A whistle's row, and whether whoever reported the matter has been asked in this round.
_SHOWN = select(
    tables.whistle,
    exists()
    .where(
        tables.callback.c.whistle_id == tables.whistle.c.whistle_id,
        tables.callback.c.round == tables.whistle.c.round,
        or_(tables.callback.c.contacted, tables.callback.c.waived),
    )
    .label("called_back"),
)


async def whistles(
    engine: AsyncEngine, caller: Caller, *, state: str | None, after: UUID | None, limit: int
) -> Sequence[Any]:
    """A page of the caller's whistles, newest first."""
    w = tables.whistle.c
    own = _SHOWN.where(w.initiator == caller.scope) if caller.of_department else store.of_place(_SHOWN, caller)
    query = own.order_by(w.whistle_id.desc()).limit(limit)
    if state is not None:
        query = query.where(w.state == state)
    if after is not None:
        query = query.where(w.whistle_id < after)
    async with engine.connect() as connection:
        return (await connection.execute(query)).all()


async def similar(
    engine: AsyncEngine, probe: domain.Probe, regulation: Regulation, now: datetime
) -> Sequence[domain.Known]:
    """The newest whistles that may be about the same matter."""
    if not probe.searchable:
        return ()
    asked = uuid_utils.compat.uuid7()
    async with engine.connect() as connection:
        found = await store.find_similar(connection, {asked: probe}, regulation, now)
    return found.get(asked, ())


async def whistle(
    engine: AsyncEngine, caller: Caller, whistle_id: UUID
) -> tuple[Any, list[domain.Task], Sequence[Any]]:
    """One whistle's row, its tasks and its timeline in business order. Raises NotFound."""
    w, t, line = tables.whistle.c, tables.task.c, tables.timeline.c
    async with engine.connect() as connection:
        row = (await connection.execute(_SHOWN.where(w.whistle_id == whistle_id))).one_or_none()
        if row is None or not store.owns(caller, row.street, row.grid, row.initiator):
            raise NotFound(f"whistle {whistle_id}")
        found = await connection.execute(
            select(tables.task).where(t.whistle_id == whistle_id).order_by(t.role.desc(), t.department)
        )
        tasks = [store.to_task(task) for task in found]
        joined = and_(  # a draft that was joined to a whistle: what was said of it there
            line.whistle_id == row.joined_to,
            line.key == WhistleJoined.key,
            line.data["joined_id"].astext == str(whistle_id),
        )
        told = await connection.execute(
            select(tables.timeline).where(or_(line.whistle_id == whistle_id, joined)).order_by(line.at, line.position)
        )
        return row, tasks, told.all()
