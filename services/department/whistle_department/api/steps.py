"""The steps of the work on a task."""

from functools import partial
from uuid import UUID

from fastapi import APIRouter, Response

from whistle_department import commands, store
from whistle_department.api.acting import AtDesk
from whistle_department.api.bodies import Acknowledge, CheckIn, CheckOut, LogProgress, Reach, Submit
from whistle_department.api.views import TaskView
from whistle_shared.web import PROBLEMS, StrictRoute

router = APIRouter(prefix="/api/v1", tags=["steps"], route_class=StrictRoute, responses=PROBLEMS)


@router.post("/tasks/{task_id}/acknowledgement", response_model=TaskView, summary="Acknowledge a task")
async def acknowledge(task_id: UUID, body: Acknowledge, desk: AtDesk) -> Response:
    """Stops this department's `ack` clock, no other's. A repetition changes nothing; the stamp stays."""
    return await desk.takes("acknowledgement", commands.acknowledge_task, task_id, body)


@router.post("/tasks/{task_id}/arrival", response_model=TaskView, summary="Check in")
async def arrive(task_id: UUID, body: CheckIn, desk: AtDesk) -> Response:
    """After the acknowledgement (409 before). A repetition changes nothing: the first stamp is kept. With `meeting_id`
    somebody attends a joint meeting; that is the arrival where a meeting is the presence asked for."""
    act = partial(commands.arrive, place=body.place, mode=body.mode, photo=body.photo, meeting_id=body.meeting_id)
    wants = store.Wanted(meeting=body.meeting_id) if body.meeting_id else None
    photos = (body.photo,) if body.photo else ()
    return await desk.takes("arrival", act, task_id, body, wants, photos)


@router.post("/tasks/{task_id}/departure", response_model=TaskView, summary="Check out")
async def depart(task_id: UUID, body: CheckOut, desk: AtDesk) -> Response:
    """The last responder leaves; whoever comes back checks in again."""
    return await desk.takes("departure", partial(commands.depart, note=body.note), task_id, body)


@router.post("/tasks/{task_id}/progress", response_model=TaskView, summary="Log progress")
async def log_progress(task_id: UUID, body: LogProgress, desk: AtDesk) -> Response:
    """After arriving; where the task asks for no presence, after acknowledging."""
    return await desk.takes("progress", partial(commands.log_progress, note=body.note), task_id, body)


@router.post("/tasks/{task_id}/milestones", response_model=TaskView, summary="Reach a milestone or file the plan")
async def reach(task_id: UUID, body: Reach, desk: AtDesk) -> Response:
    """Each once: `contain` secures the site, `plan` is filed with its steps (also before arriving), `repair`,
    `restore` (also after submitting)."""
    plan = [step.said() for step in body.plan]
    act = partial(commands.reach, milestone=body.milestone, note=body.note, plan=plan)
    return await desk.takes("milestones", act, task_id, body)


@router.post("/tasks/{task_id}/submission", response_model=TaskView, summary="Submit the result")
async def submit(task_id: UUID, body: Submit, desk: AtDesk) -> Response:
    """Once, after arriving where presence is asked for; again after an order to do it again. A repetition without its
    key is refused (409)."""
    act = partial(commands.submit, result=body.result, evidence=body.evidence)
    return await desk.takes("submission", act, task_id, body, photos=body.evidence)
