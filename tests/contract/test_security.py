"""docs/security.md keeps its word: the roles are the code's, every line of the standard has its answer, every test and
every file it names is there."""

import re
from collections import Counter

import pytest
from typer.testing import CliRunner

from support.places import ROOT
from whistle_ctl import roles
from whistle_ctl.app import app

TEXT = (ROOT / "docs" / "security.md").read_text("utf-8")
LINES = re.findall(r"^\| (\d+\.\d+\.\d+) \| ([12]) \| [^|]+ \| ([^|]+) \| (.+) \|$", TEXT, re.MULTILINE)
STATES = ("yes", "partly", "operator", "absent", "n/a")
NAMED = re.findall(
    r"`((?:unit|contract|integration|system|browser|faults|fuzz)/[a-z0-9_]+\.py)(?:::([a-z0-9_]+))?`", TEXT
)
FILES = re.findall(r"`([a-z_]+(?:/[\w.-]+)*\.(?:py|html|toml|lock))`", TEXT)
# How many requirements of levels 1 and 2 each section of ASVS 5.0.0 has; within a section they are numbered from 1 on.
SECTIONS = {
    "1": (2, 9, 11, 3, 2),
    "2": (3, 3, 4, 1),
    "3": (0, 2, 4, 6, 5, 0, 2),
    "4": (3, 1, 2, 4),
    "5": (1, 3, 2, 3),
    "6": (3, 12, 4, 4, 5, 3, 0, 4),
    "7": (3, 4, 2, 5, 2, 2),
    "8": (2, 3, 1, 1),
    "9": (3, 4),
    "10": (2, 2, 4, 11, 5, 2, 3),
    "11": (2, 3, 3, 4, 1, 1),
    "12": (3, 2, 4),
    "13": (1, 5, 2, 5),
    "14": (2, 4, 3),
    "15": (3, 3, 7),
    "16": (1, 5, 4, 3, 3),
    "17": (1, 4, 2),
}


def test_the_table_of_rights_is_the_codes() -> None:
    """When this fails: put what `whistlectl roles` prints into docs/security.md."""
    assert roles.table() in TEXT
    assert CliRunner().invoke(app, ["roles"]).output.strip() == roles.table()


def test_every_right_opens_something() -> None:
    """A right that no route asks for would be a promise without a door."""
    table = (ROOT / "shared" / "whistle_shared" / "auth" / "roles.py").read_text("utf-8")
    rights = set(
        re.findall(r'^    "([a-z]+(?:\.[a-z]+)?)",$', table.partition("Right = ")[2].partition("]")[0], re.MULTILINE)
    )
    code = "".join(
        file.read_text("utf-8")
        for top in ("shared", "services")
        for file in (ROOT / top).rglob("*.py")
        if file.name != "roles.py"
    )
    assert len(rights) > 20
    assert {right for right in rights if f'"{right}"' not in code} == set()


def test_every_requirement_of_levels_one_and_two_is_answered_once() -> None:
    """ASVS 5.0.0 has 70 requirements of level 1 and 183 of level 2."""
    expected = [
        f"{chapter}.{section}.{number}"
        for chapter, counts in SECTIONS.items()
        for section, count in enumerate(counts, 1)
        for number in range(1, count + 1)
    ]
    assert [number for number, *_ in LINES] == expected
    assert Counter(level for _, level, *_ in LINES) == {"1": 70, "2": 183}


def test_the_counts_at_the_top_are_those_of_the_lines() -> None:
    counts = Counter((state, level) for _, level, state, _ in LINES)
    assert {state for state, _ in counts} == set(STATES)
    for state in STATES:
        first, second = counts[state, "1"], counts[state, "2"]
        assert f"| {state} | {first} | {second} | {first + second} |" in TEXT


@pytest.mark.parametrize(("file", "test"), sorted(set(NAMED)))
def test_a_test_that_is_named_is_there(file: str, test: str) -> None:
    content = (ROOT / "tests" / file).read_text("utf-8")
    assert not test or f"def {test}(" in content


@pytest.mark.parametrize("file", sorted(set(FILES)))
def test_a_file_that_is_named_is_there(file: str) -> None:
    assert any((ROOT / place / file).is_file() for place in ("", "shared/whistle_shared", "tests"))


def test_what_is_not_whole_says_what_is_missing_and_what_is_has_its_proof() -> None:
    bare = [number for number, _, state, how in LINES if state in {"partly", "absent"} and how.startswith(("`", "–"))]
    assert bare == []
    documents, tests = re.compile(r"\]\([\w/.-]+\.md|Below, under"), re.compile(r"`[a-z]+/\w+\.py::\w+`|no test\)")
    unproved = [
        n for n, _, state, how in LINES if state == "yes" and not tests.search(how) and not documents.search(how)
    ]
    assert unproved == []
