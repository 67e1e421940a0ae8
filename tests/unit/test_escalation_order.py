"""escalation's handlers are order-insensitive (EVENTS.md R5): whatever overtakes whatever, the record ends the same."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import paperwork
from support.clockface import MONDAY
from support.desk import FACTS, KEY_CALL, Desk, Step, blown, called, minutes, of, step, unrouted, withdrawn
from whistle_escalation.consumers import SUBSCRIPTIONS
from whistle_shared.contracts import Event
from whistle_shared.contracts.escalation import ClocksChanged


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


IN_ORDER: tuple[Step, ...] = ("acknowledged", "arrived", "submitted")
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
def test_a_receipt_names_every_clock_that_changed_once_and_as_it_stands(
    data: st.DataObject, story: tuple[str, list[Line]]
) -> None:
    """Of two changes in one event a department would believe the first: both have the event's version."""
    kind, lines = story
    desk = Desk()
    for line in data.draw(st.permutations(lines)):
        for word in desk.hears(event_of(kind, line), minutes(60 * 24 * 4)):
            if isinstance(word, ClocksChanged):
                stand = {change.clock_id: change.status for change in word.changes}
                assert len(stand) == len(word.changes)
                assert stand == {clock: desk.matter.clocks[clock].status for clock in stand}


@settings(max_examples=100, deadline=None, database=None)
@given(data=st.data(), story=stories())
def test_a_department_is_told_how_its_clocks_stand_whatever_the_order(
    data: st.DataObject, story: tuple[str, list[Line]]
) -> None:
    """A department knows from the dispatch which clocks run, and of the others what it is told."""
    kind, lines = story
    desk = Desk()
    for line in data.draw(st.permutations(lines)):
        desk.hears(event_of(kind, line), minutes(60 * 24 * 4))
    told = {change.clock_id: change.status for word in of(ClocksChanged, desk.said) for change in word.changes}
    at_dispatch = {spec.name for spec in CALLS[kind].terms["lead@1"] if spec.schedule}
    for clock in desk.matter.clocks.values():
        assert told.get(clock.clock_id, "running" if clock.name in at_dispatch else None) == clock.status


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
