"""What intake shows of the street's decisions, and how one is carried out."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from fastapi import Request, Response
from pydantic import BaseModel, Field

from whistle_intake import commands, domain
from whistle_intake.api.commanding import Act
from whistle_intake.api.views import TaskView, task_view
from whistle_shared.auth import Caller
from whistle_shared.contracts.intake import ActionItem
from whistle_shared.contracts.vocabulary import Satisfaction
from whistle_shared.db import Answer
from whistle_shared.runtime import Service
from whistle_shared.web import keyed, respond


class TaskDecided(BaseModel):
    """A task after the street's word on it, and what that makes of its whistle."""

    whistle_id: UUID
    number: str
    state: domain.State
    round: int
    closed_at: datetime | None
    task: TaskView


class CallbackView(BaseModel):
    """What whoever reported the matter answered, by round."""

    round: int
    contacted: bool
    solved: bool | None
    satisfaction: Satisfaction | None
    waived: bool
    note: str
    by: str
    at: datetime


class WhistleDecided(BaseModel):
    """A whistle after the call-back."""

    whistle_id: UUID
    number: str
    state: domain.State
    round: int
    closed_at: datetime | None
    callbacks: list[CallbackView]


class EvaluationView(BaseModel):
    """One revision of a task's score; the highest counts."""

    task_id: UUID
    revision: int
    parts: dict[str, int]
    total: int
    veto: bool
    basis: str
    by_default: bool
    by: str
    at: datetime


class MeetingView(BaseModel):
    """A joint meeting under a whistle."""

    meeting_id: UUID
    round: int
    departments: list[str]
    starts_at: datetime
    place: str
    agenda: str
    convened_by: str
    convened_at: datetime
    attended: list[str]
    minutes: str | None
    items: list[ActionItem]
    minuted_by: str | None
    minuted_at: datetime | None


class RequestView(BaseModel):
    """A department's request for more time, and the street's word on it."""

    request_id: UUID
    task_id: UUID
    department: str
    kind: domain.RequestKind
    number: int
    clock: str | None
    current_due_at: datetime | None
    cause: str | None
    asked_until: datetime = Field(description="The due time asked for, or the end of the suspension")
    reason: str
    asked_by: str
    asked_at: datetime
    status: Literal["pending", "granted", "refused"]
    reviews: int
    granted_until: datetime | None
    answer: str | None
    decided_by: str | None
    decided_at: datetime | None


class RequestItem(RequestView):
    """A request with the whistle it belongs to."""

    whistle_id: UUID
    number_of_whistle: str
    street: str


def request_view(request: domain.Request) -> RequestView:
    return RequestView(**_named(RequestView, request))


def meeting_view(meeting: domain.Meeting) -> MeetingView:
    return MeetingView(**_named(MeetingView, meeting))


def callback_view(callback: domain.Callback) -> CallbackView:
    return CallbackView(**_named(CallbackView, callback))


def evaluation_view(row: Any) -> EvaluationView:
    plain = {name: getattr(row, name) for name in EvaluationView.model_fields if hasattr(row, name)}
    return EvaluationView(**plain, **row.score)


def _named(view: type[BaseModel], value: object) -> dict[str, Any]:
    return {name: getattr(value, name) for name in view.model_fields}


def office_of(caller: Caller) -> commands.Office:
    """The street's office behind this caller."""
    return commands.Office(caller.scope, caller.name, caller.grid)


def task_decided(whistle: domain.Whistle, task_id: UUID) -> Answer:
    """The answer to a decision about a task."""
    view = TaskDecided(**_standing(whistle), task=task_view(whistle.tasks[task_id]))
    return Answer(200, view.model_dump_json())


def whistle_decided(whistle: domain.Whistle) -> Answer:
    """The answer to a call-back."""
    callbacks = [callback_view(whistle.callbacks[number]) for number in sorted(whistle.callbacks)]
    return Answer(200, WhistleDecided(**_standing(whistle), callbacks=callbacks).model_dump_json())


def _standing(whistle: domain.Whistle) -> dict[str, Any]:
    return {name: getattr(whistle, name) for name in ("whistle_id", "number", "state", "round", "closed_at")}


async def carry_out(
    service: Service,
    request: Request,
    caller: Caller,
    key: str | None,
    whistle_id: UUID,
    body: BaseModel,
    act: Act,
) -> Response:
    """Have a decision about a whistle made, once per idempotency key."""
    idempotency = keyed(caller, key, f"{request.method} {request.url.path} {body.model_dump_json()}")
    return respond(await service.command(act, request, whistle=whistle_id, idempotency=idempotency))
