"""Business time: an affine function of the wall, the same in every process and after every restart."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.clockface import MONDAY, local
from whistle_shared.timesource import AffineTime, SettableTime, utc_text, wall_now

_ANCHOR = datetime(2026, 11, 22, 1, tzinfo=UTC)
_spans = st.timedeltas(timedelta(0), timedelta(days=30))
_rates = st.floats(0.01, 10_000)


@given(_spans, _spans, _rates)
def test_business_time_is_affine(first: timedelta, second: timedelta, rate: float) -> None:
    """INVARIANT: business time is an affine function of the wall (EVENTS.md R3)."""
    time = AffineTime(MONDAY, _ANCHOR, rate)
    assert time.at(_ANCHOR) == MONDAY
    assert abs(time.at(_ANCHOR + first) - (MONDAY + first * rate)) <= timedelta(microseconds=1)
    restarted = AffineTime(MONDAY, _ANCHOR, rate)
    assert restarted.at(_ANCHOR + second) == time.at(_ANCHOR + second)


@given(_spans, _spans, _rates)
def test_business_time_never_goes_back(first: timedelta, second: timedelta, rate: float) -> None:
    time = AffineTime(MONDAY, _ANCHOR, rate, until=MONDAY + timedelta(days=1))
    earlier, later = sorted((first, second))
    assert time.at(_ANCHOR + earlier) <= time.at(_ANCHOR + later) <= MONDAY + timedelta(days=1)


def test_without_an_anchor_business_time_is_the_walls() -> None:
    before = wall_now()
    assert before <= AffineTime().now() <= wall_now()
    assert AffineTime().at(_ANCHOR) == _ANCHOR


def test_a_set_time_stands_still_until_it_is_moved() -> None:
    time = SettableTime(MONDAY)
    before = wall_now()
    assert time.now() == time.now() == MONDAY
    assert time.passes(timedelta(minutes=31)) == time.now() == MONDAY + timedelta(minutes=31)
    assert time.at(before) == MONDAY
    assert time.at(wall_now()) == time.now()


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (local(2026, 6, 1, 9), "2026-06-01T01:00:00.000000Z"),
        (datetime(2026, 6, 1, 9, 0, 0, 1, tzinfo=timezone(timedelta(hours=8))), "2026-06-01T01:00:00.000001Z"),
    ],
)
def test_an_instant_is_written_in_one_way(at: datetime, text: str) -> None:
    assert utc_text(at) == text
