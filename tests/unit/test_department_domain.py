"""A department's task: its state machine, and what it makes of what escalation says in whatever order."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any, get_args
from unittest.mock import AsyncMock
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from whistle_department import commands, domain, store
from whistle_shared.contracts.vocabulary import ClockName, Presence
from whistle_shared.db import Unit
from whistle_shared.errors import IllegalTransition, NotFound
from whistle_shared.observability import new_trace

MONDAY = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
DUE = MONDAY + timedelta(minutes=30)
LATER = MONDAY + timedelta(hours=2)
PRESENCES: tuple[Presence, ...] = get_args(Presence)
STATES: tuple[domain.State, ...] = get_args(domain.State)
STEPS: tuple[domain.Step, ...] = get_args(domain.Step)


def a_task(presence: Presence = "on_site", **more: Any) -> domain.Task:
    return domain.Task(
        task_id=uuid4(),
        whistle_id=more.pop("whistle_id", UUID(int=1)),
        round=1,
        department=more.pop("department", "CGJ"),
        role="lead",
        presence=presence,
        origin="routed",
        dispatched_at=MONDAY,
        **more,
    )


def take(step: domain.Step, task: domain.Task, now: datetime, person: str = "王建国") -> domain.Task:
    match step:
        case "acknowledgement":
            return domain.acknowledge(task, person, "CGJ", now)
        case "arrival":
            return domain.arrive(task, now)
        case "progress":
            return domain.log_progress(task, now)
        case "submission":
            return domain.submit(task, now)


def after(*steps: domain.Step | str, presence: Presence = "on_site") -> domain.Task:
    """A task with these steps taken, a minute each; `cancelled` cancels it."""
    task = a_task(presence)
    for minute, step in enumerate(steps, 1):
        now = MONDAY + timedelta(minutes=minute)
        task = domain.cancel(task, "撤哨", now) if step == "cancelled" else take(step, task, now)  # type: ignore[arg-type]
    return task


PATHS: list[tuple[Presence, tuple[str, ...], domain.State, tuple[domain.Step, ...]]] = [
    ("on_site", (), "dispatched", ("acknowledgement",)),
    ("on_site", ("acknowledgement",), "acknowledged", ("arrival",)),
    ("online", ("acknowledgement",), "acknowledged", ("arrival",)),
    ("meeting", ("acknowledgement",), "acknowledged", ("arrival",)),
    ("none", ("acknowledgement",), "acknowledged", ("arrival", "progress", "submission")),
    ("on_site", ("acknowledgement", "arrival"), "arrived", ("progress", "submission")),
    ("none", ("acknowledgement", "arrival"), "arrived", ("progress", "submission")),
    ("none", ("acknowledgement", "progress"), "working", ("arrival", "progress", "submission")),
    ("none", ("acknowledgement", "progress", "arrival"), "working", ("progress", "submission")),
    ("on_site", ("acknowledgement", "arrival", "progress"), "working", ("progress", "submission")),
    ("on_site", ("acknowledgement", "arrival", "submission"), "submitted", ()),
    ("none", ("acknowledgement", "submission"), "submitted", ()),
    ("on_site", ("cancelled",), "cancelled", ()),
    ("on_site", ("acknowledgement", "arrival", "cancelled"), "cancelled", ()),
    ("on_site", ("acknowledgement", "arrival", "submission", "cancelled"), "cancelled", ()),
]


@pytest.mark.parametrize(("presence", "steps", "state", "legal"), PATHS)
def test_steps_lead_to_states(
    presence: Presence, steps: tuple[str, ...], state: domain.State, legal: tuple[domain.Step, ...]
) -> None:
    task = after(*steps, presence=presence)
    assert (task.state, domain.legal_steps(task)) == (state, legal)


@pytest.mark.parametrize(("presence", "steps", "state", "legal"), PATHS)
def test_an_illegal_step_names_the_state_and_the_legal_ones(
    presence: Presence, steps: tuple[str, ...], state: domain.State, legal: tuple[domain.Step, ...]
) -> None:
    task = after(*steps, presence=presence)
    repeated = {"acknowledgement", "arrival"} & set(steps) if state != "cancelled" else set()
    for step in set(STEPS) - set(legal) - repeated:
        with pytest.raises(IllegalTransition) as refused:
            take(step, task, LATER)
        assert (refused.value.step, refused.value.state, refused.value.legal) == (step, state, legal)


def test_a_repeated_acknowledgement_or_arrival_changes_nothing() -> None:
    done = after("acknowledgement", "arrival", "progress", "submission")
    assert take("acknowledgement", done, LATER, person="李红") is done
    assert take("arrival", done, LATER) is done
    assert done.acknowledged_at == MONDAY + timedelta(minutes=1)
    assert done.person == "王建国"


def test_a_second_submission_is_refused() -> None:
    with pytest.raises(IllegalTransition, match="'submission' is not possible in state 'submitted'; possible: none"):
        take("submission", after("acknowledgement", "arrival", "submission"), LATER)


def test_cancelling_twice_keeps_the_first_reason() -> None:
    once = after("acknowledgement", "cancelled")
    assert domain.cancel(once, "again", LATER) is once
    assert once.cancel_reason == "撤哨"


class TaskLife(RuleBasedStateMachine):
    """INVARIANT: no sequence of steps reaches an undefined state, and first stamps are kept."""

    @initialize(presence=st.sampled_from(PRESENCES))
    def called(self, presence: Presence) -> None:
        self.task = a_task(presence)
        self.now = MONDAY
        self.stamps: dict[str, datetime] = {}
        self.taken: list[str] = []

    @rule(step=st.sampled_from(STEPS), minutes=st.integers(0, 500))
    def step(self, step: domain.Step, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        before, legal = self.task, domain.legal_steps(self.task)
        natural = step in ("acknowledgement", "arrival") and step in self.taken and "cancelled" not in self.taken
        if step in legal or natural:
            self.task = take(step, before, self.now)
            assert (self.task is before) == natural
            self.taken.append(step)
            return
        with pytest.raises(IllegalTransition) as refused:
            take(step, before, self.now)
        assert (refused.value.state, refused.value.legal) == (before.state, legal)

    @rule(minutes=st.integers(0, 500))
    def cancelled(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self.task = domain.cancel(self.task, "撤哨", self.now)
        self.taken.append("cancelled")

    @invariant()
    def state_is_the_one_the_steps_say(self) -> None:
        ranks = (
            ("cancelled", "cancelled"),
            ("submission", "submitted"),
            ("progress", "working"),
            ("arrival", "arrived"),
            ("acknowledgement", "acknowledged"),
        )
        expected = next((state for step, state in ranks if step in self.taken), "dispatched")
        assert self.task.state == expected
        assert self.task.state in STATES
        assert set(domain.legal_steps(self.task)) <= set(STEPS)

    @invariant()
    def nothing_is_skipped_that_must_be_done(self) -> None:
        if self.task.state not in ("dispatched", "cancelled"):
            assert self.task.acknowledged_at
        if self.task.submitted_at and self.task.presence != "none":
            assert self.task.arrived_at

    @invariant()
    def first_stamps_are_kept(self) -> None:
        for name in ("acknowledged_at", "arrived_at", "submitted_at", "cancelled_at"):
            stamp = getattr(self.task, name)
            if name in self.stamps or stamp is not None:
                assert self.stamps.setdefault(name, stamp) == stamp


TestTaskLife = TaskLife.TestCase


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


TERMS = (
    domain.Term("ack", "30m@natural", DUE),
    domain.Term("arrive", "2h@natural", LATER, provisional=True),
    domain.Term("plan", "1d@work"),
)


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


def test_a_cancelled_task_has_no_running_clock_and_no_banner() -> None:
    cancelled = domain.cancel(a_task(terms=TERMS), "撤哨", MONDAY)
    clocks = domain.clocks_of(cancelled, {"ack": domain.told_status(domain.Clock("ack"), "met", 1)})
    assert [clock.status for clock in clocks] == ["met", "cancelled", None]
    assert domain.banner(cancelled, clocks, [rung(1)]) is None
    assert domain.next_due(cancelled, {}) is None


def test_next_due_is_what_the_department_has_not_answered_yet() -> None:
    task = a_task(terms=(*TERMS, domain.Term("resolve", "1d@work", LATER + timedelta(hours=6))))
    assert domain.next_due(task, {}) == DUE
    taken = domain.acknowledge(task, "王建国", "CGJ", MONDAY)
    assert domain.next_due(taken, {}) == LATER
    there = domain.arrive(taken, MONDAY)
    assert domain.next_due(there, {}) == LATER + timedelta(hours=6)
    paused = domain.told_status(domain.Clock("resolve"), "paused", 3)
    assert domain.next_due(there, {"resolve": paused}) is None
    assert domain.next_due(domain.submit(there, MONDAY), {}) is None


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
    unit.cases = {UUID(int=1): store.Case(has_facts=True, tasks={task.task_id: task for task in tasks})}
    return unit


def test_one_departments_acknowledgement_touches_only_its_own_task() -> None:
    """INVARIANT: one department's acknowledgement touches only its own task."""
    mine, other, third = a_task(), a_task(department="GA"), a_task(department="PSGS")
    unit = a_unit(mine, other, third)
    commands.acknowledge_task(unit, commands.Actor(UUID(int=1), mine.task_id, "CGJ", "CGJ", "王建国"))
    tasks = store.case(unit, UUID(int=1)).tasks
    assert tasks[mine.task_id].state == "acknowledged"
    assert tasks[other.task_id] is other
    assert tasks[third.task_id] is third
    assert unit.touches == 3  # the task's row, its history, its event


def test_a_repeated_acknowledgement_says_nothing_a_second_time() -> None:
    done = domain.acknowledge(a_task(), "王建国", "CGJ", MONDAY)
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
