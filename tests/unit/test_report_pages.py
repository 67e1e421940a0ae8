"""Reports as pages show them: lines of a desk, shares by level, a report's way in plain steps."""

from collections.abc import Iterator
from datetime import timedelta
from gettext import NullTranslations
from itertools import pairwise
from typing import Any, get_args
from uuid import uuid4

import pytest

from support import paperwork
from support.clockface import MONDAY
from whistle_intake import domain
from whistle_intake.api.report_views import ContactView, ProgressView, RatingView, ReportDetail, StepView, TurnView
from whistle_intake.domain.progress import StepName
from whistle_intake.pages import report_lines
from whistle_shared.contracts.vocabulary import ReportOutcome
from whistle_shared.pages import Words

REGISTRY = paperwork.pack().registry
WORDS = Words("zh", NullTranslations(), REGISTRY)
ENGLISH = Words("en", NullTranslations(), REGISTRY)
GOOD = RatingView(contacted=True, solved=False, satisfaction="dissatisfied")


def seen(**more: Any) -> ReportDetail:
    """A resident's report as the API shows it."""
    about: dict[str, Any] = {
        "report_id": uuid4(),
        "street": "S01",
        "grid": "S01-G001",
        "category": None,
        "channel": "resident",
        "target": "grid",
        "desk": "grid",
        "state": "submitted",
        "steps": ["handling", "handed_up"],
        "submitted_at": MONDAY,
        "text": "井盖不见了。晚上没有灯。",
        "has_contact": False,
        "whistle_id": None,
        "rating": None,
        "person_id": uuid4(),
        "location": None,
        "contact": None,
        "turns": [],
    }
    return ReportDetail(**about | more)


def followed(*names: StepName, desk: domain.Desk | None = None, **more: Any) -> ProgressView:
    steps = [StepView(name=name, at=MONDAY + timedelta(hours=n), desk=desk) for n, name in enumerate(names)]
    about: dict[str, Any] = {"state": "handling", "street": "S01", "grid": None, "category": None, "answer": ""}
    return ProgressView(**about | {"steps": steps, "may_rate": False, "rating": None} | more)


# -- a line of a desk -----------------------------------------------------------------------------------------------


def test_a_line_says_where_what_and_for_whom() -> None:
    line = report_lines.line(WORDS, seen(category="0701", target="property"))
    assert (line.place, line.category) == ("采薇街道第一社区第1网格", "井盖缺失破损")
    assert line.target == "报物业，请转告物业"
    assert (line.state, line.tone, line.acts) == ("待受理", "half", ("handling", "handed_up"))
    assert report_lines.line(ENGLISH, seen()).place == "Caiwei Sub-district S01-G001"
    assert report_lines.line(WORDS, seen(grid=None)).place == "采薇街道"


def test_what_is_erased_is_told_as_erased() -> None:
    line = report_lines.line(WORDS, seen(text=None))
    assert line.gone
    assert line.text == "（内容已按期删除）"
    assert line.draft["draft.title"] == ""


@pytest.mark.parametrize("state", get_args(domain.ReportState))
def test_every_state_has_a_tone_and_a_picture(state: domain.ReportState) -> None:
    line = report_lines.line(WORDS, seen(state=state))
    assert line.state != state
    assert line.picture


def test_a_draft_begins_with_the_catalogue_and_the_first_sentence() -> None:
    drafted = report_lines.line(WORDS, seen(category="0701")).draft
    usual = REGISTRY.category_by_code["0701"]
    assert drafted["draft.kind"] == usual.default_kind
    assert drafted["draft.urgency"] == usual.default_urgency
    assert drafted["draft.title"] == "井盖不见了"
    assert drafted["draft.description"] == "井盖不见了。晚上没有灯。"
    assert drafted["draft.place"] == "采薇街道第一社区第1网格"
    plain = report_lines.line(WORDS, seen(text="长" * 100)).draft
    assert (plain["draft.kind"], plain["draft.category"], len(plain["draft.title"])) == ("appeal", "", 40)


def test_a_whistle_leads_to_its_page() -> None:
    whistle_id = uuid4()
    assert report_lines.line(WORDS, seen(whistle_id=whistle_id)).whistle == f"/whistles/{whistle_id}"
    assert report_lines.line(WORDS, seen()).whistle == ""


def test_before_the_registry_has_arrived_codes_stand_for_names() -> None:
    early = Words("zh", NullTranslations(), None)
    line = report_lines.line(early, seen(category="0701"))
    assert (line.place, line.category) == ("S01-G001", "0701")


# -- one report -----------------------------------------------------------------------------------------------------


def test_a_page_shows_what_the_api_blotted_out_and_the_latest_word_first() -> None:
    """INVARIANT: nothing here shows more than the API's views do."""
    turns = [
        TurnView(at=MONDAY, outcome=outcome, desk="grid", by="张网格", note="", answer=outcome)
        for outcome in ("handling", "handled")
    ]
    page = report_lines.detail(
        WORDS, seen(turns=turns, contact=ContactView(name="王**", phone="138****1234"), rating=GOOD)
    )
    assert page["contact"] == "王** · 138****1234"
    assert [turn["outcome"] for turn in page["turns"]] == ["已办结", "就地办理"]
    assert page["rating"] == [("联系了吗", "是"), ("解决了吗", "否"), ("满意吗", "不满意")]
    assert report_lines.detail(WORDS, seen())["contact"] is None


@pytest.mark.parametrize("outcome", get_args(ReportOutcome))
def test_every_outcome_has_a_word(outcome: ReportOutcome) -> None:
    assert outcome in report_lines.OUTCOMES


# -- who settles what -----------------------------------------------------------------------------------------------


def parts(shares: report_lines.Shares) -> Iterator[tuple[str, int, str]]:
    return ((level.code, level.n, level.percent) for level in shares.levels)


def test_shares_count_grid_and_community_as_small() -> None:
    shares = report_lines.shares(WORDS, {"grid": 5, "community": 1, "whistle": 2})
    assert (shares.n, shares.small) == (8, "75.0")
    assert list(parts(shares)) == [
        ("grid", 5, "62.5"),
        ("community", 1, "12.5"),
        ("street", 0, "0.0"),
        ("whistle", 2, "25.0"),
    ]


def test_a_bar_has_no_gaps() -> None:
    levels = report_lines.shares(WORDS, {"grid": 1, "community": 1, "street": 1, "whistle": 4}).levels
    for before, after in pairwise(levels):
        assert before.left + before.width == pytest.approx(after.left, abs=0.02)
    assert levels[-1].left + levels[-1].width == pytest.approx(100, abs=0.02)


def test_nothing_settled_is_no_share() -> None:
    assert report_lines.shares(WORDS, {}).small is None


# -- for whoever reported -------------------------------------------------------------------------------------------


def test_the_latest_step_comes_first_and_says_with_whom_it_is() -> None:
    way = report_lines.way(WORDS, followed("received", "handling", desk="grid"))
    assert [step.text for step in way["steps"]] == ["正在办理", "已收到"]
    assert way["steps"][0].desk == "现由网格员负责"


@pytest.mark.parametrize("end", ["handled", "declined"])
def test_what_has_ended_is_with_nobody(end: StepName) -> None:
    assert report_lines.way(WORDS, followed(end, desk="grid"))["steps"][0].desk == ""


@pytest.mark.parametrize("name", get_args(StepName))
def test_every_step_is_told_in_words(name: StepName) -> None:
    step = report_lines.way(WORDS, followed(name))["steps"][0]
    assert step.text != name
    assert step.picture


def test_a_rating_is_shown_and_asked_for_once() -> None:
    assert report_lines.way(WORDS, followed("handled", may_rate=True))["may_rate"]
    rated = report_lines.way(WORDS, followed("handled", rating=GOOD))
    assert not rated["may_rate"]
    assert dict(rated["rating"])["满意吗"] == "不满意"
