"""Machines at the door: tokens for places that are there, what the list says of their use, and keys."""

import stat
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from support.places import SAMPLE
from support.stack import make_database
from support.yard import whistlectl
from whistle_ctl import keys, migrate, tokens
from whistle_ctl.database import engine_of, unit_of
from whistle_ctl.errors import Refused
from whistle_dispatch.commands import load_pack
from whistle_dispatch.domain import read_pack
from whistle_local import Infrastructure
from whistle_shared.auth import Tokens, list_tokens
from whistle_shared.db import Group, Outbox, Unit
from whistle_shared.keyring import Keyring
from whistle_shared.replica import Replica
from whistle_shared.timesource import AffineTime, wall_now


async def _nothing(unit: Unit, works: object) -> None:
    """Nobody is looked up."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def district(infrastructure: Infrastructure) -> AsyncIterator[AsyncEngine]:
    """A database that holds the sample district's registry."""
    url = await make_database(infrastructure, "whistle_machines")
    await migrate.migrate(url, "dispatch")
    async with engine_of(url) as engine:
        async with unit_of(engine, "dispatch") as unit:
            load_pack(unit, read_pack(SAMPLE), Replica())
        yield engine


# -- a token's place ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "scope", "part"),
    [
        ("street_initiator", "S01", None),
        ("grid_officer", "S01", "S01-G001"),
        ("department_head", "CGJ", None),
        ("handler", "CGJ", "路灯科"),
        ("arbitrator", "*", None),
        ("administrator", "*", None),
        ("administrator", "S01", None),
        ("administrator", "GA", None),
    ],
)
async def test_a_token_is_made_for_a_place_that_is_there(
    district: AsyncEngine, role: str, scope: str, part: str | None
) -> None:
    caller = await Tokens(district).caller(await tokens.create(district, role, scope, "x", None, part))
    assert (caller.role, caller.scope, caller.part) == (role, scope, part)


@pytest.mark.parametrize(
    ("role", "scope", "part", "named"),
    [
        ("street_initiator", "S99", None, "no street 'S99' in registry version 1"),
        ("street_initiator", "CGJ", None, "no street 'CGJ'"),
        ("department_head", "S01", None, "no department 'S01'"),
        ("department_head", "CJG", None, "no department 'CJG'"),
        ("department_head", "CGJ,GA", None, "'CGJ,GA' is none"),
        ("administrator", "ZZ", None, "no street or department 'ZZ'"),
        ("grid_officer", "S01", "S02-G001", "S01 has no grid 'S02-G001'"),
        ("grid_officer", "S01", "G1", "S01 has no grid 'G1'"),
        ("arbitrator", "*", "S01-G001", "part of nothing"),
    ],
)
async def test_a_token_for_nowhere_is_refused_by_name(
    district: AsyncEngine, role: str, scope: str, part: str | None, named: str
) -> None:
    before = len(await list_tokens(district))
    with pytest.raises(Refused, match=named):
        await tokens.create(district, role, scope, "x", None, part)
    assert len(await list_tokens(district)) == before


# -- its end and its use -----------------------------------------------------------------------------------------


async def test_a_token_lasts_a_year_at_most_and_unless_told_otherwise(district: AsyncEngine) -> None:
    address = district.url.render_as_string(hide_password=False)
    asked = ("token", "create", "--plain", "--role", "operations", "--scope", "*", "--name", "lasting")
    refused = await whistlectl(*asked, "--expires", "366", database_url=address)
    assert (refused.code, refused.out) == (2, "")
    assert "365" in refused.err
    made = await whistlectl(*asked, database_url=address)
    assert made.code == 0, made.err
    [row] = [row for row in await list_tokens(district) if row.name == "lasting"]
    assert timedelta(days=364) < row.expires_at - wall_now() <= timedelta(days=365)


async def test_the_list_says_when_and_from_where_a_token_was_last_used(district: AsyncEngine) -> None:
    address = district.url.render_as_string(hide_password=False)
    await tokens.create(district, "operations", "*", "never used")
    used = Tokens(district)
    await used.caller(await tokens.create(district, "operations", "*", "used"), "192.0.2.7")
    await used.note_uses(Group(district, "dispatch", AffineTime(), _nothing, Outbox()))
    listed = (await whistlectl("token", "list", database_url=address)).out.splitlines()
    head, *rows = [line.split() for line in listed]
    assert head == ["id", "role", "scope", "part", "state", "created", "expires", "used", "from", "name"]
    by_name = {" ".join(row[9:]): row for row in rows}
    assert by_name["never used"][7:9] == ["-", "-"]
    assert by_name["used"][8] == "192.0.2.7"
    assert by_name["used"][7].startswith(str(wall_now().year))


# -- keys --------------------------------------------------------------------------------------------------------


async def test_a_new_key_is_printed_or_put_into_a_file(tmp_path: Path) -> None:
    made = [await whistlectl("keys", "new") for _ in range(2)]
    assert [said.code for said in made] == [0, 0]
    assert made[0].out != made[1].out
    Keyring(*(said.out.strip() for said in made))
    file = tmp_path / "intake.keys"
    said = await whistlectl("keys", "new", "--file", str(file))
    assert (said.code, "holds 1 key(s)" in said.out) == (0, True)
    assert Keyring.of(file).sign(b"")


def test_a_new_key_goes_on_top_and_the_old_ones_still_open(tmp_path: Path) -> None:
    """INVARIANT: a key that was in a key file stays in it: what it sealed can be opened."""
    file = tmp_path / "intake.keys"
    assert keys.put_on_top(file) == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    sealed, (signer, _) = Keyring.of(file).seal(b"secret", "a test"), Keyring.of(file).sign(b"")
    file.write_text(f"# kept\n\n{file.read_text()}")
    assert keys.put_on_top(file) == 2
    keyring = Keyring.of(file)
    assert keyring.open(sealed, "a test") == b"secret"
    assert (keyring.sign(b"")[0] != signer, signer in keyring.public_keys()) == (True, True)
    assert "# kept" in file.read_text()
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize("content", ["no key", "c2hvcnQ=", "\x00\x01"])
def test_a_file_that_is_no_key_file_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    file = tmp_path / "wrong"
    file.write_text(content)
    with pytest.raises(Refused, match="is no key file"):
        keys.put_on_top(file)
    assert file.read_text() == content


def test_a_key_files_mode_is_kept(tmp_path: Path) -> None:
    """A container's user may have to read it."""
    file = tmp_path / "intake.keys"
    keys.put_on_top(file)
    file.chmod(0o444)
    assert keys.put_on_top(file) == 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o444
