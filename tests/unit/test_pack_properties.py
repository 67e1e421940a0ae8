"""The district pack under damage, and the order of a ladder's delays against the arithmetic of limits."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whistle_dispatch.domain.pack import Pack, PackInvalid, Problem, parse_pack
from whistle_dispatch.domain.pack_cells import CELLS
from whistle_dispatch.domain.pack_limits import in_order
from whistle_dispatch.domain.pack_rules import build_registry, read_tables
from whistle_shared import worktime
from whistle_shared.contracts.dispatch import Section
from whistle_shared.registry import Registry, Regulation

SAMPLE = Path(__file__).parents[2] / "deploy" / "district" / "sample"
FILES = {path.name: path.read_bytes() for path in SAMPLE.iterdir() if path.suffix in {".csv", ".toml", ".geojson"}}
YEAR_2027 = """{"year": 2027, "papers": ["a notice"],
  "days": [
    {"name": "元旦", "date": "2027-01-01", "isOffDay": true},
    {"name": "元旦", "date": "2026-12-27", "isOffDay": false}
  ]}"""


def parsed(files: dict[str, bytes]) -> tuple[Pack | None, tuple[Problem, ...]]:
    try:
        return parse_pack(files), ()
    except PackInvalid as refused:
        return None, refused.problems


PLACES = st.sampled_from([*FILES, "calendar/2027.json"])


@settings(max_examples=60, deadline=None, database=None)
@given(file=PLACES, data=st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_problems_and_never_a_crash(file: str, data: bytes) -> None:
    """INVARIANT: any bytes give a result with problems, never an exception."""
    assert {problem.file for problem in parsed({**FILES, file: data})[1]} == {file}


@settings(max_examples=80, deadline=None, database=None)
@given(
    file=PLACES,
    start=st.floats(0, 1),
    length=st.integers(0, 40),
    data=st.binary(max_size=6) | st.text('"\r\n\0,;@-0９中.', max_size=6).map(str.encode),
)
def test_any_damage_to_a_file_is_loaded_whole_or_refused(file: str, start: float, length: int, data: bytes) -> None:
    """INVARIANT: a pack is whole and right, or it is refused with every mistake found."""
    sound = {**FILES, "calendar/2027.json": YEAR_2027.encode()}
    at = int(start * len(sound[file]))
    damaged = sound[file][:at] + data + sound[file][at + length :]
    lines = damaged.count(b"\n") + damaged.count(b"\r") + 1
    pack, found = parsed({**sound, file: damaged})
    assert (pack is None) == bool(found)
    assert all(problem.line <= lines for problem in found if problem.file == file)
    if pack:
        departments = pack.registry.department_by_code
        assert pack.calendars
        assert all(row.lead is None or row.lead in departments for row in pack.registry.categories)


@pytest.mark.parametrize("section", CELLS)
def test_one_mistake_in_one_table_leaves_no_registry(section: Section) -> None:
    """INVARIANT: a registry is built only when no problem was found in any of its tables."""

    def built(files: Mapping[str, bytes]) -> tuple[Registry | None, list[Problem]]:
        return build_registry(1, read_tables(files), Regulation(), worktime.HoursProfile().minutes_per_day)

    registry, found = built(FILES)
    assert registry is not None
    assert not found
    file = f"{section}.csv"
    last_row_twice = FILES[file] + FILES[file].splitlines(keepends=True)[-1]
    registry, found = built({**FILES, file: last_row_twice})
    assert registry is None
    assert {problem.file for problem in found} == {file}


CALENDARS = [
    worktime.Calendar({year: worktime.official_year(year) for year in (2025, 2026, 2027)}, hours, 1)
    for hours in (worktime.HoursProfile(), worktime.HoursProfile(start_rule="same_day"))
]
LIMITS = st.builds(
    lambda amount, unit, scale: f"{amount}{unit}@{scale}",
    st.integers(1, 30),
    st.sampled_from("mhd"),
    st.sampled_from(["natural", "work"]),
)


@settings(max_examples=400, deadline=None, database=None)
@given(
    first=LIMITS,
    then=LIMITS,
    start=st.integers(0, 700 * 1440).map(lambda m: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=m)),
    calendar=st.sampled_from(CALENDARS),
)
def test_a_ladder_is_climbed_upwards_only(first: str, then: str, start: datetime, calendar: worktime.Calendar) -> None:
    """INVARIANT: a ladder is climbed upwards only."""
    lower, upper = worktime.Limit.parse(first), worktime.Limit.parse(then)
    if in_order(lower, then, calendar.hours.minutes_per_day):
        assert worktime.due(start, lower, calendar).at <= worktime.due(start, upper, calendar).at


def test_delays_are_compared_by_the_latest_and_the_earliest_they_can_end() -> None:
    def two_days_then(then: str) -> bool:
        return in_order(worktime.Limit.parse("2d@work"), then, 480)

    assert two_days_then("2d@work")
    assert two_days_then("24h@work")
    assert not two_days_then("23h@work")
    assert not two_days_then("9d@natural")
    assert not two_days_then("")
    assert in_order(worktime.Limit.parse("3d@natural"), "4d@work", 480)
    assert not in_order(worktime.Limit.parse("3d@natural"), "3d@work", 480)
