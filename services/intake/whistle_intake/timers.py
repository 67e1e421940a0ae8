"""What intake does when time passes: it says which emergencies nobody signed for, and forgets whose time is over."""

import asyncio
from datetime import timedelta

import structlog

from whistle_intake import commands, queries, store
from whistle_intake.settings import Settings
from whistle_shared.db import Deed, Group, is_passing
from whistle_shared.errors import Unavailable
from whistle_shared.observability import new_trace
from whistle_shared.privacy import SHARDS
from whistle_shared.runtime import Service
from whistle_shared.timers import Horizon
from whistle_shared.timesource import wall_now

log = structlog.get_logger(__name__)
_EVERY = 300.0
_TURNS_AN_HOUR = 12
_AT_ONCE = 100
# A report's keys are made a moment before its row.
_YOUNG = timedelta(hours=24)


class Secretary:
    """Watches the signatures that are owed."""

    def __init__(self, group: Group) -> None:
        self._group = group

    async def fire(self, horizon: Horizon) -> int:
        """Say what was missed; returns how many whistles were looked at.

        INVARIANT: whatever crashes, a missed signature is said once: the flag and the event are one transaction.
        """
        async with self._group.unit() as unit:
            claimed = await store.claim_unsigned(unit, horizon.until, horizon.limit)
            if claimed:
                await store.load_whistles(unit, claimed)
            for whistle_id in claimed:
                unit.trace = new_trace()
                commands.miss_signature(unit, whistle_id, horizon.until)
        return len(claimed)


class Keeper:
    """Erases every hour what was to be kept only so long, and sweeps keys that open nothing: a part of the vault at a
    time, all of it within a day."""

    def __init__(self, service: Service, settings: Settings) -> None:
        self._service = service
        self._settings = settings

    async def run(self) -> None:
        """The duty; what cannot be done now is done the next time."""
        turn = 0
        while True:
            await asyncio.sleep(_EVERY)
            try:
                if turn % _TURNS_AN_HOUR == 0:
                    await self.erase_due()
                await self.sweep(turn % SHARDS)
                turn += 1
            except Exception as error:
                if not is_passing(error) and not isinstance(error, Unavailable):
                    raise
                log.warning("person.keeping_put_off", error=str(error)[:200])

    async def erase_due(self) -> int:
        """Erase what is due now, by business time; returns of how many people something was."""
        count = 0
        while found := await self._due():
            for one in found:
                deed = Deed("nobody", "retention", None, None, "intake.retention", str(one.report_id), "")
                await commands.forget(self._service, one.person_id, one.report_id, one.kinds, deed)
            count += len(found)
        if count:
            log.info("person.erased_when_due", count=count)
        return count

    async def _due(self) -> list[queries.Due]:
        now, kept = self._service.time.now(), self._settings
        return await queries.due(self._service.engine, now - kept.contact_kept, now - kept.words_kept, _AT_ONCE)

    async def sweep(self, shard: int) -> int:
        """Destroy the keys of one part of the vault that are a day old and open nothing; returns how many.

        INVARIANT: a key whose row was never stored, or says that it is erased, is gone within two days.
        """
        count = 0
        async for names in self._service.vault.names(shard, wall_now() - _YOUNG):
            for name in set(names) - await queries.in_use(self._service.engine, names):
                count += await self._service.vault.shred(name)
        if count:
            log.info("person.orphaned_keys_destroyed", count=count)
        return count
