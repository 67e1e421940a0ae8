"""More time, rest, another score, exclusion; meetings and further rounds: dispatch's use cases with a Unit that only
collects."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from support import paperwork
from support.clockface import MONDAY, local
from support.office import (
    Office,
    appeals,
    asks_extension,
    asks_suspension,
    calls,
    closed,
    heard,
    hours,
    only,
    request_id,
    returned,
    withdrawn,
)
from support.paperwork import WHISTLE, Sheet
from whistle_dispatch import commands, tables
from whistle_shared.contracts import department, intake
from whistle_shared.contracts.dispatch import (
    ExtensionDecided,
    ReturnDecided,
    ScoreAppealDecided,
    SuspensionDecided,
    TaskExcluded,
    TaskResumed,
    WhistleCancelled,
    WhistleDispatched,
    WhistleUnrouted,
)
from whistle_shared.contracts.intake import ActionItem, MeetingMinuted, WhistleReopened
from whistle_shared.errors import Conflict, IllegalTransition, Invalid, NotFound
from whistle_shared.messaging import RetryLater

FULL = {"arrival": 20, "people": 10, "handling": 20, "result": 30, "cooperation": 10, "citizen": 10}


def decides(
    office: Office,
    granted: bool,
    due_at: datetime | None = None,
    until: datetime | None = None,
    at: datetime = MONDAY,
    *,
    review: bool = False,
) -> Sheet:
    """The district decides CGJ's request for more time, or looks at a suspension again."""
    asked = request_id(office, "CGJ")
    word = (granted, due_at, until, "理由充分", "区吹哨办")
    return office.does(lambda unit: commands.decide_request(unit, WHISTLE, asked, *word, review=review), at)


# -- extensions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("due_at", [None, local(2026, 6, 8, 10), local(2026, 6, 10, 9)])
def test_a_second_extension_is_granted_up_to_what_was_asked_for(due_at: datetime | None) -> None:
    office = calls("CGJ", "GA")
    assert office.hears(asks_extension(office, "CGJ")).words == []
    sheet = decides(office, True, due_at)
    decided = only(sheet, ExtensionDecided)
    assert (decided.granted, decided.clock, decided.due_at) == (True, "resolve", due_at or local(2026, 6, 10, 9))
    assert (sheet.words[0].to, sheet.words[0].awaiting) == (("CGJ",), ("escalation",))
    with pytest.raises(IllegalTransition, match="upheld"):
        decides(office, True)


@pytest.mark.parametrize(
    ("granted", "due_at"),
    [(True, local(2026, 6, 8, 9)), (True, local(2026, 6, 10, 9, 1)), (False, local(2026, 6, 9, 9))],
)
def test_an_extension_that_is_none_or_more_than_asked_for_names_the_field(granted: bool, due_at: datetime) -> None:
    office = calls("CGJ")
    office.hears(asks_extension(office, "CGJ"))
    with pytest.raises(Invalid) as refused:
        decides(office, granted, due_at)
    assert refused.value.field == "due_at"


def test_a_refused_extension_says_so_and_stands() -> None:
    office = calls("CGJ")
    office.hears(asks_extension(office, "CGJ"))
    decided = only(decides(office, False), ExtensionDecided)
    assert (decided.granted, decided.due_at) == (False, None)
    with pytest.raises(IllegalTransition, match="refused"):
        decides(office, True)


@pytest.mark.parametrize("ask", [asks_extension, asks_suspension])
def test_what_the_street_decides_is_not_on_the_districts_desk(ask: Any) -> None:
    office = calls("CGJ")
    assert office.hears(ask(office, "CGJ", decider="street")).written == []


# -- suspensions ------------------------------------------------------------------------------------------------


def test_the_first_decision_on_a_request_stands_and_a_suspension_is_kept_at_its_reviews() -> None:
    """INVARIANT: the first decision on a request stands; only a suspension that runs on is reviewed again."""
    office = calls("CGJ")
    office.hears(asks_suspension(office, "CGJ", number=2))
    first = only(decides(office, True), SuspensionDecided)
    assert (first.granted, first.cycle, first.until) == (True, 200, local(2026, 9, 1, 9))
    with pytest.raises(IllegalTransition) as refused:
        decides(office, True)
    assert (refused.value.state, refused.value.legal) == ("upheld", ("review",))
    longer, when = local(2026, 10, 1, 9), local(2026, 7, 1, 9)
    kept = only(decides(office, True, until=longer, at=when, review=True), SuspensionDecided)
    assert (kept.request_id, kept.cycle, kept.until) == (first.request_id, 201, local(2026, 10, 1, 9))
    assert only(decides(office, True, at=local(2026, 8, 1, 9), review=True), SuspensionDecided).cycle == 202
    with pytest.raises(IllegalTransition) as refused:
        decides(office, False, review=True)
    assert refused.value.legal == ("resumption",)


@pytest.mark.parametrize(("granted", "until"), [(True, MONDAY), (True, local(2026, 9, 2)), (False, local(2026, 8, 1))])
def test_a_suspension_into_the_past_or_longer_than_asked_for_names_the_field(granted: bool, until: datetime) -> None:
    office = calls("CGJ")
    office.hears(asks_suspension(office, "CGJ"))
    with pytest.raises(Invalid) as refused:
        decides(office, granted, until=until)
    assert refused.value.field == "until"


def test_the_district_ends_a_suspension() -> None:
    office = calls("CGJ")
    office.hears(asks_suspension(office, "CGJ"))
    task_id = office.task("CGJ").task_id

    def resume(unit: Sheet) -> None:
        commands.resume_task(unit, WHISTLE, task_id, "条件已具备", "区吹哨办")

    with pytest.raises(IllegalTransition):
        resume(office.sheet())
    decides(office, True)
    sheet = office.does(resume, hours(9))
    assert only(sheet, TaskResumed).task_id == task_id
    assert (sheet.words[0].to, sheet.words[0].awaiting) == (("CGJ",), ("escalation",))
    for act in (lambda: resume(office.sheet()), lambda: decides(office, True, review=True)):
        with pytest.raises(IllegalTransition):
            act()
    with pytest.raises(NotFound):
        commands.resume_task(office.sheet(), WHISTLE, uuid4(), "理由", "区吹哨办")


@pytest.mark.parametrize("model", [department.TaskResumed, intake.TaskResumed])
def test_what_others_resumed_is_not_reviewed_again(model: type[Any]) -> None:
    office = calls("CGJ")
    office.hears(asks_suspension(office, "CGJ"))
    decides(office, True)
    said = {"whistle_id": WHISTLE, "task_id": office.task("CGJ").task_id, "department": "CGJ"}
    data = model.model_validate(said | {"by": "值班室", "person": "王建国", "reason": "材料已到"})
    assert office.hears(heard(data, hours(5))).words == []
    with pytest.raises(IllegalTransition, match="resumed"):
        decides(office, True, review=True)


def test_a_task_rests_under_one_suspension_at_a_time() -> None:
    office = calls("CGJ")
    office.hears(asks_suspension(office, "CGJ"))
    decides(office, True)
    office.hears(asks_suspension(office, "CGJ", number=2))
    (second,) = [r.asked.request_id for r in office.known.requests.values() if r.state == "pending"]
    with pytest.raises(IllegalTransition, match="suspended"):
        commands.decide_request(office.sheet(), WHISTLE, second, True, None, None, "理由", "区吹哨办")


# -- score appeals and exclusion --------------------------------------------------------------------------------


def appealed(office: Office, granted: bool, marks: Any) -> Sheet:
    asked = request_id(office, "CGJ")
    return office.does(
        lambda unit: commands.decide_appeal(unit, WHISTLE, asked, granted, marks, "有签到记录", "区吹哨办"), MONDAY
    )


@pytest.mark.parametrize(
    ("granted", "marks", "total"),
    [(True, (FULL, False, 100), 100), (True, (FULL, True, None), 70), (False, None, None)],
)
def test_a_score_appeal_is_decided_once_also_when_the_whistle_is_closed(
    granted: bool, marks: Any, total: int | None
) -> None:
    office = calls("CGJ")
    office.hears(appeals(office, "CGJ"))
    office.hears(closed())
    sheet = appealed(office, granted, marks)
    decided = only(sheet, ScoreAppealDecided)
    assert (decided.granted, decided.revision) == (granted, 1)
    assert (decided.score.total if decided.score else None) == total
    assert (sheet.words[0].to, sheet.words[0].awaiting) == (("CGJ",), ())
    with pytest.raises(IllegalTransition):
        appealed(office, granted, marks)


@pytest.mark.parametrize(
    ("granted", "marks", "field"),
    [
        (True, None, "score"),
        (False, (FULL, False, None), "score"),
        (True, ({**FULL, "result": 31}, False, None), "score.parts.result"),
        (True, ({**FULL, "people": -1}, False, None), "score.parts.people"),
        (True, ({"arrival": 20}, False, None), "score.parts"),
        (True, (FULL, False, 99), "score.total"),
    ],
)
def test_a_score_that_cannot_be_names_the_part(granted: bool, marks: Any, field: str) -> None:
    office = calls("CGJ")
    office.hears(appeals(office, "CGJ"))
    with pytest.raises(Invalid) as refused:
        appealed(office, granted, marks)
    assert refused.value.field == field


def test_no_appeal_of_a_whistle_that_was_withdrawn() -> None:
    office = calls("CGJ")
    office.hears(appeals(office, "CGJ"))
    office.hears(withdrawn())
    with pytest.raises(IllegalTransition, match="cancelled"):
        appealed(office, False, None)


def test_a_task_is_left_out_of_assessment_and_counts_again() -> None:
    office = calls("CGJ", "GA")
    task_id = office.task("GA").task_id

    def exclude(excluded: bool) -> Sheet:
        return office.does(
            lambda unit: commands.exclude_task(unit, WHISTLE, task_id, excluded, "不可抗力", "区吹哨办"), hours(1)
        )

    with pytest.raises(Conflict):
        exclude(False)
    sheet = exclude(True)
    assert (only(sheet, TaskExcluded).excluded, sheet.words[0].to) == (True, ("GA",))
    office.hears(closed())
    assert only(exclude(False), TaskExcluded).excluded is False
    with pytest.raises(NotFound):
        commands.exclude_task(office.sheet(), WHISTLE, uuid4(), True, "理由", "区吹哨办")


# -- meetings ---------------------------------------------------------------------------------------------------


def minuted(*items: tuple[str, str], meeting: UUID | None = None) -> Any:
    said = tuple(ActionItem(department=code, title="加固井盖", limit=limit) for code, limit in items)
    data = MeetingMinuted(
        meeting_id=meeting or uuid4(),
        whistle_id=WHISTLE,
        round=1,
        minutes="会议议定",
        attended=("CGJ",),
        items=said,
        by="采薇街道",
    )
    return heard(data, hours(3))


def test_each_action_item_of_a_meeting_becomes_a_task_with_its_own_limit() -> None:
    office = calls("CGJ", "GA")
    sheet = office.hears(minuted(("GA", "3d@work"), ("XF", "24h@natural"), ("XYZ", "1d@work")))
    called = only(sheet, WhistleDispatched)
    assert [(t.department, t.role, t.origin, t.terms, t.title) for t in called.tasks] == [
        ("GA", "co_handle", "meeting-1", "co_handle@1.meeting-1", "加固井盖"),
        ("XF", "co_handle", "meeting-2", "co_handle@1.meeting-2", "加固井盖"),
    ]
    assert (called.flags, sheet.words[0].to) == (("inactive:XYZ",), ("GA", "XF"))
    specs = called.terms["co_handle@1.meeting-1"]
    assert [spec.name for spec in specs] == [
        "ack",
        "street_verify",
        "evaluate",
        "suspension_review",
        "suspension_review",
        "resolve",
    ]
    resolve = specs[-1].schedule
    assert resolve is not None
    assert (resolve.start_at, resolve.due_at) == (hours(3), local(2026, 6, 4, 17, 30))
    assert office.known.whistle_due_at == called.whistle_due_at
    again = only(office.hears(minuted(("GA", "1d@work"))), WhistleDispatched)
    assert [task.origin for task in again.tasks] == ["meeting-3"]
    assert [role for _, role in office.standing()].count("lead") == 1


def test_the_same_minutes_call_nobody_twice() -> None:
    office, meeting = calls("CGJ"), uuid4()
    office.hears(minuted(("GA", "3d@work"), meeting=meeting))
    again = office.hears(minuted(("GA", "3d@work"), meeting=meeting))
    assert (only(again, WhistleDispatched).tasks, again.rows(tables.task)) == ((), [])


def test_minutes_without_items_concern_nobody_here_and_those_of_a_whistle_that_is_over_call_nobody() -> None:
    office = calls("CGJ")
    assert office.hears(minuted()).words == []
    office.hears(closed())
    late = office.hears(minuted(("GA", "3d@work")))
    assert (only(late, WhistleDispatched).tasks, late.rows(tables.task)) == ((), [])
    gone = calls("CGJ")
    gone.hears(withdrawn())
    assert only(gone.hears(minuted(("GA", "3d@work"))), WhistleCancelled).departments == ("CGJ",)
    with pytest.raises(RetryLater):
        Office().hears(minuted(("GA", "3d@work")))


def test_an_action_item_that_is_given_back_is_handed_on_as_it_is() -> None:
    office = calls("CGJ", "GA")
    office.hears(minuted(("XF", "3d@work")))
    office.hears(returned(office, "XF", "GA", at=hours(4)))
    asked = request_id(office, "XF")
    sheet = office.does(
        lambda unit: commands.decide_return(unit, WHISTLE, asked, True, ["GA"], "属实", "区吹哨办"), hours(5)
    )
    decided = only(sheet, ReturnDecided)
    assert [(t.department, t.role, t.title, t.terms) for t in decided.tasks] == [
        ("GA", "co_handle", "加固井盖", "co_handle@1.reassigned-1")
    ]
    (resolve,) = [spec for spec in decided.terms["co_handle@1.reassigned-1"] if spec.name == "resolve"]
    assert (resolve.limit, decided.lead) == ("3d@work", None)
    assert office.standing().count(("GA", "assist")) == 1


def test_what_a_task_asked_for_lapses_with_it() -> None:
    office = calls("CGJ", "GA")
    office.hears(asks_extension(office, "CGJ"))
    office.hears(appeals(office, "CGJ"))
    event = returned(office, "CGJ")
    office.hears(event)
    office.does(
        lambda unit: commands.decide_return(unit, WHISTLE, event.data.request_id, True, ["XF"], "属实", "区吹哨办"),
        hours(1),
    )
    states = {request.kind: request.state for request in office.known.requests.values()}
    assert states == {"extension": "lapsed", "appeal": "pending", "return": "upheld"}


# -- further rounds ---------------------------------------------------------------------------------------------


def reopened(round_: int, *departments: str, urgency: Any = "urgent", category: str | None = "0701") -> Any:
    facts = paperwork.facts("appeal", urgency, category, at=local(2026, 6, 20, 9))
    data = WhistleReopened(
        whistle_id=WHISTLE,
        round=round_,
        facts=facts,
        departments=departments,
        cause="relapse",
        reason="再次塌陷",
        by="采薇街道",
    )
    return heard(data, local(2026, 6, 20, 9))


@pytest.mark.parametrize("in_order", [True, False])
def test_a_reopened_whistle_has_another_round_beside_the_earlier_ones(in_order: bool) -> None:
    """The closing may be heard after the reopening: it ends only its own round."""
    office = calls("CGJ", "GA")
    first = {task.task_id for task in office.known.tasks}
    events = [closed(), reopened(2, "GA", "CGJ")]
    sheets = [office.hears(event) for event in (events if in_order else reversed(events))]
    (called,) = [word.data for sheet in sheets for word in sheet.words]
    assert isinstance(called, WhistleDispatched)
    assert (called.round, called.facts.urgency, set(called.terms)) == (2, "urgent", {"lead@2"})
    assert [(task.department, task.role) for task in called.tasks] == [("GA", "lead"), ("CGJ", "assist")]
    assert not first & {task.task_id for task in called.tasks}
    known = office.known
    assert (known.state, known.round, known.whistle_due_at) == ("dispatched", 2, local(2026, 6, 21, 9))
    assert [(task.round, task.department) for task in known.tasks] == [(2, "GA"), (2, "CGJ"), (1, "CGJ"), (1, "GA")]
    assert office.hears(reopened(2, "GA")).words == []


def test_a_reopened_whistle_that_nobody_follows_from_waits_at_the_office() -> None:
    office = calls("CGJ")
    office.hears(closed())
    assert only(office.hears(reopened(2, category=None)), WhistleUnrouted).round == 2
    routed = office.does(lambda unit: commands.route_whistle(unit, WHISTLE, ["XF"]), local(2026, 6, 20, 10))
    assert [task.terms for task in only(routed, WhistleDispatched).tasks] == ["lead@2"]
    assert office.standing() == [("XF", "lead")]


def test_a_reopened_whistle_is_not_heard_before_it_was_blown_nor_after_it_was_withdrawn() -> None:
    with pytest.raises(RetryLater):
        Office().hears(reopened(2, "GA"))
    office = calls("CGJ")
    office.hears(withdrawn())
    assert only(office.hears(reopened(2, "GA")), WhistleCancelled).round == 1
    assert office.known.round == 1
