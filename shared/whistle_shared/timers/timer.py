"""The timer loop: how far may we fire, fire it, wait a little.

The horizon follows the queue: what was said before instant T and sent has been handled, so clocks due up to T (less
a grace for what was said but not yet sent) may fire. After an outage the queue drains first by construction.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

import structlog

from whistle_shared.db import is_passing
from whistle_shared.timesource import TimeSource, wall_now

log = structlog.get_logger(__name__)
_TICK = 0.2
_HOLD = 60.0
_DRIFT = 5.0
_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Horizon:
    """Fire what is due up to `until` (business, UTC), at most `limit` subjects. `degraded`: the queue could not be
    drained, so some of it may have been met in time."""

    until: datetime
    degraded: bool
    limit: int = _LIMIT


class Timer:
    """Calls `fire` with a horizon again and again; `fire` returns how many subjects it fired.

    `caught_up_to` answers with a wall instant up to which the queue is handled, or None. `grace`: technical seconds.
    """

    def __init__(
        self,
        fire: Callable[[Horizon], Awaitable[int]],
        caught_up_to: Callable[[], Awaitable[datetime | None]],
        time: TimeSource,
        grace: float,
    ) -> None:
        self._fire = fire
        self._caught_up_to = caught_up_to
        self._time = time
        self._grace = timedelta(seconds=grace)
        self._behind_since: float | None = None
        self._offset = self._wall_less_monotonic()
        self._distrust_until = 0.0

    async def run(self) -> None:
        """Fire until cancelled."""
        while True:
            fired = 0
            try:
                horizon = await self.horizon()
                fired = await self._fire(horizon) if horizon is not None else 0
            except Exception as error:
                if not is_passing(error):
                    raise
                log.warning("timer.interrupted", error=str(error)[:200])
            if fired < _LIMIT:
                await asyncio.sleep(_TICK)

    async def horizon(self) -> Horizon | None:
        """How far we may fire now; None: not at all."""
        if not self._wall_is_steady():
            return None
        now = wall_now()
        handled = await self._caught_up_to()
        if handled is not None and now - handled < timedelta(seconds=_HOLD):
            self._behind_since = None
            return Horizon(self._time.at(handled - self._grace), degraded=False)
        self._behind_since = self._behind_since or monotonic()
        if monotonic() - self._behind_since > _HOLD:
            return Horizon(self._time.at(now - self._grace), degraded=True)
        return Horizon(self._time.at(handled - self._grace), degraded=False) if handled is not None else None

    def _wall_is_steady(self) -> bool:
        """A wall clock that jumped is not fired on for a minute, so that a wrong clock does not raise a storm."""
        offset = self._wall_less_monotonic()
        if abs(offset - self._offset) > _DRIFT:
            log.error("timer.clock_jumped", seconds=round(offset - self._offset, 3))
            self._distrust_until = monotonic() + _HOLD
        self._offset = offset
        return monotonic() >= self._distrust_until

    @staticmethod
    def _wall_less_monotonic() -> float:
        return wall_now().timestamp() - monotonic()
