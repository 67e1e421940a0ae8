"""More time (延期, 缓办): the street's word on a first extension and on a short suspension, and the end of one."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from whistle_intake import domain, store
from whistle_intake.commands.standing import Office, open_whistle, task_of
from whistle_shared.contracts.intake import ExtensionDecided, SuspensionDecided, TaskResumed
from whistle_shared.db import Unit
from whistle_shared.errors import Conflict, Invalid, NotFound
from whistle_shared.registry import Regulation


@dataclass(frozen=True, slots=True)
class Decision:
    """What the street says. `due_at` goes with an extension, `until` with a suspension; without one: as asked.

    `review`: a suspension that was granted before was looked at again.
    """

    granted: bool
    due_at: datetime | None
    until: datetime | None
    reason: str
    review: bool


def note_request(unit: Unit, whistle_id: UUID, request: domain.Request) -> None:
    """A request came in that is for the street to decide."""
    whistle = store.whistle(unit, whistle_id)
    if request.request_id not in whistle.requests:
        _save(unit, whistle, request)


def decide_request(
    unit: Unit, whistle_id: UUID, request_id: UUID, office: Office, decision: Decision, regulation: Regulation
) -> domain.Request:
    """Decide a request, once; or keep a suspension that stands. Raises NotFound, IllegalTransition and Invalid."""
    whistle = open_whistle(unit, whistle_id, office, "review" if decision.review else "decision")
    request = whistle.requests.get(request_id)
    if request is None:
        raise NotFound(f"request {request_id}")
    task = task_of(whistle, request.task_id)
    word = _word(request, decision, office.by)
    if request.kind == "suspension" and word.granted and store.matter(unit, whistle_id).kind == "emergency":
        raise Invalid("granted", "an emergency is never suspended")
    if decision.review:
        decided = domain.keep(request, task, word, unit.now, regulation, store.calendar(unit))
    else:
        decided = domain.decide(request, task, word, unit.now)
    _save(unit, whistle, decided)
    if decided.kind == "suspension" and decided.status == "granted" and not decision.review:
        _suspend(unit, whistle_id, task)
    _say(unit, whistle_id, decided)
    return decided


def _word(request: domain.Request, decision: Decision, by: str) -> domain.Word:
    wrong, right = ("until", "due_at") if request.kind == "extension" else ("due_at", "until")
    if getattr(decision, wrong) is not None:
        raise Invalid(wrong, f"does not go with {request.kind}: say `{right}`")
    return domain.Word(decision.granted, getattr(decision, right), decision.reason, by)


def _suspend(unit: Unit, whistle_id: UUID, task: domain.Task) -> None:
    whistle = store.whistle(unit, whistle_id)
    store.save(unit, domain.with_task(whistle, replace(task, suspended_at=unit.now, suspended_by="street")))


def _say(unit: Unit, whistle_id: UUID, request: domain.Request) -> None:
    said = {
        "whistle_id": whistle_id,
        "task_id": request.task_id,
        "department": request.department,
        "request_id": request.request_id,
        "granted": request.status == "granted",
        "reason": request.answer,
        "by": request.decided_by,
    }
    data = (
        ExtensionDecided.model_validate({**said, "clock": request.clock, "due_at": request.granted_until})
        if request.kind == "extension"
        else SuspensionDecided.model_validate({**said, "cycle": request.cycle, "until": request.granted_until})
    )
    store.say(unit, data, whistle_id, awaiting=("escalation",), to=(request.department,))


def resume_task(unit: Unit, whistle_id: UUID, task_id: UUID, office: Office, reason: str) -> domain.Whistle:
    """End a suspension that the street granted. Raises NotFound, IllegalTransition, and Conflict for the district's."""
    whistle = open_whistle(unit, whistle_id, office, "resumption")
    task = task_of(whistle, task_id)
    task.needs("resumption")
    if task.suspended_by != "street":
        raise Conflict("the district suspended this task; the department or the district resumes it")
    store.save(unit, domain.with_task(whistle, replace(task, resumed_at=unit.now)))
    store.say(
        unit,
        TaskResumed(whistle_id=whistle_id, task_id=task_id, department=task.department, reason=reason, by=office.by),
        whistle_id,
        awaiting=("escalation",),
        to=(task.department,),
    )
    return store.whistle(unit, whistle_id)


def _save(unit: Unit, whistle: domain.Whistle, request: domain.Request) -> None:
    store.save(unit, replace(whistle, requests={**whistle.requests, request.request_id: request}))
