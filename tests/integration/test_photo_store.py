"""Where photos are kept: a folder or S3, what is left behind and swept away, what is sealed and can be forgotten.

INVARIANT: what has no living row is gone from the store within a day, whatever crashed in between; and what nobody
claimed within UNCLAIMED is gone soon after.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
import uuid_utils.compat
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

from support import gallery, pictures
from support.answers import expect
from support.city import City
from support.waiting import until
from whistle_shared import photos
from whistle_shared.db import Unit, Work, tables
from whistle_shared.errors import Invalid, NotFound, Unavailable
from whistle_shared.keyring import Unreadable
from whistle_shared.photos import album as albums
from whistle_shared.photos import objects
from whistle_shared.photos.album import Album, album_of
from whistle_shared.timesource import wall_now

PHOTO = pictures.photo()


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A server that speaks S3, with an empty bucket; the environment says where it is, as it would in service."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    said = {
        "AWS_ENDPOINT": f"http://{host}:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "something",
    }
    before = {name: os.environ.get(name) for name in said}
    os.environ.update(said)
    yield f"http://{host}:{port}"
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})
    server.stop()


@pytest_asyncio.fixture(params=["folder", "s3"])
async def album(request: pytest.FixtureRequest, city: City, tmp_path: Path) -> AsyncIterator[Album]:
    """Intake's photos, kept in a folder or in S3."""
    url = tmp_path.as_uri()
    if request.param == "s3":
        address: str = request.getfixturevalue("s3")
        bucket = f"photos-{uuid4().hex[:8]}"
        await asyncio.to_thread(_make_bucket, address, bucket)
        url = f"s3://{bucket}/whistle"
    of = album_of(city.services["intake"])
    with gallery.store_of(of, objects.open_store(url)):
        yield of


def _make_bucket(address: str, bucket: str) -> None:
    assert httpx.put(f"{address}/{bucket}", trust_env=False).status_code == 200


async def names(of: Album) -> set[str]:
    """The keys of everything in the store."""
    return {each["path"] async for found in of.store.list() for each in found}


async def claims(of: Album, photo_ids: list[UUID], owner: str, subject: str) -> Any:
    """Claim photos as a command does."""

    def act(unit: Unit) -> Any:
        return photos.claim(unit, photo_ids, owner, subject)

    return await of.service.group.do(Work(act=act, photos=photo_ids))


async def adds(of: Album, owner: str = "S01", sealed: bool = False) -> photos.Photo:
    return await photos.add(of.service, PHOTO, owner=owner, added_by="test", sealed=sealed)


def nowhere() -> S3Store:
    """A store that nobody answers at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return S3Store(
        "photos",
        endpoint=f"http://127.0.0.1:{port}",
        region="us-east-1",
        access_key_id="someone",
        secret_access_key="something",
        client_options={"allow_http": True, "connect_timeout": "1s"},
        retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=1)},
    )


# -- kept ------------------------------------------------------------------------------------------------------------


async def test_a_photo_is_kept_under_a_key_that_follows_from_its_id(album: Album) -> None:
    kept = await adds(album)
    folder = f"intake/{kept.added_at:%Y/%m}/{kept.photo_id}"
    assert await names(album) == {f"{folder}/large", f"{folder}/small"}
    large = await album.read("intake", kept.photo_id, "large")
    small = await album.read("intake", kept.photo_id, "small")
    assert sha256(large).digest() == kept.digest
    assert large != small


async def test_what_is_not_there_is_not_found(album: Album) -> None:
    for producer in ("intake", "department.hosted"):
        with pytest.raises(NotFound):
            await album.read(producer, uuid_utils.compat.uuid7(), "large")


async def test_what_others_keep_in_the_same_store_can_be_linked(album: Album) -> None:
    """The store is asked once for a photo that is there, each time for one that is not."""
    photo_id = uuid_utils.compat.uuid7()
    missing = await album.link_from("department.hosted", photo_id, "report:x")
    assert (missing.address, missing.held_by) == (None, "department.hosted")
    await objects.put(album.store, "department.hosted", photo_id, "small", b"there")
    shown = await album.link_from("department.hosted", photo_id, "report:x")
    assert shown.held_by is None
    assert shown.address is not None


# -- swept -----------------------------------------------------------------------------------------------------------


async def test_what_nobody_claims_within_a_day_is_gone(album: Album) -> None:
    late, claimed, fresh = [await adds(album) for _ in range(3)]
    await claims(album, [claimed.photo_id], "S01", "whistle:1")
    for photo in (late, claimed):
        await gallery.ages(album.service, str(photo.photo_id))
    assert await album.sweep_unclaimed() == 1
    with pytest.raises(NotFound):
        await album.read("intake", late.photo_id, "large")
    with pytest.raises(Invalid):
        await claims(album, [late.photo_id], "S01", "whistle:1")
    for photo in (claimed, fresh):
        assert await album.read("intake", photo.photo_id, "large")
    assert len(await names(album)) == 4
    assert await album.sweep_unclaimed() == 0


async def test_what_has_no_row_is_gone_after_a_day(album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    """A photo whose row was never written, and one whose row was deleted but whose objects were not."""
    kept = await adds(album)
    with pytest.raises(Exception, match="owner"):
        await photos.add(album.service, PHOTO, owner=None, added_by="x")  # type: ignore[arg-type]
    half = await adds(album)
    async with album.service.group.unit() as unit:
        unit.update(tables.photo, photo_id=half.photo_id, deleted_at=wall_now())
    await album.store.put_async("intake/2026/11/strange", b"not a photo")
    assert len(await names(album)) == 7
    assert await album.sweep_orphans() == 0
    monkeypatch.setattr(albums, "_ORPHAN", timedelta(minutes=-1))
    assert await album.sweep_orphans() == 2
    assert len(await names(album)) == 3
    assert await album.read("intake", kept.photo_id, "large")


async def test_another_services_photos_are_never_swept(album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    for producer in ("department.hosted", "intake2"):
        await objects.put(album.store, producer, uuid_utils.compat.uuid7(), "large", b"theirs")
    monkeypatch.setattr(albums, "_ORPHAN", timedelta(minutes=-1))
    assert await album.sweep_orphans() == 0
    assert len(await names(album)) == 2


async def test_a_sweep_and_a_claim_at_once_do_not_both_happen(album: Album) -> None:
    """Either the claim comes first and the photo stays, or it is gone and cannot be claimed."""
    late = [await adds(album) for _ in range(6)]
    for photo in late:
        await gallery.ages(album.service, str(photo.photo_id))
    claimed = await asyncio.gather(
        album.sweep_unclaimed(),
        *(claims(album, [photo.photo_id], "S01", "whistle:1") for photo in late),
        return_exceptions=True,
    )
    for photo, outcome in zip(late, claimed[1:], strict=True):
        if isinstance(outcome, Exception):
            assert isinstance(outcome, Invalid)
            with pytest.raises(NotFound):
                await album.read("intake", photo.photo_id, "large")
        else:
            assert await album.read("intake", photo.photo_id, "large")


async def test_the_duty_sweeps_and_survives_an_outage(album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    await gallery.ages(album.service, str((await adds(album)).photo_id))
    monkeypatch.setattr(albums, "_EVERY", 0.01)
    duty = asyncio.create_task(album.tidy())
    with gallery.store_of(album, nowhere()):

        async def tried() -> bool:
            (row,) = await gallery.rows(album.service)
            return row.deleted_at is not None

        await until(tried, "the sweep to begin")
    await gallery.ages(album.service, str((await adds(album)).photo_id))

    async def swept() -> bool:
        return all(row.deleted_at is not None for row in await gallery.rows(album.service))

    await until(swept, "the sweep to go on", seconds=60)
    duty.cancel()


# -- sealed ----------------------------------------------------------------------------------------------------------


async def test_what_was_erased_cannot_be_read_from_any_copy(album: Album) -> None:
    """INVARIANT of the vault: once its key is destroyed, a copy of what it sealed says nothing, wherever it lies."""
    photo = await adds(album, owner=photos.RESIDENT, sealed=True)
    await claims(album, [photo.photo_id], photos.RESIDENT, "report:7")
    original = await album.read("intake", photo.photo_id, "large")
    copies = {name: bytes(await (await album.store.get_async(name)).bytes_async()) for name in await names(album)}
    keys_before = await album.vault.key(photo.photo_id)
    assert keys_before is not None
    assert all(original[:100] not in copy and not copy.startswith(b"\xff\xd8") for copy in copies.values())
    assert await photos.erase(album.service, "report:7") == 1
    assert await names(album) == set()
    assert await album.vault.key(photo.photo_id) is None
    for name, copy in copies.items():  # somebody plays a backup back
        await album.store.put_async(name, copy)
    async with album.service.group.unit() as unit:
        unit.update(tables.photo, photo_id=photo.photo_id, deleted_at=None)
    with pytest.raises(NotFound):
        await album.read("intake", photo.photo_id, "large")
    assert await photos.erase(album.service, "report:8") == 0


async def test_a_sealed_photo_opens_as_itself_only(album: Album) -> None:
    """Somebody who can write to the store cannot have one photo shown in another's place."""
    one, other = [await adds(album, owner=photos.RESIDENT, sealed=True) for _ in range(2)]
    of_other = next(name for name in await names(album) if f"{other.photo_id}/large" in name)
    changed = bytes(await (await album.store.get_async(of_other)).bytes_async())
    await objects.put(album.store, "intake", one.photo_id, "large", changed)
    with pytest.raises(Unreadable):
        await album.read("intake", one.photo_id, "large")


async def test_an_unclaimed_photo_takes_its_key_along(album: Album) -> None:
    photo = await adds(album, owner=photos.RESIDENT, sealed=True)
    await gallery.ages(album.service, str(photo.photo_id))
    await album.sweep_unclaimed()
    assert await album.vault.key(photo.photo_id) is None


async def test_a_key_that_cannot_be_destroyed_now_is_at_the_next_sweep(
    album: Album, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the copies of an unclaimed photo in backups could be read for ever."""
    photo = await adds(album, owner=photos.RESIDENT, sealed=True)
    await gallery.ages(album.service, str(photo.photo_id))

    async def fails(name: UUID) -> bool:
        raise Unavailable("the vault is away")

    with monkeypatch.context() as patch:
        patch.setattr(album.vault, "shred", fails)
        with pytest.raises(Unavailable):
            await album.sweep_unclaimed()
    assert await album.sweep_unclaimed() == 1
    assert await album.vault.key(photo.photo_id) is None


async def test_a_report_takes_what_is_sealed_and_nothing_else_does(album: Album) -> None:
    plain, sealed = await adds(album), await adds(album, sealed=True)
    with pytest.raises(Invalid, match=r"photos\.0: was added for a whistle"):
        await claims(album, [plain.photo_id], "S01", "report:7")
    with pytest.raises(Invalid, match=r"photos\.0: was added for a report"):
        await claims(album, [sealed.photo_id], "S01", "whistle:7")
    await claims(album, [sealed.photo_id], "S01", "report:7")
    assert [photo.photo_id for photo in await photos.claimed_by(album.service.engine, "report:7")] == [sealed.photo_id]


# -- out of reach ----------------------------------------------------------------------------------------------------


async def test_without_its_store_the_service_says_so(city: City) -> None:
    added = await gallery.adds(city)
    with gallery.store_of(gallery.album(city), nowhere()):
        for answer in (await gallery.tries_to_add(city, PHOTO), await gallery.looks(city, added["address"])):
            assert answer.status_code == 503, answer.text
            assert answer.headers["retry-after"]
        whistle = await city.street("S01").blows(photos=[added["photo_id"]])
        seen = await city.department("CGJ").task(whistle)
        assert seen["state"] == "dispatched"
        assert (await city.department("CGJ").sees(whistle))["photos"][0]["address"] is not None
    with gallery.store_of(gallery.album(city, "department.hosted"), nowhere()):
        gallery.album(city, "department.hosted")._elsewhere.clear()
        (shown,) = (await city.department("CGJ").sees(whistle))["photos"]
        assert (shown["address"], shown["held_by"]) == (None, "intake")


async def test_what_is_erased_while_the_store_is_away_is_unreadable_and_swept_later(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = gallery.album(city)
    photo = await adds(of, owner=photos.RESIDENT, sealed=True)
    await claims(of, [photo.photo_id], photos.RESIDENT, "report:7")
    with gallery.store_of(of, nowhere()):
        assert await photos.erase(of.service, "report:7") == 1
    assert await of.vault.key(photo.photo_id) is None
    with pytest.raises(NotFound):
        await of.read("intake", photo.photo_id, "large")
    assert gallery.files(city, photo.photo_id)
    monkeypatch.setattr(albums, "_ORPHAN", timedelta(minutes=-1))
    await of.sweep_orphans()
    assert not gallery.files(city, photo.photo_id)


async def test_nobody_can_fill_the_store_with_what_is_never_used(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(albums, "_MOST_UNCLAIMED", 2)
    first = await gallery.resident_adds(city)
    await gallery.resident_adds(city)
    more = await city.client("intake").post("/api/v1/photos", content=PHOTO, headers=gallery.JPEG)
    assert more.status_code == 503
    await gallery.adds(city)
    await claims(gallery.album(city), [UUID(first["photo_id"])], photos.RESIDENT, "report:7")
    await gallery.resident_adds(city)


async def test_one_address_cannot_fill_the_store_for_all_residents(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(albums, "_MOST_OF_ONE", 1)
    service = city.services["intake"]

    async def adds(address: str) -> httpx.Response:
        transport = httpx.ASGITransport(app=service.app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://x", timeout=30) as phone:
            return await phone.post("/api/v1/photos", content=PHOTO, headers=gallery.JPEG)

    first = expect(await adds("192.0.2.61"), 201)
    more = await adds("192.0.2.61")
    assert (more.status_code, more.json()["budget"], more.headers["retry-after"]) == (429, "photo", "600")
    late = expect(await adds("192.0.2.62"), 201)
    await claims(gallery.album(city), [UUID(first["photo_id"])], photos.RESIDENT, "report:7")
    expect(await adds("192.0.2.61"), 201)
    await gallery.ages(service, late["photo_id"])
    assert await gallery.album(city).sweep_unclaimed() == 1
    by = {str(row.photo_id): row.added_by for row in await gallery.rows(service)}
    assert by.pop(first["photo_id"]) == by.pop(late["photo_id"]) == photos.RESIDENT
    [waiting] = by.values()
    assert waiting.startswith("resident from ")
    assert "192.0.2" not in waiting


@pytest.mark.parametrize("url", ["ftp://somewhere/photos", "photos", "http://somewhere/photos", ""])
def test_an_address_of_no_known_store_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValueError, match="objects_url"):
        objects.open_store(url)
