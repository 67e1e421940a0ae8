"""The district pack: the sample is right; every mistake is named with file, line, field and reason."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from whistle_dispatch.domain.pack import (
    PackInvalid,
    Problem,
    parse_pack,
    read_pack,
)
from whistle_dispatch.domain.pack_text import LARGEST_FILE

SAMPLE = Path(__file__).parents[2] / "deploy" / "district" / "sample"
FILES = {path.name: path.read_bytes() for path in SAMPLE.iterdir() if path.suffix in {".csv", ".toml"}}
YEAR_2027 = """{"year": 2027, "papers": ["a notice"],
  "days": [
    {"name": "元旦", "date": "2027-01-01", "isOffDay": true},
    {"name": "元旦", "date": "2026-12-27", "isOffDay": false}
  ]}"""

Change = Callable[[str], str]


def swap(old: str, new: str) -> Change:
    """Replace the first `old`, which must be there, by `new`."""

    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


def add(line: str) -> Change:
    """Append a line."""
    return lambda text: f"{text}{line}\n"


def whole(content: str) -> Change:
    """Put this in the place of the file."""
    return lambda _: content


def without(start: str) -> Change:
    """Leave out the lines that start so."""
    return lambda text: "".join(line for line in text.splitlines(True) if not line.startswith(f"{start},"))


def changed(file: str, change: Change) -> dict[str, bytes]:
    """The sample with one file changed; a calendar year starts from YEAR_2027."""
    return {**FILES, file: change(FILES.get(file, YEAR_2027.encode()).decode()).encode()}


def problems(files: dict[str, bytes]) -> tuple[Problem, ...]:
    with pytest.raises(PackInvalid) as refused:
        parse_pack(files)
    return refused.value.problems


def test_sample_is_right_and_whole() -> None:
    pack = read_pack(SAMPLE)
    registry = pack.registry
    assert pack.name
    assert registry.version == 1
    assert len(registry.departments) == 41
    assert {row.code for row in registry.departments if row.instance != "hosted"} == {"GA"}
    assert registry.department_by_code["GA"].instance == "ga"
    assert [row.code for row in registry.streets] == [f"S{n:02}" for n in range(1, 14)]
    assert len(registry.grids) == 592
    assert {row.street for row in registry.grids} == registry.street_by_code.keys()
    assert len(registry.categories) == 248
    assert len({row.major for row in registry.categories}) == 27
    assert len(registry.policies) == 10


def test_sample_routes_a_manhole_cover_to_five_departments() -> None:
    category = read_pack(SAMPLE).registry.category_by_code["0701"]
    assert category.lead == "CGJ"
    assert category.assist == ("PSGS", "GSGS", "TXGS", "GDGS")


def test_sample_limits_follow_kind_and_urgency() -> None:
    policies = read_pack(SAMPLE).registry.policy_by_pair
    critical = policies["emergency", "critical"]
    assert critical.presence == "on_site"
    assert critical.limits["ack"] == "5m@natural"
    assert "plan" not in critical.limits
    assert policies["key_work", "normal"].presence == "meeting"
    assert policies["key_work", "long_term"].limits["resolve"] == "per_plan@natural"


def test_sample_ladders_climb_as_the_events_paper_says() -> None:
    registry = read_pack(SAMPLE).registry
    steps = [(step.rung, step.form, step.delay) for step in registry.ladder("department", "urgent")]
    assert steps == [
        (1, "reminder", ""),
        (2, "letter", "1h@natural"),
        (3, "red_light", "4h@natural"),
        (4, "supervision", "1d@work"),
        (5, "interview", "3d@work"),
    ]
    first = registry.ladder("district", "critical")[0]
    assert (first.rung, first.role, first.delay) == (3, "whistle_office", "")
    assert [step.role for step in registry.ladder("street", "normal")][:2] == [
        "street_director",
        "street_secretary",
    ]
    assert registry.ladder("department", "long_term") == registry.ladder("department", "normal")


def test_sample_calendar_has_the_official_days_of_2026_and_a_provisional_2027() -> None:
    """INVARIANT: a year without official data is published as not official."""
    years = {year.year: year for year in read_pack(SAMPLE).calendars}
    assert {number: year.official for number, year in years.items()} == {2025: True, 2026: True, 2027: False}
    listed = {day.date: day.is_off_day for day in years[2026].days}
    worked = [day for day, off in listed.items() if not off]
    assert worked == ["2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10"]
    assert sum(off and date.fromisoformat(day).weekday() < 5 for day, off in listed.items()) == 19
    assert years[2026].windows == ((510, 720), (810, 1050))
    assert years[2026].start_rule == "next_day"


def test_a_year_given_by_hand_wins_over_the_package(tmp_path: Path) -> None:
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "calendar").mkdir()
    (tmp_path / "calendar" / "2027.json").write_text(YEAR_2027, encoding="utf-8")
    *_, year = read_pack(tmp_path).calendars
    assert year.official
    assert [(day.date, day.is_off_day, day.name) for day in year.days] == [
        ("2026-12-27", False, "元旦"),
        ("2027-01-01", True, "元旦"),
    ]


def test_bom_blank_lines_and_another_order_of_columns_are_no_mistakes() -> None:
    text = "\ufeffname_en,code,name_zh\r\n\r\nFirst , S01,第一街道\r\n,,\r\nSecond,S02,第二街道\r\n"
    files = {
        **FILES,
        "streets.csv": text.encode(),
        "grids.csv": b"code,street,name_zh\nS01-G001,S01,\xe7\xbd\x91\n",
    }
    del files["people.csv"]
    assert [row.model_dump(exclude_defaults=True) for row in parse_pack(files).registry.streets] == [
        {"code": "S01", "name_zh": "第一街道", "name_en": "First"},
        {"code": "S02", "name_zh": "第二街道", "name_en": "Second"},
    ]


DEPARTMENT = "CGJ,城市管理局（城管委）,Urban Management Bureau,bureau,hosted,true,always,work"
EMERGENCY = "emergency,critical,,on_site,5m@natural,5m@natural,30m@natural,2h@natural,,,24h@natural"
LETTER = "letter,15m@natural,1h@natural,1d@work,1d@work"
TOP = (
    "department,5,district_leaders,区主要领导,District leaders,interview,2h@natural,3d@work,10d@work,10d@work,"
    ",,22:00-07:00"
)
OFFICE = "whistle_office,区吹哨办,District whistle office"

MISTAKES: dict[str, list[tuple[Change, int, str, str]]] = {
    # file: change, line, field, part of the reason
    "departments.csv": [
        (whole(""), 0, "", "is empty"),
        (whole(" \n\n"), 0, "", "is empty"),
        (whole('"code'), 1, "", "CSV"),
        (whole("code,name_zh,name_en,org_type,instance,active,desk,hours\n"), 1, "", "no rows"),
        (swap("instance", "insance"), 1, "instance", "missing"),
        (swap("hours\n", "hours,code\n"), 1, "code", "twice"),
        (swap(DEPARTMENT, f"{DEPARTMENT},x"), 2, "", "9 cells"),
        (swap(DEPARTMENT, f'"{DEPARTMENT}'), 2, "", "CSV"),
        (swap(DEPARTMENT, f'C"GJ{DEPARTMENT[3:]}'), 2, "code", "is not a code"),
        (swap("\nCGJ,", "\nC.GJ,"), 2, "code", "is not a code"),
        (add(DEPARTMENT), 43, "code", "CGJ is there already, on line 2"),
        (swap("Urban", "Ur\0ban"), 2, "name_en", "U+0000"),
        (swap("Urban", "Ur\u202eban"), 2, "name_en", "invisible"),
        (swap("Urban", "Ur\u2028ban"), 2, "name_en", "line break"),
        (swap("Urban Management Bureau", "　"), 2, "name_en", "not empty"),
        (swap("Urban Management Bureau", "\ue000"), 2, "name_en", "not empty"),
        (swap("Urban", "U" * 101), 2, "name_en", "longer than 100"),
        (swap("Urban", "U" * 501), 2, "name_en", "longer than 500"),
        (swap(DEPARTMENT, DEPARTMENT.replace("hosted", "")), 2, "instance", "is not an instance"),
        (swap(",ga,", ",GA,"), 4, "instance", "is not an instance"),
        (swap(",hosted,true", ",hosted,yes"), 2, "active", "true or false"),
    ],
    "streets.csv": [
        (swap("S12,", "S-12,"), 13, "code", "is not a code"),
        (add("S01,又一街道,Another,"), 15, "code", "S01 is there already, on line 2"),
        (lambda text: text.replace("\n", ",x\n"), 1, "x", "not a known column"),
        (lambda text: text.replace("\n", ",\n"), 1, "''", "not a known column"),
    ],
    "grids.csv": [
        (swap("S01-G002,S01", "S01-G001,S01"), 3, "code", "on line 2"),
        (swap("S01-G002,S01", "S01-G002,S99"), 3, "street", "S99 is not in streets.csv"),
        (add('S01-G900,S01,"two\nlines"'), 594, "name_zh", "control character (U+000A)"),
        (swap("\nS01-G002", '\n"S01\r\n\n-G002"'), 3, "code", "control character"),
    ],
    "categories.csv": [
        (swap(",ZFJ,,", ",XYZ,,"), 2, "lead", "XYZ is not in departments.csv"),
        (swap(",ZFJ,HW,", ",ZFJ,XYZ,"), 3, "assist", "XYZ is not in departments.csv"),
        (swap(",ZFJ,HW,", ",ZFJ,HW;ZFJ,"), 3, "assist", "is the lead already"),
        (swap(",ZFJ,HW,", ",ZFJ,HW; HW,"), 3, "assist", "named twice"),
        (swap(",ZFJ,HW,", ",ZFJ,HW；GA,"), 3, "assist", "parted by ';'"),
        (swap(",ZFJ,HW,", ",ZFJ,HW;,"), 3, "assist", "is not a code"),
        (swap(",ZFJ,HW,", ",,HW,"), 3, "lead", "need a lead"),
        (swap("enforcement,normal", "complaint,normal"), 2, "default_kind", "not one of"),
        (swap("enforcement,normal", "enforcement,soon"), 2, "default_urgency", "not one of"),
        (swap("enforcement,normal", "emergency,normal"), 2, "default_urgency", "no row of policies"),
    ],
    "policies.csv": [
        (swap("emergency,critical", "disaster,critical"), 2, "kind", "not one of"),
        (swap("emergency,critical", "emergency,now"), 2, "urgency", "not one of"),
        (add(f"{EMERGENCY},,4h@natural,,"), 19, "urgency", "emergency critical is there already, on line 2"),
        (swap("on_site", "nearby"), 2, "presence", "not one of"),
        (swap("on_site", "none"), 2, "presence", "a limit to arrive"),
        (swap(EMERGENCY, EMERGENCY.replace("site,5m@natural", "site,")), 2, "dispatch", "must have"),
        (swap("5m@natural,5m@natural", "5m@natural,"), 2, "ack", "must have a limit"),
        (swap("24h@natural", ""), 2, "resolve", "must have a limit"),
        (swap("5m@natural,5m@natural", "5m@natural,0m@natural"), 2, "ack", "more than zero"),
        (swap("5m@natural,5m@natural", "5m@natural,-5m@natural"), 2, "ack", "more than zero"),
        (swap("24h@natural", "9999999d@work"), 2, "resolve", "ten years"),
        (swap("30m@natural", "half an hour"), 2, "arrive", "is not a limit"),
        (swap("30m@natural", "30m"), 2, "arrive", "is not a limit"),
        (swap("30m@natural", "３0m@natural"), 2, "arrive", "is not a limit"),
        (swap("30m@natural", "per_plan@natural"), 2, "arrive", "is not a limit"),
        (swap("dispatch,ack", "dispatch,acknowledge"), 1, "ack", "missing"),
    ],
    "ladders.csv": [
        (swap("department,2", "bureau,2"), 3, "side", "not one of"),
        (swap("department,2", "department,two"), 3, "rung", "from 1 to 9"),
        (swap("department,2", "department,0"), 3, "rung", "from 1 to 9"),
        (swap("department,5", "department,7"), 6, "rung", "rung 5, 6 of this side is missing"),
        (add(TOP), 15, "rung", "department 5 is there already, on line 6"),
        (swap(TOP, TOP.replace("district_leaders,区主要领导,District leaders", OFFICE)), 6, "role", "rung 3"),
        (swap("street,5,district_leaders,区主要领导", "street,5,district_leaders,区长"), 14, "role", "name"),
        (swap(LETTER, LETTER.replace("letter", "fax")), 3, "form", "not one of"),
        (swap(LETTER, LETTER.replace("15m@natural", "soon")), 3, "delay_critical", "is not a limit"),
        (swap(LETTER, LETTER.replace("15m@natural", "0m@natural")), 3, "delay_critical", "than zero"),
        (swap("30m@natural", "10m@natural"), 4, "delay_critical", "may come before the rung below"),
        (swap("30m@natural", ""), 4, "delay_critical", "at once may come before"),
        (swap("4h@natural,3d@work", "4h@natural,3d@natural"), 4, "delay_normal", "may come before"),
        (swap("2h@natural,3d@work", "2h@natural,9h@work"), 6, "delay_urgent", "may come before"),
        (without("district"), 0, "side", "side district has no rung"),
    ],
    "pack.toml": [
        (swap('"示例区 Sample District"', "1"), 2, "name", "must be text"),
        (swap("version = 1", "version = 0"), 3, "version", "whole number"),
        (swap("version = 1", "version = true"), 3, "version", "whole number"),
        (swap("version = 1", f"version = 0x{'f' * 9999}"), 3, "version", "whole number"),
        (swap("version = 1", "edition = 1\nversion = 1"), 3, "edition", "not a known key"),
        (swap("version = 1", ""), 0, "version", "is missing"),
        (swap("version = 1", "version 1"), 3, "", "cannot be read"),
    ],
    "calendar.toml": [
        (swap('["08:30-12:00", "13:30-17:30"]', "9"), 12, "windows", "list of windows"),
        (swap("years = [2025, 2026, 2027]", "years = []"), 9, "years", "list of years"),
        (swap("2027]", "2026]"), 9, "years", "twice"),
        (swap("2027]", "27]"), 9, "years", "from 2000 to 2100"),
        (swap("2027]", '"2027"]'), 9, "years", "whole number"),
        (swap("13:30-", "11:30-"), 12, "windows", "overlaps"),
        (swap("08:30-12:00", "12:00-08:30"), 12, "windows", "open before it closes"),
        (swap("08:30-12:00", "08:30-08:30"), 12, "windows", "open before it closes"),
        (swap("17:30", "24:30"), 12, "windows", "24:00"),
        (swap("08:30-12:00", "8.30-12"), 12, "windows", "is not a window"),
        (swap("08:30-12:00", "-1:00-12:00"), 12, "windows", "is not a window"),
        (swap('"next_day"', '"tomorrow"'), 16, "start_rule", "next_day, same_day"),
        (whole(f"x = {'[' * 100_000}"), 0, "", "cannot be read"),
    ],
    "calendar/2027.json": [
        (whole('{"year": 2027, "papers": [], "days": {}}'), 1, "days", "must be a list"),
        (swap("2027,", "2026,"), 1, "year", "must be 2027"),
        (swap("2027,", "2027.0,"), 1, "year", "must be 2027"),
        (swap('["a notice"]', '"a notice"'), 1, "papers", "list"),
        (swap("2027-01-01", "2028-01-01"), 3, "days[0]", "neither in 2027"),
        (swap("2026-12-27", "2026-11-27"), 4, "days[1]", "neither in 2027"),
        (swap("2026-12-27", "2027-01-01"), 4, "days[1]", "listed twice"),
        (swap("2027-01-01", "2027-02-30"), 3, "days[0]", "is not a date"),
        (swap("2027-01-01", "20270101"), 3, "days[0]", "is not a date"),
        (swap("true", '"yes"'), 3, "days[0]", "isOffDay"),
        (swap("元旦", "\\u0000a"), 3, "days[0]", "U+0000"),
        (swap("元旦", "\\ud800a"), 3, "days[0]", "half a character"),
        (swap("]}", "]"), 5, "", "cannot be read"),
        (whole("[]"), 1, "", "one object"),
        (whole("[" * 100_000), 0, "", "cannot be read"),
    ],
    "calendar/2028.json": [
        (whole('{"year": 2028, "papers": [], "days": []}'), 1, "year", "not among the years"),
    ],
    "calendar/next.json": [
        (swap("2027,", "2027,"), 0, "", "named after its year"),
    ],
}


@pytest.mark.parametrize(
    ("file", "change", "line", "field", "reason"),
    [(file, *mistake) for file, mistakes in MISTAKES.items() for mistake in mistakes],
)
def test_mistake_is_named(file: str, change: Change, line: int, field: str, reason: str) -> None:
    found = problems(changed(file, change))
    assert [(problem.file, problem.line, problem.field) for problem in found] == [(file, line, field)]
    assert reason in found[0].reason
    assert found[0].reason.isprintable()


@pytest.mark.parametrize("side", ["department", "street"])
def test_a_side_without_a_ladder_is_named_and_so_are_people_of_its_roles(side: str) -> None:
    found = problems(changed("ladders.csv", without(side)))
    assert {(p.file, p.field) for p in found} == {("ladders.csv", "side"), ("people.csv", "role")}
    assert f"side {side} has no rung" in [problem.reason for problem in found]


def test_department_that_is_not_active_or_not_there_is_named_where_it_is_called() -> None:
    line = 1 + FILES["categories.csv"].decode().splitlines().index(
        '2306,23,劳动就业与社保医保,"Work, social and health insurance",医保参保报销,'
        "Health-insurance reimbursement,YB,,appeal,normal"
    )
    inactive = "医疗保障局,Healthcare Security Bureau,bureau,hosted"
    (retired,) = problems(changed("departments.csv", swap(f"{inactive},true", f"{inactive},false")))
    assert retired == Problem("categories.csv", line, "lead", "department YB is not active")
    (removed,) = problems(changed("departments.csv", without("YB")))
    assert removed == Problem("categories.csv", line, "lead", "department YB is not in departments.csv")


def test_pair_without_policy_is_named_for_every_category_that_has_it() -> None:
    found = problems(changed("policies.csv", without("key_work,urgent")))
    assert {(problem.file, problem.field) for problem in found} == {("categories.csv", "default_urgency")}
    assert len(found) == 7


def test_text_that_is_not_utf8_is_named_with_its_line() -> None:
    (found,) = problems({**FILES, "streets.csv": FILES["streets.csv"].decode().encode("gb18030")})
    assert (found.file, found.line, found.field) == ("streets.csv", 2, "")
    assert "UTF-8" in found.reason


def test_line_is_the_files_own_after_a_cell_with_line_breaks() -> None:
    text = 'code,name_zh,name_en\n"S01","一\r\n\n街道",One\n\nS02,二街道,\n'
    found = [problem for problem in problems({**FILES, "streets.csv": text.encode()}) if problem.file == "streets.csv"]
    assert [(problem.line, problem.field) for problem in found] == [(2, "name_zh"), (6, "name_en")]


def test_every_mistake_is_reported_together_in_order() -> None:
    files = {
        **changed("policies.csv", swap("30m@natural", "soon")),
        "pack.toml": b"",
        "streets.csv": FILES["streets.csv"].replace(b"S01", b"S 1"),
        "calendar.toml": FILES["calendar.toml"].replace(b"next_day", b"soon").replace(b"08:30", b"12:30"),
        "categories.csv": FILES["categories.csv"].replace(b",ZFJ,HW,", b",ZFJ,XX,", 1).replace(b"critical", b"dire", 1),
    }
    del files["ladders.csv"]
    found = problems(files)
    assert [(problem.file, problem.line, problem.field) for problem in found] == [
        ("calendar.toml", 12, "windows"),
        ("calendar.toml", 16, "start_rule"),
        ("categories.csv", 3, "assist"),
        ("categories.csv", 21, "default_urgency"),
        ("ladders.csv", 0, ""),
        ("pack.toml", 0, ""),
        ("policies.csv", 2, "arrive"),
        ("streets.csv", 2, "code"),
    ]
    with pytest.raises(PackInvalid, match=r"policies\.csv:2: arrive: 'soon' is not a limit"):
        parse_pack(files)


def test_files_that_are_missing_unreadable_or_too_large_are_problems(tmp_path: Path) -> None:
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "grids.csv").unlink()
    (tmp_path / "streets.csv").unlink()
    (tmp_path / "streets.csv").mkdir()
    (tmp_path / "policies.csv").write_bytes(b"x" * (LARGEST_FILE + 9))
    with pytest.raises(PackInvalid) as refused:
        read_pack(tmp_path)
    assert [str(problem) for problem in refused.value.problems] == [
        "grids.csv: is missing or cannot be read",
        "policies.csv: is larger than 4 MiB",
        "streets.csv: is missing or cannot be read",
    ]
    with pytest.raises(PackInvalid) as refused:
        read_pack(tmp_path / "nowhere")
    may_be_missing = {"people.csv", "duties.csv", "keywords.csv", "regulation.toml"}
    assert {problem.file for problem in refused.value.problems} == FILES.keys() - may_be_missing
