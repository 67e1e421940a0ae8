"""What waits at the district whistle office, for its pages: everything undecided with the clock it is decided by.

What waits is found by an index, however much has been decided; of each kind at most `MOST` are shown.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from whistle_dispatch import domain, store, tables
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.errors import NotFound

Kind = Literal["unrouted", "silent", "dispute", "return", "extension", "suspension", "appeal", "review"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MOST = 100


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that waits. `subject`: of the request or the dispute, or the whistle itself; `due_at`: when it has to
    be decided, None where it depends on the registry or nothing says so."""

    kind: Kind
    subject: UUID
    whistle_id: UUID
    facts: WhistleFacts
    since: datetime
    due_at: datetime | None = None
    department: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A request of a department, all that is known about its whistle, and the precedents of its sub-category."""

    dispatch: domain.Dispatch
    request: domain.Request
    dispute: domain.Dispute | None
    precedents: tuple[domain.Ruling, ...]


async def waiting(engine: AsyncEngine, kinds: Iterable[Kind] = KINDS) -> dict[Kind, list[Waiting]]:
    """What waits, by kind, the oldest first."""
    async with engine.connect() as connection:
        return {kind: await _READERS[kind](connection, kind) for kind in kinds}


async def _unrouted(connection: AsyncConnection, kind: Kind) -> list[Waiting]:
    d = tables.dispatch.c
    query = select(d.whistle_id, d.facts, d.reason).where(d.state == "awaiting_triage").order_by(d.whistle_id)
    found = []
    for row in await connection.execute(query.limit(MOST)):
        facts = WhistleFacts.model_validate(row.facts)
        found.append(Waiting(kind, row.whistle_id, row.whistle_id, facts, facts.blown_at, reason=row.reason))
    return found


async def _silent(connection: AsyncConnection, kind: Kind) -> list[Waiting]:
    d, t = tables.dispatch.c, tables.task.c
    query = (
        select(t.whistle_id, d.facts, t.department, t.raised_at)
        .where(t.raised_at.is_not(None), t.ended_at.is_(None), d.whistle_id == t.whistle_id)
        .where(d.state == "dispatched", d.round == t.round)
        .order_by(t.whistle_id)
        .limit(MOST)
    )
    return [
        Waiting(kind, row.whistle_id, row.whistle_id, _facts(row), row.raised_at, None, row.department)
        for row in await connection.execute(query)
    ]


async def _asked(connection: AsyncConnection, kind: Kind) -> list[Waiting]:
    r = tables.request.c
    query = _requests().where(r.kind == kind, r.state == "pending").order_by(r.request_id).limit(MOST)
    found = []
    for row in await connection.execute(query):
        asked = store.request_of(row)
        due = asked.decide_by or (getattr(asked.asked, "current_due_at", None))
        found.append(_of_request(kind, row, asked, due))
    return found


async def _reviews(connection: AsyncConnection, kind: Kind) -> list[Waiting]:
    """Suspensions that were granted and run on."""
    r = tables.request.c
    query = _requests().where(r.kind == "suspension", r.state == "upheld", r.resumed_at.is_(None))
    rows = await connection.execute(query.order_by(r.granted_until).limit(MOST))
    return [_of_request(kind, row, asked := store.request_of(row), asked.granted_until) for row in rows]


async def _disputes(connection: AsyncConnection, kind: Kind) -> list[Waiting]:
    r, p = tables.request.c, tables.dispute.c
    query = (
        _requests()
        .add_columns(p.dispute_id, p.due_at, p.opened_at, p.cause)
        .where(p.request_id == r.request_id, p.state == "open")
        .order_by(p.dispute_id)
        .limit(MOST)
    )
    found = []
    for row in await connection.execute(query):
        asked = store.request_of(row).asked
        about = (row.whistle_id, _facts(row), row.opened_at, row.due_at, asked.department, row.cause)
        found.append(Waiting(kind, row.dispute_id, *about))
    return found


def _requests() -> Select[Any]:
    d, r = tables.dispatch.c, tables.request
    return select(r, d.facts).where(d.whistle_id == r.c.whistle_id)


def _of_request(kind: Kind, row: Any, asked: domain.Request, due: datetime | None) -> Waiting:
    said = asked.asked
    return Waiting(kind, row.request_id, row.whistle_id, _facts(row), asked.asked_at, due, said.department, said.reason)


def _facts(row: Any) -> WhistleFacts:
    return WhistleFacts.model_validate(row.facts)


_READERS = {
    "unrouted": _unrouted,
    "silent": _silent,
    "dispute": _disputes,
    "return": _asked,
    "extension": _asked,
    "suspension": _asked,
    "appeal": _asked,
    "review": _reviews,
}


async def case_of_request(engine: AsyncEngine, request_id: UUID) -> Case:
    """A request with everything around it. Raises NotFound."""
    r = tables.request.c
    return await _case(engine, select(r.whistle_id, r.request_id).where(r.request_id == request_id))


async def case_of_dispute(engine: AsyncEngine, dispute_id: UUID) -> Case:
    """A dispute with everything around it. Raises NotFound."""
    p = tables.dispute.c
    return await _case(engine, select(p.whistle_id, p.request_id).where(p.dispute_id == dispute_id))


async def _case(engine: AsyncEngine, query: Select[Any]) -> Case:
    async with engine.connect() as connection:
        row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound("there is no such request")
        found = await store.dispatches(connection, [row.whistle_id], [row.whistle_id])
        dispatch = found[row.whistle_id]
        rulings = await rulings_of(connection, dispatch.facts.category if dispatch.facts else None)
    request = dispatch.requests[row.request_id]
    dispute = next((one for one in dispatch.disputes.values() if one.request_id == row.request_id), None)
    return Case(dispatch, request, dispute, rulings)


async def matter(engine: AsyncEngine, whistle_id: UUID) -> tuple[domain.Dispatch, tuple[domain.Ruling, ...]]:
    """All that is known about a whistle, and the precedents of its sub-category. Raises NotFound."""
    async with engine.connect() as connection:
        found = await store.dispatches(connection, [whistle_id], [whistle_id])
        if whistle_id not in found:
            raise NotFound(f"whistle {whistle_id}")
        facts = found[whistle_id].facts
        return found[whistle_id], await rulings_of(connection, facts.category if facts else None)


async def rulings_of(connection: AsyncConnection, category: str | None, limit: int = 10) -> tuple[domain.Ruling, ...]:
    """The newest precedents of a sub-category."""
    if category is None:
        return ()
    p = tables.precedent
    query = select(p).where(p.c.category == category).order_by(p.c.decided_at.desc(), p.c.precedent_id).limit(limit)
    return tuple(store.ruling_of(row) for row in await connection.execute(query))


async def matters(
    engine: AsyncEngine, *, state: domain.State | None, number: str | None, after: UUID | None, limit: int
) -> Sequence[domain.Dispatch]:
    """A page of whistles, the newest first; by `number` that one alone."""
    d = tables.dispatch.c
    query = select(d.whistle_id).where(d.facts.is_not(None)).order_by(d.whistle_id.desc()).limit(limit)
    if state is not None:
        query = query.where(d.state == state)
    if number is not None:
        query = query.where(d.facts["number"].astext == number)
    if after is not None:
        query = query.where(d.whistle_id < after)
    async with engine.connect() as connection:
        ids = list((await connection.execute(query)).scalars())
        found = await store.dispatches(connection, ids)
    return [found[whistle_id] for whistle_id in ids]


async def precedents_of(engine: AsyncEngine, ids: Iterable[UUID]) -> dict[UUID, domain.Ruling]:
    """Precedents by their ids."""
    p = tables.precedent
    async with engine.connect() as connection:
        rows = await connection.execute(select(p).where(p.c.precedent_id.in_(list(ids))))
        return {row.precedent_id: store.ruling_of(row) for row in rows}
