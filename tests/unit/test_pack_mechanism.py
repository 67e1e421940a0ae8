"""The pack's parts for the mechanism in full: people, duties, keywords, role differences, repeats, the regulation."""

from collections.abc import Callable
from pathlib import Path

import pytest

from whistle_dispatch.domain.pack import PackInvalid, Problem, parse_pack, read_pack
from whistle_shared.registry import Registry, Regulation

SAMPLE = Path(__file__).parents[2] / "deploy" / "district" / "sample"
FILES = {path.name: path.read_bytes() for path in SAMPLE.iterdir() if path.suffix in {".csv", ".toml"}}
NEW_FILES = ("people.csv", "duties.csv", "keywords.csv", "regulation.toml")
NEW_COLUMNS = {
    "departments.csv": ("desk", "hours"),
    "streets.csv": ("approval",),
    "policies.csv": ("role",),
    "ladders.csv": ("every", "repeats", "quiet"),
    "keywords.csv": ("weight",),
}
PEOPLE = "organisation,role,grid,name,hours\n"
DUTIES = "code,level,name_zh,name_en,categories,department\n"
KEYWORDS = "word,category,weight\n"

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


def changed(file: str, change: Change) -> dict[str, bytes]:
    return {**FILES, file: change(FILES[file].decode()).encode()}


def problems(files: dict[str, bytes]) -> tuple[Problem, ...]:
    with pytest.raises(PackInvalid) as refused:
        parse_pack(files)
    return refused.value.problems


def read(file: str, change: Change) -> Registry:
    return parse_pack(changed(file, change)).registry


# -- the sample -----------------------------------------------------------------------------------------------


def test_sample_says_everything_that_the_mechanism_asks_for() -> None:
    registry = read_pack(SAMPLE).registry
    assert registry.regulation == Regulation()
    assert {street.code for street in registry.streets if street.approval == "review"} == {"S13"}
    assert registry.department_by_code["BB"].desk == "none"
    assert {one.code for one in registry.departments if one.hours == "always"} == {"XF"}
    assert {p.hours for p in registry.people if p.organisation == "BB"} == {"work"}
    (handler,) = registry.people_on("CGJ", "handler", "S01-G003")
    assert handler.grid == "S01-G003"
    assert len(registry.people_on("CGJ", "handler", "S07-G001")) == 2
    assert {duty.level for duty in registry.duties} == {"basic", "assisting", "taken_back"}
    assert [duty.code for duty in registry.basic_duties("0104")] == ["B01"]
    assert not registry.basic_duties("0701")
    assert {word.category for word in registry.keywords} <= registry.category_by_code.keys()
    rungs = registry.ladder("department", "urgent")
    assert [(rung.every, rung.repeats) for rung in rungs] == [("4h@work", 2), ("1d@work", 1), ("", 0), ("", 0), ("", 0)]
    assert {rung.quiet for rung in rungs} == {"22:00-07:00"}


def test_sample_gives_the_lead_and_the_assistant_different_limits() -> None:
    policy = read_pack(SAMPLE).registry.policy_by_pair["key_work", "normal"]
    assert (policy.limits_of("lead")["plan"], policy.limits_of("co_handle")["plan"]) == ("5d@work", "7d@work")
    assert "plan" not in policy.limits_of("assist")
    assert policy.limits_of("assist")["resolve"] == "20d@work"
    assert policy.limits_of("assist")["ack"] == policy.limits_of("lead")["ack"]


def test_a_pack_without_the_new_files_and_columns_still_loads() -> None:
    files = {name: data for name, data in FILES.items() if name not in NEW_FILES}
    for name, columns in NEW_COLUMNS.items():
        if name in files:
            lines = files[name].decode().splitlines()
            rows = [line for line in lines if name != "policies.csv" or line.split(",")[2] in ("", "role")]
            places = [lines[0].split(",").index(column) for column in columns]
            files[name] = "".join(
                ",".join(cell for place, cell in enumerate(_cells(row)) if place not in places) + "\n" for row in rows
            ).encode()
    registry = parse_pack(files).registry
    assert registry.regulation == Regulation()
    assert (registry.people, registry.duties, registry.keywords) == ((), (), ())
    assert {street.approval for street in registry.streets} == {"automatic"}
    assert {(department.desk, department.hours) for department in registry.departments} == {("always", "work")}
    assert all(not policy.by_role for policy in registry.policies)
    assert all((rung.every, rung.repeats, rung.quiet) == ("", 0, "") for rung in registry.ladders)


def _cells(row: str) -> list[str]:
    """The cells of a line, quotes kept."""
    parts = row.split('"')
    inside = [part.replace(",", "\0") if place % 2 else part for place, part in enumerate(parts)]
    return [cell.replace("\0", ",") for cell in '"'.join(inside).split(",")]


def test_what_is_left_out_of_the_regulation_keeps_its_default() -> None:
    short = '[returning]\ntransfer_cap = 1\nwindows = { normal = "3h@work" }\n[assessing]\nperiod = "month"\n'
    regulation = read("regulation.toml", whole(short)).regulation
    assert (regulation.returning.transfer_cap, regulation.returning.decide_within) == (1, "4h@work")
    assert regulation.returning.windows == {"normal": "3h@work"}
    assert regulation.assessing.period == "month"
    assert regulation.scoring == Regulation().scoring


def test_an_empty_weight_counts_as_the_catalogues_own_names() -> None:
    (keyword,) = read("keywords.csv", whole(f"{KEYWORDS}路灯,0702,\n")).keywords
    assert keyword.weight == 1.0


# -- mistakes ---------------------------------------------------------------------------------------------------

ASSIST = "enforcement,normal,assist,,,,2d@work,,,,,,,,"
LONG = "emergency,long_term,,on_site,1d@work,1d@work,,,,,30d@work,,,,"
RUNG_1 = "reminder,,,,,4h@work,2,22:00-07:00"

MISTAKES: dict[str, list[tuple[Change, int, str, str]]] = {
    # file: change, line, field, part of the reason
    "departments.csv": [
        (swap("hosted,true,always,work", "hosted,true,sometimes,work"), 2, "desk", "always, work, none"),
        (swap("hosted,true,always,work", "hosted,true,always,24h"), 2, "hours", "always, work"),
    ],
    "streets.csv": [(swap("automatic", "manual"), 2, "approval", "automatic, review")],
    "people.csv": [
        (whole(f"{PEOPLE}XX,handler,,甲,always\n"), 2, "organisation", "XX is in neither departments.csv nor streets"),
        (whole(f"{PEOPLE}CGJ,handler,S01-G999,甲,always\n"), 2, "grid", "grid S01-G999 is not in grids.csv"),
        (whole(f"{PEOPLE}S02,handler,S01-G001,甲,always\n"), 2, "grid", "grid S01-G001 belongs to street S01"),
        (whole(f"{PEOPLE}CGJ,janitor,,甲,always\n"), 2, "role", "role janitor is neither handler nor section_head"),
        (whole(f"{PEOPLE}CGJ,handler,,甲,sometimes\n"), 2, "hours", "always, work"),
        (whole(f"{PEOPLE}CGJ,handler,,,always\n"), 2, "name", "not empty"),
        (whole(f"{PEOPLE}CGJ,handler,,甲,always\nCGJ,handler,,甲,work\n"), 3, "name", "is there already, on line 2"),
        (whole(PEOPLE), 1, "", "no rows"),
        (whole("organisation,role,grid,name\nCGJ,handler,,甲\n"), 1, "hours", "column is missing"),
    ],
    "duties.csv": [
        (whole(f"{DUTIES}B1,basic,甲,A,9999,\n"), 2, "categories", "sub-category 9999 is not in categories.csv"),
        (whole(f"{DUTIES}B1,basic,甲,A,0101;0101,\n"), 2, "categories", "named twice"),
        (whole(f"{DUTIES}B1,basic,甲,A,0101；0102,\n"), 2, "categories", "parted by ';'"),
        (whole(f"{DUTIES}B1,basic,甲,A,,XX\n"), 2, "department", "department XX is not in departments.csv"),
        (whole(f"{DUTIES}B1,taken_back,甲,A,,\n"), 2, "department", "needs its department"),
        (whole(f"{DUTIES}B1,shared,甲,A,,\n"), 2, "level", "basic, assisting, taken_back"),
        (whole(f"{DUTIES}B1,basic,甲,A,,\nB1,basic,乙,B,,\n"), 3, "code", "B1 is there already, on line 2"),
    ],
    "keywords.csv": [
        (whole(f"{KEYWORDS}灯,0702,1\n"), 2, "word", "has one character; a word needs two"),
        (whole(f"{KEYWORDS}路灯,9999,1\n"), 2, "category", "sub-category 9999 is not in categories.csv"),
        (whole(f"{KEYWORDS}路灯,0702,1\n路灯,0702,2\n"), 3, "category", "路灯 0702 is there already, on line 2"),
        *((whole(f"{KEYWORDS}路灯,0702,{w}\n"), 2, "weight", "not a weight") for w in ("0", "-1", "nan", "1e3", "101")),
    ],
    "policies.csv": [
        (add(ASSIST), 19, "role", "enforcement normal assist is there already, on line 13"),
        (add(ASSIST.replace("assist", "helper")), 19, "role", "lead, assist, co_handle, street_joint"),
        (add(ASSIST.replace("normal", "long_term")), 19, "role", "no row for all roles has enforcement with long_term"),
        (add("enforcement,normal,lead,on_site,,,2d@work,,,,,,,,"), 19, "presence", "does not differ by role"),
        (add("enforcement,normal,lead,,1h@work,,,,,,,,,,"), 19, "dispatch", "does not differ by role"),
        (add("enforcement,normal,lead,,,-,,,,,,,,,"), 19, "ack", "must have a limit"),
        (add("enforcement,normal,lead,,,,,,,,-,,,,"), 19, "resolve", "must have a limit"),
        (add("enforcement,normal,lead,,,,soon,,,,,,,,"), 19, "arrive", "is not a limit"),
        (swap("30m@natural,2h@natural", "30m@natural,-"), 2, "contain", "only a row with a role takes a clock away"),
        (swap("critical,,on_site", "critical,,"), 2, "presence", "must be given"),
        (add(LONG), 19, "urgency", "emergency has urgent and long_term but not normal"),
    ],
    "ladders.csv": [
        (swap(RUNG_1, RUNG_1.replace("4h@work,2", "4h@work,")), 2, "repeats", "is needed where every is given"),
        (swap(RUNG_1, RUNG_1.replace("4h@work,2", ",2")), 2, "every", "is needed where repeats is given"),
        (swap(RUNG_1, RUNG_1.replace("4h@work", "often")), 2, "every", "is not a limit"),
        (swap(RUNG_1, RUNG_1.replace(",2,", ",0,")), 2, "repeats", "from 1 to 99"),
        (swap(RUNG_1, RUNG_1.replace(",2,", ",two,")), 2, "repeats", "from 1 to 99"),
        (swap(RUNG_1, RUNG_1.replace("22:00-07:00", "22-7")), 2, "quiet", "is not hours such as 22:00-07:00"),
        (swap(RUNG_1, RUNG_1.replace("22:00-07:00", "24:00-07:00")), 2, "quiet", "is not hours"),
        (swap(RUNG_1, RUNG_1.replace("22:00-07:00", "07:00-07:00")), 2, "quiet", "ends when it begins"),
        (swap(RUNG_1, RUNG_1.replace("22:00-07:00", "21:00-07:00")), 3, "quiet", "may come before the rung below"),
    ],
    "regulation.toml": [
        (whole(""), 0, "", "is empty"),
        (whole("[blowing\n"), 1, "", "cannot be read"),
        (whole("[blowing]\n\n[whistling]\n"), 3, "whistling", "not a known key"),
        (whole("blowing = 1"), 1, "blowing", "must be a table"),
        (whole("[blowing]\nrelapse = 30\n"), 2, "blowing.relapse", "not a known key"),
        (whole('[blowing]\nrelapse_days = "30"\n'), 2, "blowing.relapse_days", "'30' is wrong"),
        (whole("[blowing]\nrelapse_days = -1\n"), 2, "blowing.relapse_days", "greater than or equal to 0"),
        (whole("[blowing]\nduplicate_similarity = 1.5\n"), 2, "blowing.duplicate_similarity", "less than or equal"),
        (whole("[blowing]\nduplicate_similarity = nan\n"), 2, "blowing.duplicate_similarity", "nan is wrong"),
        (whole('[blowing]\nsignature_limit = "soon"\n'), 2, "blowing.signature_limit", "is not a limit"),
        (whole('blowing.signature_limit = "soon"\n'), 1, "blowing.signature_limit", "is not a limit"),
        (whole('[returning.windows]\nnormal = "1x"\n'), 2, "returning.windows.normal", "is not a limit"),
        (whole('[returning.windows]\nsoon = "1h@work"\n'), 2, "returning.windows.soon", "input should be"),
        (whole('[returning]\nwindows = { normal = "1x" }\n'), 2, "returning.windows.normal", "is not a limit"),
        (whole("[more_time]\npercent = 0\n"), 2, "more_time.percent", "greater than or equal to 1"),
        (whole("[scoring.parts]\narrival = 99\n"), 1, "scoring.parts", "add up to 99, not to 100"),
        (whole("\n[[climbing]]\n"), 2, "climbing", "must be a table"),
        (whole("[scoring.parts]\narrival = 100\n"), 1, "scoring.parts", "a part named result"),
        (whole('[scoring.parts]\n"到场" = 100\n'), 2, "scoring.parts.到场", "should match pattern"),
        (whole("[scoring]\ndefault = 101\n"), 2, "scoring.default", "less than or equal to 100"),
        (whole('[assessing]\nperiod = "year"\n'), 2, "assessing.period", "'month' or 'quarter'"),
        (whole("[assessing]\nfirst_day = 29\n"), 2, "assessing.first_day", "less than or equal to 28"),
        (whole("[assessing]\nresponse_weight = 0.2\n"), 2, "assessing.response_weight", "add up to 1.1, not to 1"),
        (whole("[assessing]\nquality_weight = 0\n"), 1, "assessing.score_weight", "add up to 0.85, not to 1"),
        (whole("[assessing]\nband_low = 4\n"), 2, "assessing.band_low", "above band_high"),
        (whole("[assessing]\nband_high = inf\n"), 2, "assessing.band_high", "reckoned"),
    ],
}


@pytest.mark.parametrize(
    ("file", "change", "line", "field", "reason"),
    [(file, *mistake) for file, mistakes in MISTAKES.items() for mistake in mistakes],
)
def test_mistake_is_named(file: str, change: Change, line: int, field: str, reason: str) -> None:
    found = problems(changed(file, change))
    assert [(problem.file, problem.line, problem.field) for problem in found] == [(file, line, field)], found
    assert reason in found[0].reason
    assert found[0].reason.isprintable()


def test_weights_need_to_add_up_only_to_within_rounding() -> None:
    """0.1 + 0.2 + 0.7 is not 1 in binary."""
    text = "[assessing]\nresponse_weight = 0.1\nsolved_weight = 0.2\nsatisfied_weight = 0.7000000000001\n"
    assert read("regulation.toml", whole(text)).regulation.assessing.solved_weight == 0.2


def test_mistakes_of_all_new_files_are_reported_together() -> None:
    files = {
        **FILES,
        "people.csv": f"{PEOPLE}XX,handler,,甲,always\n".encode(),
        "duties.csv": f"{DUTIES}B1,basic,甲,A,9999,XX\n".encode(),
        "keywords.csv": f"{KEYWORDS}路灯,9999,x\n".encode(),
        "regulation.toml": b"[blowing]\nrelapse = 30\n[scoring]\ndefault = -1\n",
    }
    assert [(problem.file, problem.line, problem.field) for problem in problems(files)] == [
        ("duties.csv", 2, "categories"),
        ("duties.csv", 2, "department"),
        ("keywords.csv", 2, "category"),
        ("keywords.csv", 2, "weight"),
        ("people.csv", 2, "organisation"),
        ("regulation.toml", 2, "blowing.relapse"),
        ("regulation.toml", 4, "scoring.default"),
    ]


def test_a_new_file_that_is_there_but_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    for name in ("people.csv", "regulation.toml"):
        (tmp_path / name).unlink()
        (tmp_path / name).mkdir()
    with pytest.raises(PackInvalid) as refused:
        read_pack(tmp_path)
    assert [str(problem) for problem in refused.value.problems] == [
        "people.csv: is missing or cannot be read",
        "regulation.toml: is missing or cannot be read",
    ]
