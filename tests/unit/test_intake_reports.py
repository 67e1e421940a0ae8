"""Reports: who decides what, where they go, and how far they are said to have come."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from support import paperwork
from support.clockface import MONDAY
from whistle_intake import domain
from whistle_intake.domain.reports import report_steps
from whistle_shared.contracts.vocabulary import ReportOutcome
from whistle_shared.errors import Conflict, IllegalTransition, Invalid

REGISTRY = paperwork.pack().registry
OUTCOMES: tuple[ReportOutcome, ...] = get_args(ReportOutcome)
HOUR = timedelta(hours=1)
GOOD = domain.Rating(True, True, "satisfied")


def report(**more: Any) -> domain.Report:
    """A resident's report in a grid of S01."""
    about: dict[str, Any] = {
        "report_id": uuid4(),
        "person_id": uuid4(),
        "street": "S01",
        "grid": "S01-G001",
        "category": None,
        "channel": "resident",
        "target": "grid",
        "desk": "grid",
        "submitted_at": MONDAY,
    }
    return domain.Report(**about | more)


def said(known: domain.Report, outcome: ReportOutcome, level: domain.Desk) -> domain.Report:
    whistle = uuid4() if outcome == "drafted" else None
    return domain.triage(known, outcome, level, MONDAY + HOUR, whistle)


# -- where it is ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("street", "grid", "place"),
    [
        (None, "S01-G001", domain.Place("S01", "S01-G001")),
        ("S01", "S01-G001", domain.Place("S01", "S01-G001")),
        ("S01", None, domain.Place("S01", None)),
    ],
)
def test_a_grid_tells_its_street(street: str | None, grid: str | None, place: domain.Place) -> None:
    assert domain.place_of(street, grid, "0701", REGISTRY) == place


@pytest.mark.parametrize(
    ("street", "grid", "category", "field"),
    [
        (None, None, None, "street"),
        ("S99", None, None, "street"),
        (None, "S99-G001", None, "grid"),
        ("S02", "S01-G001", None, "grid"),
        ("S01", None, "9999", "category"),
    ],
)
def test_a_place_that_the_registry_does_not_have_is_refused(
    street: str | None, grid: str | None, category: str | None, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        domain.place_of(street, grid, category, REGISTRY)
    assert refused.value.field == field


# -- who decides ----------------------------------------------------------------------------------------------------


def test_a_report_goes_up_and_nobody_below_decides_any_more() -> None:
    """INVARIANT: a report goes up (网格 → 社区 → 街道) and never down, and nobody decides about one that went past."""
    at_community = said(report(), "handed_up", "grid")
    assert (at_community.desk, at_community.state) == ("community", "handed_up")
    with pytest.raises(Conflict, match="with the community"):
        said(at_community, "handled", "grid")
    at_street = said(at_community, "handed_up", "community")
    assert at_street.desk == "street"
    with pytest.raises(IllegalTransition):
        said(at_street, "handed_up", "street")
    assert "handed_up" not in at_street.legal("street")
    assert at_street.legal("community") == ()


def test_whoever_takes_it_on_from_above_has_it() -> None:
    taken = said(report(), "handling", "street")
    assert (taken.desk, taken.legal("grid")) == ("street", ())


@pytest.mark.parametrize("whistle", get_args(domain.Stage))
def test_a_drafted_report_follows_its_whistle(whistle: domain.Stage) -> None:
    drafted = said(report(), "drafted", "community")
    assert (drafted.desk, drafted.state, drafted.whistle) == ("street", "drafted", "draft")
    follows = {"closed": "closed", "withdrawn": "withdrawn", "self_handled": "handling"}
    assert replace(drafted, whistle=whistle).state == follows.get(whistle, "drafted")


def test_one_whose_whistle_was_withdrawn_may_be_taken_up_again() -> None:
    withdrawn = replace(said(report(), "drafted", "community"), whistle="withdrawn")
    again = said(withdrawn, "drafted", "street")
    assert (again.state, again.whistle_id) == ("drafted", again.whistle_id)
    assert again.whistle_id != withdrawn.whistle_id


@pytest.mark.parametrize("state", ["handled", "declined", "closed"])
def test_an_end_is_an_end(state: domain.ReportState) -> None:
    assert report_steps(state) == ()


# -- the rating -----------------------------------------------------------------------------------------------------


def test_a_report_is_rated_once_and_at_the_end() -> None:
    open_one = said(report(), "handling", "grid")
    with pytest.raises(IllegalTransition):
        domain.rate(open_one, GOOD, MONDAY)
    done = said(open_one, "handled", "grid")
    rated = domain.rate(done, GOOD, MONDAY + 2 * HOUR)
    assert (rated.rating, rated.rated_at) == (GOOD, MONDAY + 2 * HOUR)
    assert domain.rate(rated, GOOD, MONDAY + 3 * HOUR) == rated, "a repetition changes nothing"
    with pytest.raises(Conflict):
        domain.rate(rated, domain.Rating(True, False, "dissatisfied"), MONDAY)


# -- a whole life at random -----------------------------------------------------------------------------------------


class Life(RuleBasedStateMachine):
    """One report; whatever anybody says, only legal steps succeed."""

    def __init__(self) -> None:
        super().__init__()
        self.report = report()
        self.desks = [self.report.desk]

    @rule(outcome=st.sampled_from(OUTCOMES), level=st.sampled_from(domain.DESKS))
    def somebody_says_something(self, outcome: ReportOutcome, level: domain.Desk) -> None:
        before = self.report
        if outcome in before.legal(level):
            self.report = said(before, outcome, level)
            assert (outcome, before.state, self.report.state) in domain.REPORT_STEPS
            assert self.report.turns == before.turns + 1
        else:
            with pytest.raises(Conflict):
                said(before, outcome, level)
        self.desks.append(self.report.desk)

    @rule(stage=st.sampled_from(get_args(domain.Stage)))
    def its_whistle_goes_on(self, stage: domain.Stage) -> None:
        """A whistle that is over stays so, but for a closed one that is reopened."""
        before = self.report
        if before.stage != "drafted" or (before.state != "drafted" and (before.whistle, stage) != ("closed", "open")):
            return
        self.report = replace(before, whistle=stage)
        moves = {(source, target) for _, source, target in domain.REPORT_FOLLOWS}
        assert before.state == self.report.state or (before.state, self.report.state) in moves

    @rule(contacted=st.booleans())
    def whoever_reported_rates(self, contacted: bool) -> None:
        rating = domain.Rating(contacted, True, "satisfied")
        if self.report.rating is None and self.report.state in domain.REPORT_ENDS:
            self.report = domain.rate(self.report, rating, MONDAY)
        elif self.report.rating != rating:
            with pytest.raises(Conflict):
                domain.rate(self.report, rating, MONDAY)

    @invariant()
    def it_never_comes_down(self) -> None:
        assert [domain.DESKS.index(desk) for desk in self.desks] == sorted(domain.DESKS.index(d) for d in self.desks)

    @invariant()
    def the_state_is_one_of_the_words_and_no_trap(self) -> None:
        state = self.report.state
        assert state in get_args(domain.ReportState)
        follows = {source for _, source, _ in domain.REPORT_FOLLOWS}
        assert report_steps(state) or state in follows or state in domain.REPORT_ENDS


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=150, stateful_step_count=20, deadline=None, database=None)


def test_every_state_is_reached_and_every_open_one_has_a_way_out() -> None:
    moves: tuple[tuple[str, str, str], ...] = (*domain.REPORT_STEPS, *domain.REPORT_FOLLOWS)
    states = set(get_args(domain.ReportState))
    assert {source for _, source, _ in moves} == states - {"handled", "declined"}
    reached, edge = {"submitted"}, {"submitted"}
    while edge:
        edge = {target for _, source, target in moves if source in edge} - reached
        reached |= edge
    assert reached == states


# -- progress -------------------------------------------------------------------------------------------------------


def course(*events: tuple[str, float, dict[str, Any]], **more: Any) -> domain.Course:
    return domain.Course([domain.Told(key, MONDAY + hours * HOUR, data) for key, hours, data in events], **more)


def turn(number: int, outcome: ReportOutcome, desk: domain.Desk, hours: float) -> domain.Turn:
    return domain.Turn(number, MONDAY + hours * HOUR, outcome, desk, "王网格", "内部备注", "")


def names(steps: tuple[domain.Step, ...]) -> list[tuple[str, str | None]]:
    return [(step.name, step.desk) for step in steps]


def test_progress_is_plain_steps_in_order_and_names_nobody() -> None:
    turns = [turn(1, "handling", "grid", 1), turn(2, "handed_up", "community", 2), turn(3, "drafted", "street", 3)]
    whistle = course(
        ("intake.whistle_blown.v1", 4, {"round": 1}),
        ("department.responder_checked_in.v1", 5, {"arrival": False, "person": "李强"}),
        ("department.responder_checked_in.v1", 6, {"arrival": True, "person": "李强"}),
        ("department.responder_checked_in.v1", 7, {"arrival": True, "person": "王敏"}),
        ("intake.whistle_closed.v1", 9, {"callback": "done"}),
        solved_at=MONDAY + 9 * HOUR,
    )
    steps = domain.progress(report(), turns, whistle)
    assert names(steps) == [
        ("received", "grid"),
        ("handling", "grid"),
        ("handed_up", "community"),
        ("handed_up", "street"),
        ("whistle_blown", None),
        ("on_site", None),
        ("solved", None),
        ("closed", None),
    ]
    assert "李强" not in str(steps)
    assert "王网格" not in str(steps)


def test_a_second_round_is_told_with_its_own_arrival() -> None:
    whistle = course(
        ("intake.whistle_blown.v1", 1, {}),
        ("department.responder_checked_in.v1", 2, {}),
        ("intake.whistle_reopened.v1", 3, {"cause": "dissatisfied"}),
        ("department.responder_checked_in.v1", 4, {}),
        withdrawn_at=MONDAY + 5 * HOUR,
    )
    steps = domain.progress(report(channel="community"), (), whistle)
    assert [name for name, _ in names(steps)] == [
        "received",
        "whistle_blown",
        "on_site",
        "reopened",
        "on_site",
        "withdrawn",
    ]
    assert steps[0].desk == "community"


@pytest.mark.parametrize(("outcome", "shown"), [("self_handled", ["received", "handling"]), ("draft", ["received"])])
def test_a_whistle_that_was_not_signed_stays_with_the_street(outcome: str, shown: list[str]) -> None:
    rejected = course(("intake.whistle_rejected.v1", 1, {"outcome": outcome}))
    assert [name for name, _ in names(domain.progress(report(), (), rejected))] == shown


def test_what_belongs_to_a_report_names_it() -> None:
    assert domain.subject_of(UUID(int=7)) == f"report:{UUID(int=7)}"
