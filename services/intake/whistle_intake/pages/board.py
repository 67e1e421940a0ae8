"""The board: the street's whistles in columns by state, what runs out first in front; on a phone a list.

INVARIANT: what is whose to see is in the SQL; a column that is longer than shown says so and leads on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from whistle_intake import queries
from whistle_intake.pages import rows
from whistle_shared.auth import Caller
from whistle_shared.errors import Invalid
from whistle_shared.pages import PageRoute, Panels, Viewer, Words, live_page, mark, render, visitor, words_of
from whistle_shared.runtime import Here, Service
from whistle_shared.web import Cursor, after, next_cursor

pages = APIRouter(tags=["pages"], route_class=PageRoute)
_EACH = 12
_A_PAGE = 50
Column = Literal["before", "blown", "coming", "working", "ours"]
Over = Literal["closed", "withdrawn", "self_handled", "joined"]
_OVER: tuple[Over, ...] = ("closed", "withdrawn", "self_handled", "joined")
# Column → (its states, what it is called, what an empty one says).
COLUMNS: Mapping[Column, tuple[tuple[str, ...], str, str]] = {
    "before": (("draft", "pending_approval"), mark("待发出"), mark("没有存着的拟哨和待审签的哨单。")),
    "blown": (("blown",), mark("待应哨"), mark("没有等着部门应哨的哨单。")),
    "coming": (("responding", "on_scene"), mark("应哨与报到"), mark("没有部门正在赶来或刚到场。")),
    "working": (("handling", "suspended"), mark("处置与缓办"), mark("没有正在处置的哨单。")),
    "ours": (("pending_verify", "pending_evaluation"), mark("待街道核查评价"), mark("没有轮到街道核查、评价的哨单。")),
}


@dataclass(frozen=True, slots=True)
class Stack:
    """One column. `more`: there are others behind those that are shown."""

    code: Column
    name: str
    nothing: str
    lines: Sequence[rows.Line]
    more: bool


def stacks(words: Words, found: queries.Lines, now: datetime, each: int = _EACH) -> list[Stack]:
    """The columns, from rows that run out first in front."""
    return [
        Stack(code, words.gettext(name), words.gettext(nothing), lines[:each], len(lines) > each)
        for code, (states, name, nothing) in COLUMNS.items()
        for lines in [_lines(words, found, now, states)]
    ]


def _lines(words: Words, found: queries.Lines, now: datetime, states: Sequence[str]) -> list[rows.Line]:
    return [
        rows.line(words, row, found.tasks.get(row.whistle_id, []), found.clocks.get(row.whistle_id, []), now)
        for row in found.rows
        if row.state in states
    ]


def key_of(text: str | None) -> queries.Key | None:
    """From where a long column goes on, as `cursor_of` wrote it. Raises Invalid."""
    if text is None:
        return None
    due_at, _, whistle_id = text.rpartition("~")
    try:
        return datetime.fromisoformat(due_at).astimezone(UTC) if due_at else None, UUID(whistle_id)
    except (ValueError, OverflowError):
        raise Invalid("after", "is not a place in this list") from None


def cursor_of(row: Any) -> str:
    """Where a row stands in its column."""
    return f"{row.due_at.isoformat() if row.due_at else ''}~{row.whistle_id}"


@pages.get("/whistles", summary="The street's board", response_class=HTMLResponse)
async def board(request: Request, viewer: Annotated[Caller, visitor("whistle.read")]) -> Response:
    """Columns by state, live. Whoever is not signed in is sent to `/sign-in`."""
    return await live_page(request, "board.html", "board", viewer)


@pages.get("/whistles/column/{code}", include_in_schema=False)
async def column(
    code: Column,
    request: Request,
    service: Here,
    viewer: Annotated[Caller, visitor("whistle.read")],
    after: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """All of one column, by pages."""
    states, name, nothing = COLUMNS[code]
    words = words_of(request)
    found = await queries.lines(service.engine, viewer, [states], _A_PAGE, key_of(after))
    shown = queries.Lines(found.rows[:_A_PAGE], found.tasks, found.clocks)
    more = cursor_of(shown.rows[-1]) if len(found.rows) > _A_PAGE else None
    lines = _lines(words, shown, service.time.now(), states)
    about = {"lines": lines, "name": words.gettext(name), "nothing": words.gettext(nothing), "more": more}
    return render(request, "column.html", code=code, **about)


@pages.get("/whistles/over", include_in_schema=False)
async def over(
    request: Request,
    service: Here,
    viewer: Annotated[Caller, visitor("whistle.read")],
    state: Over = "closed",
    cursor: Cursor = None,
) -> Response:
    """What has ended, the newest first."""
    words, now = words_of(request), service.time.now()
    found = await queries.ended(service.engine, viewer, state, after(cursor), _A_PAGE)
    lines = [rows.line(words, row, (), (), now) for row in found]
    kinds = [(code, words.of("whistle_state", code)) for code in _OVER]
    more = next_cursor([row.whistle_id for row in found], _A_PAGE)
    return render(request, "over.html", lines=lines, state=state, kinds=kinds, more=more)


async def drawn(service: Service, viewer: Viewer) -> Panels:
    """The first of each column."""
    columns = [states for states, _, _ in COLUMNS.values()]
    found = await queries.lines(service.engine, viewer.caller, columns, _EACH)
    return {"board": {"stacks": stacks(viewer.words, found, viewer.now)}}
