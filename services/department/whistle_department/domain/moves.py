"""A task's state diagram as data: (what happens, from, to), for the documents. The states themselves follow from the
log; a test walks every road and finds these moves and no others.
"""

from whistle_department.domain.task import State

Move = tuple[str, State, State]

_AT_HOME: tuple[State, ...] = ("dispatched", "acknowledged")
_AT_WORK: tuple[State, ...] = ("acknowledged", "arrived", "working")
_STOPPABLE: tuple[State, ...] = (*_AT_WORK, "rework")
_ASKED_BACK: tuple[State, ...] = ("return_requested", "disputed")
_JUDGED: tuple[State, ...] = ("submitted", "accepted", "evaluated")
_OPEN: tuple[State, ...] = ("dispatched", *_STOPPABLE, *_ASKED_BACK, *_JUDGED, "suspended")

MOVES: tuple[Move, ...] = (
    ("acknowledgement", "dispatched", "acknowledged"),
    ("arrival", "acknowledged", "arrived"),
    ("progress", "acknowledged", "working"),
    ("progress", "arrived", "working"),
    *(("submission", state, "submitted") for state in _STOPPABLE),
    *(("return", state, "return_requested") for state in _AT_HOME),
    ("dispute opened", "return_requested", "disputed"),
    *(("return refused", asked, state) for asked in _ASKED_BACK for state in ("dispatched", *_AT_WORK)),
    *(("return upheld", asked, "reassigned") for asked in _ASKED_BACK),
    *(("suspension granted", state, "suspended") for state in _STOPPABLE),
    *(("resumption", "suspended", state) for state in _STOPPABLE),
    ("verified", "submitted", "accepted"),
    ("rework ordered", "submitted", "rework"),
    ("rework ordered", "accepted", "rework"),
    ("rework ordered", "submitted", "suspended"),
    ("rework ordered", "accepted", "suspended"),
    ("scored", "accepted", "evaluated"),
    ("whistle closed", "evaluated", "closed"),
    *(("whistle withdrawn", state, "cancelled") for state in _OPEN),
)
"""Working and submitting from `acknowledged` only where no presence is asked for. What is to be done again stands still
where a suspension was granted after the submission. Source: DOMAIN.md C.2."""
