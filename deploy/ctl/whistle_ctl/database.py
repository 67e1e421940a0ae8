"""The database of the process a command is about, and the one way to change it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncEngine

from whistle_shared.db import Group, Outbox, Unit, Work, make_engine
from whistle_shared.timesource import AffineTime, TimeSource


@asynccontextmanager
async def engine_of(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine that is disposed of at the end. `database_url`: postgresql+asyncpg://…; the work may take long."""
    engine = make_engine(database_url, pool_size=2, name="whistlectl", patient=True)
    try:
        yield engine
    finally:
        await engine.dispose()


@asynccontextmanager
async def unit_of(engine: AsyncEngine, producer: str, time: TimeSource | None = None) -> AsyncIterator[Unit]:
    """One transaction in the name of a producer. Nobody is handed its events: they are due for the poll of the
    running service at once."""
    async with Group(engine, producer, time or AffineTime(), _load_nothing, Outbox()).unit() as unit:
        yield unit


async def _load_nothing(unit: Unit, works: Sequence[Work]) -> None:
    """A command looks up for itself what it needs."""
