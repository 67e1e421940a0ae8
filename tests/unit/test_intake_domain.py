"""What intake derives from its tasks' events, when a whistle can be taken back, and its numbers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import get_args
from uuid import uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.clockface import MONDAY, local
from support.paperwork import WHISTLE
from whistle_intake import domain
from whistle_shared.errors import IllegalTransition

STAMPS = ("acknowledged_at", "arrived_at", "progressed_at", "submitted_at")
LETTERS = dict(zip("apws", STAMPS, strict=True))  # acknowledged, present, working, submitted


def task(story: str, department: str = "CGJ", role: str | None = "assist") -> domain.Task:
    """A task that went this way, an hour a step: `ap` has acknowledged and then reported in."""
    taken = {LETTERS[letter]: MONDAY + timedelta(hours=hour) for hour, letter in enumerate(story, 1)}
    known = domain.Task(uuid5(WHISTLE, department), department, role, called_at=MONDAY, attempt=story.count("s"))
    return replace(known, **taken)  # type: ignore[arg-type]


def whistle(*tasks: domain.Task) -> domain.Whistle:
    blown = domain.Whistle(
        WHISTLE, "S01-20260601-0007", "S01", 1, "dispatched" if tasks else "pending", blown_at=MONDAY
    )
    return replace(blown, tasks={known.task_id: known for known in tasks})


@pytest.mark.parametrize(
    ("story", "state"),
    [
        ("", "dispatched"),
        ("a", "acknowledged"),
        ("ap", "arrived"),
        ("apw", "working"),
        ("apws", "submitted"),
        ("aps", "submitted"),
        ("as", "submitted"),  # no presence asked for
        ("aw", "working"),  # no presence asked for: department lets nobody else log before arriving
        ("awp", "working"),
        ("p", "arrived"),  # the acknowledgement is still on its way
    ],
)
def test_a_tasks_state_follows_from_its_stamps(story: str, state: str) -> None:
    assert task(story).state == state


# Source: EVENTS.md section 3. Lead first, then an assisting department.
DERIVED = [
    ("", "", "blown"),
    ("", "a", "responding"),
    ("a", "", "responding"),
    ("a", "ap", "responding"),  # only the lead's arrival counts as on the scene
    ("ap", "", "on_scene"),
    ("ap", "a", "on_scene"),
    ("apw", "", "handling"),
    ("a", "apw", "handling"),
    ("aw", "", "handling"),
    ("awp", "a", "handling"),
    ("apw", "ap", "handling"),
    ("apws", "a", "handling"),  # one has finished: what was begun does not go back to on_scene
    ("a", "apws", "handling"),
    ("apws", "", "handling"),
    ("apws", "apws", "pending_verify"),
    ("aps", "as", "pending_verify"),
]


@pytest.mark.parametrize(("lead", "assist", "state"), DERIVED)
def test_a_whistles_state_is_derived_from_its_tasks(lead: str, assist: str, state: str) -> None:
    tasks = [task(lead, "CGJ", "lead"), task(assist, "GA")]
    assert domain.derive(tasks) == domain.derive(reversed(tasks)) == state
    assert whistle(*tasks).state == state


def test_a_whistle_that_nobody_was_called_to_is_blown() -> None:
    assert whistle().state == "blown"


def test_a_withdrawn_whistle_is_withdrawn_whatever_its_tasks_do_afterwards() -> None:
    taken_back = domain.withdraw(whistle(task("a")), MONDAY)
    later = domain.with_task(taken_back, task("apws"))
    assert (taken_back.state, later.state, later.withdrawn_at) == ("withdrawn", "withdrawn", MONDAY)


ORDER: tuple[domain.State, ...] = ("blown", "responding", "on_scene", "handling", "pending_verify")


ENDS = st.sampled_from(["", "a", "ap", "apw", "apws", "aps", "aw", "aws", "awp", "awps"])


@settings(deadline=None, database=None)
@given(data=st.data(), ends=st.lists(ENDS, min_size=1, max_size=4))
def test_one_more_step_of_a_task_never_takes_a_whistle_back(data: st.DataObject, ends: list[str]) -> None:
    """INVARIANT: the state only goes forward while departments take their steps, in whatever order they interleave."""
    names = [f"D{n}" for n in range(len(ends))]
    steps = [(name, end[: taken + 1]) for name, end in zip(names, ends, strict=True) for taken in range(len(end))]
    moves = data.draw(st.permutations(steps))
    now = dict.fromkeys(names, "")
    seen: list[domain.State] = ["blown"]
    for name, reached in moves:
        now[name] = max(now[name], reached, key=len)
        seen.append(domain.derive(task(s, n, "lead" if n == "D0" else "assist") for n, s in now.items()))
    assert seen == sorted(seen, key=ORDER.index)


@pytest.mark.parametrize(("lead", "assist", "state"), DERIVED)
def test_a_whistle_can_be_taken_back_until_work_has_begun(lead: str, assist: str, state: domain.State) -> None:
    """Source: DOMAIN.md C.1: draft … on_scene."""
    current = whistle(task(lead, "CGJ", "lead"), task(assist, "GA"))
    if state in ("blown", "responding", "on_scene"):
        assert domain.withdraw(current, MONDAY).state == "withdrawn"
        return
    with pytest.raises(IllegalTransition) as refused:
        domain.withdraw(current, MONDAY)
    assert (refused.value.step, refused.value.state) == ("withdrawal", state)


def test_a_whistle_is_not_taken_back_twice() -> None:
    with pytest.raises(IllegalTransition):
        domain.withdraw(domain.withdraw(whistle(), MONDAY), MONDAY)


def test_the_states_are_those_of_domain_c1() -> None:
    around = {"draft", "pending_approval", "self_handled", "joined", "closed", "withdrawn"}
    assert set(get_args(domain.State)) == {*ORDER, "suspended", "pending_evaluation", *around}
    assert set(domain.OPEN) == {*ORDER, "suspended", "pending_evaluation"}


def test_first_stamps_are_kept_whatever_the_order_of_arrival() -> None:
    told = [MONDAY + timedelta(minutes=minute) for minute in (3, 1, 2)]
    for order in permutations(told):
        known: datetime | None = None
        for at in order:
            known = domain.earliest(known, at)
        assert known == told[1]


@pytest.mark.parametrize(
    ("serial", "number"),
    [
        (1, "S01-20260601-0001"),
        (7, "S01-20260601-0007"),
        (9999, "S01-20260601-9999"),
        (10000, "S01-20260601-10000"),
        (123456, "S01-20260601-123456"),
    ],
)
def test_a_number_has_at_least_four_digits(serial: int, number: str) -> None:
    assert domain.number("S01", domain.business_day(MONDAY), serial) == number


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (local(2026, 6, 1, 0, 0), "20260601"),
        (local(2026, 6, 1, 23, 59), "20260601"),
        (local(2026, 6, 1, 0, 0) - timedelta(microseconds=1), "20260531"),
        (datetime(2026, 5, 31, 15, 59, 59, tzinfo=UTC), "20260531"),
        (datetime(2026, 5, 31, 16, 0, tzinfo=UTC), "20260601"),  # midnight in Shanghai
        (datetime(2025, 12, 31, 16, 0, tzinfo=UTC), "20260101"),
    ],
)
def test_the_day_of_a_number_changes_at_midnight_in_shanghai(now: datetime, day: str) -> None:
    assert domain.business_day(now) == day
