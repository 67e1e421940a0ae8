"""Rows to dispatches and back, for a whole batch at a time; the claim of what nobody has decided."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from whistle_dispatch import domain, tables
from whistle_dispatch.domain.terms import Rules
from whistle_shared.contracts import EventData
from whistle_shared.contracts.department import TasksReceived
from whistle_shared.contracts.escalation import ClocksArmed, EscalationRaised
from whistle_shared.contracts.intake import MeetingMinuted, WhistleBlown, WhistleFacts
from whistle_shared.contracts.vocabulary import Score
from whistle_shared.db import Unit, Work, among, columns_of
from whistle_shared.errors import NotFound, Unavailable
from whistle_shared.messaging import RetryLater
from whistle_shared.registry import Registry
from whistle_shared.replica import Replica

# A receipt needs nothing read; where no request is decided or asked, the desk's tables are left alone.
_RECEIPTS: tuple[type[EventData], ...] = (TasksReceived, ClocksArmed)
_WITHOUT_DESK: tuple[type[EventData], ...] = (WhistleBlown, EscalationRaised, MeetingMinuted)
_REGISTRY, _CALENDAR, _EDITION = (UUID(int=n) for n in range(3))
# Whistles with an undecided return, each locked for this transaction unless another one holds it.
_CLAIM = """
with due as materialized (
    select whistle_id, min(decide_by) as decide_by from request where decide_by <= $1 group by whistle_id
    order by min(decide_by) limit $2
)
select whistle_id from due where pg_try_advisory_xact_lock(hashtextextended(whistle_id::text, 0))
"""


@dataclass(frozen=True, slots=True)
class Adoption:
    """What the adoption of a precedent wants loaded (`Work.wants`): it, and the newest registry, held fast."""

    precedent_id: UUID


@dataclass(frozen=True, slots=True)
class Revision:
    """What a change of the pack wants loaded (`Work.wants`): the newest registry, held fast, and its edition."""


async def load(replica: Replica, unit: Unit, works: Sequence[Work]) -> None:
    """Fetch what is known about the whistles of a batch, and no more of it than its pieces of work need."""
    unit.reference = replica
    wanted, desk = set[UUID](), set[UUID]()
    for work in works:
        data = None if work.event is None else work.event.data
        if work.whistle is None or isinstance(data, _RECEIPTS):
            continue
        wanted.add(work.whistle)
        if not isinstance(data, _WITHOUT_DESK):
            desk.add(work.whistle)
    unit.cases.update(await dispatches(unit.connection, wanted, desk))
    adopted = [work.wants.precedent_id for work in works if isinstance(work.wants, Adoption)]
    if adopted or any(isinstance(work.wants, Revision) for work in works):
        await _load_registry(replica, unit)
    if adopted:
        await _load_precedents(unit, adopted)


async def load_whistles(replica: Replica, unit: Unit, ids: Sequence[UUID]) -> None:
    """Fetch everything about these whistles, for the timer."""
    unit.reference = replica
    unit.cases.update(await dispatches(unit.connection, ids, ids))


async def _load_registry(replica: Replica, unit: Unit) -> None:
    """INVARIANT: one registry follows another: whoever changes it holds it fast and has read the newest."""
    await unit.lock(["registry"])
    await replica.refresh(unit.connection)
    newest = (await unit.connection.execute(select(func.max(tables.edition.c.number)))).scalar_one()
    unit.cases[_EDITION] = newest or 0


async def _load_precedents(unit: Unit, ids: Sequence[UUID]) -> None:
    t = tables.precedent
    for row in await unit.connection.execute(select(t).where(among(t.c.precedent_id, ids))):
        unit.cases[row.precedent_id] = ruling_of(row)


async def dispatches(
    connection: AsyncConnection, ids: Iterable[UUID], desk: Iterable[UUID] = ()
) -> dict[UUID, domain.Dispatch]:
    """The dispatches of these whistles with their tasks in order; those of `desk` with what was asked of the district
    and what is disputed."""
    wanted = list(ids)
    if not wanted:
        return {}
    d, t = tables.dispatch, tables.task
    rows = (await connection.execute(select(d).where(among(d.c.whistle_id, wanted)))).all()
    tasks: dict[UUID, list[domain.Task]] = {}
    # After the dispatches: a task is called along with the state that it is read for.
    for row in await connection.execute(select(t).where(among(t.c.whistle_id, wanted))):
        tasks.setdefault(row.whistle_id, []).append(_task(row))
    found = {row.whistle_id: _dispatch(row, tasks.get(row.whistle_id, [])) for row in rows}
    on_desk = [whistle_id for whistle_id in desk if whistle_id in found]
    return found | (await _with_desk(connection, found, on_desk) if on_desk else {})


async def _with_desk(
    connection: AsyncConnection, found: dict[UUID, domain.Dispatch], ids: Sequence[UUID]
) -> dict[UUID, domain.Dispatch]:
    r, d = tables.request, tables.dispute
    requests: dict[UUID, dict[UUID, domain.Request]] = {}
    for row in await connection.execute(select(r).where(among(r.c.whistle_id, ids)).order_by(r.c.asked_at)):
        requests.setdefault(row.whistle_id, {})[row.request_id] = request_of(row)
    disputes: dict[UUID, dict[UUID, domain.Dispute]] = {}
    if requests:
        for row in await connection.execute(select(d).where(among(d.c.whistle_id, list(requests)))):
            disputes.setdefault(row.whistle_id, {})[row.dispute_id] = dispute_of(row)
    return {
        whistle_id: replace(found[whistle_id], requests=asked, disputes=disputes.get(whistle_id, {}))
        for whistle_id, asked in requests.items()
    }


def _dispatch(row: Any, tasks: list[domain.Task]) -> domain.Dispatch:
    return domain.Dispatch(
        whistle_id=row.whistle_id,
        state=row.state,
        round=row.round,
        facts=None if row.facts is None else WhistleFacts.model_validate(row.facts),
        reason=row.reason,
        tasks=tuple(sorted(tasks, key=domain.in_order)),
        flags=tuple(row.flags),
        dispatched_at=row.dispatched_at,
        whistle_due_at=row.whistle_due_at,
    )


def _task(row: Any) -> domain.Task:
    return domain.Task(
        row.task_id,
        row.department,
        row.role,
        row.presence,
        row.origin,
        row.round,
        row.title,
        row.item_limit,
        row.reason,
        row.ended_at,
        row.raised_at,
        row.excluded,
    )


def request_of(row: Any) -> domain.Request:
    """A request from its row."""
    return domain.Request(
        asked=domain.ASKED[row.kind].model_validate(row.asked),
        asked_at=row.asked_at,
        round=row.round,
        state=row.state,
        decide_by=row.decide_by,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        reason=row.reason,
        granted_until=row.granted_until,
        cycle=row.cycle,
        resumed_at=row.resumed_at,
        score=None if row.score is None else Score.model_validate(row.score),
    )


def dispute_of(row: Any) -> domain.Dispute:
    """A dispute from its row."""
    return domain.Dispute(**{name: getattr(row, name) for name in domain.Dispute.__slots__})


def ruling_of(row: Any) -> domain.Ruling:
    """A precedent from its row."""
    known = {name: getattr(row, name) for name in domain.Ruling.__slots__}
    return domain.Ruling(**known | {"assist": tuple(row.assist)})


def dispatch(unit: Unit, whistle_id: UUID) -> domain.Dispatch | None:
    """What is known of this whistle, if anything."""
    return unit.cases.get(whistle_id)


def heard_of(unit: Unit, whistle_id: UUID) -> domain.Dispatch:
    """A whistle that an event speaks of. Raises RetryLater: what it follows from may be on its way."""
    known = dispatch(unit, whistle_id)
    if known is None:
        raise RetryLater(f"whistle {whistle_id} has not been heard of (yet)")
    return known


def on_desk(unit: Unit, whistle_id: UUID) -> domain.Dispatch:
    """A whistle that a command is about. Raises NotFound."""
    known = dispatch(unit, whistle_id)
    if known is None:
        raise NotFound(f"whistle {whistle_id}")
    return known


def ruling(unit: Unit, precedent_id: UUID) -> domain.Ruling:
    """A precedent that a command is about. Raises NotFound."""
    known = unit.cases.get(precedent_id)
    if known is None:
        raise NotFound(f"precedent {precedent_id}")
    found: domain.Ruling = known
    return found


def rules(unit: Unit) -> Rules:
    """The registry and calendar in force. Raises RetryLater before the first pack is loaded."""
    replica: Replica = unit.reference
    if not replica.ready or replica.registry is None:
        raise RetryLater("no district pack has been loaded yet")
    return _rules(replica, replica.registry.version, replica.calendar_version)


@lru_cache(maxsize=2)
def _rules(replica: Replica, registry_version: int, calendar_version: int) -> Rules:
    """The same value as long as the versions are the same, so that what was reckoned by it can be remembered."""
    assert replica.registry is not None
    return Rules(replica.registry, replica.calendar())


def rules_now(replica: Replica) -> Rules:
    """The registry and calendar in force, for a page. Raises Unavailable before the first pack is loaded."""
    return _rules(replica, registry(replica).version, replica.calendar_version)


def registry(replica: Replica) -> Registry:
    """The registry in force, for a request. Raises Unavailable before the first pack is loaded."""
    if replica.registry is None:
        raise Unavailable("no district pack has been loaded yet")
    return replica.registry


def newest_registry(unit: Unit) -> Registry:
    """The registry to change: the one in force, or the one that this transaction has made of it already."""
    made: Registry = unit.cases.get(_REGISTRY) or registry(unit.reference)
    return made


def newest_edition(unit: Unit) -> int | None:
    """The number of what is in force; 0: it has none yet; None: this transaction has made another of it."""
    number: int | None = unit.cases[_EDITION]
    return number


def calendar_version(unit: Unit) -> int:
    """The calendar in force, or the one that this transaction has made of it."""
    version: int = unit.cases.get(_CALENDAR) or unit.reference.calendar_version
    return version


def save_registry(unit: Unit, made: Registry, calendar: int, by: str, reason: str, how: domain.How) -> None:
    """What this transaction has made of the registry and the calendar (version `calendar`), for its history."""
    unit.cases[_REGISTRY], unit.cases[_CALENDAR], unit.cases[_EDITION] = made, calendar, None
    unit.keep(
        tables.edition,
        registry_version=made.version,
        calendar_version=calendar,
        at=unit.now,
        by=by,
        reason=reason,
        how=how,
    )


async def claim_undecided(unit: Unit, until: datetime, limit: int) -> list[UUID]:
    """Lock and return whistles with returns that should have been decided by `until` (business), the longest
    overdue first."""
    return list((await unit.connection.exec_driver_sql(_CLAIM, (until, limit))).scalars())


def postpone(unit: Unit, whistle_id: UUID, until: datetime) -> None:
    """Look at a whistle's undecided returns again only at `until` (business): opening a dispute failed."""
    known = dispatch(unit, whistle_id)
    for request_id, request in known.requests.items() if known else ():
        if request.decide_by is not None and request.decide_by < until:
            unit.update(tables.request, request_id=request_id, decide_by=until)


def save(unit: Unit, after: domain.Dispatch) -> None:
    """Store what is new or changed about a whistle."""
    before = dispatch(unit, after.whistle_id)
    _save_dispatch(unit, before, after)
    known = {task.task_id: task for task in before.tasks} if before else {}
    for task in after.tasks:
        if task.task_id not in known:
            unit.insert(tables.task, whistle_id=after.whistle_id, **columns_of(task))
        elif task != known[task.task_id]:
            unit.update(tables.task, **columns_of(task))
    requests = before.requests if before else {}
    for request_id, request in after.requests.items():
        if request != requests.get(request_id):
            _put(unit, tables.request, request_id not in requests, _request_row(request))
    disputes = before.disputes if before else {}
    for dispute_id, dispute in after.disputes.items():
        if dispute != disputes.get(dispute_id):
            _put(unit, tables.dispute, dispute_id not in disputes, _dispute_row(after.whistle_id, dispute))
    unit.cases[after.whistle_id] = after


def _save_dispatch(unit: Unit, before: domain.Dispatch | None, after: domain.Dispatch) -> None:
    if before is not None and _about(before) == _about(after):
        return
    row = {
        "whistle_id": after.whistle_id,
        "round": after.round,
        "state": after.state,
        "reason": after.reason,
        "flags": orjson.dumps(after.flags).decode(),
        "dispatched_at": after.dispatched_at,
        "whistle_due_at": after.whistle_due_at,
    }
    if before is None or before.facts is not after.facts:
        row["facts"] = None if after.facts is None else after.facts.model_dump_json()
    _put(unit, tables.dispatch, before is None, row)


def _about(dispatch: domain.Dispatch) -> tuple[Any, ...]:
    return (
        dispatch.round,
        dispatch.state,
        dispatch.reason,
        dispatch.flags,
        dispatch.dispatched_at,
        dispatch.whistle_due_at,
    )


def _put(unit: Unit, table: Table, is_new: bool, row: dict[str, Any]) -> None:
    (unit.insert if is_new else unit.update)(table, **row)


def _request_row(request: domain.Request) -> dict[str, Any]:
    return columns_of(request) | {
        "request_id": request.asked.request_id,
        "whistle_id": request.asked.whistle_id,
        "task_id": request.asked.task_id,
        "kind": request.kind,
        "asked": request.asked.model_dump_json(),
        "score": None if request.score is None else request.score.model_dump_json(),
    }


def _dispute_row(whistle_id: UUID, dispute: domain.Dispute) -> dict[str, Any]:
    return columns_of(dispute) | {"whistle_id": whistle_id}


def save_ruling(unit: Unit, after: domain.Ruling, *, is_new: bool = False) -> None:
    """Store a precedent, new or adopted."""
    row = columns_of(after) | {"assist": orjson.dumps(after.assist).decode()}
    _put(unit, tables.precedent, is_new, row)
    unit.cases[after.precedent_id] = after


def shown(unit: Unit, subject: UUID) -> dict[str, Any] | None:
    """What a loaded whistle or precedent looks like to the audit. None: there is none."""
    known: domain.Dispatch | domain.Ruling | None = unit.cases.get(subject)
    if isinstance(known, domain.Ruling):
        return {name: getattr(known, name) for name in ("rule", "adopted_at", "adopted_by", "adopted_version")}
    if known is None:
        return None
    about: dict[str, Any] = {"state": known.state, "round": known.round, "flags": known.flags}
    for task in known.tasks:
        ended = ", ended" if task.ended_at else ""
        about[f"task {task.department} {task.task_id}"] = f"{task.role}{ended}{', excluded' if task.excluded else ''}"
    for request_id, asked in known.requests.items():
        about[f"{asked.kind} {request_id}"] = (asked.state, asked.granted_until, asked.decided_by)
    for dispute_id, dispute in known.disputes.items():
        about[f"dispute {dispute_id}"] = (dispute.state, dispute.upheld, dispute.decided_by)
    return about
