"""Rows to whistles and back, for a whole batch at a time."""

from whistle_intake.store.callers import of_caller, of_place, owns
from whistle_intake.store.clocks import clocks, load_clocks, save_clock, to_clock
from whistle_intake.store.codes import code_again, code_tags, new_code, phone_tags
from whistle_intake.store.decisions import keep_score, to_callback, to_meeting, to_request
from whistle_intake.store.numbers import Numbers, next_number
from whistle_intake.store.people import (
    KINDS,
    Kind,
    Sealed,
    key_name,
    purpose_of,
    seal_contact,
    seal_words,
    to_contact,
    to_words,
)
from whistle_intake.store.reference import Reference, calendar, matter, registry, regulation, similar
from whistle_intake.store.reports import (
    COURSE,
    add_report,
    add_turn,
    blank,
    followed,
    report,
    save_report,
    say_of_report,
    to_report,
    to_turn,
)
from whistle_intake.store.search import find_similar
from whistle_intake.store.showing import shown
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
    "COURSE",
    "KINDS",
    "Kind",
    "Numbers",
    "Reference",
    "Sealed",
    "Wants",
    "add",
    "add_report",
    "add_turn",
    "blank",
    "calendar",
    "claim_unsigned",
    "clocks",
    "code_again",
    "code_tags",
    "explain",
    "facts_json",
    "find_similar",
    "followed",
    "keep_score",
    "key_name",
    "load",
    "load_clocks",
    "load_whistles",
    "matter",
    "new_code",
    "next_number",
    "of_caller",
    "of_place",
    "owns",
    "phone_tags",
    "purpose_of",
    "registry",
    "regulation",
    "report",
    "save",
    "save_clock",
    "save_report",
    "say",
    "say_of_report",
    "seal_contact",
    "seal_words",
    "shown",
    "similar",
    "tell",
    "to_callback",
    "to_clock",
    "to_contact",
    "to_meeting",
    "to_report",
    "to_request",
    "to_task",
    "to_turn",
    "to_words",
    "whistle",
    "write",
]
