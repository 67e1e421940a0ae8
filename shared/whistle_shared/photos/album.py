"""A service's photos: made, kept, shown, deleted. The objects are written before the row and deleted after it.

INVARIANT: what has no living row is gone from the store within a day, whatever crashed in between; and what nobody
claimed within UNCLAIMED is gone soon after.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import UUID

import structlog
import uuid_utils.compat
from fastapi import Request
from obstore.exceptions import BaseError

from whistle_shared.auth import Caller
from whistle_shared.db import Unit, Work, columns_of, is_passing
from whistle_shared.db.tables import photo
from whistle_shared.errors import NotFound, Unavailable
from whistle_shared.keyring import open_with, seal_with
from whistle_shared.observability import new_trace
from whistle_shared.photos import objects, rows
from whistle_shared.photos.addresses import PhotoLink, Size, link
from whistle_shared.photos.pictures import Darkroom
from whistle_shared.photos.rows import RESIDENT, Photo
from whistle_shared.privacy import Vault
from whistle_shared.runtime import Service
from whistle_shared.runtime.service import deed_of
from whistle_shared.timesource import wall_now
from whistle_shared.web import TooManyPhotos

log = structlog.get_logger(__name__)
_EVERY = 3600.0
_TURNS_A_DAY = 24
_ORPHAN = timedelta(hours=24)
_REMEMBERED = 10_000
_MOST_UNCLAIMED = 5_000
_MOST_OF_ONE = 100
_LATER = 600
_FAILURES = (BaseError, OSError)


class Album:
    """The photos of one service. Where it takes `reports` residents may add photos; what is for a report is sealed by a
    key of its own, in a room of the vault where nobody else looks."""

    def __init__(self, service: Service, reports: bool) -> None:
        self.service = service
        self.reports = reports
        self.vault = Vault(f"{service.settings.vault_url.rstrip('/')}/photos", service.keyring)
        self.store = objects.open_store(service.settings.objects_url)
        self.darkroom = Darkroom()
        self._elsewhere: OrderedDict[tuple[str, UUID], None] = OrderedDict()

    async def add(self, data: bytes, *, owner: str, added_by: str, sealed: bool, request: Request | None) -> Photo:
        """See `photos.add`."""
        await self._has_room(owner, added_by)
        made = await self.darkroom.make(data)
        photo_id = uuid_utils.compat.uuid7()
        key = await self.vault.make(photo_id) if sealed else None
        pictures: dict[Size, bytes] = {"large": made.large, "small": made.small}
        for size, picture in pictures.items():
            kept = picture if key is None else seal_with(key, picture, _purpose(photo_id, size))
            await self._put(photo_id, size, kept)
        digest = sha256(made.large).digest()
        row = Photo(photo_id, owner, None, sealed, made.width, made.height, digest, added_by, wall_now())
        deed = None if request is None else deed_of(request, str(photo_id))
        trace = new_trace(None if request is None else request.headers.get("traceparent"))
        await self.service.group.do(Work(act=partial(_keep, row=row), deed=deed, trace=trace))
        return row

    async def _has_room(self, owner: str, added_by: str) -> None:
        """Raises Unavailable when too many photos of an owner wait, TooMany when too many of one resident's address
        do."""
        waiting = await rows.count_unclaimed(self.service.engine, owner)
        if owner == RESIDENT and waiting.get(added_by, 0) >= _MOST_OF_ONE:
            raise TooManyPhotos(f"{_MOST_OF_ONE} photos from this address wait to be used; use them first", _LATER)
        if sum(waiting.values()) >= _MOST_UNCLAIMED:
            raise Unavailable("too many photos wait to be used; use them, or try again tomorrow")

    async def _put(self, photo_id: UUID, size: Size, data: bytes) -> None:
        try:
            await objects.put(self.store, self.service.name, photo_id, size, data)
        except _FAILURES as error:
            log.warning("photo.store_fails", error=str(error)[:300])
            raise Unavailable("the store of photos cannot be reached; send it again shortly") from None

    async def read(self, producer: str, photo_id: UUID, size: Size) -> bytes:
        """One size of a photo, as a JPEG. Raises NotFound (also for one whose key is destroyed) and Unavailable."""
        row = await rows.find(self.service.engine, photo_id) if producer == self.service.name else None
        if producer == self.service.name and row is None:
            raise NotFound(f"photo {photo_id}")
        try:
            data = await objects.get(self.store, producer, photo_id, size)
        except _FAILURES as error:
            log.warning("photo.store_fails", error=str(error)[:300])
            raise Unavailable("the store of photos cannot be reached; try again shortly") from None
        if data is not None and row is not None and row.sealed:
            data = await self._opened(photo_id, data, _purpose(photo_id, size))
        if data is None:
            raise NotFound(f"photo {photo_id}")
        return data

    async def _opened(self, photo_id: UUID, data: bytes, purpose: str) -> bytes | None:
        key = await self.vault.key(photo_id)
        return None if key is None else open_with(key, data, purpose)

    async def link_from(self, producer: str, photo_id: UUID, holder: Caller | str) -> PhotoLink:
        """See `photos.links_from`."""
        if producer == self.service.name or await self._is_here(producer, photo_id):
            return link(self.service.keyring, producer, photo_id, holder)
        return PhotoLink(photo_id=photo_id, address=None, thumbnail=None, held_by=producer)

    async def _is_here(self, producer: str, photo_id: UUID) -> bool:
        """Asked of the store once; photos come before the events that name them."""
        if (producer, photo_id) in self._elsewhere:
            return True
        try:
            found = await objects.has(self.store, producer, photo_id)
        except _FAILURES as error:
            log.warning("photo.store_fails", error=str(error)[:300])
            return False
        if found:
            self._elsewhere[producer, photo_id] = None
            if len(self._elsewhere) > _REMEMBERED:
                self._elsewhere.popitem(last=False)
        return found

    async def erase(self, subject: str) -> int:
        """See `photos.erase`."""
        for gone in await rows.claimed_by(self.service.engine, subject):
            await self._destroy_key(gone)
        async with self.service.group.unit() as unit:
            erased = await rows.delete_of(unit.connection, subject)
        await self._remove(erased)
        return len(erased)

    async def _remove(self, gone: Sequence[Photo]) -> None:
        """What cannot be removed now has no living row any more, so the next sweep of orphans takes it."""
        try:
            await objects.delete(self.store, self.service.name, [one.photo_id for one in gone])
        except _FAILURES as error:
            log.warning("photo.removal_put_off", count=len(gone), error=str(error)[:300])

    async def _destroy_key(self, gone: Photo) -> None:
        if gone.sealed:
            await self.vault.shred(gone.photo_id)

    # -- tidying up ---------------------------------------------------------------------------------------------

    async def tidy(self) -> None:
        """The duty: what nobody claimed goes every hour, what has no row every day."""
        turn = 0
        while True:
            await asyncio.sleep(_EVERY)
            turn += 1
            try:
                await self.sweep_unclaimed()
                if turn % _TURNS_A_DAY == 1:
                    await self.sweep_orphans()
            except Exception as error:
                if not is_passing(error) and not isinstance(error, BaseError | Unavailable):
                    raise
                log.warning("photo.sweep_put_off", error=str(error)[:300])

    async def sweep_unclaimed(self) -> int:
        """Delete what nobody claimed in time; returns how many. A row goes with its key: while the vault is away both
        stay, for nothing else would look for the key again."""
        async with self.service.group.unit() as unit:
            late = await rows.delete_unclaimed(unit.connection)
            for gone in late:
                await self._destroy_key(gone)
        await self._remove(late)
        if late:
            log.info("photo.unclaimed_deleted", count=len(late))
        return len(late)

    async def sweep_orphans(self) -> int:
        """Delete objects without a living row that are older than a day; returns of how many photos."""
        count = 0
        async for kept in objects.kept(self.store, self.service.name, wall_now() - _ORPHAN):
            async with self.service.engine.connect() as connection:
                orphans = kept - await rows.alive(connection, kept)
            await objects.delete(self.store, self.service.name, orphans)
            count += len(orphans)
        if count:
            log.info("photo.orphans_deleted", count=count)
        return count


def _keep(unit: Unit, row: Photo) -> None:
    unit.insert(photo, **columns_of(row), deleted_at=None)


def _purpose(photo_id: UUID, size: Size) -> str:
    return f"photo {photo_id} {size}"


def album_of(service: Service) -> Album:
    """The album that `photos.install` gave a service."""
    album: Any = service.app.state.photos
    assert isinstance(album, Album)
    return album
