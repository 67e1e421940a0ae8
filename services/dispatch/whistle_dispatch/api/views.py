"""What dispatch shows, and how a command of the whistle office is carried out."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Request, Response
from pydantic import BaseModel, Field

from whistle_dispatch import domain
from whistle_shared import web
from whistle_shared.auth import Caller
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.contracts.vocabulary import Code, Score, TaskRole
from whistle_shared.db import Answer, Unit
from whistle_shared.runtime import Service
from whistle_shared.web import Strict, keyed, respond

Reason = Annotated[web.Reason, Field(examples=["职责清单第 12 项属排水公司"])]
Departments = Annotated[list[Code], Field(max_length=20, examples=[["PSGS", "CGJ"]])]


class TaskView(BaseModel):
    """One department's duty under the whistle."""

    task_id: UUID
    round: int
    department: str
    role: TaskRole
    presence: str
    origin: str = Field(description="`routed`, `reassigned-1`, `meeting-1`, `substitute-1`")
    state: Literal["active", "reassigned"]
    title: str = Field(description="The action item of a meeting, else empty")
    reason: str = Field(description="Why it was called later than its round, else empty")
    ended_at: datetime | None
    excluded: bool = Field(description="It does not count in assessment")


class AskedView(BaseModel):
    """What every request of a department says."""

    request_id: UUID
    whistle_id: UUID
    round: int
    task_id: UUID
    department: str
    by: str
    person: str
    reason: str
    asked_at: datetime
    state: domain.RequestState
    decided_at: datetime | None
    decided_by: str
    decision: str = Field(description="The reason of the decision, empty before it")


class ReturnView(AskedView):
    """A return (退单)."""

    basis: str
    duty: str | None
    proper_department: str
    decide_by: datetime | None = Field(description="When it becomes a dispute if nobody decides")


class MoreTimeView(AskedView):
    """A second extension, or a long suspension."""

    kind: Literal["extension", "suspension"]
    number: int
    clock: str | None = Field(description="Of an extension")
    current_due_at: datetime | None = Field(description="Of an extension: the due time when it was asked for")
    asked_until: datetime = Field(description="The new due time, or the end of the suspension, as asked for")
    cause: str | None = Field(description="Of a suspension")
    granted_until: datetime | None
    cycle: int | None = Field(description="Of a suspension: its review clock")
    resumed_at: datetime | None = Field(description="Of a suspension that is over")


class AppealView(AskedView):
    """A score appeal."""

    revision: int
    score: Score | None = Field(description="The score that stands when it is granted")


class DisputeView(BaseModel):
    """A return over which the whistle office rules (权责争议裁定)."""

    dispute_id: UUID
    whistle_id: UUID
    state: domain.DisputeState
    cause: str
    opened_at: datetime
    due_at: datetime
    upheld: bool | None
    on_site: bool
    decided_at: datetime | None
    decided_by: str
    decision: str = Field(description="The reason of the decision, empty before it")
    precedent_id: UUID | None
    request: ReturnView


class PrecedentView(BaseModel):
    """What a decided dispute says about the next matter of its kind (判例)."""

    precedent_id: UUID
    dispute_id: UUID
    whistle_id: UUID
    category: str | None
    department: str
    assist: list[str]
    rule: str
    decided_at: datetime
    decided_by: str
    adopted_at: datetime | None
    adopted_by: str | None
    adopted_version: int | None = Field(description="The registry version that routes by it")


class DispatchView(BaseModel):
    """Who is responsible for a whistle, or why nobody is yet."""

    whistle_id: UUID
    state: domain.State
    round: int
    reason: str
    flags: list[str] = Field(
        description="`inactive:<department>`: it was left out; `substitute:<department>`: it stays silent"
    )
    dispatched_at: datetime | None
    whistle_due_at: datetime | None
    tasks: list[TaskView] = Field(description="The present round first, the lead first")
    facts: WhistleFacts | None
    returns: list[ReturnView]
    disputes: list[DisputeView]
    precedents: list[PrecedentView] = Field(description="Of the sub-category, while somebody has to be named")


class Decision(Strict):
    """A yes or a no with its reason."""

    reason: Reason


def dispatch_view(dispatch: domain.Dispatch, precedents: Iterable[domain.Ruling] = ()) -> DispatchView:
    """The whistle as the office sees it. `precedents`: of its sub-category."""
    silent = [f"substitute:{task.department}" for task in dispatch.active if task.raised_at]
    returns = [return_view(request) for request in dispatch.requests.values() if request.kind == "return"]
    return DispatchView(
        whistle_id=dispatch.whistle_id,
        state=dispatch.state,
        round=dispatch.round,
        reason=dispatch.reason,
        flags=[*dispatch.flags, *dict.fromkeys(silent)],
        dispatched_at=dispatch.dispatched_at,
        whistle_due_at=dispatch.whistle_due_at,
        tasks=[task_view(task) for task in dispatch.tasks],
        facts=dispatch.facts,
        returns=returns,
        disputes=[
            dispute_view(dispute, dispatch.requests[dispute.request_id]) for dispute in dispatch.disputes.values()
        ],
        precedents=[precedent_view(ruling) for ruling in precedents] if dispatch.precedents_apply else [],
    )


def task_view(task: domain.Task) -> TaskView:
    return TaskView(state="reassigned" if task.ended_at else "active", **_fields(task, TaskView))


def return_view(request: domain.Request) -> ReturnView:
    return ReturnView(**_asked(request, ReturnView), decide_by=request.decide_by)


def more_time_view(request: domain.Request) -> MoreTimeView:
    asked: Any = request.asked
    extension = request.kind == "extension"
    return MoreTimeView(
        **_asked(request, AskedView),
        kind="extension" if extension else "suspension",
        number=asked.number,
        clock=asked.clock if extension else None,
        current_due_at=asked.current_due_at if extension else None,
        asked_until=asked.due_at if extension else asked.until,
        cause=None if extension else asked.cause,
        granted_until=request.granted_until,
        cycle=request.cycle,
        resumed_at=request.resumed_at,
    )


def appeal_view(request: domain.Request) -> AppealView:
    return AppealView(**_asked(request, AppealView), score=request.score)


def dispute_view(dispute: domain.Dispute, request: domain.Request) -> DisputeView:
    return DisputeView(
        **_fields(dispute, DisputeView),
        whistle_id=request.asked.whistle_id,
        decision=dispute.reason,
        request=return_view(request),
    )


def precedent_view(ruling: domain.Ruling) -> PrecedentView:
    return PrecedentView.model_validate(ruling, from_attributes=True)


def _asked(request: domain.Request, model: type[AskedView]) -> dict[str, Any]:
    """What the department said, and what became of it."""
    known = ("round", "asked_at", "state", "decided_at", "decided_by")
    said = _fields(request.asked, model)
    return said | {name: getattr(request, name) for name in known} | {"decision": request.reason}


def _fields(thing: Any, model: type[BaseModel]) -> dict[str, Any]:
    """Those fields of a view that the thing itself has."""
    return {name: getattr(thing, name) for name in model.model_fields if hasattr(thing, name)}


async def carry_out(
    act: Callable[[Unit], BaseModel],
    asked: str,
    caller: Caller,
    service: Service,
    request: Request,
    key: str | None,
    **about: Any,
) -> Response:
    """A command of the district, once per key: its answer is the changed view. `asked`: what it is, in one line;
    `about`: its whistle, or what else is to be loaded."""
    answer = await service.command(
        lambda unit: Answer(200, act(unit).model_dump_json()),
        request,
        idempotency=keyed(caller, key, asked),
        **about,
    )
    return respond(answer)
