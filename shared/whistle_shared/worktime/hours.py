"""Working hours of a day: windows in minutes of the local day, by season, and which day is the first to count.

Local time is Asia/Shanghai as a fixed +08:00: China has had no daylight saving time since 1992, so no zone
database is needed and every local day has 1440 minutes.
INVARIANT: windows are in order, do not overlap and lie within one day.
INVARIANT: a working day is equally long in every season, and every day has one season at most.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta, timezone
from typing import Any, Literal, get_args

StartRule = Literal["next_day", "same_day"]
Window = tuple[int, int]

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")

_DAY = 24 * 60


def _check_windows(windows: tuple[Window, ...]) -> None:
    """Raises ValueError for windows out of order or empty."""
    if not windows:
        raise ValueError("a working day needs at least one window")
    before = 0
    for opening, closing in windows:
        if not before <= opening < closing <= _DAY:
            raise ValueError(f"window {opening}-{closing} is empty, out of order or outside the day")
        before = closing


def _length(windows: tuple[Window, ...]) -> int:
    """The working minutes of a day with these windows."""
    return sum(closing - opening for opening, closing in windows)


@dataclass(frozen=True, slots=True)
class Season:
    """Other windows in a part of every year (夏令作息): from `first` to `last`, local days `MM-DD`, both in it."""

    first: str
    last: str
    windows: tuple[Window, ...]

    def __post_init__(self) -> None:
        _check_windows(self.windows)
        for day in (self.first, self.last):
            if not is_month_day(day):
                raise ValueError(f"{day!r} is not a day such as 06-01")
        if self.last < self.first:
            raise ValueError(f"season {self.first} to {self.last} ends before it begins")


def is_month_day(text: str) -> bool:
    """Is this a day of some year, written `MM-DD`?"""
    try:
        return f"{date.fromisoformat(f'2000-{text}'):%m-%d}" == text
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class HoursProfile:
    """Working windows as (opening, closing) minutes of the local day, and the start rule of `Nd@work`.

    `next_day`: day 1 is the first working day after the day of start (source: DOMAIN C.3). `same_day`:
    N times the working minutes of a standard day. `seasons`, in order, have windows of their own. Raises ValueError
    for windows out of order or empty, and for seasons that overlap or whose day is longer or shorter.
    """

    windows: tuple[Window, ...] = ((8 * 60 + 30, 12 * 60), (13 * 60 + 30, 17 * 60 + 30))
    start_rule: StartRule = "next_day"
    seasons: tuple[Season, ...] = ()

    def __post_init__(self) -> None:
        if self.start_rule not in get_args(StartRule):
            raise ValueError(f"start rule {self.start_rule!r} is neither next_day nor same_day")
        _check_windows(self.windows)
        before = ""
        for season in self.seasons:
            if _length(season.windows) != self.minutes_per_day:
                wrong = f"{_length(season.windows)} minutes a day, not {self.minutes_per_day}"
                raise ValueError(f"season {season.first} to {season.last} works {wrong}")
            if season.first <= before:
                raise ValueError(f"season {season.first} to {season.last} overlaps the one before or is out of order")
            before = season.last

    @property
    def minutes_per_day(self) -> int:
        """Working minutes of every working day."""
        return _length(self.windows)

    def to_dict(self) -> dict[str, Any]:
        """`{"windows": [[510, 720], …], "start_rule", "seasons": [{"first", "last", "windows"}, …]}`, minutes of the
        local day."""
        seasons = [{"first": s.first, "last": s.last, "windows": _listed(s.windows)} for s in self.seasons]
        return {"windows": _listed(self.windows), "start_rule": self.start_rule, "seasons": seasons}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "HoursProfile":
        """The reverse of `to_dict`; other keys are ignored, so a whole calendar_published body will do, and so will
        one from before there were seasons."""
        seasons = tuple(Season(s["first"], s["last"], _read(s["windows"])) for s in data.get("seasons", ()))
        return cls(_read(data["windows"]), data["start_rule"], seasons)


def _listed(windows: tuple[Window, ...]) -> list[list[int]]:
    return [list(window) for window in windows]


def _read(windows: Any) -> tuple[Window, ...]:
    return tuple((int(opening), int(closing)) for opening, closing in windows)
