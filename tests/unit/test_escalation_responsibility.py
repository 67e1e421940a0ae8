"""Who is responsible, and how a whistle goes on: returns, disputes, leads, rounds, joins, ends."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid5

import pytest

from support import paperwork
from support.casebook import Case, closed, minuted, reopened
from support.clockface import MONDAY
from support.desk import CALL, FACTS, KEY_CALL, Desk, minutes, of, withdrawn
from support.paperwork import WHISTLE
from whistle_escalation import commands, domain
from whistle_shared.clockwork import schedule
from whistle_shared.contracts.dispatch import (
    ClockSpec,
    DisputeDecided,
    DisputeOpened,
    EndedTask,
    ReturnDecided,
    TaskCalled,
    WhistleDispatched,
)
from whistle_shared.contracts.escalation import ClockBreached, ClocksArmed, ClocksChanged, EscalationWithdrawn
from whistle_shared.timers import Horizon

PIT = Case(CALL, "CGJ")  # an emergency
KEY = Case(KEY_CALL, "CGJ")  # key work
DAY = 24 * 60


def after(case: Case, *events: Any) -> Desk:
    desk = Desk()
    for event in (case.called(MONDAY), *events):
        desk.hears(event)
    return desk


# -- responsibility ---------------------------------------------------------------------------------------------


def decision(at: datetime, *, upheld: bool, dispute: bool = False) -> Any:
    """CGJ's task is given to ZFJ, whose resolve clock is held down to the whistle's due time."""
    calendar = paperwork.replica().calendar()
    specs = []
    cap = at + timedelta(hours=5)
    for spec in CALL.terms["lead@1"]:
        given = None
        if spec.schedule is not None:
            given = schedule(at, spec.limit, spec.warn_percent, spec.ladder, calendar)
            if spec.name == "resolve":
                given = given.model_copy(update={"due_at": cap})
        specs.append(spec.model_copy(update={"schedule": given}))
    successor = TaskCalled(
        task_id=uuid5(WHISTLE, "successor"),
        department="ZFJ",
        role="lead",
        presence="on_site",
        terms="lead@1.reassigned-1",
        origin="reassigned-1",
    )
    about = {
        "whistle_id": WHISTLE,
        "round": 1,
        "facts": FACTS,
        "whistle_due_at": cap,
        "tasks": (successor,) if upheld else (),
        "terms": {"lead@1.reassigned-1": tuple(specs)} if upheld else {},
        "registry_version": 1,
        "calendar_version": 1,
        "request_id": uuid5(WHISTLE, "return"),
        "task_id": PIT.task.task_id,
        "department": "CGJ",
        "upheld": upheld,
        "ended": (EndedTask(task_id=PIT.task.task_id, department="CGJ"),) if upheld else (),
        "lead": successor.task_id if upheld else None,
        "reason": "职责清单第 12 项",
        "by": "区吹哨办",
    }
    if dispute:
        return paperwork.event(DisputeDecided(**about, dispute_id=uuid5(WHISTLE, "dispute")), at)
    return paperwork.event(ReturnDecided(**about), at)


def disputed(at: datetime) -> Any:
    calendar = paperwork.replica().calendar()
    ladder = CALL.terms["lead@1"][0].ladder[2:]
    spec = ClockSpec(
        name="adjudication",
        side="district",
        limit="1d@work",
        warn_percent=(50, 80),
        pausable=False,
        extendable=False,
        ladder=ladder,
        schedule=schedule(at, "1d@work", (50, 80), ladder, calendar),
    )
    data = DisputeOpened(
        whistle_id=WHISTLE,
        task_id=PIT.task.task_id,
        department="CGJ",
        dispute_id=uuid5(WHISTLE, "dispute"),
        request_id=uuid5(WHISTLE, "return"),
        cause="undecided",
        clock=spec,
        registry_version=1,
        calendar_version=1,
    )
    return paperwork.event(data, at)


def test_a_refused_return_resets_nothing() -> None:
    desk = after(PIT, PIT.acknowledged(minutes(1)))
    before = desk.matter.clocks
    (receipt,) = desk.hears(decision(minutes(60), upheld=False))
    assert isinstance(receipt, ClocksArmed)
    assert desk.matter.clocks == before


def test_an_upheld_return_voids_the_old_clocks_and_starts_the_successors() -> None:
    desk = after(PIT)
    desk.watches(minutes(6))
    assert desk.matter.standing_on(desk.clock("ack", "CGJ").clock_id, "resolved")
    words = desk.hears(decision(minutes(30), upheld=True))
    assert isinstance(words[0], ClocksArmed)
    old = {c.name: (c.status, c.stopped_at) for c in desk.matter.clocks.values() if c.department == "CGJ"}
    assert set(old.values()) == {("voided", minutes(30))}
    assert {word.reason for word in of(EscalationWithdrawn, words)} == {"voided"}
    assert {name for code, name in desk.running() if code == "ZFJ"} == {"ack", "arrive", "contain", "resolve"}
    assert desk.clock("ack", "ZFJ").started_at == minutes(30)
    assert desk.clock("resolve", "ZFJ").due_at == minutes(30) + timedelta(hours=5), "never past the whistle's due time"
    assert desk.matter.lead(1) == "ZFJ"
    assert not [w for w in desk.watches(minutes(300)) if getattr(w, "department", "") == "CGJ"]


def test_a_dispute_runs_under_the_districts_clock_until_it_is_decided() -> None:
    desk = after(PIT)
    receipt, changed = desk.hears(disputed(minutes(10)))
    assert isinstance(receipt, ClocksArmed), "dispatch listens to no other word of clocks"
    assert isinstance(changed, ClocksChanged)
    (clock,) = [c for c in desk.matter.clocks.values() if c.name == "adjudication"]
    assert (clock.status, clock.side, clock.task_id, clock.department) == (
        "running",
        "district",
        PIT.task.task_id,
        "CGJ",
    )
    assert desk.clock("arrive", "CGJ").status == "running"
    desk.hears(decision(minutes(40), upheld=True, dispute=True))
    assert desk.matter.clocks[clock.clock_id].status == "met"
    assert desk.matter.clocks[domain.clock_id(PIT.task.task_id, "arrive")].status == "voided"


def test_the_lead_hears_of_the_assistants_breaches_and_a_new_lead_from_then_on() -> None:
    desk = after(PIT)
    assistant = Case(CALL, "PSGS")
    desk.hears(assistant.leads(minutes(20), PIT))
    unit = desk.unit(minutes(35))
    commands.fire_matter(unit, WHISTLE, Horizon(unit.now, degraded=False))
    told = {word.data.department: word.to for word in unit.words if isinstance(word.data, ClockBreached)}
    assert told["GSGS"] == ("GSGS", "PSGS")
    assert told["PSGS"] == ("PSGS",)


# -- rounds, joins, ends ------------------------------------------------------------------------------------------


def test_tasks_that_join_later_have_clocks_of_their_own() -> None:
    desk = after(KEY, KEY.acknowledged(minutes(10)))
    before = dict(desk.matter.clocks)
    task = TaskCalled(
        task_id=uuid5(WHISTLE, "meeting-1"),
        department="GA",
        role="co_handle",
        presence="none",
        terms="co_handle@1.meeting-1",
        origin="meeting-1",
    )
    spec = next(s for s in KEY_CALL.terms["lead@1"] if s.name == "ack")
    joined = WhistleDispatched(
        **{
            **KEY_CALL.model_dump(exclude={"tasks", "terms"}),
            "tasks": (task,),
            "terms": {"co_handle@1.meeting-1": (spec,)},
        }
    )
    (receipt,) = desk.hears(paperwork.event(joined, minutes(200)))
    assert receipt == ClocksArmed(whistle_id=WHISTLE, round=1, clocks=len(before) + 1)
    assert {key: desk.matter.clocks[key] for key in before} == before


def test_a_reopened_whistle_gets_a_fresh_set_and_the_old_one_stays_as_history() -> None:
    desk = after(KEY, KEY.acknowledged(minutes(10)), KEY.submitted(minutes(100)), KEY.passed(minutes(200)))
    desk.hears(KEY.evaluated(minutes(300)))
    desk.hears(closed(minutes(400)))
    old = dict(desk.matter.clocks)
    facts = paperwork.facts("key_work", "urgent", at=minutes(DAY))
    desk.hears(reopened(minutes(DAY), facts))
    second = paperwork.dispatched(facts, ["CGJ"], minutes(DAY))
    fresh = [task.model_copy(update={"task_id": uuid5(WHISTLE, f"{task.department}/2")}) for task in second.tasks]
    again = second.model_copy(
        update={
            "round": 2,
            "tasks": tuple(t.model_copy(update={"terms": t.terms.replace("@1", "@2")}) for t in fresh),
            "terms": {name.replace("@1", "@2"): specs for name, specs in second.terms.items()},
        }
    )
    desk.hears(paperwork.event(again, minutes(DAY)))
    assert {key: desk.matter.clocks[key] for key in old} == old
    assert {clock.task_id for clock in desk.matter.clocks.values() if clock.status == "running"} == {
        task.task_id for task in fresh
    }
    assert desk.matter.about is not None
    assert desk.matter.about.round == 2


def test_closing_stops_what_still_runs_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """All clocks have stopped by then; any that is left is a fault and is reported."""
    desk = after(KEY, KEY.submitted(minutes(100)), KEY.passed(minutes(200)))
    (left,) = [name for code, name in desk.running() if code == "CGJ"]
    desk.hears(closed(minutes(300)))
    assert desk.running() == set()
    assert (left, desk.clock("evaluate", "CGJ").status) == ("evaluate", "cancelled")
    assert "clock.left_running" in capsys.readouterr().out


def test_a_task_that_was_taken_away_at_the_instant_of_the_closing_was_taken_away() -> None:
    desk = after(PIT, decision(minutes(30), upheld=True), closed(minutes(30)))
    assert {c.status for c in desk.matter.clocks.values() if c.department == "CGJ"} == {"voided"}


def test_a_score_that_was_overtaken_by_the_closing_still_counts() -> None:
    desk = after(KEY, KEY.submitted(minutes(100)), KEY.passed(minutes(200)))
    desk.hears(closed(minutes(300)))
    desk.hears(KEY.evaluated(minutes(250)), minutes(301))
    clock = desk.clock("evaluate", "CGJ")
    assert (clock.status, clock.stopped_at) == ("met", minutes(250))


def test_after_a_withdrawal_nothing_that_is_heard_wakes_a_clock() -> None:
    desk = after(KEY, KEY.acknowledged(minutes(10)))
    desk.hears(withdrawn(minutes(20)))
    before = desk.matter.clocks
    for event in (
        KEY.submitted(minutes(30)),
        KEY.reworked(minutes(40), minutes(30), None),
        KEY.extended(minutes(41), minutes(9000)),
        minuted(minutes(42)),
    ):
        desk.hears(event)
    assert desk.matter.clocks == before


def test_every_fact_gets_its_receipt_first() -> None:
    desk = after(KEY)
    desk.watches(desk.clock("resolve", "CGJ").due_at)
    for event in (
        KEY.acknowledged(minutes(40000)),
        KEY.submitted(minutes(40001)),
        KEY.reworked(minutes(40002), minutes(40001), None),
        KEY.resumed(minutes(40003), "street"),
        minuted(minutes(40004)),
        closed(minutes(40005)),
    ):
        assert isinstance(desk.hears(event)[0], ClocksChanged), event.key
    for event in (
        KEY.extended(minutes(40000), minutes(50000), by="district"),
        KEY.suspended(minutes(40000), by="district"),
        KEY.resumed(minutes(40003), "district"),
    ):
        assert isinstance(desk.hears(event)[0], ClocksArmed), event.key
