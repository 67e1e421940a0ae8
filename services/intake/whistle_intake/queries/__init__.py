"""Read models."""

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
    code_tag,
    progress,
    report,
    report_by_code,
    report_of_person,
    reports,
    reports_of_whistle,
)
from whistle_intake.queries.whistles import similar, whistle, whistles

__all__ = [
    "Decisions",
    "Due",
    "by_id",
    "by_phone",
    "code_tag",
    "contact",
    "decisions",
    "due",
    "held",
    "in_use",
    "meetings",
    "progress",
    "report",
    "report_by_code",
    "report_of_person",
    "reports",
    "reports_of_whistle",
    "requests",
    "similar",
    "whistle",
    "whistle_of_meeting",
    "whistle_of_request",
    "whistle_of_task",
    "whistles",
    "words",
]
