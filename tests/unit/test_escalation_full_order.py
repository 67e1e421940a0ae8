"""The whole mechanism in any order of arrival (EVENTS.md R5): the clocks follow from the facts alone."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from support.casebook import Case, closed, minuted, reopened
from support.desk import CALL, KEY_CALL, Desk, minutes, of
from whistle_escalation.consumers import SUBSCRIPTIONS
from whistle_shared.contracts import Event
from whistle_shared.contracts.escalation import ClocksChanged

END = minutes(60 * 24 * 60)
CASES = {"key_work": Case(KEY_CALL, "CGJ"), "emergency": Case(CALL, "CGJ")}
Life = tuple[str, list[Event[Any]]]
Facts = dict[tuple[Any, str], tuple[str, datetime, datetime, datetime | None]]


@st.composite
def lives(draw: st.DrawFn) -> tuple[str, list[Event[Any]]]:
    """A task's whole life as it is so, from the dispatch to some point of it."""
    kind = draw(st.sampled_from(sorted(CASES)))
    case = CASES[kind]
    clock = _pace(draw)
    story = [case.called(minutes(0)), case.acknowledged(next(clock)), case.arrived(next(clock))]
    if draw(st.booleans()):
        story.append(minuted(next(clock)))
    if draw(st.booleans()):
        story.append(case.reached(next(clock), "contain" if kind == "emergency" else "plan"))
    for number in range(1, draw(st.integers(0, 2)) + 1):
        story += _suspension(draw, case, clock, number)
    for number in range(1, draw(st.integers(0, 2)) + 1):
        at = next(clock)
        granted = at + timedelta(minutes=draw(st.integers(1, 60 * 24 * 20))) if draw(st.booleans()) else None
        story.append(case.extended(at, granted, request=str(number), by=draw(st.sampled_from(["street", "district"]))))
    story += _checks(draw, case, clock)
    return kind, story[: draw(st.integers(1, len(story)))]


def _pace(draw: st.DrawFn) -> Any:
    now = 0
    while True:
        now += draw(st.integers(1, 60 * 24 * 2))
        yield minutes(now)


def _suspension(draw: st.DrawFn, case: Case, clock: Any, number: int) -> list[Event[Any]]:
    by = draw(st.sampled_from(["street", "district"]))
    said = [case.suspended(next(clock), 100 * number + 1, by=by, request=str(number))]
    if draw(st.booleans()):
        said.append(case.suspended(next(clock), 100 * number + 2, by=by, request=str(number)))
    return [*said, case.resumed(next(clock), draw(st.sampled_from(["department", "street", "district"])))]


def _checks(draw: st.DrawFn, case: Case, clock: Any) -> list[Event[Any]]:
    """Submissions, some sent back, then the pass, the score, the closing."""
    said: list[Event[Any]] = []
    attempts = draw(st.integers(1, 3))
    for attempt in range(1, attempts + 1):
        submitted = next(clock)
        said.append(case.submitted(submitted, attempt))
        if attempt < attempts:
            due = submitted + timedelta(minutes=draw(st.integers(1, 60 * 24 * 3)))
            said.append(case.reworked(next(clock), submitted, due, attempt))
    return [*said, case.passed(next(clock), attempts), case.evaluated(next(clock)), closed(next(clock))]


def record(desk: Desk) -> Facts:
    """How every clock that counts stands: status, start, due, stop."""
    return {(c.clock_id, c.name): (c.status, c.started_at, c.due_at, c.stopped_at) for c in desk.matter.clocks.values()}


@settings(max_examples=250, deadline=None, database=None)
@given(data=st.data(), life=lives())
def test_every_order_of_arrival_ends_in_the_same_clocks(data: st.DataObject, life: Life) -> None:
    """INVARIANT: handlers are order-insensitive (EVENTS.md R5): permutations of events give the same clocks."""
    _, story = life
    in_order, shuffled = Desk(), Desk()
    for event in story:
        in_order.hears(event, END)
    for event in data.draw(st.permutations(story)):
        shuffled.hears(event, END)
    assert record(shuffled) == record(in_order)


@settings(max_examples=120, deadline=None, database=None)
@given(data=st.data(), life=lives())
def test_heard_as_it_happens_or_all_at_once_the_clocks_are_the_same(data: st.DataObject, life: Life) -> None:
    """When something was heard leaves no trace either; what fired in between may void a clock and start it over."""
    _, story = life
    as_it_happens, at_once = Desk(), Desk()
    for event in story:
        as_it_happens.hears(event, event.time)
    for event in data.draw(st.permutations(story)):
        at_once.hears(event, END)
    assert record(at_once) == record(as_it_happens)


@settings(max_examples=120, deadline=None, database=None)
@given(data=st.data(), life=lives())
def test_an_end_that_crosses_what_others_say_leaves_nothing_running(data: st.DataObject, life: Life) -> None:
    """The task is taken away, or its round is over, somewhere in its life; whoever had not heard of it spoke on."""
    kind, story = life
    case, times = CASES[kind], [event.time for event in story]
    at = max(
        data.draw(st.sampled_from(times)) + timedelta(minutes=data.draw(st.sampled_from([-1, 0, 1, 30]))), times[0]
    )
    ends = [case.replaced(at), closed(at), reopened(at, case.call.facts)]
    story = [*story, data.draw(st.sampled_from(ends))]
    in_order, shuffled, watched = Desk(), Desk(), Desk()
    for event in story:
        in_order.hears(event, END)
    for event in data.draw(st.permutations(story)):
        shuffled.hears(event, END)
        watched.watches(event.time)
        watched.hears(event, END)
    assert counting(shuffled) == counting(in_order)
    for clock in (*shuffled.matter.clocks.values(), *watched.matter.clocks.values()):
        assert clock.task_id != case.task.task_id or not clock.live
        assert clock.live or not watched.matter.standing_on(clock.clock_id, "resolved")


@settings(max_examples=120, deadline=None, database=None)
@given(data=st.data(), life=lives())
def test_the_same_event_again_changes_nothing(data: st.DataObject, life: Life) -> None:
    _, story = life
    desk = Desk()
    for event in story:
        desk.hears(event, END)
    before = record(desk)
    for event in data.draw(st.lists(st.sampled_from(story), max_size=4)):
        desk.hears(event, END)
    assert record(desk) == before


@settings(max_examples=120, deadline=None, database=None)
@given(data=st.data(), life=lives())
def test_while_the_timer_looks_on_the_clocks_that_count_end_the_same(data: st.DataObject, life: Life) -> None:
    """Firing in between voids clocks whose breach a later word undoes; what counts in the end is the same."""
    _, story = life
    watched, unwatched = Desk(), Desk()
    for event in story:
        watched.watches(event.time)
        watched.hears(event, event.time)
        unwatched.hears(event, event.time)
    assert counting(watched) == counting(unwatched)
    ended = [clock for clock in watched.matter.clocks.values() if not clock.live]
    assert not [
        clock for clock in ended if clock.next_at is not None or watched.matter.standing_on(clock.clock_id, "resolved")
    ]


def counting(desk: Desk) -> set[tuple[Any, ...]]:
    return {
        (c.name, c.department, c.cycle, c.status, c.started_at, c.due_at, c.stopped_at)
        for c in desk.matter.clocks.values()
        if c.status != "voided"
    }


@settings(max_examples=120, deadline=None, database=None)
@given(data=st.data(), life=lives())
def test_a_department_is_told_how_its_clocks_stand_whatever_the_order(data: st.DataObject, life: Life) -> None:
    """INVARIANT: the first event that escalation says in answer is the receipt (EVENTS.md R6), never missing."""
    kind, story = life
    desk = Desk()
    for event in data.draw(st.permutations(story)):
        unit = desk.unit(END)
        unit.cause = event
        SUBSCRIPTIONS[type(event.data)](unit, event)
        assert unit.receipt_for(event.id) is not None
        desk.keep(unit)
    told = {change.clock_id: change.status for word in of(ClocksChanged, desk.said) for change in word.changes}
    case = CASES[kind]
    at_dispatch = {spec.name for spec in case.call.terms[case.task.terms] if spec.schedule}
    for clock in desk.matter.clocks.values():
        if clock.department == "CGJ":
            assert told.get(clock.clock_id, "running" if clock.name in at_dispatch else None) == clock.status
