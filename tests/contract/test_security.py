"""docs/security.md keeps its word: the roles are the code's, every line of the standard has its answer, every test it
names is there."""

import re
from collections import Counter

import pytest

from support.places import ROOT
from whistle_shared.auth import ROLES, Role

TEXT = (ROOT / "docs" / "security.md").read_text("utf-8")
LINES = re.findall(r"^\| (\d+\.\d+\.\d+) \| ([12]) \| [^|]+ \| ([^|]+) \| (.+) \|$", TEXT, re.MULTILINE)
STATES = ("yes", "partly", "absent", "operator", "n/a")
NAMED = re.findall(r"`((?:unit|contract|integration|system|browser|fuzz)/[a-z0-9_]+\.py)(?:::([a-z0-9_]+))?`", TEXT)


@pytest.mark.parametrize("role", ROLES)
def test_the_table_of_rights_is_the_codes(role: Role) -> None:
    rule = ROLES[role]
    rights = ", ".join(f"`{right}`" for right in sorted(rule.rights))
    assert f"| `{role}` | {rule.zh} / {rule.en} | {rule.reach} | {rights} |" in TEXT


def test_every_requirement_of_levels_one_and_two_is_answered_once() -> None:
    """ASVS 5.0.0 has 70 requirements of level 1 and 183 of level 2."""
    assert len({number for number, *_ in LINES}) == len(LINES)
    assert Counter(level for _, level, *_ in LINES) == {"1": 70, "2": 183}


def test_the_counts_at_the_top_are_those_of_the_lines() -> None:
    counts = Counter(state for *_, state, _ in LINES)
    assert set(counts) == set(STATES)
    assert ", ".join(f"{state} {counts[state]}" for state in STATES) in " ".join(TEXT.split())


@pytest.mark.parametrize(("file", "test"), sorted(set(NAMED)))
def test_a_test_that_is_named_is_there(file: str, test: str) -> None:
    content = (ROOT / "tests" / file).read_text("utf-8")
    assert not test or f"def {test}(" in content


def test_what_is_not_whole_says_what_is_missing() -> None:
    bare = [number for number, _, state, how in LINES if state in {"partly", "absent"} and how.startswith(("`", "–"))]
    assert bare == []
