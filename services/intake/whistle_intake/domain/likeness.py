"""Is this matter known already? The same sub-category, near or in the same grid, of late, in similar words. Pure.

INVARIANT: what is told as a duplicate is open, what is told as a relapse is closed, and both are the asker's to see.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import asin, cos, radians, sin, sqrt
from uuid import UUID

from rapidfuzz import fuzz

from whistle_intake.domain.matter import Matter
from whistle_shared.contracts.intake import Location
from whistle_shared.registry import Regulation

_BETWEEN = re.compile(r"[\W_]+")
_COMPARED = 1_000  # characters; comparing takes time by the product of the lengths
_EARTH = 6_371_008.8  # mean radius, metres (IUGG)


@dataclass(frozen=True, slots=True)
class Probe:
    """What is compared of a matter."""

    street: str
    category: str | None
    grid: str | None
    location: Location | None
    title: str
    description: str

    @classmethod
    def of(cls, matter: Matter) -> "Probe":
        return cls(**{name: getattr(matter, name) for name in cls.__slots__})

    @property
    def searchable(self) -> bool:
        """Whether there is anything to search by: a sub-category, and a grid or a point."""
        return self.category is not None and (self.grid is not None or self.location is not None)


@dataclass(frozen=True, slots=True)
class Known:
    """A whistle that was blown before. `closed_at` None: it is open."""

    whistle_id: UUID
    number: str
    street: str
    initiator: str | None
    grid: str | None
    location: Location | None
    title: str
    description: str
    blown_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Alike:
    """One that is alike. `similarity` of the texts, from 0 to 1; `metres` between the places, where both are known."""

    whistle_id: UUID
    number: str
    title: str
    blown_at: datetime
    closed_at: datetime | None
    similarity: float
    metres: int | None


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a matter is like: open whistles that it can join, closed ones that it may reopen; the likest first."""

    duplicates: tuple[Alike, ...] = ()
    relapses: tuple[Alike, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.duplicates or self.relapses)


def liken(
    probe: Probe, known: Iterable[Known], regulation: Regulation, now: datetime, sees: Callable[[Known], bool]
) -> Likeness:
    """Compare with whistles of the same sub-category. `sees`: whether the asker may know of one."""
    text = wording(probe.title, probe.description)
    found: dict[bool, list[Alike]] = {True: [], False: []}
    for other in known:
        metres = _metres(probe.location, other.location)
        if sees(other) and _of_late(other, regulation, now) and _here(probe, other, metres, regulation):
            alike = similarity(text, wording(other.title, other.description))
            if alike >= regulation.blowing.duplicate_similarity:
                found[other.closed_at is None].append(_told(other, alike, metres))
    duplicates, relapses = (sorted(found[is_open], key=lambda a: -a.similarity) for is_open in (True, False))
    return Likeness(tuple(duplicates), tuple(relapses))


def wording(title: str, description: str) -> str:
    """What is compared: letters, digits and characters, without punctuation and spaces, and of a long text its
    beginning."""
    return _BETWEEN.sub("", f"{title}{description}".casefold())[:_COMPARED]


def similarity(a: str, b: str) -> float:
    """From 0 to 1: twice the common subsequence over both lengths, which suits text without spaces."""
    return fuzz.ratio(a, b) / 100


def since(regulation: Regulation, now: datetime) -> tuple[datetime, datetime]:
    """(blown since, closed since): how far back the search goes."""
    rules = regulation.blowing
    return now - timedelta(days=rules.duplicate_days), now - timedelta(days=rules.relapse_days)


def distance(a: Location, b: Location) -> float:
    """Metres along the great circle (haversine)."""
    lat_a, lat_b = radians(a.latitude), radians(b.latitude)
    east = radians(b.longitude - a.longitude)
    h = sin((lat_b - lat_a) / 2) ** 2 + cos(lat_a) * cos(lat_b) * sin(east / 2) ** 2
    return 2 * _EARTH * asin(min(1.0, sqrt(h)))


def _metres(a: Location | None, b: Location | None) -> float | None:
    return distance(a, b) if a is not None and b is not None else None


def _of_late(other: Known, regulation: Regulation, now: datetime) -> bool:
    blown_since, closed_since = since(regulation, now)
    return other.blown_at >= blown_since if other.closed_at is None else other.closed_at >= closed_since


def _here(probe: Probe, other: Known, metres: float | None, regulation: Regulation) -> bool:
    same_grid = probe.grid is not None and probe.grid == other.grid
    return same_grid or (metres is not None and metres <= regulation.blowing.duplicate_metres)


def _told(other: Known, alike: float, metres: float | None) -> Alike:
    return Alike(
        whistle_id=other.whistle_id,
        number=other.number,
        title=other.title,
        blown_at=other.blown_at,
        closed_at=other.closed_at,
        similarity=round(alike, 3),
        metres=None if metres is None else round(metres),
    )
