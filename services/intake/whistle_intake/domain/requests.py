"""A department's requests for more time that the street decides: a first extension, a short suspension. Pure.

Source: DOMAIN.md C.5. INVARIANT: a request is decided once; only a suspension that stands may be looked at again.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from whistle_intake.domain.tasks import Task
from whistle_shared.contracts.vocabulary import ClockName, Decider, SuspensionReason
from whistle_shared.errors import Conflict, IllegalTransition, Invalid
from whistle_shared.registry import Regulation
from whistle_shared.worktime import Calendar, Limit, due

RequestKind = Literal["extension", "suspension"]
RequestStatus = Literal["pending", "granted", "refused"]
_CYCLES = 100


@dataclass(frozen=True, slots=True)
class Request:
    """What a department asked for, and the street's word on it. Instants UTC.

    `asked_until`: the due time asked for, or the end of the suspension; `granted_until` likewise. `number`: the
    how-manieth of its kind. `reviews` counts how often a suspension was looked at again and kept.
    """

    request_id: UUID
    task_id: UUID
    department: str
    kind: RequestKind
    decider: Decider
    number: int
    asked_until: datetime
    reason: str
    asked_by: str
    asked_at: datetime
    clock: ClockName | None = None
    current_due_at: datetime | None = None
    cause: SuspensionReason | None = None
    status: RequestStatus = "pending"
    reviews: int = 0
    granted_until: datetime | None = None
    answer: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None

    @property
    def cycle(self) -> int:
        """Numbers the review clock of a suspension: another one after each review that kept it."""
        return _CYCLES * self.number + self.reviews


def is_review(cycle: int) -> bool:
    """Whether a suspension was looked at again under this clock; else it began."""
    return cycle % _CYCLES != 0


@dataclass(frozen=True, slots=True)
class Word:
    """What the street says to a request. `until` None: as asked."""

    granted: bool
    until: datetime | None
    reason: str
    by: str


def decide(request: Request, task: Task, word: Word, now: datetime) -> Request:
    """The request after the street's first word on it. Raises IllegalTransition, Conflict and Invalid."""
    if request.decider != "street":
        raise Conflict("this request is for the district to decide")
    if request.status != "pending":
        legal = ("review",) if _stands(request, task) else ()
        raise IllegalTransition("decision", request.status, legal)
    if not word.granted:
        if word.until is not None:
            raise Invalid(_field(request), "goes with a request that is granted")
        return _answered(request, word, None, now)
    if task.ended or task.delivered or (request.kind == "suspension" and task.suspended):
        raise IllegalTransition("decision", task.state, ("refusal",))
    return _answered(request, word, _granted_until(request, word, now), now)


def keep(
    request: Request, task: Task, word: Word, now: datetime, regulation: Regulation, calendar: Calendar
) -> Request:
    """The suspension was looked at again and goes on; its review clock begins anew. `word.until` None: as before.

    Raises IllegalTransition unless the suspension stands, and Invalid for an end that is past or beyond what a
    street may grant from now.
    """
    if not _stands(request, task):
        raise IllegalTransition("review", request.status, ("decision",) if request.status == "pending" else ())
    if not word.granted:
        raise Invalid("granted", "a suspension that is not to go on is ended by a resumption")
    until = word.until or request.granted_until or request.asked_until
    longest = due(now, Limit.parse(regulation.more_time.street_suspension), calendar).at
    if not now < until <= longest:
        raise Invalid("until", f"must be later than now and at most {longest.isoformat()}")
    return replace(_answered(request, word, until, now), reviews=request.reviews + 1)


def _stands(request: Request, task: Task) -> bool:
    """Whether it is by this very request that the task is suspended now: no later one was granted."""
    if request.kind != "suspension" or request.status != "granted" or task.state != "suspended":
        return False
    assert task.suspended_at is not None
    assert request.decided_at is not None
    return task.suspended_at <= request.decided_at


def _granted_until(request: Request, word: Word, now: datetime) -> datetime:
    until = word.until or request.asked_until
    after = request.current_due_at if request.kind == "extension" else now
    assert after is not None
    if until > request.asked_until:
        raise Invalid(_field(request), f"is later than was asked for ({request.asked_until.isoformat()})")
    if until <= after:
        raise Invalid(_field(request), f"must be later than {after.isoformat()}")
    return until


def _answered(request: Request, word: Word, until: datetime | None, now: datetime) -> Request:
    return replace(
        request,
        status="granted" if word.granted else "refused",
        granted_until=until,
        answer=word.reason,
        decided_by=word.by,
        decided_at=now,
    )


def _field(request: Request) -> str:
    return "due_at" if request.kind == "extension" else "until"
