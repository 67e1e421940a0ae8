"""What an instance makes of what others say: tasks called and ended, leads, assistants, letters, meetings; early facts
wait for their late task."""

from datetime import timedelta
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Table

from support import paperwork
from support.clockface import MONDAY
from support.paperwork import WHISTLE
from support.worksite import DAY, Worksite, arrives, at_work, called, submits, wrong
from whistle_department import commands, domain, store, tables
from whistle_shared.contracts import Event, EventData
from whistle_shared.contracts.department import LetterReplied, ResponderCheckedIn, TasksReceived
from whistle_shared.contracts.dispatch import (
    DisputeDecided,
    LeadChanged,
    ReturnDecided,
    TaskExcluded,
    WhistleCancelled,
    WhistleDispatched,
)
from whistle_shared.contracts.escalation import (
    ClockBreached,
    EscalationRaised,
    EscalationRepeated,
    LetterIssued,
    RungSkipped,
    TaskReminded,
)
from whistle_shared.contracts.intake import MeetingConvened, WhistleClosed
from whistle_shared.errors import IllegalTransition, NotFound

MINUTE = timedelta(minutes=1)


def receipts(words: list[EventData]) -> list[tuple[str, ...]]:
    assert all(isinstance(word, TasksReceived) for word in words)
    return [word.departments for word in words if isinstance(word, TasksReceived)]


# -- tasks are called --------------------------------------------------------------------------------------------


def test_a_task_keeps_what_was_called_its_people_and_its_clocks() -> None:
    site = Worksite()
    assert receipts(site.hears(called("CGJ", "GA", roles=("assist", "lead")))) == [("CGJ",)]
    (task,) = site.case.tasks.values()
    assert (task.role, task.people, task.origin) == ("assist", ("王建国",), "routed")
    assert {term.name for term in task.terms if term.pausable} == {"resolve"}
    assert task.return_until == MONDAY + timedelta(hours=2)


def test_the_tasks_of_a_round_may_come_in_several_calls_and_are_merged() -> None:
    site = Worksite()
    first = called("CGJ", "PSGS")
    again = called("CGJ", origin="meeting-1", roles=("co_handle",))
    for call in (first, first, again):
        assert len(receipts(site.hears(call))) == 1
    assert [(t.department, t.origin, t.role) for t in site.case.tasks.values()] == [
        ("CGJ", "routed", "lead"),
        ("PSGS", "routed", "assist"),
        ("CGJ", "meeting-1", "co_handle"),
    ]
    assert len(site.sheet.rows(tables.whistle)) == 0  # said once per round


def test_a_new_round_has_facts_of_its_own() -> None:
    site = Worksite()
    site.hears(called())
    site.hears(called(round_=2, facts=paperwork.facts()))
    (row,) = site.sheet.rows(tables.whistle)
    assert (row["round"], '"critical"' in row["facts"]) == (2, True)
    assert [task.return_until is None for task in site.case.tasks.values()] == [False, True]


def decided(site: Worksite, model: type[ReturnDecided], *to: str, **more: Any) -> ReturnDecided:
    """The district upholds CGJ's return: others are called in its place."""
    call = called(*(to or ("PSGS",)), origin="reassigned-1")
    task = site.task()
    said = call.model_dump() | {
        "request_id": task.asked("return")[0].request_id,
        "task_id": task.task_id,
        "department": "CGJ",
        "upheld": True,
        "ended": ({"task_id": task.task_id, "department": "CGJ"},),
        "lead": call.tasks[0].task_id,
        "reason": "权属在排水公司",
        "by": "区吹哨办",
        "dispute_id": uuid4(),
    }
    return model.model_validate(said | more)


def returned(*departments: str) -> Worksite:
    """CGJ leads and has asked to return its task."""
    site = Worksite()
    site.hears(called(*(departments or ("CGJ",))))
    asked: dict[str, Any] = {"duty": None, "basis": "条例", "proper_department": "PSGS", "reason": "非本职"}
    site.does(commands.request_return, **asked)
    return site


@pytest.mark.parametrize("model", [ReturnDecided, DisputeDecided])
def test_an_upheld_return_ends_one_task_and_begins_another_with_one_receipt(model: type[ReturnDecided]) -> None:
    site = returned()
    site.passes(minutes=30)
    assert receipts(site.hears(decided(site, model))) == [("CGJ", "PSGS")]
    old, new = site.task("CGJ"), site.task("PSGS")
    assert (old.state, old.reassigned_at, domain.next_due(old, {})) == ("reassigned", site.now, None)
    assert (new.state, new.role, new.origin, new.dispatched_at) == ("dispatched", "lead", "reassigned-1", site.now)
    for _ in range(2):
        with pytest.raises(IllegalTransition):
            site.does(commands.acknowledge_task, "CGJ")


def test_who_keeps_a_task_in_a_dispute_may_lose_the_lead() -> None:
    site = returned("CGJ", "ZFJ")
    site.hears(decided(site, DisputeDecided, "PSGS", ended=()))
    assert {d: site.task(d).role for d in ("CGJ", "ZFJ", "PSGS")} == {"CGJ": "assist", "ZFJ": "assist", "PSGS": "lead"}
    assert site.task("CGJ").state == "dispatched"
    handed = {"previous_task_id": site.task("PSGS").task_id, "previous_department": "PSGS", "reason": "", "by": "办"}
    site.hears(LeadChanged.model_validate(site.about("ZFJ") | handed))
    assert {d: site.task(d).role for d in ("CGJ", "ZFJ", "PSGS")} == {"CGJ": "assist", "ZFJ": "lead", "PSGS": "assist"}


def early_words(call: WhistleDispatched) -> list[Event[Any]]:
    """What is said of a task by others, a minute each, from nine o'clock on."""
    task = call.tasks[0]
    about: dict[str, Any] = {"whistle_id": WHISTLE, "task_id": task.task_id, "department": "CGJ"}
    reason = {"reason": "另有牵头", "by": "区吹哨办"}
    loses = about | {"task_id": uuid4(), "previous_task_id": task.task_id, "previous_department": "CGJ"}
    words = [
        LeadChanged.model_validate(loses | {"department": "PSGS"} | reason),
        TaskExcluded.model_validate(about | reason),
        TaskReminded.model_validate(about | {"note": "请速签收", "by": "采薇街道"}),
        WhistleCancelled(whistle_id=WHISTLE, round=1, departments=("CGJ",), reason="撤哨"),
    ]
    events = [call, *words]
    return [paperwork.event(word, MONDAY + number * MINUTE) for number, word in enumerate(events)]


def test_what_overtakes_the_call_of_its_task_waits_for_it() -> None:
    """INVARIANT: a task is what its log says, in whatever order it was heard."""
    call = called()
    seen = set()
    for order in permutations(early_words(call)):
        site = Worksite()
        for event in order:
            site.takes_in(event)
        task = site.task()
        history = [entry.step for entry in site.case.told.log if domain.concerns(task, entry)]
        assert "reminder" in history
        seen.add((task.state, task.role, task.excluded, task.cancelled_at, task.cancel_reason))
    assert seen == {("cancelled", "assist", "另有牵头", MONDAY + 4 * MINUTE, "撤哨")}


def test_a_closed_whistle_is_read_only() -> None:
    site = at_work()
    submits(site)
    site.hears(WhistleClosed(whistle_id=WHISTLE, round=1, callback="waived"))
    assert site.task().state == "closed"
    for act, said in (
        (commands.acknowledge_task, {}),
        (commands.appeal, {"reason": "迟"}),
        (commands.log_progress, {"note": "补记"}),
    ):
        with pytest.raises(IllegalTransition) as refused:
            site.does(act, **said)
        assert (refused.value.state, refused.value.legal) == ("closed", ())


def test_what_is_said_of_a_department_served_elsewhere_is_passed_over() -> None:
    site = at_work()
    about = {"whistle_id": WHISTLE, "task_id": uuid4(), "department": "GA", "reason": "", "by": "办"}
    assert site.hears(TaskExcluded.model_validate(about)) == []
    assert site.sheet.touches == 0


def test_hearing_the_first_call_of_a_whistle_writes_no_more_than_its_facts_its_tasks_and_the_receipt() -> None:
    site = Worksite()
    site.hears(called("CGJ", "PSGS", "ZFJ"))
    assert sorted(table.name for table, _ in site.sheet.written) == ["task", "task", "task", "whistle"]
    assert len(site.sheet.words) == 1


# -- the clocks of others, rungs ---------------------------------------------------------------------------------


def clock_event(task_id: UUID, department: str, **more: Any) -> dict[str, Any]:
    about = {"whistle_id": WHISTLE, "task_id": task_id, "department": department, "clock_id": uuid4()}
    return about | {"clock": "ack", "side": "department", "due_at": MONDAY + 30 * MINUTE} | more


@pytest.mark.parametrize("assistant", ["PSGS", "GA"])  # served here, and elsewhere
def test_the_lead_sees_the_assistants_breaches_and_an_assistant_sees_none(assistant: str) -> None:
    site = Worksite()
    call = called("CGJ", assistant, "ZFJ")
    site.hears(call)
    late = {"fired_at": MONDAY + 31 * MINUTE, "late_by_seconds": 60.0}
    site.hears(ClockBreached.model_validate(clock_event(call.tasks[1].task_id, assistant) | late))
    told = site.case.told.clocks
    (seen,) = domain.assistants_breaches(site.task("CGJ"), told)
    assert (seen.department, seen.clock, seen.breached_at) == (assistant, "ack", MONDAY + 31 * MINUTE)
    assert domain.assistants_breaches(site.task("ZFJ"), told) == []


def test_a_repeated_rung_counts_and_a_skipped_one_is_noted_while_the_banner_stays() -> None:
    site = Worksite()
    site.hears(called())
    about = clock_event(site.task().task_id, "CGJ") | {"rung": 1}
    rung = about | {"escalation_id": uuid4()}
    fired = {"rung_at": MONDAY, "fired_at": MONDAY, "late_by_seconds": 0.0, "degraded": False}
    site.hears(EscalationRaised.model_validate(rung | fired | {"role": "deputy_head", "form": "reminder"}))
    for repeat in (2, 1):
        site.hears(EscalationRepeated.model_validate(rung | {"repeat": repeat, "stale": False}))
    site.hears(RungSkipped.model_validate(about | {"rung": 2, "role": "department_head"}))
    (raised,) = site.case.told.escalations[site.task().task_id].values()
    assert raised.repeats == 2
    assert site.case.told.log[-1].step == "skipped_rung"
    shown = domain.banner(site.task(), domain.clocks_of(site.task(), {}), [raised])
    assert shown is not None
    assert (shown.level, shown.rung) == ("escalated", 1)


# -- letters and meetings ----------------------------------------------------------------------------------------


def kept(site: Worksite, table: Table) -> list[dict[str, Any]]:
    """The rows that were written unless they were there already."""
    return site.sheet._inserts[table, True]


def letter(site: Worksite) -> LetterIssued:
    said = {
        "number": "督〔2026〕7号",
        "form": "letter",
        "text": "请说明",
        "reply_due_at": MONDAY + 2 * DAY,
        "by": "督查室",
    }
    return LetterIssued.model_validate(site.about() | said | {"letter_id": uuid4()})


def test_a_letter_is_answered_once_and_by_its_own_department() -> None:
    site = at_work()
    issued = letter(site)
    assert site.hears(issued) == []
    (row,) = kept(site, tables.letter)
    site.case.letters[issued.letter_id] = store.Letter(**row)
    with pytest.raises(NotFound):
        commands.reply_to_letter(site.unit(), WHISTLE, issued.letter_id, "PSGS", "值班室", "王建国", "已办")
    unit = site.unit()
    answered = commands.reply_to_letter(unit, WHISTLE, issued.letter_id, "CGJ", "值班室", "王建国", "已办")
    assert (answered.reply, answered.replied_at) == ("已办", MONDAY)
    (word,) = unit.words
    assert isinstance(word.data, LetterReplied)
    assert word.awaiting == ("escalation",)
    with pytest.raises(IllegalTransition, match="'reply' is not possible in state 'replied'"):
        commands.reply_to_letter(site.unit(), WHISTLE, issued.letter_id, "CGJ", "值班室", "王建国", "再办")


def convened(site: Worksite) -> MeetingConvened:
    """A meeting that CGJ is called to, loaded as a command would have it."""
    said = {"starts_at": MONDAY + DAY, "place": "街道会议室", "agenda": "井盖权属", "by": "采薇街道"}
    meeting = MeetingConvened.model_validate(
        {"meeting_id": uuid4(), "whistle_id": WHISTLE, "departments": ("CGJ", "GA"), **said}
    )
    assert site.hears(meeting) == []
    (row,) = kept(site, tables.invitation)  # GA is served elsewhere
    site.case.invitations[meeting.meeting_id, "CGJ"] = store.Invitation(**row)
    return meeting


def test_attending_is_arriving_where_a_meeting_is_the_presence_asked_for() -> None:
    site = Worksite()
    site.hears(called(presence="meeting"))
    meeting = convened(site)
    with pytest.raises(IllegalTransition):
        arrives(site, meeting_id=meeting.meeting_id)  # acknowledged first
    site.does(commands.acknowledge_task)
    with wrong("meeting_id"):
        arrives(site, meeting_id=uuid4())
    assert arrives(site, meeting_id=meeting.meeting_id).state == "arrived"
    said = site.last()
    assert isinstance(said, ResponderCheckedIn)
    assert said.meeting_id == meeting.meeting_id
    before = len(site.said)
    assert arrives(site, meeting_id=meeting.meeting_id).state == "arrived"
    assert len(site.said) == before


def test_attending_a_meeting_does_not_put_anybody_on_site() -> None:
    site = Worksite()
    site.hears(called(presence="on_site"))
    meeting = convened(site)
    site.does(commands.acknowledge_task)
    assert arrives(site, meeting_id=meeting.meeting_id).state == "acknowledged"
    assert isinstance(site.last(), ResponderCheckedIn)
    assert arrives(site).state == "arrived"


def test_somebody_who_left_checks_in_again_and_the_first_stamp_is_kept() -> None:
    site = at_work()
    site.passes(minutes=5)
    assert site.does(commands.depart, note="").departed_at == MONDAY + 5 * MINUTE
    site.passes(minutes=5)
    back = arrives(site)
    assert (back.arrived_at, back.departed_at) == (MONDAY, None)
    assert isinstance(site.last(), ResponderCheckedIn)
