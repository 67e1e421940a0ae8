"""department over HTTP: the tasks of the departments served here, and the four steps on them.

INVARIANT: only a department's own token moves its task; the district and operations may look and no more.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from whistle_department import commands, domain, queries, store
from whistle_shared.auth import Caller
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.contracts.vocabulary import (
    ClockName,
    ClockStatus,
    Code,
    EscalationStatus,
    Kind,
    LongText,
    Presence,
    RungForm,
    ShortText,
    TaskRole,
    Text,
    Urgency,
)
from whistle_shared.db import Answer, Idempotency, Unit
from whistle_shared.runtime import CurrentCaller, Here, Service
from whistle_shared.web import (
    PROBLEMS,
    Cursor,
    Limit,
    OptionalIdempotencyKey,
    Strict,
    StrictRoute,
    after,
    next_cursor,
    respond,
)

router = APIRouter(prefix="/api/v1", tags=["tasks"], route_class=StrictRoute, responses=PROBLEMS)
Act = Callable[[Unit, commands.Actor], domain.Task]
_BRIEF = ("number", "kind", "urgency", "street", "title", "place")
Person = Annotated[Text, StringConstraints(min_length=1, max_length=100), Field(description="The duty person's name")]

At = Annotated[datetime, Field(examples=["2026-11-23T01:12:30.000000Z"])]
Department = Annotated[str, Field(examples=["CGJ"])]
Rung = Annotated[int, Field(description="Step of the ladder", examples=[1])]
LadderRole = Annotated[str, Field(description="Whom the rung calls", examples=["deputy_head"])]


def _example(value: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [value]})


class Acknowledge(Strict):
    """The department takes the task on (应哨)."""

    model_config = _example({"person": "王建国"})

    person: Person


class CheckIn(Strict):
    """A responder reports in (报到)."""

    model_config = _example({"person": "王建国", "place": "东门路 12 号门前", "mode": "on_site", "photo": None})

    person: Person
    place: ShortText
    mode: Literal["on_site", "online", "meeting"]
    photo: ShortText | None = Field(None, description="Reference to a stored photo, never the photo itself")


class LogProgress(Strict):
    """How the work goes."""

    model_config = _example({"person": "王建国", "note": "围挡已设置，正在联系井盖权属单位。"})

    person: Person
    note: Annotated[LongText, Field(max_length=5000)]


class Submit(Strict):
    """The department says its work is done."""

    model_config = _example(
        {"person": "王建国", "result": "井盖已更换并复测牢固。", "evidence": ["photo/2026/11/23/0007-1.jpg"]}
    )

    person: Person
    result: Annotated[LongText, Field(max_length=5000)]
    evidence: list[ShortText] = Field([], max_length=20, description="References to stored evidence")


class TaskView(BaseModel):
    """One department's duty under a whistle, and how far it has come."""

    task_id: UUID
    whistle_id: UUID
    round: int = Field(examples=[1])
    department: Department
    role: TaskRole
    presence: Presence
    origin: str = Field(examples=["routed"])
    state: domain.State
    legal_steps: list[domain.Step] = Field(description="The steps that are open now")
    person: str | None = Field(description="Who acknowledged", examples=["王建国"])
    dispatched_at: At
    acknowledged_at: At | None
    arrived_at: At | None
    progressed_at: At | None = Field(description="The latest note")
    submitted_at: At | None
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


class EscalationView(BaseModel):
    """One rung that was climbed. Fields are null where their event has not arrived yet."""

    escalation_id: UUID
    clock: ClockName
    rung: Rung
    role: LadderRole | None
    form: RungForm | None
    status: EscalationStatus
    raised_at: At | None
    acknowledged_at: At | None
    acknowledged_by: str | None = Field(examples=["CGJ 值班手机"])
    ended_at: At | None
    reason: str | None = Field(examples=["the clock was met late"])


class StepView(BaseModel):
    """One step that was taken, in business time."""

    step: domain.Step
    at: At
    by: str = Field(description="Name of the token that was used", examples=["CGJ 值班手机"])
    person: str = Field(examples=["王建国"])
    detail: dict[str, Any] = Field(
        description="What else was said: place, mode, photo, note, result, evidence",
        examples=[{"place": "东门路 12 号门前", "mode": "on_site"}],
    )


class TaskDetail(TaskView):
    """A task with everything the department knows of it."""

    facts: WhistleFacts
    banner: BannerView | None
    clocks: list[ClockView]
    escalations: list[EscalationView]
    history: list[StepView]


async def registry_missing(service: Service) -> str | None:
    """Readiness: which tasks are to be kept here follows from the registry."""
    return None if service.replica.registry is not None else "the registry has not arrived yet"


@router.get("/tasks", summary="The caller's tasks")
async def list_tasks(
    caller: CurrentCaller,
    service: Here,
    state: Annotated[domain.State | None, Query(description="Only tasks in this state")] = None,
    department: Annotated[Code | None, Query(description="Only this department's tasks", examples=["CGJ"])] = None,
    order: Annotated[
        queries.Order,
        Query(description="`newest` first, or by `due` time (then only tasks that a clock runs for)"),
    ] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> TaskPage:
    """A department sees its own tasks; the district and operations see all that are served here."""
    caller.needs("department", "district", "operations")
    found = await queries.tasks(
        service.engine,
        caller,
        state=state,
        department=department,
        order=order,
        after=after(cursor),
        limit=limit,
    )
    return TaskPage(
        items=[_item(one) for one in found],
        next_cursor=next_cursor([one.task.task_id for one in found], limit),
    )


@router.get("/tasks/{task_id}", summary="One task with its clocks and its history")
async def read_task(task_id: UUID, caller: CurrentCaller, service: Here) -> TaskDetail:
    caller.needs("department", "district", "operations")
    found, steps = await queries.task(service.engine, caller, task_id)
    limits = {term.name: term.limit for term in found.task.terms}
    return TaskDetail(
        **_view(found.task, found.due_at).model_dump(),
        facts=WhistleFacts.model_validate(found.facts),
        banner=_banner(found),
        clocks=[ClockView(limit=limits.get(clock.name, ""), **_shown(clock, ClockView)) for clock in found.clocks],
        escalations=[EscalationView(**_shown(one, EscalationView)) for one in found.escalations],
        history=[StepView(**_shown(step, StepView)) for step in steps],
    )


def _shown(thing: Any, model: type[BaseModel]) -> dict[str, Any]:
    """Those fields of a view that the thing itself has."""
    return {name: getattr(thing, name) for name in model.model_fields if hasattr(thing, name)}


def _view(task: domain.Task, due_at: datetime | None) -> TaskView:
    return TaskView(legal_steps=list(domain.legal_steps(task)), due_at=due_at, **_shown(task, TaskView))


def _banner(found: queries.Found) -> BannerView | None:
    return None if found.banner is None else BannerView(**_shown(found.banner, BannerView))


def _item(found: queries.Found) -> TaskItem:
    brief = {name: found.facts[name] for name in _BRIEF}
    return TaskItem(**_view(found.task, found.due_at).model_dump(), **brief, banner=_banner(found))


async def _step(
    act: Act,
    step: domain.Step,
    task_id: UUID,
    body: Any,
    caller: Caller,
    service: Service,
    request: Request,
    key: str | None,
) -> Response:
    """Carry out a step of the caller's own department; nobody else may act for it."""
    caller.needs("department")
    whistle_id = await queries.whistle_of(service.engine, caller, task_id)
    actor = commands.Actor(whistle_id, task_id, caller.scope, caller.name, body.person)
    asked = f"{step} {task_id} {body.model_dump_json()}"
    answer = await service.command(
        partial(_answer, act=act, actor=actor),
        request,
        whistle=whistle_id,
        idempotency=Idempotency.of(str(caller.token_id), key, asked) if key else None,
    )
    return respond(answer)


def _answer(unit: Unit, act: Act, actor: commands.Actor) -> Answer:
    task = act(unit, actor)
    return Answer(200, _view(task, store.due_at(unit, task)).model_dump_json())


@router.post("/tasks/{task_id}/acknowledgement", response_model=TaskView, summary="Acknowledge a task")
async def acknowledge(
    task_id: UUID,
    body: Acknowledge,
    caller: CurrentCaller,
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """Stops this department's `ack` clock, no other's. A repetition changes nothing; the stamp stays."""
    return await _step(commands.acknowledge_task, "acknowledgement", task_id, body, caller, service, request, key)


@router.post("/tasks/{task_id}/arrival", response_model=TaskView, summary="Check in")
async def arrive(
    task_id: UUID,
    body: CheckIn,
    caller: CurrentCaller,
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """After the acknowledgement (409 before). A repetition changes nothing: the first stamp is kept."""
    act = partial(commands.arrive, place=body.place, mode=body.mode, photo=body.photo)
    return await _step(act, "arrival", task_id, body, caller, service, request, key)


@router.post("/tasks/{task_id}/progress", response_model=TaskView, summary="Log progress")
async def log_progress(
    task_id: UUID,
    body: LogProgress,
    caller: CurrentCaller,
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """After arriving; where the task asks for no presence, after acknowledging."""
    return await _step(
        partial(commands.log_progress, note=body.note),
        "progress",
        task_id,
        body,
        caller,
        service,
        request,
        key,
    )


@router.post("/tasks/{task_id}/submission", response_model=TaskView, summary="Submit the result")
async def submit(
    task_id: UUID,
    body: Submit,
    caller: CurrentCaller,
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """Once, after arriving where presence is asked for. A repetition without its key is refused (409)."""
    act = partial(commands.submit, result=body.result, evidence=body.evidence)
    return await _step(act, "submission", task_id, body, caller, service, request, key)
