"""Business time as the cast lives it: the same affine function as the services' (EVENTS.md R3), and a wait for it."""

import asyncio
from datetime import datetime

from whistle_shared.timesource import AffineTime


class Clock:
    """`end`: the business instant at which business time stands still and the play is over."""

    def __init__(self, time: AffineTime) -> None:
        if time.until is None:
            raise ValueError("the demo's business time needs an end")
        self._time = time
        self.end: datetime = time.until

    def now(self) -> datetime:
        """Business now, UTC."""
        return self._time.now()

    @property
    def over(self) -> bool:
        """Whether business time stands still."""
        return self.now() >= self.end

    async def reaches(self, instant: datetime) -> bool:
        """Returns True once that business instant has come, or False at the end of the play if it comes first."""
        left = (min(instant, self.end) - self.now()).total_seconds() / self._time.rate
        await asyncio.sleep(max(0.0, left))
        return instant < self.end
