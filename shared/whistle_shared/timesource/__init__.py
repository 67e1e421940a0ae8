"""Business time and technical time, and the only place where a machine's clock is read.

INVARIANT: business time is an affine function of the wall (EVENTS.md R3), so every process of a stack and every
restart agrees on it without talking to anyone.
"""

from whistle_shared.timesource.source import (
    AffineTime,
    SettableTime,
    TimeSource,
    utc_text,
    wall_now,
)

__all__ = ["AffineTime", "SettableTime", "TimeSource", "utc_text", "wall_now"]
