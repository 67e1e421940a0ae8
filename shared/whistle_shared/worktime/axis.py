"""The axis of working time: every instant has a place on it, counted in working microseconds.

A day is an integer, the number of local days since Monday 2001-01-01. Without notices the count of working
days before a day is a closed formula of the week; only the exceptions (weekdays off, weekend days worked)
are kept, sorted, with the count they shift. So a look-up is a bisect over them whatever the year, and there
is no range to run out of.
INVARIANT: `place` never decreases with time; `moment(p)` is the earliest instant whose place is p.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate

from whistle_shared.worktime.hours import SHANGHAI, HoursProfile

EPOCH = datetime(2001, 1, 1, tzinfo=SHANGHAI).astimezone(UTC)
_FIRST_DAY = date(2001, 1, 1).toordinal()
_SECOND = 1_000_000
_MINUTE = 60 * _SECOND
DAY = 86_400 * _SECOND
_NEVER = 1 << 60
_WORKING_WEEK = 5

Windows = tuple[tuple[int, int, int], ...]
"""Each one: opens, closes, worked before it opens; microseconds."""


def since(instant: datetime) -> timedelta:
    """The time since the epoch of an aware instant. Raises TypeError for a naive one."""
    return instant - EPOCH


def local(instant: datetime) -> tuple[int, int]:
    """(local day, microsecond of that day) of an aware instant. Raises TypeError for a naive one."""
    gone = since(instant)
    return gone.days, gone.seconds * _SECOND + gone.microseconds


def utc(day: int, microsecond: int) -> datetime:
    """The instant, in UTC, at a microsecond of a local day."""
    return EPOCH + timedelta(day, 0, microsecond)


def number(day: date) -> int:
    """The number of a local date."""
    return day.toordinal() - _FIRST_DAY


def date_of(day: int) -> date:
    """The local date of a number."""
    return date.fromordinal(day + _FIRST_DAY)


def is_weekend(day: int) -> bool:
    """Saturday or Sunday: the epoch is a Monday."""
    return day % 7 >= _WORKING_WEEK


@dataclass(frozen=True, slots=True)
class Axis:
    """Working days and windows, ready for look-up. A season: its first and last day (`MM-DD`) and its windows.

    `day_length` in microseconds: every working day is equally long, whatever the season, so days can be counted.
    """

    windows: Windows
    seasons: tuple[tuple[str, str, Windows], ...]
    day_length: int
    exceptions: tuple[int, ...]  # days on which the week is wrong, in order, then _NEVER
    shifts: tuple[int, ...]  # shifts[i]: working days gained by the first i exceptions
    counts: tuple[int, ...]  # counts[i]: working days up to the end of exceptions[i]

    @classmethod
    def build(cls, listed: Mapping[date, bool], hours: HoursProfile) -> "Axis":
        """Prepare the look-up. `listed`: date → is it a day off; it wins over the week."""
        exceptions = sorted(number(day) for day, off in listed.items() if off != is_weekend(number(day)))
        shifts = tuple(accumulate((1 if is_weekend(day) else -1 for day in exceptions), initial=0))
        counts = tuple(_weekdays(day + 1) + shift for day, shift in zip(exceptions, shifts[1:], strict=True))
        seasons = tuple((season.first, season.last, _windows(season.windows)) for season in hours.seasons)
        day_length = hours.minutes_per_day * _MINUTE
        return cls(_windows(hours.windows), seasons, day_length, (*exceptions, _NEVER), shifts, counts)

    def is_working(self, day: int) -> bool:
        """Is this day worked, by the week or by a notice?"""
        return is_weekend(day) == (self.exceptions[bisect_left(self.exceptions, day)] == day)

    def count(self, day: int) -> int:
        """Working days before this day, from the epoch (negative before it)."""
        return _weekdays(day) + self.shifts[bisect_left(self.exceptions, day)]

    def nth(self, count: int) -> int:
        """The working day that has `count` working days before it."""
        i = bisect_right(self.counts, count)
        weeks, rest = divmod(count - self.shifts[i], _WORKING_WEEK)
        # A worked weekend day comes before the weekday that the formula gives.
        return min(weeks * 7 + rest, self.exceptions[i])

    def place(self, instant: datetime) -> int:
        """Working microseconds from the epoch to this instant."""
        day, microsecond = local(instant)
        worked = self.count(day) * self.day_length
        return worked + self._worked(day, microsecond) if self.is_working(day) else worked

    def moment(self, place: int) -> datetime:
        """The earliest instant at this place: the end of a window rather than the opening of the next."""
        days, rest = divmod(place - 1, self.day_length)
        day = self.nth(days)
        return utc(day, self._time_of_day(day, rest + 1))

    def end_of(self, day: int) -> datetime:
        """The end of the last window of a day."""
        return utc(day, self.windows_on(day)[-1][1])

    def windows_on(self, day: int) -> Windows:
        """The windows of a day, if it is worked: its season's, or the usual ones."""
        if not self.seasons:
            return self.windows
        month_day = date_of(day).isoformat()[-5:]
        found = (windows for first, last, windows in self.seasons if first <= month_day <= last)
        return next(found, self.windows)

    def _worked(self, day: int, microsecond: int) -> int:
        for opens, closes, before in self.windows_on(day):
            if microsecond < closes:
                return before + max(0, microsecond - opens)
        return self.day_length

    def _time_of_day(self, day: int, worked: int) -> int:
        """The reverse of `_worked` for 0 < worked ≤ day_length."""
        windows = reversed(self.windows_on(day))
        return next(opens + worked - before for opens, _, before in windows if before < worked)


def _weekdays(day: int) -> int:
    """Mondays to Fridays in [0, day); negative for a day before the epoch."""
    weeks, rest = divmod(day, 7)
    return weeks * _WORKING_WEEK + min(rest, _WORKING_WEEK)


def _windows(windows: Iterable[tuple[int, int]]) -> Windows:
    found, worked = [], 0
    for opening, closing in windows:
        found.append((opening * _MINUTE, closing * _MINUTE, worked))
        worked += (closing - opening) * _MINUTE
    return tuple(found)
