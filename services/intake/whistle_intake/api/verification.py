"""The street's word on the work: verify, score, urge, resume; and the call-back that ends it."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field, JsonValue

from whistle_intake import commands, queries
from whistle_intake.api.decided import (
    TaskDecided,
    WhistleDecided,
    carry_out,
    office_of,
    task_decided,
    whistle_decided,
)
from whistle_intake.api.registry import registry_of
from whistle_shared.auth import Caller
from whistle_shared.contracts.vocabulary import Code, Satisfaction, Text
from whistle_shared.db import Answer, Unit
from whistle_shared.registry import Registry
from whistle_shared.runtime import Here, may
from whistle_shared.web import PROBLEMS, Blotted, OptionalIdempotencyKey, Reason, Strict, StrictRoute

router = APIRouter(prefix="/api/v1", tags=["verification"], route_class=StrictRoute, responses=PROBLEMS)

Note = Annotated[Text, Field(max_length=2000), Blotted]
_PARTS: JsonValue = {"arrival": 18, "people": 10, "handling": 18, "result": 27, "cooperation": 10, "citizen": 9}


class VerifyTask(Strict):
    """What the street found. A task that did not pass goes back to its department, for the reason in `note`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"passed": False, "note": "井盖松动，未固定"}]})

    passed: bool
    note: Note = ""


class ScoreTask(Strict):
    """The street's marks, part by part (the parts are the district's regulation), and what they rest on.

    `veto`: the work is to be done again, and its result will count 0.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"parts": _PARTS, "veto": False, "basis": "处置及时"}]})

    parts: Annotated[dict[Code, int], Field(max_length=20)]
    veto: bool = False
    basis: Reason


class UrgeTask(Strict):
    """Why the department is urged."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "居民已多次来电，请尽快到场"}]})

    note: Reason


class ResumeTask(Strict):
    """Why the suspension ends."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "资金已批复"}]})

    reason: Reason


class RecordCallback(Strict):
    """What whoever reported the matter answered; `contacted` false: not reached. `waived`: nobody is to be asked."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"contacted": True, "solved": True, "satisfaction": "satisfied", "waived": False, "note": ""}]
        }
    )

    contacted: bool
    solved: bool | None = None
    satisfaction: Satisfaction | None = None
    waived: bool = False
    note: Note = ""


@router.post(
    "/whistles/{whistle_id}/tasks/{task_id}/verification",
    response_model=TaskDecided,
    summary="Pass a submitted task or send it back",
)
async def verify_task(
    whistle_id: UUID,
    task_id: UUID,
    body: VerifyTask,
    caller: Annotated[Caller, may("task.verify")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """A task that goes back: its resolve clock runs on as if it had never stopped, less the street's own lateness."""
    office = office_of(caller)

    def act(unit: Unit) -> Answer:
        whistle = commands.verify_task(unit, whistle_id, task_id, office, passed=body.passed, note=body.note)
        return task_decided(whistle, task_id)

    return await carry_out(service, request, caller, key, whistle_id, body, act)


@router.post(
    "/whistles/{whistle_id}/tasks/{task_id}/score", response_model=TaskDecided, summary="Score an accepted task"
)
async def score_task(
    whistle_id: UUID,
    task_id: UUID,
    body: ScoreTask,
    caller: Annotated[Caller, may("task.verify")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """The department sees the marks and their basis, and may appeal once. A veto sends the task back first."""
    office, registry = office_of(caller), registry_of(service)
    act = partial(_score, whistle_id=whistle_id, task_id=task_id, office=office, registry=registry, body=body)
    return await carry_out(service, request, caller, key, whistle_id, body, act)


def _score(
    unit: Unit, whistle_id: UUID, task_id: UUID, office: commands.Office, registry: Registry, body: ScoreTask
) -> Answer:
    whistle = commands.score_task(
        unit,
        whistle_id,
        task_id,
        office,
        registry.regulation,
        parts=body.parts,
        veto=body.veto,
        basis=body.basis,
    )
    return task_decided(whistle, task_id)


@router.post("/whistles/{whistle_id}/tasks/{task_id}/urge", response_model=TaskDecided, summary="Urge a department")
async def urge_task(
    whistle_id: UUID,
    task_id: UUID,
    body: UrgeTask,
    caller: Annotated[Caller, may("task.verify")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """The department is reminded (催办), and that goes on record."""
    office = office_of(caller)

    def act(unit: Unit) -> Answer:
        return task_decided(commands.urge_task(unit, whistle_id, task_id, office, body.note), task_id)

    return await carry_out(service, request, caller, key, whistle_id, body, act)


@router.post("/tasks/{task_id}/resumption", response_model=TaskDecided, summary="End a suspension")
async def resume_task(
    task_id: UUID,
    body: ResumeTask,
    caller: Annotated[Caller, may("task.verify")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """One that the street granted: the clocks run on."""
    office = office_of(caller)
    whistle_id = await queries.whistle_of_task(service.engine, caller, task_id)

    def act(unit: Unit) -> Answer:
        return task_decided(commands.resume_task(unit, whistle_id, task_id, office, body.reason), task_id)

    return await carry_out(service, request, caller, key, whistle_id, body, act)


@router.post("/whistles/{whistle_id}/callback", response_model=WhistleDecided, summary="Record the call-back")
async def record_callback(
    whistle_id: UUID,
    body: RecordCallback,
    caller: Annotated[Caller, may("task.verify")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """The whistle closes when every task is scored too; somebody dissatisfied reopens it. Numbers of a person in the
    note are blotted out, for it travels."""
    office, said = office_of(caller), body.model_dump()

    def act(unit: Unit) -> Answer:
        return whistle_decided(commands.record_callback(unit, whistle_id, office, **said))

    return await carry_out(service, request, caller, key, whistle_id, body, act)
