"""The whistle: its stage, its signature, its rounds. Pure: a whistle and an instant in, the next whistle out.

INVARIANT: no step leads out of an end, and a step that is not open from the present state raises IllegalTransition.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from whistle_intake.domain.callbacks import Callback
from whistle_intake.domain.matter import Matter
from whistle_intake.domain.meetings import Meeting
from whistle_intake.domain.requests import Request
from whistle_intake.domain.states import OPEN, Stage, State, guard, legal
from whistle_intake.domain.tasks import Task, derive
from whistle_shared.errors import Conflict, IllegalTransition
from whistle_shared.registry import Regulation, Street
from whistle_shared.worktime import SHANGHAI, Calendar, Limit, due

Signature = Literal["owed", "given", "missed", "late"]
"""Of an emergency that was blown at once. `missed`: nobody signed in time; `late`: somebody did afterwards."""


@dataclass(frozen=True, slots=True)
class Whistle:
    """One matter: what decides its state. Instants UTC.

    `initiator`: the department that calls, if it is not the street. `joined_to`: the open whistle of which this draft
    became a part. `callbacks` are by round.
    """

    whistle_id: UUID
    number: str
    street: str
    round: int
    routing: Literal["pending", "unrouted", "dispatched"] = "pending"
    stage: Stage = "open"
    initiator: str | None = None
    drafted_by: str | None = None
    submitted_by: str | None = None
    signature: Signature | None = None
    signature_due_at: datetime | None = None
    signed_by: str | None = None
    joined_to: UUID | None = None
    blown_at: datetime | None = None
    closed_at: datetime | None = None
    withdrawn_at: datetime | None = None
    tasks: Mapping[UUID, Task] = field(default_factory=dict)
    requests: Mapping[UUID, Request] = field(default_factory=dict)
    meetings: Mapping[UUID, Meeting] = field(default_factory=dict)
    callbacks: Mapping[int, Callback] = field(default_factory=dict)

    @property
    def current(self) -> tuple[Task, ...]:
        """The tasks of the current round; one that was only heard of belongs to it until its dispatch says more."""
        return tuple(task for task in self.tasks.values() if task.round in (None, self.round))

    @property
    def met(self) -> bool:
        """Whether a joint meeting of this round was held and minuted."""
        return any(meeting.minuted_at and meeting.round == self.round for meeting in self.meetings.values())

    @property
    def calling(self) -> bool:
        """Whether dispatch has yet to say which tasks this round's action items become."""
        return any(meeting.calling and meeting.round == self.round for meeting in self.meetings.values())

    @property
    def state(self) -> State:
        if self.stage == "open":
            return derive(self.current, self.met, self.calling)
        return self.stage

    @property
    def legal(self) -> tuple[str, ...]:
        """The steps that people may take with the whistle now."""
        callback = self.callbacks.get(self.round)
        return steps(self.state, self.stage, self.signature, callback is not None and callback.settled)


def steps(state: State, stage: Stage, signature: Signature | None, called_back: bool) -> tuple[str, ...]:
    """The steps that are open from a state, the call-back unless it is settled, and the signature that is owed: an
    emergency may be over before anybody had to sign for it."""
    open_now = legal(state)
    if state == "pending_evaluation" and not called_back:
        open_now = (*open_now, "callback")
    if stage in ("open", "closed") and signature in ("owed", "missed"):
        open_now = (*open_now, "approval")
    return open_now


def submit(
    whistle: Whistle,
    matter: Matter,
    street: Street,
    signer: str | None,
    now: datetime,
    regulation: Regulation,
    calendar: Calendar,
) -> Whistle:
    """A draft is handed up, and blown at once unless a leader of its street has to sign first.

    `signer`: the street leader who hands it up, and so signs; None for anybody else. An emergency waits for nobody:
    it is signed for afterwards, within the district's limit (24 h by default; DOMAIN.md C.1).
    """
    guard("submission", whistle.state)
    if whistle.initiator is not None:
        return blow(whistle, now)
    if signer is not None:
        return blow(replace(whistle, signed_by=signer), now)
    if matter.kind == "emergency":
        limit = Limit.parse(regulation.blowing.signature_limit)
        owed_until = due(now, limit, calendar).at
        return blow(replace(whistle, signature="owed", signature_due_at=owed_until), now)
    return blow(whistle, now) if street.approval == "automatic" else replace(whistle, stage="pending_approval")


def blow(whistle: Whistle, now: datetime) -> Whistle:
    """From now on departments are called."""
    return replace(whistle, stage="open", blown_at=now)


def approve(whistle: Whistle, by: str, now: datetime) -> Whistle:
    """A street leader signs: for a whistle that waits for it, or afterwards for an emergency."""
    if "approval" not in whistle.legal:
        raise IllegalTransition("approval", whistle.state, whistle.legal)
    if whistle.stage == "pending_approval":
        return blow(replace(whistle, signed_by=by), now)
    return replace(whistle, signature="late" if is_missed(whistle, now) else "given", signed_by=by)


def is_missed(whistle: Whistle, now: datetime) -> bool:
    """Whether the signature that is owed was not given in time."""
    if whistle.stage == "withdrawn" or whistle.signature_due_at is None:
        return False
    return whistle.signature == "missed" or (whistle.signature == "owed" and now > whistle.signature_due_at)


def reject(whistle: Whistle, outcome: Literal["self_handled", "draft"]) -> Whistle:
    """The street's leader does not sign."""
    guard("rejection", whistle.state)
    return replace(whistle, stage=outcome)


def join(whistle: Whistle, target: Whistle) -> Whistle:
    """A draft becomes part of an open whistle of the same street. Raises Conflict when that one is not open."""
    guard("joining", whistle.state)
    if target.state not in OPEN:
        raise Conflict(f"whistle {target.number} is {target.state}: only an open one can be joined")
    return replace(whistle, stage="joined", joined_to=target.whistle_id)


def withdraw(whistle: Whistle, now: datetime) -> Whistle:
    """The whistle is taken back. Raises IllegalTransition once work has begun (DOMAIN.md C.1)."""
    if "withdrawal" not in whistle.legal:
        raise IllegalTransition("withdrawal", whistle.state, whistle.legal)
    signature = None if whistle.signature == "owed" else whistle.signature
    return replace(whistle, stage="withdrawn", withdrawn_at=now, signature=signature)


def close(whistle: Whistle, now: datetime) -> Whistle:
    """Everything is scored and the reporter was asked (销哨). Raises IllegalTransition before that."""
    if whistle.state != "pending_evaluation":
        raise IllegalTransition("closing", whistle.state, whistle.legal)
    return replace(whistle, stage="closed", closed_at=now)


def reopen(whistle: Whistle, regulation: Regulation, now: datetime) -> Whistle:
    """The next round begins: of a closed whistle while the time for relapses runs, or of one whose call-back found
    the reporter dissatisfied. Raises IllegalTransition."""
    if whistle.state != "pending_evaluation":
        guard("reopening", whistle.state)
        if whistle.closed_at is None or now - whistle.closed_at > timedelta(days=regulation.blowing.relapse_days):
            raise IllegalTransition("reopening", "closed", ())
    return blow(replace(whistle, round=whistle.round + 1, routing="pending", closed_at=None), now)


def called_again(tasks: tuple[Task, ...]) -> tuple[str, ...]:
    """The departments of a reopened whistle: the original lead first, then the others that were not replaced."""
    stayed = sorted(
        (task for task in tasks if task.ended is None), key=lambda task: (task.role != "lead", str(task.role))
    )
    return tuple(dict.fromkeys(task.department for task in stayed))


def with_task(whistle: Whistle, task: Task) -> Whistle:
    """The whistle with this task in it."""
    return replace(whistle, tasks={**whistle.tasks, task.task_id: task})


def business_day(now: datetime) -> str:
    """The date in a number, `20261122`: the business day in Asia/Shanghai."""
    return now.astimezone(SHANGHAI).strftime("%Y%m%d")


def number(street: str, day: str, serial: int) -> str:
    """`S01-20261122-0007` (EVENTS.md R4)."""
    return f"{street}-{day}-{serial:04d}"
