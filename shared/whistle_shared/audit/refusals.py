"""Refusals: who was turned away, written down before they are told, without letting them fill the table. Only a look at
what is not there does not wait for its row.

INVARIANT: one address makes at most twenty rows a minute and one more that counts the rest; all addresses together six
hundred and one, a third of them kept for those whom we know, so that a flood of strangers does not hide what they were
refused; and no refusal waits longer for its row than a second, whatever the database does.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from time import monotonic

import structlog

from whistle_shared.db import Deed, Group, Work, note
from whistle_shared.observability import Trace, new_trace

log = structlog.get_logger(__name__)
OF_ONE, OF_STRANGERS, OF_ALL = 20, 400, 600
"""Rows a minute for one address, for all who have shown no good credential, and for all together."""
MINUTE = 60.0
_PATIENCE = 1.0
_EVERYBODY = "many"
_NOBODY = "nobody"


@dataclass(slots=True)
class _Minute:
    """What one address was refused within a minute: how many have a row (of them strangers'), how many have not."""

    until: float
    written: int = 0
    strangers: int = 0
    kinds: set[str] = field(default_factory=set)
    left_out: Counter[str] = field(default_factory=Counter)


class Refusals:
    """One process's refusals. `clock`: seconds, monotonic."""

    def __init__(self, group: Group, clock: Callable[[], float] = monotonic) -> None:
        self._group = group
        self._clock = clock
        self._minutes: dict[str, _Minute] = {}
        self._writing: set[asyncio.Task[None]] = set()

    async def add(
        self, deed: Deed, reason: str, trace: Trace, *, address: str, once: bool = False, waits: bool = True
    ) -> None:
        """Note that somebody was turned away; returns when the row is durable, or was counted, or cannot be written
        now; at once, unless it `waits`.

        `address`: as whom they are counted. `once`: of this action only the first in a minute gets a row (a caller that
        is over its limit).
        """
        if not self._gets_row(deed, address, once):
            return
        writing = asyncio.create_task(self._keep(deed, reason, trace), name="refusal")
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)
        if waits:
            await asyncio.wait({writing}, timeout=_PATIENCE)

    async def settled(self) -> None:
        """Wait a moment for the rows that are still being written."""
        if self._writing:
            await asyncio.wait(self._writing, timeout=_PATIENCE)

    async def _keep(self, deed: Deed, reason: str, trace: Trace) -> None:
        try:
            await self._write(deed, {"reason": reason}, trace)
        except Exception as error:  # noqa: BLE001 - who is turned away is told so, whatever else fails
            log.warning(
                "audit.not_written", action=deed.action, actor=deed.actor, address=deed.address, error=repr(error)[:200]
            )

    def _gets_row(self, deed: Deed, address: str, once: bool) -> bool:
        now, action = self._clock(), deed.action
        everybody = self._minute(_EVERYBODY, now)
        # An address more would only fill the memory.
        if everybody.written >= OF_ALL or (deed.actor == _NOBODY and everybody.strangers >= OF_STRANGERS):
            everybody.left_out[action] += 1
            return False
        own = self._minute(address, now)
        if own.written >= OF_ONE or (once and action in own.kinds):
            own.left_out[action] += 1
            return False
        own.kinds.add(action)
        own.written += 1
        everybody.written += 1
        everybody.strangers += deed.actor == _NOBODY
        return True

    def _minute(self, address: str, now: float) -> _Minute:
        return self._minutes.setdefault(address, _Minute(now + MINUTE))

    async def run(self) -> None:
        """Write down, once a minute, how many refusals were only counted; until cancelled."""
        while True:
            await asyncio.sleep(MINUTE / 4)
            await self.tell_counts()

    async def tell_counts(self, *, all_of_them: bool = False) -> None:
        """One row for each address whose minute is over and that was refused more often than it has rows."""
        now = self._clock()
        over = {address: minute for address, minute in self._minutes.items() if all_of_them or minute.until <= now}
        for address, minute in over.items():
            del self._minutes[address]
            if not minute.left_out:
                continue
            deed = Deed(_NOBODY, "", None, None, "refusals", None, address, {"seconds": int(MINUTE)})
            counted = {"more": minute.left_out.total(), "by_action": dict(minute.left_out.most_common(20))}
            try:
                await self._write(deed, counted, new_trace())
            except Exception as error:  # noqa: BLE001 - the count is logged instead
                log.warning("audit.not_written", action="refusals", address=address, **counted, error=repr(error)[:200])

    async def _write(self, deed: Deed, after: dict[str, object], trace: Trace) -> None:
        act = partial(note, deed=replace(deed, shows=None), outcome="refused", after=after)
        await self._group.do(Work(act=act, trace=trace))
