"""Tables for the arithmetic of limits: EVENTS.md section 6 on the calendar of 2026 (DOMAIN C.7)."""

from datetime import UTC, datetime, timedelta

import pytest

from whistle_shared import worktime

YEARS = {year: worktime.official_year(year) for year in (2025, 2026)}
CALENDAR = worktime.Calendar(YEARS, worktime.HoursProfile(), version=1)
SAME_DAY = worktime.Calendar(YEARS, worktime.HoursProfile(start_rule="same_day"), version=1)


def at(text: str) -> datetime:
    """A local (Shanghai) time, as people there would write it."""
    return datetime.fromisoformat(text).replace(tzinfo=worktime.SHANGHAI)


def limit(text: str) -> worktime.Limit:
    return worktime.Limit.parse(text)


# 2026-03-02 is a plain Monday. Worked by notice: Sat 02-14, Sat 02-28, Sat 05-09, Sun 09-20, Sat 10-10.
DUE = [
    # natural: start + amount, exact, through nights and holidays
    ("2026-03-02 09:00", "5m@natural", "2026-03-02 09:05"),
    ("2026-03-02 09:00:17", "30m@natural", "2026-03-02 09:30:17"),
    ("2026-03-02 23:30", "4h@natural", "2026-03-03 03:30"),
    ("2026-02-13 17:00", "24h@natural", "2026-02-14 17:00"),
    ("2026-02-13 17:00", "5d@natural", "2026-02-18 17:00"),
    # working hours and minutes
    ("2026-03-02 08:30", "4h@work", "2026-03-02 14:00"),
    ("2026-03-02 09:10:07", "4h@work", "2026-03-02 14:40:07"),
    ("2026-03-02 13:30", "4h@work", "2026-03-02 17:30"),  # exactly at the end, not next morning
    ("2026-03-02 08:30", "210m@work", "2026-03-02 12:00"),  # exactly at noon, not at 13:30
    ("2026-03-02 08:30", "211m@work", "2026-03-02 13:31"),
    ("2026-03-02 12:00", "4h@work", "2026-03-02 17:30"),
    ("2026-03-02 12:15:30", "4h@work", "2026-03-02 17:30"),
    ("2026-03-02 11:59:59", "1m@work", "2026-03-02 13:30:59"),
    ("2026-03-02 07:00", "4h@work", "2026-03-02 14:00"),
    ("2026-03-02 16:30", "4h@work", "2026-03-03 11:30"),
    ("2026-03-02 17:29:59", "2h@work", "2026-03-03 10:29:59"),
    ("2026-03-02 17:30", "2h@work", "2026-03-03 10:30"),
    # Friday evening and the weekend
    ("2026-03-06 17:00", "4h@work", "2026-03-09 12:00"),
    ("2026-03-06 20:00", "4h@work", "2026-03-09 14:00"),
    ("2026-03-07 10:00", "4h@work", "2026-03-09 14:00"),
    ("2026-03-08 23:59:59", "1m@work", "2026-03-09 08:31"),
    # the eve of a worked Saturday, and the long holiday after it
    ("2026-02-13 17:00", "4h@work", "2026-02-14 12:00"),
    ("2026-02-14 17:00", "4h@work", "2026-02-24 12:00"),
    ("2026-02-17 10:00", "2h@work", "2026-02-24 10:30"),
    # working days: the end of the N-th working day after the day of start
    ("2026-03-02 00:05", "1d@work", "2026-03-03 17:30"),
    ("2026-03-02 09:00:01", "1d@work", "2026-03-03 17:30"),
    ("2026-03-02 23:59:59", "1d@work", "2026-03-03 17:30"),
    ("2026-03-03 00:00", "1d@work", "2026-03-04 17:30"),
    ("2026-03-06 20:00", "1d@work", "2026-03-09 17:30"),
    ("2026-03-07 10:00", "1d@work", "2026-03-09 17:30"),
    ("2026-02-13 10:00", "1d@work", "2026-02-14 17:30"),
    ("2026-02-14 10:00", "1d@work", "2026-02-24 17:30"),
    ("2026-02-27 10:00", "2d@work", "2026-03-02 17:30"),
    ("2026-09-30 10:00", "3d@work", "2026-10-10 17:30"),
    ("2026-02-13 10:00", "5d@work", "2026-02-27 17:30"),
    ("2026-02-13 10:00", "10d@work", "2026-03-05 17:30"),
    ("2026-04-27 09:00", "30d@work", "2026-06-10 17:30"),
]


@pytest.mark.parametrize(("start", "text", "expected"), DUE)
def test_due(start: str, text: str, expected: str) -> None:
    due = worktime.due(at(start), limit(text), CALENDAR)
    assert due == worktime.Due(at(expected), provisional=False)
    assert due.at.tzinfo is UTC


@pytest.mark.parametrize(
    ("start", "text", "expected"),
    [
        ("2026-03-02 08:30", "1d@work", "2026-03-02 17:30"),
        ("2026-03-02 10:00:05", "1d@work", "2026-03-03 10:00:05"),
        ("2026-03-06 16:00", "2d@work", "2026-03-10 16:00"),
        ("2026-03-07 16:00", "1d@work", "2026-03-09 17:30"),
        ("2026-03-02 16:30", "4h@work", "2026-03-03 11:30"),
    ],
)
def test_due_with_same_day_start(start: str, text: str, expected: str) -> None:
    assert worktime.due(at(start), limit(text), SAME_DAY).at == at(expected)


@pytest.mark.parametrize(
    ("start", "text", "half", "four_fifths"),
    [
        ("2026-03-02 09:00", "5m@natural", "2026-03-02 09:02:30", "2026-03-02 09:04"),
        ("2026-03-02 09:00", "5d@natural", "2026-03-04 21:00", "2026-03-06 09:00"),
        ("2026-03-02 16:30", "4h@work", "2026-03-03 09:30", "2026-03-03 10:42"),
        ("2026-03-02 08:30", "7h@work", "2026-03-02 12:00", "2026-03-02 15:36"),
        # 60 min on Friday and 450 on Monday lie between start and due; half is 255, four fifths 408
        ("2026-03-06 16:30", "1d@work", "2026-03-09 11:45", "2026-03-09 15:48"),
        ("2026-03-06 20:00", "1d@work", "2026-03-09 13:45", "2026-03-09 16:00"),
    ],
)
def test_warning_points(start: str, text: str, half: str, four_fifths: str) -> None:
    assert worktime.points(at(start), limit(text), (50, 80), CALENDAR) == [at(half), at(four_fifths)]


@pytest.mark.parametrize("percent", [0, -5, 101])
def test_a_percentage_outside_the_limit_is_refused(percent: int) -> None:
    with pytest.raises(ValueError, match="not between 1 and 100"):
        worktime.points(at("2026-03-02 09:00"), limit("4h@work"), (percent,), CALENDAR)


@pytest.mark.parametrize(
    ("start", "text", "provisional"),
    [
        ("2026-12-30 09:00", "1d@work", False),  # due on 12-31 at 17:30
        ("2026-12-31 09:00", "1d@work", True),
        ("2026-12-31 13:30", "4h@work", False),
        ("2026-12-31 13:31", "4h@work", True),
        ("2026-12-31 23:59:59", "4h@work", True),
        ("2027-03-01 09:00", "4h@work", True),
        ("2024-12-31 09:00", "4h@work", True),  # 2024 is not in this calendar
        ("2024-12-31 17:00", "4h@work", True),  # due in 2025, which is, but started before it
        ("2026-12-20 09:00", "30d@work", True),
        ("2026-12-31 23:00", "24h@natural", False),
        ("2027-03-01 09:00", "5d@natural", False),
    ],
)
def test_provisional_when_working_time_touches_a_year_without_data(start: str, text: str, provisional: bool) -> None:
    assert worktime.due(at(start), limit(text), CALENDAR).provisional is provisional


def test_invariant_a_year_without_official_data_counts_plain_weekends_and_never_raises() -> None:
    """INVARIANT: a year without official data never raises.

    INVARIANT: a year that is missing counts plain weekends and is not official. 2027-01-01 is a Friday: without a
    notice it counts as worked, the week-end does not.
    """
    empty = worktime.Calendar({}, worktime.HoursProfile(), version=0)
    for calendar in (CALENDAR, empty):
        due = worktime.due(at("2026-12-31 09:00"), limit("2d@work"), calendar)
        assert due == worktime.Due(at("2027-01-04 17:30"), provisional=True)
    assert worktime.due(at("1999-05-04 09:00"), limit("30d@work"), CALENDAR).provisional
    assert worktime.due(at("2090-05-04 09:00"), limit("4h@work"), CALENDAR).provisional


def test_official_data_moves_a_provisional_due_and_settles_it() -> None:
    notice = {
        "year": 2027,
        "papers": ["notice of 2027"],
        "days": [{"name": "元旦", "date": "2027-01-01", "isOffDay": True}],
    }
    years = YEARS | {2027: worktime.CalendarYear.from_days(notice)}
    settled = worktime.Calendar(years, worktime.HoursProfile(), version=2)
    due = worktime.due(at("2026-12-31 09:00"), limit("1d@work"), settled)
    assert due == worktime.Due(at("2027-01-04 17:30"), provisional=False)


def test_an_instant_may_come_in_any_zone_but_never_naive() -> None:
    moment = at("2026-03-02 16:30")
    expected = worktime.due(moment, limit("4h@work"), CALENDAR)
    assert worktime.due(moment.astimezone(UTC), limit("4h@work"), CALENDAR) == expected
    for text in ("4h@work", "1d@work", "30m@natural"):
        with pytest.raises(TypeError):
            worktime.due(moment.replace(tzinfo=None), limit(text), CALENDAR)


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        ("2026-03-02 08:30", "2026-03-02 17:30", 450),
        ("2026-03-02 12:00", "2026-03-02 13:30", 0),
        ("2026-03-02 17:30", "2026-03-03 08:30", 0),
        ("2026-03-02 11:00", "2026-03-02 14:00", 90),
        ("2026-03-06 17:00", "2026-03-09 09:00", 60),
        ("2026-02-13 17:30", "2026-02-24 08:30", 450),  # the worked Saturday alone
        ("2026-10-01 00:00", "2026-10-08 00:00", 0),
    ],
)
def test_working_minutes(start: str, end: str, minutes: int) -> None:
    expected = timedelta(minutes=minutes)
    assert worktime.working_minutes(at(start), at(end), CALENDAR) == expected
    assert worktime.working_minutes(at(end), at(start), CALENDAR) == -expected


def test_working_minutes_keep_seconds_and_microseconds() -> None:
    start, end = at("2026-03-02 11:59:58.250001"), at("2026-03-02 13:30:02.75")
    assert worktime.working_minutes(start, end, CALENDAR) == timedelta(seconds=4, microseconds=499_999)


def test_add_working() -> None:
    saturday = at("2026-03-07 10:00")
    assert worktime.add_working(saturday, timedelta(0), CALENDAR) == saturday
    assert worktime.add_working(saturday, timedelta(seconds=1), CALENDAR) == at("2026-03-09 08:30:01")
    assert worktime.add_working(saturday, timedelta(minutes=450), CALENDAR) == at("2026-03-09 17:30")
    with pytest.raises(ValueError, match="negative"):
        worktime.add_working(saturday, timedelta(seconds=-1), CALENDAR)


@pytest.mark.parametrize(
    ("text", "due", "paused", "resumed", "expected"),
    [
        ("5d@natural", "2026-03-06 09:00", "2026-03-02 10:00", "2026-03-03 12:30", "2026-03-07 11:30"),
        ("4h@work", "2026-03-03 11:30", "2026-03-02 17:00", "2026-03-03 09:00", "2026-03-03 14:00"),
        ("1d@work", "2026-03-03 17:30", "2026-03-02 16:30", "2026-03-03 09:30", "2026-03-04 10:30"),
        ("1d@work", "2026-03-03 17:30", "2026-03-02 18:00", "2026-03-03 08:00", "2026-03-03 17:30"),
        ("4h@work", "2026-03-09 12:00", "2026-03-07 00:00", "2026-03-09 00:00", "2026-03-09 12:00"),
    ],
)
def test_a_suspension_adds_its_span_in_the_unit_of_the_limit(
    text: str, due: str, paused: str, resumed: str, expected: str
) -> None:
    before = worktime.Due(at(due), provisional=False)
    after = worktime.extend_by(before, at(paused), at(resumed), limit(text), CALENDAR)
    assert after == worktime.Due(at(expected), provisional=False)


def test_a_suspension_into_a_year_without_data_makes_the_due_provisional() -> None:
    before = worktime.Due(at("2026-12-31 12:00"), provisional=False)
    span = at("2026-12-30 09:00"), at("2026-12-31 11:00")
    assert worktime.extend_by(before, *span, limit("4h@work"), CALENDAR).provisional
    assert not worktime.extend_by(before, *span, limit("24h@natural"), CALENDAR).provisional


def test_a_suspension_keeps_a_due_provisional_and_makes_it_so_by_its_own_span() -> None:
    in_2026 = at("2026-03-02 09:00"), at("2026-03-02 10:00")
    before = worktime.Due(at("2026-03-03 11:30"), provisional=True)
    assert worktime.extend_by(before, *in_2026, limit("4h@work"), CALENDAR).provisional
    # A plain weekend of 2027 adds nothing, but a notice might make its Saturday a working day.
    weekend_2027 = at("2027-03-06 00:00"), at("2027-03-08 00:00")
    overdue = worktime.Due(at("2026-03-03 11:30"), provisional=False)
    after = worktime.extend_by(overdue, *weekend_2027, limit("4h@work"), CALENDAR)
    assert after == worktime.Due(overdue.at, provisional=True)


def test_a_suspension_that_ends_before_it_starts_is_refused() -> None:
    before = worktime.Due(at("2026-03-03 11:30"), provisional=False)
    with pytest.raises(ValueError, match="before it starts"):
        worktime.extend_by(before, at("2026-03-02 11:00"), at("2026-03-02 10:59"), limit("4h@work"), CALENDAR)


def spans(start: str, text: str, calendar: worktime.Calendar = CALENDAR) -> list[tuple[str, str, str]]:
    """What `explain` says, in local time."""
    found = worktime.explain(at(start), limit(text), calendar)
    times = [(span.start.astimezone(worktime.SHANGHAI), span.end.astimezone(worktime.SHANGHAI)) for span in found]
    return [
        (span.kind, f"{begin:%m-%d %H:%M}", f"{end:%m-%d %H:%M}")
        for span, (begin, end) in zip(found, times, strict=True)
    ]


def test_explain_names_the_weekend_between() -> None:
    assert spans("2026-03-06 17:00", "4h@work") == [
        ("work", "03-06 17:00", "03-06 17:30"),
        ("weekend", "03-07 00:00", "03-08 00:00"),
        ("weekend", "03-08 00:00", "03-09 00:00"),
        ("work", "03-09 08:30", "03-09 12:00"),
    ]


def test_explain_names_the_make_up_workday_and_the_day_left_out() -> None:
    assert spans("2026-02-13 16:30", "1d@work") == [
        ("start_day", "02-13 16:30", "02-13 17:30"),
        ("make_up", "02-14 08:30", "02-14 12:00"),
        ("make_up", "02-14 13:30", "02-14 17:30"),
    ]


def test_explain_counts_the_day_of_start_under_the_same_day_rule() -> None:
    assert spans("2026-03-02 11:00", "1d@work", SAME_DAY) == [
        ("work", "03-02 11:00", "03-02 12:00"),
        ("work", "03-02 13:30", "03-02 17:30"),
        ("work", "03-03 08:30", "03-03 11:00"),
    ]


def test_explain_names_every_day_off_of_a_holiday() -> None:
    found = spans("2026-02-14 17:00", "4h@work")
    assert found[0] == ("make_up", "02-14 17:00", "02-14 17:30")
    assert [kind for kind, _, _ in found[1:-1]] == ["day_off"] * 9
    assert found[-1] == ("work", "02-24 08:30", "02-24 12:00")


def test_explain_clips_the_day_of_start_and_keeps_a_natural_limit_whole() -> None:
    assert spans("2026-03-08 15:00", "2h@work")[0] == ("weekend", "03-08 15:00", "03-09 00:00")
    assert spans("2026-03-08 15:00", "24h@natural") == [("natural", "03-08 15:00", "03-09 15:00")]
