"""whistlectl on the real broker and database: in a vhost and in databases of its own, where no service listens, and
where the story needs them, beside the running city."""

import shutil
from collections.abc import AsyncIterator
from copy import deepcopy
from datetime import timedelta
from getpass import getuser
from pathlib import Path
from uuid import UUID

import orjson
import pytest
import pytest_asyncio
import uuid_utils.compat
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from support.city import City
from support.places import SAMPLE
from support.stack import make_database
from support.yard import Yard, logins, whistlectl
from whistle_ctl import migrate, outbox, registry, tokens, topology
from whistle_ctl.database import engine_of
from whistle_ctl.errors import Refused
from whistle_ctl.management import Management
from whistle_dispatch.domain import read_pack
from whistle_local import Infrastructure
from whistle_shared.auth import Tokens, Unauthenticated, list_tokens
from whistle_shared.messaging import EVENTS
from whistle_shared.timesource import AffineTime, wall_now


async def migrated(infrastructure: Infrastructure, service: str) -> AsyncIterator[AsyncEngine]:
    """A database of its own with the schema of a service that does not run on it."""
    url = await make_database(infrastructure, f"whistle_ctl_test_{service}")
    await migrate.migrate(url, service)
    async with engine_of(url) as engine:
        yield engine


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def intake_database(infrastructure: Infrastructure) -> AsyncIterator[AsyncEngine]:
    async for engine in migrated(infrastructure, "intake"):
        yield engine


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def dispatch_database(infrastructure: Infrastructure) -> AsyncIterator[AsyncEngine]:
    async for engine in migrated(infrastructure, "dispatch"):
        yield engine


async def test_who_migrates_stands_in_the_audit(infrastructure: Infrastructure) -> None:
    url = await make_database(infrastructure, "whistle_ctl_test_migrated")
    for _ in range(2):
        said = await whistlectl("migrate", "dispatch", database_url=url)
        assert (said.code, said.out) == (0, "dispatch: the schema is up to date\n"), said
    async with engine_of(url) as engine, engine.connect() as connection:
        rows = (await connection.execute(text("select actor, name, action, outcome, asked from audit"))).all()
    assert [tuple(row) for row in rows] == [("whistlectl", getuser(), "migrate", "done", {"service": "dispatch"})] * 2


# -- topology -----------------------------------------------------------------------------------------------


async def test_applying_the_topology_twice_changes_nothing(yard: Yard) -> None:
    assert await topology.check(yard.management, yard.document) == []
    before = await yard_definitions(yard)
    assert await topology.apply(yard.management, yard.document) == []
    assert await yard_definitions(yard) == before
    assert await topology.check(yard.management, yard.document) == []


async def yard_definitions(yard: Yard) -> dict[str, list[str]]:
    async with Management(yard.management) as broker:
        found = await broker.definitions()
    kinds = ("users", "permissions", "exchanges", "queues", "bindings", "policies")
    return {kind: sorted(orjson.dumps(entry).decode() for entry in found[kind]) for kind in kinds}


async def test_drift_is_found_and_mended(yard: Yard) -> None:
    await yard.broker.channel.queue_delete("escalation.in")
    dispatch = await yard.broker.channel.get_queue("dispatch.in", ensure=False)
    await dispatch.unbind(EVENTS, "intake.whistle_blown.v1")
    found = await topology.check(yard.management, yard.document)
    assert "missing: queue escalation.in" in found
    assert "missing: binding of dispatch.in to whistle.ev by 'intake.whistle_blown.v1'" in found
    await topology.apply(yard.management, yard.document)
    assert await topology.check(yard.management, yard.document) == []


async def test_a_department_that_moves_leaves_its_old_instance(yard: Yard) -> None:
    moved = deepcopy(yard.document)
    [binding] = [entry for entry in moved["bindings"] if entry["routing_key"] == "to.CGJ"]
    binding["destination"] = "department.ga.in"
    removed = await topology.apply(yard.management, moved)
    assert [(entry["destination"], entry["routing_key"]) for entry in removed] == [("department.hosted.in", "to.CGJ")]
    assert await topology.check(yard.management, moved) == []
    assert "too much: binding of department.ga.in to whistle.ev by 'to.CGJ'" in await topology.check(
        yard.management, yard.document
    )


async def test_what_others_bound_for_themselves_stays(yard: Yard) -> None:
    own = await yard.broker.channel.declare_queue("somebody-elses", auto_delete=True)
    await own.bind(EVENTS, "to.CGJ")
    assert await topology.check(yard.management, yard.document) == []
    assert await topology.apply(yard.management, yard.document) == []
    await own.unbind(EVENTS, "to.CGJ")
    await own.delete()


async def test_the_management_api_is_refused_in_one_sentence(yard: Yard) -> None:
    wrong = yard.management.replace("://ctl:", "://ctl:x")
    with pytest.raises(Refused, match="does not accept the login of 'ctl'"):
        await topology.check(wrong, yard.document)
    with pytest.raises(Refused, match="http://administrator"):
        await topology.check("localhost:15672", yard.document)


async def test_check_says_no_with_exit_code_1(infrastructure: Infrastructure, tmp_path: Path) -> None:
    passwords = tmp_path / "passwords.json"
    passwords.write_text(orjson.dumps({**logins(infrastructure), "escalation": "another"}).decode())
    said = await whistlectl(
        *("topology", "check", "--pack", str(SAMPLE)),
        management_url=infrastructure.management_url,
        broker_passwords=str(passwords),
    )
    assert (said.code, said.out.strip()) == (1, "different: user escalation in password_hash")


async def test_who_applies_a_topology_says_so(infrastructure: Infrastructure, tmp_path: Path) -> None:
    """The broker has no audit: a line on standard error names the operator, and no password."""
    passwords = tmp_path / "passwords.json"
    passwords.write_text(orjson.dumps(logins(infrastructure)).decode())
    said = await whistlectl(
        *("topology", "apply", "--pack", str(SAMPLE)),
        management_url=infrastructure.management_url,
        broker_passwords=str(passwords),
    )
    assert said.code == 0, said
    [line] = [line for line in said.err.splitlines() if "topology.applied" in line]
    assert f"operator={getuser()} " in line
    assert not [user for user, password in logins(infrastructure).items() if password in said.err + said.out]


# -- outbox -------------------------------------------------------------------------------------------------


async def write_ledger(engine: AsyncEngine, count: int, key: str, minutes_ago: int) -> list[UUID]:
    """Events of one instant, so that a batch ends in the middle of it."""
    ids = [uuid_utils.compat.uuid7() for _ in range(count)]
    statement = text(
        "insert into outbox(event_id, key, subject, addressed_to, body, created_at) "
        "select id, :key, 's', '[]', '{}', :at from unnest(cast(:ids as uuid[])) as id"
    )
    async with engine.begin() as connection:
        await connection.execute(statement, {"ids": ids, "key": key, "at": wall_now() - timedelta(minutes=minutes_ago)})
    return ids


async def due(engine: AsyncEngine) -> list[tuple[UUID, str]]:
    async with engine.connect() as connection:
        rows = await connection.execute(text("select event_id, receiver from outbox_due order by event_id"))
        return [(row.event_id, row.receiver) for row in rows]


async def test_an_outbox_replay_makes_the_chosen_events_due_and_no_others(intake_database: AsyncEngine) -> None:
    engine = intake_database
    old = await write_ledger(engine, 10, "intake.whistle_blown.v1", 90)
    chosen = await write_ledger(engine, 2_300, "intake.whistle_blown.v1", 30)
    other = await write_ledger(engine, 10, "intake.whistle_withdrawn.v1", 30)
    since, until_ = wall_now() - timedelta(minutes=60), wall_now()
    assert await outbox.count(engine, since, until_) == len(chosen) + len(other)
    assert await due(engine) == []
    assert await outbox.replay(engine, since, until_, "intake.whistle_blown.v1") == len(chosen)
    assert await due(engine) == [(event_id, "broker") for event_id in sorted(chosen)]
    assert await outbox.replay(engine, since - timedelta(hours=1), until_) == len(old + chosen + other)
    assert await due(engine) == [(event_id, "broker") for event_id in sorted(old + chosen + other)]
    with pytest.raises(Refused, match="is not before"):
        await outbox.replay(engine, until_, since)


async def test_a_replayed_ledger_is_sent_again_and_changes_nothing(city: City) -> None:
    """INVARIANT: replaying changes nothing but who is due to hear: ids and bodies are those of the first time, so a
    consumer that has handled an event passes over its repetition."""
    started = wall_now()
    whistle = await city.street("S01").blows(category="0701")
    await city.settles()
    intake, dispatch = city.services["intake"], city.services["dispatch"]

    async def rows(engine: AsyncEngine, table: str) -> int:
        async with engine.connect() as connection:
            return int((await connection.execute(text(f"select count(*) from {table}"))).scalar_one())

    heard = await rows(dispatch.engine, "inbox")
    assert await outbox.replay(intake.engine, started, wall_now(), "intake.whistle_blown.v1") == 1
    await city.settles()
    assert await rows(dispatch.engine, "inbox") == heard
    assert await rows(intake.engine, "outbox_due") == 0
    await city.expects_tasks(whistle, ["CGJ", "PSGS", "GSGS", "TXGS", "GDGS"])


async def test_outbox_replay_only_counts_without_yes(intake_database: AsyncEngine) -> None:
    address = intake_database.url.render_as_string(hide_password=False)
    before = await due(intake_database)
    said = await whistlectl("outbox", "replay", "--from", "3h", database_url=address)
    assert (said.code, "would be sent again; repeat with --yes" in said.out) == (0, True)
    assert await due(intake_database) == before
    said = await whistlectl("outbox", "replay", "--from", "2026-11-22T09:00:00", database_url=address)
    assert (said.code, "has no offset" in " ".join(said.err.split())) == (2, True)


# -- tokens -------------------------------------------------------------------------------------------------


async def test_a_token_works_until_it_is_revoked_or_expires(intake_database: AsyncEngine) -> None:
    engine = intake_database
    token = await tokens.create(engine, "street_initiator", "S01", "采薇街道")
    caller = await Tokens(engine).caller(token)
    assert (caller.role, caller.scope, caller.name) == ("street_initiator", "S01", "采薇街道")
    await tokens.revoke(engine, caller.id)
    with pytest.raises(Unauthenticated):
        await Tokens(engine).caller(token)
    with pytest.raises(Refused, match="was revoked at"):
        await tokens.revoke(engine, caller.id)
    with pytest.raises(Refused, match="there is no token with the id"):
        await tokens.revoke(engine, UUID(int=1))
    over = await tokens.create(engine, "arbitrator", "*", "gone", wall_now() - timedelta(seconds=1))
    with pytest.raises(Unauthenticated):
        await Tokens(engine).caller(over)


@pytest.mark.parametrize(("role", "scope"), [("mayor", "*"), ("street_initiator", "*"), ("department_head", "*")])
async def test_a_role_or_scope_that_cannot_be_is_refused(intake_database: AsyncEngine, role: str, scope: str) -> None:
    before = len(await list_tokens(intake_database))
    with pytest.raises(Refused, match=role):
        await tokens.create(intake_database, role, scope, "x")
    assert len(await list_tokens(intake_database)) == before


async def test_the_token_is_printed_once_and_alone_if_asked(intake_database: AsyncEngine, tmp_path: Path) -> None:
    env = tmp_path / "intake.env"
    env.write_text(f"# intake\n\nWHISTLE_DATABASE_URL={intake_database.url.render_as_string(hide_password=False)}\n")
    made = await whistlectl(
        *("--env-file", str(env), "token", "create", "--plain"),
        *("--role", "operations", "--scope", "*", "--name", "cli", "--expires", "2"),
    )
    assert (made.code, made.err) == (0, "")
    caller = await Tokens(intake_database).caller(made.out.removesuffix("\n"))
    listed = await whistlectl("--env-file", str(env), "token", "list")
    assert str(caller.id) in listed.out
    assert made.out.strip() not in listed.out
    revoked = await whistlectl("--env-file", str(env), "token", "revoke", str(caller.id))
    assert revoked.code == 0
    with pytest.raises(Unauthenticated):
        await Tokens(intake_database).caller(made.out.strip())


# -- registry -----------------------------------------------------------------------------------------------


async def test_a_loaded_pack_is_due_at_once_and_an_unchanged_one_is_published_again(
    yard: Yard, dispatch_database: AsyncEngine
) -> None:
    engine, pack = dispatch_database, read_pack(SAMPLE)
    with pytest.raises(Refused, match="no registry has been loaded"):
        await registry.publish(engine, AffineTime())
    first = await registry.load(engine, yard.url_of("dispatch"), AffineTime(), pack)
    assert (first.registry_version, first.registry_changed) == (1, True)
    parts = len(await due(engine))
    assert parts > 6
    async with engine.connect() as connection:
        late = await connection.execute(text("select count(*) from outbox_due where next_at > clock_timestamp()"))
        assert late.scalar_one() == 0
    again = await registry.load(engine, yard.url_of("dispatch"), AffineTime(), pack)
    assert (again.registry_version, again.registry_changed, again.calendar_changed) == (1, False, False)
    published = await registry.publish(engine, AffineTime())
    assert (published.registry_version, published.registry_changed, published.calendar_changed) == (1, False, False)
    assert len(await due(engine)) == 3 * parts


async def test_a_pack_whose_active_departments_have_no_queue_is_refused_by_name(
    yard: Yard, dispatch_database: AsyncEngine
) -> None:
    await yard.broker.channel.queue_delete("department.ga.in")
    with pytest.raises(Refused, match=r"GA \(instance 'ga'\): apply the topology first"):
        await registry.load(dispatch_database, yard.url_of("dispatch"), AffineTime(), read_pack(SAMPLE))


async def test_a_wrong_pack_is_refused_with_every_place(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SAMPLE, tmp_path / "pack"))
    policies = (folder / "policies.csv").read_text("utf-8").replace("5m@natural", "5 minutes", 1)
    (folder / "policies.csv").write_text(policies, "utf-8")
    (folder / "streets.csv").unlink()
    said = await whistlectl("registry", "validate", str(folder))
    assert (said.code, said.out) == (1, "")
    assert "policies.csv:2: dispatch: " in said.err
    assert "streets.csv: is missing" in said.err


# -- how it fails -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (("parking", "ls"), {}, "WHISTLE_AMQP_URL is not set"),
        (("parking", "ls"), {"amqp_url": "amqp://ctl:x@127.0.0.1:1/x"}, "Connect call failed"),
        (("migrate", "intake"), {"database_url": "postgresql+asyncpg://a:b@127.0.0.1:1/x"}, "Connect call failed"),
        (("token", "list"), {"time_rate": "backwards"}, "WHISTLE_TIME_RATE"),
        (("--env-file", "no-such-file", "token", "list"), {}, "no-such-file cannot be read"),
    ],
)
async def test_an_expected_failure_is_one_sentence_and_exit_code_2(
    arguments: tuple[str, ...], environment: dict[str, str], sentence: str
) -> None:
    said = await whistlectl(*arguments, **environment)
    assert said.code == 2, said
    assert sentence in said.err
    assert said.err.startswith("whistlectl: ")
    assert said.err.count("\n") == 1
    assert said.out == ""
