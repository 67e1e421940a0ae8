"""intake's use cases as its handlers run them, with a Unit that only collects: withdrawing, following."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import paperwork
from support.clockface import MONDAY
from support.desk import FACTS, TASKS, called, step, unrouted
from support.paperwork import WHISTLE, Sheet
from whistle_intake import commands, domain, tables
from whistle_intake.consumers import SUBSCRIPTIONS
from whistle_shared.auth import Caller
from whistle_shared.contracts import Event
from whistle_shared.contracts.department import ProgressLogged
from whistle_shared.contracts.intake import WhistleWithdrawn
from whistle_shared.errors import IllegalTransition, Invalid, NotFound


def street(code: str = "S01", name: str = "采薇街道") -> Caller:
    return Caller(uuid4(), name, "street_initiator", code)


def minutes(after_nine: float) -> datetime:
    return MONDAY + timedelta(minutes=after_nine)


# -- a whistle that is followed -----------------------------------------------------------------------------------


class Folder:
    """intake's copy of one whistle, without a database: what one Unit leaves behind the next one finds."""

    def __init__(self) -> None:
        self.whistle = domain.Whistle(WHISTLE, FACTS.number, "S01", 1)
        self.timeline: list[str] = []

    def sheet(self, at: datetime = MONDAY) -> Sheet:
        return Sheet("intake", at, None, {WHISTLE: self.whistle})

    def keep(self, sheet: Sheet) -> Sheet:
        self.whistle = sheet.cases[WHISTLE]
        self.timeline += [row["key"] for row in sheet.rows(tables.timeline)]
        return sheet

    def hears(self, event: Event[Any]) -> Sheet:
        sheet = self.sheet(minutes(600))
        SUBSCRIPTIONS[type(event.data)](sheet, event)
        return self.keep(sheet)

    def withdraws(self, caller: Caller | None = None) -> Sheet:
        sheet = self.sheet(minutes(30))
        commands.withdraw_whistle(sheet, WHISTLE, caller or street(), "重复上报")
        return self.keep(sheet)


def progress(department: str, at: datetime) -> Event[Any]:
    about = step(department, "acknowledged", at)
    data = ProgressLogged.model_validate({**about.data.model_dump(), "note": "已关阀"})
    return paperwork.event(data, at, about.producer)


STORY = [
    unrouted(MONDAY),
    called(minutes(5)),
    step("CGJ", "acknowledged", minutes(6)),
    step("CGJ", "arrived", minutes(20)),
    progress("CGJ", minutes(30)),
    progress("CGJ", minutes(40)),
    step("GDGS", "acknowledged", minutes(7)),
    step("CGJ", "submitted", minutes(50)),
]


def test_a_whistle_is_followed_through_its_states() -> None:
    folder = Folder()
    seen = []
    for event in STORY:
        folder.hears(event)
        seen.append(folder.whistle.state)
    assert seen == ["blown", "blown", "responding", "on_scene", *["handling"] * 4]
    assert folder.whistle.routing == "dispatched"
    assert folder.timeline == [event.key for event in STORY]
    cgj = folder.whistle.tasks[TASKS["CGJ"]]
    assert (cgj.role, cgj.called_at, cgj.person) == ("lead", minutes(5), "王建国")
    assert (cgj.acknowledged_at, cgj.arrived_at) == (minutes(6), minutes(20))
    assert (cgj.progressed_at, cgj.submitted_at) == (minutes(40), minutes(50))


@settings(max_examples=100, deadline=None, database=None)
@given(st.permutations(STORY))
def test_every_order_of_arrival_ends_in_the_same_whistle(order: list[Event[Any]]) -> None:
    """INVARIANT: handlers are order-insensitive (EVENTS.md R5)."""
    in_order, shuffled = Folder(), Folder()
    for event in STORY:
        in_order.hears(event)
    for event in order:
        shuffled.hears(event)
    assert shuffled.whistle == in_order.whistle
    assert sorted(shuffled.timeline) == sorted(in_order.timeline)


def test_the_person_named_is_the_one_who_acknowledged_whoever_is_heard_first() -> None:
    acknowledged, arrived = step("CGJ", "acknowledged", minutes(6)), step("CGJ", "arrived", minutes(20))
    arrived = replace(arrived, data=arrived.data.model_copy(update={"person": "李工"}))
    named = set()
    for order in ([acknowledged, arrived], [arrived, acknowledged]):
        folder = Folder()
        for event in (called(), *order):
            folder.hears(event)
        named.add(folder.whistle.tasks[TASKS["CGJ"]].person)
    assert len(named) == 1


def test_a_department_cannot_speak_of_anothers_task() -> None:
    """INVARIANT: a department speaks for its own tasks only (EVENTS.md R8)."""
    folder = Folder()
    folder.hears(called())
    with pytest.raises(Invalid, match="CGJ"):
        folder.hears(step("GA", "acknowledged", minutes(3), TASKS["CGJ"]))
    early = Folder()
    early.hears(step("GA", "acknowledged", minutes(3), TASKS["CGJ"]))
    early.hears(called())
    assert early.whistle.tasks[TASKS["CGJ"]].acknowledged_at is None
    assert early.whistle.state == "blown"


def test_a_withdrawal_is_said_once_and_awaits_both_receipts() -> None:
    folder = Folder()
    folder.hears(called())
    (word,) = folder.withdraws().words
    assert word.data == WhistleWithdrawn(whistle_id=WHISTLE, round=1, reason="重复上报", withdrawn_by="采薇街道")
    assert sorted(word.awaiting) == ["dispatch", "escalation"]
    assert (folder.whistle.state, folder.whistle.withdrawn_at) == ("withdrawn", minutes(30))
    again = folder.withdraws()
    assert (again.words, again.written) == ([], [])


def test_a_withdrawal_wins_over_a_submission_that_arrives_later() -> None:
    folder = Folder()
    folder.hears(called())
    folder.withdraws()
    folder.hears(step("CGJ", "submitted", minutes(29)))
    assert folder.whistle.state == "withdrawn"


def test_another_streets_whistle_is_not_there() -> None:
    folder = Folder()
    with pytest.raises(NotFound):
        folder.withdraws(street("S02"))
    with pytest.raises(NotFound):
        commands.withdraw_whistle(Sheet("intake", MONDAY, None, {}), WHISTLE, street(), "y")
    assert folder.withdraws(Caller(uuid4(), "区吹哨办", "arbitrator", "*")).words


def test_a_whistle_is_not_taken_back_once_work_has_begun() -> None:
    folder = Folder()
    for event in STORY:
        folder.hears(event)
    with pytest.raises(IllegalTransition):
        folder.withdraws()
