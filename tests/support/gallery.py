"""Adding and looking at photos as people do, and the store behind it as only a test may."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
from sqlalchemy import text

from support import pictures
from support.answers import expect
from support.ground import Ground
from whistle_shared.photos.album import Album, album_of
from whistle_shared.runtime import Service

JPEG = {"content-type": "image/jpeg"}


async def tries_to_add(
    city: Ground,
    data: bytes,
    *,
    producer: str = "intake",
    role: str = "street_initiator",
    scope: str = "S01",
    **more: Any,
) -> httpx.Response:
    """Send a photo; returns the answer, whatever it is."""
    headers = JPEG | more.pop("headers", {})
    return await city.call(
        producer, "POST", "/api/v1/photos", role=role, scope=scope, content=data, headers=headers, **more
    )


async def adds(city: Ground, data: bytes | None = None, **who: Any) -> dict[str, Any]:
    """Send a photo and have it taken. `who`: producer, role, scope."""
    return expect(await tries_to_add(city, pictures.photo(800, 600) if data is None else data, **who), 201)


async def resident_adds(city: Ground, data: bytes | None = None) -> dict[str, Any]:
    """A resident, who has no credential, sends a photo."""
    content = pictures.photo() if data is None else data
    return expect(await city.client("intake").post("/api/v1/photos", content=content, headers=JPEG), 201)


async def looks(
    city: Ground, address: str, *, producer: str = "intake", role: str = "street_initiator", scope: str = "S01"
) -> httpx.Response:
    """Open a photo's address as somebody with a token."""
    return await city.call(producer, "GET", address, role=role, scope=scope)


def album(city: Ground, producer: str = "intake") -> Album:
    """A service's photos from the inside."""
    return album_of(city.services[producer])


def files(city: Ground, photo_id: str | UUID, producer: str = "intake") -> dict[str, bytes]:
    """What the store has of a photo, by size."""
    root = Path(urlsplit(city.services[producer].settings.objects_url).path)
    return {file.name: file.read_bytes() for file in root.glob(f"{producer}/*/*/{photo_id}/*")}


async def rows(service: Service) -> list[Any]:
    """Everything the table of photos says."""
    async with service.engine.connect() as connection:
        return list(await connection.execute(text("select * from photo order by photo_id")))


async def ages(service: Service, photo_id: str) -> None:
    """A photo was added 25 hours ago."""
    async with service.engine.begin() as connection:
        await connection.execute(
            text("update photo set added_at = added_at - interval '25 hours' where photo_id = :id"), {"id": photo_id}
        )


@contextmanager
def store_of(of: Album, store: Any) -> Iterator[None]:
    """Inside the block the photos are kept elsewhere."""
    before = of.store
    of.store = store
    try:
        yield
    finally:
        of.store = before
