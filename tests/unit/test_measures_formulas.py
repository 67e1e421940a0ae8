"""The formulas against tables worked out by hand; docs/measures.md shows the same examples. Sources: DOMAIN.md C.8."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import paperwork
from whistle_escalation.measures import DISTRICT, Counts, formulas, number_rows, rate_row, standings, total
from whistle_escalation.measures.boards import board, places
from whistle_escalation.measures.formulas import MEASURES, Standing, exact, number, points_off, shown
from whistle_shared.registry import Grid, Registry, Regulation, Street

# One department's quarter, as the worked example has it.
GA: Counts = {
    "called": 11,
    "tasks": 10,
    "acknowledgements": 10,
    "acknowledged_in_time": 9,
    "presences": 8,
    "arrived_in_time": 6,
    "no_shows": 1,
    "due": 9,
    "suspended_now": 1,
    "on_time": 6,
    "submitted": 8,
    "reworked": 2,
    "reworks": 4,
    "third_failed_checks": 1,
    "closed": 5,
    "relapsed": 1,
    "false_completions": 1,
    "returns": 2,
    "returns_upheld": 1,
    "returns_refused": 1,
    "suspended": 1,
    "callbacks": 5,
    "contacted": 5,
    "solved": 4,
    "satisfied": 3,
    "basically_satisfied": 1,
    "scored": 8,
    "score": 680,
    "excluded": 2,
}
# Nine out of ten in everything, and nothing taken off.
CGJ: Counts = {
    "tasks": 30,
    "scored": 30,
    "score": 2700,
    "due": 30,
    "on_time": 27,
    "callbacks": 10,
    "contacted": 9,
    "solved": 9,
    "satisfied": 9,
    "submitted": 30,
    "closed": 10,
    "relapsed": 1,
}
S01: Counts = {
    "whistles": 12,
    "withdrawn": 3,
    "proposals": 15,
    "self_handled": 3,
    "street_called": 30,
    "street_returned": 3,
    "verifications": 20,
    "verified_late": 2,
    "scorings": 20,
    "scored_late": 5,
    "signatures": 4,
    "signatures_missed": 1,
}
REGULATION = Regulation()


@pytest.mark.parametrize(
    ("name", "numerator", "n", "value"),
    [
        ("acknowledgement", "9", 10, "0.9000"),  # 应哨率
        ("report_in", "6", 8, "0.7500"),  # 报到率: arrivals in time / tasks needing presence
        ("on_time", "6", 8, "0.7500"),  # Jinhua (S28): on-time closed / (9 due - 1 suspended)
        ("rework", "2", 8, "0.2500"),  # reworked / submitted
        ("relapse", "1", 5, "0.2000"),  # relapsed in 30 d / closed
        ("return_upheld", "1", 2, "0.5000"),
        ("dispute_loss", "1", 2, "0.5000"),  # refused returns / returns
        ("suspension", "1", 10, "0.1000"),
        ("response", "5", 5, "1.0000"),  # R = contacted / V (S15)
        ("solved", "4", 5, "0.8000"),  # S = solved / V
        ("satisfied", "39/10", 5, "0.7800"),  # M = (3 satisfied + 0.9 · 1 basically) / V
        ("composite", "203/50", 5, "0.8120"),  # 0.1 · 1 + 0.5 · 0.8 + 0.4 · 0.78
        ("score", "680", 8, "85.00"),
    ],
)
def test_each_rate_by_hand(name: str, numerator: str, n: int, value: str) -> None:
    row = next(row for row in number_rows("department", GA, registry()) if row["name"] == name)
    assert (row["numerator"], row["n"], row["value"]) == (numerator, n, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("self_handling", "0.2000"),
        ("returned_tasks", "0.1000"),
        ("late_verification", "0.1000"),
        ("late_scoring", "0.2500"),
        ("self_closure", "0.2500"),
        ("missed_signature", "0.2500"),
    ],
)
def test_each_share_of_a_street_by_hand(name: str, value: str) -> None:
    row = next(row for row in number_rows("street", S01, registry()) if row["name"] == name)
    assert row["value"] == value


def test_a_rate_of_nobody_is_no_number() -> None:
    for row in number_rows("street", {}, registry()):
        assert (row["value"], row["exact"], row["n"]) == (None, None, 0)


def test_the_department_index_by_hand() -> None:
    """0.40 · 85 + 0.25 · 75 + 0.20 · 81.2 + 0.15 · 55 = 77.24; less 2 + 1 + 1 + 4 · 0.2 + 0.5 = 5.3."""
    assert points_off(GA, REGULATION) == Fraction("5.3")
    cgj, ga = standings("department", district(CGJ=CGJ, GA=GA), registry())
    assert (ga.raw, ga.n, ga.n_excluded, ga.points) == (Fraction("71.94"), 10, 2, Fraction("5.3"))
    assert (cgj.raw, cgj.n) == (Fraction(90), 30)
    # The district's mean weighs each by its tasks: (10 · 71.94 + 30 · 90) / 40.
    assert ga.mean == cgj.mean == Fraction("85.485")
    # Shrunk with k = 5: (10 · 71.94 + 5 · 85.485) / 15 and (30 · 90 + 5 · 85.485) / 35.
    assert ga.index == Fraction("76.455")
    assert shown(ga.index, 2) == "76.46", "half to even"
    assert cgj.index == Fraction("3127.425") / 35
    assert shown(cgj.index, 2) == "89.36"


def test_the_street_index_by_hand() -> None:
    """Seven parts of equal weight: 1, 0.8, 0.9, 0.9, 0.75, 0.75 and 0.75 make 5.85 / 7."""
    (street,) = standings("street", district(S01=S01), registry(S01=20))
    assert street.raw == Fraction(585, 7)
    assert (street.n, shown(street.index, 2)) == (12, "83.57")


@pytest.mark.parametrize(
    ("whistles", "grids", "rate", "band", "nearness"),
    [
        (12, 20, "0.6000", None, Fraction(1)),
        (1, 40, "0.0250", "too_few", Fraction(1, 2)),  # 0.025 / 0.05
        (150, 20, "7.5000", "too_many", Fraction(2, 5)),  # 3 / 7.5
        (1, 20, "0.0500", None, Fraction(1)),  # the edge belongs to the band
        (3, 0, None, None, None),  # a street without grids has no whistle rate
    ],
)
def test_too_few_whistles_and_too_many_both_show(
    whistles: int, grids: int, rate: str | None, band: str | None, nearness: Fraction | None
) -> None:
    """Source: S6, the whistle rate must be neither too low nor too high."""
    own: Counts = {"whistles": whistles}
    assert rate_row("S01", own, registry(S01=grids)) == {"whistle_rate": rate, "band": band}
    assert formulas._nearness(formulas.whistle_rate(own, grids), REGULATION) == nearness


def test_a_part_of_which_nothing_is_known_takes_the_districts() -> None:
    """One task, nothing but a score of 100: on-time, composite and quality are those of the whole district."""
    one: Counts = {"tasks": 1, "scored": 1, "score": 100}
    counts = district(CGJ=CGJ, XF=one)
    xf = next(standing for standing in standings("department", counts, registry()) if standing.unit == "XF")
    assert xf.raw == Fraction("40") + Fraction("22.5") + Fraction("18") + Fraction("13.5")


def test_a_part_of_which_the_district_knows_nothing_is_left_out() -> None:
    """Only scores and on-time: (0.40 · 85 + 0.25 · 75) / 0.65."""
    own = {name: GA[name] for name in ("tasks", "scored", "score", "due", "suspended_now", "on_time")}
    (ga,) = standings("department", district(GA=own), registry())
    assert ga.raw == Fraction("52.75") / Fraction("0.65")


def test_settings_count_as_the_decimals_that_they_are_written_as() -> None:
    assert exact(0.1) == Fraction(1, 10)
    assert exact(2) == 2
    other = REGULATION.model_copy(
        update={"assessing": REGULATION.assessing.model_copy(update={"basically_satisfied": 0.5})}
    )
    assert number(MEASURES["satisfied"], GA, other).value == Fraction("3.5") / 5


@given(st.fractions(), st.integers(0, 6))
def test_a_number_is_rounded_only_when_it_is_shown(value: Fraction, digits: int) -> None:
    """INVARIANT: everything is reckoned in whole numbers and fractions."""
    text = shown(value, digits)
    assert text is not None
    off = abs(Fraction(text) - value)
    assert off <= Fraction(1, 2 * 10**digits)
    assert len(text.partition(".")[2]) == digits
    if off == Fraction(1, 2 * 10**digits):
        assert int(text.replace(".", "")[-1]) % 2 == 0, "half to even"


@given(st.lists(st.sampled_from([GA, CGJ, {"tasks": 3, "scored": 2, "score": 11}]), min_size=1, max_size=12))
def test_shrinking_never_leaves_the_span_between_index_and_mean(units: list[Counts]) -> None:
    counts = district(**{f"D{n:02}": own for n, own in enumerate(units)})
    for standing in standings("department", counts, registry()):
        assert min(standing.raw, standing.mean) <= standing.index <= max(standing.raw, standing.mean)


# -- boards ---------------------------------------------------------------------------------------------------


def test_a_board_has_ranks_changes_and_colours() -> None:
    """Six units: the best fifth (2) is red and the last fifth black, as far as above or below the mean."""
    now = {"A": 90, "B": 80, "C": 80, "D": 70, "E": 60, "F": 50}
    earlier = {"A": 50, "B": 90, "C": 80, "E": 85}
    placed = places(ranked(now), ranked(earlier))
    assert [(p.standing.unit, p.rank, p.previous_rank, p.change, p.colour) for p in placed] == [
        ("A", 1, 4, 3, "red"),
        ("B", 2, 1, -1, "red"),
        ("C", 2, 3, 1, "red"),
        ("D", 4, None, None, None),
        ("E", 5, 2, -3, "black"),
        ("F", 6, None, None, "black"),
    ]


def test_where_all_are_equal_nobody_is_red_or_black() -> None:
    placed = places(ranked({"B": 80, "A": 80}), [])
    assert [(p.standing.unit, p.rank, p.colour) for p in placed] == [("A", 1, None), ("B", 1, None)]


def test_a_boards_row_says_n_and_every_number() -> None:
    first, second = board("department", district(CGJ=CGJ, GA=GA), {}, registry())
    assert (first["unit"], first["rank"], second["unit"], second["n_excluded"]) == ("CGJ", 1, "GA", 2)
    assert (second["index"], second["exact"], second["points_off"]) == ("76.46", "15291/200", "5.30")
    assert [row["name"] for row in second["numbers"]] == [m.name for m in MEASURES.values() if "department" in m.of]


def district(**units: Counts) -> dict[str, Counts]:
    return {**units, DISTRICT: total(units.values())}


def registry(**grids: int) -> Registry:
    """The sample district's settings with so many grids per street."""
    streets = tuple(Street(code=code, name_zh=code, name_en=code) for code in grids)
    rows = tuple(
        Grid(code=f"{code}-{n}", street=code, name_zh="网格") for code, many in grids.items() for n in range(many)
    )
    return paperwork.pack().registry.model_copy(
        update={"streets": streets, "grids": rows, "regulations": (REGULATION,)}
    )


def ranked(indices: dict[str, int]) -> list[Standing]:
    mean = Fraction(sum(indices.values()), len(indices))
    about: dict[str, Any] = {"n": 9, "n_excluded": 0, "mean": mean, "points": Fraction(0)}
    return [Standing(unit=u, raw=Fraction(i), index=Fraction(i), **about) for u, i in indices.items()]


def test_nobody_is_praised_for_nothing() -> None:
    """What is not known of a department is the district's, which earns no red place."""
    first, *others = ranked({"GJGS": 95, "CGJ": 90, "GA": 60, "XF": 50, "ZJ": 40})
    assert [place.colour for place in places([first, *others], [])] == ["red", None, None, None, "black"]
    hollow = replace(first, proven=False)
    assert [place.colour for place in places([hollow, *others], [])] == [None, None, None, None, "black"]
