"""The department's addresses."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from whistle_department import domain, queries
from whistle_department.pages import desk, rows, task
from whistle_shared import photos
from whistle_shared.auth import Caller
from whistle_shared.pages import PageRoute, fragment, live_page, render, visitor, words_of
from whistle_shared.runtime import Here, may
from whistle_shared.web import Cursor, after, next_cursor

pages = APIRouter(tags=["pages"], route_class=PageRoute, default_response_class=HTMLResponse)
Reader = Annotated[Caller, visitor("task.read")]
_EACH = 30
_ON_PAPER = 100
_CALLED_NEXT = 20


@pages.get("/", summary="The inbox")
async def inbox(request: Request, viewer: Reader) -> Response:
    """What waits for its acknowledgement, what is due next, what is late."""
    return await live_page(request, "inbox.html", "inbox", viewer)


@pages.get("/tasks", summary="All tasks")
async def tasks(
    request: Request,
    service: Here,
    viewer: Reader,
    state: Annotated[domain.State | None, Query()] = None,
    order: queries.Order = "newest",
    cursor: Cursor = None,
) -> Response:
    """A page of them by state, newest first or by due time."""
    found = await queries.tasks(
        service.engine,
        viewer,
        state=state,
        department=None,
        order=order,
        after=after(cursor),
        limit=_EACH,
    )
    now, words = service.time.now(), words_of(request)
    return render(
        request,
        "tasks.html",
        rows=rows.rows(words, found, now, viewer.scope),
        state=state,
        order=order,
        states=desk.states(words),
        next_cursor=next_cursor([one.task.task_id for one in found], _EACH),
    )


@pages.get("/tasks/{task_id}", summary="One task")
async def one_task(task_id: UUID, request: Request, service: Here, viewer: Reader) -> Response:
    """What to do next, its clocks, its facts and its history. 404 for another department's."""
    brief = await queries.brief(service.engine, viewer, task_id)
    words, registry = words_of(request), service.replica.registry
    return await live_page(
        request,
        "task.html",
        "task",
        viewer,
        str(task_id),
        task_id=str(task_id),
        department=words.department(brief.department),
        facts=brief.facts,
        matter=desk.matter(words, brief.facts),
        acts=viewer.scope == brief.department and viewer.has("task.act"),
        asks=viewer.scope == brief.department and viewer.has("task.ask"),
        duties=task.duties(words, registry, brief.facts.get("category")),
        departments=words.departments(but=[brief.department]),
    )


@pages.get("/tasks/{task_id}/photos", include_in_schema=False)
async def photos_of(
    task_id: UUID, request: Request, service: Here, viewer: Annotated[Caller, may("task.read")]
) -> Response:
    """A fragment: the whistle's photos and the department's own, by the step that they belong to."""
    whole = await queries.task(service.engine, viewer, task_id)
    named = photos.ids_in(whole.found.facts.get("photos", ()))
    groups: list[dict[str, Any]] = []
    for line in whole.history:
        of_line = photos.ids_in([line.detail.get("photo"), *line.detail.get("evidence", ())])
        if of_line:
            groups.append({"step": line.step, "at": line.at, "links": photos.links(service, of_line, viewer)})
    of_whistle = await photos.links_from(service, "intake", named, viewer)
    return fragment(request, "_photos.html", of_whistle=of_whistle, groups=groups)


@pages.get("/letters", summary="Letters to the department")
async def letters(request: Request, service: Here, viewer: Reader, cursor: Cursor = None) -> Response:
    """The newest first, each with its reply or the form for it."""
    found = await queries.letters(service.engine, viewer, after(cursor), _EACH)
    about = await queries.tasks_of(service.engine, viewer, {row.whistle_id for row in found})
    return render(
        request,
        "letters.html",
        letters=desk.letters(words_of(request), found, about, service.time.now()),
        acts=viewer.has("task.act"),
        next_cursor=next_cursor([row.letter_id for row in found], _EACH),
    )


@pages.get("/meetings", summary="Meetings the department is called to")
async def meetings(request: Request, service: Here, viewer: Reader, cursor: Cursor = None) -> Response:
    """The latest start first."""
    found = await queries.meetings(service.engine, viewer, after(cursor), _EACH)
    about = await queries.tasks_of(service.engine, viewer, {row.whistle_id for row in found})
    return render(
        request,
        "meetings.html",
        meetings=desk.meetings(words_of(request), found, about, service.time.now()),
        acts=viewer.has("task.act"),
        next_cursor=next_cursor([row.meeting_id for row in found], _EACH),
    )


@pages.get("/handover", summary="Hand-over of the duty desk")
async def handover(
    request: Request, service: Here, viewer: Annotated[Caller, visitor("task.act")], cursor: Cursor = None
) -> Response:
    """What lies open, the hand-over that waits to be accepted, and those before."""
    known = await queries.handovers(service.engine, viewer, after(cursor), _EACH)
    open_now = await queries.open_tasks(service.engine, viewer)
    words, registry = words_of(request), service.replica.registry
    return render(
        request,
        "handover.html",
        first=cursor is None,
        open_now=desk.open_tasks(words, open_now),
        handovers=desk.handovers(words, known, {row["task_id"] for row in open_now}, viewer.id),
        colleagues=desk.colleagues(registry, viewer.scope, viewer.name),
        next_cursor=next_cursor([one.handover_id for one in known], _EACH),
    )


@pages.get("/overview", summary="The heads' view")
async def overview(request: Request, viewer: Annotated[Caller, visitor("task.ask")]) -> Response:
    """Late and nearly late by person, requests that wait, scores."""
    return await live_page(request, "overview.html", "overview", viewer)


@pages.get("/print", summary="The day's list, for paper")
async def day_list(request: Request, service: Here, viewer: Reader) -> Response:
    """What lies in the department's hands, by what is due first, with room to sign."""
    found = await queries.in_hand(service.engine, viewer, _ON_PAPER)
    now = service.time.now()
    meetings = await queries.meetings(service.engine, viewer, None, _CALLED_NEXT)
    words = words_of(request)
    return render(
        request,
        "day_list.html",
        rows=rows.rows(words, found, now, viewer.scope),
        meetings=[one for one in meetings if one.starts_at > now],
        full=len(found) == _ON_PAPER,
    )
