"""escalation's use cases as its handlers run them, with a Unit that only collects: clocks, ladders, receipts, order."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import paperwork
from support.clockface import MONDAY
from support.paperwork import WHISTLE, Sheet
from whistle_escalation import commands, domain, store, tables
from whistle_escalation.consumers import SUBSCRIPTIONS, admits
from whistle_shared.contracts import Event, EventData
from whistle_shared.contracts.department import ResponderCheckedIn, TaskAcknowledged, TaskEvent, TaskSubmitted
from whistle_shared.contracts.dispatch import CalendarPublished, WhistleDispatched, WhistleUnrouted
from whistle_shared.contracts.escalation import (
    ClockBreached,
    ClocksArmed,
    ClocksChanged,
    ClockWarned,
    DeadlineRecomputed,
    EscalationAcknowledged,
    EscalationRaised,
    EscalationResolved,
    EscalationWithdrawn,
)
from whistle_shared.contracts.intake import WhistleBlown, WhistleWithdrawn
from whistle_shared.errors import Invalid
from whistle_shared.messaging import RetryLater
from whistle_shared.registry import registry_rows
from whistle_shared.timers import Horizon

MINUTE = timedelta(minutes=1)
STEPS: dict[domain.Step, type[TaskEvent]] = {
    "acknowledged": TaskAcknowledged,
    "arrived": ResponderCheckedIn,
    "submitted": TaskSubmitted,
}


def minutes(after_nine: float) -> datetime:
    return MONDAY + after_nine * MINUTE


@dataclass
class Desk:
    """escalation at work on one whistle, without a database: what one Unit leaves behind the next one finds."""

    replica: Any = field(default_factory=paperwork.replica)
    loaded: store.Loaded = field(default_factory=lambda: store.Loaded(domain.Matter(WHISTLE), exists=False))
    said: list[EventData] = field(default_factory=list)

    @property
    def matter(self) -> domain.Matter:
        return self.loaded.matter

    def hears(self, event: Event[Any], at: datetime | None = None) -> list[EventData]:
        """The event arrives at `at` (default: as soon as it is said). Returns what escalation says to it."""
        unit = self.unit(at or event.time)
        unit.cause = event
        SUBSCRIPTIONS[type(event.data)](unit, event)
        return self.keep(unit)

    def looks(self, at: datetime, degraded: bool = False) -> list[EventData]:
        """The timer comes by at `at` and fires what is due."""
        unit = self.unit(at)
        commands.fire_matter(unit, WHISTLE, Horizon(at, degraded))
        return self.keep(unit)

    def watches(self, until: datetime) -> list[EventData]:
        """The timer comes by whenever there is something due, until `until`."""
        return [word for at in self._looks(until) for word in self.looks(at)]

    def _looks(self, until: datetime) -> Iterator[datetime]:
        while True:
            due = [clock.next_at for clock in self.matter.clocks.values() if clock.next_at and clock.next_at <= until]
            if not due:
                return
            yield min(due)

    def unit(self, at: datetime) -> Sheet:
        return Sheet("escalation", at, self.replica, {WHISTLE: self.loaded})

    def keep(self, unit: Sheet) -> list[EventData]:
        self.loaded = unit.cases[WHISTLE]
        self.said += unit.said
        return unit.said

    def clock(self, name: str, department: str | None = None) -> domain.Clock:
        (found,) = [c for c in self.matter.clocks.values() if (c.name, c.department) == (name, department)]
        return found

    def running(self) -> set[tuple[str | None, str]]:
        return {(c.department, c.name) for c in self.matter.clocks.values() if c.status == "running"}


FACTS = paperwork.facts()
CALL = paperwork.dispatched(FACTS)
FIVE = [task.department for task in CALL.tasks]
TASKS = {task.department: task.task_id for task in CALL.tasks}
KEY_WORK = paperwork.facts("key_work", "urgent")
KEY_CALL = paperwork.dispatched(KEY_WORK, ["CGJ", "GA"])


def instance_of(department: str) -> str:
    return f"department.{paperwork.pack().registry.department_by_code[department].instance}"


def step(department: str, which: domain.Step, at: datetime, task_id: UUID | None = None) -> Event[Any]:
    """A department takes a step at `at`."""
    about = {
        "whistle_id": WHISTLE,
        "task_id": task_id or TASKS[department],
        "department": department,
        "by": "值班室",
        "person": "王建国",
    }
    more: dict[domain.Step, dict[str, str]] = {
        "acknowledged": {},
        "arrived": {"place": "采薇路 12 号", "mode": "on_site"},
        "submitted": {"result": "已修复"},
    }
    data = STEPS[which].model_validate({**about, **more[which]})
    return paperwork.event(data, at, instance_of(department))


def called(at: datetime = MONDAY) -> Event[Any]:
    return paperwork.event(paperwork.dispatched(FACTS, at=at), at)


def withdrawn(at: datetime) -> Event[Any]:
    data = WhistleWithdrawn(whistle_id=WHISTLE, round=1, reason="重复上报", withdrawn_by="采薇街道")
    return paperwork.event(data, at)


def unrouted(at: datetime) -> Event[Any]:
    specs = paperwork.triage(FACTS)
    data = WhistleUnrouted(
        whistle_id=WHISTLE,
        round=1,
        facts=FACTS,
        reason="no sub-category",
        clocks=specs,
        registry_version=1,
        calendar_version=1,
    )
    return paperwork.event(data, at)


def blown() -> Event[Any]:
    return paperwork.event(WhistleBlown(whistle_id=WHISTLE, round=1, facts=FACTS), MONDAY)


def of(kind: type[EventData], words: Iterable[EventData]) -> list[Any]:
    return [word for word in words if isinstance(word, kind)]


def rungs(words: Iterable[EventData]) -> list[tuple[str | None, str, int]]:
    return [(word.department, word.clock, word.rung) for word in of(EscalationRaised, words)]


def armed(*earlier: Event[Any]) -> Desk:
    """A desk that has heard these and then, at nine, the dispatch to the five departments of 0701."""
    desk = Desk()
    for event in earlier:
        desk.hears(event)
    desk.hears(called())
    return desk


# -- arming ---------------------------------------------------------------------------------------------------


def test_a_dispatch_starts_the_clocks_of_every_task_and_says_how_many() -> None:
    desk = Desk()
    (receipt,) = desk.hears(called())
    assert desk.running() == {(code, name) for code in FIVE for name in ("ack", "arrive", "contain", "resolve")}
    assert receipt == ClocksArmed(whistle_id=WHISTLE, round=1, clocks=20)
    spec = next(spec for spec in CALL.terms["standard"] if spec.name == "ack")
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
    assert isinstance(words[-1], ClocksArmed)


@pytest.mark.parametrize("overtaking", [1, 2])
def test_what_overtakes_the_unrouted_leaves_the_same_record(overtaking: int) -> None:
    """INVARIANT: handlers are order-insensitive (EVENTS.md R5): the district's own clock is on record either way."""
    told = [unrouted(MONDAY), called(at=minutes(7)), step("CGJ", "acknowledged", minutes(9))]
    in_order, overtaken = Desk(), Desk()
    for event in told:
        in_order.hears(event, minutes(30))
    for event in (told.pop(overtaking), *told):
        overtaken.hears(event, minutes(30))
    assert in_order.clock("dispatch").status == "met_late"
    assert record(overtaken) == record(in_order)


# -- steps ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("which", "stops", "starts"),
    [
        ("acknowledged", {"ack"}, {"first_meeting", "plan"}),
        ("arrived", set(), set()),
        ("submitted", {"resolve"}, {"street_verify"}),
    ],
)
def test_what_a_step_stops_and_starts(which: domain.Step, stops: set[str], starts: set[str]) -> None:
    desk = Desk()
    desk.hears(paperwork.event(KEY_CALL, MONDAY))
    before = desk.running()
    task = KEY_CALL.tasks[1]
    (receipt,) = desk.hears(step("GA", which, minutes(20), task.task_id))
    assert desk.running() == before - {("GA", name) for name in stops} | {("GA", name) for name in starts}
    assert isinstance(receipt, ClocksChanged)
    assert receipt.task_id == task.task_id
    assert {(change.name, change.status) for change in receipt.changes} == {
        *((name, "met") for name in stops),
        *((name, "running") for name in starts),
    }
    if starts:
        assert {desk.clock(name, "GA").started_at for name in starts} == {minutes(20)}


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


@pytest.mark.parametrize("which", ["acknowledged", "arrived", "submitted"])
def test_a_step_of_one_department_never_touches_anothers_clocks(which: domain.Step) -> None:
    """INVARIANT: one department's acknowledgement never silences another's clock."""
    desk = armed()
    desk.watches(minutes(6))
    others = {key: c for key, c in desk.matter.clocks.items() if c.department != "CGJ"}
    words = desk.hears(step("CGJ", which, minutes(7)))
    assert {key: c for key, c in desk.matter.clocks.items() if c.department != "CGJ"} == others
    assert all(word.department == "CGJ" for word in of(EscalationWithdrawn, words) + of(EscalationResolved, words))
    assert {
        task.department
        for task in desk.matter.tasks.values()
        if task != domain.Task(task.task_id, task.department, task.terms)
    } == {"CGJ"}


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
        ("department.hosted", "XYZ", "department 'XYZ' is unknown"),
    ],
)
def test_only_the_serving_instance_speaks_for_a_department(producer: str, department: str, fault: str | None) -> None:
    """INVARIANT: a department's word counts only through the instance that serves it (EVENTS.md R8)."""
    data = TaskAcknowledged(whistle_id=WHISTLE, task_id=WHISTLE, department=department, by="x", person="y")
    assert admits(paperwork.replica(), paperwork.event(data, MONDAY, producer)) == fault


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
    assert [type(word) for word in words] == [kind, kind, ClocksChanged]
    assert desk.clock("ack", "CGJ").status == status
    assert desk.matter.open_on(desk.clock("ack", "CGJ").clock_id) == []
    after = desk.watches(minutes(60 * 24 * 20))
    assert ("CGJ", "ack") not in {(code, clock) for code, clock, _ in rungs(after)}


def test_whatever_happens_no_rung_of_a_clock_is_raised_twice() -> None:
    """INVARIANT: (clock, rung) fires once, and is stored once."""
    desk = armed()
    stored: list[tuple[UUID, int]] = []
    for hour in range(24 * 20):
        unit = desk.unit(minutes(60 * hour))
        commands.fire_matter(unit, WHISTLE, Horizon(unit.now, degraded=True))
        stored += [(row["clock_id"], row["rung"]) for row in unit.rows(tables.escalation)]
        desk.keep(unit)
    assert len(stored) == len(set(stored)) == 5 * 4 * 5
    assert len(of(EscalationRaised, desk.said)) == len(stored)
    assert all(word.degraded for word in of(EscalationRaised, desk.said))


def test_an_acknowledged_rung_does_not_stop_the_next_and_its_first_stamp_counts() -> None:
    desk = armed()
    desk.watches(minutes(6))
    (first,) = desk.matter.open_on(desk.clock("ack", "CGJ").clock_id)
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


# -- order ----------------------------------------------------------------------------------------------------

IN_ORDER: tuple[domain.Step, ...] = ("acknowledged", "arrived", "submitted")
CALLS = {"key_work": KEY_CALL, "emergency": paperwork.dispatched(FACTS, ["CGJ", "GA"])}
Line = tuple[str, str, int]  # what, which department, minutes after nine


@st.composite
def stories(draw: st.DrawFn) -> tuple[str, list[Line]]:
    """A kind of whistle and what is said of it, as it is so: two departments go some way, each at its own pace."""
    kind = draw(st.sampled_from(sorted(CALLS)))
    lines: list[Line] = [("blown", "", 0), ("dispatched", "", 0)]
    for task in CALLS[kind].tasks:
        paces = draw(st.lists(st.integers(1, 60 * 24 * 3), max_size=3).map(sorted))
        lines += [(which, task.department, pace) for which, pace in zip(IN_ORDER, paces, strict=False)]
    return kind, lines


def event_of(kind: str, line: Line) -> Event[Any]:
    what, department, after = line
    if what == "blown":
        return blown()
    if what == "withdrawn":
        return withdrawn(minutes(after))
    if what == "dispatched":
        return paperwork.event(CALLS[kind], MONDAY)
    (task_id,) = [task.task_id for task in CALLS[kind].tasks if task.department == department]
    return step(department, what, minutes(after), task_id)  # type: ignore[arg-type]


def record(desk: Desk) -> dict[tuple[str | None, str], tuple[str, datetime, datetime | None]]:
    """What is on record of the clocks: how each stands, when it started, when it stopped."""
    return {(c.department, c.name): (c.status, c.started_at, c.stopped_at) for c in desk.matter.clocks.values()}


@settings(max_examples=200, deadline=None, database=None)
@given(data=st.data(), story=stories())
def test_every_order_of_arrival_ends_in_the_same_clocks(data: st.DataObject, story: tuple[str, list[Line]]) -> None:
    """INVARIANT: handlers are order-insensitive (EVENTS.md R5)."""
    kind, lines = story
    at = minutes(60 * 24 * 4)
    in_order, shuffled = Desk(), Desk()
    for line in lines:
        in_order.hears(event_of(kind, line), at)
    for line in data.draw(st.permutations(lines)):
        shuffled.hears(event_of(kind, line), at)
    assert record(shuffled) == record(in_order)


@settings(max_examples=100, deadline=None, database=None)
@given(data=st.data(), story=stories(), pause=st.integers(0, 60 * 24 * 4))
def test_a_withdrawn_whistle_is_silent_whatever_the_order(
    data: st.DataObject, story: tuple[str, list[Line]], pause: int
) -> None:
    """Some clocks are on record or not, as the withdrawal came late or early; none runs and no escalation stands."""
    kind, lines = story
    at = minutes(60 * 24 * 4)
    desk = Desk()
    for line in data.draw(st.permutations([*lines, ("withdrawn", "", pause)])):
        desk.hears(event_of(kind, line), at)
        desk.looks(at)
    assert desk.running() == set()
    assert all(e.status != "open" for e in desk.matter.escalations.values())
    assert desk.watches(minutes(60 * 24 * 90)) == []


@settings(max_examples=100, deadline=None, database=None)
@given(data=st.data(), story=stories())
def test_every_event_whose_receipt_is_awaited_gets_one_in_any_order(
    data: st.DataObject, story: tuple[str, list[Line]]
) -> None:
    """INVARIANT: the first event that escalation says in answer is the receipt (EVENTS.md R6)."""
    kind, lines = story
    desk = Desk()
    for line in data.draw(st.permutations([*lines, ("withdrawn", "", 5)])):
        event = event_of(kind, line)
        unit = desk.unit(minutes(60))
        unit.cause = event
        SUBSCRIPTIONS[type(event.data)](unit, event)
        assert (unit.receipt_for(event.id) is not None) == (line[0] != "blown")
        desk.keep(unit)


# -- who must see it, the record, the calendar ------------------------------------------------------------------


def test_what_is_said_of_a_departments_clock_reaches_that_department_and_no_other() -> None:
    desk = armed()
    unit = desk.unit(minutes(6))
    commands.fire_matter(unit, WHISTLE, Horizon(minutes(6), degraded=False))
    assert len(unit.words) == 3 * len(FIVE)
    for word in unit.words:
        assert word.to == (getattr(word.data, "department", None),)
        assert word.awaiting == ()


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


def test_a_calendar_that_has_not_arrived_is_waited_for() -> None:
    desk = Desk()
    desk.hears(paperwork.event(KEY_CALL.model_copy(update={"calendar_version": 2}), MONDAY))
    with pytest.raises(RetryLater, match="calendar version 2"):
        desk.hears(step("GA", "acknowledged", minutes(20), KEY_CALL.tasks[1].task_id))


def year_2027(*days_off: str) -> CalendarPublished:
    official: dict[str, Any] = {
        "version": 2,
        "year": 2027,
        "official": True,
        "days": [{"date": day, "is_off_day": True} for day in days_off],
        "windows": [(510, 720), (810, 1050)],
        "start_rule": "next_day",
    }
    return CalendarPublished.model_validate(official)


def recomputed(desk: Desk, at: datetime) -> list[EventData]:
    unit = desk.unit(at)
    commands.recompute_matter(unit, WHISTLE)
    return desk.keep(unit)


NEW_YEAR = MONDAY.replace(year=2026, month=12, day=30)  # a Wednesday, 09:00
OVER_NEW_YEAR = paperwork.dispatched(paperwork.facts("key_work", "normal", at=NEW_YEAR), ["CGJ"], NEW_YEAR)


def test_a_published_calendar_moves_provisional_due_times_only() -> None:
    desk = Desk()
    desk.hears(paperwork.event(OVER_NEW_YEAR, NEW_YEAR))
    ack, resolve = desk.clock("ack", "CGJ"), desk.clock("resolve", "CGJ")
    assert (ack.provisional, resolve.provisional) == (False, True)
    desk.replica._years.append(year_2027("2027-01-01", "2027-01-04"))
    (word,) = recomputed(desk, NEW_YEAR + MINUTE)
    assert isinstance(word, DeadlineRecomputed)
    moved = desk.clock("resolve", "CGJ")
    assert desk.clock("ack", "CGJ") == ack
    assert moved.due_at == word.due_at > resolve.due_at == word.previous_due_at
    assert (moved.provisional, moved.calendar_version, moved.started_at) == (False, 2, resolve.started_at)
    assert recomputed(desk, NEW_YEAR + 2 * MINUTE) == []


def test_a_rung_climbed_before_the_new_due_time_is_withdrawn() -> None:
    desk = Desk()
    desk.hears(paperwork.event(OVER_NEW_YEAR, NEW_YEAR))
    due_at = desk.clock("resolve", "CGJ").due_at
    desk.watches(due_at)
    assert [e.rung for e in desk.matter.open_on(desk.clock("resolve", "CGJ").clock_id)] == [1]
    desk.replica._years.append(year_2027("2027-01-01", "2027-01-04", "2027-01-05"))
    words = recomputed(desk, due_at + MINUTE)
    assert (len(words), len(of(EscalationWithdrawn, words)), len(of(DeadlineRecomputed, words))) == (2, 1, 1)
    assert desk.matter.open_on(desk.clock("resolve", "CGJ").clock_id) == []
    assert "resolve" not in {word.clock for word in of(ClockBreached, desk.watches(due_at + 60 * MINUTE))}


def test_a_clock_that_was_met_is_not_reckoned_again() -> None:
    desk = Desk()
    desk.hears(paperwork.event(OVER_NEW_YEAR, NEW_YEAR))
    desk.hears(step("CGJ", "submitted", NEW_YEAR + MINUTE, OVER_NEW_YEAR.tasks[0].task_id))
    met = desk.clock("resolve", "CGJ")
    desk.replica._years.append(year_2027("2027-01-01"))
    recomputed(desk, NEW_YEAR + 2 * MINUTE)
    assert desk.clock("resolve", "CGJ") == met


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
    assert {key: row["acknowledged_at"] for key, row in kept["task"].items()} == {
        key: task.acknowledged_at for key, task in desk.matter.tasks.items()
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
