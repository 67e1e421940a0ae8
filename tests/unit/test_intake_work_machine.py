"""The work on a whistle at random: departments and street in any legal order, and everything else refused.

INVARIANT: no sequence of legal steps reaches an undefined state; from every state the whistle can be brought to an end.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any, get_args
from uuid import UUID, uuid4

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from support.counter import OFFICE, REGISTRY, Counter
from support.paperwork import WHISTLE
from whistle_intake import commands, domain
from whistle_shared.contracts.department import (
    ProgressLogged,
    ResponderCheckedIn,
    SuspensionRequested,
    TaskAcknowledged,
    TaskResumed,
    TaskSubmitted,
)
from whistle_shared.contracts.escalation import ClockBreached
from whistle_shared.contracts.intake import TaskEvaluated, WhistleClosed, WhistleReopened
from whistle_shared.errors import DomainError

MONDAY = Counter().call.facts.blown_at
WHO = st.sampled_from(["CGJ", "GA"])


class Work(RuleBasedStateMachine):
    """One whistle with two tasks; an hour passes with every step. Departments take only steps that they could take."""

    def __init__(self) -> None:
        super().__init__()
        self.counter = Counter()
        self.hours = count(1)

    @initialize(beginning=st.sampled_from(["called", "present", "resting", "submitted", "accepted", "scored", "again"]))
    def they_are_called(self, beginning: str) -> None:
        """… and have come so far already, so that the later steps are met often enough."""
        self.counter.dispatched()
        if beginning == "called":
            return
        for who in ("CGJ", "GA"):
            self.moves_on(who, 2)
            if beginning == "resting":
                self.asks_for_a_rest(who, 1)
            if beginning in ("submitted", "accepted", "scored", "again"):
                self.moves_on(who, 1)
            if beginning in ("accepted", "scored", "again"):
                self.counter.verifies(who, at=self._now())
            if beginning == "scored":
                self.counter.scores(who, at=self._now())
        if beginning == "again":
            self.calls_back("dissatisfied")

    # -- departments ------------------------------------------------------------------------------------------

    @rule(who=WHO, steps=st.integers(1, 3))
    def moves_on(self, who: str, steps: int) -> None:
        for _ in range(steps):
            state = self._state(who)
            if state == "dispatched":
                self.counter.reports(who, TaskAcknowledged, self._now())
            elif state == "acknowledged":
                self.counter.reports(who, ResponderCheckedIn, self._now(), place="现场", mode="on_site")
            elif state in ("arrived", "working", "rework"):
                self._submit(who)

    @rule(who=WHO)
    def works(self, who: str) -> None:
        if self._state(who) in ("arrived", "working", "rework"):
            self.counter.reports(who, ProgressLogged, self._now(), note="已围挡")

    @rule(who=WHO, number=st.integers(1, 3))
    def asks_for_a_rest(self, who: str, number: int) -> None:
        if self._state(who) in ("arrived", "working", "rework"):
            at = self._now()
            asked = {"cause": "owner_vote", "until": at + timedelta(days=9), "number": number, "decider": "street"}
            self.counter.reports(who, SuspensionRequested, at, request_id=uuid4(), reason="待业主表决", **asked)

    @rule(who=WHO)
    def goes_on(self, who: str) -> None:
        if self._state(who) == "suspended":
            self.counter.reports(who, TaskResumed, self._now())

    # -- the street, which tries anything -----------------------------------------------------------------------

    @rule(who=WHO, passed=st.booleans())
    def verifies(self, who: str, passed: bool) -> None:
        self._street("verification", who, lambda at: self.counter.verifies(who, passed, at))

    @rule(who=WHO, veto=st.booleans())
    def scores(self, who: str, veto: bool) -> None:
        over = self.counter.task(who) not in self.counter.whistle.current and not self.counter.task(who).vetoed
        if veto and over:
            assert not self._tries(lambda at: self.counter.scores(who, veto, at))
        else:
            self._street("score", who, lambda at: self.counter.scores(who, veto, at))

    @rule(who=WHO)
    def urges(self, who: str) -> None:
        task_id = self.counter.task_id(who)
        self._street("urge", who, lambda at: self.counter.does(commands.urge_task, task_id, OFFICE, "请尽快", at=at))

    @rule(who=WHO)
    def resumes(self, who: str) -> None:
        self._street("resumption", who, lambda at: self._resume(who, at))

    @rule(granted=st.booleans(), review=st.booleans(), which=st.integers(0, 1))
    def decides(self, granted: bool, review: bool, which: int) -> None:
        asked = list(self.counter.whistle.requests)[which:]
        if asked:
            decision = commands.Decision(granted, None, None, "情况属实", review)
            self._tries(
                lambda at: self.counter.does(
                    commands.decide_request, asked[0], OFFICE, decision, REGISTRY.regulation, at=at
                )
            )

    @rule(answer=st.sampled_from(["satisfied", "dissatisfied", "unreached", "waived"]))
    def calls_back(self, answer: str) -> None:
        before = self.counter.whistle
        settled = before.round in before.callbacks and before.callbacks[before.round].settled
        done = self._tries(lambda at: self.counter.calls_back(at, **_said(answer)))
        assert done == (before.state == "pending_evaluation" and not settled)

    @rule(who=WHO)
    def time_is_over_for_the_score(self, who: str) -> None:
        task = self.counter.task(who)
        due = self._now()
        breach = {"task_id": task.task_id, "department": None, "clock_id": uuid4(), "clock": "evaluate"}
        late = {"side": "street", "due_at": due, "fired_at": due, "late_by_seconds": 0, "whistle_id": WHISTLE}
        self.counter.hears(ClockBreached.model_validate(breach | late), due)
        assert (self.counter.task(who).state == "evaluated") == (task.state in ("accepted", "evaluated"))

    # -- the district -------------------------------------------------------------------------------------------

    @precondition(lambda self: self.counter.count(WhistleReopened) >= self.counter.call.round)
    @rule()
    def they_are_called_again(self) -> None:
        self._call_again()

    # -- what always holds --------------------------------------------------------------------------------------

    @invariant()
    def every_state_is_a_word(self) -> None:
        whistle = self.counter.whistle
        assert whistle.state in domain.OPEN or whistle.state == "closed"
        assert all(task.state in get_args(domain.TaskState) for task in whistle.tasks.values())

    @invariant()
    def rounds_close_once_and_revisions_have_no_gap(self) -> None:
        assert self.counter.count(WhistleClosed) == int(self.counter.whistle.state == "closed")
        revisions: dict[UUID, list[int]] = {}
        for word in self.counter.said:
            if isinstance(word.data, TaskEvaluated):
                revisions.setdefault(word.data.task_id, []).append(word.data.revision)
        assert all(told == list(range(1, len(told) + 1)) for told in revisions.values())

    def teardown(self) -> None:
        """From wherever it stands, the whistle comes to its end."""
        if self.counter.whistle.tasks and self.counter.whistle.state != "closed":
            self._finish()
            assert self.counter.state == "closed"

    def _finish(self) -> None:
        if self.counter.call.round < self.counter.whistle.round:
            self._call_again()
        for who in ("CGJ", "GA"):
            if self._state(who) == "suspended":
                self.counter.reports(who, TaskResumed, self._now())
            if self._state(who) not in ("submitted", "accepted", "evaluated"):
                self._submit(who)
            if self._state(who) == "submitted":
                self.counter.verifies(who, at=self._now())
        callback = self.counter.whistle.callbacks.get(self.counter.whistle.round)
        if callback is None or not callback.settled:
            self.counter.calls_back(self._now())
        for who in ("CGJ", "GA"):
            if self._state(who) == "accepted":
                self.counter.scores(who, at=self._now())

    # -- how ----------------------------------------------------------------------------------------------------

    def _state(self, who: str) -> str:
        """Of the department's task, as long as anybody works on the whistle."""
        open_ = self.counter.state in domain.OPEN and self.counter.call.round == self.counter.whistle.round
        return self.counter.task(who).state if open_ else "over"

    def _now(self) -> datetime:
        return MONDAY + timedelta(hours=next(self.hours))

    def _submit(self, who: str) -> None:
        attempt = self.counter.task(who).attempt + 1
        self.counter.reports(who, TaskSubmitted, self._now(), result="好了", attempt=attempt)

    def _resume(self, who: str, at: datetime) -> None:
        self.counter.does(commands.resume_task, self.counter.task_id(who), OFFICE, "已批复", at=at)

    def _street(self, step: str, who: str, take: Callable[[datetime], Any]) -> None:
        open_ = self.counter.state in domain.OPEN
        legal = step in domain.STREET_STEPS[self.counter.task(who).state]
        assert self._tries(take) == (open_ and legal)

    def _tries(self, take: Callable[[datetime], Any]) -> bool:
        """Whether the step was taken; one that is refused leaves nothing behind."""
        before, said = self.counter.whistle, len(self.counter.said)
        try:
            take(self._now())
        except DomainError:
            assert (self.counter.whistle, len(self.counter.said)) == (before, said)
            return False
        return True

    def _call_again(self) -> None:
        again = tuple(task.model_copy(update={"task_id": uuid4()}) for task in self.counter.call.tasks)
        self.counter.call = self.counter.call.model_copy(update={"round": self.counter.whistle.round, "tasks": again})
        self.counter.hears(self.counter.call, self._now())


def _said(answer: str) -> dict[str, Any]:
    if answer in ("satisfied", "dissatisfied"):
        return {"satisfaction": answer}
    unreached = {"contacted": False, "solved": None, "satisfaction": None}
    return unreached | ({"waived": True, "note": "匿名反映"} if answer == "waived" else {})


TestWork = Work.TestCase
TestWork.settings = settings(max_examples=250, stateful_step_count=30, deadline=None, database=None)
