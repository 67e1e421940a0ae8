"""The vault: keys that last until they are destroyed, and nothing that opens without them."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from moto.server import ThreadedMotoServer

from whistle_shared.errors import Unavailable
from whistle_shared.keyring import Keyring, Unreadable, new_key
from whistle_shared.privacy import SHARDS, Vault, seal, shard_of
from whistle_shared.timesource import wall_now

LINE = new_key()
PLAIN = "诸葛小明 13987654321".encode()


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """An S3 with a bucket for keys; the environment says where it is, as it would in service."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    said = {"ENDPOINT": f"http://{host}:{port}", "ALLOW_HTTP": "true", "REGION": "us-east-1"}
    said |= {"ACCESS_KEY_ID": "someone", "SECRET_ACCESS_KEY": "something"}
    with pytest.MonkeyPatch.context() as environment:
        for name, value in said.items():
            environment.setenv(f"AWS_{name}", value)
        httpx.put(f"http://{host}:{port}/keys", trust_env=False).raise_for_status()
        yield "s3://keys"
    server.stop()


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault((tmp_path / "vault").as_uri(), Keyring(LINE))


@pytest.fixture(params=["folder", "s3"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Vault:
    """A vault in a folder, and one in S3."""
    if request.param == "folder":
        return Vault((tmp_path / "vault").as_uri(), Keyring(LINE))
    return Vault(f"{request.getfixturevalue('bucket')}/{uuid4()}", Keyring(LINE))


async def names_of(vault: Vault, older_than: timedelta = timedelta(0)) -> set[UUID]:
    """All names in the vault, part by part."""
    found: set[UUID] = set()
    for shard in range(SHARDS):
        async for names in vault.names(shard, wall_now() - older_than):
            assert {shard_of(name) for name in names} <= {shard}
            found |= set(names)
    return found


async def test_what_was_sealed_opens_until_its_key_is_destroyed(anywhere: Vault) -> None:
    """INVARIANT: once its key is destroyed, nothing that was sealed with it can be read, wherever a copy of it lies."""
    name = uuid4()
    sealed = seal(await anywhere.make(name), name, PLAIN, "person contact")
    assert PLAIN not in sealed
    assert await anywhere.open(name, sealed, "person contact") == PLAIN
    assert await anywhere.shred(name)
    assert await anywhere.open(name, sealed, "person contact") is None
    assert not await anywhere.shred(name), "the second time there is nothing left to destroy"
    assert await anywhere.key(name) is None


async def test_a_key_opens_its_own_and_for_its_purpose(anywhere: Vault) -> None:
    mine, other = uuid4(), uuid4()
    sealed = seal(await anywhere.make(mine), mine, PLAIN, "person contact")
    await anywhere.make(other)
    with pytest.raises(Unreadable):
        await anywhere.open(mine, sealed, "person words")
    with pytest.raises(Unreadable):
        await anywhere.open(other, sealed, "person contact")
    assert await anywhere.open(mine, None, "person contact") is None


async def test_the_folder_alone_says_nothing(vault: Vault, tmp_path: Path) -> None:
    """Neither a stolen folder nor one key put in another's place opens anything."""
    mine, other = uuid4(), uuid4()
    key = await vault.make(mine)
    await vault.make(other)
    file = next((tmp_path / "vault").rglob(str(mine)))
    assert key not in file.read_bytes()
    with pytest.raises(Unreadable):
        await Vault((tmp_path / "vault").as_uri(), Keyring(new_key())).key(mine)
    next((tmp_path / "vault").rglob(str(other))).write_bytes(file.read_bytes())
    with pytest.raises(Unreadable):
        await vault.key(other)


async def test_an_older_line_of_the_key_file_still_opens(vault: Vault, tmp_path: Path) -> None:
    name = uuid4()
    key = await vault.make(name)
    assert await Vault((tmp_path / "vault").as_uri(), Keyring(new_key(), LINE)).key(name) == key


async def test_names_are_told_by_their_age(anywhere: Vault) -> None:
    made = {uuid4() for _ in range(5)}
    for name in made:
        await anywhere.make(name)
    assert await names_of(anywhere, timedelta(seconds=-5)) == made
    assert await names_of(anywhere, timedelta(hours=1)) == set()


async def test_a_key_lasts_before_it_is_used(vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """INVARIANT: a key is on stable storage before anything is sealed with it, and off it before its end is told."""
    synced: list[Path] = []
    fsync = os.fsync

    def noted(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink())
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    name = uuid4()
    await vault.make(name)
    file = next((tmp_path / "vault").rglob(str(name)))
    assert synced == [file, file.parent, tmp_path / "vault"]
    synced.clear()
    assert await vault.shred(name)
    assert synced == [file.parent, tmp_path / "vault"]
    synced.clear()
    assert not await vault.shred(name)
    assert synced == [file.parent, tmp_path / "vault"], "whoever was first may not have come as far"


async def test_a_vault_out_of_reach_says_so(vault: Vault, tmp_path: Path) -> None:
    name = uuid4()
    sealed = seal(await vault.make(name), name, PLAIN, "person contact")
    folder = tmp_path / "vault"
    moved = folder.rename(tmp_path / "elsewhere")
    folder.write_text("not a folder")
    for asked in (vault.make(uuid4()), vault.open(name, sealed, "person contact"), vault.shred(name)):
        with pytest.raises(Unavailable):
            await asked
    folder.unlink()
    moved.rename(folder)
    assert await vault.open(name, sealed, "person contact") == PLAIN


def test_only_known_stores_are_vaults() -> None:
    with pytest.raises(ValueError, match="vault_url"):
        Vault("http://example.org/keys", Keyring(LINE))
