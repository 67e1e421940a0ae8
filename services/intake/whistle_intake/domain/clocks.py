"""What the street sees of time: the clocks under a whistle, as dispatch began them and escalation moved them. Pure.

INVARIANT: the order in which it is heard does not matter: of two words on a clock the later counts, and the end of a
rung counts before its beginning (EVENTS.md R5).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid5

from whistle_shared.contracts.dispatch import ClockSpec
from whistle_shared.contracts.vocabulary import ClockName, ClockStatus


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock. Instants UTC. The versions are those of escalation's events about the whistle; 0: dispatch's word, or
    none yet. `warned`: percent of the time up to `due_at` that has passed; `rungs`: whether each that was climbed still
    stands open, by its number."""

    clock_id: UUID
    whistle_id: UUID
    task_id: UUID | None
    name: ClockName
    status: ClockStatus = "running"
    status_version: int = 0
    due_at: datetime | None = None
    due_version: int = 0
    provisional: bool = False
    warned: int = 0
    rungs: Mapping[str, bool] = field(default_factory=dict)

    @property
    def rung(self) -> int:
        """The highest rung that stands open; 0: none."""
        return max((int(rung) for rung, is_open in self.rungs.items() if is_open), default=0)


def begun(whistle_id: UUID, task_id: UUID | None, spec: ClockSpec, cycle: int = 1) -> Clock | None:
    """A clock that starts with a dispatch, under the id that escalation gives it too (EVENTS.md R4)."""
    if spec.schedule is None:
        return None
    clock_id = uuid5(task_id or whistle_id, f"{spec.name}/{cycle}")
    at = spec.schedule
    return Clock(clock_id, whistle_id, task_id, spec.name, due_at=at.due_at, provisional=at.provisional)


def told_status(clock: Clock, status: ClockStatus, version: int) -> Clock:
    """A clock started, paused or stopped."""
    return clock if version <= clock.status_version else replace(clock, status=status, status_version=version)


def told_due(clock: Clock, due_at: datetime, version: int, provisional: bool | None = None) -> Clock:
    """A due time was named; with a newer one falls what was said of the old one."""
    if version > clock.due_version:
        moved = due_at != clock.due_at
        clock = replace(clock, due_at=due_at, due_version=version, warned=0 if moved else clock.warned)
    told = provisional is not None and due_at == clock.due_at
    return replace(clock, provisional=bool(provisional)) if told else clock


def told_warning(clock: Clock, percent: int, due_at: datetime) -> Clock:
    """So many percent of the time up to `due_at` have passed."""
    return replace(clock, warned=max(clock.warned, percent)) if due_at == clock.due_at else clock


def told_rung(clock: Clock, rung: int, *, is_open: bool) -> Clock:
    """A rung was climbed, or is over."""
    still = is_open and clock.rungs.get(str(rung), True)
    return replace(clock, rungs={**clock.rungs, str(rung): still})


def next_due(clocks: Iterable[Clock]) -> datetime | None:
    """What runs out first, or has run out longest ago; None: nothing runs."""
    return min((clock.due_at for clock in clocks if clock.status == "running" and clock.due_at), default=None)
