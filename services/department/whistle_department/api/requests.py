"""What the department asks for; the street or the district decides."""

from functools import partial
from uuid import UUID

from fastapi import APIRouter, Response

from whistle_department import commands
from whistle_department.api.acting import AtDesk, AtHeadsDesk
from whistle_department.api.bodies import Appeal, Extend, Resume, Return, Suspend
from whistle_department.api.views import TaskView
from whistle_shared.web import PROBLEMS, StrictRoute

router = APIRouter(prefix="/api/v1", tags=["requests"], route_class=StrictRoute, responses=PROBLEMS)


@router.post("/tasks/{task_id}/return", response_model=TaskView, summary="Return a task")
async def request_return(task_id: UUID, body: Return, desk: AtHeadsDesk) -> Response:
    """Before arriving, within the urgency's window, once; critical tasks know no return. It cites an item of the duty
    list or a clause. Every clock runs on; a refused return resets nothing."""
    act = partial(
        commands.request_return,
        duty=body.duty,
        basis=body.basis,
        proper_department=body.proper_department,
        reason=body.reason,
    )
    return await desk.takes("return", act, task_id, body)


@router.post("/tasks/{task_id}/extension", response_model=TaskView, summary="Ask for more time")
async def extend(task_id: UUID, body: Extend, desk: AtHeadsDesk) -> Response:
    """Before the clock is due, by at most the regulation's share of its original limit. The street decides the first
    request for a clock, the district the second."""
    act = partial(commands.ask_for_time, clock=body.clock, due_at=body.due_at, reason=body.reason)
    return await desk.takes("extension", act, task_id, body)


@router.post("/tasks/{task_id}/suspension", response_model=TaskView, summary="Ask for a suspension")
async def suspend(task_id: UUID, body: Suspend, desk: AtHeadsDesk) -> Response:
    """For a reason of the closed list, one at a time, never for an emergency. The street decides short ones, the
    district the rest."""
    act = partial(commands.ask_to_suspend, cause=body.cause, until=body.until, reason=body.reason)
    return await desk.takes("suspension", act, task_id, body)


@router.post("/tasks/{task_id}/resumption", response_model=TaskView, summary="Resume a suspended task")
async def resume(task_id: UUID, body: Resume, desk: AtDesk) -> Response:
    """The paused clocks run on."""
    return await desk.takes("resumption", partial(commands.resume, reason=body.reason), task_id, body)


@router.post("/tasks/{task_id}/appeal", response_model=TaskView, summary="Appeal against the score")
async def appeal(task_id: UUID, body: Appeal, desk: AtHeadsDesk) -> Response:
    """Once, within the window after the first score. The district decides."""
    return await desk.takes("appeal", partial(commands.appeal, reason=body.reason), task_id, body)
