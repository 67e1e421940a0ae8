"""Photos: taken in as nobody vouches for them, made anew, kept in an object store, shown by addresses that expire.

A service calls `install` once. Somebody adds a photo (`POST /api/v1/photos`) and names its id in a command; the
command is given as `Work(photos=ids)` and calls `claim(unit, ids, owner, subject)`; views show `links`.

Subjects: `whistle:<id>`, `task:<id>`, `report:<id>`. A photo that belongs to a report is a resident's: it is sealed
from the first moment by a key of its own in the vault, so `erase` makes every copy of it unreadable, wherever it is.
"""

from collections.abc import Iterable
from uuid import UUID

from fastapi import Request

from whistle_shared.auth import Caller
from whistle_shared.photos.addresses import PhotoLink, link
from whistle_shared.photos.album import Album, album_of
from whistle_shared.photos.pictures import NoPicture
from whistle_shared.photos.routes import router
from whistle_shared.photos.rows import RESIDENT, UNCLAIMED, Photo, claim, claimed_by, release
from whistle_shared.runtime import Service

__all__ = [
    "RESIDENT",
    "UNCLAIMED",
    "NoPicture",
    "Photo",
    "PhotoLink",
    "add",
    "claim",
    "claimed_by",
    "erase",
    "ids_in",
    "install",
    "links",
    "links_from",
    "release",
]


def install(service: Service, *, reports: bool = False) -> None:
    """Give a service photos: their routes, and the duty that sweeps. Where it takes `reports`, residents add too."""
    album = Album(service, reports)
    service.app.state.photos = album
    service.app.include_router(router)
    service.duties["photos"] = album.tidy


async def add(
    service: Service,
    data: bytes,
    *,
    owner: str,
    added_by: str,
    sealed: bool = False,
    request: Request | None = None,
) -> Photo:
    """Make a photo of the bytes of a picture and keep it. `owner`: whose people may claim it, a street's or
    department's code or RESIDENT; `sealed`: it is for a report; `request`: who asked, for the audit.

    Raises NoPicture, and Unavailable when the store cannot be reached or too many photos wait.
    """
    return await album_of(service).add(data, owner=owner, added_by=added_by, sealed=sealed, request=request)


def ids_in(references: Iterable[str | None]) -> list[UUID]:
    """The photo ids among the references that an event of another service carries as texts."""
    return [photo_id for text in references if text and (photo_id := _id_of(text)) is not None]


def _id_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def links(service: Service, photo_ids: Iterable[UUID], holder: Caller | str) -> list[PhotoLink]:
    """Photos of this service as a view shows them to `holder`: the caller, or `report:<id>` in an answer to that
    report's tracking code."""
    return [link(service.keyring, service.name, photo_id, holder) for photo_id in photo_ids]


async def links_from(service: Service, producer: str, photo_ids: Iterable[UUID], holder: Caller) -> list[PhotoLink]:
    """Photos that an event of `producer` named. What this service's store does not have says where it is held."""
    album = album_of(service)
    return [await album.link_from(producer, photo_id, holder) for photo_id in photo_ids]


async def erase(service: Service, subject: str) -> int:
    """Destroy the keys of a subject's photos, then the photos; returns how many there were. May be repeated."""
    return await album_of(service).erase(subject)
