"""intake's tables."""

from whistle_intake.tables.clocks import clock
from whistle_intake.tables.decisions import callback, evaluation, meeting, request
from whistle_intake.tables.metadata import metadata
from whistle_intake.tables.reports import person, report, report_step
from whistle_intake.tables.tasks import task, timeline
from whistle_intake.tables.whistles import street_counter, whistle

__all__ = [
    "callback",
    "clock",
    "evaluation",
    "meeting",
    "metadata",
    "person",
    "report",
    "report_step",
    "request",
    "street_counter",
    "task",
    "timeline",
    "whistle",
]
