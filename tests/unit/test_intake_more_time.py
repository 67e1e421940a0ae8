"""First extension and short suspension as the street decides them. Source: DOMAIN.md C.5, EVENTS.md section 2."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from support import paperwork
from support.counter import OFFICE, REGISTRY, Counter, minutes
from support.paperwork import WHISTLE
from whistle_intake import commands, domain, tables
from whistle_shared.contracts import dispatch as said_by_dispatch
from whistle_shared.contracts.department import ExtensionRequested, SuspensionRequested, TaskResumed, TaskSubmitted
from whistle_shared.contracts.intake import ExtensionDecided, SuspensionDecided
from whistle_shared.contracts.intake import TaskResumed as ResumedByStreet
from whistle_shared.errors import Conflict, IllegalTransition, Invalid, NotFound

DAY = 24 * 60
DUE, ASKED, UNTIL = minutes(7 * DAY), minutes(10 * DAY), minutes(5 * DAY)


def extension(counter: Counter, decider: str = "street") -> UUID:
    """CGJ asks for three days more."""
    request_id = uuid4()
    asked = {"clock": "resolve", "current_due_at": DUE, "due_at": ASKED, "number": 1, "reason": "等待配件"}
    counter.reports("CGJ", ExtensionRequested, minutes(30), request_id=request_id, decider=decider, **asked)
    return request_id


def suspension(counter: Counter, decider: str = "street", number: int = 1) -> UUID:
    """CGJ asks to be put on the ledger for five days."""
    request_id = uuid4()
    asked = {"cause": "funding_approval", "until": UNTIL, "number": number, "reason": "资金待批"}
    counter.reports("CGJ", SuspensionRequested, minutes(30), request_id=request_id, decider=decider, **asked)
    return request_id


def decides(counter: Counter, request_id: UUID, granted: bool = True, at: float = 40, **more: Any) -> domain.Request:
    said = {"due_at": None, "until": None, "reason": "情况属实", "review": False} | more
    decision = commands.Decision(granted=granted, **said)
    decided: domain.Request = counter.does(
        commands.decide_request, request_id, OFFICE, decision, REGISTRY.regulation, at=minutes(at)
    )
    return decided


def resumes(counter: Counter, at: float) -> None:
    counter.does(commands.resume_task, counter.task_id("CGJ"), OFFICE, "资金已批复", at=minutes(at))


@pytest.fixture
def counter() -> Counter:
    return Counter().dispatched()


# -- extension ------------------------------------------------------------------------------------------------------


def test_a_granted_extension_moves_the_due_to_the_instant_asked_for(counter: Counter) -> None:
    request_id = extension(counter)
    (row,) = counter.sheets[-1].rows(tables.request)
    assert (row["status"], row["whistle_id"], row["asked_until"]) == ("pending", WHISTLE, ASKED)
    decides(counter, request_id)
    word = counter.word(ExtensionDecided)
    assert (word.to, word.awaiting) == (("CGJ",), ("escalation",))
    assert word.data == ExtensionDecided(
        whistle_id=WHISTLE,
        task_id=counter.task_id("CGJ"),
        department="CGJ",
        request_id=request_id,
        granted=True,
        reason="情况属实",
        by=OFFICE.by,
        clock="resolve",
        due_at=ASKED,
    )


def test_a_refused_extension_names_no_due_time(counter: Counter) -> None:
    decided = decides(counter, extension(counter), granted=False)
    assert (counter.last(ExtensionDecided).due_at, decided.status) == (None, "refused")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"due_at": ASKED + timedelta(seconds=1)}, "due_at"),
        ({"due_at": DUE}, "due_at"),
        ({"due_at": DUE - timedelta(days=1)}, "due_at"),
        ({"until": ASKED}, "until"),
        ({"granted": False, "due_at": ASKED}, "due_at"),
    ],
)
def test_more_than_was_asked_or_nothing_at_all_is_refused(counter: Counter, more: dict[str, Any], field: str) -> None:
    request_id = extension(counter)
    with pytest.raises(Invalid) as refused:
        decides(counter, request_id, **more)
    assert refused.value.field == field
    assert counter.whistle.requests[request_id].status == "pending"


def test_less_than_was_asked_may_be_granted(counter: Counter) -> None:
    decides(counter, extension(counter), due_at=DUE + timedelta(days=1))
    assert counter.last(ExtensionDecided).due_at == DUE + timedelta(days=1)


@pytest.mark.parametrize("first", [True, False])
def test_a_request_is_decided_once(counter: Counter, first: bool) -> None:
    """INVARIANT: a request is decided once."""
    request_id = extension(counter)
    decides(counter, request_id, granted=first)
    with pytest.raises(IllegalTransition) as refused:
        decides(counter, request_id, granted=not first)
    assert (refused.value.state, refused.value.legal) == ("granted" if first else "refused", ())
    assert counter.count(ExtensionDecided) == 1


def test_a_request_that_is_heard_again_stays_decided(counter: Counter) -> None:
    request_id = extension(counter)
    decides(counter, request_id)
    again = counter.whistle.requests[request_id]
    counter.does(commands.note_request, domain.Request(request_id, *_rest(again)))
    assert counter.whistle.requests[request_id].status == "granted"


def _rest(request: domain.Request) -> tuple[Any, ...]:
    names = ("task_id", "department", "kind", "decider", "number", "asked_until", "reason", "asked_by", "asked_at")
    return tuple(getattr(request, name) for name in names)


def test_what_the_district_decides_is_only_told(counter: Counter) -> None:
    request_id = extension(counter, decider="district")
    assert counter.whistle.requests == {}
    assert counter.told[-1] == ExtensionRequested.key
    with pytest.raises(NotFound):
        decides(counter, request_id)


def test_more_time_for_work_that_is_submitted_is_refused_only(counter: Counter) -> None:
    request_id = extension(counter)
    counter.submitted("CGJ", at=minutes(35))
    with pytest.raises(IllegalTransition) as illegal:
        decides(counter, request_id)
    assert (illegal.value.state, illegal.value.legal) == ("submitted", ("refusal",))
    assert decides(counter, request_id, granted=False).status == "refused"


# -- suspension -----------------------------------------------------------------------------------------------------


def test_a_suspended_task_is_suspended_until_it_is_resumed(counter: Counter) -> None:
    counter.reports("GA", TaskSubmitted, minutes(5), result="好了")
    request_id = suspension(counter)
    decides(counter, request_id)
    word = counter.word(SuspensionDecided)
    assert (word.to, word.awaiting) == (("CGJ",), ("escalation",))
    said: SuspensionDecided = counter.last(SuspensionDecided)
    assert (said.granted, said.cycle, said.until) == (True, 100, UNTIL)
    assert (counter.task("CGJ").state, counter.task("CGJ").suspended_by) == ("suspended", "street")
    resumes(counter, at=60)
    assert counter.task("CGJ").state == "dispatched"
    assert (counter.word(ResumedByStreet).to, counter.word(ResumedByStreet).awaiting) == (("CGJ",), ("escalation",))


def test_a_whistle_is_suspended_when_all_its_tasks_are(counter: Counter) -> None:
    for department in ("CGJ", "GA"):
        decided = said_by_dispatch.SuspensionDecided(
            whistle_id=WHISTLE,
            task_id=counter.task_id(department),
            department=department,
            request_id=uuid4(),
            granted=True,
            reason="待法院判决",
            by="区吹哨办",
            cycle=100,
            until=UNTIL,
        )
        counter.hears(decided, minutes(60))
    assert counter.state == "suspended"
    with pytest.raises(Conflict, match="district"):
        resumes(counter, at=70)
    counter.reports("CGJ", TaskResumed, minutes(80))
    assert counter.state == "blown"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_suspension_and_its_end_are_heard_in_any_order(counter: Counter, order: tuple[int, int]) -> None:
    about = {"whistle_id": WHISTLE, "task_id": counter.task_id("CGJ"), "department": "CGJ"}
    decision = {"request_id": uuid4(), "granted": True, "reason": "x", "by": "x", "cycle": 100, "until": UNTIL}
    heard = [
        paperwork.event(said_by_dispatch.SuspensionDecided.model_validate({**about, **decision}), minutes(60)),
        paperwork.event(said_by_dispatch.TaskResumed(**about, reason="x", by="x"), minutes(70)),
    ]
    for position in order:
        counter.hears_event(heard[position])
    task = counter.task("CGJ")
    assert (task.suspended, task.suspended_at, task.resumed_at) == (False, minutes(60), minutes(70))


@pytest.mark.parametrize("until", [UNTIL + timedelta(seconds=1), minutes(40), minutes(10)])
def test_the_end_lies_between_now_and_what_was_asked(counter: Counter, until: datetime) -> None:
    with pytest.raises(Invalid) as refused:
        decides(counter, suspension(counter), until=until)
    assert refused.value.field == "until"


def test_a_review_keeps_the_suspension_under_the_next_clock(counter: Counter) -> None:
    request_id = suspension(counter, number=2)
    decides(counter, request_id)
    with pytest.raises(IllegalTransition) as twice:
        decides(counter, request_id, at=50)
    assert twice.value.legal == ("review",)
    kept = decides(counter, request_id, at=4 * DAY, review=True, until=minutes(9 * DAY))
    assert (kept.reviews, kept.granted_until) == (1, minutes(9 * DAY))
    assert [word.data.cycle for word in counter.said if isinstance(word.data, SuspensionDecided)] == [200, 201]
    assert counter.task("CGJ").state == "suspended"
    assert decides(counter, request_id, at=5 * DAY, review=True).cycle == 202


def test_a_review_needs_a_suspension_that_stands(counter: Counter) -> None:
    request_id = suspension(counter)
    with pytest.raises(IllegalTransition) as early:
        decides(counter, request_id, review=True)
    assert (early.value.state, early.value.legal) == ("pending", ("decision",))
    decides(counter, request_id)
    resumes(counter, at=60)
    with pytest.raises(IllegalTransition):
        decides(counter, request_id, at=70, review=True)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"granted": False}, "granted"),
        ({"until": minutes(60)}, "until"),  # now
        ({"until": minutes(30 * DAY)}, "until"),  # more than 10 working days from now is for the district to grant
    ],
)
def test_a_review_grants_no_more_than_a_street_may(counter: Counter, more: dict[str, Any], field: str) -> None:
    request_id = suspension(counter)
    decides(counter, request_id)
    with pytest.raises(Invalid) as refused:
        decides(counter, request_id, at=60, review=True, **more)
    assert refused.value.field == field


def test_one_suspension_at_a_time(counter: Counter) -> None:
    first, second = suspension(counter), suspension(counter)
    decides(counter, first)
    with pytest.raises(IllegalTransition) as refused:
        decides(counter, second, at=50)
    assert (refused.value.state, refused.value.legal) == ("suspended", ("refusal",))


def test_an_emergency_is_never_suspended() -> None:
    counter = Counter(paperwork.facts("emergency", "urgent")).dispatched()
    request_id = suspension(counter)
    with pytest.raises(Invalid) as refused:
        decides(counter, request_id)
    assert refused.value.field == "granted"
    assert decides(counter, request_id, granted=False).status == "refused"
