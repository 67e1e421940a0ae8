"""What escalation does when time passes: reckon provisional due times again, and fire what is due."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog

from whistle_escalation import commands, store
from whistle_shared.db import Group, Unit, is_passing
from whistle_shared.replica import Replica
from whistle_shared.timers import Horizon

log = structlog.get_logger(__name__)
_POSTPONE = timedelta(minutes=1)


async def fire(group: Group, replica: Replica, horizon: Horizon) -> int:
    """Fire the due clocks of at most `horizon.limit` whistles; returns how many whistles were looked at.

    INVARIANT: whatever crashes, (clock, rung) fires once: the claim, the rung and its event are one transaction.
    """
    await _recompute(group, replica, horizon.limit)
    try:
        async with group.unit() as unit:
            claimed = await store.claim_due(unit, horizon.until, horizon.limit)
            await store.load_matters(replica, unit, claimed)
            for whistle_id in claimed:
                commands.fire_matter(unit, whistle_id, horizon)
            return len(claimed)
    except Exception as error:
        if is_passing(error):
            raise
        log.error("timer.batch_failed", exc_info=error)
    return await _fire_singly(group, replica, horizon)


async def _fire_singly(group: Group, replica: Replica, horizon: Horizon) -> int:
    """After a failure: one whistle a transaction, so that a bad one holds nobody up; it is put off for a minute."""
    async with group.unit() as unit:
        due = await store.claim_due(unit, horizon.until, horizon.limit)
    for whistle_id in due:
        try:
            await _on_one(group, replica, whistle_id, partial(commands.fire_matter, horizon=horizon))
        except Exception as error:
            if is_passing(error):
                raise
            log.error("timer.whistle_failed", whistle_id=str(whistle_id), exc_info=error)
            until = horizon.until + _POSTPONE
            await _on_one(group, replica, whistle_id, partial(store.postpone, until=until))
    return len(due)


async def _on_one(group: Group, replica: Replica, whistle_id: UUID, act: Callable[[Unit, UUID], None]) -> None:
    async with group.unit() as unit:
        await unit.lock([str(whistle_id)])
        await store.load_matters(replica, unit, [whistle_id])
        act(unit, whistle_id)


async def _recompute(group: Group, replica: Replica, limit: int) -> None:
    """A published calendar moves the provisional due times that it touches."""
    newest = replica.calendar_version
    async with group.unit() as unit:
        stale = await store.claim_provisional(unit, newest, limit)
        await store.load_matters(replica, unit, stale)
        for whistle_id in stale:
            commands.recompute_matter(unit, whistle_id)
