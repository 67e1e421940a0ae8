"""A whistle's log: what was done to its tasks or said about them, by whomever; and what that makes of a task. Pure.

INVARIANT: a task is what its log says, in whatever order it was heard: stamps keep the earliest, versions the highest,
and of several decisions about one request the first one made counts.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from typing import Any, Literal, get_args
from uuid import UUID

from whistle_department.domain.task import Decision, Evaluation, Request, RequestKind, Rework, Step, Task
from whistle_shared.contracts.department import PlanStep

Heard = Literal[
    "cancellation",
    "closing",
    "decision",
    "dispute",
    "evaluation",
    "exclusion",
    "handover",
    "reminder",
    "rework",
    "skipped_rung",
    "verification",
]
EntryStep = Literal[Step, Heard]
STEPS: tuple[EntryStep, ...] = (*get_args(Step), *get_args(Heard))


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log: a step of ours or a word of somebody else's, in business time (UTC).

    `version`: the speaker's count of what it said about the whistle, 0 for ourselves. `task_id` None: about every task
    of a round. `detail`: what else was said, as in the event.
    """

    event_id: UUID
    step: EntryStep
    at: datetime
    task_id: UUID | None
    version: int = 0
    by: str | None = None
    person: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


def told(task: Task, entries: Iterable[Entry]) -> Task:
    """The task after all of these."""
    return reduce(apply, entries, task)


def apply(task: Task, entry: Entry) -> Task:
    """The task after one more line of its whistle's log; lines about other tasks change nothing."""
    if entry.step in _OF_THE_WHISTLE:
        return _OF_THE_WHISTLE[entry.step](task, entry)
    return _OF_THE_TASK[entry.step](task, entry) if entry.task_id == task.task_id else task


def concerns(task: Task, entry: Entry) -> bool:
    """Whether a line belongs to the task's history."""
    if entry.task_id is not None:
        return entry.task_id == task.task_id
    if entry.step == "closing":
        return task.closed_at == entry.at
    return bool(entry.detail["round"] == task.round) and task.department in entry.detail["departments"]


def _earliest(known: datetime | None, at: datetime) -> datetime:
    return at if known is None else min(known, at)


def _latest(known: datetime | None, at: datetime) -> datetime:
    return at if known is None else max(known, at)


# -- the department's own steps ----------------------------------------------------------------------------------


def _acknowledgement(task: Task, entry: Entry) -> Task:
    if task.acknowledged_at is not None:
        return task
    return replace(task, acknowledged_at=entry.at, acknowledged_by=entry.by, person=entry.person)


def _arrival(task: Task, entry: Entry) -> Task:
    """EVENTS.md: a check-in at a meeting counts as the arrival only where a meeting is the presence asked for."""
    if not entry.detail.get("arrival", True):
        return task
    return replace(task, arrived_at=_earliest(task.arrived_at, entry.at), departed_at=None)


def _departure(task: Task, entry: Entry) -> Task:
    return replace(task, departed_at=entry.at)


def _progress(task: Task, entry: Entry) -> Task:
    return replace(task, progressed_at=_latest(task.progressed_at, entry.at))


def _milestones(task: Task, entry: Entry) -> Task:
    name = entry.detail["milestone"]
    if name in task.milestones:
        return task
    plan = tuple(PlanStep.model_validate(step) for step in entry.detail["plan"]) if name == "plan" else task.plan
    return replace(task, milestones={**task.milestones, name: entry.at}, plan=plan)


def _submission(task: Task, entry: Entry) -> Task:
    return replace(
        task,
        submitted_at=_latest(task.submitted_at, entry.at),
        attempt=max(task.attempt, entry.detail["attempt"]),
    )


def _asked(kind: RequestKind) -> Callable[[Task, Entry], Task]:
    def asked(task: Task, entry: Entry) -> Task:
        known = _request(task, entry, kind)
        number = entry.detail.get("number", 1)
        return _with(task, replace(known, number=number, asked_at=entry.at, detail=entry.detail))

    return asked


def _resumption(task: Task, entry: Entry) -> Task:
    """Whoever resumes ends the suspension that was asked for by then, also when its decision is heard of later."""
    ended = {
        request.request_id: replace(request, resumptions=(*request.resumptions, entry.at))
        for request in task.requests.values()
        if request.kind == "suspension" and (request.asked_at is None or request.asked_at <= entry.at)
    }
    return replace(task, requests={**task.requests, **ended})


# -- what others say ---------------------------------------------------------------------------------------------


def _verification(task: Task, entry: Entry) -> Task:
    attempt = entry.detail["attempt"]
    version = min(entry.version, task.verified.get(attempt, entry.version))
    return replace(task, verified={**task.verified, attempt: version})


def _rework(task: Task, entry: Entry) -> Task:
    attempt = entry.detail["attempt"]
    ordered = Rework(attempt, entry.at, entry.detail["reasons"], entry.by)
    first = min(ordered, task.reworks.get(attempt, ordered), key=lambda order: order.at)
    return replace(task, reworks={**task.reworks, attempt: first})


def _evaluation(task: Task, entry: Entry) -> Task:
    said = entry.detail
    until = said.get("appeal_until")
    revision = Evaluation(
        revision=said["revision"],
        at=entry.at,
        version=entry.version,
        score=said["score"],
        basis=said["basis"],
        by_default=said["by_default"],
        by=entry.by,
        appeal_until=datetime.fromisoformat(until) if until else None,
    )
    first = min(revision, task.evaluations.get(revision.revision, revision), key=lambda said: said.version)
    return replace(task, evaluations={**task.evaluations, revision.revision: first})


def _exclusion(task: Task, entry: Entry) -> Task:
    said = (entry.version, entry.detail["excluded"], entry.detail["reason"])
    return replace(task, exclusion=max(task.exclusion or said, said))


def _dispute(task: Task, entry: Entry) -> Task:
    known = _request(task, entry, "return")
    return _with(task, replace(known, disputed_at=_earliest(known.disputed_at, entry.at)))


def _decision(task: Task, entry: Entry) -> Task:
    """A decided return may end other tasks than the one that asked, and name the round's lead."""
    said = entry.detail
    if str(task.task_id) in said.get("ended", ()):
        task = replace(task, reassigned_at=_earliest(task.reassigned_at, entry.at))
    if said.get("lead") and said["round"] == task.round:
        task = _led(task, entry.version, said["lead"] == str(task.task_id))
    return _decided(task, entry) if entry.task_id == task.task_id else task


def _decided(task: Task, entry: Entry) -> Task:
    said = entry.detail
    request = _request(task, entry, said["kind"])
    made = Decision(entry.at, entry.event_id, said["granted"], said["reason"], entry.by, said.get("cycle", 0), said)
    return _with(task, replace(request, decisions=(*request.decisions, made)))


def _handover(task: Task, entry: Entry) -> Task:
    if str(task.task_id) == entry.detail["previous_task_id"]:
        return _led(task, entry.version, False)
    return _led(task, entry.version, True) if entry.task_id == task.task_id else task


def _led(task: Task, version: int, leads: bool) -> Task:
    said = (version, leads)
    return replace(task, leading=max(task.leading or said, said))


def _cancellation(task: Task, entry: Entry) -> Task:
    """The whistle was withdrawn: the task ends, whatever its state (EVENTS.md: the withdrawal wins)."""
    concerned = entry.detail["round"] == task.round and task.department in entry.detail["departments"]
    if not concerned or (task.cancelled_at is not None and task.cancelled_at <= entry.at):
        return task
    return replace(task, cancelled_at=entry.at, cancel_reason=entry.detail["reason"])


def _closing(task: Task, entry: Entry) -> Task:
    if task.round > entry.detail["round"]:
        return task
    return replace(task, closed_at=_earliest(task.closed_at, entry.at))


def _noted(task: Task, entry: Entry) -> Task:
    """Shown, and nothing else."""
    return task


def _request(task: Task, entry: Entry, kind: RequestKind) -> Request:
    request_id = UUID(entry.detail["request_id"])
    return task.requests.get(request_id) or Request(request_id, kind)


def _with(task: Task, request: Request) -> Task:
    return replace(task, requests={**task.requests, request.request_id: request})


_Change = Callable[[Task, Entry], Task]
_OF_THE_WHISTLE: Mapping[EntryStep, _Change] = {
    "cancellation": _cancellation,
    "closing": _closing,
    "decision": _decision,
    "handover": _handover,
}
_OF_THE_TASK: Mapping[EntryStep, _Change] = {
    "acknowledgement": _acknowledgement,
    "arrival": _arrival,
    "departure": _departure,
    "progress": _progress,
    "milestones": _milestones,
    "submission": _submission,
    "return": _asked("return"),
    "extension": _asked("extension"),
    "suspension": _asked("suspension"),
    "appeal": _asked("appeal"),
    "resumption": _resumption,
    "verification": _verification,
    "rework": _rework,
    "evaluation": _evaluation,
    "exclusion": _exclusion,
    "dispute": _dispute,
    "reminder": _noted,
    "skipped_rung": _noted,
}
