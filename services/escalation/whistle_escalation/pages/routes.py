"""The dashboard, and the lists behind its numbers: clocks, escalations, what happened."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BeforeValidator

from whistle_escalation.pages.panels import is_mapped
from whistle_escalation.pages.rows import address_of, clock_line, escalation_line, feed_line
from whistle_escalation.queries import listings
from whistle_escalation.queries.listings import At, Standing, cursor_of, place_of
from whistle_escalation.queries.scenes import UNTOLD
from whistle_shared.auth import EVERYWHERE, Caller
from whistle_shared.contracts import TYPES
from whistle_shared.contracts.vocabulary import ClockName, Code, Side
from whistle_shared.pages import (
    CLOCKS,
    RUNGS,
    SHANGHAI,
    PageRoute,
    Words,
    kind,
    live_page,
    mark,
    render,
    visitor,
    words_of,
)
from whistle_shared.runtime import Here

pages = APIRouter(tags=["pages"], route_class=PageRoute, include_in_schema=False)
ROWS = 50
KINDS: Mapping[str, str] = {kind(key): key for key in TYPES if key not in UNTOLD}
CHOICES: Mapping[str, str] = {
    "whistle_blown": mark("吹哨"),
    "whistle_dispatched": mark("派单"),
    "task_acknowledged": mark("应哨"),
    "responder_checked_in": mark("报到"),
    "clock_breached": mark("超时"),
    "escalation_raised": mark("升级"),
    "escalation_acknowledged": mark("知悉升级"),
    "task_reminded": mark("催办"),
    "letter_issued": mark("发出函件"),
    "letter_replied": mark("函件回复"),
    "whistle_closed": mark("销哨"),
}
"""What the log can be narrowed to by hand; an address may name any other kind."""
Outcome = Literal["met", "met_late", "cancelled", "voided", "overdue", "decided"]
# A form sends a field that was left empty as an empty one.
OR_EMPTY = BeforeValidator(lambda value: None if value == "" else value)
Cursor = Annotated[str | None, Query(max_length=80)]
MaybeCode = Annotated[Code | None, OR_EMPTY]
MaybeSide = Annotated[Side | None, OR_EMPTY]
Reader = Annotated[Caller, visitor("clock.read")]


@pages.get("/")
async def dashboard(request: Request, viewer: Reader, service: Here) -> Response:
    """The dashboard; with `?mode=wall` as a video wall shows it."""
    return await live_page(
        request, "dashboard.html", "dashboard", viewer, "", mapped=is_mapped(service.replica.registry)
    )


def units_of(words: Words, caller: Caller) -> dict[str, list[tuple[str, str]]]:
    """The departments and streets to choose from, for whoever sees more than one."""
    registry = words.registry
    if registry is None or caller.scope != EVERYWHERE:
        return {"departments": [], "streets": []}
    return {
        "departments": [(row.code, words.department(row.code)) for row in registry.departments],
        "streets": [(row.code, words.street(row.code)) for row in registry.streets],
    }


@pages.get("/clocks")
async def clocks(
    request: Request,
    viewer: Reader,
    service: Here,
    standing: Standing = "open",
    name: Annotated[ClockName | None, OR_EMPTY] = None,
    department: MaybeCode = None,
    street: MaybeCode = None,
    grid: MaybeCode = None,
    side: MaybeSide = None,
    outcome: Annotated[Outcome | None, OR_EMPTY] = None,
    whistle: UUID | None = None,
    after: Cursor = None,
) -> Response:
    """Clocks by due time. Every filter is part of the address."""
    asked = listings.Clocks(standing, name, department, street, grid, side, outcome, whistle)
    now = service.time.now()
    rows = await listings.clocks(service.engine, viewer, asked, now, place_of(after), ROWS)
    query = {"name": name, "department": department, "street": street, "grid": grid, "side": side, "whistle": whistle}
    words = words_of(request)
    return render(
        request,
        "clocks.html",
        asked=asked,
        query=query,
        outcome=outcome,
        clock_names=[(one, words.clock(one)) for one in CLOCKS],
        lines=[clock_line(words, row) for row in rows],
        tabs={one: address_of("/clocks", standing=one, **query) for one in listings.STANDINGS},
        more=address_of("/clocks", standing=standing, outcome=outcome, **query, after=_after_clock(asked, rows)),
        is_more=len(rows) == ROWS,
        is_first=after is None,
        **units_of(words, viewer),
    )


def _after_clock(asked: listings.Clocks, rows: Sequence[Any]) -> str | None:
    if not rows:
        return None
    at = rows[-1].started_at if asked.standing == "duty" else rows[-1].due_at
    return cursor_of(At(at, rows[-1].clock_id))


@pages.get("/escalations")
async def escalations(
    request: Request,
    viewer: Reader,
    service: Here,
    state: Literal["open", "ended"] = "open",
    rung: Annotated[int | None, Query(ge=1, le=9)] = None,
    department: MaybeCode = None,
    street: MaybeCode = None,
    side: MaybeSide = None,
    unseen: bool = False,
    after: Cursor = None,
) -> Response:
    """Open escalations, the highest rung first; or those that are over, the latest first."""
    asked = listings.Escalations(state == "ended", rung, department, street, side, unseen)
    rows = await listings.escalations(service.engine, viewer, asked, place_of(after), ROWS)
    query = {"department": department, "street": street, "side": side, "unseen": True if unseen else None}
    words = words_of(request)
    last = rows[-1] if rows else None
    at = None if last is None else At(last.ended_at if asked.ended else last.due_at, last.escalation_id, last.rung)
    return render(
        request,
        "escalations.html",
        asked=asked,
        state=state,
        query=query,
        lines=[escalation_line(words, row) for row in rows],
        rungs={one: address_of("/escalations", rung=one, **query) for one in sorted(RUNGS, reverse=True)},
        all_open=address_of("/escalations", **query),
        all_ended=address_of("/escalations", state="ended", **query),
        more=address_of("/escalations", state=state, rung=rung, **query, after=None if at is None else cursor_of(at)),
        is_more=len(rows) == ROWS,
        is_first=after is None,
        **units_of(words, viewer),
    )


@pages.get("/log")
async def log(
    request: Request,
    viewer: Reader,
    service: Here,
    about: Annotated[str | None, Query(alias="kind", max_length=40)] = None,
    day: Annotated[date | None, OR_EMPTY] = None,
    hour: Annotated[Annotated[int, Query(ge=0, le=23)] | None, OR_EMPTY] = None,
    before: Annotated[int | None, Query(ge=0, le=2**62)] = None,
) -> Response:
    """What happened, the latest first: of one kind, one day, one hour."""
    since, until = _stretch(day, hour)
    asked = listings.Happenings(KINDS.get(about or ""), since, until)
    rows = await listings.happenings(service.engine, viewer, asked, before, ROWS)
    words, now = words_of(request), service.time.now()
    return render(
        request,
        "log.html",
        kind=about,
        kind_names=[(one, words.gettext(word)) for one, word in CHOICES.items()],
        hour_names=[(str(one), f"{one:02}:00") for one in range(24)],
        day=day,
        hour=hour,
        events=[feed_line(words, row, now) for row in rows],
        more=address_of("/log", kind=about, day=day, hour=hour, before=rows[-1].position if rows else None),
        is_more=len(rows) == ROWS,
        is_first=before is None,
    )


def _stretch(day: date | None, hour: int | None) -> tuple[datetime | None, datetime | None]:
    """[since, until), UTC."""
    if day is None or not 2000 <= day.year < 2200:
        return None, None
    begins = datetime(day.year, day.month, day.day, hour or 0, tzinfo=SHANGHAI).astimezone(UTC)
    return begins, begins + (timedelta(days=1) if hour is None else timedelta(hours=1))
