"""Assessment periods: names, first days, and that time has no gaps."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whistle_escalation.measures import before, holding, named
from whistle_escalation.measures.periods import Length

INSTANTS = st.datetimes(datetime(2001, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
FIRST_DAYS = st.integers(1, 28)
LENGTHS: st.SearchStrategy[Length] = st.sampled_from(["month", "quarter"])


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("name", "first_day", "starts", "ends"),
    [
        ("2026Q2", 1, "2026-04-01T00:00+08:00", "2026-07-01T00:00+08:00"),
        ("2026Q4", 1, "2026-10-01T00:00+08:00", "2027-01-01T00:00+08:00"),
        ("2026-06", 19, "2026-06-19T00:00+08:00", "2026-07-19T00:00+08:00"),  # S15: the month begins on the 19th
        ("2026-12", 19, "2026-12-19T00:00+08:00", "2027-01-19T00:00+08:00"),
    ],
)
def test_a_period_is_named_after_the_month_in_which_it_begins(
    name: str, first_day: int, starts: str, ends: str
) -> None:
    period = named(name, first_day)
    assert (period.starts_at, period.ends_at) == (at(starts), at(ends))
    assert period.starts_at.tzinfo is UTC


def test_an_instant_lies_in_the_period_that_its_local_day_belongs_to() -> None:
    # 16:00 UTC is midnight in Shanghai: the new month has begun.
    assert holding(at("2026-05-31T15:59:59+00:00"), "month", 1).name == "2026-05"
    assert holding(at("2026-05-31T16:00:00+00:00"), "month", 1).name == "2026-06"
    assert holding(at("2026-04-18T12:00+08:00"), "quarter", 19).name == "2026Q1"
    assert holding(at("2026-01-18T12:00+08:00"), "quarter", 19).name == "2025Q4"


@pytest.mark.parametrize(
    "wrong", ["", "2026", "2026Q5", "2026-13", "2026-6", "26Q1", "1999Q1", "2026Q2 ", "２０２６Q1"]
)
def test_what_is_no_period_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="is not a period"):
        named(wrong, 1)


@given(INSTANTS, LENGTHS, FIRST_DAYS)
def test_periods_follow_one_another(instant: datetime, length: Length, first_day: int) -> None:
    """INVARIANT: periods follow one another without a gap and without an overlap."""
    period = holding(instant, length, first_day)
    assert period.covers(instant)
    assert period == named(period.name, first_day)
    earlier = before(period, first_day)
    assert earlier.ends_at == period.starts_at
    assert holding(period.starts_at - timedelta(microseconds=1), length, first_day) == earlier
