"""Properties of `worktime` against an oracle that counts minute by minute over 2024 to 2026."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise

import chinese_calendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whistle_shared import worktime

quick = settings(max_examples=300, deadline=None, database=None)

ZERO = datetime(2024, 1, 1, tzinfo=worktime.SHANGHAI)
DAYS = [date(2024, 1, 1) + timedelta(days=n) for n in range(366 + 365 + 365)]
WORKED_DAYS = [bool(chinese_calendar.is_workday(day)) for day in DAYS]
MAKE_UP_WORKDAYS = [day for day in DAYS if day.weekday() > 4 and chinese_calendar.is_workday(day)]
YEARS = {year: worktime.official_year(year) for year in (2024, 2025, 2026)}

Windows = tuple[tuple[int, int], ...]
DEFAULT = worktime.HoursProfile()
SUMMER = worktime.Season("06-01", "09-30", ((8 * 60, 12 * 60), (14 * 60 + 30, 18 * 60)))
THAW = worktime.Season("02-29", "02-29", ((0, 30), (700, 1120)))
PROFILES = (
    DEFAULT,
    worktime.HoursProfile(((8 * 60, 12 * 60), (14 * 60, 18 * 60))),
    worktime.HoursProfile(((0, 1440),)),
    worktime.HoursProfile(((30, 31), (400, 720), (720, 1000), (1200, 1440))),
    worktime.HoursProfile(seasons=(THAW, SUMMER)),
)


def _day(windows: Windows) -> bytes:
    return bytes(any(opens <= minute < closes for opens, closes in windows) for minute in range(1440))


def _minutes(hours: worktime.HoursProfile) -> bytearray:
    usual = _day(hours.windows)
    found = []
    for day, worked in zip(DAYS, WORKED_DAYS, strict=True):
        seasons = [s for s in hours.seasons if s.first <= f"{day:%m-%d}" <= s.last]
        open_minutes = _day(seasons[0].windows) if seasons else usual
        found.append(open_minutes if worked else bytes(1440))
    return bytearray(b"".join(found))


MINUTES = {hours: _minutes(hours) for hours in PROFILES}
CALENDARS = {hours: worktime.Calendar(YEARS, hours, version=1) for hours in PROFILES}
CALENDAR = CALENDARS[DEFAULT]
ONLY_2024 = worktime.Calendar({2024: YEARS[2024]}, worktime.HoursProfile(), version=1)


def at(microseconds: int) -> datetime:
    return ZERO + timedelta(microseconds=microseconds)


def gone(instant: datetime) -> int:
    return (instant - ZERO) // timedelta(microseconds=1)


MINUTE = gone(at(0) + timedelta(minutes=1))


def counted(start: datetime, end: datetime, hours: worktime.HoursProfile = DEFAULT) -> timedelta:
    """Working time by looking at every minute between the two."""
    (first, from_), (last, to) = divmod(gone(start), MINUTE), divmod(gone(end), MINUTE)
    minutes = MINUTES[hours]
    whole = sum(minutes[first:last]) * MINUTE
    return timedelta(microseconds=whole - minutes[first] * from_ + minutes[last] * to)


def walked(start: datetime, amount: timedelta, hours: worktime.HoursProfile = DEFAULT) -> datetime:
    """The end of a walk through every minute until the amount (more than none) is used up."""
    left, here = amount // timedelta(microseconds=1), gone(start)
    while left > 0:
        minute, passed = divmod(here, MINUTE)
        if MINUTES[hours][minute]:
            step = min(MINUTE - passed, left)
            left -= step
        else:
            step = MINUTE - passed
        here += step
    return at(here)


def nth_working_day_after(start: datetime, count: int) -> date:
    """Day by day on the calendar on the wall."""
    day = start.astimezone(worktime.SHANGHAI).date()
    while count:
        day += timedelta(days=1)
        count -= WORKED_DAYS[DAYS.index(day)]
    return day


def closing(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 17, 30, tzinfo=worktime.SHANGHAI)


zones = st.sampled_from([UTC, worktime.SHANGHAI, timezone(timedelta(hours=-9, minutes=-30))])
two_years = 2 * 365 * 86_400
# Half of the draws fall on the edges of windows and days, where the mistakes live.
edges = st.builds(
    lambda day, minute, nudge: at((day * 1440 + minute) * MINUTE + nudge),
    st.integers(2, 700),
    st.sampled_from([0, 510, 511, 719, 720, 810, 1049, 1050, 1439]),
    st.sampled_from([-1_000_000, -1, 0, 1, 59_999_999]),
)
anywhere = st.builds(lambda seconds: at(seconds * 1_000_000), st.integers(0, two_years))
instants = st.builds(lambda instant, zone: instant.astimezone(zone), edges | anywhere, zones)
short_limits = st.builds(worktime.Limit, st.integers(1, 3000), st.just("m"), st.just("work")) | st.builds(
    worktime.Limit, st.integers(1, 60), st.just("h"), st.just("work")
)
day_limits = st.builds(worktime.Limit, st.integers(1, 40), st.just("d"), st.just("work"))
natural_limits = st.builds(worktime.Limit, st.integers(1, 200), st.sampled_from(["m", "h", "d"]), st.just("natural"))
limits = short_limits | day_limits | natural_limits
spans = st.timedeltas(timedelta(0), timedelta(days=30))
profiles = st.sampled_from(PROFILES)


@quick
@given(instants, short_limits, profiles)
def test_due_is_where_the_walk_through_every_minute_ends(
    start: datetime, limit: worktime.Limit, hours: worktime.HoursProfile
) -> None:
    due = worktime.due(start, limit, CALENDARS[hours])
    assert due == worktime.Due(walked(start, limit.length, hours), provisional=False)
    assert due.at.tzinfo is UTC


@quick
@given(instants, day_limits)
def test_due_in_days_is_the_end_of_the_nth_working_day_after(start: datetime, limit: worktime.Limit) -> None:
    assert worktime.due(start, limit, CALENDAR).at == closing(nth_working_day_after(start, limit.amount))


@quick
@given(instants, day_limits)
def test_a_day_of_summer_ends_when_summer_closes(start: datetime, limit: worktime.Limit) -> None:
    day = nth_working_day_after(start, limit.amount)
    summer = (6, 1) <= (day.month, day.day) <= (9, 30)
    end = closing(day) + timedelta(minutes=30 if summer else 70 if (day.month, day.day) == (2, 29) else 0)
    assert worktime.due(start, limit, CALENDARS[PROFILES[-1]]).at == end


@quick
@given(instants, natural_limits)
def test_due_in_natural_time_is_a_plain_sum(start: datetime, limit: worktime.Limit) -> None:
    assert worktime.due(start, limit, CALENDAR) == worktime.Due(start + limit.length, provisional=False)


@quick
@given(instants, spans, profiles)
def test_working_minutes_are_what_counting_every_minute_gives(
    start: datetime, span: timedelta, hours: worktime.HoursProfile
) -> None:
    worked = worktime.working_minutes(start, start + span, CALENDARS[hours])
    assert worked == counted(start, start + span, hours)


@quick
@given(instants, short_limits | day_limits, st.integers(1, 100))
def test_a_warning_stands_where_that_share_of_the_working_time_has_passed(
    start: datetime, limit: worktime.Limit, percent: int
) -> None:
    whole = counted(start, worktime.due(start, limit, CALENDAR).at)
    (point,) = worktime.points(start, limit, [percent], CALENDAR)
    assert point == walked(start, whole * percent // 100)


@pytest.mark.parametrize("day", MAKE_UP_WORKDAYS, ids=str)
def test_every_make_up_workday_is_counted(day: date) -> None:
    for eve in range(3):
        for minutes in (0, 509, 510, 735, 1049, 1050, 1438):
            start = closing(day - timedelta(days=eve)) - timedelta(minutes=1050 - minutes, seconds=-7)
            for text in ("10m@work", "4h@work", "600m@work"):
                limit = worktime.Limit.parse(text)
                assert worktime.due(start, limit, CALENDAR).at == walked(start, limit.length)
            one_day = worktime.due(start, worktime.Limit.parse("1d@work"), CALENDAR).at
            assert one_day == closing(nth_working_day_after(start, 1))


def test_the_oracle_knows_make_up_workdays_in_every_year() -> None:
    counts = [sum(day.year == year for day in MAKE_UP_WORKDAYS) for year in YEARS]
    assert counts == [8, 5, 6]


@quick
@given(instants, spans, limits, st.integers(0, 30))
def test_invariant_starting_later_or_asking_more_is_never_due_earlier(
    start: datetime, later: timedelta, limit: worktime.Limit, more: int
) -> None:
    """INVARIANT: starting later is never due earlier, and more of the same unit is never due earlier."""
    due = worktime.due(start, limit, CALENDAR).at
    assert due > start
    assert worktime.due(start + later, limit, CALENDAR).at >= due
    longer = worktime.Limit(limit.amount + more, limit.unit, limit.scale)
    assert (worktime.due(start, longer, CALENDAR).at > due) == (more > 0)


@quick
@given(instants, limits)
def test_points_climb_from_start_to_due(start: datetime, limit: worktime.Limit) -> None:
    found = worktime.points(start, limit, range(1, 101), CALENDAR)
    assert start <= found[0]
    assert found == sorted(found)
    assert found[-1] == worktime.due(start, limit, CALENDAR).at


@quick
@given(instants, st.timedeltas(timedelta(microseconds=1), timedelta(hours=90)), profiles)
def test_invariant_adding_gives_the_earliest_instant_that_holds_the_amount(
    start: datetime, amount: timedelta, hours: worktime.HoursProfile
) -> None:
    """INVARIANT: `moment` is the earliest instant: one microsecond before it, the amount has not passed."""
    calendar = CALENDARS[hours]
    end = worktime.add_working(start, amount, calendar)
    tick = timedelta(microseconds=1)
    assert worktime.working_minutes(start, end, calendar) == amount
    assert worktime.working_minutes(start, end - tick, calendar) == amount - tick


@quick
@given(instants, st.timedeltas(timedelta(0), timedelta(hours=90)), profiles)
def test_invariant_working_time_never_runs_backwards(
    start: datetime, later: timedelta, hours: worktime.HoursProfile
) -> None:
    """INVARIANT: `place` never decreases with time, nor grows by more than has passed."""
    assert timedelta(0) <= worktime.working_minutes(start, start + later, CALENDARS[hours]) <= later


@quick
@given(instants, instants, instants)
def test_working_time_adds_up_and_turns_its_sign(a: datetime, b: datetime, c: datetime) -> None:
    def worked(start: datetime, end: datetime) -> timedelta:
        return worktime.working_minutes(start, end, CALENDAR)

    assert worked(a, b) + worked(b, c) == worked(a, c)
    assert worked(a, b) == -worked(b, a)


@quick
@given(instants, limits, instants)
def test_invariant_a_suspension_of_no_length_changes_nothing(
    start: datetime, limit: worktime.Limit, instant: datetime
) -> None:
    """INVARIANT: a suspension of no length changes nothing, in an unofficial year either."""
    due = worktime.due(start, limit, ONLY_2024)
    assert worktime.extend_by(due, instant, instant, limit, ONLY_2024) == due


@quick
@given(instants, limits, spans, spans, spans, spans)
def test_invariant_the_order_of_two_disjoint_suspensions_does_not_matter(
    start: datetime, limit: worktime.Limit, wait: timedelta, one: timedelta, gap: timedelta, two: timedelta
) -> None:
    """INVARIANT: the order of two disjoint suspensions does not matter, nor does cutting one in two.

    Only 2024 is official here, so the provisional flag is part of what must agree.
    """
    due = worktime.due(start, limit, ONLY_2024)
    first = (start + wait, start + wait + one)
    second = (first[1] + gap, first[1] + gap + two)

    def extended(*suspensions: tuple[datetime, datetime]) -> worktime.Due:
        found = due
        for begin, end in suspensions:
            found = worktime.extend_by(found, begin, end, limit, ONLY_2024)
        return found

    assert extended(first, second) == extended(second, first)
    adjacent = (first[1], first[1] + two)
    assert extended(first, adjacent) == extended((first[0], adjacent[1]))


def _counted_dates(found: list[worktime.Span]) -> Iterator[date]:
    return (span.start.astimezone(worktime.SHANGHAI).date() for span in found if span.counted)


@quick
@given(instants, limits, profiles)
def test_invariant_the_counted_spans_add_up_to_the_limit(
    start: datetime, limit: worktime.Limit, hours: worktime.HoursProfile
) -> None:
    """INVARIANT: spans are in order and do not overlap; the counted ones add up to the limit.

    In working time for hours and minutes, in days for `Nd@work`.
    """
    found = worktime.explain(start, limit, CALENDARS[hours])
    assert all(before.end <= after.start for before, after in pairwise(found))
    assert start <= found[0].start
    assert found[-1].end == worktime.due(start, limit, CALENDARS[hours]).at
    if limit.counts_days:
        assert len(set(_counted_dates(found))) == limit.amount
    else:
        assert sum((span.end - span.start for span in found if span.counted), timedelta(0)) == limit.length


@quick
@given(instants, st.integers(1, 40))
def test_same_day_start_counts_standard_days_of_working_time(start: datetime, days: int) -> None:
    hours = worktime.HoursProfile(start_rule="same_day")
    calendar = worktime.Calendar(YEARS, hours, version=1)
    due = worktime.due(start, worktime.Limit(days, "d", "work"), calendar).at
    assert counted(start, due) == timedelta(minutes=450 * days)
    assert counted(start, due - timedelta(microseconds=1)) < timedelta(minutes=450 * days)
