"""A clock's state diagram as data: (what happens, from, to), for the documents. The states themselves follow from the
facts; a test walks the roads and finds these moves and no others.
"""

from whistle_shared.contracts.vocabulary import ClockStatus

Move = tuple[str, ClockStatus, ClockStatus]

MOVES: tuple[Move, ...] = (
    ("in time", "running", "met"),
    ("late", "running", "met_late"),
    ("suspension granted", "running", "paused"),
    ("resumed", "paused", "running"),
    ("in time", "paused", "met"),
    ("rework ordered", "met", "running"),
    ("rework ordered", "met_late", "running"),
    ("whistle withdrawn", "running", "cancelled"),
    ("whistle withdrawn", "paused", "cancelled"),
    ("task replaced", "running", "voided"),
    ("task replaced", "paused", "voided"),
)
"""Source: EVENTS.md R10 and section 2. Facts that are heard out of their order may jump further."""
