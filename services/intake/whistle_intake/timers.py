"""What intake does when time passes: it says which emergencies nobody signed for."""

from whistle_intake import commands, store
from whistle_shared.db import Group
from whistle_shared.observability import new_trace
from whistle_shared.timers import Horizon


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
