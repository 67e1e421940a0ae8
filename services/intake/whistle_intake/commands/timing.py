"""What is said of time, noted: the clocks that a dispatch begins, and whatever escalation says of one.

INVARIANT: the order in which it is heard does not matter (EVENTS.md R5).
"""

from collections.abc import Callable
from uuid import UUID

from whistle_intake import domain, store
from whistle_shared.contracts.dispatch import TasksCalled, WhistleUnrouted
from whistle_shared.contracts.escalation import ClockEvent
from whistle_shared.contracts.vocabulary import ClockName
from whistle_shared.db import Unit

_Change = Callable[[domain.Clock], domain.Clock]


def begin_clocks(unit: Unit, called: TasksCalled) -> None:
    """Note the clocks of the tasks that were called, unless the whistle is over: then none is armed."""
    if store.whistle(unit, called.whistle_id).stage != "open":
        return
    for task in called.tasks:
        for spec in called.terms.get(task.terms, ()):
            _begin(unit, domain.begun(called.whistle_id, task.task_id, spec))


def begin_waiting(unit: Unit, unrouted: WhistleUnrouted) -> None:
    """Note the clock of a whistle that waits at the district whistle office."""
    whistle = store.whistle(unit, unrouted.whistle_id)
    if whistle.stage == "open" and whistle.routing != "dispatched":
        for spec in unrouted.clocks:
            _begin(unit, domain.begun(unrouted.whistle_id, None, spec, unrouted.round))


def _begin(unit: Unit, clock: domain.Clock | None) -> None:
    """What escalation has said already is newer."""
    if clock is not None and clock.clock_id not in store.clocks(unit, clock.whistle_id):
        store.save_clock(unit, clock)


def follow_clock(
    unit: Unit, whistle_id: UUID, task_id: UUID | None, clock_id: UUID, name: ClockName, change: _Change
) -> None:
    """Note what escalation says of a clock, also of one that was not heard of before."""
    known = store.clocks(unit, whistle_id).get(clock_id) or domain.Clock(clock_id, whistle_id, task_id, name)
    store.save_clock(unit, change(known))


def follow_event(unit: Unit, data: ClockEvent, version: int, change: _Change = lambda clock: clock) -> None:
    """The same for an event about one clock, which names its due time."""

    def told(clock: domain.Clock) -> domain.Clock:
        return change(domain.told_due(clock, data.due_at, version))

    follow_clock(unit, data.whistle_id, data.task_id, data.clock_id, data.clock, told)
