"""Rows to whistles and back, for a whole batch at a time."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select

from whistle_intake import domain, tables
from whistle_shared.contracts import Event, EventData
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.db import Unit, Work, among, columns_of
from whistle_shared.errors import NotFound
from whistle_shared.replica import Replica

_DRAW = (
    "insert into street_counter(street, day, last) select * from unnest($1::text[], $2::text[], $3::int[]) "
    "on conflict (street, day) do update set last = street_counter.last + excluded.last returning street, day, last"
)
_TASK = [field.name for field in fields(domain.Task)]


@dataclass(frozen=True, slots=True)
class Numbers:
    """A work's wish for a whistle number of this street on this business day."""

    street: str
    day: str


async def load(replica: Replica, unit: Unit, works: Sequence[Work]) -> None:
    """Fetch the whistles of a batch with their tasks, and draw the numbers it needs."""
    ids = [work.whistle for work in works if work.whistle is not None and not isinstance(work.wants, Numbers)]
    if ids:
        await _load_whistles(unit, ids)
    unit.reference = await _draw(unit, [work.wants for work in works if isinstance(work.wants, Numbers)])


async def _load_whistles(unit: Unit, ids: list[UUID]) -> None:
    w, t = tables.whistle.c, tables.task.c
    tasks: dict[UUID, dict[UUID, domain.Task]] = {}
    for row in await unit.connection.execute(select(tables.task).where(among(t.whistle_id, ids))):
        tasks.setdefault(row.whistle_id, {})[row.task_id] = to_task(row)
    found = await unit.connection.execute(
        select(w.whistle_id, w.number, w.street, w.round, w.routing, w.withdrawn_at).where(among(w.whistle_id, ids))
    )
    for row in found:
        unit.cases[row.whistle_id] = domain.Whistle(**row._asdict(), tasks=tasks.get(row.whistle_id, {}))


def to_task(row: Any) -> domain.Task:
    """A task from its row."""
    return domain.Task(**{name: getattr(row, name) for name in _TASK})


async def _draw(unit: Unit, wishes: list[Numbers]) -> dict[Numbers, Iterator[int]]:
    """As many serial numbers per street and day as are wished for, in one statement."""
    if not wishes:
        return {}
    counts = Counter(wishes)
    ordered = sorted(counts, key=lambda wish: (wish.street, wish.day))
    drawn = await unit.connection.exec_driver_sql(
        _DRAW, ([w.street for w in ordered], [w.day for w in ordered], [counts[w] for w in ordered])
    )
    lasts = {Numbers(row.street, row.day): row.last for row in drawn}
    return {wish: iter(range(lasts[wish] - counts[wish] + 1, lasts[wish] + 1)) for wish in ordered}


def next_number(unit: Unit, wish: Numbers) -> str:
    """The next number of those drawn for this batch."""
    return domain.number(wish.street, wish.day, next(unit.reference[wish]))


def whistle(unit: Unit, whistle_id: UUID) -> domain.Whistle:
    """A loaded whistle. Raises NotFound."""
    found: domain.Whistle | None = unit.cases.get(whistle_id)
    if found is None:
        raise NotFound(f"whistle {whistle_id}")
    return found


def add(unit: Unit, new: domain.Whistle, facts: WhistleFacts, departments: Sequence[str]) -> None:
    """Store a new whistle."""
    unit.cases[new.whistle_id] = new
    unit.insert(
        tables.whistle,
        whistle_id=new.whistle_id,
        number=new.number,
        street=new.street,
        facts=facts.model_dump_json(),
        departments=orjson.dumps(list(departments)).decode(),
        round=new.round,
        routing=new.routing,
        state=new.state,
        blown_at=facts.blown_at,
        withdrawn_at=None,
    )


def save(unit: Unit, after: domain.Whistle) -> None:
    """Store what changed of a loaded whistle and its tasks."""
    before = whistle(unit, after.whistle_id)
    if (before.state, before.routing, before.withdrawn_at) != (
        after.state,
        after.routing,
        after.withdrawn_at,
    ):
        unit.update(
            tables.whistle,
            whistle_id=after.whistle_id,
            state=after.state,
            routing=after.routing,
            withdrawn_at=after.withdrawn_at,
        )
    for task_id, task in after.tasks.items():
        if task_id not in before.tasks:
            unit.insert(tables.task, whistle_id=after.whistle_id, **columns_of(task))
        elif task != before.tasks[task_id]:
            unit.update(tables.task, **columns_of(task))
    unit.cases[after.whistle_id] = after


def tell(unit: Unit, event: Event[Any], whistle_id: UUID) -> None:
    """Append an event that was heard to a whistle's timeline."""
    _append(unit, event.id, event.producer, event.time, event.data, whistle_id)


def say(unit: Unit, data: EventData, whistle_id: UUID, awaiting: Sequence[str]) -> None:
    """Emit an event of intake's own and append it to the timeline. `awaiting`: whose receipts end its re-sending."""
    event_id = unit.emit(data, whistle_id, awaiting=awaiting)
    _append(unit, event_id, unit.producer, unit.now, data, whistle_id)


def _append(unit: Unit, event_id: UUID, producer: str, at: datetime, data: EventData, whistle_id: UUID) -> None:
    unit.insert(
        tables.timeline,
        event_id=event_id,
        whistle_id=whistle_id,
        at=at,
        key=data.key,
        producer=producer,
        data=data.model_dump_json(exclude={"whistle_id", "facts", "terms", "clocks"}),
    )
