"""intake over HTTP: raise, list, follow and withdraw whistles."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import orjson
import uuid_utils.compat
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from whistle_intake import commands, domain, queries, store
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.contracts.vocabulary import Code, Kind, LongText, ShortText, Title, Urgency
from whistle_shared.db import Answer, Idempotency, Unit
from whistle_shared.errors import Invalid, Unavailable
from whistle_shared.registry import Registry
from whistle_shared.runtime import CurrentCaller, Here, Service
from whistle_shared.web import (
    PROBLEMS,
    Cursor,
    IdempotencyKey,
    Limit,
    OptionalIdempotencyKey,
    Strict,
    StrictRoute,
    after,
    next_cursor,
    respond,
)

router = APIRouter(prefix="/api/v1", tags=["whistles"], route_class=StrictRoute, responses=PROBLEMS)

_EXAMPLE: dict[str, JsonValue] = {
    "kind": "emergency",
    "urgency": "urgent",
    "street": "S01",
    "grid": "S01-G001",
    "category": "0701",
    "title": "井盖缺失",
    "description": "人行道上一处井盖缺失，夜间无照明，行人有坠落危险。",
    "place": "东门路 12 号门前",
    "beyond_power_reason": "井盖权属不明，街道无权处置地下管线。",
    "departments": [],
}


class RaiseWhistle(Strict):
    """What a street says when it blows."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    kind: Kind
    urgency: Urgency
    street: Code
    grid: Code | None = None
    category: Code | None = Field(None, description="Sub-category; without one the district whistle office routes")
    title: Title
    description: LongText
    place: ShortText
    beyond_power_reason: Annotated[LongText, Field(max_length=2000, description="Why the street cannot do it alone")]
    departments: list[Code] = Field(
        default_factory=list, max_length=20, description="Departments wanted; the first leads"
    )


class WithdrawWhistle(Strict):
    """Why the street takes it back."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "居民已自行解决"}]})

    reason: Annotated[LongText, Field(max_length=2000)]


class TaskView(BaseModel):
    """One department's duty, as its events tell it."""

    task_id: UUID
    department: str
    role: str | None
    state: str
    person: str | None
    called_at: datetime | None
    acknowledged_at: datetime | None
    arrived_at: datetime | None
    submitted_at: datetime | None


class TimelineEntry(BaseModel):
    """One thing that happened, in business time."""

    at: datetime
    event: str = Field(description="Event type, `producer.event.vN`")
    event_id: UUID
    producer: str
    data: dict[str, Any]


class WhistleView(BaseModel):
    """A whistle as its street sees it."""

    whistle_id: UUID
    number: str = Field(examples=["S01-20261122-0007"])
    state: domain.State
    routing: str = Field(description="pending, unrouted (at the district whistle office) or dispatched")
    round: int
    withdrawn_at: datetime | None
    departments_wanted: list[str]
    facts: WhistleFacts


class WhistleDetail(WhistleView):
    """A whistle with everything that is known of it."""

    tasks: list[TaskView]
    timeline: list[TimelineEntry]


class Withdrawn(BaseModel):
    """A whistle that was taken back."""

    whistle_id: UUID
    number: str
    state: domain.State
    withdrawn_at: datetime | None


class WhistlePage(BaseModel):
    items: list[WhistleView]
    next_cursor: str | None


async def registry_missing(service: Service) -> str | None:
    """Readiness: whistles can be checked only against a registry."""
    return None if service.replica.ready else "the registry has not arrived yet"


def _registry(service: Service) -> Registry:
    if service.replica.registry is None:
        raise Unavailable("the registry has not arrived yet; try again shortly")
    return service.replica.registry


@router.post("/whistles", status_code=201, response_model=WhistleView, summary="Blow a whistle")
async def raise_whistle(
    body: RaiseWhistle, key: IdempotencyKey, caller: CurrentCaller, service: Here, request: Request
) -> Response:
    """Answered 201 only once the whistle is durable. A repeat with the same key gives the same answer."""
    caller.needs("street", "district")
    blow = commands.Blow(
        whistle_id=uuid_utils.compat.uuid7(),
        blown_by=caller.name,
        **body.model_dump(exclude={"departments"}),
        departments=tuple(dict.fromkeys(body.departments)),
    )
    if not caller.covers(body.street):
        raise Invalid("street", f"street {body.street!r} is not yours")
    idempotency = Idempotency.of(str(caller.token_id), key, "POST /whistles", body.model_dump_json())
    await _check(service, blow, idempotency)
    wish = store.Numbers(blow.street, domain.business_day(service.time.now()))
    answer = await service.command(
        partial(_blow, blow=blow, wish=wish),
        request,
        whistle=blow.whistle_id,
        idempotency=idempotency,
        wants=wish,
    )
    return respond(answer, location=f"/api/v1/whistles/{_id_in(answer)}")


async def _check(service: Service, blow: commands.Blow, idempotency: Idempotency) -> None:
    """The registry must bear the whistle out, unless it was accepted before: a repeat gets its old answer."""
    try:
        commands.check(blow, _registry(service))
    except (Invalid, Unavailable):
        if not await service.group.answered(idempotency):
            raise


def _blow(unit: Unit, blow: commands.Blow, wish: store.Numbers) -> Answer:
    whistle, facts = commands.blow_whistle(unit, blow, wish)
    view = WhistleView(
        whistle_id=whistle.whistle_id,
        number=whistle.number,
        state=whistle.state,
        routing=whistle.routing,
        round=whistle.round,
        withdrawn_at=None,
        departments_wanted=list(blow.departments),
        facts=facts,
    )
    return Answer(201, view.model_dump_json())


def _id_in(answer: Answer) -> str:
    whistle_id: str = orjson.loads(answer.body)["whistle_id"]
    return whistle_id


@router.get("/whistles", summary="The caller's whistles, newest first")
async def list_whistles(
    caller: CurrentCaller,
    service: Here,
    state: Annotated[domain.State | None, Query(description="Only whistles in this state")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> WhistlePage:
    caller.needs("street", "district", "operations")
    rows = await queries.whistles(service.engine, caller, state=state, after=after(cursor), limit=limit)
    return WhistlePage(
        items=[_view(row) for row in rows], next_cursor=next_cursor([row.whistle_id for row in rows], limit)
    )


@router.get("/whistles/{whistle_id}", summary="One whistle with its timeline")
async def read_whistle(whistle_id: UUID, caller: CurrentCaller, service: Here) -> WhistleDetail:
    caller.needs("street", "district", "operations")
    row, tasks, told = await queries.whistle(service.engine, caller, whistle_id)
    return WhistleDetail(
        **_view(row).model_dump(),
        tasks=[
            TaskView(state=task.state, **{n: getattr(task, n) for n in TaskView.model_fields if n != "state"})
            for task in tasks
        ],
        timeline=[
            TimelineEntry(at=e.at, event=e.key, event_id=e.event_id, producer=e.producer, data=e.data) for e in told
        ],
    )


def _view(row: Any) -> WhistleView:
    return WhistleView(
        whistle_id=row.whistle_id,
        number=row.number,
        state=row.state,
        routing=row.routing,
        round=row.round,
        withdrawn_at=row.withdrawn_at,
        departments_wanted=row.departments,
        facts=WhistleFacts.model_validate(row.facts),
    )


@router.post("/whistles/{whistle_id}/withdrawal", response_model=Withdrawn, summary="Withdraw a whistle")
async def withdraw(
    whistle_id: UUID,
    body: WithdrawWhistle,
    caller: CurrentCaller,
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """Tasks are cancelled and clocks stop, even when this overtakes the dispatch. A repetition changes nothing."""
    caller.needs("street", "district")
    asked = f"withdrawal {whistle_id} {body.model_dump_json()}"
    answer = await service.command(
        partial(_withdraw, whistle_id=whistle_id, streets=caller.scope, by=caller.name, reason=body.reason),
        request,
        whistle=whistle_id,
        idempotency=Idempotency.of(str(caller.token_id), key, asked) if key else None,
    )
    return respond(answer)


def _withdraw(unit: Unit, **command: Any) -> Answer:
    whistle = commands.withdraw_whistle(unit, **command)
    view = Withdrawn(
        whistle_id=whistle.whistle_id,
        number=whistle.number,
        state=whistle.state,
        withdrawn_at=whistle.withdrawn_at,
    )
    return Answer(200, view.model_dump_json())
