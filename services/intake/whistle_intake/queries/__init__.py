"""Read models."""

from whistle_intake.queries.board import Key, Lines, clocks, ended, lines, rank, unsigned
from whistle_intake.queries.decisions import (
    Decisions,
    decisions,
    meetings,
    requests,
    whistle_of_meeting,
    whistle_of_request,
    whistle_of_task,
)
from whistle_intake.queries.people import Due, by_id, by_phone, contact, due, held, in_use, words
from whistle_intake.queries.reports import (
    Pile,
    code_tag,
    pile,
    progress,
    report,
    report_by_code,
    report_of_person,
    reports,
    reports_of_whistle,
    settled,
)
from whistle_intake.queries.whistles import similar, whistle, whistles

__all__ = [
    "Decisions",
    "Due",
    "Key",
    "Lines",
    "Pile",
    "by_id",
    "by_phone",
    "clocks",
    "code_tag",
    "contact",
    "decisions",
    "due",
    "ended",
    "held",
    "in_use",
    "lines",
    "meetings",
    "pile",
    "progress",
    "rank",
    "report",
    "report_by_code",
    "report_of_person",
    "reports",
    "reports_of_whistle",
    "requests",
    "settled",
    "similar",
    "unsigned",
    "whistle",
    "whistle_of_meeting",
    "whistle_of_request",
    "whistle_of_task",
    "whistles",
    "words",
]
