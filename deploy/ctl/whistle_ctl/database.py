"""The database of the process a command is about, the one way to change it, and the operator's name in its audit.

INVARIANT: whatever a command changes stands in the audit, in the transaction that changes it.
"""

import getpass
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from whistle_shared.db import EVERYTHING, Deed, Group, Outbox, Unit, Work, make_engine, wall
from whistle_shared.timesource import AffineTime, TimeSource


@asynccontextmanager
async def engine_of(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine that is disposed of at the end, and sees every department's rows. `database_url`:
    postgresql+asyncpg://…; the work may take long."""
    engine = make_engine(database_url, pool_size=2, name="whistlectl", patient=True)
    wall(engine, EVERYTHING)
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


def deed(action: str, asked: Mapping[str, Any] | None = None, subject: str | None = None) -> Deed:
    """What the operator does at this machine, for `note`."""
    return Deed("whistlectl", operator(), None, None, action, subject, os.uname().nodename, asked or {})


def operator() -> str:
    """The name of whoever runs this command, by the operating system."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"uid {os.getuid()}"
