"""Runs what falls due. The rows that say what is due are the service's own; this is the loop and its caution.

INVARIANT: nothing fires for an instant before which something already said may still be on its way (drain before
fire), unless that has lasted a minute, and then it says so (`degraded`).
"""

from whistle_shared.timers.timer import Horizon, Timer

__all__ = ["Horizon", "Timer"]
