"""Read models of what the street decides: requests on its desk, meetings, scores, call-backs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from whistle_intake import domain, store, tables
from whistle_shared.auth import Caller
from whistle_shared.errors import NotFound


@dataclass(frozen=True, slots=True)
class Decisions:
    """Everything that was asked and decided under one whistle, in business order. `evaluations`: plain rows."""

    requests: list[domain.Request]
    meetings: list[domain.Meeting]
    callbacks: list[domain.Callback]
    evaluations: Sequence[Any]


async def requests(
    engine: AsyncEngine, caller: Caller, *, status: str | None, after: UUID | None, limit: int
) -> Sequence[tuple[Any, domain.Request]]:
    """A page of the requests that are for the caller's street to decide, newest first, each with its whistle's row.
    Whistles that have ended want no decision any more: their pending requests are left out."""
    w, r = tables.whistle.c, tables.request.c
    query = (
        select(tables.request, w.number.label("number_of_whistle"), w.street)
        .join_from(tables.request, tables.whistle, w.whistle_id == r.whistle_id)
        .where((r.status != "pending") | w.state.in_(domain.OPEN))
        .order_by(r.request_id.desc())
        .limit(limit)
    )
    query = store.of_place(query, caller)
    if status is not None:
        query = query.where(r.status == status)
    if after is not None:
        query = query.where(r.request_id < after)
    async with engine.connect() as connection:
        return [(row, store.to_request(row)) for row in await connection.execute(query)]


async def meetings(engine: AsyncEngine, caller: Caller, whistle_id: UUID) -> list[domain.Meeting]:
    """The meetings under a whistle, the earliest first. Raises NotFound."""
    w = tables.whistle.c
    async with engine.connect() as connection:
        row = (await connection.execute(select(w.street, w.grid).where(w.whistle_id == whistle_id))).one_or_none()
        if row is None or not caller.covers_place(row.street, row.grid):
            raise NotFound(f"whistle {whistle_id}")
        return [store.to_meeting(row) for row in await _of(connection, tables.meeting, whistle_id, "starts_at")]


async def decisions(engine: AsyncEngine, whistle_id: UUID) -> Decisions:
    """What was asked and decided under a whistle."""
    async with engine.connect() as connection:
        return Decisions(
            [store.to_request(row) for row in await _of(connection, tables.request, whistle_id, "asked_at")],
            [store.to_meeting(row) for row in await _of(connection, tables.meeting, whistle_id, "starts_at")],
            [store.to_callback(row) for row in await _of(connection, tables.callback, whistle_id, "round")],
            await _of(connection, tables.evaluation, whistle_id, "at"),
        )


async def _of(connection: AsyncConnection, table: Table, whistle_id: UUID, order: str) -> Sequence[Any]:
    c = table.c
    found = await connection.execute(select(table).where(c.whistle_id == whistle_id).order_by(c[order]))
    return found.all()


async def whistle_of_task(engine: AsyncEngine, caller: Caller, task_id: UUID) -> UUID:
    """The whistle that a task belongs to. Raises NotFound, also for another street's."""
    return await _whistle_of(engine, caller, tables.task.c.task_id, task_id)


async def whistle_of_request(engine: AsyncEngine, caller: Caller, request_id: UUID) -> UUID:
    """The whistle that a request belongs to. Raises NotFound, also for another street's."""
    return await _whistle_of(engine, caller, tables.request.c.request_id, request_id)


async def whistle_of_meeting(engine: AsyncEngine, caller: Caller, meeting_id: UUID) -> UUID:
    """The whistle that a meeting belongs to. Raises NotFound, also for another street's."""
    return await _whistle_of(engine, caller, tables.meeting.c.meeting_id, meeting_id)


async def _whistle_of(engine: AsyncEngine, caller: Caller, key: Column[UUID], value: UUID) -> UUID:
    """INVARIANT: what is another street's and what does not exist are answered in the same words."""
    w, of = tables.whistle.c, key.table.c
    query = select(w.whistle_id, w.street, w.grid).where(w.whistle_id == of.whistle_id, key == value)
    async with engine.connect() as connection:
        row = (await connection.execute(query)).one_or_none()
    if row is None or not caller.covers_place(row.street, row.grid):
        raise NotFound(f"{key.table.name} {value}")
    whistle_id: UUID = row.whistle_id
    return whistle_id
