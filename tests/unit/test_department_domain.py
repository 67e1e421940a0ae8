"""A department's task: its states and open steps, and what it makes of what escalation says in whatever order."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any, get_args
from unittest.mock import AsyncMock
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whistle_department import commands, domain, store, tables
from whistle_shared.contracts.vocabulary import ClockName, Presence
from whistle_shared.db import Unit
from whistle_shared.errors import IllegalTransition, NotFound
from whistle_shared.observability import new_trace

MONDAY = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
DUE = MONDAY + timedelta(minutes=30)
LATER = MONDAY + timedelta(hours=2)
STEPS: tuple[domain.Step, ...] = get_args(domain.Step)
REQUEST, SECOND = uuid4(), uuid4()
TERMS = (
    domain.Term("ack", "30m@natural", MONDAY, DUE),
    domain.Term("arrive", "2h@natural", MONDAY, LATER, provisional=True),
    domain.Term("plan", "1d@work", extendable=True),
)
RESOLVE = domain.Term("resolve", "8h@natural", MONDAY, LATER + timedelta(hours=6), pausable=True, extendable=True)


def a_task(presence: Presence = "on_site", **more: Any) -> domain.Task:
    return domain.Task(
        task_id=more.pop("task_id", None) or uuid4(),
        whistle_id=more.pop("whistle_id", UUID(int=1)),
        round=1,
        department=more.pop("department", "CGJ"),
        called_as=more.pop("called_as", "lead"),
        presence=presence,
        origin="routed",
        dispatched_at=MONDAY,
        return_until=more.pop("return_until", LATER),
        terms=more.pop("terms", (RESOLVE,)),
        **more,
    )


DETAILS: Mapping[str, dict[str, Any]] = {
    "submission": {"attempt": 1},
    "resubmission": {"attempt": 2},
    "contain": {"milestone": "contain", "plan": []},
    "return": {"request_id": str(REQUEST)},
    "suspension": {"request_id": str(SECOND), "number": 1},
    "appeal": {"request_id": str(uuid4())},
    "verification": {"attempt": 1},
    "second verification": {"attempt": 2},
    "rework": {"attempt": 1, "reasons": "渗漏未止"},
    "evaluation": {
        "revision": 1,
        "score": {"total": 90},
        "basis": "现场核查",
        "by_default": False,
        "appeal_until": LATER.isoformat(),
    },
    "dispute": {"request_id": str(REQUEST)},
    "refused": {"request_id": str(REQUEST), "kind": "return", "granted": False, "reason": "属本单位职责"},
    "upheld": {"request_id": str(REQUEST), "kind": "return", "granted": True, "reason": "改派", "round": 1},
    "suspended": {"request_id": str(SECOND), "kind": "suspension", "granted": True, "reason": "同意", "cycle": 1},
    "cancellation": {"round": 1, "departments": ["CGJ"], "reason": "撤哨"},
    "closing": {"round": 1},
}
NAMES: Mapping[str, domain.EntryStep] = {
    "contain": "milestones",
    "resubmission": "submission",
    "second verification": "verification",
    "refused": "decision",
    "upheld": "decision",
    "suspended": "decision",
}


def line(task: domain.Task, word: str, minute: int = 1) -> domain.Entry:
    """A line of the log, a minute after the one before."""
    step: Any = NAMES.get(word, word)
    detail = dict(DETAILS.get(word, {}))
    if word == "upheld":
        detail["ended"] = [str(task.task_id)]
    task_id = None if step in ("cancellation", "closing") else task.task_id
    at = MONDAY + timedelta(minutes=minute)
    return domain.Entry(uuid4(), step, at, task_id, minute, "CGJ", "王建国", detail)


def after(*words: str, presence: Presence = "on_site", **more: Any) -> domain.Task:
    """A task to which this happened, a minute each."""
    task = a_task(presence, **more)
    for minute, word in enumerate(words, 1):
        task = domain.apply(task, line(task, word, minute))
    return task


WORK = ("progress", "milestones", "submission", "extension", "suspension")
THERE = ("acknowledgement", "arrival")
DONE = (*THERE, "submission")
ASKING = ("arrival", "milestones", "extension", "suspension")
PATHS: list[tuple[Presence, tuple[str, ...], domain.State, tuple[str, ...]]] = [
    ("on_site", (), "dispatched", ("acknowledgement", "return")),
    ("on_site", ("acknowledgement",), "acknowledged", (*ASKING, "return")),
    ("none", ("acknowledgement",), "acknowledged", ("arrival", *WORK, "return")),
    ("on_site", THERE, "arrived", ("departure", *WORK)),
    ("online", THERE, "arrived", ("departure", *WORK)),
    ("on_site", (*THERE, "departure"), "arrived", ("arrival", *WORK)),
    ("none", ("acknowledgement", "progress"), "working", ("arrival", *WORK)),
    ("on_site", (*THERE, "progress"), "working", ("departure", *WORK)),
    ("on_site", DONE, "submitted", ("departure",)),
    ("none", ("acknowledgement", "submission"), "submitted", ()),
    ("on_site", ("return",), "return_requested", ("acknowledgement",)),
    ("on_site", ("acknowledgement", "return"), "return_requested", ("arrival", "milestones")),
    ("on_site", ("acknowledgement", "return", "arrival"), "return_requested", ("departure", "progress", "milestones")),
    ("on_site", ("return", "dispute"), "disputed", ("acknowledgement",)),
    ("on_site", ("dispute", "return"), "disputed", ("acknowledgement",)),
    ("on_site", ("return", "refused"), "dispatched", ("acknowledgement",)),
    ("on_site", ("return", "dispute", "refused", "acknowledgement"), "acknowledged", ASKING),
    ("on_site", ("return", "upheld"), "reassigned", ()),
    ("on_site", ("upheld", "cancellation"), "reassigned", ()),
    ("on_site", ("acknowledgement", "suspension"), "acknowledged", ("arrival", "milestones", "extension", "return")),
    ("on_site", ("acknowledgement", "suspension", "suspended"), "suspended", ("arrival", "resumption")),
    ("on_site", (*THERE, "suspension", "suspended"), "suspended", ("departure", "resumption")),
    ("on_site", (*THERE, "suspension", "suspended", "resumption"), "arrived", ("departure", *WORK)),
    ("on_site", (*DONE, "rework"), "rework", ("departure", *WORK)),
    ("on_site", (*DONE, "rework", "progress", "departure"), "rework", ("arrival", *WORK)),
    ("on_site", (*DONE, "rework", "resubmission"), "submitted", ("departure",)),
    ("on_site", (*DONE, "verification"), "accepted", ("departure",)),
    ("on_site", (*DONE, "verification", "rework"), "rework", ("departure", *WORK)),
    ("on_site", (*DONE, "verification", "evaluation"), "evaluated", ("appeal",)),
    ("on_site", (*DONE, "evaluation", "verification"), "accepted", ("departure",)),
    ("on_site", (*DONE, "verification", "evaluation", "rework", "resubmission"), "submitted", ("departure",)),
    (
        "on_site",
        (*DONE, "verification", "evaluation", "rework", "resubmission", "second verification"),
        "accepted",
        ("departure",),
    ),
    ("on_site", (*DONE, "verification", "evaluation", "appeal"), "evaluated", ()),
    ("on_site", (*DONE, "verification", "evaluation", "closing"), "closed", ("appeal",)),
    ("on_site", ("cancellation",), "cancelled", ()),
    ("on_site", (*DONE, "cancellation"), "cancelled", ()),
]


@pytest.mark.parametrize(("presence", "words", "state", "legal"), PATHS)
def test_what_happens_leads_to_states(
    presence: Presence, words: tuple[str, ...], state: domain.State, legal: tuple[str, ...]
) -> None:
    task = after(*words, presence=presence)
    assert (task.state, domain.legal_steps(task, DUE)) == (state, legal)


@pytest.mark.parametrize(("presence", "words", "state", "legal"), PATHS)
def test_an_illegal_step_names_the_state_and_the_legal_ones(
    presence: Presence, words: tuple[str, ...], state: domain.State, legal: tuple[str, ...]
) -> None:
    task = after(*words, presence=presence)
    open_now = domain.legal_steps(task, DUE)
    for step in set(STEPS) - set(open_now):
        with pytest.raises(IllegalTransition) as refused:
            domain.require(task, step, DUE)
        assert (refused.value.step, refused.value.state, refused.value.legal) == (step, state, open_now)


def test_every_state_is_reached_by_some_path() -> None:
    assert {state for _, _, state, _ in PATHS} == set(get_args(domain.State))


def test_a_return_and_an_appeal_have_their_windows() -> None:
    task = after("acknowledgement")
    assert "return" in domain.legal_steps(task, LATER)
    assert "return" not in domain.legal_steps(task, LATER + timedelta(seconds=1))
    assert "return" not in domain.legal_steps(replace(task, return_until=None), DUE)
    scored = after(*DONE, "verification", "evaluation")
    assert domain.legal_steps(scored, LATER) == ("appeal",)
    assert domain.legal_steps(scored, LATER + timedelta(seconds=1)) == ()


def test_a_repeated_acknowledgement_or_arrival_is_recognised_and_first_stamps_are_kept() -> None:
    done = after(*THERE, "progress", "submission")
    assert domain.repeated(done, "acknowledgement", LATER)
    assert domain.repeated(done, "arrival", LATER)
    assert not domain.repeated(after("acknowledgement"), "arrival", LATER)
    assert not domain.repeated(after(*THERE, "departure"), "arrival", LATER)
    assert not domain.repeated(after("acknowledgement", "cancellation"), "acknowledgement", LATER)
    back = domain.apply(after(*THERE, "departure"), line(done, "arrival", 9)).arrived_at
    assert back == done.arrived_at == MONDAY + timedelta(minutes=2)


def test_cancelling_twice_keeps_the_first_reason() -> None:
    once = after("acknowledgement", "cancellation")
    again = replace(line(once, "cancellation", 9), detail={**DETAILS["cancellation"], "reason": "again"})
    assert domain.apply(once, again) == once
    assert once.cancel_reason == "撤哨"


def test_what_ends_with_a_later_rounds_closing_shows_that_one() -> None:
    """A round that left the reporter dissatisfied is never closed itself."""
    task = a_task()
    first, second = (replace(line(task, "closing", at), detail={"round": 2 + at}) for at in (0, 1))
    closed = domain.told(task, (first, second))
    assert closed.closed_at == first.at
    assert (domain.concerns(closed, first), domain.concerns(closed, second)) == (True, False)


def test_a_cancellation_or_closing_of_another_round_or_department_is_none_of_its_business() -> None:
    task = a_task()
    for detail in (
        {"round": 2, "departments": ["CGJ"], "reason": ""},
        {"round": 1, "departments": ["GA"], "reason": ""},
    ):
        other = replace(line(task, "cancellation"), detail=detail)
        assert domain.apply(task, other) == task
        assert not domain.concerns(task, other)
    assert domain.concerns(task, line(task, "cancellation"))
    assert domain.apply(replace(task, round=2), line(task, "closing")).closed_at is None


def test_the_lead_is_who_was_named_last() -> None:
    task = a_task(called_as="assist")
    leads = domain.Entry(uuid4(), "handover", DUE, task.task_id, 5, detail={"previous_task_id": str(uuid4())})
    loses = domain.Entry(uuid4(), "handover", DUE, uuid4(), 7, detail={"previous_task_id": str(task.task_id)})
    assert domain.told(task, [leads]).role == "lead"
    assert domain.told(task, [leads, loses]).role == domain.told(task, [loses, leads]).role == "assist"
    assert domain.told(replace(task, called_as="lead"), [loses]).role == "assist"
    assert domain.told(replace(task, called_as="co_handle"), [loses]).role == "co_handle"


# -- what escalation says ---------------------------------------------------------------------------------------


def test_what_is_said_of_a_clock_may_come_in_any_order() -> None:
    tellings: list[Callable[[domain.Clock], domain.Clock]] = [
        lambda clock: domain.told_status(clock, "running", 1),
        lambda clock: domain.told_due(clock, DUE, 1),
        lambda clock: domain.told_warning(clock, 50, DUE, 2),
        lambda clock: domain.told_due(clock, LATER, 3, provisional=True),
        lambda clock: domain.told_due(clock, LATER, 4, provisional=False),
        lambda clock: domain.told_warning(clock, 50, LATER, 5),
        lambda clock: domain.told_status(clock, "met", 6),
    ]
    seen = set()
    for order in permutations(tellings):
        clock = domain.Clock("resolve")
        for tell in order:
            clock = tell(clock)
        seen.add(replace(clock, due_version=0))
    assert seen == {
        domain.Clock("resolve", LATER, provisional=False, status="met", status_version=6, warned_percent=50)
    }


@given(st.lists(st.sampled_from((50, 80)), min_size=1, max_size=5))
def test_the_highest_warning_counts_however_often_it_is_told(percents: list[int]) -> None:
    clock = domain.Clock("ack")
    for version, percent in enumerate(percents, 1):
        clock = domain.told_warning(clock, percent, DUE, version)
    assert clock.warned_percent == max(percents)


def test_a_breach_of_an_earlier_due_time_falls_with_it() -> None:
    breached = domain.told_breach(domain.Clock("resolve"), DUE, DUE, version=4)
    assert breached.breached_at == DUE
    assert domain.told_due(breached, LATER, version=5).breached_at is None
    assert domain.told_breach(domain.told_due(domain.Clock("resolve"), LATER, 5), DUE, DUE, 4).breached_at is None


def test_the_clocks_seen_are_the_terms_overlaid_with_what_was_told() -> None:
    told: dict[ClockName, domain.Clock] = {
        "ack": domain.told_status(domain.Clock("ack"), "met", 2),
        "plan": domain.told_due(domain.told_status(domain.Clock("plan"), "running", 2), LATER, 2),
        "restore": domain.told_status(domain.Clock("restore"), "running", 3),
    }
    seen = {clock.name: clock for clock in domain.clocks_of(a_task(terms=TERMS), told)}
    assert list(seen) == ["ack", "arrive", "plan", "restore"]
    assert (seen["ack"].status, seen["ack"].due_at) == ("met", DUE)
    assert (seen["arrive"].status, seen["arrive"].due_at, seen["arrive"].provisional) == ("running", LATER, True)
    assert (seen["plan"].status, seen["plan"].due_at) == ("running", LATER)
    assert [clock.status for clock in domain.clocks_of(a_task(terms=TERMS), {})] == ["running", "running", None]


def test_an_ended_task_has_no_running_clock_and_no_banner() -> None:
    for word, status in (("cancellation", "cancelled"), ("upheld", "voided")):
        ended = after(word, terms=TERMS)
        clocks = domain.clocks_of(ended, {"ack": domain.told_status(domain.Clock("ack"), "met", 1)})
        assert [clock.status for clock in clocks] == ["met", status, None]
        assert domain.banner(ended, clocks, [rung(1)]) is None
        assert domain.next_due(ended, {}) is None


def test_next_due_is_what_the_department_has_not_answered_yet() -> None:
    def due(*words: str, **told: domain.Clock) -> datetime | None:
        return domain.next_due(after(*words, terms=(*TERMS, RESOLVE)), told)  # type: ignore[arg-type]

    assert due() == DUE
    assert due("acknowledgement") == LATER
    assert due(*THERE) == RESOLVE.due_at
    assert due(*THERE, resolve=domain.told_status(domain.Clock("resolve"), "paused", 3)) is None
    assert due(*THERE, "suspension", "suspended") is None
    assert due(*DONE) is None
    restoring = domain.told_due(domain.told_status(domain.Clock("restore"), "running", 4), LATER, 4)
    verifying = domain.told_due(domain.told_status(domain.Clock("street_verify"), "running", 4), DUE, 4)
    assert due(*DONE, restore=restoring, street_verify=verifying) == LATER  # the other is the street's
    assert due(*DONE, "verification", restore=restoring) is None
    again = domain.told_due(domain.told_status(domain.Clock("resolve"), "running", 5), LATER, 5)
    assert due(*DONE, "rework", resolve=again) == LATER


def rung(number: int, **more: Any) -> domain.Escalation:
    raised = domain.Escalation(uuid4(), uuid4(), "ack", number, role=f"r{number}", raised_at=DUE)
    return replace(raised, **more)


def test_the_banner_shows_the_most_serious_thing() -> None:
    task = a_task(terms=TERMS)

    def shown(told: dict[ClockName, domain.Clock], *rungs: domain.Escalation) -> domain.Banner | None:
        return domain.banner(task, domain.clocks_of(task, told), rungs)

    warned = domain.told_warning(domain.Clock("ack"), 80, DUE, 1)
    breached = domain.told_breach(warned, DUE, DUE, 2)
    withdrawn = rung(3, status="withdrawn", ended_at=LATER)
    assert shown({}) is None
    assert shown({"ack": warned}) == domain.Banner("warned", "ack", DUE, percent=80)
    assert shown({"ack": breached}) == domain.Banner("breached", "ack", DUE)
    assert shown({"ack": breached}, withdrawn) == domain.Banner("breached", "ack", DUE)
    top = shown({"ack": breached}, rung(1), rung(2, acknowledged_at=LATER), withdrawn)
    assert top == domain.Banner("escalated", "ack", DUE, rung=2, role="r2", acknowledged=True)
    assert shown({"ack": domain.told_status(breached, "met_late", 3)}) is None
    assert shown({}, rung(1, raised_at=None)) is None


# -- whose task it is -------------------------------------------------------------------------------------------


def a_unit(*tasks: domain.Task) -> Unit:
    """A transaction that is never written, with these tasks loaded."""
    unit = Unit(AsyncMock(), "department.hosted", MONDAY, timedelta(0))
    unit.trace = new_trace()
    unit.cases = {UUID(int=1): store.Case(tasks={task.task_id: task for task in tasks})}
    return unit


def test_one_departments_acknowledgement_touches_only_its_own_task() -> None:
    """INVARIANT: one department's acknowledgement touches only its own task."""
    mine, other, third = a_task(), a_task(department="GA"), a_task(department="PSGS")
    unit = a_unit(mine, other, third)
    commands.acknowledge_task(unit, commands.Actor(UUID(int=1), mine.task_id, "CGJ", "CGJ", "王建国"))
    known = store.case(unit, UUID(int=1)).tasks
    assert known[mine.task_id].state == "acknowledged"
    assert known[other.task_id] is other
    assert known[third.task_id] is third
    assert unit.touches == 3  # the task's row, its history, its event
    assert list(unit._updates) == [tables.task]


def test_a_repeated_acknowledgement_says_nothing_a_second_time() -> None:
    done = after("acknowledgement")
    unit = a_unit(done)
    again = commands.Actor(UUID(int=1), done.task_id, "CGJ", "CGJ", "李红")
    assert commands.acknowledge_task(unit, again) is done
    assert unit.touches == 0


def test_another_departments_task_does_not_exist() -> None:
    task = a_task(department="GA")
    unit = a_unit(task)
    with pytest.raises(NotFound):
        commands.acknowledge_task(unit, commands.Actor(UUID(int=1), task.task_id, "CGJ", "CGJ", "王建国"))
    assert unit.touches == 0
