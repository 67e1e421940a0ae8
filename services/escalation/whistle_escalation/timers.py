"""What escalation does when time passes: reckon provisional due times again, fire what is due, forget no clock."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog

from whistle_escalation import commands, domain, store
from whistle_shared.db import Group, Unit, is_passing
from whistle_shared.observability import new_trace
from whistle_shared.replica import Replica
from whistle_shared.timers import Horizon

log = structlog.get_logger(__name__)
_POSTPONE = timedelta(minutes=1)
_WATCH_EVERY = 5.0
_MOST_OVERLOOKED = 200


class Clockmaker:
    """Keeps the clocks of one process going. A whistle that cannot be handled holds nobody up."""

    def __init__(self, group: Group, replica: Replica, count: Callable[[int], None]) -> None:
        """`count` is told how many overlooked clocks were found."""
        self._count = count
        self._group = group
        self._replica = replica
        self._reckoned_by = 0

    async def fire(self, horizon: Horizon) -> int:
        """Fire the due clocks of at most `horizon.limit` whistles; returns how many whistles were looked at.

        INVARIANT: whatever crashes, (clock, rung) fires once: the claim, the rung and its event are one transaction.
        """
        if self._replica.calendar_version != self._reckoned_by:
            await self._reckon(horizon.limit)
        try:
            async with self._group.unit() as unit:
                claimed = await store.claim_due(unit, horizon.until, horizon.limit)
                await store.load_matters(self._replica, unit, claimed)
                for whistle_id in claimed:
                    unit.trace = new_trace()
                    await self._write(unit, commands.fire_matter(unit, whistle_id, horizon))
                return len(claimed)
        except Exception as error:
            if is_passing(error):
                raise
            log.exception("timer.batch_failed")
        return await self._fire_singly(horizon)

    @staticmethod
    async def _write(unit: Unit, owed: Sequence[domain.Owed]) -> None:
        """The letters that rungs call for go out with them, in one transaction."""
        for letter in owed:
            series = domain.Series.at(unit.now, letter.form)
            await store.draw_for(unit, series)
            commands.issue_letter(unit, letter, series)

    async def _fire_singly(self, horizon: Horizon) -> int:
        """After a failure: one whistle a transaction; a bad one is put off for a minute."""
        async with self._group.unit() as unit:
            due = await store.claim_due(unit, horizon.until, horizon.limit)
        for whistle_id in due:
            if not await self._try(whistle_id, partial(commands.fire_matter, horizon=horizon)):
                await self._try(whistle_id, partial(store.postpone, until=horizon.until + _POSTPONE))
        return len(due)

    async def _reckon(self, limit: int) -> None:
        """A published calendar moves the provisional due times that it touches."""
        newest = self._replica.calendar_version
        while True:
            async with self._group.unit() as unit:
                stale = await store.claim_provisional(unit, newest, limit)
            tried = [await self._try(whistle_id, commands.recompute_matter) for whistle_id in stale]
            if len(stale) < limit or not any(tried):
                break
        self._reckoned_by = newest

    async def watch(self) -> None:
        """The watchdog, every few seconds until cancelled: no running clock is forgotten, and none goes by an older
        calendar because it started, or started again, after the newer one was published."""
        while True:
            try:
                await self._reckon(_MOST_OVERLOOKED)
                async with self._group.unit() as unit:
                    found = await store.overlooked(unit, _MOST_OVERLOOKED)
                for whistle_id in found:
                    await self._try(whistle_id, self._find)
            except Exception as error:
                if not is_passing(error):
                    raise
                log.warning("watchdog.interrupted", error=str(error)[:200])
            await asyncio.sleep(_WATCH_EVERY)

    def _find(self, unit: Unit, whistle_id: UUID) -> None:
        self._count(commands.watch_matter(unit, whistle_id))

    async def _try(self, whistle_id: UUID, act: Callable[[Unit, UUID], Sequence[domain.Owed] | None]) -> bool:
        """Do this to one whistle in a transaction of its own; False, and in the log, when it fails."""
        try:
            async with self._group.unit() as unit:
                await unit.lock([str(whistle_id)])
                await store.load_matters(self._replica, unit, [whistle_id])
                await self._write(unit, act(unit, whistle_id) or ())
        except Exception as error:
            if is_passing(error):
                raise
            log.exception("timer.whistle_failed", whistle_id=str(whistle_id))
            return False
        return True
