"""Read models: dispatches by state, and one dispatch."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from whistle_dispatch import domain, store, tables
from whistle_shared.errors import NotFound


async def dispatches(
    engine: AsyncEngine, *, state: str | None, after: UUID | None, limit: int
) -> list[domain.Dispatch]:
    """A page of dispatches, newest whistle first."""
    d = tables.dispatch.c
    query = select(d.whistle_id).order_by(d.whistle_id.desc()).limit(limit)
    if state is not None:
        query = query.where(d.state == state)
    if after is not None:
        query = query.where(d.whistle_id < after)
    async with engine.connect() as connection:
        ids = list((await connection.execute(query)).scalars())
        found = await store.dispatches(connection, ids)
    return [found[whistle_id] for whistle_id in ids]


async def dispatch(engine: AsyncEngine, whistle_id: UUID) -> domain.Dispatch:
    """One whistle's dispatch. Raises NotFound."""
    async with engine.connect() as connection:
        found = await store.dispatches(connection, [whistle_id])
    if whistle_id not in found:
        raise NotFound(f"whistle {whistle_id}")
    return found[whistle_id]
