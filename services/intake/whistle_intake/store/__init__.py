"""Rows to whistles and back, for a whole batch at a time."""

from whistle_intake.store.callers import of_caller, owns
from whistle_intake.store.decisions import keep_score, to_callback, to_meeting, to_request
from whistle_intake.store.numbers import Numbers, next_number
from whistle_intake.store.reference import Reference, calendar, matter, registry, regulation, similar
from whistle_intake.store.search import find_similar
from whistle_intake.store.timeline import say, tell
from whistle_intake.store.wants import Wants
from whistle_intake.store.whistles import (
    add,
    claim_unsigned,
    explain,
    facts_json,
    load,
    load_whistles,
    save,
    to_task,
    whistle,
    write,
)

__all__ = [
    "Numbers",
    "Reference",
    "Wants",
    "add",
    "calendar",
    "claim_unsigned",
    "explain",
    "facts_json",
    "find_similar",
    "keep_score",
    "load",
    "load_whistles",
    "matter",
    "next_number",
    "of_caller",
    "owns",
    "registry",
    "regulation",
    "save",
    "say",
    "similar",
    "tell",
    "to_callback",
    "to_meeting",
    "to_request",
    "to_task",
    "whistle",
    "write",
]
