"""One year's days off and make-up workdays (调休), from the package, a document or an event.

Sources: the PyPI package `chinesecalendar` (State Council notices year by year), or a document in the shape
of holiday-cn `{year, papers, days: [{name, date, isOffDay}]}`, used instead of the package's year as a whole.
INVARIANT: only a year that rests on a published notice is `official`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import chinese_calendar


@dataclass(frozen=True, slots=True)
class CalendarYear:
    """The listed days of one notice; a day that is not listed follows the week (Monday to Friday work).

    The notice of a year may list days of the December before (2018-12-29 was worked by the notice of 2019):
    the dates need not lie in `year`. Raises ValueError when a date is in both sets or far from its year.
    """

    year: int
    official: bool
    days_off: frozenset[date] = frozenset()
    make_up_workdays: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        if both := self.days_off & self.make_up_workdays:
            raise ValueError(f"{min(both)} is listed both as a day off and as a make-up workday")
        for day in self.days_off | self.make_up_workdays:
            if abs(day.year - self.year) > 1:
                raise ValueError(f"{day} does not belong to the calendar of {self.year}")

    @classmethod
    def from_days(cls, document: Mapping[str, Any]) -> "CalendarYear":
        """Read the holiday-cn shape. Official only when it names a paper and lists a day: the files of years
        not yet announced exist with both empty. Malformed: ValueError, KeyError or TypeError."""
        days = _split((day["date"], day["isOffDay"]) for day in document["days"])
        official = bool(document["papers"]) and bool(document["days"])
        return cls(_year(document["year"]), official, *days)

    def to_dict(self) -> dict[str, Any]:
        """`{"year", "official", "days": [{"date": "2026-01-01", "is_off_day": true}, …]}`, days in order."""
        listed = [(day, True) for day in self.days_off] + [(day, False) for day in self.make_up_workdays]
        days = [{"date": day.isoformat(), "is_off_day": off} for day, off in sorted(listed)]
        return {"year": self.year, "official": self.official, "days": days}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "CalendarYear":
        """The reverse of `to_dict`; other keys are ignored, so a whole calendar_published body will do."""
        days = _split((day["date"], day["is_off_day"]) for day in data["days"])
        return cls(_year(data["year"]), _flag(data["official"]), *days)


def official_year(year: int) -> CalendarYear:
    """The year as `chinesecalendar` knows it, or a provisional year of plain weekends when it does not."""
    try:
        chinese_calendar.is_workday(date(year, 1, 1))
    except NotImplementedError:
        return CalendarYear(year, official=False)
    days_off = frozenset(day for day in chinese_calendar.holidays if day.year == year)
    make_up_workdays = frozenset(day for day in chinese_calendar.workdays if day.year == year)
    return CalendarYear(year, True, days_off, make_up_workdays)


def _split(days: Iterable[tuple[str, bool]]) -> tuple[frozenset[date], frozenset[date]]:
    listed: tuple[set[date], set[date]] = (set(), set())
    for text, off in days:
        listed[0 if _flag(off) else 1].add(date.fromisoformat(text))
    return frozenset(listed[0]), frozenset(listed[1])


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} must be true or false")  # noqa: TRY004 - one kind of error for bad data
    return value


def _year(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"year {value!r} must be a whole number")  # noqa: TRY004 - one kind of error for bad data
    return value
