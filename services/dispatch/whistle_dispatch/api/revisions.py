"""The registry changed: row by row, by a spreadsheet, or put back as it was. Each time a new version.

INVARIANT: nobody changes what they have not seen: `base` is the version that was looked at, and a newer one is a 409.
"""

import asyncio
from dataclasses import replace
from hashlib import sha256
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from whistle_dispatch import commands, domain, store
from whistle_dispatch.api import spreadsheet
from whistle_dispatch.api.views import Reason, carry_out
from whistle_dispatch.queries import editions
from whistle_shared.auth import Caller
from whistle_shared.contracts.vocabulary import Text
from whistle_shared.db import Unit
from whistle_shared.errors import Invalid
from whistle_shared.privacy import masked
from whistle_shared.runtime import Here, Service, deed_of, may
from whistle_shared.web import (
    PROBLEMS,
    Malformed,
    OptionalIdempotencyKey,
    Page,
    Strict,
    StrictRoute,
    problem,
)

router = APIRouter(prefix="/api/v1/registry", tags=["registry"], route_class=StrictRoute, responses=PROBLEMS)
_MOST_FAULTS = 200
_NONE = -1
_SHEET: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": {spreadsheet.MEDIA_TYPE: _SHEET}}}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The pack as a spreadsheet", "content": {spreadsheet.MEDIA_TYPE: _SHEET}}
}
Cell = Annotated[str, Field(max_length=500)]
SheetName = Literal[
    "departments",
    "streets",
    "grids",
    "categories",
    "policies",
    "ladders",
    "people",
    "duties",
    "keywords",
    "regulation",
    "years",
    "hours",
    "seasons",
    "days",
]
DryRun = Annotated[bool, Query(description="Only say what it would change")]
_MOST = 2**62
Number = Annotated[int, Field(ge=0, le=_MOST)]
VersionNumber = Annotated[int, Path(ge=1, le=_MOST, description="Counts the versions")]


class ChangeRow(Strict):
    """One row of a sheet changed; without `key` a new one, without `cells` it is taken out. What `cells` does not name
    stays as it is."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "base": 1,
                    "sheet": "policies",
                    "key": ["appeal", "normal", ""],
                    "cells": {"ack": "2h@work"},
                    "reason": "区政府第 12 次会议",
                }
            ]
        }
    )

    base: Number = Field(description="The version that was looked at")
    sheet: SheetName
    key: Annotated[list[Cell], Field(max_length=4)] | None = None
    cells: Annotated[dict[str, Cell], Field(max_length=40)] | None = None
    reason: Reason


class Restore(Strict):
    """Back to a version as it was, as a new one."""

    base: Number = Field(description="The version that was looked at")
    reason: Reason


class EditionView(BaseModel):
    """A version in the history of the registry and the calendar."""

    number: int
    registry_version: int
    calendar_version: int
    at: Any = Field(description="When it came into force")
    by: str
    reason: str
    how: domain.How


class DifferenceView(BaseModel):
    """A row that differs. `before` null: it is new; `after` null: it is gone."""

    sheet: str
    key: list[str]
    before: dict[str, str] | None
    after: dict[str, str] | None


class LimitView(BaseModel):
    """A limit that would have been another for `n` tasks of the last month."""

    kind: str
    urgency: str
    role: str
    clock: str
    before: str
    after: str
    n: int


class RouteView(BaseModel):
    """A sub-category with another route, and its matters of the last month."""

    category: str
    before: list[str]
    after: list[str]
    n: int


class RevisionView(BaseModel):
    """What a change does. `saved` false: it was only asked what it would do."""

    saved: bool
    base: int = Field(description="The version that it changes")
    registry_version: int
    calendar_version: int
    differences: list[DifferenceView] = Field(description="200 at most; `changed` counts all")
    changed: int
    limits: list[LimitView]
    routes: list[RouteView]
    matters: int = Field(description="Matters dispatched within the last 30 days")
    touched: int = Field(description="Those that would have had another limit or another route")


class EditionDetail(EditionView):
    """A version, and what it changed of the one before."""

    differences: list[DifferenceView]


@router.get("/versions", summary="The history of the registry, newest first")
async def list_versions(
    caller: Annotated[Caller, may("dispatch.read")],
    service: Here,
    cursor: Annotated[int | None, Query(ge=1, le=_MOST, description="`next_cursor` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[EditionView]:
    found = await editions.editions(service.engine, after=cursor, limit=limit)
    ended = len(found) < limit
    return Page(items=[edition_view(one) for one in found], next_cursor=None if ended else str(found[-1].number))


@router.get("/versions/{number}", summary="What a version changed")
async def read_version(
    number: VersionNumber, caller: Annotated[Caller, may("dispatch.read")], service: Here
) -> EditionDetail:
    """The first one has nothing before it."""
    one, before = await editions.edition(service.engine, number)
    found = [] if before is None else await difference(service, before, one)
    return EditionDetail(**edition_view(one).model_dump(), differences=[_difference_view(each) for each in found])


async def difference(service: Service, before: editions.Edition, after: editions.Edition) -> list[domain.Difference]:
    """What one edition changed of another."""
    old, new = await editions.pack_at(service, before), await editions.pack_at(service, after)
    return list(await asyncio.to_thread(lambda: list(domain.differences(old, new))))


@router.post("/changes", response_model=RevisionView, summary="Change a row of the registry")
async def change(
    body: ChangeRow,
    caller: Annotated[Caller, may("registry.write")],
    service: Here,
    request: Request,
    dry_run: DryRun = False,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """By the rules of the pack (422 with every mistake); 409 when there is a newer version than `base`."""
    row = 0

    def changed(book: domain.Book) -> domain.Book:
        nonlocal row
        wanted = None if body.key is None else tuple(body.key)
        after, row = domain.changed(book, body.sheet, wanted, body.cells)
        return after

    try:
        draft = await editions.draft(service, changed)
    except domain.BookInvalid as invalid:
        return await refuse(service, request, invalid, (body.sheet, row))
    if dry_run:
        return _told(draft, saved=False)
    asked = f"registry change {body.model_dump_json()}"
    return await _revise(draft, body.base, body.reason, "change", asked, caller, service, request, key)


@router.post("/versions/{number}/restoration", response_model=RevisionView, summary="Put a version back")
async def restore(
    number: VersionNumber,
    body: Restore,
    caller: Annotated[Caller, may("registry.write")],
    service: Here,
    request: Request,
    dry_run: DryRun = False,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """As a new version: nothing of the history is taken away. Whistles that are under way keep their limits."""
    try:
        draft = await editions.restored(service, number)
    except domain.BookInvalid as invalid:
        return await refuse(service, request, invalid)
    if dry_run:
        return _told(draft, saved=False)
    asked = f"registry restoration {number} {body.model_dump_json()}"
    return await _revise(draft, body.base, body.reason, "restoration", asked, caller, service, request, key)


@router.get("/spreadsheet", response_class=Response, responses=_FILE, summary="The pack as one spreadsheet")
async def export(caller: Annotated[Caller, may("dispatch.read")], service: Here) -> Response:
    """A sheet for each table, without the map."""
    now = await editions.newest(service)
    pack = await editions.pack_at(service, now)
    data = await asyncio.to_thread(lambda: spreadsheet.written(domain.book_of(pack)))
    name = f"whistle-registry-{now.registry_version}-{now.calendar_version}.xlsx"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(data, media_type=spreadsheet.MEDIA_TYPE, headers=headers)


@router.post(
    "/spreadsheet", response_model=RevisionView, openapi_extra=_BODY, summary="Replace the pack by a spreadsheet"
)
async def import_(
    caller: Annotated[Caller, may("registry.write")],
    service: Here,
    request: Request,
    base: Annotated[int, Query(ge=0, le=_MOST, description="The version that it was made of")],
    reason: Annotated[Text, Query(max_length=500, description="Why; it stands in the address, which may have 8 KiB")],
    dry_run: DryRun = False,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """The raw bytes of an .xlsx file as the export gives it, at most 2 MiB; every mistake by sheet, row and column.
    Grids keep their place on the map."""
    _require_spreadsheet(request)
    data = await request.body()
    try:
        book = await asyncio.to_thread(spreadsheet.read, data)
        draft = await editions.draft(service, lambda _: book)
    except domain.BookInvalid as invalid:
        return await refuse(service, request, invalid)
    if dry_run:
        return _told(draft, saved=False)
    if not reason.strip():
        raise Invalid("reason", "must say something")
    asked = f"registry import {base} {reason} {sha256(data).hexdigest()}"
    return await _revise(draft, base, masked(reason), "import", asked, caller, service, request, key)


def _require_spreadsheet(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != spreadsheet.MEDIA_TYPE:
        raise Malformed(415, f"the content type must be {spreadsheet.MEDIA_TYPE}")


async def refuse(
    service: Service, request: Request, invalid: domain.BookInvalid, own: tuple[str, int] = ("", 0)
) -> Response:
    """422 with every mistake: `field` as the request names it where it stands in the row that is being changed (`own`),
    and always by sheet, row and column."""
    errors = [
        {
            "field": f"cells.{fault.column}" if (fault.sheet, fault.row) == own else _place(fault),
            "sheet": fault.sheet,
            "row": str(fault.row),
            "column": fault.column,
            "reason": fault.reason,
        }
        for fault in invalid.faults[:_MOST_FAULTS]
    ]
    first = errors[0]
    await service.refused(request, Invalid(first["field"], first["reason"]))
    return problem(422, "Invalid input", f"{first['field']}: {first['reason']}", errors=errors)


def _place(fault: domain.Fault) -> str:
    return ".".join(filter(None, (f"{fault.sheet or 'file'}[{fault.row}]" if fault.row else fault.sheet, fault.column)))


async def _revise(
    draft: editions.Draft,
    base: int,
    reason: str,
    how: domain.How,
    asked: str,
    caller: Caller,
    service: Service,
    request: Request,
    key: str | None,
) -> Response:
    view = _view(draft, saved=True)
    # What the draft was made of is what it changes: another one than was looked at is a newer one.
    made_of = draft.base.number if base == draft.base.number else _NONE

    def act(unit: Unit) -> RevisionView:
        done = commands.change_pack(unit, draft.after, made_of, caller.name, reason, how)
        versions = {"registry_version": done.registry_version, "calendar_version": done.calendar_version}
        return view.model_copy(update=versions)

    said = {"base": base, "how": how, "reason": reason, "changed": view.changed}
    deed = replace(deed_of(request, "registry"), asked=said)
    return await carry_out(act, asked, caller, service, request, key, wants=store.Revision(), deed=deed)


def _told(draft: editions.Draft, *, saved: bool) -> Response:
    return Response(_view(draft, saved=saved).model_dump_json(), media_type="application/json")


def _view(draft: editions.Draft, *, saved: bool) -> RevisionView:
    effect = draft.effect()
    return RevisionView(
        saved=saved,
        base=draft.base.number,
        registry_version=draft.base.registry_version,
        calendar_version=draft.base.calendar_version,
        differences=[_difference_view(one) for one in effect.differences[:_MOST_FAULTS]],
        changed=len(effect.differences),
        limits=[LimitView.model_validate(one, from_attributes=True) for one in effect.limits],
        routes=[RouteView.model_validate(one, from_attributes=True) for one in effect.routes],
        matters=effect.matters,
        touched=effect.touched,
    )


def edition_view(one: editions.Edition) -> EditionView:
    return EditionView.model_validate(one, from_attributes=True)


def _difference_view(one: domain.Difference) -> DifferenceView:
    return DifferenceView.model_validate(
        {"sheet": one.sheet, "key": list(one.key), "before": one.before, "after": one.after}
    )
