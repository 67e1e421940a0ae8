"""Figures, boards and lists as their pages tell them."""

from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import pytest

from support import paperwork, sheets
from support.places import package
from whistle_escalation import measures
from whistle_escalation.pages import boards, figures
from whistle_escalation.queries import listings
from whistle_shared.errors import Invalid
from whistle_shared.pages import LANGUAGES, Language

TEMPLATES = sheets.templates("escalation")
REGISTRY = paperwork.pack().registry
COUNTS = {
    "CGJ": {
        "called": 10,
        "tasks": 10,
        "acknowledgements": 10,
        "acknowledged_in_time": 9,
        "no_shows": 1,
        "excluded": 2,
        "due": 8,
        "on_time": 4,
    },
    "GA": {"called": 4, "tasks": 4, "acknowledgements": 4, "acknowledged_in_time": 4, "due": 4, "on_time": 4},
    "*": {
        "called": 14,
        "tasks": 14,
        "acknowledgements": 14,
        "acknowledged_in_time": 13,
        "no_shows": 1,
        "excluded": 2,
        "due": 12,
        "on_time": 8,
    },
}
words = partial(sheets.words, registry=REGISTRY, service="escalation")


def shown(unit: str = "CGJ", language: Language = "zh") -> dict[str, figures.Figure]:
    found = figures.figures(words(language), "department", unit, "2026Q2", COUNTS, REGISTRY)
    return {figure.name: figure for figure in found}


def test_invariant_a_figure_comes_with_its_formula_its_inputs_and_its_n() -> None:
    """INVARIANT: a figure is never shown without its formula, its inputs, the version of the formulas and its n."""
    figure = shown()["acknowledgement"]
    assert (figure.value, figure.unit, figure.n, figure.district) == ("90", "%", 10, "92.86")
    assert figure.formula == "按时应哨 ÷ 应哨时限已见分晓"
    assert figure.inputs == [("按时应哨", 9), ("应哨时限已见分晓", 10)]
    assert figure.address == "/statistics/acknowledgement?by=department&unit=CGJ&period=2026Q2"
    assert all(each.formula for each in shown().values())
    page = (package("escalation") / "templates" / "statistics.html").read_text("utf-8")
    assert all(name in page for name in ("figure.formula", "figure.inputs", "figure.n", "version=version"))


def test_a_figure_that_nobody_counts_in_is_not_zero() -> None:
    assert (shown()["satisfied"].value, shown()["satisfied"].n) == (None, 0)


def test_formulas_name_their_weights_and_what_is_taken_off() -> None:
    assert shown()["on_time"].formula == "按期办结 ÷ (办结时限已见分晓或暂停 − 正在缓办)"
    assert shown()["satisfied"].formula == "(满意 + 0.9 × 基本满意) ÷ 有效回访"
    assert shown()["composite"].formula == "0.1 × 响应率 + 0.5 × 解决率 + 0.4 × 满意率"


def test_every_measure_and_every_contribution_has_a_word() -> None:
    assert {name for name, _ in measures.LISTS} <= set(figures.MEASURES)
    named = {part for measure in measures.MEASURES.values() for part in measure.contributions}
    assert named <= set(figures.CONTRIBUTIONS)
    assert not figures.WORSE - figures.MEASURES.keys()


@pytest.mark.parametrize("by", ["department", "street"])
def test_an_index_says_what_it_is_made_of(by: measures.By) -> None:
    unit = "CGJ" if by == "department" else "S01"
    counts = COUNTS if by == "department" else {"S01": {"whistles": 3, "proposals": 3}, "*": {"whistles": 3}}
    found = figures.index(words(), by, unit, counts, REGISTRY)
    assert found is not None
    assert (found["n"], found["k"]) == (10 if by == "department" else 3, 5)
    assert ("应到未到", 1, "2") in found["deductions"] or by == "street"
    assert figures.index(words(), by, "MZ", counts, REGISTRY) is None


def test_units_stand_by_their_index_and_those_without_come_last() -> None:
    lines = figures.units(words(), "department", "2026Q2", {**COUNTS, "MZ": {}}, REGISTRY, ["CGJ", "GA", "MZ"])
    assert [line.code for line in lines] == ["GA", "CGJ", "MZ"]
    assert lines[-1].index is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_board_tells_rank_change_and_colour(language: Language) -> None:
    rows = measures.board("department", COUNTS, {"CGJ": COUNTS["CGJ"], "*": COUNTS["CGJ"]}, REGISTRY)
    lines = boards.lines(words(language), "department", rows)
    assert [(line.unit, line.rank, line.change, line.colour) for line in lines] == [
        ("GA", 1, None, "red"),
        ("CGJ", 2, -1, "black"),
    ]
    assert lines[1].values[0] == ("90.0%", 10)
    assert lines[1].values[4] == (None, 0)
    assert len(boards.columns(words(language), "department")) == len(lines[0].values)


def test_a_cursor_leads_back_to_its_place() -> None:
    at = listings.At(datetime(2026, 6, 1, 2, 0, 0, 123456, tzinfo=UTC), UUID(int=5), 3)
    assert listings.place_of(listings.cursor_of(at)) == at
    assert listings.place_of(None) is None


@pytest.mark.parametrize("cursor", ["", "1", "a.b.c", "1.2", "1.99999999999999999999999999." + "0" * 32, "0.0.zz"])
def test_what_is_no_cursor_of_ours_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid):
        listings.place_of(cursor)
