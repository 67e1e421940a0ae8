"""whistlectl and the audit: what an operator changes stands in it, and it can be proven from outside."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from getpass import getuser
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from support.auditing import SERVICE, Auditing
from support.places import SAMPLE
from support.stack import make_database
from support.yard import Said, Yard, whistlectl
from whistle_ctl import measures, migrate, outbox, tokens
from whistle_ctl import registry as ctl_registry
from whistle_ctl.database import engine_of
from whistle_dispatch.domain import read_pack
from whistle_local import Infrastructure
from whistle_shared.audit import Chainer
from whistle_shared.auth import list_tokens
from whistle_shared.keyring import Keyring, new_key
from whistle_shared.timesource import AffineTime, wall_now
from whistle_shared.worktime import SHANGHAI

DAY = date(2026, 6, 1)


async def told(engine: AsyncEngine) -> list[tuple[Any, ...]]:
    """What the operator is said to have done, in order."""
    query = text("select actor, name, action, subject, outcome, asked, before, after from audit order by audit_id")
    async with engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(query)]


async def made(infrastructure: Infrastructure, service: str) -> AsyncIterator[AsyncEngine]:
    url = await make_database(infrastructure, f"whistle_audit_ctl_{service}")
    await migrate.migrate(url, service)
    async with engine_of(url) as engine:
        yield engine


@pytest_asyncio.fixture(loop_scope="session")
async def intake_database(infrastructure: Infrastructure) -> AsyncIterator[AsyncEngine]:
    async for engine in made(infrastructure, "intake"):
        yield engine


@pytest_asyncio.fixture(loop_scope="session")
async def dispatch_database(infrastructure: Infrastructure) -> AsyncIterator[AsyncEngine]:
    async for engine in made(infrastructure, "dispatch"):
        yield engine


@pytest_asyncio.fixture(loop_scope="session")
async def escalation_database(infrastructure: Infrastructure) -> AsyncIterator[AsyncEngine]:
    async for engine in made(infrastructure, "escalation"):
        yield engine


async def test_who_makes_and_ends_a_token_stands_in_the_audit(intake_database: AsyncEngine) -> None:
    """INVARIANT: whatever a command changes stands in the audit, in the transaction that changes it."""
    token = await tokens.create(intake_database, "street_initiator", "S01", "采薇街道")
    [row] = await list_tokens(intake_database)
    await tokens.revoke(intake_database, row.token_id)
    created, revoked = await told(intake_database)
    me = ("whistlectl", getuser())
    assert created[:3] == (*me, "token.create")
    assert created[5]["holder"] == "采薇街道"
    assert (created[5]["role"], created[5]["scope"]) == ("street_initiator", "S01")
    assert revoked[:5] == (*me, "token.revoke", str(row.token_id), "done")
    assert token not in str((created, revoked))


async def test_who_loads_a_registry_stands_in_the_audit(yard: Yard, dispatch_database: AsyncEngine) -> None:
    pack = read_pack(SAMPLE)
    for _ in range(2):
        await ctl_registry.load(dispatch_database, yard.url_of("dispatch"), AffineTime(), pack)
    first, again = await told(dispatch_database)
    assert first[2:5] == ("registry.load", "registry", "done")
    assert first[5] == {"pack": pack.name}
    assert first[6:] == (
        {"registry_version": None, "calendar_version": 0},
        {"registry_version": 1, "calendar_version": 1},
    )
    assert again[6:] == ({}, {})


async def test_who_sends_again_stands_in_the_audit(intake_database: AsyncEngine) -> None:
    async with intake_database.begin() as connection:
        await connection.execute(
            text("insert into outbox(event_id, key, subject, addressed_to, body) values (:id, 'k', 's', '[]', '{}')"),
            {"id": UUID(int=5)},
        )
    now = wall_now()
    assert await outbox.replay(intake_database, now - timedelta(hours=1), now + timedelta(hours=1)) == 1
    [row] = await told(intake_database)
    assert (row[2], row[7]) == ("outbox.replay", {"events": 1})


async def test_who_makes_the_numbers_anew_stands_in_the_audit(escalation_database: AsyncEngine) -> None:
    await measures.rebuild(escalation_database, dry_run=True)
    assert await told(escalation_database) == []
    await measures.rebuild(escalation_database, dry_run=False)
    [row] = await told(escalation_database)
    assert (row[2], row[7]) == ("measures.rebuild", {"tasks": 0})


async def test_who_drops_parked_messages_stands_in_the_audit(yard: Yard, dispatch_database: AsyncEngine) -> None:
    await yard.park("dispatch", "m1", reason="Malformed")
    address = dispatch_database.url.render_as_string(hide_password=False)
    said = await whistlectl(
        *("parking", "drop", "--yes", "--reason", "malformed"), amqp_admin_url=yard.url, database_url=address
    )
    assert said.code == 0, said.err
    begun, done = await told(dispatch_database)
    assert (begun[2], begun[5]["reason"], begun[7]) == ("parking.drop.begun", "malformed", None)
    assert (done[2], done[7]) == ("parking.drop", {"total": 1, "selected": 1, "refused": 0})


# -- proof from outside ------------------------------------------------------------------------------------------


class Outside:
    """The command line with the environment of one process."""

    def __init__(self, auditing: Auditing, keys: Path) -> None:
        self.auditing = auditing
        address = auditing.engine.url.render_as_string(hide_password=False)
        self.environment = {"database_url": address, "amqp_url": f"amqp://{SERVICE}:x@127.0.0.1:1/whistle"}
        self.keys = {"keys_file": str(keys)}

    async def says(self, *arguments: str, with_keys: bool = True) -> Said:
        return await whistlectl("audit", *arguments, **self.environment, **(self.keys if with_keys else {}))


@pytest_asyncio.fixture(loop_scope="session")
async def outside(intake_database: AsyncEngine, tmp_path: Path) -> Outside:
    line = new_key()
    (tmp_path / "keys").write_text(line + "\n")
    auditing = Auditing(intake_database)
    auditing.keyring = Keyring(line)
    auditing.chainer = auditing.another_chainer()
    await auditing.writes(30)
    await auditing.links()
    return Outside(auditing, tmp_path / "keys")


async def test_heads_are_exported_and_prove_the_chain_with_the_public_key_alone(
    outside: Outside, tmp_path: Path
) -> None:
    head = await outside.auditing.signs(DAY)
    await outside.auditing.writes(3)
    await outside.auditing.links()
    exported, key = await outside.says("heads"), await outside.says("key")
    assert orjson.loads(exported.out) == {
        "service": SERVICE,
        "day": "2026-06-01",
        "position": 30,
        "digest": head.digest.hex(),
        "key_id": head.key_id,
        "signature": head.signature.hex(),
    }
    (tmp_path / "heads.jsonl").write_text(exported.out)
    given = ("--heads", str(tmp_path / "heads.jsonl"), "--key", key.out.strip())
    said = await outside.says("verify", *given, with_keys=False)
    assert (said.code, said.out.strip()) == (0, f"{SERVICE}: 33 rows, 1 signed heads: nothing is wrong"), said.err

    await outside.auditing.tampers(
        "truncate audit_link, audit_head",
        "update audit set asked = '{}' where audit_id = 12",
    )
    fresh = Chainer(outside.auditing.engine, SERVICE, outside.auditing.keyring)
    while await fresh.advance() != 1.0:
        pass
    honest = await outside.says("verify")
    assert honest.code == 0, "who has every right and the key can make it all anew"
    said = await outside.says("verify", *given, with_keys=False)
    assert said.code == 1
    assert "row 30 at position 30: the head of 2026-06-01 vouches for another digest" in said.out


async def test_verify_names_the_row_and_exits_with_one(outside: Outside) -> None:
    await outside.auditing.tampers("update audit set name = 'x' where audit_id = 17")
    said = await outside.says("verify")
    assert said.code == 1
    assert said.out.splitlines() == [
        "row 17 at position 17: was edited: it has not the digest it was linked with",
        f"{SERVICE}: 30 rows, 0 signed heads: 1 faults",
    ]


async def test_what_cannot_be_read_is_refused_in_one_sentence(outside: Outside, tmp_path: Path) -> None:
    (tmp_path / "heads").write_text("{}\n")
    for arguments, with_keys, sentence in (
        (("verify",), False, "WHISTLE_KEYS_FILE is not set"),
        (("key",), False, "WHISTLE_KEYS_FILE is not set"),
        (("verify", "--heads", str(tmp_path / "heads")), True, "is not the line of a head"),
        (("verify", "--heads", str(tmp_path / "none")), True, "cannot be read"),
        (("verify", "--key", "abc"), True, "is not a public key"),
    ):
        said = await outside.says(*arguments, with_keys=with_keys)
        assert said.code == 2, arguments
        assert sentence in " ".join(said.err.split()), said.err
        assert "Traceback" not in said.err


async def test_purge_only_counts_without_yes_and_keeps_what_is_young(outside: Outside) -> None:
    today = wall_now().astimezone(SHANGHAI).date()
    await outside.auditing.signs(today - timedelta(days=1200))
    before = str(today - timedelta(days=1100))
    said = await outside.says("purge", "--before", str(today))
    assert (said.code, "the audit is kept for 1096 days" in " ".join(said.err.split())) == (2, True)
    said = await outside.says("purge", "--before", before)
    assert (said.code, said.out.strip()) == (0, "1 days would be ended; repeat with --yes, up to position 30")
    said = await outside.says("purge", "--before", before, "--yes")
    assert (said.code, said.out.strip()) == (0, "1 days were ended, up to position 30"), said.err
    await outside.auditing.links()
    said = await outside.says("verify")
    assert (said.code, said.out.strip()) == (
        0,
        f"{SERVICE}: 1 rows after 30 that were purged, 1 signed heads: nothing is wrong",
    )


async def test_nobody_may_keep_it_for_less_than_half_a_year(outside: Outside) -> None:
    outside.environment["audit_kept_days"] = "179"
    said = await outside.says("purge", "--before", "2020-01-01")
    assert (said.code, "WHISTLE_AUDIT_KEPT_DAYS" in said.err) == (2, True)
