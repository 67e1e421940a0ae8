"""Looking at tasks."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from whistle_department import domain, queries
from whistle_department.api.views import TaskDetail, TaskPage, task_detail, task_item
from whistle_shared import photos
from whistle_shared.auth import Caller
from whistle_shared.contracts.vocabulary import Code
from whistle_shared.runtime import Here, Service, may
from whistle_shared.web import PROBLEMS, Cursor, Limit, StrictRoute, after, next_cursor

router = APIRouter(prefix="/api/v1", tags=["tasks"], route_class=StrictRoute, responses=PROBLEMS)


async def registry_missing(service: Service) -> str | None:
    """Readiness: which tasks are to be kept here follows from the registry."""
    return None if service.replica.registry is not None else "the registry has not arrived yet"


@router.get("/tasks", summary="The caller's tasks")
async def list_tasks(
    caller: Annotated[Caller, may("task.read")],
    service: Here,
    state: Annotated[domain.State | None, Query(description="Only tasks in this state")] = None,
    department: Annotated[Code | None, Query(description="Only this department's tasks", examples=["CGJ"])] = None,
    order: Annotated[
        queries.Order,
        Query(description="`newest` first, or by `due` time (then only tasks that a clock runs for)"),
    ] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> TaskPage:
    """A department sees its own tasks; the district and operations see all that are served here."""
    found = await queries.tasks(
        service.engine,
        caller,
        state=state,
        department=department,
        order=order,
        after=after(cursor),
        limit=limit,
    )
    now = service.time.now()
    return TaskPage(
        items=[task_item(one, now) for one in found],
        next_cursor=next_cursor([one.task.task_id for one in found], limit),
    )


@router.get("/tasks/{task_id}", summary="One task with its clocks and its history")
async def read_task(task_id: UUID, caller: Annotated[Caller, may("task.read")], service: Here) -> TaskDetail:
    """The lead also sees which of the assistants' clocks have passed their limits."""
    whole = await queries.task(service.engine, caller, task_id)
    of_whistle = await photos.links_from(service, "intake", photos.ids_in(whole.found.facts.get("photos", ())), caller)
    return task_detail(whole, service.time.now(), of_whistle, partial(photos.links, service, holder=caller))
