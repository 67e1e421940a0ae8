"""Limits, hours and years: what is read, what is refused, and the working calendar of 2026 (DOMAIN C.7)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest

from whistle_shared import worktime

NATURAL = ("5m", "15m", "30m", "1h", "2h", "4h", "8h", "24h", "1d", "3d", "7d", "15d")
WORKING = ("2h", "4h", "1d", "2d", "3d", "5d", "10d", "30d")
SLA_NOTATIONS = [f"{amount}@natural" for amount in NATURAL] + [f"{amount}@work" for amount in WORKING]

# month → days
WORKED_WEEKENDS_2026 = {1: [4], 2: [14, 28], 5: [9], 9: [20], 10: [10]}
WEEKDAYS_OFF_2026 = {
    1: [1, 2],
    2: [16, 17, 18, 19, 20, 23],
    4: [6],
    5: [1, 4, 5],
    6: [19],
    9: [25],
    10: [1, 2, 5, 6, 7],
}


def dates_2026(months: dict[int, list[int]]) -> list[date]:
    return [date(2026, month, day) for month, days in months.items() for day in days]


def calendar_of(*years: worktime.CalendarYear) -> worktime.Calendar:
    return worktime.Calendar({year.year: year for year in years}, worktime.HoursProfile(), version=1)


def is_worked(day: date, calendar: worktime.Calendar) -> bool:
    midnight = datetime(day.year, day.month, day.day, tzinfo=worktime.SHANGHAI)
    worked = worktime.working_minutes(midnight, midnight + timedelta(days=1), calendar)
    assert worked in (timedelta(0), timedelta(minutes=450))
    return bool(worked)


def document(year: int, *days: tuple[str, bool]) -> dict[str, Any]:
    listed = [{"name": "节日", "date": day, "isOffDay": off} for day, off in days]
    return {"year": year, "papers": [f"notice of {year}"], "days": listed}


@pytest.mark.parametrize("text", SLA_NOTATIONS)
def test_invariant_a_limit_gives_back_what_was_parsed(text: str) -> None:
    """INVARIANT: `str` gives back what was parsed, for every notation of sla.csv."""
    assert str(worktime.Limit.parse(text)) == text


def test_a_limit_knows_amount_unit_and_scale() -> None:
    assert worktime.Limit.parse("30m@natural") == worktime.Limit(30, "m", "natural")
    assert worktime.Limit.parse("4h@work") == worktime.Limit(4, "h", "work")
    assert worktime.Limit.parse("3650d@natural").length == timedelta(days=3650)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not a limit"),
        ("per_plan@natural", "is not a limit"),
        ("30m", "is not a limit"),
        ("30@natural", "is not a limit"),
        ("1.5h@work", "is not a limit"),
        ("1w@work", "is not a limit"),
        ("4h@Work", "is not a limit"),
        (" 4h@work", "is not a limit"),
        ("4h@work\n", "is not a limit"),
        ("04h@work", "is not a limit"),
        ("４h@work", "is not a limit"),
        ("9" * 5000 + "m@work", "is not a limit"),
        ("0m@natural", "0m@natural must be more than zero"),
        ("-5m@natural", "-5m@natural must be more than zero"),
        ("3651d@natural", "longer than ten years"),
        ("87601h@natural", "longer than ten years"),
        ("2501d@work", "longer than ten years"),
        ("20001h@work", "longer than ten years"),
        ("99999999999m@work", "longer than ten years"),
    ],
)
def test_invariant_a_limit_is_more_than_zero_and_at_most_ten_years(text: str, reason: str) -> None:
    """INVARIANT: a Limit is more than zero and at most ten years; anything else is refused in one short line."""
    with pytest.raises(ValueError, match=reason) as refused:
        worktime.Limit.parse(text)
    assert len(str(refused.value)) < 200


def test_a_limit_of_unknown_unit_is_refused_when_built_directly() -> None:
    with pytest.raises(ValueError, match="unknown unit or scale"):
        worktime.Limit(1, cast(Any, "w"), "work")


def test_a_limit_in_working_days_has_no_fixed_length() -> None:
    with pytest.raises(ValueError, match="no fixed length"):
        _ = worktime.Limit.parse("1d@work").length


@pytest.mark.parametrize(
    "windows",
    [(), ((600, 600),), ((600, 540),), ((540, 700), (690, 800)), ((800, 900), (540, 600)), ((1400, 1441),)],
)
def test_invariant_windows_are_in_order_and_within_one_day(windows: tuple[tuple[int, int], ...]) -> None:
    """INVARIANT: windows are in order, do not overlap and lie within one day."""
    with pytest.raises(ValueError, match="window"):
        worktime.HoursProfile(windows)


SUMMER = worktime.Season("06-01", "09-30", ((480, 720), (870, 1080)))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"windows": ((480, 720),)}, "works 240 minutes a day, not 450"),
        ({"windows": ((480, 720), (700, 910))}, "out of order"),
        ({"first": "6-1"}, "is not a day such as 06-01"),
        ({"last": "06-31"}, "is not a day such as 06-01"),
        ({"first": "10-01"}, "ends before it begins"),
        ({"first": "05-01", "last": "06-01"}, "overlaps"),
    ],
)
def test_invariant_every_working_day_is_equally_long(change: dict[str, Any], why: str) -> None:
    """INVARIANT: a working day is equally long in every season, and every day has one season at most."""
    with pytest.raises(ValueError, match=why):
        worktime.HoursProfile(seasons=(SUMMER, replace(SUMMER, **change)))


def test_a_season_travels_with_the_hours() -> None:
    hours = worktime.HoursProfile(seasons=(SUMMER,))
    assert worktime.HoursProfile.from_dict(hours.to_dict()) == hours
    assert hours.to_dict()["seasons"] == [{"first": "06-01", "last": "09-30", "windows": [[480, 720], [870, 1080]]}]


def test_hours_said_before_there_were_seasons_have_none() -> None:
    body = worktime.HoursProfile().to_dict()
    del body["seasons"]
    assert worktime.HoursProfile.from_dict(body) == worktime.HoursProfile()


def test_an_unknown_start_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="neither next_day nor same_day"):
        worktime.HoursProfile(start_rule=cast(Any, "someday"))


def test_the_default_hours() -> None:
    hours = worktime.HoursProfile()
    assert hours.windows == ((510, 720), (810, 1050))
    assert (hours.minutes_per_day, hours.start_rule) == (450, "next_day")


def test_hours_and_year_travel_as_plain_dicts_in_one_body() -> None:
    year = worktime.official_year(2026)
    hours = worktime.HoursProfile(((480, 720), (840, 1080)), "same_day")
    body = {"version": 3} | year.to_dict() | hours.to_dict()
    assert worktime.CalendarYear.from_dict(body) == year
    assert worktime.HoursProfile.from_dict(body) == hours
    assert set(body) == {"version", "year", "official", "days", "windows", "start_rule", "seasons"}
    assert body["windows"] == [[480, 720], [840, 1080]]
    assert body["days"][0] == {"date": "2026-01-01", "is_off_day": True}
    dates = [day["date"] for day in body["days"]]
    assert dates == sorted(dates)


def test_2026_works_and_rests_as_announced() -> None:
    calendar = calendar_of(worktime.official_year(2026))
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    worked_weekends = [day for day in days if day.weekday() > 4 and is_worked(day, calendar)]
    weekdays_off = [day for day in days if day.weekday() < 5 and not is_worked(day, calendar)]
    assert worked_weekends == dates_2026(WORKED_WEEKENDS_2026)
    assert weekdays_off == dates_2026(WEEKDAYS_OFF_2026)


@pytest.mark.parametrize("year", [2003, 2027, 2090])
def test_invariant_a_year_without_a_notice_is_not_official(year: int) -> None:
    """INVARIANT: only a year that rests on a published notice is official."""
    assert worktime.official_year(year) == worktime.CalendarYear(year, official=False)
    assert not calendar_of(worktime.official_year(year)).is_official(year)
    assert not calendar_of().is_official(year)
    assert worktime.official_year(2026).official


def test_a_document_without_papers_or_days_is_not_official() -> None:
    full = document(2027, ("2027-01-01", True))
    assert worktime.CalendarYear.from_days(full).official
    assert not worktime.CalendarYear.from_days(full | {"papers": []}).official
    assert not worktime.CalendarYear.from_days(full | {"days": []}).official


def test_a_document_replaces_the_year_of_the_package() -> None:
    own = worktime.CalendarYear.from_days(document(2026, ("2026-03-02", True), ("2026-03-07", False)))
    calendar = calendar_of(own)
    assert not is_worked(date(2026, 3, 2), calendar)
    assert is_worked(date(2026, 3, 7), calendar)
    assert is_worked(date(2026, 10, 1), calendar)


def test_the_next_notice_reaches_back_into_december_and_wins() -> None:
    """The notice of 2019 moved work to Saturday 2018-12-29 and gave Monday 2018-12-31 off."""
    this = worktime.CalendarYear.from_days(document(2018, ("2018-12-29", True)))
    following = worktime.CalendarYear.from_days(document(2019, ("2018-12-29", False), ("2018-12-31", True)))
    assert is_worked(date(2018, 12, 31), calendar_of(this))
    for calendar in (calendar_of(this, following), calendar_of(following, this)):
        assert is_worked(date(2018, 12, 29), calendar)
        assert not is_worked(date(2018, 12, 31), calendar)
    assert worktime.CalendarYear.from_dict(following.to_dict()) == following


def test_a_listed_weekday_that_is_worked_changes_nothing() -> None:
    redundant = worktime.CalendarYear.from_days(document(2026, ("2026-03-02", False), ("2026-03-07", True)))
    calendar = calendar_of(redundant)
    assert is_worked(date(2026, 3, 2), calendar)
    assert not is_worked(date(2026, 3, 7), calendar)


@pytest.mark.parametrize(
    ("days", "reason"),
    [
        ((("2026-05-09", True), ("2026-05-09", False)), "2026-05-09 is listed both"),
        ((("2024-05-09", True),), "2024-05-09 does not belong to the calendar of 2026"),
        ((("2026-02-30", True),), r"day is out of range|day 30 must be in range"),
        ((("2026-05-09", cast(bool, "false")),), "must be true or false"),
    ],
)
def test_a_wrong_document_is_refused(days: tuple[tuple[str, bool], ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        worktime.CalendarYear.from_days(document(2026, *days))


def test_a_year_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="whole number"):
        worktime.CalendarYear.from_days(document(2026) | {"year": "2026"})


def test_a_calendar_refuses_a_year_under_another_number_and_keeps_its_own_copy() -> None:
    years = {2026: worktime.official_year(2026)}
    calendar = worktime.Calendar(years, worktime.HoursProfile(), version=1)
    years[2027] = worktime.official_year(2027)
    assert set(calendar.years) == {2026}
    assert calendar == replace(calendar)
    assert hash(calendar) == hash(replace(calendar))
    with pytest.raises(ValueError, match="calendar of 2026 stands under 2025"):
        worktime.Calendar({2025: years[2026]}, worktime.HoursProfile(), version=1)


def test_windows_may_fill_the_day_and_touch_each_other() -> None:
    hours = worktime.HoursProfile(((0, 720), (720, 1440)))
    calendar = worktime.Calendar({2026: worktime.official_year(2026)}, hours, version=1)
    monday = datetime(2026, 3, 2, 11, 0, tzinfo=worktime.SHANGHAI)
    two_hours = worktime.due(monday, worktime.Limit.parse("2h@work"), calendar).at
    assert two_hours == monday + timedelta(hours=2)
    one_day = worktime.due(monday, worktime.Limit.parse("1d@work"), calendar).at
    assert one_day == datetime(2026, 3, 3, 16, 0, tzinfo=UTC)  # midnight after Tuesday in Shanghai
