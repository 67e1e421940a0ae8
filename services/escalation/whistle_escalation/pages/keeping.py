"""Sums of a whole period, which take a while in a large district, kept for the readers of a page.

INVARIANT: reading them takes a twentieth of the time at most, however many people look; a page says as of when it is.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

import structlog

from whistle_escalation import ledger
from whistle_escalation.measures import By, Counts, Period
from whistle_shared.runtime import Service

log = structlog.get_logger(__name__)
_SHARE = 0.05
_QUICK = 0.05
_MOST = 32
Key = tuple[By, datetime, datetime]


@dataclass(frozen=True, slots=True)
class Kept:
    """Sums by unit, as of an instant of business time. `took`: seconds."""

    counts: dict[str, Counts]
    as_of: datetime
    read_at: float
    took: float

    @property
    def fresh(self) -> bool:
        return monotonic() - self.read_at < self.took / _SHARE


class Sums:
    """The sums of periods, read when somebody asks."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._kept: dict[Key, Kept] = {}
        self._reading: dict[Key, asyncio.Task[Kept]] = {}

    async def of(self, by: By, period: Period) -> Kept:
        """By unit. What takes long is read behind the reader's back, who sees the sums from before."""
        key = by, period.starts_at, period.ends_at
        kept = self._kept.get(key)
        if kept is not None and kept.fresh:
            return kept
        reading = self._reading.get(key)
        if reading is None:
            reading = self._reading[key] = asyncio.create_task(self._read(key, period))
            reading.add_done_callback(lambda done: self._ended(key, done))
        if kept is not None and kept.took > _QUICK:
            return kept
        return await asyncio.shield(reading)

    def _ended(self, key: Key, done: asyncio.Task[Kept]) -> None:
        del self._reading[key]
        if not done.cancelled() and (error := done.exception()) is not None:
            log.warning("measures.unread", error=repr(error)[:200])

    async def _read(self, key: Key, period: Period) -> Kept:
        began, as_of = monotonic(), self._service.time.now()
        async with self._service.engine.connect() as connection:
            counts = await ledger.sums(connection, key[0], period)
        if len(self._kept) >= _MOST:
            del self._kept[next(iter(self._kept))]
        kept = self._kept[key] = Kept(counts, as_of, began, monotonic() - began)
        return kept
