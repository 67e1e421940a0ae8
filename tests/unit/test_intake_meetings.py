"""Joint meetings: convened, attended, minuted, and what the whistle makes of them; the district heard."""

from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import paperwork
from support.counter import OFFICE, REGISTRY, Counter, minutes
from support.paperwork import WHISTLE
from whistle_intake import commands, domain
from whistle_shared.contracts import Event, EventData
from whistle_shared.contracts import dispatch as said_by_dispatch
from whistle_shared.contracts.department import (
    MilestoneReached,
    ProgressLogged,
    ResponderCheckedIn,
    ReturnRequested,
    TaskAcknowledged,
    TaskResumed,
    TaskSubmitted,
)
from whistle_shared.contracts.intake import ActionItem, MeetingConvened, MeetingMinuted
from whistle_shared.errors import IllegalTransition, Invalid, NotFound

ITEM = ActionItem(department="CGJ", title="施划停车位", limit="5d@work")
START = minutes(60)


@pytest.fixture
def counter() -> Counter:
    return Counter().dispatched()


def convened(counter: Counter, *departments: str) -> UUID:
    call = commands.Call(uuid4(), departments or ("CGJ", "GA"), START, "街道三楼会议室", "会商停车难")
    meeting: domain.Meeting = counter.does(commands.convene_meeting, OFFICE, call)
    return meeting.meeting_id


def files(
    counter: Counter, meeting_id: UUID, *items: ActionItem, at: float = 90, attended: tuple[str, ...] = ()
) -> domain.Meeting:
    filed = commands.Minutes("议定由城管局牵头", attended, items)
    held: domain.Meeting = counter.does(commands.file_minutes, meeting_id, OFFICE, filed, at=minutes(at))
    return held


def test_departments_are_called_to_a_meeting(counter: Counter) -> None:
    meeting_id = convened(counter)
    word = counter.word(MeetingConvened)
    assert (word.to, word.awaiting) == (("CGJ", "GA"), ())
    assert word.data == MeetingConvened(
        meeting_id=meeting_id,
        whistle_id=WHISTLE,
        departments=("CGJ", "GA"),
        starts_at=START,
        place="街道三楼会议室",
        agenda="会商停车难",
        by=OFFICE.by,
    )


def test_a_meeting_begins_later_than_now(counter: Counter) -> None:
    with pytest.raises(Invalid) as refused:
        counter.does(commands.convene_meeting, OFFICE, commands.Call(uuid4(), ("CGJ",), START, "x", "y"), at=START)
    assert refused.value.field == "starts_at"


def test_who_checks_in_to_it_attended_and_so_did_whom_the_minutes_name(counter: Counter) -> None:
    meeting_id = convened(counter)
    counter.reports("GA", TaskAcknowledged, minutes(5))
    counter.reports("GA", ResponderCheckedIn, START, place="会议室", mode="meeting", meeting_id=meeting_id)
    assert counter.whistle.meetings[meeting_id].attended == ("GA",)
    files(counter, meeting_id, attended=("CGJ",))
    assert counter.last(MeetingMinuted).attended == ("CGJ", "GA")


def test_a_check_in_to_no_meeting_of_this_whistle_is_only_told(counter: Counter) -> None:
    attended = {"place": "会议室", "mode": "meeting", "meeting_id": uuid4(), "arrival": False}
    counter.reports("GA", ResponderCheckedIn, START, **attended)
    assert (counter.task("GA").arrived_at, counter.whistle.meetings) == (None, {})
    assert counter.told[-1] == ResponderCheckedIn.key


@pytest.mark.parametrize(("items", "awaiting"), [((), ("escalation",)), ((ITEM,), ("dispatch", "escalation"))])
def test_minutes_are_said_to_whoever_acts_on_them(
    counter: Counter, items: tuple[ActionItem, ...], awaiting: tuple[str, ...]
) -> None:
    files(counter, convened(counter), *items)
    word = counter.word(MeetingMinuted)
    assert (word.awaiting, counter.last(MeetingMinuted).items) == (awaiting, items)


def test_minutes_bring_the_whistle_on_the_scene(counter: Counter) -> None:
    """Source: EVENTS.md section 3: on_scene = lead checked in or minutes filed."""
    counter.reports("GA", TaskAcknowledged, minutes(5))
    meeting_id = convened(counter)
    assert counter.state == "responding"
    files(counter, meeting_id)
    assert counter.state == "on_scene"


def test_minutes_are_filed_once_and_not_before_the_meeting(counter: Counter) -> None:
    meeting_id = convened(counter)
    with pytest.raises(Invalid) as early:
        files(counter, meeting_id, at=59.99)
    assert early.value.field == "minutes"
    files(counter, meeting_id, at=60)
    with pytest.raises(IllegalTransition):
        files(counter, meeting_id)
    with pytest.raises(NotFound, match="meeting"):
        files(counter, uuid4())


@pytest.mark.parametrize(
    ("item", "field"),
    [
        (ITEM.model_copy(update={"department": "NOPE"}), "items.1.department"),
        (ITEM.model_copy(update={"limit": "soon"}), "items.1.limit"),
        (ITEM.model_copy(update={"limit": "0d@work"}), "items.1.limit"),
        (ITEM.model_copy(update={"limit": "per_plan@natural"}), "items.1.limit"),
    ],
)
def test_an_item_names_a_department_and_a_limit(item: ActionItem, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        commands.check_items([ITEM, item], REGISTRY)
    assert refused.value.field == field


def test_unknown_departments_are_refused_by_position() -> None:
    commands.check_departments("departments", ["CGJ"], REGISTRY)
    with pytest.raises(Invalid) as refused:
        commands.check_departments("departments", ["CGJ", "NOPE"], REGISTRY)
    assert refused.value.field == "departments.1"


# -- what is heard of the district ----------------------------------------------------------------------------------


def decided(counter: Counter, upheld: bool, new: UUID) -> said_by_dispatch.ReturnDecided:
    """The district's word on CGJ's return: its task goes to ZFJ, or stays."""
    (called, *_) = counter.call.tasks
    replaced = called.model_copy(update={"task_id": new, "department": "ZFJ", "origin": "reassigned-1"})
    about = {"request_id": uuid4(), "task_id": called.task_id, "department": "CGJ", "upheld": upheld, "by": "区吹哨办"}
    outcome = {
        "tasks": (replaced,) if upheld else (),
        "ended": ({"task_id": called.task_id, "department": "CGJ"},) if upheld else (),
        "lead": new if upheld else None,
        "reason": "权责清单第 12 项",
    }
    return said_by_dispatch.ReturnDecided.model_validate({**counter.call.model_dump(), **about, **outcome})


def returned(counter: Counter) -> None:
    said = {"request_id": uuid4(), "basis": "三定规定第 4 条", "proper_department": "ZFJ", "reason": "非本单位职责"}
    counter.reports("CGJ", ReturnRequested, minutes(10), **said)


def test_an_upheld_return_puts_another_task_in_the_place_of_the_first(counter: Counter) -> None:
    returned(counter)
    assert counter.task("CGJ").state == "return_requested"
    new = uuid4()
    counter.hears(decided(counter, True, new), minutes(20))
    assert counter.task("CGJ").state == "reassigned"
    task = counter.whistle.tasks[new]
    assert (task.department, task.role, task.origin, task.called_at) == ("ZFJ", "lead", "reassigned-1", minutes(20))
    assert domain.derive([counter.task("CGJ")]) == "blown"


def test_a_refused_return_leaves_the_task_as_it_was(counter: Counter) -> None:
    counter.reports("CGJ", TaskAcknowledged, minutes(5))
    returned(counter)
    counter.hears(decided(counter, False, uuid4()), minutes(20))
    assert counter.task("CGJ").state == "acknowledged"


def test_the_end_of_a_task_may_be_heard_before_its_beginning() -> None:
    early = Counter()
    new = uuid4()
    early.hears(decided(early, True, new), minutes(20))
    early.dispatched()
    assert early.task("CGJ").state == "reassigned"
    assert early.whistle.tasks[new].role == "lead"


@pytest.mark.parametrize("first", ["call", "change"])
def test_the_latest_word_on_the_lead_counts(first: str) -> None:
    counter = Counter()
    about = {"whistle_id": WHISTLE, "reason": "x", "by": "区吹哨办", "department": "GA"}
    previous = {"previous_task_id": counter.task_id("CGJ"), "previous_department": "CGJ"}
    change = said_by_dispatch.LeadChanged.model_validate({**about, **previous, "task_id": counter.task_id("GA")})
    if first == "call":
        counter.dispatched()
    counter.hears(change, minutes(30))
    if first == "change":
        counter.dispatched()
    assert (counter.task("GA").role, counter.task("CGJ").role) == ("lead", "assist")


def test_a_milestone_is_work_but_a_plan_filed_from_afar_is_not_yet(counter: Counter) -> None:
    """Source: EVENTS.md section 3: handling = a milestone or progress after arrival."""
    counter.reports("CGJ", TaskAcknowledged, minutes(5))
    counter.reports("CGJ", MilestoneReached, minutes(6), milestone="plan")
    assert counter.state == "responding"
    counter.reports("CGJ", ResponderCheckedIn, minutes(20), place="现场", mode="on_site")
    assert counter.state == "on_scene"
    counter.reports("CGJ", MilestoneReached, minutes(25), milestone="contain")
    assert counter.state == "handling"


def test_work_is_work_wherever_nobody_must_come(counter: Counter) -> None:
    calls = tuple(call.model_copy(update={"presence": "none"}) for call in counter.call.tasks)
    counter.hears(counter.call.model_copy(update={"tasks": calls}), minutes(1))
    counter.reports("CGJ", ProgressLogged, minutes(6), note="已电话联系")
    assert counter.state == "handling"


def test_the_tasks_of_another_round_do_not_count_for_this_one(counter: Counter) -> None:
    counter.submitted()
    assert counter.state == "pending_verify"
    second = counter.call.model_copy(update={"round": 2, "tasks": _afresh(counter)})
    counter.whistle = domain.Whistle(WHISTLE, "S01-20260601-0007", "S01", 2, tasks=counter.whistle.tasks)
    assert counter.state == "blown"
    counter.hears(second, minutes(0) + timedelta(days=3))
    assert len(counter.whistle.current) == 2


@settings(max_examples=150, deadline=None, database=None)
@given(order=st.permutations(range(11)))
def test_what_others_say_is_heard_in_any_order(order: list[int]) -> None:
    """INVARIANT: the order in which it is heard does not matter (EVENTS.md R5)."""
    story = _story()
    in_order, shuffled = Counter(), Counter()
    for event in story:
        in_order.hears_event(event)
    for position in order:
        shuffled.hears_event(story[position])
    assert shuffled.whistle == in_order.whistle
    states = sorted(task.state for task in shuffled.whistle.tasks.values())
    assert (states, shuffled.whistle.state) == (["reassigned", "submitted", "working"], "handling")


@cache
def _story() -> tuple[Event[Any], ...]:
    """CGJ returns its task, which goes to ZFJ; GA leads for a while, rests, goes on and submits twice."""
    teller = Counter()
    new = UUID(int=7)
    ga, zfj = said_about("GA", teller.task_id("GA")), said_about("ZFJ", new)
    back = {"request_id": UUID(int=8), "basis": "三定规定", "proper_department": "ZFJ", "reason": "非本单位职责"}
    cgj = said_about("CGJ", teller.task_id("CGJ"))
    lead = {"previous_task_id": cgj["task_id"], "previous_department": "CGJ", "reason": "x"}
    rest = {"request_id": UUID(int=9), "granted": True, "reason": "x", "cycle": 100, "until": minutes(900)}
    told: list[tuple[EventData, float]] = [
        (teller.call, 0),
        (ReturnRequested.model_validate(cgj | back), 10),
        (said_by_dispatch.LeadChanged.model_validate(ga | lead), 15),
        (decided(teller, True, new), 20),
        (TaskAcknowledged.model_validate(ga), 25),
        (said_by_dispatch.SuspensionDecided.model_validate(ga | rest), 30),
        (TaskResumed.model_validate(ga), 40),
        (TaskSubmitted.model_validate(ga | {"result": "好了", "attempt": 1}), 50),
        (TaskSubmitted.model_validate(ga | {"result": "又好了", "attempt": 2}), 60),
        (ResponderCheckedIn.model_validate(zfj | {"place": "现场", "mode": "on_site"}), 70),
        (MilestoneReached.model_validate(zfj | {"milestone": "contain"}), 80),
    ]
    return tuple(paperwork.event(data, minutes(at)) for data, at in told)


def said_about(department: str, task_id: UUID) -> dict[str, Any]:
    return {"whistle_id": WHISTLE, "task_id": task_id, "department": department, "by": "值班室", "person": "王建国"}


def test_tasks_that_are_called_after_the_withdrawal_are_cancelled() -> None:
    for first in ("call", "cancellation"):
        counter = Counter()
        counter.whistle = domain.withdraw(counter.whistle, minutes(1))
        cancelled = said_by_dispatch.WhistleCancelled(
            whistle_id=WHISTLE, round=1, departments=("CGJ", "GA"), reason="重复上报"
        )
        heard = [counter.call, cancelled] if first == "call" else [cancelled, counter.call]
        for data in heard:
            counter.hears(data, minutes(2))
        assert {task.state for task in counter.whistle.tasks.values()} == {"cancelled"}


def _afresh(counter: Counter) -> tuple[said_by_dispatch.TaskCalled, ...]:
    return tuple(call.model_copy(update={"task_id": uuid4()}) for call in counter.call.tasks)
