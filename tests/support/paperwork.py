"""Values for tests that need no database: the sample district, a whistle's facts, a Unit that only collects."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from support.clockface import MONDAY
from support.places import SAMPLE
from whistle_dispatch.domain import Pack, Plan, called, plan, read_pack, triage_clock
from whistle_dispatch.domain.terms import Rules
from whistle_shared.contracts import Event, EventData
from whistle_shared.contracts.dispatch import ClockSpec, WhistleDispatched
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.contracts.vocabulary import Kind, Urgency
from whistle_shared.db import Unit
from whistle_shared.observability import new_trace
from whistle_shared.replica import Replica

WHISTLE = UUID("0198c5a0-0000-7000-8000-000000000001")


@cache
def pack() -> Pack:
    """The sample district."""
    return read_pack(SAMPLE)


def replica() -> Replica:
    """The sample district as a service holds it. Calls nobody: the tables are never read."""
    held = Replica()
    held.registry = pack().registry
    held._years = list(pack().calendars)
    return held


def rules() -> Rules:
    """The sample district as dispatch plans by it."""
    return Rules(pack().registry, replica().calendar())


def facts(
    kind: Kind = "emergency", urgency: Urgency = "critical", category: str | None = "0701", at: datetime = MONDAY
) -> WhistleFacts:
    """What a street said."""
    return WhistleFacts(
        number="S01-20260601-0007",
        kind=kind,
        urgency=urgency,
        street="S01",
        category=category,
        title="路面塌陷",
        description="采薇路与长亭街交口路面塌陷，水管破裂",
        place="采薇路 12 号门前",
        beyond_power_reason="街道无开挖和关阀权限",
        blown_by="采薇街道值班长",
        blown_at=at,
    )


def dispatched(about: WhistleFacts, departments: Sequence[str] = (), at: datetime = MONDAY) -> WhistleDispatched:
    """What dispatch says of a whistle at `at`, by its own rules."""
    planned = plan(WHISTLE, 1, about, departments, at, rules())
    assert isinstance(planned, Plan), planned
    return WhistleDispatched(
        whistle_id=WHISTLE,
        round=1,
        facts=about,
        whistle_due_at=planned.whistle_due_at,
        tasks=tuple(called(task, planned.named(task), about, rules()) for task in planned.tasks),
        terms=planned.terms,
        registry_version=1,
        calendar_version=rules().calendar.version,
        flags=planned.flags,
    )


def triage(about: WhistleFacts) -> tuple[ClockSpec, ...]:
    """The clock under which a whistle waits for somebody to route it."""
    return triage_clock(about, rules())


def event(data: EventData, at: datetime, producer: str = "", subject: UUID = WHISTLE) -> Event[Any]:
    """`data` as it is heard: said at `at` (business) by `producer` (default: the one its key names)."""
    said_by = producer or data.key.partition(".")[0]
    return Event(uuid7(), said_by, str(subject), at, data, correlation_id=uuid4(), sender=said_by)


@dataclass(frozen=True, slots=True)
class Word:
    """One event that was emitted: who must see it, and whose receipt is awaited."""

    data: EventData
    to: tuple[str, ...]
    awaiting: tuple[str, ...]


class Sheet(Unit):
    """A Unit that nobody flushes: it has no connection, and shows what was collected in the order of collecting."""

    def __init__(self, producer: str, now: datetime, reference: Any, cases: Mapping[UUID, Any]) -> None:
        super().__init__(cast(AsyncConnection, None), producer, now, timedelta(0))
        self.trace = new_trace()
        self.reference = reference
        self.cases.update(cases)
        self.words: list[Word] = []
        self.written: list[tuple[Table, dict[str, Any]]] = []

    def insert(self, table: Table, **row: Any) -> None:
        self.written.append((table, row))
        super().insert(table, **row)

    def update(self, table: Table, **row: Any) -> None:
        self.written.append((table, row))
        super().update(table, **row)

    def emit(
        self, data: EventData, subject: UUID | str, *, to: Iterable[str] = (), awaiting: Iterable[str] = ()
    ) -> UUID:
        wanted, receivers = tuple(to), tuple(awaiting)
        self.words.append(Word(data, wanted, receivers))
        return super().emit(data, subject, to=wanted, awaiting=receivers)

    @property
    def said(self) -> list[EventData]:
        """What was emitted, in order."""
        return [word.data for word in self.words]

    def rows(self, table: Table) -> list[dict[str, Any]]:
        """What was inserted into or changed in a table: whole rows, or a key and what changes."""
        return [row for into, row in self.written if into is table]
