"""escalation at work on one whistle, without a database, and what it hears: for tests of its use cases."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Literal
from uuid import UUID

from support import paperwork
from support.clockface import MONDAY
from support.paperwork import WHISTLE, Sheet
from whistle_escalation import commands, domain, store
from whistle_escalation.consumers import SUBSCRIPTIONS
from whistle_shared.contracts import Event, EventData
from whistle_shared.contracts.department import ResponderCheckedIn, TaskAcknowledged, TaskEvent, TaskSubmitted
from whistle_shared.contracts.dispatch import WhistleUnrouted
from whistle_shared.contracts.escalation import EscalationRaised
from whistle_shared.contracts.intake import WhistleBlown, WhistleWithdrawn
from whistle_shared.replica import Replica
from whistle_shared.timers import Horizon

MINUTE = timedelta(minutes=1)
Step = Literal["acknowledged", "arrived", "submitted"]
STEPS: dict[Step, type[TaskEvent]] = {
    "acknowledged": TaskAcknowledged,
    "arrived": ResponderCheckedIn,
    "submitted": TaskSubmitted,
}


def minutes(after_nine: float) -> datetime:
    """An instant of the Monday on which everything here begins, at nine."""
    return MONDAY + after_nine * MINUTE


@dataclass
class Desk:
    """escalation at work on one whistle, without a database: what one Unit leaves behind the next one finds."""

    replica: Replica = field(default_factory=paperwork.replica)
    loaded: store.Loaded = field(default_factory=lambda: store.Loaded(domain.Matter(WHISTLE), exists=False))
    said: list[EventData] = field(default_factory=list)
    numbers: dict[domain.Series, Iterator[int]] = field(default_factory=lambda: defaultdict(lambda: count(1)))

    @property
    def matter(self) -> domain.Matter:
        return self.loaded.matter

    def hears(self, event: Event[Any], at: datetime | None = None) -> list[EventData]:
        """The event arrives at `at` (default: as soon as it is said). Returns what escalation says to it."""
        unit = self.unit(at or event.time)
        unit.cause = event
        SUBSCRIPTIONS[type(event.data)](unit, event)
        return self.keep(unit)

    def looks(self, at: datetime, degraded: bool = False) -> list[EventData]:
        """The timer comes by at `at` and fires what is due; no letter is written."""
        unit = self.unit(at)
        commands.fire_matter(unit, WHISTLE, Horizon(at, degraded))
        return self.keep(unit)

    def writes(self, at: datetime) -> list[EventData]:
        """The timer comes by at `at`, fires what is due and writes the letters that it calls for."""
        unit = self.unit(at)
        for owed in commands.fire_matter(unit, WHISTLE, Horizon(at, degraded=False)):
            commands.issue_letter(unit, owed, domain.Series.at(at, owed.form))
        return self.keep(unit)

    def does(self, act: Any, at: datetime, *arguments: Any) -> list[EventData]:
        """Somebody gives a command at `at`: `act` and its arguments after the Unit."""
        unit = self.unit(at)
        act(unit, *arguments)
        return self.keep(unit)

    def watches(self, until: datetime) -> list[EventData]:
        """The timer comes by whenever there is something due, until `until`."""
        return [word for at in self._looks(until) for word in self.looks(at)]

    def _looks(self, until: datetime) -> Iterator[datetime]:
        while True:
            looks = [clock.next_at for clock in self.matter.clocks.values()]
            looks += [standing.next_at for standing in self.matter.escalations.values()]
            due = [at for at in looks if at is not None and at <= until]
            if not due:
                return
            yield min(due)

    def unit(self, at: datetime) -> Sheet:
        return Sheet("escalation", at, store.Reference(self.replica, self.numbers), {WHISTLE: self.loaded})

    def keep(self, unit: Sheet) -> list[EventData]:
        self.loaded = unit.cases[WHISTLE]
        self.said += unit.said
        return unit.said

    def clock(self, name: str, department: str | None = None) -> domain.Clock:
        """The clock of this name as it counts: of several cycles the one that was not voided."""
        clocks = [c for c in self.matter.clocks.values() if (c.name, c.department) == (name, department)]
        (found,) = [clock for clock in clocks if clock.status != "voided"]
        return found

    def running(self) -> set[tuple[str | None, str]]:
        return {(c.department, c.name) for c in self.matter.clocks.values() if c.status == "running"}


FACTS = paperwork.facts()
CALL = paperwork.dispatched(FACTS)
FIVE = [task.department for task in CALL.tasks]
TASKS = {task.department: task.task_id for task in CALL.tasks}
KEY_WORK = paperwork.facts("key_work", "urgent")
KEY_CALL = paperwork.dispatched(KEY_WORK, ["CGJ", "GA"])


def instance_of(department: str) -> str:
    return f"department.{paperwork.pack().registry.department_by_code[department].instance}"


def step(department: str, which: Step, at: datetime, task_id: UUID | None = None) -> Event[Any]:
    """A department takes a step at `at`."""
    about = {
        "whistle_id": WHISTLE,
        "task_id": task_id or TASKS[department],
        "department": department,
        "by": "值班室",
        "person": "王建国",
    }
    more: dict[Step, dict[str, str]] = {
        "acknowledged": {},
        "arrived": {"place": "采薇路 12 号", "mode": "on_site"},
        "submitted": {"result": "已修复"},
    }
    data = STEPS[which].model_validate({**about, **more[which]})
    return paperwork.event(data, at, instance_of(department))


def called(at: datetime = MONDAY) -> Event[Any]:
    return paperwork.event(paperwork.dispatched(FACTS, at=at), at)


def withdrawn(at: datetime) -> Event[Any]:
    data = WhistleWithdrawn(whistle_id=WHISTLE, round=1, reason="重复上报", withdrawn_by="采薇街道")
    return paperwork.event(data, at)


def unrouted(at: datetime) -> Event[Any]:
    specs = paperwork.triage(FACTS)
    data = WhistleUnrouted(
        whistle_id=WHISTLE,
        round=1,
        facts=FACTS,
        reason="no sub-category",
        clocks=specs,
        registry_version=1,
        calendar_version=1,
    )
    return paperwork.event(data, at)


def blown() -> Event[Any]:
    return paperwork.event(WhistleBlown(whistle_id=WHISTLE, round=1, facts=FACTS), MONDAY)


def of(kind: type[EventData], words: Iterable[EventData]) -> list[Any]:
    return [word for word in words if isinstance(word, kind)]


def rungs(words: Iterable[EventData]) -> list[tuple[str | None, str, int]]:
    return [(word.department, word.clock, word.rung) for word in of(EscalationRaised, words)]


def armed(*earlier: Event[Any]) -> Desk:
    """A desk that has heard these and then, at nine, the dispatch to the five departments of 0701."""
    desk = Desk()
    for event in earlier:
        desk.hears(event)
    desk.hears(called())
    return desk
