"""Working-time arithmetic: when is a limit due, given the district's working calendar?

Owns: the notation of limits (`4h@work`), working hours, each year's days off and make-up workdays (调休),
and the sums between them (EVENTS.md section 6). Pure: no clock and no I/O; the only thing read is the table
of official days inside the `chinesecalendar` package. Dispatch and escalation call the same functions, so
both show the same instant (EVENTS.md R11).

Instants: any aware datetime in, UTC out, exact to the microsecond; a naive datetime is a TypeError.
INVARIANT: a year without official data never raises; it counts plain weekends and marks the due provisional.
"""

from whistle_shared.worktime.arithmetic import Due, add_working, due, extend_by, is_open, points, working_minutes
from whistle_shared.worktime.calendars import Calendar
from whistle_shared.worktime.explanation import Span, SpanKind, explain
from whistle_shared.worktime.hours import SHANGHAI, HoursProfile, Season, StartRule, Window, is_month_day
from whistle_shared.worktime.limits import Limit
from whistle_shared.worktime.years import CalendarYear, official_year

__all__ = [
    "SHANGHAI",
    "Calendar",
    "CalendarYear",
    "Due",
    "HoursProfile",
    "Limit",
    "Season",
    "Span",
    "SpanKind",
    "StartRule",
    "Window",
    "add_working",
    "due",
    "explain",
    "extend_by",
    "is_month_day",
    "is_open",
    "official_year",
    "points",
    "working_minutes",
]
