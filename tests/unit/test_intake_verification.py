"""The street looks at the work: it passes a task or sends it back; which step is open when. Source: DOMAIN.md C.1."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.counter import OFFICE, Counter, closed, finished, minutes
from support.paperwork import WHISTLE
from whistle_intake import commands, domain
from whistle_shared.contracts.department import TaskAcknowledged, TaskSubmitted
from whistle_shared.contracts.intake import (
    TaskReworkOrdered,
    TaskUrged,
    TaskVerified,
)
from whistle_shared.errors import IllegalTransition, Invalid, NotFound

# -- verification ---------------------------------------------------------------------------------------------------


def test_a_task_that_passes_is_accepted_and_its_department_is_told() -> None:
    counter = finished()
    assert counter.state == "pending_verify"
    counter.verifies("CGJ", at=minutes(30))
    word = counter.word(TaskVerified)
    assert (word.to, word.awaiting) == (("CGJ",), ("escalation",))
    assert word.data == TaskVerified(
        whistle_id=WHISTLE, task_id=counter.task_id("CGJ"), department="CGJ", attempt=1, by=OFFICE.by
    )
    assert (counter.task("CGJ").state, counter.task("GA").state, counter.state) == (
        "accepted",
        "submitted",
        "pending_verify",
    )
    counter.verifies("GA")
    assert counter.state == "pending_evaluation"


def test_a_task_that_fails_goes_back_and_comes_again() -> None:
    counter = finished()
    counter.verifies("CGJ", passed=False, at=minutes(60))
    said: TaskReworkOrdered = counter.last(TaskReworkOrdered)
    assert (said.attempt, said.submitted_at, said.reasons) == (1, minutes(0), "未修复")
    # appeal normal: the street has 2 working days, the day after the submission counts first: Wednesday at 17:30.
    assert said.verify_due_at == minutes(2 * 1440 + 510)
    assert counter.word(TaskReworkOrdered).to == ("CGJ",)
    assert (counter.task("CGJ").state, counter.state) == ("rework", "handling")
    counter.submitted("CGJ", at=minutes(90), attempt=2)
    assert (counter.task("CGJ").state, counter.state) == ("submitted", "pending_verify")
    counter.verifies("CGJ", at=minutes(100))
    assert counter.last(TaskVerified).attempt == 2


def test_what_goes_back_needs_a_reason() -> None:
    counter = finished()
    with pytest.raises(Invalid) as refused:
        counter.does(commands.verify_task, counter.task_id("CGJ"), OFFICE, passed=False, note="")
    assert refused.value.field == "note"
    assert counter.said == []


def test_without_a_limit_for_the_street_a_rework_names_no_due_time() -> None:
    counter = finished()
    task = counter.task("CGJ")
    counter.whistle = domain.with_task(counter.whistle, replace(task, verify_limit=None))
    counter.verifies("CGJ", passed=False)
    assert counter.last(TaskReworkOrdered).verify_due_at is None


def test_a_task_that_was_not_submitted_is_not_verified() -> None:
    counter = Counter().dispatched()
    counter.reports("CGJ", TaskAcknowledged, minutes(5))
    with pytest.raises(IllegalTransition) as refused:
        counter.verifies("CGJ")
    assert (refused.value.step, refused.value.state, refused.value.legal) == (
        "verification",
        "acknowledged",
        ("urge",),
    )


def test_what_the_street_may_do_is_said_at_every_stage() -> None:
    counter = finished()
    assert _steps(counter) == [["meeting"], ["verification"]]
    counter.verifies("CGJ")
    counter.verifies("GA")
    assert _steps(counter) == [["meeting", "callback"], ["score"]]
    counter.calls_back(contacted=False, solved=None, satisfaction=None)
    assert _steps(counter) == [["meeting", "callback"], ["score"]], "who was not reached may be called again"
    counter.calls_back()
    assert _steps(counter) == [["meeting"], ["score"]]
    with pytest.raises(IllegalTransition) as refused:
        counter.calls_back()
    assert refused.value.legal == ("meeting",)


def _steps(counter: Counter) -> list[list[str]]:
    """What may be done with the whistle, and with its lead's task."""
    return [[*counter.whistle.legal], [*counter.task("CGJ").steps]]


STEPS: dict[str, Callable[[Counter], Any]] = {
    "verification": lambda counter: counter.verifies("CGJ"),
    "score": lambda counter: counter.scores("CGJ"),
    "urge": lambda counter: counter.does(commands.urge_task, counter.task_id("CGJ"), OFFICE, "请尽快"),
    "resumption": lambda counter: counter.does(commands.resume_task, counter.task_id("CGJ"), OFFICE, "已批复"),
    "callback": lambda counter: counter.calls_back(),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_closed_whistle_is_only_read(step: str) -> None:
    counter = closed()
    before = len(counter.said)
    with pytest.raises(IllegalTransition) as refused:
        STEPS[step](counter)
    assert (refused.value.step, refused.value.state, refused.value.legal) == (step, "closed", ("reopening",))
    assert len(counter.said) == before


@pytest.mark.parametrize("step", STEPS)
def test_a_withdrawn_whistle_is_only_read(step: str) -> None:
    counter = Counter().dispatched()
    counter.whistle = domain.withdraw(counter.whistle, minutes(1))
    with pytest.raises(IllegalTransition) as refused:
        STEPS[step](counter)
    assert refused.value.state == "withdrawn"


@pytest.mark.parametrize("step", STEPS)
def test_another_streets_whistle_is_not_there(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = finished()
    monkeypatch.setattr("support.counter.OFFICE", commands.Office("S02", "别的街道"))
    monkeypatch.setitem(globals(), "OFFICE", commands.Office("S02", "别的街道"))
    with pytest.raises(NotFound):
        STEPS[step](counter)


def test_a_task_of_another_whistle_is_not_there() -> None:
    counter = finished()
    with pytest.raises(NotFound, match="task"):
        counter.does(commands.verify_task, uuid4(), OFFICE, passed=True, note="")


# Which of the street's steps is open in which state of a task, tried one by one.
STATES: dict[domain.TaskState, Callable[[domain.Task], domain.Task]] = {
    "dispatched": lambda task: task,
    "acknowledged": lambda task: replace(task, acknowledged_at=minutes(1)),
    "arrived": lambda task: replace(task, arrived_at=minutes(2)),
    "working": lambda task: replace(task, arrived_at=minutes(2), progressed_at=minutes(3)),
    "return_requested": lambda task: replace(task, returned_at=minutes(1)),
    "disputed": lambda task: replace(task, returned_at=minutes(1), disputed_at=minutes(2)),
    "suspended": lambda task: replace(task, suspended_at=minutes(1), suspended_by="street"),
    "rework": lambda task: replace(task, attempt=1, reworked=1, submitted_at=minutes(1)),
    "submitted": lambda task: replace(task, attempt=1, submitted_at=minutes(1)),
    "accepted": lambda task: replace(task, attempt=1, submitted_at=minutes(1), verified_at=minutes(2)),
    "evaluated": lambda task: replace(task, attempt=1, verified_at=minutes(2), revision=1),
    "reassigned": lambda task: replace(task, ended="reassigned"),
    "cancelled": lambda task: replace(task, ended="cancelled"),
}


@pytest.mark.parametrize("step", ["verification", "score", "urge", "resumption"])
@pytest.mark.parametrize("state", STATES)
def test_each_step_is_open_from_its_states_only(state: domain.TaskState, step: str) -> None:
    counter = Counter().dispatched()
    counter.whistle = domain.with_task(counter.whistle, STATES[state](counter.task("CGJ")))
    assert counter.task("CGJ").state == state
    if step in domain.STREET_STEPS[state]:
        STEPS[step](counter)
        return
    with pytest.raises(IllegalTransition) as refused:
        STEPS[step](counter)
    assert (refused.value.state, refused.value.legal) == (state, domain.STREET_STEPS[state])


def test_an_urge_is_for_escalation_to_make_a_reminder_of() -> None:
    counter = Counter().dispatched()
    STEPS["urge"](counter)
    said = TaskUrged(whistle_id=WHISTLE, task_id=counter.task_id("CGJ"), department="CGJ", note="请尽快", by=OFFICE.by)
    assert counter.said[-1].data == said


# -- order ----------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, database=None)
@given(order=st.permutations(range(4)))
def test_submissions_count_by_their_attempt_whatever_the_order(order: list[int]) -> None:
    """INVARIANT: handlers are order-insensitive (EVENTS.md R5)."""
    heard = [
        lambda counter: counter.dispatched(),
        lambda counter: counter.reports("CGJ", TaskAcknowledged, minutes(1)),
        lambda counter: counter.reports("CGJ", TaskSubmitted, minutes(2), result="好了", attempt=1),
        lambda counter: counter.reports("CGJ", TaskSubmitted, minutes(9), result="又好了", attempt=2),
    ]
    counter = Counter()
    for position in order:
        heard[position](counter)
    task = counter.task("CGJ")
    assert (task.attempt, task.submitted_at, task.acknowledged_at, task.role) == (2, minutes(9), minutes(1), "lead")
    assert task.verify_limit == "2d@work"
