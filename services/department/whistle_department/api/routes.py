"""The routes: a page of tasks, one task, and the four steps on it."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from whistle_department import commands, domain, queries, store
from whistle_department.api.models import (
    Acknowledge,
    BannerView,
    CheckIn,
    ClockView,
    EscalationView,
    LogProgress,
    StepView,
    Submit,
    TaskDetail,
    TaskItem,
    TaskPage,
    TaskView,
)
from whistle_shared.auth import Caller
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.contracts.vocabulary import Code
from whistle_shared.db import Answer, Idempotency, Unit
from whistle_shared.runtime import CurrentCaller, Here, Service
from whistle_shared.web import (
    PROBLEMS,
    Cursor,
    Limit,
    OptionalIdempotencyKey,
    StrictRoute,
    after,
    next_cursor,
    respond,
)

router = APIRouter(prefix="/api/v1", tags=["tasks"], route_class=StrictRoute, responses=PROBLEMS)
Act = Callable[[Unit, commands.Actor], domain.Task]


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
    brief = {name: found.facts[name] for name in TaskItem.model_fields if name in found.facts}
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
