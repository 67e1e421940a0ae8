"""Looks for rows of the audit, the newest first, and says how far its chain is."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from whistle_shared.audit.chain import COLUMNS, NOTHING, Link, digest_of, tail_of
from whistle_shared.db.audit import Outcome
from whistle_shared.db.tables import audit, audit_head, audit_link
from whistle_shared.timesource import wall_now

_CHUNK = 500
_RECENT = 500


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for; what is None does not matter. `since` to before `until`: wall time. `who`: a part of a name or
    an actor's beginning; `action`: its beginning; `address`: its beginning."""

    since: datetime
    until: datetime
    who: str | None = None
    action: str | None = None
    subject: str | None = None
    outcome: Outcome | None = None
    correlation_id: UUID | None = None
    address: str | None = None


def _query(wanted: Search) -> Select[Any]:
    a = audit.c
    query = select(audit).where(a.at >= wanted.since, a.at < wanted.until)
    if wanted.who is not None:
        named = a.name.icontains(wanted.who, autoescape=True)
        query = query.where(or_(named, a.actor.startswith(wanted.who, autoescape=True)))
    for column, beginning in ((a.action, wanted.action), (a.address, wanted.address)):
        if beginning is not None:
            query = query.where(column.startswith(beginning, autoescape=True))
    same = ((a.subject, wanted.subject), (a.outcome, wanted.outcome), (a.correlation_id, wanted.correlation_id))
    for column, value in same:
        if value is not None:
            query = query.where(column == value)
    return query.order_by(a.at.desc(), a.audit_id.desc())


async def find(connection: AsyncConnection, wanted: Search, before: int | None, limit: int) -> list[Any]:
    """At most `limit` rows, the newest first; those that come after the row `before`, if there is one."""
    a, query = audit.c, _query(wanted)
    if before is not None:
        at = await connection.scalar(select(a.at).where(a.audit_id == before))
        # The first condition is for the index.
        query = query.where(a.at <= at, tuple_(a.at, a.audit_id) < tuple_(literal(at), literal(before)))
    return list(await connection.execute(query.limit(limit)))


async def find_all(engine: AsyncEngine, wanted: Search) -> AsyncIterator[Any]:
    """All such rows, in short transactions of their own however many there are."""
    before: int | None = None
    while True:
        async with engine.connect() as connection:
            rows = await find(connection, wanted, before, _CHUNK)
        for row in rows:
            yield row
        if len(rows) < _CHUNK:
            return
        before = rows[-1].audit_id


async def find_one(connection: AsyncConnection, audit_id: int) -> tuple[Any, Any] | None:
    """A row, and its link (None: it has none yet)."""
    row = (await connection.execute(select(audit).where(audit.c.audit_id == audit_id))).one_or_none()
    if row is None:
        return None
    linked = select(audit_link.c.position, audit_link.c.digest).where(audit_link.c.audit_id == audit_id)
    return row, (await connection.execute(linked)).one_or_none()


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a chain is. `last`: its end; `examined`: so many of its last rows were just reckoned anew; `wrong`: the
    first of them that does not fit; `waiting`: since when the oldest row waits for its link; `head`: the last one."""

    last: Link
    last_at: datetime | None
    examined: int
    wrong: int | None
    waiting: datetime | None
    head: Any


async def waiting_since(connection: AsyncConnection) -> datetime | None:
    """Since when the oldest row waits for its link, or None."""
    a, t = audit.c, audit_link.c
    last = select(func.coalesce(func.max(t.audit_id), 0)).scalar_subquery()
    at: datetime | None = await connection.scalar(select(a.at).where(a.audit_id > last).order_by(a.audit_id).limit(1))
    return at


async def audit_waiting(connection: AsyncConnection) -> timedelta:
    """For how long."""
    since = await waiting_since(connection)
    return timedelta(0) if since is None else max(wall_now() - since, timedelta(0))


async def standing(connection: AsyncConnection) -> Standing:
    """How far the chain is, its last five hundred rows examined; the whole of it is examined by `whistlectl audit`."""
    last = await tail_of(connection)
    a, t, h = audit.c, audit_link.c, audit_head.c
    recent = select(t.position, t.audit_id.label("linked"), t.digest, *COLUMNS)
    recent = recent.join_from(audit_link, audit, t.audit_id == a.audit_id, isouter=True)
    recent = recent.where(t.position > last.position - _RECENT - 1).order_by(t.position)
    examined, wrong = 0, None
    before = NOTHING
    for row in await connection.execute(recent):
        if before != NOTHING or (row.position == 1 and row.audit_id is not None):
            examined += 1
            fits = row.audit_id is not None and row.position == before.position + 1 and row.linked > before.audit_id
            if wrong is None and not (fits and digest_of(before.digest, row) == row.digest):
                wrong = row.linked
        before = Link(row.position, row.linked, row.digest)
    head = select(h.day, h.position, h.key_id, h.made_at).order_by(h.day.desc()).limit(1)
    return Standing(
        last=last,
        last_at=await connection.scalar(select(a.at).where(a.audit_id == last.audit_id)),
        examined=examined,
        wrong=wrong,
        waiting=await waiting_since(connection),
        head=(await connection.execute(head)).one_or_none(),
    )
