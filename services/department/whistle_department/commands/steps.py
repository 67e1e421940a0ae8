"""The steps of the work: acknowledged, arrived, left, noted, reached, submitted.

INVARIANT: one department's acknowledgement touches only its own task.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal
from uuid import UUID

from whistle_department import domain, store
from whistle_shared import photos
from whistle_shared.contracts.department import (
    MilestoneReached,
    PlanStep,
    ProgressLogged,
    ResponderCheckedIn,
    ResponderCheckedOut,
    TaskAcknowledged,
    TaskEvent,
    TaskSubmitted,
)
from whistle_shared.contracts.vocabulary import Milestone
from whistle_shared.db import Unit
from whistle_shared.errors import Invalid, NotFound

_ESCALATION = ("escalation",)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who takes a step on which task. `department`: the caller's scope; `by`: the token's name; `person`: the
    duty person."""

    whistle_id: UUID
    task_id: UUID
    department: str
    by: str
    person: str


def own_task(unit: Unit, actor: Actor) -> domain.Task:
    """The actor's task. Raises NotFound, also for another department's."""
    task = store.task(unit, actor.whistle_id, actor.task_id)
    if task.department != actor.department:
        raise NotFound(f"task {actor.task_id}")
    return task


def record(unit: Unit, step: domain.Step, event: TaskEvent, awaiting: Sequence[str] = ()) -> domain.Task:
    """Say a step and append it to the log. Steps that move a clock await escalation's receipt."""
    event_id = unit.emit(event, event.whistle_id, awaiting=awaiting)
    detail = event.model_dump(mode="json", exclude=set(TaskEvent.model_fields))
    line = domain.Entry(event_id, step, unit.now, event.task_id, 0, event.by, event.person, detail)
    store.note(unit, event.whistle_id, line)
    return store.task(unit, event.whistle_id, event.task_id)


def acknowledge_task(unit: Unit, actor: Actor) -> domain.Task:
    """Take a task on. A repetition changes nothing. Raises NotFound (also for another's), IllegalTransition."""
    task = own_task(unit, actor)
    if domain.repeated(task, "acknowledgement", unit.now):
        return task
    domain.require(task, "acknowledgement", unit.now)
    return record(unit, "acknowledgement", TaskAcknowledged(**asdict(actor)), _ESCALATION)


def arrive(
    unit: Unit,
    actor: Actor,
    place: str,
    mode: Literal["on_site", "online", "meeting"],
    photo: UUID | None,
    meeting_id: UUID | None = None,
) -> domain.Task:
    """Report in, also again after everybody had left. A repetition changes nothing. Raises NotFound, IllegalTransition
    and Invalid (a meeting that this department is not called to, a photo that is not its own)."""
    task = own_task(unit, actor)
    if meeting_id is not None:
        if not _attends(unit, task, meeting_id, actor.person):
            return task
    elif domain.repeated(task, "arrival", unit.now):
        return task
    else:
        domain.require(task, "arrival", unit.now)
    photos.claim(unit, () if photo is None else (photo,), task.department, f"task:{task.task_id}", "photo")
    event = ResponderCheckedIn(
        **asdict(actor),
        place=place,
        mode=mode,
        photo=None if photo is None else str(photo),
        meeting_id=meeting_id,
        arrival=meeting_id is None or task.presence == "meeting",
    )
    return record(unit, "arrival", event, _ESCALATION)


def _attends(unit: Unit, task: domain.Task, meeting_id: UUID, person: str) -> bool:
    """Keep the attendance; False when it was kept before."""
    called = store.invitation(unit, task.whistle_id, meeting_id, task.department)
    if called is None:
        raise Invalid("meeting_id", "is no meeting about this whistle that the department is called to")
    if not domain.may_attend(task):
        domain.refuse(task, "arrival", unit.now)
    if called.attended_at is None:
        store.save_invitation(unit, replace(called, attended_at=unit.now, person=person))
    return called.attended_at is None


def depart(unit: Unit, actor: Actor, note: str) -> domain.Task:
    """The last responder leaves the place. Raises NotFound and IllegalTransition."""
    domain.require(own_task(unit, actor), "departure", unit.now)
    return record(unit, "departure", ResponderCheckedOut(**asdict(actor), note=note))


def log_progress(unit: Unit, actor: Actor, note: str) -> domain.Task:
    """Note how the work goes. Raises NotFound and IllegalTransition."""
    domain.require(own_task(unit, actor), "progress", unit.now)
    return record(unit, "progress", ProgressLogged(**asdict(actor), note=note))


def reach(unit: Unit, actor: Actor, milestone: Milestone, note: str, plan: Sequence[PlanStep]) -> domain.Task:
    """A milestone is reached, or the plan filed. Raises NotFound, IllegalTransition and Invalid."""
    domain.check_milestone(own_task(unit, actor), milestone, plan, unit.now)
    event = MilestoneReached(**asdict(actor), milestone=milestone, note=note, plan=tuple(plan))
    return record(unit, "milestones", event, _ESCALATION)


def submit(unit: Unit, actor: Actor, result: str, evidence: Sequence[UUID]) -> domain.Task:
    """Say that the work is done; after an order to do it again, once more. `evidence`: photos. Raises NotFound,
    IllegalTransition and Invalid (a photo that is not the department's own)."""
    task = own_task(unit, actor)
    domain.require(task, "submission", unit.now)
    photos.claim(unit, evidence, task.department, f"task:{task.task_id}", "evidence.{}")
    named = tuple(str(photo_id) for photo_id in evidence)
    event = TaskSubmitted(**asdict(actor), result=result, evidence=named, attempt=task.attempt + 1)
    return record(unit, "submission", event, _ESCALATION)
