"""Every clock of the mechanism: what starts it, what stops it, what bends it. Source: EVENTS.md section 2, ADR 6."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from support import paperwork
from support.casebook import Case, minuted
from support.clockface import MONDAY
from support.desk import CALL, KEY_CALL, MINUTE, Desk, minutes, of
from support.paperwork import WHISTLE
from whistle_escalation import domain
from whistle_shared.contracts.escalation import (
    ClockBreached,
    ClocksChanged,
    ClockWarned,
    EscalationRaised,
    EscalationResolved,
    EscalationWithdrawn,
)

PIT = Case(CALL, "CGJ")  # an emergency: ack, arrive, contain, resolve; restore after contain
KEY = Case(KEY_CALL, "CGJ")  # key work: first_meeting, plan, resolve
LONG = paperwork.dispatched(paperwork.facts("key_work", "long_term"), ["CGJ"])
DAY = 24 * 60


def after(case: Case, *events: Any, at: datetime | None = None) -> Desk:
    desk = Desk()
    for event in (case.called(MONDAY), *events):
        desk.hears(event, at)
    return desk


def of_resolve(words: list[Any]) -> list[Any]:
    """What was said of the resolve clock of CGJ."""
    return [w for w in words if (getattr(w, "clock", ""), getattr(w, "department", "")) == ("resolve", "CGJ")]


def status(desk: Desk, name: str, code: str = "CGJ") -> str:
    return desk.clock(name, code).status


# -- milestones -----------------------------------------------------------------------------------------------


def test_a_secured_site_stops_contain_and_starts_restore() -> None:
    desk = after(PIT, PIT.acknowledged(minutes(1)), PIT.arrived(minutes(20)), PIT.reached(minutes(60), "contain"))
    assert (status(desk, "contain"), desk.clock("restore", "CGJ").started_at) == ("met", minutes(60))
    desk.hears(PIT.reached(minutes(90), "restore"))
    assert (status(desk, "restore"), desk.clock("restore", "CGJ").stopped_at) == ("met", minutes(90))


def test_restore_runs_on_after_the_submission_and_the_streets_pass_ends_it() -> None:
    """ADR 6: the pass ends whatever of the task still runs, in time or late by the decision's time."""
    desk = after(PIT, PIT.acknowledged(minutes(1)), PIT.reached(minutes(60), "contain"), PIT.submitted(minutes(120)))
    assert {name for code, name in desk.running() if code == "CGJ"} == {"arrive", "restore", "street_verify"}
    desk.hears(PIT.passed(minutes(200)))
    assert (status(desk, "restore"), status(desk, "arrive"), status(desk, "street_verify")) == (
        "met",
        "met_late",
        "met",
    )
    assert {name for code, name in desk.running() if code == "CGJ"} == {"evaluate"}
    desk.hears(PIT.evaluated(minutes(300)))
    assert {name for code, name in desk.running() if code == "CGJ"} == set()


def test_a_milestone_after_the_pass_starts_nothing() -> None:
    desk = after(PIT, PIT.submitted(minutes(60)), PIT.passed(minutes(90)), PIT.reached(minutes(100), "contain"))
    assert {name for code, name in desk.running() if code == "CGJ"} == {"evaluate"}


def test_a_repair_is_told_and_stops_nothing() -> None:
    desk = after(PIT, PIT.acknowledged(minutes(1)))
    before = desk.matter.clocks
    (receipt,) = desk.hears(PIT.reached(minutes(50), "repair"))
    assert receipt == ClocksChanged(whistle_id=WHISTLE, task_id=PIT.task.task_id, changes=())
    assert desk.matter.clocks == before


def test_a_filed_plan_arms_resolve_with_exactly_its_last_step() -> None:
    """`per_plan`: the resolve clock is armed when the plan is filed, with the plan's own due time."""
    case = Case(LONG, "CGJ")
    desk = after(case, case.acknowledged(minutes(30)))
    assert not [c for c in desk.matter.clocks.values() if c.name == "resolve"]
    steps = [MONDAY + timedelta(days=n) for n in (20, 45)]
    desk.hears(case.reached(minutes(DAY), "plan", *steps))
    resolve = desk.clock("resolve", "CGJ")
    assert (resolve.started_at, resolve.due_at, resolve.provisional) == (minutes(DAY), steps[-1], False)
    assert (status(desk, "plan"), resolve.next_at) == ("met", minutes(DAY) + (steps[-1] - minutes(DAY)) / 2)
    words = of_resolve(desk.watches(steps[-1]))
    assert [type(word).__name__ for word in words[:3]] == ["ClockWarned", "ClockWarned", "ClockBreached"]


def test_minutes_stop_the_first_meeting_of_every_task_of_the_round() -> None:
    other = Case(KEY_CALL, "GA")
    desk = after(KEY, KEY.acknowledged(minutes(10)), other.acknowledged(minutes(12)))
    names = {c.department for c in desk.matter.clocks.values() if c.name == "first_meeting"}
    words = desk.hears(minuted(minutes(100)))
    assert {desk.clock("first_meeting", code).status for code in names} == {"met"}
    assert isinstance(words[0], ClocksChanged)
    assert desk.clock("plan", "CGJ").status == "running"


def test_minutes_of_another_round_stop_nothing() -> None:
    desk = after(KEY, KEY.acknowledged(minutes(10)))
    (receipt,) = desk.hears(minuted(minutes(100), round_=2))
    assert receipt == ClocksChanged(whistle_id=WHISTLE, task_id=None, changes=())
    assert desk.clock("first_meeting", "CGJ").status == "running"


@pytest.mark.parametrize("first", [10, 30])
def test_of_two_acknowledgements_the_earlier_starts_what_follows_whichever_is_heard_first(first: int) -> None:
    desk = after(KEY, KEY.acknowledged(minutes(first)), KEY.acknowledged(minutes(40 - first)))
    assert desk.clock("ack", "CGJ").stopped_at == minutes(10)
    assert {desk.clock(name, "CGJ").started_at for name in ("first_meeting", "plan")} == {minutes(10)}


# -- more time ------------------------------------------------------------------------------------------------


def test_a_granted_extension_moves_due_warnings_and_rungs() -> None:
    desk = after(KEY, KEY.acknowledged(minutes(10)))
    old = desk.clock("resolve", "CGJ")
    new = old.due_at + timedelta(days=3)
    (receipt,) = desk.hears(KEY.extended(minutes(DAY), new))
    (change,) = receipt.changes  # type: ignore[attr-defined]
    assert (change.clock_id, change.due_at, change.status) == (old.clock_id, new, "running")
    words = of_resolve(desk.watches(new + timedelta(days=20)))
    assert of(ClockWarned, words)[0].warned_at == MONDAY + (new - MONDAY) / 2
    assert of(ClockBreached, words)[0].fired_at == new
    assert of(EscalationRaised, words)[0].rung_at == new


def test_a_refused_extension_changes_nothing_and_its_late_grant_neither() -> None:
    """The first decision per request id wins."""
    desk = after(KEY)
    due = desk.clock("resolve", "CGJ").due_at
    desk.hears(KEY.extended(minutes(100), None))
    desk.hears(KEY.extended(minutes(200), due + timedelta(days=1), by="district"))
    assert desk.clock("resolve", "CGJ").due_at == due


def test_a_breach_while_the_request_was_pending_is_withdrawn_by_the_grant() -> None:
    """R10: extended past the firing → withdrawn; the rungs can be climbed again when it is really due."""
    desk = after(KEY)
    old = desk.clock("resolve", "CGJ")
    desk.watches(old.due_at)
    assert [e.rung for e in desk.matter.standing_on(old.clock_id, "resolved")] == [1]
    new = old.due_at + timedelta(days=2)
    words = desk.hears(KEY.extended(old.due_at + MINUTE, new))
    assert [word.reason for word in of(EscalationWithdrawn, words)] == ["the due time moved"]
    assert isinstance(words[0], ClocksChanged)
    assert [change.status for change in words[0].changes] == ["running", "voided"]
    again = desk.clock("resolve", "CGJ")
    assert (again.clock_id, again.due_at) == (domain.again_id(old.clock_id), new)
    desk.watches(new)
    assert [e.rung for e in desk.matter.standing_on(again.clock_id, "resolved")] == [1]


def test_who_sits_in_a_meeting_has_not_arrived_where_the_place_is_asked_for() -> None:
    """Source: EVENTS.md section 2, Meeting."""
    desk, case = Desk(), Case(CALL, "CGJ")
    desk.hears(case.called(minutes(0)))
    desk.hears(case.acknowledged(minutes(1)))
    said = desk.hears(case.attended(minutes(5)))
    assert [type(word) for word in said] == [ClocksChanged]
    assert desk.clock("arrive", "CGJ").status == "running"
    desk.hears(case.arrived(minutes(9)))
    assert desk.clock("arrive", "CGJ").status == "met"


def test_acknowledge_and_arrive_are_neither_extended_nor_paused() -> None:
    desk = after(PIT)
    before = {c.name: (c.status, c.due_at) for c in desk.matter.clocks.values() if c.department == "CGJ"}
    desk.hears(PIT.extended(minutes(1), minutes(500), "ack"))
    desk.hears(PIT.suspended(minutes(2)))
    now = {c.name: (c.status, c.due_at) for c in desk.matter.clocks.values() if c.department == "CGJ"}
    assert {name: now[name] for name in ("ack", "arrive", "contain")} == {
        name: before[name] for name in ("ack", "arrive", "contain")
    }


@pytest.mark.parametrize("by", ["department", "street", "district"])
def test_a_suspension_pauses_at_the_decision_and_whoever_resumes_gives_the_span_back(by: str) -> None:
    desk = after(KEY, KEY.acknowledged(minutes(10)))
    due = desk.clock("resolve", "CGJ").due_at
    desk.hears(KEY.suspended(minutes(DAY)))
    paused = desk.clock("resolve", "CGJ")
    assert (paused.status, paused.due_at, paused.next_at) == ("paused", due, None)
    assert {name for code, name in desk.running() if code == "CGJ"} == {"first_meeting", "plan", "suspension_review"}
    assert not of_resolve(desk.watches(minutes(3 * DAY)))
    desk.hears(KEY.resumed(minutes(3 * DAY), by))
    resumed = desk.clock("resolve", "CGJ")
    assert (resumed.status, resumed.due_at) == ("running", due + timedelta(days=2))
    assert desk.clock("suspension_review", "CGJ").status == "met"


def test_pausing_and_resuming_at_the_same_instant_changes_nothing() -> None:
    desk = after(KEY)
    before = desk.clock("resolve", "CGJ")
    desk.hears(KEY.suspended(minutes(100)))
    desk.hears(KEY.resumed(minutes(100)))
    assert desk.clock("resolve", "CGJ") == before


def test_a_review_that_keeps_the_suspension_starts_the_next_one() -> None:
    """Cycle 100 × number + review; the old review is met when the next decision falls."""
    desk = after(KEY, KEY.suspended(minutes(DAY), 101, by="district"))
    first = domain.clock_id(KEY.task.task_id, "suspension_review", 101)
    assert (desk.matter.clocks[first].side, desk.matter.clocks[first].status) == ("district", "running")
    desk.hears(KEY.suspended(minutes(30 * DAY), 102, by="district"))
    second = domain.clock_id(KEY.task.task_id, "suspension_review", 102)
    assert (desk.matter.clocks[first].status, desk.matter.clocks[second].status) == ("met", "running")
    assert desk.clock("resolve", "CGJ").status == "paused"


def test_a_refused_suspension_pauses_nothing() -> None:
    desk = after(KEY, KEY.suspended(minutes(DAY), granted=False))
    assert desk.clock("resolve", "CGJ").status == "running"
    assert not [c for c in desk.matter.clocks.values() if c.name == "suspension_review"]


# -- verification ---------------------------------------------------------------------------------------------


def test_a_rework_lets_resolve_run_on_as_if_it_had_never_stopped() -> None:
    desk = after(KEY, KEY.acknowledged(minutes(10)), KEY.submitted(minutes(DAY)))
    met = desk.clock("resolve", "CGJ")
    verify = desk.clock("street_verify", "CGJ")
    assert (met.status, verify.cycle) == ("met", 1)
    desk.hears(KEY.reworked(minutes(DAY + 60), minutes(DAY), verify.due_at))
    running = desk.clock("resolve", "CGJ")
    assert (running.clock_id, running.status, running.due_at) == (met.clock_id, "running", met.due_at)
    assert desk.matter.clocks[verify.clock_id].status == "met"
    assert status(desk, "plan") == "met", "what the submission ended beside it stays ended"
    desk.hears(KEY.submitted(minutes(2 * DAY), 2))
    second = domain.clock_id(KEY.task.task_id, "street_verify", 2)
    assert (status(desk, "resolve"), desk.matter.clocks[second].started_at) == ("met", minutes(2 * DAY))
    desk.hears(KEY.passed(minutes(2 * DAY + 5), 2))
    assert desk.matter.clocks[second].status == "met"
    assert desk.clock("evaluate", "CGJ").cycle == 2


def test_what_was_breached_between_submission_and_rework_fires_now() -> None:
    desk = after(KEY)
    due = desk.clock("resolve", "CGJ").due_at
    verify_due = due + timedelta(days=2)
    submitted, decided = due - MINUTE, due + timedelta(days=1)
    desk.hears(KEY.submitted(submitted))
    desk.hears(KEY.reworked(decided, submitted, verify_due))
    words = of_resolve(desk.looks(decided + MINUTE))
    (breach,) = of(ClockBreached, words)
    assert (breach.due_at, breach.late_by_seconds) == (due, (decided + MINUTE - due).total_seconds())
    assert [word.rung for word in of(EscalationRaised, words)] == [1]


def test_rungs_climbed_before_a_rework_stay_climbed() -> None:
    desk = after(KEY)
    due = desk.clock("resolve", "CGJ").due_at
    desk.watches(due)
    late = due + timedelta(minutes=10)
    (resolved,) = [w for w in desk.hears(KEY.submitted(late)) if isinstance(w, EscalationResolved)]
    desk.hears(KEY.reworked(late + MINUTE, late, late + timedelta(days=2)))
    clock = desk.clock("resolve", "CGJ")
    assert (clock.status, clock.climbed, resolved.rung) == ("running", 1, 1)
    words = of_resolve(desk.watches(due + timedelta(days=30)))
    assert [w.rung for w in of(EscalationRaised, words)] == [2, 3, 4, 5]
    assert of(ClockBreached, words) == []


def test_a_veto_after_the_pass_sends_the_work_back() -> None:
    """The street's veto forces a rework of the attempt it had passed; the score follows the next verification."""
    desk = after(KEY, KEY.submitted(minutes(100)), KEY.passed(minutes(200)))
    assert status(desk, "evaluate") == "running"
    desk.hears(KEY.reworked(minutes(300), minutes(100), None))
    assert (status(desk, "resolve"), status(desk, "evaluate")) == ("running", "met")
    desk.hears(KEY.submitted(minutes(400), 2))
    desk.hears(KEY.passed(minutes(500), 2))
    second = domain.clock_id(KEY.task.task_id, "evaluate", 2)
    assert desk.matter.clocks[second].status == "running"
