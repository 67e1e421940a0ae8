"""Other working hours in a part of the year (夏令作息), as `calendar.toml` says them.

INVARIANT: a working day is equally long in every season, so that limits in working days mean the same all year.
"""

import pytest

from whistle_dispatch.domain.pack import Problem
from whistle_dispatch.domain.pack_calendar import Calendars, build_calendars
from whistle_shared.worktime import HoursProfile, Season

USUAL = """version = 1
years = [2026, 2027]
windows = ["08:30-12:00", "13:30-17:30"]
start_rule = "next_day"
"""
SUMMER = '[[seasons]]\nfirst = "06-01"\nlast = "09-30"\nwindows = ["08:30-12:00", "14:30-18:30"]\n'


def read(seasons: str) -> tuple[Calendars, HoursProfile, list[Problem]]:
    """A small calendar.toml with this from its fifth line on."""
    return build_calendars({"calendar.toml": (USUAL + seasons).encode()})


def test_a_season_has_hours_of_its_own() -> None:
    years, hours, problems = read(SUMMER)
    assert problems == []
    assert hours.seasons == (Season("06-01", "09-30", ((510, 720), (870, 1110))),)
    assert [HoursProfile.from_dict(year.model_dump()) for year in years] == [hours, hours]


def test_a_year_may_have_two_seasons() -> None:
    winter = SUMMER.replace("06-01", "11-15").replace("09-30", "12-31")
    assert [season.first for season in read(SUMMER + winter)[1].seasons] == ["06-01", "11-15"]


MISTAKES = [
    ("seasons = 9", 5, "seasons", "list of seasons"),
    ("seasons = [9]", 0, "seasons[0]", "first, last and windows"),
    (SUMMER + 'name = "夏"\n', 5, "seasons[0]", "first, last and windows"),
    (SUMMER.replace("06-01", "6-1"), 5, "seasons[0].first", "is not a day such as"),
    (SUMMER.replace('"06-01"', "6"), 5, "seasons[0].first", "is not a day such as"),
    (SUMMER.replace("09-30", "06-31"), 5, "seasons[0].last", "is not a day such as"),
    (SUMMER.replace("09-30", "05-31"), 5, "seasons[0].last", "before it begins"),
    (SUMMER.replace("08:30", "12:30"), 5, "seasons[0].windows", "open before it closes"),
    (SUMMER.replace("08:30", "08:00"), 5, "seasons[0].windows", "480 minutes a day, not 450"),
    (SUMMER + SUMMER, 9, "seasons[1].first", "overlaps"),
]


@pytest.mark.parametrize(("said", "line", "field", "reason"), MISTAKES)
def test_a_season_that_cannot_be_is_named(said: str, line: int, field: str, reason: str) -> None:
    _, _, (problem,) = read(said)
    assert (problem.file, problem.line, problem.field) == ("calendar.toml", line, field)
    assert reason in problem.reason
    assert problem.reason.isprintable()
