"""Hand-overs of the duty desk: what lay open when one shift went, who read it, who took it over. Pure.

A department has at most one hand-over that waits to be accepted; a newer one replaces it. Nobody outside the
department needs to know, so there is no event: the row and the audit are the record.
INVARIANT: a hand-over is accepted once, by somebody else than who offered it, with every task that is still in hand.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from whistle_shared.errors import Conflict, IllegalTransition, Invalid

HandoverState = Literal["offered", "accepted", "replaced"]


@dataclass(frozen=True, slots=True)
class Handover:
    """One shift to the next. `tasks`: what lay open, as it stood then; `offered_by`, `accepted_by`: ids of callers,
    `person`, `accepted_person` their names; `successor`: who was to take over."""

    handover_id: UUID
    department: str
    offered_at: datetime
    offered_by: UUID
    person: str
    successor: str
    note: str
    tasks: Sequence[Mapping[str, Any]]
    replaced_at: datetime | None = None
    accepted_at: datetime | None = None
    accepted_by: UUID | None = None
    accepted_person: str | None = None

    @property
    def state(self) -> HandoverState:
        if self.accepted_at:
            return "accepted"
        return "replaced" if self.replaced_at else "offered"


@dataclass(slots=True)
class Desk:
    """A department's latest hand-overs, and what lies in its hands: as many facts of each task as a hand-over keeps."""

    handovers: dict[UUID, Handover] = field(default_factory=dict)
    in_hand: Sequence[Mapping[str, Any]] = ()

    @property
    def offered(self) -> Handover | None:
        """The one that waits."""
        return next((one for one in self.handovers.values() if one.state == "offered"), None)


def desk_of(department: str) -> UUID:
    """The name under which a department's hand-overs are locked and audited."""
    return uuid5(NAMESPACE_URL, f"whistle duty desk {department}")


def accepted(
    known: Handover, in_hand: Collection[str], by: UUID, person: str, tasks: Collection[UUID], now: datetime
) -> Handover:
    """The hand-over, taken over. `in_hand`: the ids of what is still open; `tasks`: those that were read.

    Raises IllegalTransition, Conflict for who has offered it, Invalid when a task was not read.
    """
    if known.state != "offered":
        raise IllegalTransition("acceptance", known.state, ())
    if known.offered_by == by:
        raise Conflict("whoever hands over does not take over: somebody else accepts")
    read = {str(task_id) for task_id in tasks}
    if unread := [row["number"] for row in known.tasks if row["task_id"] in set(in_hand) - read]:
        raise Invalid("tasks", f"still to be read: {', '.join(unread)}")
    return replace(known, accepted_at=now, accepted_by=by, accepted_person=person)
