"""A service as a whole: what it is made of, how it starts, how it stops.

INVARIANT: correctness never depends on an orderly stop; the order below only spares others the wait.
"""

from whistle_shared.runtime.callers import CurrentCaller, SignedIn, current_caller, find_session_of, may, use_session_of
from whistle_shared.runtime.process import run_process
from whistle_shared.runtime.service import Here, Service, deed_of, make_time, session_cookie, trace_of
from whistle_shared.runtime.settings import Settings

__all__ = [
    "CurrentCaller",
    "Here",
    "Service",
    "Settings",
    "SignedIn",
    "current_caller",
    "deed_of",
    "find_session_of",
    "make_time",
    "may",
    "run_process",
    "session_cookie",
    "trace_of",
    "use_session_of",
]
