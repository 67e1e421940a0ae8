"""Why is it due then? The road from start to due: what counted, and which days did not.

INVARIANT: spans are in order and do not overlap; the counted ones add up to the limit: in working time for
hours and minutes, in days for `Nd@work`. Between two spans lie only the closed hours of working days.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from whistle_shared.worktime import axis
from whistle_shared.worktime.arithmetic import due
from whistle_shared.worktime.calendars import Calendar
from whistle_shared.worktime.limits import Limit

SpanKind = Literal["natural", "work", "make_up", "start_day", "weekend", "day_off"]
_COUNTED: frozenset[SpanKind] = frozenset({"natural", "work", "make_up"})


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch [start, end) in UTC. `work` is a working window, `make_up` one on a make-up workday (调休),
    `start_day` one of the day that the next-day rule leaves out; `weekend` and `day_off` are days."""

    kind: SpanKind
    start: datetime
    end: datetime

    @property
    def counted(self) -> bool:
        """Does this span use up the limit?"""
        return self.kind in _COUNTED


def explain(start: datetime, limit: Limit, calendar: Calendar) -> list[Span]:
    """The spans from start to due, clipped to them. One span for a natural limit."""
    start, end = axis.EPOCH + axis.since(start), due(start, limit, calendar).at
    if not limit.is_working:
        return [Span("natural", start, end)]
    left_out = limit.counts_days and calendar.hours.start_rule == "next_day"
    return list(_clipped(start, end, left_out, calendar))


def _clipped(start: datetime, end: datetime, left_out: bool, calendar: Calendar) -> Iterator[Span]:
    first, last = axis.local(start)[0], axis.local(end)[0]
    for day in range(first, last + 1):
        for kind, opens, closes in _parts(day, left_out and day == first, calendar):
            begins, ends = max(start, axis.utc(day, opens)), min(end, axis.utc(day, closes))
            if begins < ends:
                yield Span(kind, begins, ends)


def _parts(day: int, left_out: bool, calendar: Calendar) -> Iterator[tuple[SpanKind, int, int]]:
    weekend = axis.is_weekend(day)
    if not calendar.axis.is_working(day):
        yield "day_off" if axis.date_of(day) in calendar.listed else "weekend", 0, axis.DAY
        return
    kind: SpanKind = "start_day" if left_out else "make_up" if weekend else "work"
    for opens, closes, _ in calendar.axis.windows_on(day):
        yield kind, opens, closes
