"""dispatch's use cases, one function each: decide, save, emit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson

from whistle_dispatch import domain, store
from whistle_shared.contracts.dispatch import (
    RegistryPublished,
    Section,
    TaskCalled,
    WhistleCancelled,
    WhistleDispatched,
    WhistleUnrouted,
)
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.db import Unit
from whistle_shared.errors import NotFound
from whistle_shared.registry import Registry, registry_rows
from whistle_shared.replica import Replica, keep_calendar, keep_part

_PART_BYTES = 48 * 1024


def dispatch_whistle(unit: Unit, whistle_id: UUID, round_: int, facts: WhistleFacts, wanted: Sequence[str]) -> None:
    """Turn a blown whistle into tasks, or let it wait at the district whistle office."""
    known = store.dispatch(unit, whistle_id)
    if known is not None:
        if known.state == "cancelled":
            _emit_cancelled(unit, known)
        return
    rules = store.rules(unit)
    planned = domain.plan(whistle_id, round_, facts, wanted, unit.now, rules)
    if isinstance(planned, domain.Plan):
        _dispatched(unit, domain.Dispatch(whistle_id, "dispatched", round_, facts), planned)
        return
    waiting = domain.Dispatch(whistle_id, "awaiting_triage", round_, facts, reason=planned.reason)
    store.save(unit, waiting)
    unit.emit(
        WhistleUnrouted(
            whistle_id=whistle_id,
            round=round_,
            facts=facts,
            reason=planned.reason,
            clocks=domain.triage_clock(facts, rules),
            registry_version=rules.registry.version,
            calendar_version=rules.calendar.version,
        ),
        whistle_id,
        awaiting=("escalation",),
    )


def route_whistle(unit: Unit, whistle_id: UUID, departments: Sequence[str]) -> domain.Dispatch:
    """The whistle office routes a waiting whistle by hand. Raises NotFound, IllegalTransition, Invalid."""
    waiting = store.dispatch(unit, whistle_id)
    if waiting is None or waiting.facts is None:
        raise NotFound(f"whistle {whistle_id}")
    planned = domain.route_by_hand(waiting, list(dict.fromkeys(departments)), unit.now, store.rules(unit))
    return _dispatched(unit, replace(waiting, state="dispatched"), planned)


def _dispatched(unit: Unit, dispatch: domain.Dispatch, planned: domain.Plan) -> domain.Dispatch:
    rules = store.rules(unit)
    assert dispatch.facts is not None
    done = replace(
        dispatch,
        tasks=planned.tasks,
        flags=planned.flags,
        dispatched_at=unit.now,
        whistle_due_at=planned.whistle_due_at,
    )
    store.save(unit, done)
    departments = [task.department for task in planned.tasks]
    unit.emit(
        WhistleDispatched(
            whistle_id=done.whistle_id,
            round=done.round,
            facts=dispatch.facts,
            whistle_due_at=planned.whistle_due_at,
            tasks=tuple(
                TaskCalled(
                    task_id=task.task_id,
                    department=task.department,
                    role=task.role,
                    presence=task.presence,
                    terms="standard",
                    origin=task.origin,
                )
                for task in planned.tasks
            ),
            terms=planned.terms,
            registry_version=rules.registry.version,
            calendar_version=rules.calendar.version,
            flags=planned.flags,
        ),
        done.whistle_id,
        to=departments,
        awaiting=("escalation", *_instances(rules.registry, departments)),
    )
    return done


def _instances(registry: Registry, departments: Sequence[str]) -> list[str]:
    """The department services that serve these departments, by producer name."""
    known = (registry.department_by_code.get(code) for code in departments)
    return [f"department.{department.instance}" for department in known if department]


def cancel_whistle(unit: Unit, whistle_id: UUID, round_: int, reason: str) -> None:
    """Make a withdrawal good, also when it overtakes the whistle itself."""
    known = store.dispatch(unit, whistle_id) or domain.Dispatch(whistle_id, "cancelled", round_, reason=reason)
    cancelled = domain.cancel(known, reason)
    store.save(unit, cancelled)
    _emit_cancelled(unit, cancelled)


def _emit_cancelled(unit: Unit, cancelled: domain.Dispatch) -> None:
    departments = tuple(task.department for task in cancelled.tasks)
    unit.emit(
        WhistleCancelled(
            whistle_id=cancelled.whistle_id,
            round=cancelled.round,
            departments=departments,
            reason=cancelled.reason,
        ),
        cancelled.whistle_id,
        to=departments,
        awaiting=_instances(store.rules(unit).registry, departments) if departments else (),
    )


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading a pack came to: the versions in force, and whether they are new."""

    registry_version: int
    registry_changed: bool
    calendar_version: int
    calendar_changed: bool


def load_pack(unit: Unit, pack: domain.Pack, current: Replica) -> Loaded:
    """Put a pack in force and publish it. An unchanged pack keeps its version and is published again, so that a
    new instance gets it."""
    rows = registry_rows(pack.registry)
    known = current.registry
    changed = known is None or registry_rows(known) != rows
    version = (known.version if known else 0) + changed
    for part in _parts(version, rows):
        keep_part(unit, part)
        unit.emit(part, "registry")
    calendar_version, calendar_changed = _load_calendars(unit, pack, current)
    return Loaded(version, changed, calendar_version, calendar_changed)


def _load_calendars(unit: Unit, pack: domain.Pack, current: Replica) -> tuple[int, bool]:
    """All years share one version; if one of them changes, all are published under the next."""
    years = [year.model_copy(update={"version": 0, "years": ()}) for year in pack.calendars]
    changed = any(current.published(year.year) != year for year in years)
    version = current.calendar_version + changed
    for year in years:
        published = year.model_copy(update={"version": version, "years": tuple(each.year for each in years)})
        keep_calendar(unit, published)
        unit.emit(published, "registry")
    return version, changed


def _parts(version: int, rows: dict[Section, tuple[dict[str, Any], ...]]) -> Iterator[RegistryPublished]:
    """Every section in parts of at most 48 KiB of rows, so that an event stays under 64 KiB."""
    chunks = {section: list(_chunks(section_rows)) for section, section_rows in rows.items()}
    sections = {section: len(parts) for section, parts in chunks.items()}
    for section, parts in chunks.items():
        for number, part in enumerate(parts, 1):
            yield RegistryPublished(
                version=version,
                section=section,
                part=number,
                parts=len(parts),
                sections=sections,
                rows=tuple(part),
            )


def _chunks(rows: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    part: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        length = len(orjson.dumps(row))
        if part and size + length > _PART_BYTES:
            yield part
            part, size = [], 0
        part.append(row)
        size += length
    yield part
