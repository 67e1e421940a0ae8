"""What is known of every photo: whose it is, what it belongs to, when it was added. The pictures are in the objects.

A photo is added by somebody of an owner (a street's or department's code, or `resident`), claimed once for a subject
(`whistle:<id>`, `report:<id>`, `task:<id>`), and deleted when nobody claims it in time or its subject is erased.
INVARIANT: a photo is claimed once, by its owner's people: whoever claims holds its row until the transaction ends.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from whistle_shared.db import Unit, among
from whistle_shared.db.tables import photo
from whistle_shared.errors import Invalid
from whistle_shared.keyring import Keyring
from whistle_shared.timesource import wall_now

RESIDENT = "resident"
UNCLAIMED = timedelta(hours=24)
"""How long a photo waits to be claimed."""
_FROM = " from "


@dataclass(frozen=True, slots=True)
class Photo:
    """A stored photo. `sealed`: by a key in the vault of the photo's own name. `width` and `height`: pixels, of
    the large one. `digest`: SHA-256 of the large one as it was made, before any sealing."""

    photo_id: UUID
    owner: str
    subject: str | None
    sealed: bool
    width: int
    height: int
    digest: bytes
    added_by: str
    added_at: datetime


def resident_at(keyring: Keyring, address: str) -> str:
    """Who added a photo, of a resident: a name for their address that nobody can turn back into it. It is forgotten as
    soon as the photo waits no longer."""
    return f"{RESIDENT}{_FROM}{keyring.tag(address.encode(), 'address of a photo')}"


_COLUMNS = [photo.c[field.name] for field in fields(Photo)]


def claim(unit: Unit, photo_ids: Sequence[UUID], owner: str, subject: str, field: str = "photos.{}") -> list[Photo]:
    """Photos become a subject's. The command must name them: `Work(photos=photo_ids)` locks and loads their rows.

    What is this subject's already stays so. A report takes what is sealed and nothing else does. Raises Invalid naming
    the field (`{}`: the position) of a photo that is not there, somebody else's, or claimed for something else.
    """
    photos = [_claimable(unit, photo_id, owner, subject, field.format(n)) for n, photo_id in enumerate(photo_ids)]
    for one in photos:
        if one.subject is None:
            added_by = one.added_by.partition(_FROM)[0]
            unit.photos[one.photo_id] = replace(one, subject=subject, added_by=added_by)
            unit.update(photo, photo_id=one.photo_id, subject=subject, added_by=added_by)
    return photos


def release(unit: Unit, photo_ids: Iterable[UUID]) -> None:
    """Photos that their subject does without from now on: nobody's until they are claimed again or swept away."""
    for photo_id in photo_ids:
        unit.update(photo, photo_id=photo_id, subject=None)


def _claimable(unit: Unit, photo_id: UUID, owner: str, subject: str, place: str) -> Photo:
    row = unit.photos.get(photo_id)
    if row is None or row.owner != owner or row.subject not in (None, subject):
        raise Invalid(place, "is no photo of yours that waits to be used: add it first, use it within 24 hours, once")
    if row.sealed != subject.startswith("report:"):
        added, used = ("report", "whistle") if row.sealed else ("whistle", "report")
        raise Invalid(place, f"was added for a {added}; one for a {used} is added with purpose={used}")
    return _of(row)


async def claimed_by(engine: AsyncEngine, subject: str) -> list[Photo]:
    """The photos of a subject in the order they were added."""
    query = select(*_COLUMNS).where(photo.c.subject == subject, photo.c.deleted_at.is_(None))
    async with engine.connect() as connection:
        return [_of(row) for row in await connection.execute(query.order_by(photo.c.photo_id))]


async def find(engine: AsyncEngine, photo_id: UUID) -> Photo | None:
    """A photo that is not deleted."""
    query = select(*_COLUMNS).where(photo.c.photo_id == photo_id, photo.c.deleted_at.is_(None))
    async with engine.connect() as connection:
        row = (await connection.execute(query)).one_or_none()
        return None if row is None else _of(row)


async def count_unclaimed(engine: AsyncEngine, owner: str) -> dict[str, int]:
    """How many photos of this owner's people nobody has claimed yet, by who added them."""
    p = photo.c
    query = select(p.added_by, func.count()).where(p.owner == owner, p.subject.is_(None), p.deleted_at.is_(None))
    async with engine.connect() as connection:
        return {row[0]: row[1] for row in await connection.execute(query.group_by(p.added_by))}


async def delete_of(connection: AsyncConnection, subject: str) -> list[Photo]:
    """Mark a subject's photos deleted; returns those that were not yet."""
    chosen = update(photo).where(photo.c.subject == subject, photo.c.deleted_at.is_(None))
    found = await connection.execute(chosen.values(deleted_at=wall_now()).returning(*_COLUMNS))
    return [_of(row) for row in found]


async def delete_unclaimed(connection: AsyncConnection) -> list[Photo]:
    """Mark what nobody claimed in time deleted; returns it."""
    p = photo.c
    late = update(photo).where(p.subject.is_(None), p.deleted_at.is_(None), p.added_at < wall_now() - UNCLAIMED)
    gone = late.values(deleted_at=wall_now(), added_by=func.split_part(p.added_by, _FROM, 1))
    return [_of(row) for row in await connection.execute(gone.returning(*_COLUMNS))]


async def alive(connection: AsyncConnection, photo_ids: Iterable[UUID]) -> set[UUID]:
    """Those of these that are not deleted."""
    query = select(photo.c.photo_id).where(among(photo.c.photo_id, list(photo_ids)), photo.c.deleted_at.is_(None))
    return set(await connection.scalars(query))


def _of(row: Any) -> Photo:
    return Photo(*(getattr(row, field.name) for field in fields(Photo)))
