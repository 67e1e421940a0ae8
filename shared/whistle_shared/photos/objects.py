"""The pictures themselves, in an object store: a local folder, or anything that speaks S3 (settings `objects_url`).

A photo's id is a UUIDv7, so its key follows from it: `<producer>/<yyyy>/<mm>/<photo_id>/{large,small}`.
"""

import os
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from obstore.exceptions import NotFoundError
from obstore.store import LocalStore, ObjectStore, S3Store

from whistle_shared.photos.addresses import Size

SIZES: tuple[Size, ...] = ("large", "small")


def open_store(url: str) -> ObjectStore:
    """The store at `file:///…` or `s3://bucket/prefix`; for S3 the usual AWS_* environment says the rest.

    Raises ValueError for another scheme.
    """
    scheme = url.partition("://")[0]
    if scheme == "file":
        return LocalStore.from_url(url, mkdir=True, automatic_cleanup=True)
    if scheme == "s3":
        # The answer to whoever waits is a 503 after a few seconds, not a hang of minutes.
        return S3Store.from_url(
            url,
            client_options={"connect_timeout": "3s", "timeout": "20s", "allow_http": _http_is_allowed()},
            retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=20)},
        )
    raise ValueError(f"objects_url: {scheme}:// is no store this program knows; file:// and s3:// are")


def _http_is_allowed() -> bool:
    """The library reads every other AWS_* itself, but not this one beside options of ours."""
    return os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true"


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
