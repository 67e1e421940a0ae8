"""dispatch's use cases, one function each: decide with the domain, save, emit."""

from whistle_dispatch.commands.dispatching import (
    call_for_meeting,
    call_substitute,
    cancel_whistle,
    change_lead,
    close_whistle,
    dispatch_whistle,
    note_silence,
    reopen_whistle,
    route_whistle,
)
from whistle_dispatch.commands.division import decide_dispute, decide_return, open_overdue, request_return
from whistle_dispatch.commands.granting import (
    decide_appeal,
    decide_request,
    exclude_task,
    note_request,
    note_resumption,
    resume_task,
)
from whistle_dispatch.commands.registry import Loaded, adopt_precedent, change_pack, load_pack

__all__ = [
    "Loaded",
    "adopt_precedent",
    "call_for_meeting",
    "call_substitute",
    "cancel_whistle",
    "change_lead",
    "change_pack",
    "close_whistle",
    "decide_appeal",
    "decide_dispute",
    "decide_request",
    "decide_return",
    "dispatch_whistle",
    "exclude_task",
    "load_pack",
    "note_request",
    "note_resumption",
    "note_silence",
    "open_overdue",
    "reopen_whistle",
    "request_return",
    "resume_task",
    "route_whistle",
]
