"""When is it due, when to warn, what a suspension adds. The formulas are those of EVENTS.md section 6.

INVARIANT: starting later is never due earlier, and more of the same unit is never due earlier.
INVARIANT: a suspension of no length changes nothing; the order of two disjoint suspensions does not matter.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from whistle_shared.worktime import axis
from whistle_shared.worktime.calendars import Calendar
from whistle_shared.worktime.limits import Limit

_NOTHING = timedelta(0)
_TICK = timedelta(microseconds=1)
_WHOLE = 100


@dataclass(frozen=True, slots=True)
class Due:
    """The instant (UTC) a limit runs out; `provisional` when official data of a year may still move it."""

    at: datetime
    provisional: bool


def due(start: datetime, limit: Limit, calendar: Calendar) -> Due:
    """When the limit runs out. Provisional only for working time that touches a year not official."""
    if not limit.is_working:
        return Due(axis.EPOCH + (axis.since(start) + limit.length), False)
    at = _working_due(start, limit, calendar)
    return Due(at, _is_provisional(start, at, calendar))


def points(start: datetime, limit: Limit, percents: Iterable[int], calendar: Calendar) -> list[datetime]:
    """The instants (UTC) at which p % of the limit has passed, in the order asked, for whole p in 1…100.

    For `Nd@work`: p % of the working time between start and due. Raises ValueError for any other p.
    """
    asked = [_percent(p) for p in percents]
    if not limit.is_working:
        return [axis.EPOCH + (axis.since(start) + limit.length * p // _WHOLE) for p in asked]
    whole = working_minutes(start, _working_due(start, limit, calendar), calendar)
    return [add_working(start, whole * p // _WHOLE, calendar) for p in asked]


def working_minutes(a: datetime, b: datetime, calendar: Calendar) -> timedelta:
    """Working time from a to b as an exact timedelta; negative when b is before a."""
    return timedelta(0, 0, calendar.axis.place(b) - calendar.axis.place(a))


def add_working(start: datetime, amount: timedelta, calendar: Calendar) -> datetime:
    """The earliest instant (UTC) by which `amount` of working time has passed; start itself for none.

    Raises ValueError for a negative amount.
    """
    if amount < _NOTHING:
        raise ValueError(f"cannot add negative working time ({amount})")
    if not amount:
        return axis.EPOCH + axis.since(start)
    return calendar.axis.moment(calendar.axis.place(start) + amount // _TICK)


def is_open(at: datetime, calendar: Calendar) -> bool:
    """Is this instant in working hours? Windows are open at their opening and closed at their closing."""
    return calendar.axis.place(at + _TICK) > calendar.axis.place(at)


def extend_by(due: Due, span_start: datetime, span_end: datetime, limit: Limit, calendar: Calendar) -> Due:
    """The due time after a suspension from span_start to span_end, measured in the limit's own unit.

    Serves any instant of a clock that has not come yet, warnings too. Raises ValueError when the span ends
    before it starts.
    """
    span = axis.since(span_end) - axis.since(span_start)
    if span < _NOTHING:
        raise ValueError(f"the span ends ({span_end}) before it starts ({span_start})")
    if not span:
        return due
    if not limit.is_working:
        return Due(due.at + span, due.provisional)
    at = add_working(due.at, working_minutes(span_start, span_end, calendar), calendar)
    moved = _is_provisional(span_start, span_end, calendar) or _is_provisional(due.at, at, calendar)
    return Due(at, due.provisional or moved)


def _working_due(start: datetime, limit: Limit, calendar: Calendar) -> datetime:
    days = calendar.axis
    if not limit.counts_days:
        return add_working(start, limit.length, calendar)
    if calendar.hours.start_rule == "same_day":
        return days.moment(days.place(start) + limit.amount * days.day_length)
    today, _ = axis.local(start)
    return days.end_of(days.nth(days.count(today + 1) + limit.amount - 1))


def _is_provisional(start: datetime, end: datetime, calendar: Calendar) -> bool:
    """Does the span touch a local year without official data?"""
    first = axis.date_of(axis.local(start)[0]).year
    last = axis.date_of(axis.local(end)[0]).year
    return not all(calendar.is_official(year) for year in range(first, last + 1))


def _percent(p: int) -> int:
    if not 0 < p <= _WHOLE:
        raise ValueError(f"{p} % is not between 1 and 100")
    return p
