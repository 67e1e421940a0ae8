"""Rows to whistles and back, for a whole batch at a time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import exists, or_, select

from whistle_intake import domain, tables
from whistle_intake.store.clocks import load_clocks
from whistle_intake.store.decisions import load_decisions, save_decisions
from whistle_intake.store.numbers import draw
from whistle_intake.store.reference import Reference
from whistle_intake.store.reports import load_reports
from whistle_intake.store.search import find_similar
from whistle_intake.store.wants import Wants
from whistle_shared.contracts.escalation import ClocksChanged
from whistle_shared.db import Unit, Work, among, columns_of
from whistle_shared.errors import NotFound
from whistle_shared.replica import Replica

_TASK = [field.name for field in fields(domain.Task)]
_ELSEWHERE = ("tasks", "requests", "meetings", "callbacks")
_WHISTLE = [field.name for field in fields(domain.Whistle) if field.name not in _ELSEWHERE]
_NOTHING = Wants()
# Few whistles have any of these: whether is asked along with the whistle, and which only where there are some.
_DECIDED = or_(
    *(
        exists().where(table.c.whistle_id == tables.whistle.c.whistle_id)
        for table in (tables.request, tables.meeting, tables.callback)
    )
).label("decided")
# Claims unsigned emergencies whose time is over, each locked for this transaction unless another one holds it.
_CLAIM_UNSIGNED = """
with due as materialized (
    select whistle_id from whistle where signature = 'owed' and signature_due_at < $1
    order by signature_due_at limit $2
)
select whistle_id from due where pg_try_advisory_xact_lock(hashtextextended(whistle_id::text, 0))
"""


async def load(replica: Replica, unit: Unit, works: Sequence[Work]) -> None:
    """Fetch the whistles of a batch with their tasks, what the commands want, and the numbers it needs.

    What is said of a matter is fetched for commands only: events do without. A mere receipt is about nothing but time.
    """
    wants = [(work, work.wants or _NOTHING) for work in works if work.whistle is not None and not _is_receipt(work)]
    stored = [(work, wish) for work, wish in wants if wish.number is None]
    ids = [whistle_id for work, _ in stored for whistle_id in (work.whistle, work.also) if whistle_id is not None]
    if ids:
        await load_whistles(unit, ids)
    await load_clocks(unit, works)
    commanded = [
        whistle_id
        for work, _ in stored
        if work.event is None
        for whistle_id in (work.whistle, work.also)
        if whistle_id is not None
    ]
    matters = await _load_matters(unit, commanded) if commanded else {}
    drawn = await draw(unit, [wish.number for _, wish in wants if wish.number is not None])
    probes = _probes(wants, matters)
    known = replica.registry
    similar = await find_similar(unit.connection, probes, known.regulation, unit.now) if probes and known else {}
    reports = [work.wants.report for work in works if work.wants is not None and work.wants.report is not None]
    unit.reference = Reference(replica, drawn, matters, similar, await load_reports(unit, reports))


def _is_receipt(work: Work) -> bool:
    return work.event is not None and isinstance(work.event.data, ClocksChanged)


def _probes(wants: Iterable[tuple[Work, Wants]], matters: Mapping[UUID, domain.Matter]) -> dict[UUID, domain.Probe]:
    probes = {}
    for work, wish in wants:
        matter = matters.get(work.whistle) if work.whistle is not None and wish.likes else None
        probe = wish.like if matter is None else domain.Probe.of(matter)
        if work.whistle is not None and probe is not None:
            probes[work.whistle] = probe
    return probes


async def load_whistles(unit: Unit, ids: Sequence[UUID]) -> None:
    """Fetch whistles with their tasks and what was decided about them."""
    asked = list(ids)
    w, t = tables.whistle.c, tables.task.c
    tasks: dict[UUID, dict[UUID, domain.Task]] = {}
    for row in await unit.connection.execute(select(tables.task).where(among(t.whistle_id, asked))):
        tasks.setdefault(row.whistle_id, {})[row.task_id] = to_task(row)
    columns = [w[name] for name in _WHISTLE]
    rows = (await unit.connection.execute(select(*columns, _DECIDED).where(among(w.whistle_id, asked)))).all()
    decided = [row.whistle_id for row in rows if row.decided]
    decisions = await load_decisions(unit, decided) if decided else {}
    for row in rows:
        known = {name: getattr(row, name) for name in _WHISTLE}
        unit.cases[row.whistle_id] = domain.Whistle(
            **known, tasks=tasks.get(row.whistle_id, {}), **decisions.get(row.whistle_id, {})
        )


async def _load_matters(unit: Unit, ids: list[UUID]) -> dict[UUID, domain.Matter]:
    w = tables.whistle.c
    rows = await unit.connection.execute(select(w.whistle_id, w.facts, w.departments).where(among(w.whistle_id, ids)))
    return {row.whistle_id: domain.Matter.of(row.facts, tuple(row.departments)) for row in rows}


async def claim_unsigned(unit: Unit, until: datetime, limit: int) -> list[UUID]:
    """Lock and return whistles whose signature was owed before `until` (business), the longest overdue first."""
    return list((await unit.connection.exec_driver_sql(_CLAIM_UNSIGNED, (until, limit))).scalars())


def to_task(row: Any) -> domain.Task:
    """A task from its row."""
    return domain.Task(**{name: getattr(row, name) for name in _TASK})


def whistle(unit: Unit, whistle_id: UUID) -> domain.Whistle:
    """A loaded whistle. Raises NotFound."""
    found: domain.Whistle | None = unit.cases.get(whistle_id)
    if found is None:
        raise NotFound(f"whistle {whistle_id}")
    return found


def add(
    unit: Unit, new: domain.Whistle, matter: domain.Matter, override: str | None = None, distinct: str | None = None
) -> None:
    """Store a new whistle. `override`, `distinct`: why it is the departments' business, and a matter of its own."""
    unit.cases[new.whistle_id] = new
    unit.insert(
        tables.whistle,
        **_columns(new, _WHISTLE),
        **_said(new, matter),
        state=new.state,
        override_reason=override,
        distinct_reason=distinct,
        due_at=None,
    )


def write(unit: Unit, after: domain.Whistle, matter: domain.Matter) -> None:
    """Store what is said of a loaded whistle now."""
    unit.reference.matters[after.whistle_id] = matter
    unit.update(tables.whistle, whistle_id=after.whistle_id, **_said(after, matter))


def explain(unit: Unit, whistle_id: UUID, override: str | None, distinct: str | None) -> None:
    """Store why a draft is the departments' business, and a matter of its own."""
    unit.update(tables.whistle, whistle_id=whistle_id, override_reason=override, distinct_reason=distinct)


def save(unit: Unit, after: domain.Whistle) -> None:
    """Store what changed of a loaded whistle, its tasks and what was decided about them."""
    before = whistle(unit, after.whistle_id)
    changed = [name for name in _WHISTLE if getattr(before, name) != getattr(after, name)]
    if changed or before.state != after.state:
        row = {"whistle_id": after.whistle_id, "state": after.state, "routing": after.routing}
        unit.update(tables.whistle, **row | _columns(after, changed))
    for task_id, task in after.tasks.items():
        if task_id not in before.tasks:
            unit.insert(tables.task, whistle_id=after.whistle_id, **columns_of(task))
        elif task != before.tasks[task_id]:
            unit.update(tables.task, **columns_of(task))
    save_decisions(unit, before, after)
    unit.cases[after.whistle_id] = after


def _columns(of: domain.Whistle, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(of, name) for name in names}


def _said(of: domain.Whistle, matter: domain.Matter) -> dict[str, Any]:
    """The columns that tell the matter: the facts whole, and what is searched by."""
    at = matter.location
    return {
        "facts": facts_json(of, matter),
        "departments": orjson.dumps(matter.departments).decode(),
        "category": matter.category,
        "grid": matter.grid,
        "latitude": None if at is None else at.latitude,
        "longitude": None if at is None else at.longitude,
    }


def facts_json(of: domain.Whistle, matter: domain.Matter) -> str:
    """The facts as they are kept; before the blowing without `blown_by` and `blown_at`."""
    said = columns_of(matter)
    del said["departments"]
    at = matter.location
    said |= {"number": of.number, "location": at and at.model_dump()}
    if of.blown_at is not None:
        said |= {"blown_by": of.submitted_by, "blown_at": of.blown_at}
    return orjson.dumps(said).decode()
