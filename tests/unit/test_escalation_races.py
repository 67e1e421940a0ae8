"""Facts that cross on their way: what one of them makes impossible, the other may have begun already (EVENTS.md R5)."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any
from uuid import UUID, uuid5

import pytest

from support import paperwork
from support.casebook import Case, reopened
from support.clockface import MONDAY, local
from support.desk import CALL, KEY_CALL, MINUTE, Desk, minutes, of, unrouted
from support.paperwork import WHISTLE
from whistle_escalation import commands
from whistle_shared.contracts import Event
from whistle_shared.contracts.dispatch import TaskCalled
from whistle_shared.contracts.escalation import (
    ClocksChanged,
    ClockWarned,
    EscalationRaised,
    EscalationResolved,
    EscalationWithdrawn,
)
from whistle_shared.errors import IllegalTransition

PIT = Case(CALL, "CGJ")  # an emergency
KEY = Case(KEY_CALL, "CGJ")  # key work
DAY = 24 * 60


def after(case: Case, *events: Any) -> Desk:
    desk = Desk()
    for event in (case.called(MONDAY), *events):
        desk.hears(event, minutes(2 * DAY))
    return desk


# -- what should never have begun -------------------------------------------------------------------------------


def test_a_clock_that_a_step_began_after_its_task_had_ended_is_voided() -> None:
    """INVARIANT: the clocks follow from the facts: what follows from them no more does not run on."""
    desk = after(KEY, KEY.acknowledged(minutes(61)))
    assert {name for code, name in desk.running() if code == "CGJ"} >= {"plan"}
    words = desk.hears(KEY.replaced(minutes(60)), minutes(2 * DAY))
    assert {name for code, name in desk.running() if code == "CGJ"} == set()
    told = {change.name: change.status for word in of(ClocksChanged, words) for change in word.changes}
    assert told["plan"] == "voided"
    assert [word for word in desk.looks(minutes(90 * DAY)) if getattr(word, "department", "") == "CGJ"] == []


def test_what_a_milestone_after_the_pass_began_is_voided_when_the_pass_is_heard() -> None:
    desk = after(PIT, PIT.submitted(minutes(60)), PIT.reached(minutes(100), "contain"))
    assert ("CGJ", "restore") in desk.running()
    desk.hears(PIT.passed(minutes(90)), minutes(2 * DAY))
    assert {name for code, name in desk.running() if code == "CGJ"} == {"evaluate"}


def test_what_was_raised_about_a_clock_that_should_never_have_begun_is_withdrawn() -> None:
    desk = after(KEY, KEY.acknowledged(minutes(61)))
    desk.looks(minutes(90 * DAY))
    plan = desk.clock("plan", "CGJ")
    assert desk.matter.standing_on(plan.clock_id, "resolved")
    words = desk.hears(KEY.replaced(minutes(60)), minutes(90 * DAY))
    assert plan.clock_id in {word.clock_id for word in of(EscalationWithdrawn, words)}
    assert not desk.matter.standing_on(plan.clock_id, "resolved")


# -- R10 -----------------------------------------------------------------------------------------------------------


def test_a_late_end_that_turns_out_to_be_in_time_withdraws_what_it_had_resolved() -> None:
    """R10: met → withdrawn, whichever of the grant and the submission is heard first."""
    desk = after(KEY)
    due = desk.clock("resolve", "CGJ").due_at
    desk.watches(due)
    late = due + timedelta(hours=1)
    assert [w.rung for w in of(EscalationResolved, desk.hears(KEY.submitted(late), late))] == [1]
    words = desk.hears(KEY.extended(due - MINUTE, due + timedelta(days=1)), late + MINUTE)
    assert desk.clock("resolve", "CGJ").status == "met"
    assert [word.rung for word in of(EscalationWithdrawn, words)] == [1]
    assert {
        e.status for e in desk.matter.escalations.values() if e.clock_id == desk.clock("resolve", "CGJ").clock_id
    } == {"withdrawn"}


def test_a_suspension_after_an_extension_says_no_warning_twice() -> None:
    """INVARIANT: a running clock fires each warning and each rung at most once, in order."""
    desk = after(KEY)
    begun = desk.clock("resolve", "CGJ")
    whole = begun.due_at - begun.started_at
    granted = begun.started_at + 2 * whole
    desk.hears(KEY.extended(begun.started_at + whole / 4, granted), begun.started_at + whole / 4)
    half = desk.clock("resolve", "CGJ").next_at
    assert half is not None
    assert [w.percent for w in desk.watches(half) if isinstance(w, ClockWarned) and w.clock == "resolve"][-1:] == [50]
    desk.hears(KEY.suspended(half + 60 * MINUTE), half + 60 * MINUTE)
    resumed = half + 180 * MINUTE
    desk.hears(KEY.resumed(resumed), resumed)
    said = [w for w in desk.watches(resumed + MINUTE) if isinstance(w, ClockWarned)]
    assert [w.percent for w in said if (w.clock, w.department) == ("resolve", "CGJ")] == []


# -- ties ----------------------------------------------------------------------------------------------------------


def leads(case: Case, previous: Case, version: int) -> Event[Any]:
    return replace(case.leads(minutes(0), previous), subject_version=version)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_while_business_time_stands_still_the_last_lead_named_leads(order: tuple[int, ...]) -> None:
    lead, other = Case(KEY_CALL, "CGJ"), Case(KEY_CALL, "GA")
    said = [KEY.called(minutes(0)), leads(other, lead, 3), leads(lead, other, 4)]
    desk = Desk()
    for place in order:
        desk.hears(said[place], minutes(0))
    assert desk.matter.lead(1) == "CGJ"
    again = Desk()
    for place in order:
        if place != 2:
            again.hears(said[place], minutes(0))
    assert again.matter.lead(1) == "GA"


def test_a_task_suspended_again_in_the_instant_of_its_resumption_stands_still() -> None:
    """Business time may stand still; the events' ids, made in the order of saying, tell them apart."""
    events = [
        KEY.suspended(minutes(60), 101, request="1"),
        KEY.resumed(minutes(90)),
        KEY.suspended(minutes(90), 201, request="2"),
        KEY.resumed(minutes(90)),
    ]
    said = [replace(event, id=UUID(int=number)) for number, event in enumerate(events, 1)]
    for order in permutations(said[:3]):
        assert after(KEY, *order).clock("resolve", "CGJ").status == "paused"
    for order in permutations(said):
        desk = after(KEY, *order)
        assert desk.clock("resolve", "CGJ").status == "running"
        assert ("CGJ", "suspension_review") not in desk.running()


# -- others -------------------------------------------------------------------------------------------------------


def test_a_meetings_task_does_not_end_the_wait_for_a_route() -> None:
    """A whistle that waits for the whistle office still waits when a meeting hands out something."""
    desk = Desk()
    desk.hears(unrouted(minutes(0)))
    (waiting,) = desk.matter.clocks.values()
    item = TaskCalled(
        task_id=uuid5(WHISTLE, "item"),
        department="GA",
        role="co_handle",
        presence="none",
        terms="t",
        origin="meeting-1",
    )
    call = CALL.model_copy(update={"tasks": (item,), "terms": {"t": CALL.terms["lead@1"]}})
    desk.hears(paperwork.event(call, minutes(10)))
    assert desk.matter.clocks[waiting.clock_id].status == "running"
    desk.hears(PIT.called(minutes(20)))
    assert desk.matter.clocks[waiting.clock_id].stopped_at == minutes(20)


# -- quiet hours ----------------------------------------------------------------------------------------------------


def test_a_rung_that_is_overdue_waits_for_the_end_of_its_quiet_hours_too() -> None:
    """After an outage, or one minute after the rung before: nobody is woken at night for what has waited already."""
    key = Case(paperwork.dispatched(paperwork.facts("appeal", "normal"), ["CGJ"]), "CGJ")
    desk = after(key)
    resolve = desk.clock("resolve", "CGJ")
    (spec,) = [spec for spec in key.call.terms[key.task.terms] if spec.name == "resolve"]
    assert spec.ladder[0].quiet == "22:00-07:00"
    night = local(2026, 8, 3, 21, 59) + timedelta(seconds=30)
    assert resolve.due_at < night - timedelta(days=20)
    words = [w for w in desk.looks(night) if isinstance(w, EscalationRaised) and w.clock_id == resolve.clock_id]
    assert [word.rung for word in words] == [1], "awake until ten"
    assert desk.clock("resolve", "CGJ").next_at == local(2026, 8, 4, 7)
    asleep = after(key)
    assert [w for w in asleep.looks(local(2026, 8, 3, 23)) if isinstance(w, EscalationRaised)] == []
    assert asleep.clock("resolve", "CGJ").breached_at == local(2026, 8, 3, 23)
    morning = of(EscalationRaised, asleep.looks(local(2026, 8, 4, 7)))
    assert [word.rung for word in morning if word.clock_id == resolve.clock_id] == [1]


# -- rounds -------------------------------------------------------------------------------------------------------


def test_nobody_is_reminded_of_a_round_that_a_further_one_replaced() -> None:
    """A dissatisfied call-back reopens without a closing: the round before is over all the same."""
    desk = after(PIT, reopened(minutes(500), CALL.facts))
    with pytest.raises(IllegalTransition):
        desk.does(commands.remind, minutes(600), WHISTLE, PIT.task.task_id, "请尽快", "区吹哨办")


def test_a_review_of_a_suspension_that_is_over_starts_no_clock() -> None:
    """The department took the work up again; the street had not heard of it when it looked at the suspension."""
    story = [
        KEY.called(minutes(0)),
        KEY.suspended(minutes(60), 100),
        KEY.resumed(minutes(120)),
        KEY.suspended(minutes(180), 101),
    ]
    for order in permutations(story[1:]):
        desk = Desk()
        for event in (story[0], *order):
            desk.hears(event, minutes(240))
        reviews = [clock for clock in desk.matter.clocks.values() if clock.name == "suspension_review"]
        assert {clock.status for clock in reviews} <= {"met", "voided"}
        assert desk.clock("resolve", "CGJ").status == "running"
