"""The pack's notation of a time limit: amount, unit, scale, as in `30m@natural` or `4h@work`.

INVARIANT: a Limit is more than zero and at most ten years, and `str` gives back what was parsed.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, cast

Unit = Literal["m", "h", "d"]
Scale = Literal["natural", "work"]

_NOTATION = re.compile(r"(-?(?:0|[1-9][0-9]{0,17}))([mhd])@(natural|work)")
_LONGEST_TEXT = 40  # what a refusal quotes back
# Minutes in one of each unit. A working day stands for 8 hours here, whatever the hours profile: only to
# bound `Nd@work`, whose real length is counted on the calendar.
_MINUTES = {
    ("m", "natural"): 1,
    ("h", "natural"): 60,
    ("d", "natural"): 1440,
    ("m", "work"): 1,
    ("h", "work"): 60,
    ("d", "work"): 480,
}
_TEN_YEARS = {"natural": 10 * 365 * 1440, "work": 10 * 250 * 480}


@dataclass(frozen=True, slots=True)
class Limit:
    """`amount` of `unit` (m, h, d) counted on `scale`: every minute (natural) or working minutes only (work).

    Raises ValueError for an amount that is zero, negative or longer than ten years.
    """

    amount: int
    unit: Unit
    scale: Scale

    def __post_init__(self) -> None:
        minutes = _MINUTES.get((self.unit, self.scale))
        if minutes is None:
            raise ValueError(f"unknown unit or scale in {self}: m, h or d @ natural or work")
        if self.amount <= 0:
            raise ValueError(f"limit {self} must be more than zero; leave the cell empty for no limit")
        if self.amount * minutes > _TEN_YEARS[self.scale]:
            raise ValueError(f"limit {self} is longer than ten years")

    @classmethod
    def parse(cls, text: str) -> "Limit":
        """Read the notation of the pack; `per_plan@natural` is none. Raises ValueError with the reason."""
        match = _NOTATION.fullmatch(text)
        if match is None:
            raise ValueError(
                f"{text[:_LONGEST_TEXT]!r} is not a limit: expected a whole number, m, h or d,"
                " then @natural or @work, such as 30m@natural"
            )
        amount, unit, scale = match.groups()
        return cls(int(amount), cast(Unit, unit), cast(Scale, scale))

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}@{self.scale}"

    @property
    def is_working(self) -> bool:
        """True when only working time counts."""
        return self.scale == "work"

    @property
    def counts_days(self) -> bool:
        """True for `Nd@work`, which is counted in working days and not in minutes."""
        return self.unit == "d" and self.scale == "work"

    @property
    def length(self) -> timedelta:
        """The limit as a span of its own scale. Raises ValueError for `Nd@work`: the calendar decides."""
        if self.counts_days:
            raise ValueError(f"{self} has no fixed length")
        return timedelta(minutes=self.amount * _MINUTES[self.unit, self.scale])
