"""The vault: one key for each thing that somebody may want forgotten, kept where no backup of the data goes.

A key is 32 random bytes, named by the id of what it seals, itself sealed by the process's key file. What it seals may
be copied to backups, exports and replicas: without the key it says nothing.
INVARIANT: a key is on stable storage before anything is sealed with it, and off it before its end is told.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import structlog
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore

from whistle_shared.errors import Unavailable
from whistle_shared.keyring import Keyring, open_with, seal_with
from whistle_shared.stores import open_store, settle

log = structlog.get_logger(__name__)
SHARDS = 256
_LENGTH = 32
_GONE = (NotFoundError, FileNotFoundError)
_PATIENCE = timedelta(seconds=6)


class Vault:
    """The keys at `file:///…` or `s3://bucket/prefix` (for S3 the usual AWS_* environment says the rest).

    Every method raises Unavailable when the store cannot be reached.
    """

    def __init__(self, url: str, keyring: Keyring) -> None:
        self._store = open_store(url, "vault_url", _PATIENCE)
        self._keyring = keyring

    async def make(self, name: UUID) -> bytes:
        """A new key of this name."""
        key = secrets.token_bytes(_LENGTH)
        with _reaching():
            await self._store.put_async(_path(name), self._keyring.seal(key, _purpose(name)))
            await self._settle(name)
        return key

    async def key(self, name: UUID) -> bytes | None:
        """The key of this name; None when there is none (any more). Raises Unreadable when the key file has changed."""
        try:
            with _reaching():
                found = await self._store.get_async(_path(name))
                sealed = bytes(await found.bytes_async())
        except _GONE:
            return None
        return self._keyring.open(sealed, _purpose(name))

    async def shred(self, name: UUID) -> bool:
        """Destroy the key of this name; returns whether there was one. Whatever it sealed is lost, everywhere."""
        there = True
        try:
            with _reaching():
                await self._store.head_async(_path(name))
                await self._store.delete_async(_path(name))
        except _GONE:
            there = False
        with _reaching():
            await self._settle(name)  # also of one that is gone: whoever destroyed it may not have come as far as this
        return there

    async def open(self, name: UUID, sealed: bytes | None, purpose: str) -> bytes | None:
        """What `seal` made of something, or None when there is nothing or its key is gone. Raises Unreadable."""
        if sealed is None:
            return None
        key = await self.key(name)
        if key is None:
            log.warning("vault.key_missing", name=str(name), purpose=purpose)
            return None
        return open_with(key, sealed, _said(name, purpose))

    async def names(self, shard: int, before: datetime) -> AsyncIterator[list[UUID]]:
        """The names in one of the SHARDS parts of the vault whose keys were made before then (technical time)."""
        with _reaching():
            async for found in self._store.list(f"{shard:02x}/", chunk_size=1000):
                old = (each["path"] for each in found if each["last_modified"] < before)
                yield [name for path in old if (name := _name_in(path)) is not None]

    async def _settle(self, name: UUID) -> None:
        """What a power failure must not undo, in a local folder: a file, and its place in its folder."""
        if isinstance(self._store, LocalStore) and self._store.prefix is not None:
            root = Path(self._store.prefix)
            file = root / _path(name)
            await asyncio.to_thread(settle, file, file.parent, root)


def seal(key: bytes, name: UUID, plain: bytes, purpose: str) -> bytes:
    """Sealed by the key of this name, for this purpose and no other."""
    return seal_with(key, plain, _said(name, purpose))


def shard_of(name: UUID) -> int:
    """Which part of the vault a name lies in: its last byte, which is random in every UUID."""
    return name.bytes[-1]


@contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except _GONE:
        raise
    except (BaseError, OSError) as error:
        log.error("vault.unreachable", error=str(error)[:300])
        raise Unavailable("the keys of personal data cannot be reached; try again shortly") from error


def _path(name: UUID) -> str:
    return f"{shard_of(name):02x}/{name}"


def _name_in(path: str) -> UUID | None:
    try:
        return UUID(path.rpartition("/")[2])
    except ValueError:
        return None


def _purpose(name: UUID) -> str:
    return f"vault {name}"


def _said(name: UUID, purpose: str) -> str:
    return f"{name} {purpose}"
