"""Read models: dispatches with the precedents that apply, the desk's lists, and whose whistle something belongs to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Column, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from whistle_dispatch import domain, store, tables
from whistle_shared.db import among
from whistle_shared.errors import NotFound

_MOST_PRECEDENTS = 20


@dataclass(frozen=True, slots=True)
class Known:
    """A dispatch, and the newest precedents of its sub-category where somebody has to be named."""

    dispatch: domain.Dispatch
    precedents: tuple[domain.Ruling, ...] = ()


async def dispatches(
    engine: AsyncEngine, *, state: str | None, silent: bool, after: UUID | None, limit: int
) -> list[Known]:
    """A page of dispatches, newest whistle first. `silent`: only those in which a department stays silent."""
    d, t = tables.dispatch.c, tables.task.c
    query = select(d.whistle_id).order_by(d.whistle_id.desc()).limit(limit)
    if state is not None:
        query = query.where(d.state == state)
    if silent:
        query = query.where(
            d.state == "dispatched",
            select(t.task_id)
            .where(t.whistle_id == d.whistle_id, t.round == d.round, t.raised_at.is_not(None), t.ended_at.is_(None))
            .exists(),
        )
    if after is not None:
        query = query.where(d.whistle_id < after)
    async with engine.connect() as connection:
        ids = list((await connection.execute(query)).scalars())
        return await _known(connection, ids)


async def dispatch(engine: AsyncEngine, whistle_id: UUID) -> Known:
    """One whistle's dispatch. Raises NotFound."""
    async with engine.connect() as connection:
        found = await _known(connection, [whistle_id])
    if not found:
        raise NotFound(f"whistle {whistle_id}")
    return found[0]


async def _known(connection: AsyncConnection, ids: Sequence[UUID]) -> list[Known]:
    found = await store.dispatches(connection, ids, ids)
    rulings: dict[str, list[domain.Ruling]] = {}
    for category in {one.facts.category for one in found.values() if one.precedents_apply and one.facts}:
        if category is not None:
            rulings[category] = await _rulings(connection, category)
    return [
        Known(one, tuple(rulings.get(one.facts.category or "", ()) if one.facts and one.precedents_apply else ()))
        for whistle_id in ids
        if (one := found.get(whistle_id)) is not None
    ]


async def _rulings(connection: AsyncConnection, category: str) -> list[domain.Ruling]:
    p = tables.precedent
    query = (
        select(p)
        .where(p.c.category == category)
        .order_by(p.c.decided_at.desc(), p.c.precedent_id)
        .limit(_MOST_PRECEDENTS)
    )
    return [store.ruling_of(row) for row in await connection.execute(query)]


async def requests(
    engine: AsyncEngine,
    kinds: Iterable[domain.RequestKind],
    *,
    state: str | None,
    after: UUID | None,
    limit: int,
) -> list[domain.Request]:
    """A page of what departments asked for, the newest first."""
    r = tables.request
    query = select(r).where(r.c.kind.in_(kinds)).order_by(r.c.request_id.desc()).limit(limit)
    if state is not None:
        query = query.where(r.c.state == state)
    if after is not None:
        query = query.where(r.c.request_id < after)
    async with engine.connect() as connection:
        return [store.request_of(row) for row in await connection.execute(query)]


async def disputes(
    engine: AsyncEngine, *, state: str | None, after: UUID | None, limit: int
) -> list[tuple[domain.Dispute, domain.Request]]:
    """A page of disputes with the returns that they are about, the newest return first."""
    d, r = tables.dispute, tables.request
    query = select(d).order_by(d.c.request_id.desc()).limit(limit)
    if state is not None:
        query = query.where(d.c.state == state)
    if after is not None:
        query = query.where(d.c.request_id < after)
    async with engine.connect() as connection:
        found = [store.dispute_of(row) for row in await connection.execute(query)]
        about = select(r).where(among(r.c.request_id, [dispute.request_id for dispute in found]))
        asked = {row.request_id: store.request_of(row) for row in await connection.execute(about)}
    return [(dispute, asked[dispute.request_id]) for dispute in found]


async def precedents(
    engine: AsyncEngine, *, category: str | None, after: UUID | None, limit: int
) -> list[domain.Ruling]:
    """A page of precedents, the latest decision first."""
    p = tables.precedent
    query = select(p).order_by(p.c.decided_at.desc(), p.c.precedent_id).limit(limit)
    if category is not None:
        query = query.where(p.c.category == category)
    async with engine.connect() as connection:
        if after is not None:
            query = query.where(await _older(connection, after))
        return [store.ruling_of(row) for row in await connection.execute(query)]


async def _older(connection: AsyncConnection, after: UUID) -> Any:
    """Everything that comes after this precedent in the list."""
    p = tables.precedent.c
    last = (await connection.execute(select(p.decided_at).where(p.precedent_id == after))).scalar_one_or_none()
    if last is None:
        return p.precedent_id.is_(None)
    return (p.decided_at < last) | ((p.decided_at == last) & (p.precedent_id > after))


async def whistle_of_request(engine: AsyncEngine, request_id: UUID) -> UUID:
    """Whose whistle a request belongs to. Raises NotFound."""
    return await _whistle_of(engine, tables.request.c.request_id, request_id, "request")


async def whistle_of_dispute(engine: AsyncEngine, dispute_id: UUID) -> UUID:
    """Whose whistle a dispute belongs to. Raises NotFound."""
    return await _whistle_of(engine, tables.dispute.c.dispute_id, dispute_id, "dispute")


async def whistle_of_task(engine: AsyncEngine, task_id: UUID) -> UUID:
    """Whose whistle a task belongs to. Raises NotFound."""
    return await _whistle_of(engine, tables.task.c.task_id, task_id, "task")


async def _whistle_of(engine: AsyncEngine, key: Column[UUID], wanted: UUID, what: str) -> UUID:
    async with engine.connect() as connection:
        query = select(key.table.c.whistle_id).where(key == wanted)
        found: UUID | None = (await connection.execute(query)).scalar_one_or_none()
    if found is None:
        raise NotFound(f"{what} {wanted}")
    return found
