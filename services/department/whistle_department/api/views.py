"""What the API shows, and how it comes from what is known."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from whistle_department import domain, queries
from whistle_shared import photos
from whistle_shared.contracts.department import PlanStep
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.contracts.vocabulary import (
    ClockName,
    ClockStatus,
    EscalationStatus,
    Kind,
    Milestone,
    Presence,
    RungForm,
    TaskRole,
    Urgency,
)
from whistle_shared.photos import PhotoLink

_BRIEF = ("number", "kind", "urgency", "street", "title", "place")

At = Annotated[datetime, Field(examples=["2026-11-23T01:12:30.000000Z"])]
Department = Annotated[str, Field(examples=["CGJ"])]
Rung = Annotated[int, Field(description="Step of the ladder", examples=[1])]
LadderRole = Annotated[str, Field(description="Whom the rung calls", examples=["deputy_head"])]


class RequestView(BaseModel):
    """What the department asked for, and the answer."""

    request_id: UUID
    kind: domain.RequestKind
    number: int = Field(description="Counts the requests of this kind (of an extension: for this clock)")
    state: Literal["pending", "granted", "refused"]
    asked_at: At | None
    detail: dict[str, Any] = Field(description="What was asked for")
    disputed_at: At | None = Field(description="Of a return: since when the duty is disputed")
    decided_at: At | None
    decided_by: str | None = None
    reason: str | None = Field(None, description="The decision's")
    answer: dict[str, Any] | None = Field(None, description="What was decided, at the latest review")
    resumed_at: At | None = Field(description="Of a suspension: when it ended")


class EvaluationView(BaseModel):
    """The street's score with its basis; the highest revision counts."""

    revision: int
    at: At
    score: dict[str, Any] = Field(examples=[{"parts": {"arrival": 20}, "total": 92, "veto": False}])
    basis: str
    by_default: bool
    by: str | None
    appeal_until: At | None = Field(description="Until when the first revision may be appealed against")


class ReworkView(BaseModel):
    """The street found the work of a submission not done."""

    attempt: int
    at: At
    reasons: str
    by: str | None


class TaskView(BaseModel):
    """One department's duty under a whistle, and how far it has come."""

    task_id: UUID
    whistle_id: UUID
    round: int = Field(examples=[1])
    department: Department
    role: TaskRole
    presence: Presence
    origin: str = Field(examples=["routed"])
    action_item: str = Field(description="Of a meeting, else empty")
    people: list[str] = Field(description="The duty persons named for it; none: the duty desk", examples=[["王建国"]])
    state: domain.State
    legal_steps: list[domain.Step] = Field(description="The steps that are open now")
    person: str | None = Field(description="Who acknowledged", examples=["王建国"])
    dispatched_at: At
    return_until: At | None = Field(description="Until when it may be returned; null: not at all")
    acknowledged_at: At | None
    arrived_at: At | None
    departed_at: At | None = Field(description="Since when nobody is there any more")
    progressed_at: At | None = Field(description="The latest note")
    milestones: dict[Milestone, At]
    submitted_at: At | None = Field(description="The latest submission")
    attempt: int = Field(description="How often it was submitted")
    requests: list[RequestView]
    rework: ReworkView | None = Field(description="The latest order to do it again")
    evaluation: EvaluationView | None
    excluded: str | None = Field(description="Why it does not count in assessment")
    reassigned_at: At | None
    closed_at: At | None
    cancelled_at: At | None
    cancel_reason: str | None = Field(examples=["居民已自行解决"])
    due_at: At | None = Field(description="What runs out first, overdue or not")


class BannerView(BaseModel):
    """The most serious thing about the task's time."""

    level: Literal["warned", "breached", "escalated"]
    clock: ClockName
    due_at: At | None
    percent: int | None = Field(description="Of a warning: how much of the limit has passed", examples=[80])
    rung: Rung | None = Field(description="Of an escalation: the highest open rung")
    role: LadderRole | None = Field(description="Of an escalation: whom the rung calls")
    acknowledged: bool = Field(description="Of an escalation: the one it calls has seen it")


class TaskItem(TaskView):
    """A task in a list, with what its whistle is about in brief."""

    number: str = Field(examples=["S01-20261123-0007"])
    kind: Kind
    urgency: Urgency
    street: str = Field(examples=["S01"])
    title: str = Field(examples=["井盖缺失"])
    place: str = Field(examples=["东门路 12 号门前"])
    banner: BannerView | None


class TaskPage(BaseModel):
    items: list[TaskItem]
    next_cursor: str | None = Field(examples=["5f0c7a526d0b5c1e9f550d9c2b7a1e11"])


class ClockView(BaseModel):
    """One time limit of the task as last heard."""

    name: ClockName
    limit: str = Field(description="As in the policy; empty when it is not known here", examples=["30m@natural"])
    status: ClockStatus | None = Field(description="null: has not started")
    due_at: At | None
    provisional: bool = Field(description="The due time rests on a year without an official calendar")
    warned_percent: int = Field(description="The highest warning given for this due time, or 0", examples=[80])
    breached_at: At | None
    extendable: bool
    pausable: bool


class EscalationView(BaseModel):
    """One rung that was climbed. Fields are null where their event has not arrived yet."""

    escalation_id: UUID
    clock: ClockName
    rung: Rung
    role: LadderRole | None
    form: RungForm | None
    status: EscalationStatus
    raised_at: At | None
    repeats: int = Field(description="How often it was said again")
    acknowledged_at: At | None
    acknowledged_by: str | None = Field(examples=["CGJ 值班手机"])
    ended_at: At | None
    reason: str | None = Field(examples=["the clock was met late"])


class StepView(BaseModel):
    """One line of the task's history, in business time: a step taken here, or what others said."""

    step: domain.EntryStep
    at: At
    by: str | None = Field(description="Name of the token that was used", examples=["CGJ 值班手机"])
    person: str | None = Field(description="The duty person, of a step taken here", examples=["王建国"])
    detail: dict[str, Any] = Field(
        description="What else was said: place, mode, photo, note, result, evidence…",
        examples=[{"place": "东门路 12 号门前", "mode": "on_site"}],
    )
    photos: list[PhotoLink] = Field(description="Of a check-in or a submission")


class BreachView(BaseModel):
    """An assistant's clock has passed its limit."""

    task_id: UUID
    department: Department
    clock: ClockName
    due_at: At | None
    breached_at: At


class LetterView(BaseModel):
    """A formal letter (函告), a supervision order (督办单), a public notice (通报) or a summons (约谈)."""

    letter_id: UUID
    whistle_id: UUID
    task_id: UUID
    department: Department
    number: str = Field(examples=["督〔2026〕7号"])
    form: RungForm
    text: str
    by: str
    issued_at: At
    reply_due_at: At
    replied_at: At | None
    person: str | None
    reply: str | None


class MeetingView(BaseModel):
    """A joint meeting that the department is called to. Attended: somebody reported in there."""

    meeting_id: UUID
    whistle_id: UUID
    department: Department
    starts_at: At
    place: str
    agenda: str
    by: str
    convened_at: At
    attended_at: At | None
    person: str | None


class TaskDetail(TaskView):
    """A task with everything the department knows of it."""

    facts: WhistleFacts
    plan: list[PlanStep]
    banner: BannerView | None
    clocks: list[ClockView]
    escalations: list[EscalationView]
    assistants: list[BreachView] = Field(description="Of the lead: the others' clocks that have passed their limits")
    letters: list[LetterView]
    history: list[StepView]
    photos: list[PhotoLink] = Field(description="Of the whistle")


def shown(thing: Any, model: type[BaseModel]) -> dict[str, Any]:
    """Those fields of a view that the thing itself has."""
    return {name: getattr(thing, name) for name in model.model_fields if hasattr(thing, name)}


def task_view(task: domain.Task, due_at: datetime | None, now: datetime) -> TaskView:
    """A task as every answer shows it, at `now`."""
    told = shown(task, TaskView) | {
        "legal_steps": list(domain.legal_steps(task, now)),
        "due_at": due_at,
        "requests": [_request(request) for request in task.requests.values()],
        "rework": task.rework and shown(task.rework, ReworkView),
        "evaluation": task.evaluation and _evaluation(task, task.evaluation),
    }
    return TaskView.model_validate(told)


def _request(request: domain.Request) -> dict[str, Any]:
    made, latest = request.decision, request.latest
    return shown(request, RequestView) | {
        "decided_at": made and made.at,
        "decided_by": made and made.by,
        "reason": made and made.reason,
        "answer": latest and latest.detail,
    }


def _evaluation(task: domain.Task, evaluation: domain.Evaluation) -> dict[str, Any]:
    first = task.evaluations.get(1)
    return shown(evaluation, EvaluationView) | {"appeal_until": first and first.appeal_until}


def task_item(found: queries.Found, now: datetime) -> TaskItem:
    """A task in a list."""
    brief = {name: found.facts[name] for name in _BRIEF}
    return TaskItem(**task_view(found.task, found.due_at, now).model_dump(), **brief, banner=_banner(found))


def task_detail(
    whole: queries.Whole,
    now: datetime,
    of_whistle: Sequence[PhotoLink],
    links: Callable[[list[UUID]], list[PhotoLink]],
) -> TaskDetail:
    """A task with everything known of it. `of_whistle`: its whistle's photos; `links` shows the department's own."""
    found = whole.found
    return TaskDetail(
        **task_view(found.task, found.due_at, now).model_dump(),
        facts=WhistleFacts.model_validate(found.facts),
        plan=list(found.task.plan),
        banner=_banner(found),
        clocks=_clocks(found),
        escalations=[EscalationView(**shown(one, EscalationView)) for one in found.escalations],
        assistants=[BreachView(**shown(one, BreachView)) for one in found.assistants],
        letters=[LetterView(**shown(one, LetterView)) for one in whole.letters],
        history=[_step(line, links) for line in whole.history],
        photos=list(of_whistle),
    )


def _step(line: Any, links: Callable[[list[UUID]], list[PhotoLink]]) -> StepView:
    named = [line.detail.get("photo"), *line.detail.get("evidence", ())]
    return StepView(**shown(line, StepView), photos=links(photos.ids_in(named)))


def _clocks(found: queries.Found) -> list[ClockView]:
    terms = {term.name: term for term in found.task.terms}
    views = []
    for clock in found.clocks:
        term = terms.get(clock.name) or domain.Term(clock.name, "")
        views.append(ClockView(**shown(term, ClockView) | shown(clock, ClockView)))
    return views


def _banner(found: queries.Found) -> BannerView | None:
    return None if found.banner is None else BannerView(**shown(found.banner, BannerView))
