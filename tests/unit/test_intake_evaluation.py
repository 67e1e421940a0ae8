"""The street's score, its veto and default, the appeal; the call-back and the closing. Sources: DOMAIN.md C.1, C.8."""

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.counter import REGISTRY, Counter, accepted, closed, finished, minutes
from support.paperwork import WHISTLE
from whistle_intake import domain, tables
from whistle_shared.contracts.dispatch import ScoreAppealDecided
from whistle_shared.contracts.escalation import ClockBreached
from whistle_shared.contracts.intake import (
    CallbackRecorded,
    TaskEvaluated,
    TaskReworkOrdered,
    WhistleClosed,
    WhistleReopened,
)
from whistle_shared.contracts.vocabulary import Score
from whistle_shared.errors import IllegalTransition, Invalid

FULL = REGISTRY.regulation.scoring.parts


# -- scores ---------------------------------------------------------------------------------------------------------


def test_a_score_is_said_to_the_department_with_its_basis() -> None:
    counter = accepted()
    counter.scores("CGJ", arrival=15, result=20)
    word = counter.word(TaskEvaluated)
    assert (word.to, word.awaiting) == (("CGJ",), ("escalation",))
    said: TaskEvaluated = counter.last(TaskEvaluated)
    assert (said.revision, said.score.total, said.score.veto, said.by_default) == (1, 85, False, False)
    assert said.basis == "处置及时"
    assert counter.task("CGJ").state == "evaluated"
    (row,) = counter.sheets[-1].rows(tables.evaluation)
    assert (row["revision"], row["by_default"], row["task_id"]) == (1, False, counter.task_id("CGJ"))
    with pytest.raises(IllegalTransition):
        counter.scores("CGJ")


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        (FULL | {"arrival": 21}, "parts.arrival"),
        (FULL | {"arrival": -1}, "parts.arrival"),
        ({name: most for name, most in FULL.items() if name != "citizen"}, "parts.citizen"),
        (FULL | {"speed": 3}, "parts.speed"),
    ],
)
def test_marks_that_the_regulation_does_not_know_are_refused_by_name(parts: dict[str, int], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        domain.score(parts, False, REGISTRY.regulation)
    assert refused.value.field == field


def test_a_score_before_the_verification_is_refused() -> None:
    counter = finished()
    with pytest.raises(IllegalTransition) as refused:
        counter.scores("CGJ")
    assert (refused.value.state, refused.value.legal) == ("submitted", ("verification",))


def test_a_veto_sends_the_task_back_and_its_result_counts_nothing() -> None:
    """Source: DOMAIN.md C.8: veto sets the result to 0 and forces rework."""
    counter = accepted()
    counter.scores("CGJ", veto=True, at=minutes(10))
    assert counter.count(TaskEvaluated) == 0
    assert counter.last(TaskReworkOrdered).reasons == "处置及时"
    assert (counter.task("CGJ").state, counter.task("CGJ").vetoed, counter.state) == ("rework", True, "handling")
    counter.submitted("CGJ", at=minutes(20), attempt=2)
    counter.verifies("CGJ", at=minutes(30))
    counter.scores("CGJ", at=minutes(40))
    said: TaskEvaluated = counter.last(TaskEvaluated)
    assert (said.score.veto, said.score.parts["result"], said.score.total) == (True, 0, 70)


def breach(counter: Counter, department: str, due: float, clock: str = "evaluate") -> ClockBreached:
    return ClockBreached.model_validate(
        {
            "whistle_id": WHISTLE,
            "task_id": counter.task_id(department),
            "department": None,
            "clock_id": uuid4(),
            "clock": clock,
            "side": "street",
            "due_at": minutes(due),
            "fired_at": minutes(due),
            "late_by_seconds": 0,
        }
    )


def test_a_street_that_is_late_to_score_leaves_the_default() -> None:
    """Source: DOMAIN.md C.1: scores due in 3 working days, else default 80."""
    counter = accepted()
    counter.hears(breach(counter, "CGJ", due=500), minutes(500))
    said: TaskEvaluated = counter.last(TaskEvaluated)
    assert (said.score.total, said.by_default, said.revision) == (80, True, 1)
    assert said.score.parts == {
        "arrival": 16,
        "people": 8,
        "handling": 16,
        "result": 24,
        "cooperation": 8,
        "citizen": 8,
    }
    assert counter.word(TaskEvaluated).awaiting == ("escalation",)
    with pytest.raises(IllegalTransition):
        counter.scores("CGJ", at=minutes(501))


@pytest.mark.parametrize("late", ["scored before", "another clock", "before the pass", "sent back"])
def test_a_breach_that_was_left_behind_gives_no_score(late: str) -> None:
    counter = accepted()
    if late == "scored before":
        counter.scores("CGJ", at=minutes(499))
    if late == "sent back":
        counter.scores("CGJ", veto=True, at=minutes(499))
    before = counter.count(TaskEvaluated)
    due, clock = (-1, "evaluate") if late == "before the pass" else (500, "evaluate")
    counter.hears(breach(counter, "CGJ", due, "street_verify" if late == "another clock" else clock), minutes(500))
    assert counter.count(TaskEvaluated) == before


@settings(deadline=None, database=None)
@given(
    parts=st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 100), min_size=1),
    default=st.integers(0, 100),
    vetoed=st.booleans(),
)
def test_default_parts_are_whole_marks_that_add_up(parts: dict[str, int], default: int, vetoed: bool) -> None:
    scoring = REGISTRY.regulation.scoring.model_copy(update={"parts": parts, "default": default})
    score = domain.by_default(vetoed, REGISTRY.regulation.model_copy(update={"scoring": scoring}))
    assert score.total == sum(score.parts.values()) <= 100
    whole = sum(parts.values())
    if whole >= 100 and not vetoed:
        assert score.total == default


def appeal_decided(counter: Counter, granted: bool = True, revision: int = 1, total: int = 92) -> ScoreAppealDecided:
    return ScoreAppealDecided(
        whistle_id=WHISTLE,
        task_id=counter.task_id("CGJ"),
        department="CGJ",
        request_id=uuid4(),
        granted=granted,
        reason="到场记录属实",
        by="区吹哨办",
        revision=revision,
        score=Score(parts={"arrival": 20}, total=total) if granted else None,
    )


def test_an_appeal_that_is_granted_rewrites_the_score() -> None:
    """INVARIANT: the revisions of a task's score count from 1 without a gap, and each is said once."""
    counter = accepted()
    counter.scores("CGJ", arrival=0)
    decided = appeal_decided(counter)
    counter.hears(decided, minutes(60))
    said: TaskEvaluated = counter.last(TaskEvaluated)
    assert (said.revision, said.score.total, said.by, said.basis) == (2, 92, "区吹哨办", "到场记录属实")
    counter.hears(appeal_decided(counter, total=10), minutes(61))  # a second word on the same revision
    assert counter.count(TaskEvaluated) == 2


def test_an_appeal_that_is_refused_changes_nothing() -> None:
    counter = accepted()
    counter.scores("CGJ")
    counter.hears(appeal_decided(counter, granted=False), minutes(60))
    assert counter.count(TaskEvaluated) == 1
    assert "dispatch.score_appeal_decided.v1" in counter.told


def test_a_score_is_rewritten_after_the_closing_too() -> None:
    counter = closed()
    counter.hears(appeal_decided(counter), minutes(60))
    assert (counter.last(TaskEvaluated).revision, counter.state) == (2, "closed")


# -- call-back and closing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [("CGJ", "GA", "call"), ("call", "CGJ", "GA"), ("CGJ", "call", "GA")])
def test_a_whistle_closes_with_the_last_score_or_the_call_back(order: tuple[str, ...]) -> None:
    counter = accepted()
    for step in order:
        assert counter.state == "pending_evaluation"
        if step == "call":
            counter.calls_back()
        else:
            counter.scores(step)
    assert counter.state == "closed"
    word = counter.word(WhistleClosed)
    assert word.data == WhistleClosed(whistle_id=WHISTLE, round=1, callback="done")
    assert word.to == ("CGJ", "GA")
    assert counter.told[-1] == WhistleClosed.key


def test_a_default_score_closes_too() -> None:
    counter = accepted()
    counter.scores("GA")
    counter.calls_back(contacted=False, solved=None, satisfaction=None, waived=True, note="匿名反映")
    counter.hears(breach(counter, "CGJ", due=500), minutes(500))
    assert counter.last(WhistleClosed).callback == "waived"


def test_who_was_not_reached_is_called_again() -> None:
    counter = accepted()
    counter.scores("CGJ")
    counter.scores("GA")
    counter.calls_back(contacted=False, solved=None, satisfaction=None)
    assert counter.state == "pending_evaluation"
    counter.calls_back()
    assert (counter.count(CallbackRecorded), counter.state) == (2, "closed")


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        ({"solved": None}, "solved"),
        ({"satisfaction": None}, "satisfaction"),
        ({"contacted": False, "satisfaction": None}, "solved"),
        ({"contacted": False, "solved": None}, "satisfaction"),
        ({"waived": True, "note": "x"}, "waived"),
        ({"contacted": False, "solved": None, "satisfaction": None, "waived": True}, "note"),
    ],
)
def test_answers_must_go_with_whether_anybody_was_reached(answer: dict[str, Any], field: str) -> None:
    counter = accepted()
    with pytest.raises(Invalid) as refused:
        counter.calls_back(**answer)
    assert (refused.value.field, counter.count(CallbackRecorded)) == (field, 0)


def test_a_call_back_waits_for_the_verification_and_is_made_once() -> None:
    counter = finished()
    with pytest.raises(IllegalTransition) as refused:
        counter.calls_back()
    assert refused.value.state == "pending_verify"
    counter.verifies("CGJ")
    counter.verifies("GA")
    counter.calls_back()
    with pytest.raises(IllegalTransition):
        counter.calls_back()


@pytest.mark.parametrize("answer", [{"solved": False}, {"satisfaction": "dissatisfied"}])
def test_somebody_dissatisfied_reopens_the_whistle(answer: dict[str, Any]) -> None:
    counter = accepted()
    counter.scores("CGJ")
    counter.calls_back(at=minutes(60), **answer)
    word = counter.word(WhistleReopened)
    said = word.data
    assert isinstance(said, WhistleReopened)
    assert (said.round, said.cause, said.departments, word.awaiting) == (
        2,
        "dissatisfied",
        ("CGJ", "GA"),
        ("dispatch",),
    )
    assert said.facts.urgency == "urgent"
    assert (counter.state, counter.whistle.round, counter.count(WhistleClosed)) == ("blown", 2, 0)
    assert counter.task("GA").state == "accepted"  # what was accepted is still to be scored
    counter.scores("GA", at=minutes(70))
    assert counter.state == "blown"
