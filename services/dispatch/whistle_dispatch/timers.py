"""What dispatch does when time passes: a return that nobody has decided becomes a dispute."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog

from whistle_dispatch import commands, store
from whistle_shared.db import Group, Unit, is_passing
from whistle_shared.observability import new_trace
from whistle_shared.replica import Replica
from whistle_shared.timers import Horizon

log = structlog.get_logger(__name__)
_POSTPONE = timedelta(minutes=1)


class Umpire:
    """Sees to it that every return is decided or disputed. A whistle that cannot be handled holds nobody up."""

    def __init__(self, group: Group, replica: Replica) -> None:
        self._group = group
        self._replica = replica

    async def fire(self, horizon: Horizon) -> int:
        """Open the disputes due in at most `horizon.limit` whistles; returns how many whistles were looked at."""
        if not self._replica.ready:
            return 0
        try:
            async with self._group.unit() as unit:
                claimed = await store.claim_undecided(unit, horizon.until, horizon.limit)
                await store.load_whistles(self._replica, unit, claimed)
                for whistle_id in claimed:
                    unit.trace = new_trace()
                    commands.open_overdue(unit, whistle_id, horizon.until)
                return len(claimed)
        except Exception as error:
            if is_passing(error):
                raise
            log.exception("timer.batch_failed")
        return await self._fire_singly(horizon)

    async def _fire_singly(self, horizon: Horizon) -> int:
        """After a failure: one whistle a transaction; a bad one is put off for a minute."""
        async with self._group.unit() as unit:
            due = await store.claim_undecided(unit, horizon.until, horizon.limit)
        for whistle_id in due:
            if not await self._try(whistle_id, partial(commands.open_overdue, until=horizon.until)):
                await self._try(whistle_id, partial(store.postpone, until=horizon.until + _POSTPONE))
        return len(due)

    async def _try(self, whistle_id: UUID, act: Callable[[Unit, UUID], None]) -> bool:
        """Do this to one whistle in a transaction of its own; False, and in the log, when it fails."""
        try:
            async with self._group.unit() as unit:
                await unit.lock([str(whistle_id)])
                await store.load_whistles(self._replica, unit, [whistle_id])
                act(unit, whistle_id)
        except Exception as error:
            if is_passing(error):
                raise
            log.exception("timer.whistle_failed", whistle_id=str(whistle_id))
            return False
        return True
