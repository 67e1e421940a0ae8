"""Words that come late, early, or from a round that is over: they change nothing that they are not about."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from support import paperwork
from support.counter import OFFICE, REGISTRY, Counter, accepted, closed, minutes
from support.paperwork import WHISTLE
from whistle_intake import commands, domain
from whistle_shared.auth import Caller
from whistle_shared.contracts import dispatch as said_by_dispatch
from whistle_shared.contracts.department import (
    ResponderCheckedIn,
    ReturnRequested,
    SuspensionRequested,
    TaskAcknowledged,
    TaskResumed,
    TaskSubmitted,
)
from whistle_shared.contracts.dispatch import TaskCalled
from whistle_shared.contracts.intake import ActionItem, MeetingMinuted, WhistleClosed
from whistle_shared.errors import Invalid
from whistle_shared.messaging import RetryLater

DAY = 24 * 60


def call_of(department: str, presence: str = "on_site", origin: str = "substitute-1") -> TaskCalled:
    more = {"department": department, "presence": presence, "origin": origin, "role": "assist", "terms": "assist@1"}
    return TaskCalled.model_validate({"task_id": uuid4(), **more})


def joins(counter: Counter, task: TaskCalled, at: float, round_: int = 1, cause: UUID | None = None) -> None:
    """Another task is called under the whistle."""
    called = counter.call.model_copy(update={"tasks": (task,), "round": round_, "terms": {}})
    event = paperwork.event(called, minutes(at))
    object.__setattr__(event, "causation_id", cause)
    counter.hears_event(event)


def said_of(task: TaskCalled, kind: Any, **more: Any) -> Any:
    about = {"whistle_id": WHISTLE, "task_id": task.task_id, "department": task.department}
    return kind.model_validate({**about, "by": "值班室", "person": "王建国", **more})


# -- presence -------------------------------------------------------------------------------------------------------


def test_who_attends_a_meeting_has_not_arrived_where_the_place_is_asked_for() -> None:
    """Source: EVENTS.md section 2, Meeting: a check-in with a meeting id counts where presence = meeting."""
    counter = Counter().dispatched()
    counter.reports("CGJ", TaskAcknowledged, minutes(5))
    attended = {"place": "会议室", "mode": "meeting", "meeting_id": uuid4(), "arrival": False}
    counter.reports("CGJ", ResponderCheckedIn, minutes(60), **attended)
    assert (counter.task("CGJ").arrived_at, counter.state) == (None, "responding")
    counter.reports("CGJ", ResponderCheckedIn, minutes(90), place="现场", mode="on_site")
    assert (counter.task("CGJ").arrived_at, counter.state) == (minutes(90), "on_scene")


def test_who_attends_a_meeting_has_arrived_where_a_meeting_is_asked_for() -> None:
    counter = Counter().dispatched()
    task = call_of("ZFJ", presence="meeting")
    joins(counter, task, at=10)
    attended = {"place": "会议室", "mode": "meeting", "meeting_id": uuid4()}
    counter.hears(said_of(task, ResponderCheckedIn, **attended), minutes(60))
    assert counter.whistle.tasks[task.task_id].arrived_at == minutes(60)


# -- suspensions ----------------------------------------------------------------------------------------------------


def rests(counter: Counter, department: str = "CGJ") -> UUID:
    """A suspension that the street grants at 40 minutes past nine."""
    request_id = uuid4()
    asked = {"cause": "funding_approval", "until": minutes(5 * DAY), "number": 1, "reason": "资金待批"}
    counter.reports(department, SuspensionRequested, minutes(30), request_id=request_id, decider="street", **asked)
    decides(counter, request_id, at=40)
    return request_id


def decides(counter: Counter, request_id: UUID, at: float, review: bool = False) -> None:
    decision = commands.Decision(True, None, None, "情况属实", review)
    counter.does(commands.decide_request, request_id, OFFICE, decision, REGISTRY.regulation, at=minutes(at))


def test_work_that_was_resumed_before_a_review_goes_on() -> None:
    """The department's word was still on its way when the street looked at the suspension again."""
    counter = Counter().dispatched()
    request_id = rests(counter)
    decides(counter, request_id, at=DAY, review=True)
    counter.reports("CGJ", TaskResumed, minutes(DAY - 5))
    assert counter.task("CGJ").state == "dispatched"


def test_work_that_was_resumed_before_the_districts_review_goes_on() -> None:
    counter = Counter().dispatched()
    about = {"whistle_id": WHISTLE, "task_id": counter.task_id("CGJ"), "department": "CGJ", "request_id": uuid4()}
    word = about | {"granted": True, "reason": "x", "by": "区吹哨办", "until": minutes(30 * DAY)}
    decided = said_by_dispatch.SuspensionDecided.model_validate
    counter.hears(decided(word | {"cycle": 100}), minutes(40))
    counter.reports("CGJ", TaskResumed, minutes(DAY - 5))
    counter.hears(decided(word | {"cycle": 101}), minutes(DAY))
    assert counter.task("CGJ").state == "dispatched"
    counter.hears(decided(word | {"request_id": uuid4(), "cycle": 200}), minutes(2 * DAY))
    assert counter.task("CGJ").state == "suspended"


def test_a_suspension_that_submitted_work_met_on_its_way_does_not_suspend_the_whistle() -> None:
    counter = Counter().dispatched()
    for department in ("CGJ", "GA"):
        rests(counter, department)
    counter.submitted(at=minutes(39))
    assert {task.state for task in counter.whistle.current} == {"submitted"}
    assert counter.state == "pending_verify"


# -- the lead -------------------------------------------------------------------------------------------------------


def test_a_lead_that_nobody_has_called_yet_is_waited_for() -> None:
    """A dispute may name an assistant as the lead; who that is, its call says."""
    counter = Counter()
    about = {"request_id": uuid4(), "task_id": counter.task_id("CGJ"), "department": "CGJ", "upheld": True}
    outcome: dict[str, Any] = {"tasks": (), "terms": {}, "lead": counter.task_id("GA"), "reason": "x", "by": "区吹哨办"}
    ended = {"ended": ({"task_id": counter.task_id("CGJ"), "department": "CGJ"},)}
    word = {**counter.call.model_dump(), **about, **outcome, **ended}
    decided = said_by_dispatch.ReturnDecided.model_validate(word)
    with pytest.raises(RetryLater):
        counter.hears(decided, minutes(30))
    counter.dispatched()
    counter.hears(decided, minutes(30))
    assert (counter.task("GA").role, counter.task("CGJ").state) == ("lead", "reassigned")


# -- rounds ---------------------------------------------------------------------------------------------------------


def reopened() -> Counter:
    """Both tasks verified, only GA's scored; the reporter was dissatisfied, and round 2 is not dispatched yet."""
    counter = accepted()
    counter.scores("GA")
    counter.calls_back(solved=False, satisfaction="dissatisfied")
    assert (counter.whistle.round, counter.whistle.routing) == (2, "pending")
    return counter


def test_how_an_earlier_round_was_routed_says_nothing_of_this_one() -> None:
    for late in ("dispatched", "unrouted"):
        counter = reopened()
        if late == "dispatched":
            joins(counter, call_of("ZFJ"), at=30)
        else:
            told = counter.call.model_dump() | {"reason": "x", "clocks": ()}
            counter.hears(said_by_dispatch.WhistleUnrouted.model_validate(told), minutes(30))
        assert counter.whistle.routing == "pending"


def test_a_withdrawal_leaves_the_rounds_before_as_they_were() -> None:
    counter = reopened()
    counter.whistle = domain.withdraw(counter.whistle, minutes(40))
    counter.hears(counter.call, minutes(0))
    assert counter.task("GA").state == "evaluated"


def test_a_task_that_was_replaced_stays_so_after_a_withdrawal() -> None:
    counter = Counter().dispatched()
    ended = domain.with_task(counter.whistle, counter.task("CGJ"))
    counter.whistle = domain.withdraw(ended, minutes(40))
    ends = said_by_dispatch.EndedTask(task_id=counter.task_id("CGJ"), department="CGJ")
    counter.does(commands.end_tasks, (ends,), at=minutes(41))
    counter.hears(counter.call, minutes(0))
    assert counter.task("CGJ").state == "reassigned"


def test_nothing_of_an_earlier_round_is_done_again() -> None:
    counter = reopened()
    with pytest.raises(Invalid) as refused:
        counter.scores("CGJ", veto=True, at=minutes(60))
    assert refused.value.field == "veto"
    counter.scores("CGJ", at=minutes(60))
    assert (counter.task("CGJ").state, counter.state) == ("evaluated", "blown")


def test_the_closing_is_said_to_everybody_who_ever_had_a_task() -> None:
    """A department may be called in the first round only: its task there ends with the whistle too."""
    counter = reopened()
    task = call_of("ZFJ", "none", "routed")
    joins(counter, task, at=100, round_=2)
    counter.hears(said_of(task, TaskSubmitted, result="已修复"), minutes(110))
    counter.does(commands.verify_task, task.task_id, OFFICE, passed=True, note="", at=minutes(120))
    scored: dict[str, Any] = {"parts": REGISTRY.regulation.scoring.parts, "veto": False, "basis": "处置及时"}
    counter.does(commands.score_task, task.task_id, OFFICE, REGISTRY.regulation, at=minutes(130), **scored)
    counter.calls_back(minutes(140))
    assert counter.word(WhistleClosed).to == ("CGJ", "GA", "ZFJ")


# -- the closing ----------------------------------------------------------------------------------------------------


def test_a_whistle_closes_when_the_last_open_task_turns_out_to_be_anothers() -> None:
    """A dispute may give a task to who has one already: nothing is left to score or to ask, and nobody to do it."""
    counter = accepted()
    counter.calls_back()
    task = call_of("ZFJ")
    joins(counter, task, at=10)
    counter.scores("CGJ")
    counter.scores("GA")
    asked = {"request_id": uuid4(), "basis": "三定规定", "proper_department": "GA", "reason": "非本单位职责"}
    counter.hears(said_of(task, ReturnRequested, **asked), minutes(20))
    assert (counter.whistle.tasks[task.task_id].state, counter.count(WhistleClosed)) == ("return_requested", 0)
    about = {"request_id": asked["request_id"], "task_id": task.task_id, "department": "ZFJ", "upheld": True}
    outcome: dict[str, Any] = {
        "tasks": (),
        "terms": {},
        "ended": ({"task_id": task.task_id, "department": "ZFJ"},),
        "lead": None,
    }
    word = {**counter.call.model_dump(), **about, **outcome, "reason": "x", "by": "区吹哨办"}
    counter.hears(said_by_dispatch.ReturnDecided.model_validate(word), minutes(30))
    assert (counter.state, counter.count(WhistleClosed)) == ("closed", 1)


def test_a_whistle_closes_when_the_call_of_its_last_task_comes_late() -> None:
    counter = accepted()
    counter.calls_back()
    counter.scores("CGJ")
    task = call_of("ZFJ", "none")
    counter.hears(said_of(task, TaskSubmitted, result="已修复"), minutes(10))
    counter.scores("GA")
    counter.does(commands.verify_task, task.task_id, OFFICE, passed=True, note="", at=minutes(20))
    scored: dict[str, Any] = {"parts": REGISTRY.regulation.scoring.parts, "veto": False, "basis": "处置及时"}
    counter.does(commands.score_task, task.task_id, OFFICE, REGISTRY.regulation, at=minutes(30), **scored)
    assert counter.state == "handling"
    joins(counter, task, at=5)
    assert (counter.state, counter.count(WhistleClosed)) == ("closed", 1)


def test_a_whistle_is_not_closed_over_action_items_that_are_still_to_be_called() -> None:
    """INVARIANT: an action item becomes a task or is told to be none; the closing waits for that."""
    counter = accepted()
    meeting_id = uuid4()
    call = commands.Call(meeting_id, ("CGJ",), minutes(5), "会议室", "会商")
    counter.does(commands.convene_meeting, OFFICE, call)
    items = (ActionItem(department="CGJ", title="施划停车位", limit="5d@work"),)
    sheet = counter.sheet(minutes(10))
    commands.file_minutes(sheet, WHISTLE, meeting_id, OFFICE, commands.Minutes("议定", (), items))
    (minuted,) = (event.id for event, _, _ in sheet._events if isinstance(event.data, MeetingMinuted))
    counter.keep(sheet)
    counter.scores("CGJ")
    counter.scores("GA")
    assert counter.state == "handling"
    joins(counter, call_of("CGJ", "none", "meeting-1"), at=20, cause=minuted)
    assert counter.state == "handling"
    called = next(task for task in counter.whistle.current if task.origin == "meeting-1")
    counter.does(commands.end_tasks, (said_by_dispatch.EndedTask(task_id=called.task_id, department="CGJ"),))
    assert counter.state == "pending_evaluation"


def test_a_score_that_is_decided_after_the_closing_opens_nothing() -> None:
    counter = closed()
    score = domain.score(REGISTRY.regulation.scoring.parts, False, REGISTRY.regulation)
    about = {"whistle_id": WHISTLE, "task_id": counter.task_id("CGJ"), "department": "CGJ", "request_id": uuid4()}
    word = about | {"granted": True, "reason": "x", "by": "区吹哨办", "revision": 1, "score": score}
    for _ in range(2):
        counter.hears(said_by_dispatch.ScoreAppealDecided.model_validate(word), minutes(90) + timedelta(days=1))
    assert (counter.task("CGJ").revision, counter.state, counter.count(WhistleClosed)) == (2, "closed", 1)


@pytest.mark.parametrize(("hours", "signature"), [(23, "given"), (25, "late")])
def test_an_emergency_that_is_over_sooner_is_signed_for_all_the_same(hours: int, signature: str) -> None:
    """Source: DOMAIN.md C.1: the leader has the district's limit to sign, however fast the departments were."""
    counter = closed()
    counter.whistle = replace(counter.whistle, signature="owed", signature_due_at=minutes(24 * 60))
    leader = Caller(uuid4(), "街道书记", "street_approver", "S01")
    assert "approval" in counter.whistle.legal
    counter.does(commands.approve_whistle, leader, at=minutes(60 * hours))
    assert (counter.whistle.signature, counter.state) == (signature, "closed")
    assert "approval" not in counter.whistle.legal
