"""One recorded whistle played again under supposed terms, by escalation's own handlers and its own timer.

Nothing is written: a Unit without a database carries what is known from one event to the next. The starts and the
steps are those of the record; the clocks, warnings, breaches and rungs follow from the supposed terms.
INVARIANT: under the terms that were in force a rehearsal fires what was fired.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from whistle_dispatch.domain import triage_clock
from whistle_dispatch.domain.terms import Rules, adjudication_clock, hours_of, item_terms, successor_terms, task_terms
from whistle_escalation import commands, domain, store
from whistle_escalation.consumers import SUBSCRIPTIONS
from whistle_shared.contracts import Event, EventData, department, dispatch, intake
from whistle_shared.contracts.dispatch import ClockSpec, TaskCalled, TasksCalled
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.db import Unit
from whistle_shared.observability import new_trace
from whistle_shared.replica import Replica
from whistle_shared.timers import Horizon
from whistle_shared.worktime import Calendar

STEPS: tuple[type[EventData], ...] = (
    intake.WhistleBlown,
    intake.WhistleWithdrawn,
    intake.WhistleReopened,
    intake.WhistleClosed,
    intake.MeetingMinuted,
    intake.TaskVerified,
    intake.TaskReworkOrdered,
    intake.TaskEvaluated,
    intake.ExtensionDecided,
    intake.SuspensionDecided,
    intake.TaskResumed,
    dispatch.WhistleDispatched,
    dispatch.WhistleUnrouted,
    dispatch.ReturnDecided,
    dispatch.DisputeOpened,
    dispatch.DisputeDecided,
    dispatch.LeadChanged,
    dispatch.ExtensionDecided,
    dispatch.SuspensionDecided,
    dispatch.TaskResumed,
    department.TaskAcknowledged,
    department.ResponderCheckedIn,
    department.ProgressLogged,
    department.MilestoneReached,
    department.TaskSubmitted,
    department.TaskResumed,
)
"""What is played. Letters and their replies are not: they follow from rungs that may not be climbed."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One event of the log."""

    data: EventData
    at: datetime
    producer: str


class _Supposed(Replica):
    """A registry and one calendar for every version of it."""

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self.registry = rules.registry
        self._calendar = rules.calendar

    @property
    def calendar_version(self) -> int:
        return self._calendar.version

    def calendar(self, version: int | None = None) -> Calendar:
        return self._calendar


class _Paper(Unit):
    """A Unit that writes nothing and keeps what was said."""

    def __init__(self, now: datetime, reference: store.Reference, cases: dict[UUID, Any]) -> None:
        super().__init__(cast(AsyncConnection, None), "escalation", now, timedelta(0))
        self.trace = new_trace()
        self.reference = reference
        self.cases = cases
        self.said: list[EventData] = []

    def insert(self, table: Table, **row: Any) -> None:
        """Nothing is kept."""

    def keep(self, table: Table, **row: Any) -> None:
        """Nothing is kept."""

    def update(self, table: Table, **row: Any) -> None:
        """Nothing is kept."""

    def emit(self, data: EventData, *_: object, **__: object) -> UUID:
        self.said.append(data)
        return uuid_utils.compat.uuid7()


@dataclass
class Rehearsal:
    """A whistle as it would have gone. `dues`: per round the whistle's own due time; `items`: the limits of tasks that
    a meeting gave."""

    whistle_id: UUID
    rules: Rules
    facts: WhistleFacts | None = None
    dues: dict[int, datetime | None] = field(default_factory=dict)
    items: dict[UUID, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._reference = store.Reference(_Supposed(self.rules), {})
        self._cases: dict[UUID, Any] = {self.whistle_id: store.Loaded(domain.Matter(self.whistle_id), exists=False)}

    @property
    def _matter(self) -> domain.Matter:
        loaded: store.Loaded = self._cases[self.whistle_id]
        return loaded.matter

    def hears(self, recorded: Recorded) -> list[EventData]:
        """Everything that falls due before the event, then the event. Returns what escalation would have said."""
        said = self.passes(recorded.at, before=True)
        data = self._under_these_terms(recorded)
        if data is None:
            return said
        event = Event(
            uuid_utils.compat.uuid7(),
            recorded.producer,
            str(self.whistle_id),
            recorded.at,
            data,
            correlation_id=uuid_utils.compat.uuid7(),
        )
        unit = self._unit(recorded.at)
        SUBSCRIPTIONS[type(data)](unit, event)
        return said + unit.said

    def passes(self, until: datetime, *, before: bool = False) -> list[EventData]:
        """The timer comes by at every instant up to `until` (`before`: not at `until` itself) that something is due."""
        said: list[EventData] = []
        while True:
            clocks, escalations = self._matter.clocks.values(), self._matter.escalations.values()
            looks = [*(clock.next_at for clock in clocks), *(standing.next_at for standing in escalations)]
            due = min((at for at in looks if at is not None), default=None)
            if due is None or due > until or (before and due == until):
                return said
            unit = self._unit(due)
            commands.fire_matter(unit, self.whistle_id, Horizon(due, degraded=False))
            said += unit.said

    def _unit(self, now: datetime) -> _Paper:
        return _Paper(now, self._reference, self._cases)

    def _under_these_terms(self, recorded: Recorded) -> EventData | None:
        """The event with the supposed terms in it; None for one that would not have been."""
        match recorded.data:
            case TasksCalled() as data:
                return self._called(data, recorded.at)
            case dispatch.WhistleUnrouted() as data:
                self.facts = data.facts
                return data.model_copy(update={"clocks": triage_clock(data.facts, self.rules)})
            case dispatch.DisputeOpened() as data:
                if self.facts is None:
                    return None
                return data.model_copy(update={"clock": adjudication_clock(self.facts, recorded.at, self.rules)})
            case intake.TaskReworkOrdered() as data:
                checked = self._due("street_verify", data.task_id, data.attempt)
                return data.model_copy(update={"verify_due_at": checked})
            case intake.ExtensionDecided() | dispatch.ExtensionDecided() as data:
                own = self._due(data.clock, data.task_id)
                longer = data.due_at is not None and own is not None and data.due_at > own
                return data if longer else None
        return recorded.data

    def _due(self, name: str, task_id: UUID, cycle: int | None = None) -> datetime | None:
        return next(
            (
                clock.due_at
                for clock in self._matter.clocks.values()
                if (clock.name, clock.task_id) == (name, task_id)
                and clock.status != "voided"
                and cycle in (None, clock.cycle)
            ),
            None,
        )

    def _called(self, data: TasksCalled, at: datetime) -> TasksCalled:
        """Roles that shared one set of clocks may have limits of their own now: a set for each."""
        self.facts = data.facts
        hours = {task.department: hours_of(task.department, self.rules) for task in data.tasks}
        named = {task.task_id: f"{task.terms}/{task.role}/{hours[task.department]}" for task in data.tasks}
        terms = {named[task.task_id]: self._terms(task, data, at) for task in data.tasks}
        self.dues.setdefault(data.round, _latest(terms.values()))
        tasks = tuple(task.model_copy(update={"terms": named[task.task_id]}) for task in data.tasks)
        return data.model_copy(update={"terms": terms, "tasks": tasks})

    def _terms(self, task: TaskCalled, data: TasksCalled, at: datetime) -> tuple[ClockSpec, ...]:
        """By the way the task came about: an action item keeps its own limit, and who takes over a duty its due."""
        facts, hours = data.facts, hours_of(task.department, self.rules)
        if task.origin.startswith("meeting"):
            given = (spec.limit for spec in data.terms.get(task.terms, ()) if spec.name == "resolve")
            self.items[task.task_id] = next(given, "")
            return item_terms(facts, self.items[task.task_id], at, self.rules, hours)
        if isinstance(data, dispatch.ReturnDecided):
            self.items[task.task_id] = item = self.items.get(data.task_id, "")
            return successor_terms(facts, task.role, item, at, self.dues.get(data.round), self.rules, hours)
        return task_terms(facts.kind, facts.urgency, task.role, at, self.rules, hours)


def _latest(terms: Iterable[tuple[ClockSpec, ...]]) -> datetime | None:
    resolves = (spec.schedule for specs in terms for spec in specs if spec.name == "resolve")
    return max((schedule.due_at for schedule in resolves if schedule), default=None)
