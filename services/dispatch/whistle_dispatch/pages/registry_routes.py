"""The registry's addresses: its sheets, a row to edit, what that would do, the history, the spreadsheet."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse

from whistle_dispatch import domain
from whistle_dispatch.api.revisions import SheetName, VersionNumber, difference
from whistle_dispatch.pages import registry as view
from whistle_dispatch.queries import editions
from whistle_shared.auth import Caller
from whistle_shared.errors import DomainError, Invalid
from whistle_shared.pages import PageRoute, fragment, render, visitor, words_of
from whistle_shared.runtime import Here, may
from whistle_shared.web import said

pages = APIRouter(tags=["pages"], route_class=PageRoute, default_response_class=HTMLResponse)
Reader = Annotated[Caller, visitor("dispatch.read")]
Writer = Annotated[Caller, visitor("registry.write")]
Sheet = Annotated[SheetName, Path()]
Key = Annotated[list[str], Query(max_length=4)]
_EACH = 50
_MOST_TOLD = 300


@pages.get("/registry", summary="The registry: its sheets and the version in force")
async def overview(request: Request, service: Here, viewer: Reader) -> Response:
    now = await editions.newest(service)
    book = domain.book_of(await editions.pack_at(service, now))
    words = words_of(request)
    groups = [
        (
            words.gettext(name),
            [
                (
                    sheet,
                    view.sheet_name(words, sheet),
                    view.NAMES[sheet][1],
                    words.gettext(view.NAMES[sheet][2]),
                    len(book[sheet]),
                )
                for sheet in sheets
            ],
        )
        for name, sheets in view.GROUPS
    ]
    return render(request, "registry.html", groups=groups, edition=now, how=view.HOW)


@pages.get("/registry/versions", summary="The history of the registry")
async def versions(
    request: Request, service: Here, viewer: Reader, cursor: Annotated[int | None, Query(ge=1, le=2**62)] = None
) -> Response:
    found = await editions.editions(service.engine, after=cursor, limit=_EACH)
    following = str(found[-1].number) if len(found) == _EACH else None
    first = found[0].number if found and cursor is None else None
    return render(request, "registry_versions.html", editions=found, newest=first, how=view.HOW, next_cursor=following)


@pages.get("/registry/versions/{number}", summary="One version: who, when, why, and what it changed")
async def version(number: VersionNumber, request: Request, service: Here, viewer: Reader) -> Response:
    one, before = await editions.edition(service.engine, number)
    newest = await editions.newest(service)
    words = words_of(request)
    found = [] if before is None else await difference(service, before, one)
    return render(
        request,
        "registry_version.html",
        edition=one,
        before=before,
        newest=newest.number,
        told=view.told(words, found[:_MOST_TOLD]),
        more=max(0, len(found) - _MOST_TOLD),
        how=view.HOW,
    )


@pages.get("/registry/versions/{number}/preview", include_in_schema=False)
async def restoration_preview(
    number: VersionNumber,
    request: Request,
    service: Here,
    reader: Annotated[Caller, may("registry.write")],
) -> Response:
    """A fragment of a page: what putting this version back would change now."""
    return await _effect(request, lambda: editions.restored(service, number))


@pages.get("/registry/import", summary="The registry from a spreadsheet")
async def import_page(request: Request, service: Here, viewer: Writer) -> Response:
    words = words_of(request)
    names = {sheet: view.sheet_name(words, sheet) for sheet in view.NAMES}
    columns = {
        f"{sheet}.{column}": view.column_name(words, sheet, column)
        for sheet, own in domain.SHEETS.items()
        for column in own
    }
    now = await editions.newest(service)
    return render(request, "registry_import.html", names=names, columns=columns, edition=now)


@pages.get("/registry/{sheet}", summary="A sheet of the registry")
async def sheet_page(
    sheet: Sheet,
    request: Request,
    service: Here,
    viewer: Reader,
    q: Annotated[str, Query(max_length=100)] = "",
    cursor: Annotated[int, Query(ge=0, le=100_000)] = 0,
) -> Response:
    """`q`: rows that say this, in code or in words."""
    words = words_of(request)
    now = await editions.newest(service)
    lines = domain.sheet_of(await editions.pack_at(service, now), sheet)
    found = view.found(words, sheet, lines, q)
    return render(
        request,
        "registry_sheet.html",
        sheet=sheet,
        name=view.sheet_name(words, sheet),
        about=words.gettext(view.NAMES[sheet][2]),
        heads=[view.column_name(words, sheet, column) for column in view.columns_of(words, sheet)],
        rows=view.rows(words, sheet, found[cursor : cursor + _EACH]),
        total=len(found),
        q=q,
        fixed=sheet in domain.FIXED,
        before=cursor - _EACH if cursor >= _EACH else None,
        following=cursor + _EACH if cursor + _EACH < len(found) else None,
    )


@pages.get("/registry/{sheet}/row", summary="A row of a sheet, to look at or to change")
async def row_page(sheet: Sheet, request: Request, service: Here, viewer: Reader, key: Key) -> Response:
    now = await editions.newest(service)
    lines = domain.sheet_of(await editions.pack_at(service, now), sheet)
    line = domain.find({sheet: lines}, sheet, tuple(key))
    words = words_of(request)
    name = view.key_words(words, sheet, key)
    return _form(request, sheet, now, line.cells, key, name)


@pages.get("/registry/{sheet}/new", summary="A new row of a sheet")
async def new_page(sheet: Sheet, request: Request, service: Here, viewer: Writer) -> Response:
    now = await editions.newest(service)
    return _form(request, sheet, now, {}, None, words_of(request).gettext("新增"))


def _form(
    request: Request, sheet: str, now: editions.Edition, cells: domain.Cells, key: list[str] | None, name: str
) -> Response:
    words = words_of(request)
    return render(
        request,
        "registry_row.html",
        sheet=sheet,
        sheet_name=view.sheet_name(words, sheet),
        name=name,
        key=key,
        edition=now,
        fields=view.fields(words, sheet, cells),
        shown=[
            (view.column_name(words, sheet, column), view.shown(words, sheet, column, cells.get(column, "")))
            for column in domain.SHEETS[sheet]
        ],
        fixed=sheet in domain.FIXED,
        limits=not view.LIMITS.isdisjoint(domain.SHEETS[sheet]),
    )


@pages.get("/registry/{sheet}/preview", include_in_schema=False)
async def change_preview(
    sheet: Sheet, request: Request, service: Here, reader: Annotated[Caller, may("registry.write")]
) -> Response:
    """A fragment of a page: what the form, as it is filled in, would change."""
    asked = request.query_params.multi_items()
    key = [value for name, value in asked if name == "key[]"] or None
    cells: domain.Cells | None = {
        name.removeprefix("cells."): value for name, value in asked if name.startswith("cells.")
    }
    if request.query_params.get("gone") == "true":
        cells = None
    return await _effect(
        request,
        lambda: editions.draft(
            service, lambda book: domain.changed(book, sheet, tuple(key) if key else None, cells)[0]
        ),
    )


async def _effect(request: Request, make: Any) -> Response:
    words = words_of(request)

    def tell(reason: str) -> str:
        return said(reason) if words.language == "zh" else reason

    faults: list[dict[str, str]] = []
    about: dict[str, Any] = {}
    try:
        draft = await make()
        about = view.effect(words, draft.effect())
    except domain.BookInvalid as invalid:
        faults = view.fault_lines(words, invalid.faults[:20], tell)
    except Invalid as error:
        faults = [{"sheet": "", "row": "", "column": "", "reason": tell(error.reason)}]
    except DomainError as error:
        faults = [{"sheet": "", "row": "", "column": "", "reason": tell(str(error))}]
    return fragment(request, "_effect.html", faults=faults, effect=about)
