"""What the district grants or refuses a department: more time, rest, another score; and what does not count."""

from datetime import datetime
from uuid import UUID

from whistle_dispatch import domain, store
from whistle_shared.contracts.department import ExtensionRequested
from whistle_shared.contracts.dispatch import (
    ExtensionDecided,
    ScoreAppealDecided,
    SuspensionDecided,
    TaskExcluded,
    TaskResumed,
)
from whistle_shared.contracts.vocabulary import TaskFact
from whistle_shared.db import Unit
from whistle_shared.errors import Invalid, NotFound


def note_request(unit: Unit, asked: domain.Asked, at: datetime) -> None:
    """A request lies on the desk, once."""
    known = store.heard_of(unit, asked.whistle_id)
    if domain.takes(known, asked):
        store.save(unit, domain.ask(known, asked, at))


def decide_request(
    unit: Unit,
    whistle_id: UUID,
    request_id: UUID,
    granted: bool,
    due_at: datetime | None,
    until: datetime | None,
    reason: str,
    by: str,
    *,
    review: bool = False,
) -> domain.Request:
    """The district's word on an extension or a suspension, whichever it is; `review`: a suspension that runs on was
    looked at again and is kept. Raises NotFound, IllegalTransition,
    Invalid."""
    known = store.on_desk(unit, whistle_id)
    request = domain.request_of(known, request_id, "extension", "suspension")
    if request.kind == "extension":
        if review:
            raise Invalid("review", "only a suspension is reviewed")
        if until is not None:
            raise Invalid("until", "is of a suspension: an extension has a `due_at`")
        return _decide_extension(unit, known, request_id, granted, due_at, reason, by)
    if due_at is not None:
        raise Invalid("due_at", "is of an extension: a suspension has an `until`")
    return _decide_suspension(unit, known, request_id, granted, until, reason, by, review)


def _decide_extension(
    unit: Unit,
    known: domain.Dispatch,
    request_id: UUID,
    granted: bool,
    due_at: datetime | None,
    reason: str,
    by: str,
) -> domain.Request:
    after, settled = domain.decide_extension(known, request_id, granted, due_at, reason, by, unit.now)
    store.save(unit, after)
    asked = settled.asked
    assert isinstance(asked, ExtensionRequested)
    data = ExtensionDecided(
        **_about(settled), granted=granted, reason=reason, by=by, clock=asked.clock, due_at=settled.granted_until
    )
    _say(unit, data, awaiting=True)
    return settled


def _decide_suspension(
    unit: Unit,
    known: domain.Dispatch,
    request_id: UUID,
    granted: bool,
    until: datetime | None,
    reason: str,
    by: str,
    review: bool,
) -> domain.Request:
    after, settled = domain.decide_suspension(known, request_id, granted, until, reason, by, unit.now, review=review)
    store.save(unit, after)
    data = SuspensionDecided(
        **_about(settled),
        granted=granted,
        reason=reason,
        by=by,
        cycle=settled.cycle,
        until=settled.granted_until,
    )
    _say(unit, data, awaiting=True)
    return settled


def resume_task(unit: Unit, whistle_id: UUID, task_id: UUID, reason: str, by: str) -> domain.Dispatch:
    """The district ends a suspension. Raises NotFound, IllegalTransition."""
    known = store.on_desk(unit, whistle_id)
    task = known.task(task_id)
    if task is None:
        raise NotFound(f"task {task_id}")
    after = domain.resume(known, task_id, unit.now)
    store.save(unit, after)
    data = TaskResumed(whistle_id=whistle_id, task_id=task_id, department=task.department, reason=reason, by=by)
    _say(unit, data, awaiting=True)
    return after


def note_resumption(unit: Unit, whistle_id: UUID, task_id: UUID, at: datetime) -> None:
    """Somebody else ended the suspension: there is nothing left to review."""
    known = store.heard_of(unit, whistle_id)
    store.save(unit, domain.note_resumption(known, task_id, at))


def decide_appeal(
    unit: Unit,
    whistle_id: UUID,
    request_id: UUID,
    granted: bool,
    marks: tuple[dict[str, int], bool, int | None] | None,
    reason: str,
    by: str,
) -> domain.Request:
    """The district's word on a score; `marks`: the parts, the veto and the total of the new one. Raises NotFound,
    IllegalTransition, Invalid."""
    known = store.on_desk(unit, whistle_id)
    score = None if marks is None else domain.score_of(*marks, regulation=store.rules(unit).registry.regulation)
    after, settled = domain.decide_appeal(known, request_id, granted, score, reason, by, unit.now)
    store.save(unit, after)
    revision = domain.revision_of(settled)
    data = ScoreAppealDecided(
        **_about(settled), granted=granted, reason=reason, by=by, revision=revision, score=settled.score
    )
    _say(unit, data)
    return settled


def exclude_task(unit: Unit, whistle_id: UUID, task_id: UUID, excluded: bool, reason: str, by: str) -> domain.Dispatch:
    """A task does not count in assessment, or counts again. Raises NotFound, Conflict."""
    after, task = domain.exclude(store.on_desk(unit, whistle_id), task_id, excluded)
    store.save(unit, after)
    data = TaskExcluded(
        whistle_id=whistle_id,
        task_id=task_id,
        department=task.department,
        excluded=excluded,
        reason=reason,
        by=by,
    )
    _say(unit, data)
    return after


def _about(request: domain.Request) -> dict[str, UUID | str]:
    asked = request.asked
    return {
        "whistle_id": asked.whistle_id,
        "task_id": asked.task_id,
        "department": asked.department,
        "request_id": asked.request_id,
    }


def _say(unit: Unit, data: TaskFact, *, awaiting: bool = False) -> None:
    """To the department it concerns; `awaiting`: escalation has to confirm what it does to the clocks."""
    unit.emit(data, data.whistle_id, to=(data.department,), awaiting=("escalation",) if awaiting else ())
