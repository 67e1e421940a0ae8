"""Every row of the bad-input matrix (RELIABILITY.md section 4.2) has its tests.

A test says its rows in its name (`test_row07_…`) or in the ids of its cases (`row07 …`); what is tried out in a file
about one subject (photos, tokens, outgoing calls, whistlectl) is named here.
"""

import ast
import re
from functools import cache

import pytest

from support.places import ROOT

ROWS = range(1, 41)
_SAYS = re.compile(r"(?:^|_)row(\d\d)(?:[ _]|$)")
ELSEWHERE: dict[int, dict[str, list[str]]] = {
    10: {"tests/integration/test_photos.py": ["test_a_photo_of_more_than_12_mib_is_refused"]},
    22: {"tests/unit/test_pack.py": ["test_mistake_is_named"], "tests/unit/test_worktime.py": []},
    23: {
        "tests/unit/test_pack.py": ["test_a_side_without_a_ladder_is_named_and_so_are_people_of_its_roles"],
        "tests/unit/test_escalation_responsibility.py": [],
    },
    30: {
        "tests/integration/test_openid_tokens.py": [
            "test_a_token_that_does_not_hold_is_refused",
            "test_a_token_of_a_megabyte_is_not_even_read",
        ],
        "tests/integration/test_single_sign_on_refusals.py": ["test_a_bad_token_opens_nothing_and_is_written_down"],
    },
    31: {
        "tests/integration/test_outgoing.py": [
            "test_what_no_entry_names_is_never_connected_to",
            "test_an_allowed_name_that_leads_inside_is_refused",
            "test_a_name_that_answers_otherwise_the_second_time_leads_nowhere_else",
            "test_a_redirect_is_not_followed_even_by_a_client_that_would",
        ],
        "tests/unit/test_outgoing_allowed.py": ["test_an_address_in_disguise_is_none"],
    },
    32: {
        "tests/integration/test_photos.py": ["test_what_is_no_picture_is_refused", "test_a_hostile_picture_is_refused"],
        "tests/unit/test_pictures.py": ["test_nothing_of_a_photo_comes_through_but_what_can_be_seen"],
    },
    33: {"tests/integration/test_photos.py": ["test_a_file_name_means_nothing"]},
    36: {"tests/integration/test_parking.py": ["test_a_replay_reaches_work_queues_of_ours_only"]},
    40: {
        "tests/integration/test_parking.py": [
            "test_nothing_is_done_without_yes",
            "test_a_selection_takes_what_it_names_and_returns_the_rest",
            "test_what_is_parked_during_a_replay_is_left_alone",
        ]
    },
}
AT_THE_BROKER = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 17, 18, 20, 22, 23, 27, 28, 34, 35, 36, 37, 38}
OVER_HTTP = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 24, 25, 26, 27, 28, 29, 39}


@cache
def rows_in(pattern: str) -> frozenset[int]:
    """The rows that the names and the texts of these test files say."""
    found: set[int] = set()
    for file in (ROOT / "tests").glob(pattern):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            said = ""
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                said = node.name
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("row"):
                said = node.value
            found |= {int(number) for number in _SAYS.findall(said)}
    return frozenset(found)


@pytest.mark.parametrize("row", ROWS)
def test_every_row_has_a_test(row: int) -> None:
    assert row in ELSEWHERE or row in rows_in("integration/test_*.py")


@pytest.mark.parametrize("row", sorted(AT_THE_BROKER))
def test_what_can_come_through_the_broker_is_tried_there(row: int) -> None:
    assert row in rows_in("integration/test_bad_input_events.py") | rows_in("integration/test_bad_input_facts.py")


@pytest.mark.parametrize("row", sorted(OVER_HTTP))
def test_what_can_come_over_http_is_tried_there(row: int) -> None:
    over_http = [f"integration/test_bad_input_{name}.py" for name in ("bodies", "fields", "requests")]
    assert row in frozenset().union(*map(rows_in, [*over_http, "integration/test_wire_limits.py"]))


@pytest.mark.parametrize("row", sorted(ELSEWHERE))
def test_what_is_named_is_there(row: int) -> None:
    for file, names in ELSEWHERE[row].items():
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        there = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert set(names) <= there, set(names) - there


def test_the_matrix_has_no_row_that_nobody_knows() -> None:
    assert rows_in("integration/test_*.py") <= set(ROWS)
