"""The district's working calendar: the years it knows, its hours, its version, and the look-up.

INVARIANT: a year that is missing counts plain weekends and is not official; it never raises.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from whistle_shared.worktime.axis import Axis
from whistle_shared.worktime.hours import HoursProfile
from whistle_shared.worktime.years import CalendarYear


@dataclass(frozen=True, slots=True)
class Calendar:
    """Years by number, working hours, version. Build once per version and keep.

    A notice may list days of the December before; where two years list the same day, the later notice wins.
    Raises ValueError when a year stands under another number.
    """

    years: Mapping[int, CalendarYear] = field(hash=False)
    hours: HoursProfile
    version: int
    axis: Axis = field(init=False, repr=False, compare=False)
    listed: Mapping[date, bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        listed: dict[date, bool] = {}
        for number, year in sorted(self.years.items()):
            if number != year.year:
                raise ValueError(f"the calendar of {year.year} stands under {number}")
            listed |= dict.fromkeys(year.days_off, True) | dict.fromkeys(year.make_up_workdays, False)
        object.__setattr__(self, "years", dict(self.years))
        object.__setattr__(self, "listed", listed)
        object.__setattr__(self, "axis", Axis.build(listed, self.hours))

    def is_official(self, year: int) -> bool:
        """Does this year rest on a published notice?"""
        known = self.years.get(year)
        return known is not None and known.official
