"""What a Unit looks things up in: the registry, the calendars, and what was fetched for its batch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from whistle_intake import domain
from whistle_intake.store.numbers import Numbers
from whistle_shared.db import Unit
from whistle_shared.errors import Unavailable
from whistle_shared.messaging import RetryLater
from whistle_shared.registry import Registry, Regulation
from whistle_shared.replica import Replica
from whistle_shared.worktime import Calendar


@dataclass(frozen=True, slots=True)
class Reference:
    """`unit.reference` of intake. `matters`: what is said, of the whistles that a command is about. `similar`: by
    whistle, those that may be about the same matter. `reports`: those that a command is about."""

    replica: Replica
    numbers: Mapping[Numbers, Iterator[int]] = field(default_factory=dict)
    matters: dict[UUID, domain.Matter] = field(default_factory=dict)
    similar: Mapping[UUID, Sequence[domain.Known]] = field(default_factory=dict)
    reports: dict[UUID, domain.Report] = field(default_factory=dict)


def registry(unit: Unit) -> Registry:
    """The newest registry. Raises Unavailable before it has arrived."""
    replica: Replica = unit.reference.replica
    if replica.registry is None:
        raise Unavailable("the registry has not arrived yet; try again shortly")
    return replica.registry


def matter(unit: Unit, whistle_id: UUID) -> domain.Matter:
    """What is said of a whistle that a command is about."""
    found: domain.Matter = unit.reference.matters[whistle_id]
    return found


def similar(unit: Unit, whistle_id: UUID) -> Sequence[domain.Known]:
    """The whistles that may be about the same matter, if they were asked for."""
    found: Sequence[domain.Known] = unit.reference.similar.get(whistle_id, ())
    return found


def regulation(unit: Unit) -> Regulation:
    """The district's settings. Raises RetryLater before the registry has arrived."""
    replica: Replica = unit.reference.replica
    if replica.registry is None:
        raise RetryLater("the registry has not arrived yet")
    return replica.registry.regulation


def calendar(unit: Unit, version: int | None = None) -> Calendar:
    """The working calendar as it stood at this version (default: the newest)."""
    replica: Replica = unit.reference.replica
    return replica.calendar(version)
