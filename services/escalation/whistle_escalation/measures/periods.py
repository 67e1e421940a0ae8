"""Assessment periods: months or quarters that begin on a settable day. Pure. Source: DOMAIN.md C.8 (a setting, since
one public system begins its month on the 19th).

A period is named after the month in which it begins (`2026-06`, `2026Q2`). INVARIANT: periods follow one another
without a gap and without an overlap.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from whistle_shared.worktime import SHANGHAI

Length = Literal["month", "quarter"]

_NAME = re.compile(r"(\d{4})(?:Q([1-4])|-(0[1-9]|1[0-2]))", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 2000, 2100


@dataclass(frozen=True, slots=True)
class Period:
    """[`starts_at`, `ends_at`), UTC; both are local midnights of the district (Asia/Shanghai)."""

    name: str
    length: Length
    starts_at: datetime
    ends_at: datetime

    def covers(self, at: datetime | None) -> bool:
        return at is not None and self.starts_at <= at < self.ends_at


def named(name: str, first_day: int) -> Period:
    """The period of this name. `first_day`: 1 to 28. Raises ValueError for a name that is none."""
    match = _NAME.fullmatch(name)
    if match is None or not _FIRST_YEAR <= int(match[1]) <= _LAST_YEAR:
        raise ValueError(f"{name[:20]!r} is not a period such as 2026Q2 or 2026-06")
    year, quarter, month = int(match[1]), match[2], match[3]
    if quarter:
        return _period(year, (int(quarter) - 1) * 3, "quarter", first_day)
    return _period(year, int(month) - 1, "month", first_day)


def holding(at: datetime, length: Length, first_day: int) -> Period:
    """The period in which an instant lies."""
    local = at.astimezone(SHANGHAI)
    month = local.month - 1 - (local.day < first_day)
    year, month = local.year + month // 12, month % 12
    return _period(year, month - month % 3 if length == "quarter" else month, length, first_day)


def before(period: Period, first_day: int) -> Period:
    """The period that ended where this one begins."""
    local = period.starts_at.astimezone(SHANGHAI)
    months = 3 if period.length == "quarter" else 1
    return _period(local.year, local.month - 1 - months, period.length, first_day)


def _period(year: int, month: int, length: Length, first_day: int) -> Period:
    """`month` counts from 0 for January of `year`, and may lie outside of it."""
    year, month = year + month // 12, month % 12
    name = f"{year}Q{month // 3 + 1}" if length == "quarter" else f"{year}-{month + 1:02}"
    after = month + (3 if length == "quarter" else 1)
    return Period(name, length, _midnight(year, month, first_day), _midnight(year + after // 12, after % 12, first_day))


def _midnight(year: int, month: int, day: int) -> datetime:
    return datetime(year, month + 1, day, tzinfo=SHANGHAI).astimezone(UTC)
