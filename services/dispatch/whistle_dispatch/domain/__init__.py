"""The rules of dispatch, pure: reading a district pack, routing a whistle, and freezing the terms of its clocks."""

from whistle_dispatch.domain.pack import Pack, PackInvalid, Problem, parse_pack, read_pack
from whistle_dispatch.domain.planning import (
    Dispatch,
    Plan,
    Task,
    Unrouted,
    cancel,
    plan,
    route_by_hand,
    triage_clock,
)

__all__ = [
    "Dispatch",
    "Pack",
    "PackInvalid",
    "Plan",
    "Problem",
    "Task",
    "Unrouted",
    "cancel",
    "parse_pack",
    "plan",
    "read_pack",
    "route_by_hand",
    "triage_clock",
]
