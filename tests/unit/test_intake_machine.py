"""A whistle's whole life at random: whatever is tried, only legal steps succeed, and no state is a trap.

INVARIANT: no sequence of legal steps reaches an undefined state; every state that is not an end has a way out.
"""

from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any, get_args
from uuid import uuid4, uuid5

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from support.clockface import MONDAY
from support.drafting import DAY, EMERGENCY, LEADER, MATTER, STREET, DraftingDesk
from support.paperwork import WHISTLE
from whistle_intake import commands, domain
from whistle_shared.contracts.intake import SignatureMissed, WhistleBlown, WhistleReopened
from whistle_shared.errors import IllegalTransition

STEPS = ("editing", "submission", "joining", "approval", "rejection", "withdrawal", "reopening")
STAMPS = ("acknowledged_at", "arrived_at", "progressed_at")


class Life(RuleBasedStateMachine):
    """One whistle, beside an open one that it may join; an hour passes with every step."""

    def __init__(self) -> None:
        super().__init__()
        open_one = domain.Whistle(uuid4(), "S01-20260601-0001", "S01", 1, blown_at=MONDAY)
        self.target = open_one.whistle_id
        self.desk = DraftingDesk("review", whistles={self.target: open_one})
        self.desk.drafts()
        self.hours = count(1)
        self.rejected: Any = "draft"

    @property
    def whistle(self) -> domain.Whistle:
        return self.desk.whistle

    @rule(step=st.sampled_from(STEPS), outcome=st.sampled_from(["draft", "self_handled"]))
    def somebody_takes_a_step(self, step: str, outcome: Any) -> None:
        before = self.whistle
        self.rejected = outcome
        again = step == "withdrawal" and before.state == "withdrawn"
        if step not in before.legal and not again:
            with pytest.raises(IllegalTransition):
                self._take(step)
            assert self.whistle == before, "a step that is refused changes nothing"
            return
        self._take(step)
        assert again or (step, before.state, self.whistle.state) in domain.STEPS or step == "approval"

    def _take(self, step: str) -> None:
        at = MONDAY + timedelta(hours=next(self.hours))
        take: dict[str, tuple[Any, ...]] = {
            "editing": (commands.edit_draft, WHISTLE, MATTER, STREET),
            "submission": (commands.submit_draft, WHISTLE, STREET, commands.Reasons()),
            "joining": (commands.join_whistle, WHISTLE, self.target, STREET),
            "approval": (commands.approve_whistle, WHISTLE, LEADER),
            "rejection": (commands.reject_whistle, WHISTLE, LEADER, self.rejected, "x"),
            "withdrawal": (commands.withdraw_whistle, WHISTLE, STREET, "x"),
            "reopening": (commands.reopen_whistle, WHISTLE, STREET, "relapse", "x"),
        }
        self.desk.does(*take[step], at=at)

    @rule()
    def the_draft_becomes_an_emergency(self) -> None:
        if self.whistle.state == "draft":
            self.desk.does(commands.edit_draft, WHISTLE, EMERGENCY, STREET)

    @rule(late=st.booleans())
    def the_timer_comes_by(self, late: bool) -> None:
        self.desk.does(commands.miss_signature, WHISTLE, MONDAY + (30 * DAY if late else timedelta(0)))

    @rule(code=st.sampled_from(["CGJ", "GA"]), stamps=st.integers(0, 3), done=st.booleans(), paused=st.booleans())
    def departments_go_on(self, code: str, stamps: int, done: bool, paused: bool) -> None:
        if self.whistle.stage != "open":
            return
        task = domain.Task(
            uuid5(WHISTLE, f"{code} {self.whistle.round}"),
            code,
            "lead" if code == "CGJ" else "assist",
            round=self.whistle.round,
            called_at=MONDAY,
            attempt=int(done),
            verified_at=MONDAY if done and stamps == 3 else None,
            suspended_at=MONDAY if paused and not done else None,
            **dict.fromkeys(STAMPS[:stamps], MONDAY),  # type: ignore[arg-type]
        )
        self.desk.whistles[WHISTLE] = domain.with_task(self.whistle, task)

    @rule()
    def everything_is_scored(self) -> None:
        if self.whistle.state == "pending_evaluation":
            self.desk.whistles[WHISTLE] = domain.close(self.whistle, MONDAY)
        else:
            with pytest.raises(IllegalTransition):
                domain.close(self.whistle, MONDAY)

    @invariant()
    def the_state_is_one_of_the_words(self) -> None:
        assert self.whistle.state in get_args(domain.State)
        assert (self.whistle.stage == "open") == (self.whistle.state in domain.OPEN)

    @invariant()
    def what_departments_know_of_is_what_was_said(self) -> None:
        blown = sum(isinstance(word, WhistleBlown) for word in self.desk.said)
        reopened = sum(isinstance(word, WhistleReopened) for word in self.desk.said)
        assert blown == int(self.whistle.blown_at is not None), "each whistle is blown once"
        assert self.whistle.round == 1 + reopened
        assert sum(isinstance(word, SignatureMissed) for word in self.desk.said) <= 1


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=150, stateful_step_count=25, deadline=None, database=None)


def test_every_state_but_the_ends_has_a_way_out_and_every_one_can_be_reached() -> None:
    """INVARIANT: every state but the ends has a step or a derived move that leads on."""
    moves: tuple[tuple[str, str, str], ...] = (*domain.STEPS, *domain.DERIVED)
    states = set(get_args(domain.State))
    assert {source for _, source, target in moves if source != target} == states - set(domain.ENDS)
    reached: set[str] = {"draft"}
    edge = set(reached)
    while edge:
        edge = {target for _, source, target in moves if source in edge} - reached
        reached |= edge
    assert reached == states


@pytest.mark.parametrize("state", get_args(domain.State))
def test_a_step_that_is_not_open_is_refused_with_those_that_are(state: domain.State) -> None:
    for step in STEPS:
        if step in domain.legal(state):
            domain.guard(step, state)
        else:
            with pytest.raises(IllegalTransition) as refused:
                domain.guard(step, state)
            assert (refused.value.state, refused.value.legal) == (state, domain.legal(state))


def test_an_ends_whistle_has_no_steps() -> None:
    """INVARIANT: no step leads out of an end."""
    for end in domain.ENDS:
        assert replace(domain.Whistle(WHISTLE, "n", "S01", 1), stage=end).legal == ()  # type: ignore[arg-type]
