"""The street looks at the work: it passes a task, or sends it back. And urges those that keep it waiting."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from whistle_intake import domain, store
from whistle_intake.commands.standing import Office, open_whistle, task_of
from whistle_shared.clockwork import parse_limit
from whistle_shared.contracts.intake import TaskReworkOrdered, TaskUrged, TaskVerified
from whistle_shared.db import Unit
from whistle_shared.errors import Invalid
from whistle_shared.worktime import due


def verify_task(
    unit: Unit, whistle_id: UUID, task_id: UUID, office: Office, *, passed: bool, note: str
) -> domain.Whistle:
    """The street's finding on a submitted task. Raises NotFound, IllegalTransition, and Invalid for a task that is
    sent back without a reason."""
    whistle = open_whistle(unit, whistle_id, office, "verification")
    task = task_of(whistle, task_id)
    task.needs("verification")
    if not passed:
        return order_rework(unit, whistle, task, note, office.by)
    store.save(unit, domain.with_task(whistle, replace(task, verified_at=unit.now)))
    store.say(
        unit,
        TaskVerified(
            whistle_id=whistle_id,
            task_id=task_id,
            department=task.department,
            attempt=task.attempt,
            note=note,
            by=office.by,
        ),
        whistle_id,
        awaiting=("escalation",),
        to=(task.department,),
    )
    return store.whistle(unit, whistle_id)


def order_rework(unit: Unit, whistle: domain.Whistle, task: domain.Task, reasons: str, by: str) -> domain.Whistle:
    """Send a task back to its department (返工). Raises Invalid without a reason."""
    if not reasons:
        raise Invalid("note", "say what is to be done again")
    assert task.submitted_at is not None
    store.save(unit, domain.with_task(whistle, replace(task, reworked=task.attempt, verified_at=None)))
    store.say(
        unit,
        TaskReworkOrdered(
            whistle_id=whistle.whistle_id,
            task_id=task.task_id,
            department=task.department,
            attempt=task.attempt,
            submitted_at=task.submitted_at,
            verify_due_at=_verify_due(unit, task),
            reasons=reasons,
            by=by,
        ),
        whistle.whistle_id,
        awaiting=("escalation",),
        to=(task.department,),
    )
    return store.whistle(unit, whistle.whistle_id)


def _verify_due(unit: Unit, task: domain.Task) -> datetime | None:
    """When the street ought to have verified the submission, by the terms frozen at dispatch; escalation reckons the
    same (EVENTS.md R11): by the frozen calendar, and anew by the newest where that one was provisional."""
    if task.verify_limit is None or task.submitted_at is None:
        return None
    limit = parse_limit(task.verify_limit)
    end = due(task.submitted_at, limit, store.calendar(unit, task.calendar_version))
    return due(task.submitted_at, limit, store.calendar(unit)).at if end.provisional else end.at


def urge_task(unit: Unit, whistle_id: UUID, task_id: UUID, office: Office, note: str) -> domain.Whistle:
    """Urge the department that has a task (催办); escalation makes a reminder of it."""
    whistle = open_whistle(unit, whistle_id, office, "urge")
    task = task_of(whistle, task_id)
    task.needs("urge")
    said = TaskUrged(whistle_id=whistle_id, task_id=task_id, department=task.department, note=note, by=office.by)
    store.say(unit, said, whistle_id)
    return whistle
