"""The clock's state machine: tables for its edges, and a Hypothesis machine that treats it in any order at any time."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from support.clockface import MONDAY
from support.clocks import HOUR, MINUTE, TASK, instants, started, terms
from support.paperwork import WHISTLE
from whistle_escalation import domain
from whistle_shared.contracts.vocabulary import ClockStatus, EscalationStatus

SPEC = terms()
SCHEDULE = instants(SPEC, HOUR, (timedelta(0), 15 * MINUTE, 30 * MINUTE))
CLOCK = started(SPEC, SCHEDULE)
End = Callable[[domain.Clock, datetime], domain.Clock]


def fired(clock: domain.Clock, minutes: float) -> tuple[domain.Clock, list[domain.Firing]]:
    """Look at a clock so many minutes after nine."""
    now = MONDAY + minutes * MINUTE
    return domain.fire(clock, SPEC, SCHEDULE, now, now)


def spoken(firings: Sequence[domain.Firing]) -> list[str]:
    """Firings in short: w80, breach, r2."""
    words = []
    for firing in firings:
        match firing:
            case domain.Warned(percent, _):
                words.append(f"w{percent}")
            case domain.Breached():
                words.append("breach")
            case domain.Raised():
                words.append(f"r{firing.rung}")
    return words


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([29.9], [[]]),
        ([30], [["w50"]]),
        ([30, 48, 60], [["w50"], ["w80"], ["breach", "r1"]]),
        ([30, 30, 31], [["w50"], [], []]),
        ([48], [["w80"]]),  # of missed warnings only the latest
        ([59.99], [["w80"]]),
        ([60], [["w80", "breach", "r1"]]),
        ([60, 74, 75], [["w80", "breach", "r1"], [], ["r2"]]),
        ([60, 75, 90, 500], [["w80", "breach", "r1"], ["r2"], ["r3"], []]),
        # after an outage: one rung at a time, a minute apart
        ([600, 600.9, 601, 601.5, 602], [["w80", "breach", "r1"], [], ["r2"], [], ["r3"]]),
    ],
)
def test_what_fires_when(looks: list[float], expected: list[list[str]]) -> None:
    clock, heard = CLOCK, []
    for minutes in looks:
        clock, firings = fired(clock, minutes)
        heard.append(spoken(firings))
    assert heard == expected


def test_when_to_look_again() -> None:
    clock, looks = CLOCK, [CLOCK.next_at]
    while clock.next_at is not None:
        clock, _ = domain.fire(clock, SPEC, SCHEDULE, clock.next_at, clock.next_at)
        looks.append(clock.next_at)
    assert [at and (at - MONDAY) / MINUTE for at in looks] == [30, 48, 60, 75, 90, None]
    assert clock.status == "running"  # overdue until stopped
    assert (clock.warned, clock.climbed) == (2, 3)


def test_a_firing_says_how_late_it_is() -> None:
    clock, firings = fired(CLOCK, 100)
    assert firings == [
        domain.Warned(80, MONDAY + 48 * MINUTE),
        domain.Breached(40 * MINUTE),
        domain.Raised(
            escalation_id=domain.escalation_id(CLOCK.clock_id, 1),
            rung=1,
            role="deputy_head",
            form="reminder",
            rung_at=MONDAY + HOUR,
            late_by=40 * MINUTE,
        ),
    ]
    assert clock.breached_at == clock.last_fired_at == MONDAY + 100 * MINUTE
    assert clock.next_at == MONDAY + 101 * MINUTE  # rung 2 was due at 75, but a minute lies between two rungs


def test_nothing_fires_beyond_the_horizon() -> None:
    clock, firings = domain.fire(CLOCK, SPEC, SCHEDULE, MONDAY + 100 * MINUTE, MONDAY + 59 * MINUTE)
    assert spoken(firings) == ["w80"]
    assert clock.next_at == CLOCK.due_at


def test_a_ladder_may_begin_at_rung_3() -> None:
    spec = terms(rungs=(3, 4, 5))
    schedule = instants(spec, HOUR, (timedelta(0), HOUR, 2 * HOUR))
    clock, heard = started(spec, schedule), []
    while clock.next_at is not None:
        clock, firings = domain.fire(clock, spec, schedule, clock.next_at, clock.next_at)
        heard += spoken(firings)
    assert heard == ["w50", "w80", "breach", "r3", "r4", "r5"]


@pytest.mark.parametrize(("percents", "expected"), [((50, 80), ["w80", "breach"]), ((), ["breach"])])
def test_an_empty_ladder_breaches_and_is_silent(percents: tuple[int, ...], expected: list[str]) -> None:
    spec = terms(percents, rungs=())
    schedule = instants(spec, HOUR, ())
    clock, firings = domain.fire(started(spec, schedule), spec, schedule, MONDAY + HOUR, MONDAY + HOUR)
    assert spoken(firings) == expected
    assert clock.next_at is None
    assert clock.status == "running"


@pytest.mark.parametrize(
    ("minutes", "status"), [(-5, "met"), (0, "met"), (60, "met"), (60 + 1e-6, "met_late"), (61, "met_late")]
)
@pytest.mark.parametrize("looked_at", [None, 30, 60, 600])
def test_met_or_late_is_decided_by_the_time_of_the_fact(minutes: float, status: str, looked_at: float | None) -> None:
    """INVARIANT: met or late is decided by the business time of the fact that stops the clock, whenever it arrives."""
    clock = CLOCK if looked_at is None else fired(CLOCK, looked_at)[0]
    at = MONDAY + minutes * MINUTE
    stopped = domain.stop(clock, at)
    assert (stopped.status, stopped.stopped_at, stopped.next_at) == (status, at, None)
    assert replace(stopped, status="running", stopped_at=None, next_at=clock.next_at) == clock


@pytest.mark.parametrize("end", [domain.stop, domain.cancel])
@pytest.mark.parametrize("status", ["met", "met_late", "cancelled", "voided"])
def test_a_clock_that_has_ended_stays_as_it_ended(end: End, status: ClockStatus) -> None:
    """INVARIANT: a clock that has ended never fires."""
    ended = replace(CLOCK, status=status, stopped_at=MONDAY, next_at=None)
    assert end(ended, MONDAY + HOUR) == ended
    assert fired(ended, 600) == (ended, [])


def test_a_paused_clock_does_not_fire_but_can_end() -> None:
    paused = replace(CLOCK, status="paused", next_at=None)
    assert fired(paused, 600) == (paused, [])
    assert domain.stop(paused, MONDAY).status == "met"
    assert domain.cancel(paused, MONDAY).status == "cancelled"


def test_a_moved_due_time_that_lies_ahead_voids_the_breached_clock_and_starts_a_new_cycle() -> None:
    breached, _ = fired(CLOCK, 60)
    later = instants(SPEC, 2 * HOUR, (timedelta(0), 15 * MINUTE, 30 * MINUTE))
    voided, again = domain.move_due(breached, later, 2)
    assert (voided.status, voided.next_at, voided.clock_id) == ("voided", None, CLOCK.clock_id)
    assert again is not None
    assert (again.cycle, again.clock_id) == (1, domain.again_id(CLOCK.clock_id))
    assert (again.due_at, again.calendar_version, again.breached_at, again.climbed) == (later.due_at, 2, None, 0)
    assert again.next_at == later.due_at  # both warnings are out
    heard = []
    while again.next_at is not None:
        again, firings = domain.fire(again, SPEC, later, again.next_at, again.next_at)
        heard += spoken(firings)
    assert heard == ["breach", "r1", "r2", "r3"]


@pytest.mark.parametrize(("minutes", "undone"), [(59, False), (60, False), (61, True)])
def test_a_breach_that_came_at_or_after_the_new_due_time_stands(minutes: int, undone: bool) -> None:
    breached, _ = fired(CLOCK, 60)
    moved, again = domain.move_due(breached, instants(SPEC, minutes * MINUTE, (timedelta(0),) * 3), 2)
    assert (moved.status == "voided") == (again is not None) == undone
    assert (moved.breached_at, moved.climbed) == (breached.breached_at, 1)


def test_a_due_time_moved_into_the_past_is_a_breach_at_the_next_look() -> None:
    sooner = instants(SPEC, 20 * MINUTE, (timedelta(0), 15 * MINUTE, 30 * MINUTE))
    moved, again = domain.move_due(CLOCK, sooner, 2)
    assert (again, moved.next_at, moved.cycle) == (None, MONDAY + 10 * MINUTE, 1)
    assert spoken(domain.fire(moved, SPEC, sooner, MONDAY + HOUR, MONDAY + HOUR)[1]) == ["w80", "breach", "r1"]


@pytest.mark.parametrize("end", [domain.stop, domain.cancel])
@pytest.mark.parametrize("looked_at", [10, 60])
def test_a_calendar_does_not_wake_a_clock_that_has_ended(end: End, looked_at: int) -> None:
    """INVARIANT: a stopped clock never fires; so there is nothing to look at it for again."""
    ended = end(fired(CLOCK, looked_at)[0], MONDAY)
    assert domain.move_due(ended, instants(SPEC, 2 * HOUR, (timedelta(0),) * 3), 2) == (ended, None)


def test_the_same_clock_and_the_same_rung_have_the_same_id() -> None:
    """INVARIANT: a re-run cannot mint a second clock or escalation (EVENTS.md R4)."""
    assert started(SPEC, SCHEDULE).clock_id == domain.clock_id(TASK, "ack")
    ids = {
        domain.clock_id(owner, name, cycle) for owner in (TASK, WHISTLE) for name in ("ack", "plan") for cycle in (1, 2)
    }
    assert len(ids) == 8
    rungs = {domain.escalation_id(clock, rung) for clock in ids for rung in range(1, 6)}
    assert len(rungs) == 40
    assert domain.escalation_id(CLOCK.clock_id, 1) == domain.escalation_id(domain.clock_id(TASK, "ack"), 1)


def test_a_clock_belongs_to_its_task_or_else_to_the_whistle() -> None:
    spec = SPEC.model_copy(update={"schedule": SCHEDULE})
    unrouted = domain.Mark("unrouted", MONDAY, MONDAY, n=1)
    changes = domain.Changes(domain.Matter(WHISTLE, terms={"triage/1": (spec,)}, marks=(unrouted,)), MONDAY)
    domain.reckon(changes, (), lambda _: pytest.fail("nothing is to be reckoned"), own=True)
    (whistles,) = changes.clocks.values()
    assert (whistles.task_id, whistles.department) == (None, None)
    assert whistles.clock_id == domain.clock_id(WHISTLE, "ack")
    assert (CLOCK.task_id, CLOCK.department, CLOCK.status) == (TASK, "CGJ", "running")


def test_of_two_marks_of_a_kind_the_earlier_counts_whatever_is_heard_first() -> None:
    """INVARIANT: what is known does not depend on the order of hearing: the earlier of two marks counts."""
    marks: tuple[domain.Mark, ...] = ()
    for what, minutes in (
        ("submitted", 50),
        ("acknowledged", 9),
        ("acknowledged", 5),
        ("arrived", 20),
        ("arrived", 30),
    ):
        marks = domain.noted(marks, domain.Mark(what, MONDAY + minutes * MINUTE, MONDAY + HOUR))
    assert [(mark.what, (mark.at - MONDAY) / MINUTE) for mark in marks] == [
        ("acknowledged", 5),
        ("arrived", 20),
        ("submitted", 50),
    ]


def test_open_escalations_are_those_of_the_clock_in_the_order_of_rungs() -> None:
    def rung(n: int, clock: UUID, status: EscalationStatus = "open") -> domain.Escalation:
        return domain.Escalation(domain.escalation_id(clock, n), clock, n, status)

    other = domain.clock_id(TASK, "resolve")
    all_of_them = [
        rung(3, CLOCK.clock_id),
        rung(1, other),
        rung(2, CLOCK.clock_id, "withdrawn"),
        rung(1, CLOCK.clock_id),
    ]
    matter = domain.Matter(WHISTLE, escalations={e.escalation_id: e for e in all_of_them})
    assert [e.rung for e in matter.standing_on(CLOCK.clock_id, "resolved")] == [1, 3]
