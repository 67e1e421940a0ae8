"""The history of the registry: its editions, the pack that each was, and what the last month tells of a new one.

An edition is a version of the registry together with a version of the calendar.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from whistle_dispatch import domain, store, tables
from whistle_dispatch.domain import Book, BookInvalid, Fault, Pack
from whistle_shared.errors import NotFound, Unavailable
from whistle_shared.replica import calendar_at
from whistle_shared.runtime import Service

MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Edition:
    """What was in force from `at` (business time) on. `number` 0: what is in force without a line in the history."""

    number: int
    registry_version: int
    calendar_version: int
    at: datetime | None = None
    by: str = ""
    reason: str = ""
    how: domain.How = "load"


@dataclass(frozen=True, slots=True)
class Draft:
    """A pack that somebody would put in force in the place of edition `base`."""

    base: Edition
    before: Pack
    after: Pack
    month: tuple[domain.Duty, ...]

    def effect(self) -> domain.Effect:
        """What it would change."""
        return domain.effect_of(self.before, self.after, self.month)


async def editions(engine: AsyncEngine, *, after: int | None, limit: int) -> list[Edition]:
    """A page of the history, the newest first."""
    e = tables.edition
    query = select(e).order_by(e.c.number.desc()).limit(limit)
    if after is not None:
        query = query.where(e.c.number < after)
    async with engine.connect() as connection:
        return [_edition(row) for row in await connection.execute(query)]


async def edition(engine: AsyncEngine, number: int) -> tuple[Edition, Edition | None]:
    """One edition, and the one before it. Raises NotFound."""
    found = await editions(engine, after=number + 1, limit=2)
    if not found or found[0].number != number:
        raise NotFound(f"version {number} of the registry")
    return found[0], found[1] if len(found) > 1 else None


async def newest(service: Service) -> Edition:
    """What is in force. Raises Unavailable before the first pack is loaded."""
    found = await editions(service.engine, after=None, limit=1)
    if found:
        return found[0]
    return Edition(0, store.registry(service.replica).version, service.replica.calendar_version)


def _edition(row: Any) -> Edition:
    return Edition(**{name: getattr(row, name) for name in Edition.__slots__})


async def pack_at(service: Service, at: Edition) -> Pack:
    """The pack that an edition was. Raises Unavailable while not all of it is there."""
    async with service.engine.connect() as connection:
        registry = await service.replica.at(connection, at.registry_version)
        years = await calendar_at(connection, at.calendar_version)
    if registry is None or not years:
        raise Unavailable("no district pack has been loaded yet")
    return Pack("", registry, years)


async def month(engine: AsyncEngine, now: datetime) -> tuple[domain.Duty, ...]:
    """What was dispatched within the last month, by kind, urgency, sub-category, role and department."""
    d, t = tables.dispatch.c, tables.task.c
    about = [d.facts[name].astext.label(name) for name in ("kind", "urgency", "category")]
    columns = [*about, t.role, t.department]
    query = (
        select(*columns, func.count().label("n"))
        .where(d.dispatched_at >= now - MONTH, t.whistle_id == d.whistle_id, t.round == d.round, t.origin == "routed")
        .group_by(*columns)
    )
    async with engine.connect() as connection:
        return tuple(domain.Duty(**row) for row in (await connection.execute(query)).mappings())


async def draft(service: Service, change: Callable[[Book], Book]) -> Draft:
    """What would come of a change to what is in force. Raises BookInvalid with every mistake."""
    base = await newest(service)
    before = await pack_at(service, base)
    after = await asyncio.to_thread(_made, before, change)
    return Draft(base, before, after, await month(service.engine, service.time.now()))


async def restored(service: Service, number: int) -> Draft:
    """What would come of putting an edition back. Raises NotFound, BookInvalid."""
    wanted, _ = await edition(service.engine, number)
    base = await newest(service)
    before, after = await pack_at(service, base), await pack_at(service, wanted)
    _require_served(before, after)
    return Draft(base, before, after, await month(service.engine, service.time.now()))


def _made(before: Pack, change: Callable[[Book], Book]) -> Pack:
    after = domain.pack_of(change(domain.book_of(before)), domain.ground_of(before.registry))
    _require_served(before, after)
    return after


def _require_served(before: Pack, after: Pack) -> None:
    if wrong := domain.unserved(before.registry, after.registry):
        rows = {line.cells["code"]: line.row for line in domain.book_of(after)["departments"]}
        reason = "no service of this name serves departments yet: whoever sets it up loads it with whistlectl"
        raise BookInvalid([Fault("departments", rows[code], "instance", reason) for code in wrong])
