"""Business time: an affine function of the wall (EVENTS.md R3), or set by a test."""

from datetime import UTC, datetime, timedelta, timezone
from time import CLOCK_REALTIME, clock_gettime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.clockface import MONDAY
from whistle_shared.timesource import AffineTime, SettableTime, source, utc_text, wall_now

WALL = datetime(2026, 11, 22, 12, tzinfo=UTC)
SPANS = st.timedeltas(min_value=timedelta(days=-365), max_value=timedelta(days=365))
RATES = st.sampled_from([0.5, 1.0, 60.0, 600.0])


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The machine's clock, to be set by the test: `wall[0] = …`."""
    hands = [WALL]
    monkeypatch.setattr(source, "wall_now", lambda: hands[0])
    return hands


def test_technical_time_is_the_machines_in_utc() -> None:
    assert wall_now().timestamp() == pytest.approx(clock_gettime(CLOCK_REALTIME), abs=5)
    assert wall_now().tzinfo is UTC


def test_without_an_anchor_business_time_is_wall_time(wall: list[datetime]) -> None:
    time = AffineTime()
    assert (time.rate, time.now(), time.at(MONDAY)) == (1.0, WALL, MONDAY)
    wall[0] += timedelta(hours=1)
    assert time.now() == WALL + timedelta(hours=1)


@pytest.mark.parametrize(
    ("passed", "rate", "business"),
    [
        (timedelta(0), 60.0, timedelta(0)),
        (timedelta(seconds=1), 60.0, timedelta(minutes=1)),
        (timedelta(seconds=90), 600.0, timedelta(hours=15)),
        (timedelta(hours=1), 1.0, timedelta(hours=1)),
        (timedelta(hours=1), 0.5, timedelta(minutes=30)),
        (timedelta(seconds=-1), 60.0, timedelta(minutes=-1)),  # before the anchor the line goes on
    ],
)
def test_business_time_is_the_anchor_plus_the_rate_times_what_passed(
    wall: list[datetime], passed: timedelta, rate: float, business: timedelta
) -> None:
    time = AffineTime(anchor_business=MONDAY, anchor_wall=WALL, rate=rate)
    wall[0] += passed
    assert time.now() == time.at(wall[0]) == MONDAY + business


@settings(deadline=None, database=None)
@given(first=SPANS, second=SPANS, rate=RATES)
def test_a_restarted_process_agrees_and_time_never_runs_back(first: timedelta, second: timedelta, rate: float) -> None:
    """INVARIANT: business time is an affine function of the wall, so every process and every restart agrees on it."""
    before = AffineTime(MONDAY, WALL, rate)
    restarted = AffineTime(before.anchor_business, before.anchor_wall, before.rate)
    earlier, later = sorted((WALL + first, WALL + second))
    assert before.at(earlier) == restarted.at(earlier)
    assert before.at(earlier) <= before.at(later)
    gained = before.at(later) - before.at(earlier)
    assert abs(gained - (later - earlier) * rate) <= timedelta(milliseconds=1)


@pytest.mark.parametrize(("seconds", "minutes"), [(59, 59), (60, 60), (61, 60), (10_000, 60)])
def test_business_time_stands_still_from_until_on(wall: list[datetime], seconds: int, minutes: int) -> None:
    time = AffineTime(MONDAY, WALL, rate=60.0, until=MONDAY + timedelta(hours=1))
    wall[0] += timedelta(seconds=seconds)
    assert time.now() == MONDAY + timedelta(minutes=minutes)


def test_a_settable_time_stands_still_until_it_is_moved(wall: list[datetime]) -> None:
    time = SettableTime(MONDAY)
    wall[0] += timedelta(days=1)
    assert (time.now(), time.rate) == (MONDAY, 1.0)
    assert time.passes(timedelta(minutes=31)) == time.now() == MONDAY + timedelta(minutes=31)
    assert time.set(MONDAY) == time.now() == MONDAY


def test_a_settable_time_remembers_which_wall_instant_was_when(wall: list[datetime]) -> None:
    """What was sent before a jump belongs to the time before it: the timer's horizon rests on this."""
    time = SettableTime(MONDAY)
    wall[0] = WALL + timedelta(seconds=10)
    time.passes(timedelta(hours=1))
    wall[0] = WALL + timedelta(seconds=20)
    time.passes(timedelta(hours=1))
    told = [time.at(WALL + timedelta(seconds=second)) for second in (0, 9, 10, 19, 20, 1000)]
    assert [(at - MONDAY) / timedelta(hours=1) for at in told] == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (MONDAY, "2026-06-01T01:00:00.000000Z"),
        (MONDAY.astimezone(timezone(timedelta(hours=8))), "2026-06-01T01:00:00.000000Z"),
        (MONDAY + timedelta(microseconds=1), "2026-06-01T01:00:00.000001Z"),
    ],
)
def test_an_instant_has_one_spelling(at: datetime, text: str) -> None:
    assert utc_text(at) == text
    assert datetime.fromisoformat(text) == at


def test_business_time_is_told_in_utc_whatever_the_anchor_s_offset() -> None:
    """The contract's times are UTC with an offset; an operator writes the anchor in local time."""
    local = datetime.fromisoformat("2026-03-09T09:00:00+08:00")
    wall = datetime(2026, 11, 22, tzinfo=UTC)
    assert (
        AffineTime(local, wall, 240.0, local).at(wall + timedelta(hours=1)).isoformat() == "2026-03-09T01:00:00+00:00"
    )
