"""Working hours of a day: windows in minutes of the local day, and which day is the first to count.

Local time is Asia/Shanghai as a fixed +08:00: China has had no daylight saving time since 1992, so no zone
database is needed and every local day has 1440 minutes.
INVARIANT: windows are in order, do not overlap and lie within one day; all working days have the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta, timezone
from typing import Any, Literal, get_args

StartRule = Literal["next_day", "same_day"]
Window = tuple[int, int]

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")

_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class HoursProfile:
    """Working windows as (opening, closing) minutes of the local day, and the start rule of `Nd@work`.

    `next_day`: day 1 is the first working day after the day of start (source: DOMAIN C.3). `same_day`:
    N times the working minutes of a standard day. Raises ValueError for windows out of order or empty.
    """

    windows: tuple[Window, ...] = ((8 * 60 + 30, 12 * 60), (13 * 60 + 30, 17 * 60 + 30))
    start_rule: StartRule = "next_day"

    def __post_init__(self) -> None:
        if self.start_rule not in get_args(StartRule):
            raise ValueError(f"start rule {self.start_rule!r} is neither next_day nor same_day")
        if not self.windows:
            raise ValueError("a working day needs at least one window")
        before = 0
        for opening, closing in self.windows:
            if not before <= opening < closing <= _DAY:
                raise ValueError(f"window {opening}-{closing} is empty, out of order or outside the day")
            before = closing

    @property
    def minutes_per_day(self) -> int:
        """Working minutes of a standard day."""
        return sum(closing - opening for opening, closing in self.windows)

    def to_dict(self) -> dict[str, Any]:
        """`{"windows": [[510, 720], …], "start_rule"}`, minutes of the local day."""
        return {"windows": [list(window) for window in self.windows], "start_rule": self.start_rule}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "HoursProfile":
        """The reverse of `to_dict`; other keys are ignored, so a whole calendar_published body will do."""
        windows = tuple((int(opening), int(closing)) for opening, closing in data["windows"])
        return cls(windows, data["start_rule"])
