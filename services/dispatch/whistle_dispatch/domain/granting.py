"""What the district grants or refuses: a second extension, a long suspension and its reviews, a score appeal; and what
does not count in assessment. Pure.

INVARIANT: the first decision on a request stands; only a suspension that runs on is reviewed again.
"""

from dataclasses import replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from whistle_dispatch.domain.dispatch import (
    Asked,
    Dispatch,
    Request,
    RequestKind,
    Task,
    require_open,
    with_task,
)
from whistle_dispatch.domain.division import with_request
from whistle_shared.contracts.department import (
    ExtensionRequested,
    ReturnRequested,
    ScoreAppealed,
    SuspensionRequested,
)
from whistle_shared.contracts.vocabulary import Score
from whistle_shared.errors import Conflict, IllegalTransition, Invalid, NotFound
from whistle_shared.registry import Regulation

_CYCLES_PER_SUSPENSION = 100
_RESULT = "result"
_A = TypeVar("_A", bound=Asked)


def takes(dispatch: Dispatch, asked: Asked) -> bool:
    """Whether a request that arrives is put on the desk: it is new, and its task stands under a whistle that is being
    worked on. A score is appealed against also when the whistle has been closed since.

    Raises NotFound when there is no such task of this department: then it is not the department's word.
    """
    task = dispatch.task(asked.task_id)
    if task is None or task.department != asked.department:
        raise NotFound(f"task {asked.task_id} of {asked.department}")
    if asked.request_id in dispatch.requests:
        return False
    if isinstance(asked, ScoreAppealed):
        return dispatch.state in ("dispatched", "closed")
    return dispatch.state == "dispatched" and task.ended_at is None and task.round == dispatch.round


def ask(dispatch: Dispatch, asked: Asked, asked_at: datetime) -> Dispatch:
    """The request lies on the desk."""
    assert not isinstance(asked, ReturnRequested), "a return has a time limit of its own"
    return with_request(dispatch, Request(asked, asked_at, dispatch.round))


def request_of(dispatch: Dispatch, request_id: UUID, *kinds: RequestKind) -> Request:
    """A request of one of these kinds. Raises NotFound."""
    request = dispatch.requests.get(request_id)
    if request is None or request.kind not in kinds:
        raise NotFound(f"request {request_id}")
    return request


def decide_extension(
    dispatch: Dispatch, request_id: UUID, granted: bool, due_at: datetime | None, reason: str, by: str, now: datetime
) -> tuple[Dispatch, Request]:
    """More time until `due_at`: after the present due, and no later than was asked for (None: as asked for).

    Raises IllegalTransition, Invalid.
    """
    request, asked = _open(dispatch, request_id, ExtensionRequested)
    if request.state != "pending":
        raise IllegalTransition("decision", request.state, ())
    if not granted and due_at is not None:
        raise Invalid("due_at", "a refusal names no date")
    until = (due_at or asked.due_at) if granted else None
    if until is not None and not asked.current_due_at < until <= asked.due_at:
        raise Invalid("due_at", f"must be after {asked.current_due_at} and not after {asked.due_at}")
    return _settle(dispatch, request, granted, reason, by, now, until)


def decide_suspension(
    dispatch: Dispatch,
    request_id: UUID,
    granted: bool,
    until: datetime | None,
    reason: str,
    by: str,
    now: datetime,
    *,
    review: bool = False,
) -> tuple[Dispatch, Request]:
    """The clocks rest until `until` (None: as asked for). `review`: one that runs on was looked at again and is kept,
    under the next cycle of the review clock. To end one early is a resumption.

    Raises IllegalTransition, Invalid.
    """
    request, asked = _open(dispatch, request_id, SuspensionRequested)
    if review:
        return _keep(dispatch, request, granted, until, reason, by, now)
    if request.state != "pending":
        raise IllegalTransition("decision", request.state, ("review",) if _stands(request) else ())
    if not granted and until is not None:
        raise Invalid("until", "a refusal names no date")
    request = replace(request, cycle=_CYCLES_PER_SUSPENSION * asked.number)
    if not granted:
        return _settle(dispatch, request, False, reason, by, now, None)
    if suspension_of(dispatch, asked.task_id) is not None:
        raise IllegalTransition("suspension", "suspended", ("resumption",))
    end = until or asked.until
    if not now < end <= asked.until:
        raise Invalid("until", f"must be in the future and not after {asked.until}")
    return _settle(dispatch, request, True, reason, by, now, end)


def _keep(
    dispatch: Dispatch, request: Request, granted: bool, until: datetime | None, reason: str, by: str, now: datetime
) -> tuple[Dispatch, Request]:
    if not _stands(request) or request.cycle is None:
        legal = ("decision",) if request.state == "pending" else ()
        raise IllegalTransition("review", "resumed" if request.resumed_at else request.state, legal)
    if not granted:
        raise IllegalTransition("refusal", "suspended", ("resumption",))
    end = until or request.granted_until
    if until is not None and until <= now:
        raise Invalid("until", "must be in the future")
    return _settle(dispatch, replace(request, cycle=request.cycle + 1), True, reason, by, now, end)


def _stands(request: Request) -> bool:
    """Whether a suspension was granted and nobody has resumed since."""
    return request.state == "upheld" and request.resumed_at is None


def suspension_of(dispatch: Dispatch, task_id: UUID) -> Request | None:
    """The district's suspension that this task rests under."""
    return next(
        (
            request
            for request in dispatch.requests.values()
            if request.kind == "suspension"
            and request.asked.task_id == task_id
            and request.state == "upheld"
            and request.resumed_at is None
        ),
        None,
    )


def resume(dispatch: Dispatch, task_id: UUID, now: datetime) -> Dispatch:
    """The district ends a suspension that it granted. Raises IllegalTransition."""
    require_open(dispatch, "resumption")
    standing = suspension_of(dispatch, task_id)
    if standing is None:
        raise IllegalTransition("resumption", "not suspended by the district", ())
    return with_request(dispatch, replace(standing, resumed_at=now))


def note_resumption(dispatch: Dispatch, task_id: UUID, at: datetime) -> Dispatch:
    """The department or the street ended the suspension; one that was granted later is not meant."""
    standing = suspension_of(dispatch, task_id)
    if standing is None or at < _since(standing):
        return dispatch
    return with_request(dispatch, replace(standing, resumed_at=at))


def _since(standing: Request) -> datetime:
    """No suspension of before was over later than this. A review has overwritten when it was granted."""
    reviewed = standing.cycle is not None and standing.cycle % _CYCLES_PER_SUSPENSION
    return standing.asked_at if reviewed or standing.decided_at is None else standing.decided_at


def revision_of(request: Request) -> int:
    """The revision of the score that is appealed against."""
    assert isinstance(request.asked, ScoreAppealed)
    return request.asked.revision


def decide_appeal(
    dispatch: Dispatch, request_id: UUID, granted: bool, score: Score | None, reason: str, by: str, now: datetime
) -> tuple[Dispatch, Request]:
    """The district's word on a score, also when the whistle has been closed since. Raises IllegalTransition,
    Invalid."""
    if dispatch.state not in ("dispatched", "closed"):
        raise IllegalTransition("decision", dispatch.state, ())
    request = request_of(dispatch, request_id, "appeal")
    if request.state != "pending":
        raise IllegalTransition("decision", request.state, ())
    if granted != (score is not None):
        raise Invalid("score", "goes with an appeal that is granted, and only with that")
    after, settled = _settle(dispatch, request, granted, reason, by, now, None)
    settled = replace(settled, score=score)
    return with_request(after, settled), settled


def score_of(parts: dict[str, int], veto: bool, total: int | None, *, regulation: Regulation) -> Score:
    """The marks as a score: every part of the regulation, none above its maximum; after a veto the result counts 0.
    A `total` that was given has to fit.

    Raises Invalid.
    """
    maxima = regulation.scoring.parts
    if set(parts) != set(maxima):
        raise Invalid("score.parts", f"must be exactly {', '.join(maxima)}")
    for name, mark in parts.items():
        if not 0 <= mark <= maxima[name]:
            raise Invalid(f"score.parts.{name}", f"must be between 0 and {maxima[name]}")
    marks = {name: 0 if veto and name == _RESULT else parts[name] for name in maxima}
    score = Score(parts=marks, total=min(sum(marks.values()), 100), veto=veto)
    if total not in (None, score.total):
        raise Invalid("score.total", f"the marks come to {score.total}")
    return score


def exclude(dispatch: Dispatch, task_id: UUID, excluded: bool) -> tuple[Dispatch, Task]:
    """Whether a task counts in assessment, also of a whistle that has been closed since. Raises NotFound, Conflict."""
    task = dispatch.task(task_id)
    if task is None:
        raise NotFound(f"task {task_id}")
    if dispatch.state == "cancelled":
        raise IllegalTransition("exclusion", dispatch.state, ())
    if task.excluded == excluded:
        raise Conflict(f"the task {'is excluded' if excluded else 'counts'} already")
    changed = replace(task, excluded=excluded)
    return replace(dispatch, tasks=with_task(dispatch, changed)), changed


def note_silence(dispatch: Dispatch, task_id: UUID, at: datetime) -> Dispatch:
    """A clock of this task has reached the whistle office's rung: somebody may have to be called in its place."""
    task = dispatch.task(task_id)
    if task is None or task not in dispatch.active or task.raised_at is not None or dispatch.state != "dispatched":
        return dispatch
    return replace(dispatch, tasks=with_task(dispatch, replace(task, raised_at=at)))


def _open(dispatch: Dispatch, request_id: UUID, model: type[_A]) -> tuple[Request, _A]:
    """A request of a whistle that is being worked on, about a task that stands. Raises IllegalTransition, NotFound."""
    require_open(dispatch, "decision")
    request = dispatch.requests.get(request_id)
    if request is None or not isinstance(request.asked, model):
        raise NotFound(f"request {request_id}")
    task = dispatch.task(request.asked.task_id)
    if task is None or task not in dispatch.active:
        raise IllegalTransition("decision", "ended", ())
    return request, request.asked


def _settle(
    dispatch: Dispatch, request: Request, granted: bool, reason: str, by: str, now: datetime, until: datetime | None
) -> tuple[Dispatch, Request]:
    settled = replace(
        request,
        state="upheld" if granted else "refused",
        decided_at=now,
        decided_by=by,
        reason=reason,
        granted_until=until,
    )
    return with_request(dispatch, settled), settled
