"""One shift hands over to the next (交接班)."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from whistle_department import domain, store
from whistle_shared.db import Unit
from whistle_shared.errors import NotFound


def hand_over(
    unit: Unit, handover_id: UUID, department: str, by: UUID, person: str, successor: str, note: str
) -> domain.Handover:
    """Hand over what lies in the department's hands now; what was offered before and not accepted is replaced."""
    desk = store.desk(unit, department)
    if desk.offered is not None:
        store.save_handover(unit, replace(desk.offered, replaced_at=unit.now))
    new = domain.Handover(handover_id, department, unit.now, by, person, successor, note, desk.in_hand)
    store.add_handover(unit, new)
    return new


def take_over(
    unit: Unit, handover_id: UUID, department: str, by: UUID, person: str, tasks: Sequence[UUID]
) -> domain.Handover:
    """Take over. `tasks`: those that were read. A repetition by the same person changes nothing. Raises NotFound,
    IllegalTransition, Conflict for who has offered it, Invalid when a task was not read."""
    desk = store.desk(unit, department)
    known = desk.handovers.get(handover_id)
    if known is None:
        raise NotFound(f"hand-over {handover_id}")
    if known.accepted_by == by:
        return known
    accepted = domain.accepted(known, [row["task_id"] for row in desk.in_hand], by, person, tasks, unit.now)
    store.save_handover(unit, accepted)
    return accepted
