"""A task's whole life: any legal commands, any facts of others, heard in any order.

INVARIANT: no sequence of steps reaches an undefined state, and first stamps are kept.
INVARIANT: every state that is no end has an open step, or waits for a decision that leads out.
INVARIANT: a task is what its log says, in whatever order it was heard.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, get_args
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from support import paperwork
from support.worksite import DAY, Worksite, called, urgent
from whistle_department import commands, domain
from whistle_shared.contracts import Event, EventData, dispatch, intake
from whistle_shared.contracts.department import PlanStep
from whistle_shared.contracts.dispatch import (
    DisputeDecided,
    DisputeOpened,
    LeadChanged,
    ReturnDecided,
    ScoreAppealDecided,
    TaskExcluded,
    WhistleCancelled,
)
from whistle_shared.contracts.intake import TaskEvaluated, TaskReworkOrdered, TaskVerified, WhistleClosed
from whistle_shared.contracts.vocabulary import Presence
from whistle_shared.errors import IllegalTransition, Invalid

STATES: tuple[domain.State, ...] = get_args(domain.State)
STEPS: tuple[domain.Step, ...] = get_args(domain.Step)
HEARD: tuple[domain.Heard, ...] = get_args(domain.Heard)
SPEC = called().terms.popitem()[1][0]


def take(site: Worksite, step: domain.Step) -> domain.Task:
    """Carry out a step with contents that are all right in themselves."""
    milestones = domain.open_milestones(site.task()) or ("contain",)
    plan = [PlanStep(name="一", due_at=site.now + DAY)] if milestones[0] == "plan" else []
    due_at = next((c.due_at for c in domain.clocks_of(site.task(), {}) if c.name == "resolve"), None) or site.now
    acts: Mapping[domain.Step, tuple[Callable[..., domain.Task], dict[str, Any]]] = {
        "acknowledgement": (commands.acknowledge_task, {}),
        "arrival": (commands.arrive, {"place": "路口", "mode": "on_site", "photo": None}),
        "departure": (commands.depart, {"note": ""}),
        "progress": (commands.log_progress, {"note": "进行中"}),
        "milestones": (commands.reach, {"milestone": milestones[0], "note": "", "plan": plan}),
        "submission": (commands.submit, {"result": "完成", "evidence": ()}),
        "return": (
            commands.request_return,
            {"duty": None, "basis": "条例", "proper_department": "GA", "reason": "非本职"},
        ),
        "extension": (commands.ask_for_time, {"clock": "resolve", "due_at": due_at + DAY / 24, "reason": "备件"}),
        "suspension": (commands.ask_to_suspend, {"cause": "lawsuit", "until": site.now + DAY, "reason": "诉讼"}),
        "resumption": (commands.resume, {"reason": ""}),
        "appeal": (commands.appeal, {"reason": "有异议"}),
    }
    act, said = acts[step]
    return site.does(act, **said)


def words(site: Worksite) -> dict[str, EventData]:
    """Everything that others might say now, by what it is."""
    task = site.task()
    about: dict[str, Any] = {**site.about(), "reason": "有据", "by": "值班长"}
    attempt = {"attempt": max(task.attempt, 1)}
    round_ = {"round": 1, "whistle_id": about["whistle_id"]}
    possible: dict[str, EventData] = {
        "verified": TaskVerified.model_validate(about | attempt),
        "rework": TaskReworkOrdered.model_validate(
            about | attempt | {"submitted_at": site.now, "verify_due_at": None, "reasons": "未止"}
        ),
        "evaluated": TaskEvaluated.model_validate(
            about | {"revision": len(task.evaluations) + 1, "score": {"parts": {}, "total": 80}, "basis": "核查"}
        ),
        "excluded": TaskExcluded.model_validate(about | {"excluded": task.excluded is None}),
        "handed over": LeadChanged.model_validate(about | {"previous_task_id": uuid4(), "previous_department": "GA"}),
        "resumed by the street": intake.TaskResumed.model_validate(about),
        "resumed by the district": dispatch.TaskResumed.model_validate(about),
        "closed": WhistleClosed.model_validate(round_ | {"callback": "done"}),
        "cancelled": WhistleCancelled.model_validate(round_ | {"departments": ("CGJ",), "reason": "撤哨"}),
    }
    for request in task.requests.values():
        asked = about | {"request_id": request.request_id}
        for granted in (True, False):
            possible |= {f"{request.kind} {granted}": _answer(site, request, asked | {"granted": granted}, granted)}
        if request.kind == "return":
            more = {"dispute_id": uuid4(), "cause": "undecided", "clock": SPEC}
            versions = {"registry_version": 1, "calendar_version": 1}
            possible |= {"dispute": DisputeOpened.model_validate(asked | more | versions)}
    return possible


def _answer(site: Worksite, request: domain.Request, said: dict[str, Any], granted: bool) -> EventData:
    if request.kind == "return":
        return _returned(site, said | {"upheld": granted}, request.disputed_at is not None)
    if request.kind == "extension":
        return intake.ExtensionDecided.model_validate(said | {"clock": "resolve"})
    if request.kind == "suspension":
        return dispatch.SuspensionDecided.model_validate(said | {"cycle": len(request.decisions) + 1})
    return ScoreAppealDecided.model_validate(said | {"revision": 1})


def _returned(site: Worksite, said: dict[str, Any], disputed: bool) -> EventData:
    task = site.task()
    ended = ({"task_id": task.task_id, "department": task.department},) if said["upheld"] else ()
    called_off = {
        "round": 1,
        "facts": urgent(),
        "whistle_due_at": None,
        "tasks": (),
        "terms": {},
        "registry_version": 1,
        "calendar_version": 1,
        "ended": ended,
        "lead": None if ended else task.task_id,
    }
    model = DisputeDecided if disputed else ReturnDecided
    return model.model_validate(said | called_off | ({"dispute_id": uuid4()} if disputed else {}))


def essence(task: domain.Task) -> tuple[Any, ...]:
    """What anybody can see of a task."""
    requests = {key: (r.state, r.resumed_at, r.latest and r.latest.event_id) for key, r in task.requests.items()}
    ends = (task.cancelled_at, task.closed_at, task.reassigned_at)
    return (task.state, task.role, task.excluded, requests, task.evaluation, task.rework, *ends)


class TaskLife(RuleBasedStateMachine):
    """One department under one whistle. What others say lies in the mail until it is delivered, in any order."""

    @initialize(presence=st.sampled_from(get_args(Presence)), kind=st.sampled_from(("appeal", "emergency")))
    def called(self, presence: Presence, kind: Any) -> None:
        self.site = Worksite()
        self.site.hears(called(facts=paperwork.facts(kind, "urgent"), presence=presence))
        self.fresh = self.site.task()
        self.mail: list[Event[Any]] = []
        self.said = 0
        self.stamps: dict[str, datetime] = {}

    @rule(step=st.sampled_from(STEPS), minutes=st.integers(1, 90))
    def step(self, step: domain.Step, minutes: int) -> None:
        self.site.passes(minutes=minutes)
        before, legal, said = self.site.task(), self.site.legal(), len(self.site.said)
        natural = step in ("acknowledgement", "arrival") and domain.repeated(before, step, self.site.now)
        if step in legal or natural:
            taken = self._takes(step)
            assert (self.site.task() == before) == (natural or not taken)
            assert len(self.site.said) == said + (taken and not natural)
            return
        with pytest.raises(IllegalTransition) as refused:
            take(self.site, step)
        assert (refused.value.state, refused.value.legal) == (before.state, legal)
        assert self.site.task() is before

    def _takes(self, step: domain.Step) -> bool:
        """Only an extension may be refused for what it asks: its clock is over, or it was asked for before."""
        try:
            take(self.site, step)
        except (Invalid, IllegalTransition):
            if step != "extension":
                raise
            return False
        return True

    @rule(data=st.data(), minutes=st.integers(1, 90))
    def somebody_says(self, data: st.DataObject, minutes: int) -> None:
        self.site.passes(minutes=minutes)
        possible = words(self.site)
        word = possible[data.draw(st.sampled_from(sorted(possible)))]
        self.said += 1
        self.mail.append(replace(paperwork.event(word, self.site.now), subject_version=self.said))

    @precondition(lambda self: self.mail)
    @rule(data=st.data())
    def it_is_heard(self, data: st.DataObject) -> None:
        event = self.mail.pop(data.draw(st.integers(0, len(self.mail) - 1)))
        receipt = self.site.takes_in(event)
        owed = isinstance(event.data, ReturnDecided | WhistleCancelled)
        assert [word.key for word in receipt] == (["department.tasks_received.v1"] if owed else [])

    @invariant()
    def the_state_is_defined_and_leads_on(self) -> None:
        task = self.site.task()
        legal = self.site.legal()
        assert task.state in STATES
        assert set(legal) <= set(STEPS)
        if task.state in domain.ENDED:
            assert set(legal) <= ({"appeal"} if task.state == "closed" else set())
        else:
            assert legal or task.state in domain.AWAITED

    @invariant()
    def nothing_is_skipped_that_must_be_done(self) -> None:
        task = self.site.task()
        if task.state in ("arrived", "working", "submitted", "accepted", "evaluated", "rework", "suspended"):
            assert task.acknowledged_at
        if task.submitted_at and task.presence != "none":
            assert task.arrived_at

    @invariant()
    def first_stamps_are_kept(self) -> None:
        for name in ("acknowledged_at", "arrived_at"):
            stamp = getattr(self.site.task(), name)
            if name in self.stamps or stamp is not None:
                assert self.stamps.setdefault(name, stamp) == stamp

    @invariant()
    def what_is_due_follows_from_the_state(self) -> None:
        task = self.site.task()
        if task.state in ("accepted", "evaluated", *domain.ENDED):
            assert domain.next_due(task, {}) is None

    @rule(data=st.data())
    def the_order_of_hearing_does_not_matter(self, data: st.DataObject) -> None:
        log = self.site.case.told.log
        own = [entry for entry in log if entry.version == 0]
        heard = data.draw(st.permutations([entry for entry in log if entry.version]))
        assert essence(domain.told(self.fresh, [*own, *heard])) == essence(self.site.task())
        assert domain.told(self.fresh, log) == self.site.task()


TaskLife.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestTaskLife = TaskLife.TestCase

# What others may say in order, and what the diagram calls it; by the state it is said in ("": in every open one).
ANSWERS: Mapping[str, Mapping[str, str]] = {
    "return_requested": {
        "dispute": "dispute opened",
        "return False": "return refused",
        "return True": "return upheld",
    },
    "disputed": {"return False": "return refused", "return True": "return upheld"},
    "submitted": {"verified": "verified", "rework": "rework ordered"},
    "accepted": {"evaluated": "scored", "rework": "rework ordered"},
    "evaluated": {"closed": "whistle closed"},
    "suspended": {"resumed by the street": "resumption", "resumed by the district": "resumption"},
    "": {"cancelled": "whistle withdrawn", "suspension True": "suspension granted"},
}
Road = tuple[str, ...]


def walked(presence: Presence, road: Road) -> Worksite:
    """A task to which this happened, a minute each."""
    site = Worksite()
    site.hears(called(presence=presence))
    for what in road:
        site.passes(minutes=1)
        if what in STEPS:
            take(site, what)
        else:
            site.hears(words(site)[what])
    return site


def ways(site: Worksite) -> dict[str, str]:
    """What may happen next, and what the diagram calls it."""
    state = site.task().state
    if state in domain.ENDED:
        return {}
    own = {step: step for step in site.legal() if step not in ("extension", "appeal", "milestones", "departure")}
    possible = words(site)
    waiting = not site.task().pending("suspension")
    said = {**ANSWERS.get(state, {}), **ANSWERS[""]}
    return own | {w: name for w, name in said.items() if w in possible and not (w == "suspension True" and waiting)}


def marks(task: domain.Task) -> tuple[Any, ...]:
    """What of a task decides where it can go."""
    stamps = (task.acknowledged_at, task.arrived_at, task.progressed_at, task.attempt > 0)
    asked = (bool(task.asked("return")), len(task.pending("suspension")), len(task.asked("suspension")) > 1)
    return (task.state, *map(bool, stamps), *asked)


def test_the_diagram_shows_every_move_and_no_other() -> None:
    found: set[domain.Move] = set()
    for presence in ("on_site", "none"):
        seen: set[tuple[Any, ...]] = set()
        roads: list[Road] = [()]
        while roads:
            road = roads.pop()
            site = walked(presence, road)
            before = site.task()
            if marks(before) in seen:
                continue
            seen.add(marks(before))
            for what, name in ways(site).items():
                state = walked(presence, (*road, what)).task().state
                if state != before.state:
                    found.add((name, before.state, state))
                if len(road) < 9:
                    roads.append((*road, what))
    assert found == set(domain.MOVES)


def test_every_state_but_the_ends_has_a_way_out_in_the_diagram() -> None:
    left = {state for _, state, _ in domain.MOVES}
    reached = {state for _, _, state in domain.MOVES} | {"dispatched"}
    assert reached == set(STATES)
    assert set(STATES) - left == set(domain.ENDED)
    for awaited in domain.AWAITED:
        decided = {to for name, state, to in domain.MOVES if state == awaited and name != "whistle withdrawn"}
        assert decided, awaited


def test_every_line_of_the_log_means_something() -> None:
    assert set(domain.STEPS) == {*STEPS, *HEARD}
    for step in domain.STEPS:
        assert step in {*domain.log._OF_THE_TASK, *domain.log._OF_THE_WHISTLE}


def test_time_stands_still_between_a_grant_and_a_resumption() -> None:
    """Asked for, granted, resumed and asked for again, all in one instant."""
    site = Worksite()
    site.hears(called())
    take(site, "acknowledgement")
    for _ in range(2):
        take(site, "suspension")
        site.hears(_newest_grant(site))
        assert site.task().state == "suspended"
        take(site, "resumption")
        assert site.task().state == "acknowledged"
    assert timedelta(0) == site.now - urgent().blown_at


def _newest_grant(site: Worksite) -> EventData:
    newest = site.task().asked("suspension")[-1]
    said = {**site.about(), "reason": "同意", "by": "值班长", "request_id": newest.request_id, "granted": True}
    return _answer(site, newest, said, True)
