"""The registry to read: departments, streets, grids, categories, policies, ladders, people, duties, regulation."""

from collections.abc import Sequence
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query
from pydantic import BaseModel

from whistle_dispatch import store
from whistle_shared.auth import Caller
from whistle_shared.contracts.vocabulary import Code
from whistle_shared.errors import Invalid
from whistle_shared.registry import (
    Category,
    Department,
    Duty,
    DutyPerson,
    Grid,
    LadderRung,
    Policy,
    Regulation,
    Street,
)
from whistle_shared.runtime import Here, may
from whistle_shared.web import PROBLEMS, Page, StrictRoute

router = APIRouter(prefix="/api/v1", route_class=StrictRoute, responses=PROBLEMS)
Row = TypeVar("Row", bound=BaseModel)


RowCursor = Annotated[str | None, Query(max_length=12, description="`next_cursor` of the page before")]
RowLimit = Annotated[int, Query(ge=1, le=1000, description="How many rows at most")]


def _page(rows: Sequence[Row], cursor: str | None, limit: int) -> Page[Row]:
    """A slice of one registry version's rows; the cursor is a position."""
    if cursor is not None and not (cursor.isascii() and cursor.isdigit()):
        raise Invalid("cursor", "is not a cursor of this list")
    start = int(cursor or 0)
    end = start + limit
    return Page(items=list(rows[start:end]), next_cursor=str(end) if end < len(rows) else None)


@router.get("/departments", tags=["registry"], summary="Departments")
async def departments(
    caller: Annotated[Caller, may("registry.read")], service: Here, cursor: RowCursor = None, limit: RowLimit = 200
) -> Page[Department]:
    return _page(store.registry(service.replica).departments, cursor, limit)


@router.get("/streets", tags=["registry"], summary="Streets")
async def streets(
    caller: Annotated[Caller, may("registry.read")], service: Here, cursor: RowCursor = None, limit: RowLimit = 200
) -> Page[Street]:
    return _page(store.registry(service.replica).streets, cursor, limit)


@router.get("/grids", tags=["registry"], summary="Grids, of one street or of all")
async def grids(
    caller: Annotated[Caller, may("registry.read")],
    service: Here,
    street: Annotated[Code | None, Query(description="Only this street's grids")] = None,
    cursor: RowCursor = None,
    limit: RowLimit = 200,
) -> Page[Grid]:
    rows = [row for row in store.registry(service.replica).grids if street in (None, row.street)]
    return _page(rows, cursor, limit)


@router.get("/categories", tags=["registry"], summary="Sub-categories with their routing")
async def categories(
    caller: Annotated[Caller, may("registry.read")], service: Here, cursor: RowCursor = None, limit: RowLimit = 200
) -> Page[Category]:
    return _page(store.registry(service.replica).categories, cursor, limit)


@router.get("/policies", tags=["registry"], summary="Limits by kind and urgency")
async def policies(
    caller: Annotated[Caller, may("registry.read")], service: Here, cursor: RowCursor = None, limit: RowLimit = 200
) -> Page[Policy]:
    return _page(store.registry(service.replica).policies, cursor, limit)


@router.get("/ladders", tags=["registry"], summary="The rungs of the three ladders")
async def ladders(
    caller: Annotated[Caller, may("registry.read")], service: Here, cursor: RowCursor = None, limit: RowLimit = 200
) -> Page[LadderRung]:
    return _page(store.registry(service.replica).ladders, cursor, limit)


@router.get("/people", tags=["registry"], summary="Who is on duty, of one organisation or of all")
async def people(
    caller: Annotated[Caller, may("dispatch.read")],
    service: Here,
    organisation: Annotated[Code | None, Query(description="Only this department's or street's, or `district`")] = None,
    cursor: RowCursor = None,
    limit: RowLimit = 200,
) -> Page[DutyPerson]:
    rows = [row for row in store.registry(service.replica).people if organisation in (None, row.organisation)]
    return _page(rows, cursor, limit)


@router.get("/duties", tags=["registry"], summary="The duty list")
async def duties(
    caller: Annotated[Caller, may("registry.read")], service: Here, cursor: RowCursor = None, limit: RowLimit = 200
) -> Page[Duty]:
    return _page(store.registry(service.replica).duties, cursor, limit)


@router.get("/regulation", tags=["registry"], summary="The settings of the mechanism")
async def regulation(caller: Annotated[Caller, may("registry.read")], service: Here) -> Regulation:
    return store.registry(service.replica).regulation
