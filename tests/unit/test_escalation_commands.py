"""escalation's use cases as its handlers run them, with a Unit that only collects: clocks, ladders, the record."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from support import paperwork
from support.clockface import MONDAY
from support.desk import (
    CALL,
    FACTS,
    FIVE,
    KEY_CALL,
    TASKS,
    Desk,
    Step,
    armed,
    blown,
    called,
    minutes,
    of,
    rungs,
    step,
    unrouted,
    withdrawn,
)
from support.paperwork import WHISTLE
from whistle_escalation import commands, domain, tables
from whistle_escalation.consumers import SUBSCRIPTIONS, admits
from whistle_shared.contracts import EventData
from whistle_shared.contracts.department import TaskAcknowledged
from whistle_shared.contracts.dispatch import WhistleDispatched
from whistle_shared.contracts.escalation import (
    ClockBreached,
    ClocksArmed,
    ClocksChanged,
    ClockWarned,
    EscalationAcknowledged,
    EscalationRaised,
    EscalationResolved,
    EscalationWithdrawn,
)
from whistle_shared.contracts.intake import WhistleBlown
from whistle_shared.errors import Invalid
from whistle_shared.messaging import RetryLater
from whistle_shared.registry import registry_rows
from whistle_shared.timers import Horizon

# -- arming ---------------------------------------------------------------------------------------------------


def test_a_dispatch_starts_the_clocks_of_every_task_and_says_how_many() -> None:
    desk = Desk()
    (receipt,) = desk.hears(called())
    assert desk.running() == {(code, name) for code in FIVE for name in ("ack", "arrive", "contain", "resolve")}
    assert receipt == ClocksArmed(whistle_id=WHISTLE, round=1, clocks=20)
    spec = next(spec for spec in CALL.terms["lead@1"] if spec.name == "ack")
    assert spec.schedule is not None
    clock = desk.clock("ack", "GDGS")
    assert (clock.due_at, clock.started_at) == (spec.schedule.due_at, MONDAY)
    assert clock.next_at == spec.schedule.warn_at[0]


def test_the_same_dispatch_again_changes_nothing() -> None:
    desk = armed()
    before = desk.matter
    desk.watches(minutes(4))
    going = desk.matter
    (receipt,) = desk.hears(called(), minutes(4))
    assert desk.matter == going != before
    assert receipt == ClocksArmed(whistle_id=WHISTLE, round=1, clocks=20)


def test_an_unrouted_whistle_waits_under_the_district_clock_until_it_is_dispatched() -> None:
    desk = Desk()
    (receipt,) = desk.hears(unrouted(MONDAY))
    assert receipt == ClocksArmed(whistle_id=WHISTLE, round=1, clocks=1)
    assert desk.running() == {(None, "dispatch")}
    assert [rung for _, _, rung in rungs(desk.watches(minutes(5)))] == [3]  # the district's ladder begins there
    words = desk.hears(called(at=minutes(7)))
    assert desk.clock("dispatch").status == "met_late"
    assert [word.reason for word in of(EscalationResolved, words)] == ["met late"]
    assert isinstance(words[0], ClocksArmed), "the receipt that dispatch awaits is said first"


# -- steps ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("which", "stops", "starts"),
    [
        ("acknowledged", {"ack"}, {"first_meeting", "plan"}),
        ("arrived", set(), set()),
        ("submitted", {"resolve"}, {"street_verify"}),
    ],
)
def test_what_a_step_stops_and_starts(which: Step, stops: set[str], starts: set[str]) -> None:
    desk = Desk()
    desk.hears(paperwork.event(KEY_CALL, MONDAY))
    before = desk.running()
    task = KEY_CALL.tasks[0]
    (receipt,) = desk.hears(step("CGJ", which, minutes(20), task.task_id))
    assert desk.running() == before - {("CGJ", name) for name in stops} | {("CGJ", name) for name in starts}
    assert isinstance(receipt, ClocksChanged)
    assert receipt.task_id == task.task_id
    assert {(change.name, change.status) for change in receipt.changes} == {
        *((name, "met") for name in stops),
        *((name, "running") for name in starts),
    }
    if starts:
        assert {desk.clock(name, "CGJ").started_at for name in starts} == {minutes(20)}


def test_the_submission_of_finished_work_ends_every_clock_of_the_departments_side() -> None:
    desk = armed()
    desk.hears(step("CGJ", "acknowledged", minutes(3)))
    desk.hears(step("CGJ", "arrived", minutes(20)))
    desk.hears(step("CGJ", "submitted", minutes(180)))
    statuses = {c.name: c.status for c in desk.matter.clocks.values() if c.department == "CGJ"}
    assert statuses == {
        "ack": "met",
        "arrive": "met",
        "contain": "met_late",
        "resolve": "met",
        "street_verify": "running",
    }


def test_what_began_with_the_acknowledgement_ends_with_the_submission() -> None:
    desk = Desk()
    desk.hears(paperwork.event(KEY_CALL, MONDAY))
    task = KEY_CALL.tasks[0]
    desk.hears(step("CGJ", "acknowledged", minutes(20), task.task_id))
    receipt = desk.hears(step("CGJ", "submitted", minutes(60), task.task_id))[-1]
    assert {clock for department, clock in desk.running() if department == "CGJ"} == {"street_verify"}
    assert isinstance(receipt, ClocksChanged)
    assert {change.name: change.status for change in receipt.changes} == {
        "first_meeting": "met",
        "plan": "met",
        "resolve": "met",
        "street_verify": "running",
    }


@pytest.mark.parametrize("which", ["acknowledged", "arrived", "submitted"])
def test_a_step_of_one_department_never_touches_anothers_clocks(which: Step) -> None:
    """INVARIANT: one department's facts never touch the clocks of another's task."""
    desk = armed()
    desk.watches(minutes(6))
    others = {key: c for key, c in desk.matter.clocks.items() if c.department != "CGJ"}
    words = desk.hears(step("CGJ", which, minutes(7)))
    assert {key: c for key, c in desk.matter.clocks.items() if c.department != "CGJ"} == others
    assert all(word.department == "CGJ" for word in of(EscalationWithdrawn, words) + of(EscalationResolved, words))
    assert {task.department for task in desk.matter.tasks.values() if task.marks} == {"CGJ"}


def test_a_stamp_from_before_the_clocks_start_is_not_believed() -> None:
    """A department whose clock is slow cannot have acknowledged what nobody had sent it (EVENTS.md R1)."""
    desk = armed()
    desk.hears(step("CGJ", "acknowledged", minutes(-30)), minutes(10))
    clock = desk.clock("ack", "CGJ")
    assert (clock.status, clock.stopped_at) == ("met_late", minutes(10))


def test_a_step_reported_for_another_departments_task_is_refused() -> None:
    """INVARIANT: a department speaks for its own tasks only (EVENTS.md R8)."""
    desk = armed()
    with pytest.raises(Invalid, match="CGJ"):
        desk.hears(step("GA", "acknowledged", minutes(3), TASKS["CGJ"]))
    assert desk.clock("ack", "CGJ").status == "running"


def test_what_another_department_said_of_a_task_before_its_dispatch_is_dropped() -> None:
    desk = Desk()
    desk.hears(step("GA", "acknowledged", minutes(3), TASKS["CGJ"]))
    desk.hears(called())
    assert desk.clock("ack", "CGJ").status == "running"


@pytest.mark.parametrize(
    ("producer", "department", "fault"),
    [
        ("department.ga", "GA", None),
        ("department.hosted", "CGJ", None),
        ("department.hosted", "GA", "department 'GA' is served by instance 'ga', not by 'department.hosted'"),
        ("department.ga", "CGJ", "department 'CGJ' is served by instance 'hosted', not by 'department.ga'"),
    ],
)
def test_only_the_serving_instance_speaks_for_a_department(producer: str, department: str, fault: str | None) -> None:
    """INVARIANT: a department's word counts only through the instance that serves it (EVENTS.md R8)."""
    data = TaskAcknowledged(whistle_id=WHISTLE, task_id=WHISTLE, department=department, by="x", person="y")
    assert admits(paperwork.replica(), paperwork.event(data, MONDAY, producer)) == fault


def test_the_word_of_a_department_that_the_registry_does_not_know_yet_waits_for_its_news() -> None:
    data = TaskAcknowledged(whistle_id=WHISTLE, task_id=WHISTLE, department="XYZ", by="x", person="y")
    with pytest.raises(RetryLater, match="XYZ"):
        admits(paperwork.replica(), paperwork.event(data, MONDAY, "department.hosted"))


# -- time passing ---------------------------------------------------------------------------------------------


def test_a_silent_department_is_warned_and_climbs_the_ladder() -> None:
    desk = armed()
    for code in FIVE[1:]:
        desk.hears(step(code, "acknowledged", minutes(1)))
    words = [word for word in desk.watches(minutes(20)) if getattr(word, "clock", "") == "ack"]
    assert [word.percent for word in of(ClockWarned, words)] == [50, 80]
    assert [word.late_by_seconds for word in of(ClockBreached, words)] == [0]
    assert rungs(words) == [(FIVE[0], "ack", 1), (FIVE[0], "ack", 2)]
    raised = of(EscalationRaised, words)[1]
    assert (raised.role, raised.form, raised.rung_at) == ("department_head", "letter", minutes(5 + 15))
    assert (raised.fired_at, raised.late_by_seconds, raised.degraded) == (minutes(20), 0, False)
    assert {e.escalation_id for e in of(EscalationRaised, desk.said)} == set(desk.matter.escalations)


@pytest.mark.parametrize(
    ("at", "kind", "status", "reason"),
    [
        (minutes(30), EscalationResolved, "met_late", "met late"),
        (minutes(4), EscalationWithdrawn, "met", "met in time"),
    ],
)
def test_a_late_acknowledgement_resolves_and_a_timely_one_delivered_late_withdraws(
    at: datetime, kind: type[EventData], status: str, reason: str
) -> None:
    desk = armed()
    desk.watches(minutes(25))
    assert [rung for code, _, rung in rungs(desk.said) if code == "CGJ"] == [1, 2]
    words = desk.hears(step("CGJ", "acknowledged", at), minutes(31))
    ended = of(kind, words)
    assert [(word.department, word.clock, word.rung, word.reason) for word in ended] == [
        ("CGJ", "ack", 1, reason),
        ("CGJ", "ack", 2, reason),
    ]
    assert [type(word) for word in words] == [ClocksChanged, kind, kind]
    assert desk.clock("ack", "CGJ").status == status
    assert desk.matter.standing_on(desk.clock("ack", "CGJ").clock_id, "resolved") == []
    after = desk.watches(minutes(60 * 24 * 20))
    assert ("CGJ", "ack") not in {(code, clock) for code, clock, _ in rungs(after)}


def test_whatever_happens_no_rung_of_a_clock_is_raised_twice() -> None:
    """INVARIANT: (clock, rung) is stored once; a second time would fail the transaction."""
    desk = armed()
    stored: list[tuple[UUID, int]] = []
    for hour in range(24 * 20):
        unit = desk.unit(minutes(60 * hour))
        commands.fire_matter(unit, WHISTLE, Horizon(unit.now, degraded=True))
        stored += [(row["clock_id"], row["rung"]) for row in unit.rows(tables.escalation) if "rung_at" in row]
        desk.keep(unit)
    assert len(stored) == len(set(stored)) == 5 * 4 * 5
    assert len(of(EscalationRaised, desk.said)) == len(stored)
    assert all(word.degraded for word in of(EscalationRaised, desk.said))


def test_an_acknowledged_rung_does_not_stop_the_next_and_its_first_stamp_counts() -> None:
    desk = armed()
    desk.watches(minutes(6))
    (first,) = desk.matter.standing_on(desk.clock("ack", "CGJ").clock_id, "resolved")
    heard = []
    for at, by in ((minutes(7), "李副局长"), (minutes(8), "another")):
        unit = desk.unit(at)
        commands.acknowledge_escalation(unit, WHISTLE, first.escalation_id, by)
        heard += desk.keep(unit)
    (seen,) = heard
    assert isinstance(seen, EscalationAcknowledged)
    assert (seen.by, seen.rung, seen.department) == ("李副局长", 1, "CGJ")
    assert desk.matter.escalations[first.escalation_id].acknowledged_at == minutes(7)
    assert ("CGJ", "ack", 2) in rungs(desk.watches(minutes(20)))


def test_a_later_policy_or_ladder_touches_no_clock_that_was_dispatched() -> None:
    """INVARIANT: a clock's terms never change after the dispatch."""
    as_it_was, changed = armed(), armed()
    changed.replica.registry = None
    first, second = (desk.watches(minutes(60 * 24 * 20)) for desk in (changed, as_it_was))
    assert [unnamed(word) for word in first] == [unnamed(word) for word in second]
    assert len(rungs(changed.said)) == 5 * 4 * 5


def unnamed(word: EventData) -> EventData:
    """A word without the people on duty: who has the duty may change."""
    return word.model_copy(update={"people": ()}) if isinstance(word, EscalationRaised) else word


# -- withdrawal -----------------------------------------------------------------------------------------------


def test_a_withdrawal_stops_every_clock_and_tells_each_department() -> None:
    desk = armed()
    desk.hears(step("CGJ", "acknowledged", minutes(3)))
    desk.watches(minutes(6))
    words = desk.hears(withdrawn(minutes(8)))
    assert desk.running() == set()
    assert desk.clock("ack", "CGJ").status == "met"
    assert {c.status for c in desk.matter.clocks.values() if c.department != "CGJ"} == {"cancelled"}
    assert {word.department for word in of(EscalationWithdrawn, words)} == set(FIVE[1:])
    assert {word.reason for word in of(EscalationWithdrawn, words)} == {"cancelled"}
    receipts = of(ClocksChanged, words)
    assert {receipt.task_id for receipt in receipts} == set(TASKS.values())
    assert all(change.status == "cancelled" for receipt in receipts for change in receipt.changes)
    assert desk.watches(minutes(60 * 24 * 60)) == []


def test_a_withdrawal_before_the_dispatch_arms_nothing() -> None:
    """INVARIANT: a withdrawal that overtakes the dispatch leaves a tombstone, and later arming is a no-op."""
    desk = Desk()
    (receipt,) = desk.hears(withdrawn(minutes(1)))
    assert receipt == ClocksChanged(whistle_id=WHISTLE, task_id=None, changes=())
    for event in (blown(), unrouted(minutes(2)), called(minutes(2)), step("CGJ", "acknowledged", minutes(3))):
        desk.hears(event, minutes(5))
    assert desk.matter.clocks == {}
    assert of(ClocksArmed, desk.said) == [ClocksArmed(whistle_id=WHISTLE, round=1, clocks=0)] * 2
    assert desk.watches(minutes(60 * 24 * 60)) == []


def test_the_first_withdrawal_counts() -> None:
    desk = armed()
    desk.hears(withdrawn(minutes(2)))
    desk.hears(withdrawn(minutes(9)))
    assert desk.matter.cancelled_at == minutes(2)
    assert desk.clock("ack", "CGJ").stopped_at == minutes(2)


# -- who must see it, the record, the calendar ------------------------------------------------------------------


def test_what_is_said_of_a_departments_clock_reaches_that_department_and_no_other() -> None:
    desk = armed()
    unit = desk.unit(minutes(6))
    commands.fire_matter(unit, WHISTLE, Horizon(minutes(6), degraded=False))
    assert len(unit.words) == 3 * len(FIVE)
    for word in unit.words:
        assert word.awaiting == ()
        assert word.to[0] == getattr(word.data, "department", None)
        assert set(word.to[1:]) <= ({"CGJ"} if isinstance(word.data, ClockBreached) else set())
    told = {word.to for word in unit.words if isinstance(word.data, ClockBreached)}
    assert told == {("CGJ",) if code == "CGJ" else (code, "CGJ") for code in FIVE}, "the lead sees its assistants'"


def test_everything_heard_and_said_is_logged_without_a_residents_words() -> None:
    unit = Desk().unit(MONDAY)
    SUBSCRIPTIONS[WhistleBlown](unit, blown())
    SUBSCRIPTIONS[WhistleDispatched](unit, called())
    log = unit.rows(tables.event_log)
    assert [row["key"] for row in log] == [
        "intake.whistle_blown.v1",
        "escalation.clocks_armed.v1",
        "dispatch.whistle_dispatched.v1",
    ]
    assert FACTS.title in log[0]["data"]
    assert all(FACTS.description not in row["data"] for row in log)


def test_what_is_saved_is_what_is_known() -> None:
    """Rows collected over a whole story, put together again, are the matter: nothing is only in memory."""
    desk = Desk()
    kept: dict[str, dict[Any, dict[str, Any]]] = {"clock": {}, "task": {}, "escalation": {}}
    for event, at in (
        (blown(), 0),
        (called(), 1),
        (step("CGJ", "acknowledged", minutes(30)), 31),
        (withdrawn(minutes(40)), 41),
    ):
        unit = desk.unit(minutes(at))
        commands.fire_matter(unit, WHISTLE, Horizon(unit.now, degraded=False))
        SUBSCRIPTIONS[type(event.data)](unit, event)
        for table, key in ((tables.clock, "clock_id"), (tables.task, "task_id"), (tables.escalation, "escalation_id")):
            for row in unit.rows(table):
                kept[table.name].setdefault(row[key], {}).update(row)
        desk.keep(unit)
    assert kept["clock"] == {key: as_row(clock) for key, clock in desk.matter.clocks.items()}
    assert {key: "acknowledged" in row["marks"] for key, row in kept["task"].items()} == {
        key: bool(task.marks) for key, task in desk.matter.tasks.items()
    }
    assert {key: row["status"] for key, row in kept["escalation"].items()} == {
        key: e.status for key, e in desk.matter.escalations.items()
    }
    assert {row["status"] for row in kept["escalation"].values()} == {"withdrawn", "resolved"}


def as_row(clock: domain.Clock) -> dict[str, Any]:
    return {name: getattr(replace(clock), name) for name in domain.Clock.__dataclass_fields__}


def test_every_rung_of_the_pack_is_what_the_ladder_says() -> None:
    """The rungs of a breach in the pack's words: role and form by side, from the rows that were published."""
    ladders = registry_rows(paperwork.pack().registry)["ladders"]
    desk = armed()
    desk.watches(minutes(60 * 24 * 20))
    raised = {(w.side, w.rung): (w.role, w.form) for w in of(EscalationRaised, desk.said)}
    assert raised == {
        (row["side"], row["rung"]): (row["role"], row["form"]) for row in ladders if row["side"] == "department"
    }
