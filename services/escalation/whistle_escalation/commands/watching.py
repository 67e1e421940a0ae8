"""What nobody else would notice: due times that a calendar moved, and clocks that nobody would look at again."""

from uuid import UUID

import structlog

from whistle_escalation import domain, store
from whistle_escalation.commands.saying import about, calendars, hearer, say_ended
from whistle_shared.contracts.escalation import ClockOverlooked, DeadlineRecomputed
from whistle_shared.db import Unit

log = structlog.get_logger(__name__)


def recompute_matter(unit: Unit, whistle_id: UUID) -> None:
    """Reckon the provisional clocks of one matter by the newest calendar and say which due times moved."""
    changes = domain.Changes(store.matter(unit, whistle_id), unit.now)
    newest = store.replica(unit).calendar_version
    for clock in list(changes.matter.clocks.values()):
        if clock.provisional and clock.live and clock.calendar_version < newest:
            after = domain.recompute(changes, clock, newest, calendars(unit))
            if after is not None and after.due_at != clock.due_at:
                _say_recomputed(unit, clock, after)
    store.save(unit, changes.matter)
    say_ended(unit, changes)


def _say_recomputed(unit: Unit, before: domain.Clock, after: domain.Clock) -> None:
    recomputed = DeadlineRecomputed(
        **about(after),
        previous_due_at=before.due_at,
        provisional=after.provisional,
        calendar_version=after.calendar_version,
    )
    store.say(unit, recomputed, after.whistle_id, hearer(after))


def watch_matter(unit: Unit, whistle_id: UUID) -> int:
    """Give every running clock that nobody would look at again its next look, and say so. Returns how many.

    INVARIANT: every running clock has a next firing, or has climbed its whole ladder.
    """
    changes = domain.Changes(store.matter(unit, whistle_id), unit.now)
    found = 0
    for clock in list(changes.matter.clocks.values()):
        if clock.status != "running" or clock.next_at is not None:
            continue
        if clock.breached_at is not None and clock.climbed >= clock.rungs:
            continue
        found += 1
        again = domain.look_again(changes, clock, calendars(unit))
        looked = {"clock_id": str(clock.clock_id), "clock": clock.name, "whistle_id": str(whistle_id)}
        log.error("clock.overlooked", next_at=str(again.next_at) if again else None, **looked)
        if again is not None:
            store.say(unit, ClockOverlooked(**about(again)), whistle_id, hearer(again))
    store.save(unit, changes.matter)
    return found
