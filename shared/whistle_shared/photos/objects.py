"""The pictures themselves, in an object store: a local folder, or anything that speaks S3 (settings `objects_url`).

A photo's id is a UUIDv7, so its key follows from it: `<producer>/<yyyy>/<mm>/<photo_id>/{large,small}`.
"""

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from obstore.exceptions import NotFoundError
from obstore.store import ObjectStore

from whistle_shared import stores
from whistle_shared.photos.addresses import Size

SIZES: tuple[Size, ...] = ("large", "small")


def open_store(url: str) -> ObjectStore:
    """The store that the setting `objects_url` names. Raises ValueError."""
    return stores.open_store(url, "objects_url", timedelta(seconds=20), tidy=True)


def _folder(producer: str, photo_id: UUID) -> str:
    added = datetime.fromtimestamp((photo_id.int >> 80) / 1000, UTC)
    return f"{producer}/{added:%Y/%m}/{photo_id}"


async def put(store: ObjectStore, producer: str, photo_id: UUID, size: Size, data: bytes) -> None:
    """Keep one size of a photo."""
    await store.put_async(f"{_folder(producer, photo_id)}/{size}", data)


async def get(store: ObjectStore, producer: str, photo_id: UUID, size: Size) -> bytes | None:
    """One size of a photo, or None."""
    try:
        found = await store.get_async(f"{_folder(producer, photo_id)}/{size}")
        return bytes(await found.bytes_async())
    except (NotFoundError, FileNotFoundError):
        return None


async def has(store: ObjectStore, producer: str, photo_id: UUID) -> bool:
    """Whether the store has this photo."""
    try:
        await store.head_async(f"{_folder(producer, photo_id)}/small")
    except (NotFoundError, FileNotFoundError):
        return False
    return True


async def delete(store: ObjectStore, producer: str, photo_ids: Iterable[UUID]) -> None:
    """Remove both sizes of these photos; what is not there is no error."""
    for photo_id in photo_ids:
        for size in SIZES:
            try:
                await store.delete_async(f"{_folder(producer, photo_id)}/{size}")
            except (NotFoundError, FileNotFoundError):
                continue


async def kept(store: ObjectStore, producer: str, before: datetime) -> AsyncIterator[set[UUID]]:
    """The ids of this producer's photos whose objects were written before then, some hundreds at a time."""
    async for found in store.list(f"{producer}/", chunk_size=500):
        written = {each["path"] for each in found if each["last_modified"] < before}
        yield {photo_id for path in written if (photo_id := _id_in(path)) is not None}


def _id_in(path: str) -> UUID | None:
    try:
        return UUID(path.split("/")[-2])
    except (ValueError, IndexError):
        return None
