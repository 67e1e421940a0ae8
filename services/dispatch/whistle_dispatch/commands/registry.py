"""The registry: a pack put in force, changed, or put back, a precedent adopted, and all of it published.

INVARIANT: what is put in force has its line in the history, in the same transaction: when, by whom, why.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson

from whistle_dispatch import domain, store
from whistle_shared.contracts.dispatch import RegistryPublished, Section
from whistle_shared.db import Unit
from whistle_shared.errors import Conflict
from whistle_shared.registry import registry_rows
from whistle_shared.replica import Replica, keep_calendar, keep_part

_PART_BYTES = 48 * 1024


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading a pack came to: the versions in force, and whether they are new."""

    registry_version: int
    registry_changed: bool
    calendar_version: int
    calendar_changed: bool


def load_pack(
    unit: Unit,
    pack: domain.Pack,
    current: Replica,
    *,
    by: str = "whistlectl",
    reason: str = "",
    how: domain.How = "load",
) -> Loaded:
    """Put a pack in force and publish it. An unchanged pack keeps its version and is published again, so that a
    new instance gets it."""
    rows = registry_rows(pack.registry)
    known = current.registry
    changed = known is None or registry_rows(known) != rows
    version = (known.version if known else 0) + changed
    _publish(unit, version, rows)
    calendar_version, calendar_changed = _load_calendars(unit, pack, current)
    if changed or calendar_changed:
        made = pack.registry.model_copy(update={"version": version})
        store.save_registry(unit, made, calendar_version, by, reason, how)
    return Loaded(version, changed, calendar_version, calendar_changed)


def change_pack(unit: Unit, pack: domain.Pack, base: int, by: str, reason: str, how: domain.How) -> Loaded:
    """Put in force what somebody has made of edition `base`. Raises Conflict when there is a newer one, or when nothing
    is changed."""
    if store.newest_edition(unit) != base:
        raise Conflict("the registry has been changed meanwhile: look at the newest version and try again")
    loaded = load_pack(unit, pack, unit.reference, by=by, reason=reason, how=how)
    if not (loaded.registry_changed or loaded.calendar_changed):
        raise Conflict("nothing is changed by this")
    return loaded


def adopt_precedent(unit: Unit, precedent_id: UUID, by: str) -> domain.Ruling:
    """The catalogue follows a precedent: the next version of the registry routes its sub-category so.

    Raises NotFound, IllegalTransition, Conflict.
    """
    ruling, registry = store.ruling(unit, precedent_id), store.newest_registry(unit)
    changed = domain.adopt(ruling, registry)
    _publish(unit, changed.version, registry_rows(changed))
    store.save_registry(unit, changed, store.calendar_version(unit), by, ruling.rule, "adoption")
    adopted = replace(ruling, adopted_at=unit.now, adopted_by=by, adopted_version=changed.version)
    store.save_ruling(unit, adopted)
    return adopted


def _publish(unit: Unit, version: int, rows: dict[Section, tuple[dict[str, Any], ...]]) -> None:
    for part in _parts(version, rows):
        keep_part(unit, part)
        unit.emit(part, "registry")


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
