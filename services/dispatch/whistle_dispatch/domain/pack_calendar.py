"""The pack's calendar: the years to publish, the working hours in force, and the years given by hand.

A year comes from `calendar/<year>.json` where that file is there (the shape of holiday-cn: year, papers, days
of name, date, isOffDay), otherwise from the kept package.
INVARIANT: a year without official data is published as not official; it is no mistake.
INVARIANT: a working day is equally long in every season, so that limits in working days mean the same all year.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, get_args

from whistle_dispatch.domain.pack_text import (
    Document,
    Problem,
    name_reason,
    number_reason,
    quoted,
    read_json,
    read_toml,
    version_reason,
)
from whistle_shared.contracts import dispatch
from whistle_shared.worktime import CalendarYear, HoursProfile, Season, StartRule, Window, is_month_day, official_year

FILE = "calendar.toml"
_KEYS = ("version", "years", "windows", "start_rule")
_SEASON = ("first", "last", "windows")
_WINDOW = re.compile(r"(\d\d):([0-5]\d)-(\d\d):([0-5]\d)", re.ASCII)
_DAY = 24 * 60
_FIRST_YEAR, _LAST_YEAR = 2000, 2100

Calendars = tuple[dispatch.CalendarPublished, ...]


def build_calendars(files: Mapping[str, bytes | None]) -> tuple[Calendars, HoursProfile, list[Problem]]:
    """The years to publish with the hours, or every mistake with the default hours. Source: DOMAIN C.7."""
    document = read_toml(FILE, files.get(FILE), _KEYS, ("seasons",))
    problems = [*document.problems, *_toml_problems(document)]
    documents = [read_json(name, data) for name, data in files.items() if name.startswith("calendar/")]
    for read in documents:
        problems += read.problems or _year_problems(read, document.values.get("years"))
    if problems:
        return (), HoursProfile(), problems
    given = {read.values["year"]: read for read in documents}
    hours = _hours(document.values)
    version = document.values["version"]
    years = sorted(document.values["years"])
    return tuple(_published(version, year, given.get(year), hours) for year in years), hours, []


def _hours(values: Mapping[str, Any]) -> HoursProfile:
    seasons = (Season(s["first"], s["last"], _all_minutes(s["windows"])) for s in values.get("seasons", ()))
    return HoursProfile(_all_minutes(values["windows"]), values["start_rule"], tuple(seasons))


def _published(version: int, year: int, given: Document | None, hours: HoursProfile) -> dispatch.CalendarPublished:
    known = CalendarYear.from_days(given.values) if given else official_year(year)
    names = {day["date"]: day["name"] for day in given.values["days"]} if given else {}
    days = tuple(dispatch.CalendarDay(**day, name=names.get(day["date"], "")) for day in known.to_dict()["days"])
    return dispatch.CalendarPublished(
        version=version,
        year=year,
        official=known.official,
        days=days,
        windows=hours.windows,
        start_rule=hours.start_rule,
        seasons=tuple(dispatch.CalendarSeason(first=s.first, last=s.last, windows=s.windows) for s in hours.seasons),
    )


def _toml_problems(document: Document) -> Iterator[Problem]:
    checks = {"version": version_reason, "years": _years, "windows": _windows, "start_rule": _start_rule}
    for key, check in checks.items():
        if key in document.values and (reason := check(document.values[key])):
            yield document.problem(key, reason)
    if "windows" in document.values and not _windows(document.values["windows"]):
        yield from _season_problems(document, _length(document.values["windows"]))


def _season_problems(document: Document, standard: int) -> Iterator[Problem]:
    """`standard`: the minutes of a working day outside the seasons."""
    seasons = document.values.get("seasons", [])
    if not isinstance(seasons, list):
        yield document.problem("seasons", "must be a list of seasons: [[seasons]] with first, last and windows")
        return
    lines = document.lines_of(r"^[ \t]*\[\[[ \t]*seasons[ \t]*\]\]")
    before = ""
    for place, season in enumerate(seasons):
        if found := _season_reason(season, before, standard):
            name = ".".join(filter(None, (f"seasons[{place}]", found[0])))
            yield Problem(document.file, lines[place] if len(lines) == len(seasons) else 0, name, found[1])
            return
        before = season["last"]


def _season_reason(season: object, before: str, standard: int) -> tuple[str, str] | None:
    """(key, reason) of the first mistake in a season; `before`: the last day of the one before it."""
    if not isinstance(season, dict) or sorted(season) != sorted(_SEASON):
        return "", "a season has first, last and windows, and nothing else"
    for key in ("first", "last"):
        if not isinstance(season[key], str) or not is_month_day(season[key]):
            return key, f'{quoted(season[key])} is not a day such as "06-01"'
    if season["first"] <= before:
        return "first", f"{season['first']} overlaps the season before or is out of order"
    if season["last"] < season["first"]:
        return "last", "the season ends before it begins; over New Year it is two seasons"
    if reason := _windows(season["windows"]):
        return "windows", reason
    minutes = _length(season["windows"])
    if minutes != standard:
        return "windows", f"works {minutes} minutes a day, not {standard} as the rest of the year"
    return None


def _years(value: object) -> str | None:
    if not isinstance(value, list) or not value:
        return "must be a list of years"
    reasons = (number_reason(year, _FIRST_YEAR, _LAST_YEAR) for year in value)
    if reason := next(filter(None, reasons), None):
        return reason
    return None if len({*value}) == len(value) else "names a year twice"


def _start_rule(value: object) -> str | None:
    legal = get_args(StartRule)
    return None if value in legal else f"{quoted(value)} is not one of {', '.join(legal)}"


def _windows(value: object) -> str | None:
    if not isinstance(value, list) or not value:
        return 'must be a list of windows such as "08:30-12:00"'
    before = 0
    for window in value:
        if not isinstance(window, str) or not _WINDOW.fullmatch(window):
            return f'{quoted(window)} is not a window such as "08:30-12:00"'
        opening, closing = _minutes(window)
        if not opening < closing <= _DAY:
            return f"window {window} must open before it closes, at 24:00 at the latest"
        if opening < before:
            return f"window {window} overlaps the one before or is out of order"
        before = closing
    return None


def _length(windows: list[str]) -> int:
    """The working minutes of a day with these windows."""
    return HoursProfile(_all_minutes(windows)).minutes_per_day


def _all_minutes(windows: list[str]) -> tuple[Window, ...]:
    return tuple(map(_minutes, windows))


def _minutes(window: str) -> tuple[int, int]:
    """A window as minutes of the local day."""
    opening, closing = window.split("-")
    return _minute(opening), _minute(closing)


def _minute(time: str) -> int:
    hours, minutes = time.split(":")
    return int(hours) * 60 + int(minutes)


def _year_problems(document: Document, years: object) -> Iterator[Problem]:
    year, papers, days = (document.values.get(key) for key in ("year", "papers", "days"))
    name = re.fullmatch(r"calendar/(\d{4})\.json", document.file, re.ASCII)
    if not name:
        yield Problem(document.file, 0, "", "must be named after its year, such as calendar/2027.json")
    elif number_reason(year, int(name[1]), int(name[1])):
        yield document.problem("year", f"must be {name[1]}, as in the file's name")
    elif isinstance(years, list) and year not in years:
        yield document.problem("year", f"{year} is not among the years of {FILE}")
    if not isinstance(papers, list) or not all(isinstance(paper, str) for paper in papers):
        yield document.problem("papers", "must be a list of addresses of notices")
    if not isinstance(days, list):
        yield document.problem("days", "must be a list")
    elif name:
        yield from _day_problems(document, days, int(name[1]))


def _day_problems(document: Document, days: list[Any], year: int) -> Iterator[Problem]:
    lines = document.lines_of(r'(?<!\\)"date"\s*:')
    seen: set[str] = set()
    for place, day in enumerate(days):
        reason = _day_reason(day, year)
        if not reason:
            reason = f"{day['date']} is listed twice" if day["date"] in seen else None
            seen.add(day["date"])
        if reason:
            line = lines[place] if len(lines) == len(days) else 0
            yield Problem(document.file, line, f"days[{place}]", reason)


def _day_reason(day: object, year: int) -> str | None:
    if not isinstance(day, dict) or not isinstance(day.get("isOffDay"), bool) or "name" not in day:
        return "a day needs name (text), date (text) and isOffDay (true or false)"
    text = day.get("date")
    try:
        at = date.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        at = None
    if at is None or at.isoformat() != text:
        return f"{quoted(text)} is not a date such as 2027-01-01"
    # A notice may touch the December before: 2018-12-29 was worked by the notice of 2019.
    if at.year != year and (at.year, at.month) != (year - 1, 12):
        return f"{text} is neither in {year} nor in the December before"
    return f"name {reason}" if (reason := name_reason(day["name"])) else None
