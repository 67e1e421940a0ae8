"""dispatch over HTTP: the registry to read, and the district whistle office's desk."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from whistle_dispatch import commands, domain, queries, store
from whistle_dispatch.domain.planning import State
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.contracts.vocabulary import Code
from whistle_shared.db import Answer, Idempotency, Unit
from whistle_shared.errors import Invalid
from whistle_shared.registry import Category, Department, Grid, Policy, Street
from whistle_shared.runtime import CurrentCaller, Here
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

router = APIRouter(prefix="/api/v1", route_class=StrictRoute, responses=PROBLEMS)
Row = TypeVar("Row", bound=BaseModel)


class TaskView(BaseModel):
    """One department's duty under the whistle."""

    task_id: UUID
    department: str
    role: str
    presence: str
    origin: str


class DispatchView(BaseModel):
    """Who is responsible for a whistle, or why nobody is yet."""

    whistle_id: UUID
    state: State
    round: int
    reason: str
    flags: list[str] = Field(description="`inactive:<department>` for a department that was left out")
    dispatched_at: datetime | None
    whistle_due_at: datetime | None
    tasks: list[TaskView]
    facts: WhistleFacts | None


class DispatchPage(BaseModel):
    items: list[DispatchView]
    next_cursor: str | None


class RouteWhistle(Strict):
    """The whistle office's decision: the departments, the one that leads first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"departments": ["CGJ", "PSGS"]}]})

    departments: Annotated[list[Code], Field(min_length=1, max_length=20)]


class DepartmentPage(BaseModel):
    items: list[Department]
    next_cursor: str | None


class StreetPage(BaseModel):
    items: list[Street]
    next_cursor: str | None


class GridPage(BaseModel):
    items: list[Grid]
    next_cursor: str | None


class CategoryPage(BaseModel):
    items: list[Category]
    next_cursor: str | None


class PolicyPage(BaseModel):
    items: list[Policy]
    next_cursor: str | None


RowCursor = Annotated[str | None, Query(max_length=12, description="`next_cursor` of the page before")]
RowLimit = Annotated[int, Query(ge=1, le=1000, description="How many rows at most")]


def _page(rows: Sequence[Row], cursor: str | None, limit: int) -> tuple[list[Row], str | None]:
    """A slice of one registry version's rows; the cursor is a position."""
    if cursor is not None and not (cursor.isascii() and cursor.isdigit()):
        raise Invalid("cursor", "is not a cursor of this list")
    start = int(cursor or 0)
    end = start + limit
    return list(rows[start:end]), str(end) if end < len(rows) else None


@router.get("/departments", tags=["registry"], summary="Departments")
async def departments(
    caller: CurrentCaller, service: Here, cursor: RowCursor = None, limit: RowLimit = 200
) -> DepartmentPage:
    items, following = _page(store.registry(service.replica).departments, cursor, limit)
    return DepartmentPage(items=items, next_cursor=following)


@router.get("/streets", tags=["registry"], summary="Streets")
async def streets(caller: CurrentCaller, service: Here, cursor: RowCursor = None, limit: RowLimit = 200) -> StreetPage:
    items, following = _page(store.registry(service.replica).streets, cursor, limit)
    return StreetPage(items=items, next_cursor=following)


@router.get("/grids", tags=["registry"], summary="Grids, of one street or of all")
async def grids(
    caller: CurrentCaller,
    service: Here,
    street: Annotated[Code | None, Query(description="Only this street's grids")] = None,
    cursor: RowCursor = None,
    limit: RowLimit = 200,
) -> GridPage:
    rows = [row for row in store.registry(service.replica).grids if street in (None, row.street)]
    items, following = _page(rows, cursor, limit)
    return GridPage(items=items, next_cursor=following)


@router.get("/categories", tags=["registry"], summary="Sub-categories with their routing")
async def categories(
    caller: CurrentCaller, service: Here, cursor: RowCursor = None, limit: RowLimit = 200
) -> CategoryPage:
    items, following = _page(store.registry(service.replica).categories, cursor, limit)
    return CategoryPage(items=items, next_cursor=following)


@router.get("/policies", tags=["registry"], summary="Limits by kind and urgency")
async def policies(caller: CurrentCaller, service: Here, cursor: RowCursor = None, limit: RowLimit = 200) -> PolicyPage:
    items, following = _page(store.registry(service.replica).policies, cursor, limit)
    return PolicyPage(items=items, next_cursor=following)


@router.get("/dispatches", tags=["dispatches"], summary="Dispatches, newest first; `awaiting_triage` is the desk")
async def list_dispatches(
    caller: CurrentCaller,
    service: Here,
    state: Annotated[State | None, Query(description="Only dispatches in this state")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> DispatchPage:
    caller.needs("district", "operations")
    found = await queries.dispatches(service.engine, state=state, after=after(cursor), limit=limit)
    return DispatchPage(
        items=[_view(dispatch) for dispatch in found],
        next_cursor=next_cursor([dispatch.whistle_id for dispatch in found], limit),
    )


@router.get("/dispatches/{whistle_id}", tags=["dispatches"], summary="Who is responsible for a whistle")
async def read_dispatch(whistle_id: UUID, caller: CurrentCaller, service: Here) -> DispatchView:
    caller.needs("district", "operations")
    return _view(await queries.dispatch(service.engine, whistle_id))


@router.post(
    "/dispatches/{whistle_id}/routing",
    tags=["dispatches"],
    response_model=DispatchView,
    summary="Route a waiting whistle by hand",
)
async def route(
    whistle_id: UUID,
    body: RouteWhistle,
    caller: CurrentCaller,
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """Only a whistle that awaits triage can be routed (409 otherwise)."""
    caller.needs("district")
    store.registry(service.replica)
    asked = f"routing {whistle_id} {body.model_dump_json()}"
    answer = await service.command(
        partial(_route, whistle_id=whistle_id, departments=body.departments),
        request,
        whistle=whistle_id,
        idempotency=Idempotency.of(str(caller.token_id), key, asked) if key else None,
    )
    return respond(answer)


def _route(unit: Unit, whistle_id: UUID, departments: Sequence[str]) -> Answer:
    return Answer(200, _view(commands.route_whistle(unit, whistle_id, departments)).model_dump_json())


def _view(dispatch: domain.Dispatch) -> DispatchView:
    return DispatchView(
        whistle_id=dispatch.whistle_id,
        state=dispatch.state,
        round=dispatch.round,
        reason=dispatch.reason,
        flags=list(dispatch.flags),
        dispatched_at=dispatch.dispatched_at,
        whistle_due_at=dispatch.whistle_due_at,
        tasks=[TaskView.model_validate(task, from_attributes=True) for task in dispatch.tasks],
        facts=dispatch.facts,
    )
