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
from whistle_intake.queries.whistles import similar, whistle, whistles

__all__ = [
    "Decisions",
    "decisions",
    "meetings",
    "requests",
    "similar",
    "whistle",
    "whistle_of_meeting",
    "whistle_of_request",
    "whistle_of_task",
    "whistles",
]
