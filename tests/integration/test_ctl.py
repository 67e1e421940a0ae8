"""whistlectl on the real broker and database: in a vhost and in databases of its own, where no service listens, and
where the story needs them, beside the running city."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import aio_pika
import orjson
import pytest
import pytest_asyncio
import uuid_utils.compat
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from support.broker import Broker, Login, in_vhost, remove_vhost
from support.city import City
from support.places import SAMPLE
from support.stack import PROCESSES, make_database
from support.waiting import until
from whistle_ctl import migrate, outbox, parking, registry, tokens, topology
from whistle_ctl.database import engine_of
from whistle_ctl.errors import Refused
from whistle_ctl.management import Management
from whistle_ctl.parked import Parked, Selection
from whistle_dispatch.domain import read_pack
from whistle_local import Infrastructure
from whistle_shared.auth import Tokens, Unauthenticated, list_tokens
from whistle_shared.messaging import DEAD_LETTERS, EVENTS, PARKING
from whistle_shared.timesource import AffineTime, wall_now

VHOST = "whistle-ctl-test"
EVERYTHING = Selection()
FAST = 10_000.0


def ignore(parked: Parked, what: str) -> None:
    """For commands whose commentary a test does not read."""


def logins(infrastructure: Infrastructure) -> dict[str, str]:
    """User → password of the five services."""
    return {producer: Login.of(infrastructure.amqp_urls[process]).password for process, producer in PROCESSES.items()}


@dataclass(frozen=True)
class Yard:
    """A vhost with the whole topology and nobody in it but the test."""

    infrastructure: Infrastructure
    document: topology.Document
    broker: Broker

    @property
    def url(self) -> str:
        return self.broker.admin_url

    @property
    def management(self) -> str:
        return self.infrastructure.management_url

    def url_of(self, process: str) -> str:
        """A service's own login, in this vhost."""
        return in_vhost(self.infrastructure.amqp_urls[process], VHOST)

    async def park(
        self, process: str, name: str = "", *, body: bytes = b"{}", reason: str = "", headers: Any = None
    ) -> None:
        """Set a message aside as the service of that process would. `name`: its message id."""
        usual: dict[str, Any] = {
            "x-origin-queue": f"{PROCESSES[process]}.in",
            "x-attempt": 3,
            "x-sent-ms": 1_000,
            "x-reason": reason,
        }
        message = aio_pika.Message(
            body,
            message_id=name or None,
            type="intake.whistle_blown.v1",
            user_id=Login.of(self.infrastructure.amqp_urls[process]).user,
            headers={**usual, "x-attempt": 3, "x-sent-ms": 1_000, **(headers or {})},
        )
        async with await aio_pika.connect(self.url_of(process)) as connection:
            channel = await connection.channel(on_return_raises=True)
            exchange = await channel.get_exchange(DEAD_LETTERS, ensure=False)
            await exchange.publish(message, routing_key="any")

    async def parked(self) -> list[str]:
        """Ids of what is parked; nothing is taken out."""
        seen: list[Parked] = []
        await parking.browse(self.url, EVERYTHING, seen.append)
        return [each.id for each in seen]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def standing_yard(infrastructure: Infrastructure) -> AsyncIterator[Yard]:
    remove_vhost(infrastructure.management_url, VHOST)
    document = topology.document_of(read_pack(SAMPLE).registry, logins(infrastructure), VHOST)
    await topology.apply(infrastructure.management_url, document)
    queues = tuple(f"{producer}.in" for producer in PROCESSES.values())
    broker = Broker(in_vhost(infrastructure.amqp_admin_url, VHOST), queues)
    await broker.open()
    yield Yard(infrastructure, document, broker)
    await broker.close()
    remove_vhost(infrastructure.management_url, VHOST)


@pytest_asyncio.fixture(loop_scope="session")
async def yard(standing_yard: Yard) -> Yard:
    await topology.apply(standing_yard.management, standing_yard.document)
    await standing_yard.broker.purge()
    return standing_yard


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


@dataclass(frozen=True)
class Said:
    """What a whistlectl process left behind."""

    code: int
    out: str
    err: str


async def whistlectl(*arguments: str, **environment: str) -> Said:
    """Run the real command line with these WHISTLE_ settings (written without the prefix)."""
    process = await start(*arguments, **environment)
    out, err = await process.communicate()
    return Said(process.returncode or 0, out.decode(), err.decode())


async def start(*arguments: str, **environment: str) -> asyncio.subprocess.Process:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WHISTLE_")}
    given = {f"WHISTLE_{key.upper()}": value for key, value in environment.items()}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "whistle_ctl", *arguments),
        env={**kept, **given, "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


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


# -- parking ------------------------------------------------------------------------------------------------


async def test_a_replayed_message_is_a_first_attempt_again(yard: Yard) -> None:
    await yard.park(
        *("dispatch", "m1"), body=b'{"a":1}', reason="KeyError", headers={"x-sender": "intake", "x-attempt": 8}
    )
    counted = await parking.replay(yard.url, EVERYTHING, FAST, "me@here", ignore)
    assert (counted.total, counted.selected, counted.refused) == (1, 1, 0)
    assert await yard.broker.ready(PARKING) == 0
    [message] = await yard.broker.take_all("dispatch.in")
    assert (message.body, message.message_id, message.user_id) == (b'{"a":1}', "m1", "ctl")
    headers = {name: value for name, value in message.headers.items() if name != "x-delivery-count"}
    assert headers.pop("x-sent-ms") > 1_000  # type: ignore[operator]
    assert headers == {
        "x-attempt": 0,
        "x-origin-queue": "dispatch.in",
        "x-sender": "intake",
        "x-replayed-by": "me@here",
    }


async def test_a_replay_vouches_for_nobody_that_was_not_vouched_for(yard: Yard) -> None:
    """INVARIANT: only a copy that the queue's own service or the operator made may name another sender than itself."""
    await yard.park("department-ga", headers={"x-origin-queue": "escalation.in", "x-sender": "intake"})
    await parking.replay(yard.url, EVERYTHING, FAST, "me", ignore)
    [message] = await yard.broker.take_all("escalation.in")
    assert message.headers["x-sender"] == "department.ga"


@pytest.mark.parametrize("queue", ["retry.1h", "parking", "amq.gen-x", "", "departmentXga.in", 7, ["dispatch.in"]])
async def test_a_replay_reaches_work_queues_of_ours_only(yard: Yard, queue: object) -> None:
    """INVARIANT: a replay reaches work queues of ours only, and a copy claims no sender that nobody vouched for."""
    await yard.park("dispatch", "bad", headers={"x-origin-queue": queue})
    await yard.park("dispatch", "good")
    counted = await parking.replay(yard.url, EVERYTHING, FAST, "me", ignore)
    assert (counted.selected, counted.refused) == (1, 1)
    assert await yard.parked() == ["bad"]
    assert [message.message_id for message in await yard.broker.take_all("dispatch.in")] == ["good"]
    assert await yard.broker.waiting() == 0


async def test_a_message_that_its_queue_does_not_take_stays_and_holds_nobody_up(yard: Yard) -> None:
    await yard.broker.channel.queue_delete("department.ga.in")
    await yard.park("department-ga", "unroutable")
    await yard.park("dispatch", "fine")
    said: list[tuple[str, str]] = []
    counted = await parking.replay(yard.url, EVERYTHING, FAST, "me", lambda p, what: said.append((p.id, what)))
    assert (counted.selected, counted.refused) == (1, 1)
    assert await yard.parked() == ["unroutable"]
    assert said[0][1].startswith("refused: department.ga.in")
    assert said[1] == ("fine", "replayed")


async def test_what_the_broker_itself_set_aside_returns_to_its_queue_without_its_copies(yard: Yard) -> None:
    async with await aio_pika.connect(yard.url_of("dispatch")) as connection:
        channel = await connection.channel(on_return_raises=True)
        exchange = await channel.get_exchange(EVENTS, ensure=False)
        message = aio_pika.Message(b"{}", message_id="m1", user_id="dispatch", headers={"CC": ["to.GA", "to.CGJ"]})
        await exchange.publish(message, routing_key="dispatch.whistle_dispatched.v1")
    queue = await yard.broker.channel.get_queue("department.ga.in", ensure=False)
    taken = await queue.get()
    assert taken is not None
    await taken.reject(requeue=False)
    await until(lambda: yard.broker.ready(PARKING), "the broker to park it")
    await yard.broker.take_all("department.hosted.in")
    await yard.broker.take_all("intake.in")
    await yard.broker.take_all("escalation.in")
    seen: list[Parked] = []
    await parking.browse(yard.url, EVERYTHING, seen.append)
    assert [(p.id, p.queue, p.sender, p.reason) for p in seen] == [("m1", "department.ga.in", "dispatch", "rejected")]
    await parking.replay(yard.url, EVERYTHING, FAST, "me", ignore)
    [copy] = await yard.broker.take_all("department.ga.in")
    assert not {"CC", "x-death"} & set(copy.headers)
    assert await yard.broker.waiting() == 0


@pytest.mark.parametrize("attempt", ["abc", -1, 2**40, None, {"x": 1}])
@pytest.mark.parametrize("sent", ["soon", -1, 2**62, None])
async def test_nonsense_in_the_headers_is_shown_and_does_no_harm(yard: Yard, attempt: object, sent: object) -> None:
    await yard.park(
        "dispatch", body=b"\xff\xfe", reason="\x1b[31mred", headers={"x-attempt": attempt, "x-sent-ms": sent}
    )
    said = await parking.browse(yard.url, EVERYTHING, lambda parked: print(parking.as_json(parked)))
    assert said.selected == 1
    counted = await parking.replay(yard.url, EVERYTHING, FAST, "me", ignore)
    assert counted.selected == 1


async def test_a_selection_takes_what_it_names_and_returns_the_rest(yard: Yard) -> None:
    hour = 3_600_000
    now = int(wall_now().timestamp() * 1000)
    for number, (reason, age) in enumerate(
        [("Malformed: x", 3), ("KeyError: a", 3), ("malformed: y", 1), ("Other", 1)]
    ):
        await yard.park("dispatch", f"m{number}", reason=reason, headers={"x-sent-ms": now - age * hour})

    async def found(selection: Selection) -> list[str]:
        seen: list[Parked] = []
        await parking.browse(yard.url, selection, seen.append)
        return sorted(parked.id for parked in seen)

    assert await found(Selection(reason="malformed")) == ["m0", "m2"]
    assert await found(Selection(since=wall_now() - timedelta(hours=2))) == ["m2", "m3"]
    assert await found(Selection(id="m1")) == ["m1"]
    assert len(await found(Selection(limit=2))) == 2
    assert await found(Selection(reason="nothing like it")) == []
    ended: list[str] = []
    await parking.drop(yard.url, Selection(reason="malformed", limit=1), lambda parked, _: ended.append(parked.id))
    assert len(set(ended) & {"m0", "m2"}) == len(ended) == 1
    assert sorted([*await yard.parked(), *ended]) == ["m0", "m1", "m2", "m3"]
    assert await yard.broker.waiting() == 0


async def test_what_is_parked_during_a_replay_is_left_alone(yard: Yard) -> None:
    await yard.park("dispatch", "old-1")
    await yard.park("dispatch", "old-2")
    under_way: list[asyncio.Task[None]] = []

    def park_another(parked: Parked, what: str) -> None:
        under_way.append(asyncio.create_task(yard.park("dispatch", f"new-{parked.id}")))

    counted = await parking.replay(yard.url, EVERYTHING, 5, "me", park_another)
    await asyncio.gather(*under_way)
    assert (counted.total, counted.selected) == (2, 2)
    assert sorted(await yard.parked()) == ["new-old-1", "new-old-2"]


async def test_nothing_is_done_without_yes(yard: Yard) -> None:
    await yard.park("dispatch", "m1", reason="Malformed")
    for command in ("replay", "drop"):
        said = await whistlectl("parking", command, amqp_admin_url=yard.url)
        assert said.code == 0, said.err
        assert "repeat with --yes" in said.out
    assert await yard.parked() == ["m1"]
    said = await whistlectl("parking", "drop", "--yes", amqp_admin_url=yard.url)
    assert (said.code, said.out.splitlines()[-1]) == (0, "1 of 1 parked messages dropped")
    assert await yard.parked() == []


async def test_ctrl_c_in_the_middle_of_a_replay_loses_nothing(yard: Yard) -> None:
    """INVARIANT: a message leaves parking only when a confirmed copy of it stands in its work queue, or when an
    operator drops it; whatever else happens, Ctrl-C included, it is still there."""
    ids = {f"m{number}" for number in range(8)}
    for each in sorted(ids):
        await yard.park("dispatch", each)
    process = await start("parking", "replay", "--yes", "--rate", "2", amqp_admin_url=yard.url)
    assert process.stdout is not None
    assert b"replayed" in await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert b"Traceback" not in err
    assert process.returncode not in (0, None)

    async def everything_back() -> bool:
        return await yard.broker.ready(PARKING) + await yard.broker.ready("dispatch.in") >= len(ids)

    await until(everything_back, "the broker to return what was held")
    left = set(await yard.parked())
    replayed = {message.message_id for message in await yard.broker.take_all("dispatch.in")}
    assert left | replayed == ids
    assert left
    assert replayed


async def test_only_the_operator_may_replay(yard: Yard) -> None:
    with pytest.raises(Refused, match="speaks as the broker user 'ctl', not 'dispatch'"):
        await parking.replay(yard.url_of("dispatch"), EVERYTHING, FAST, "me", ignore)


async def test_show_and_export_show_all_there_is(yard: Yard, tmp_path: Path) -> None:
    await yard.park("dispatch", "m1", body='{"title":"路灯"}'.encode(), reason="Malformed: title")
    await yard.park("dispatch", body=b"\xff\x00", reason="Malformed: body is not JSON")
    said = await whistlectl("parking", "show", "m1", amqp_url=yard.url)
    assert (said.code, "路灯" in said.out, "Malformed: title" in said.out) == (0, True, True)
    file = tmp_path / "parked.jsonl"
    assert (await whistlectl("parking", "export", str(file), amqp_url=yard.url)).code == 0
    lines = [orjson.loads(line) for line in file.read_text().splitlines()]
    assert [line.get("body") or line.get("body_base64") for line in lines] == ['{"title":"路灯"}', "/wA="]
    assert file.stat().st_mode & 0o077 == 0
    listed = await whistlectl("parking", "ls", amqp_url=yard.url)
    assert listed.out.splitlines()[0] == "2 parked, 2 listed"
    assert await yard.broker.ready(PARKING) == 2


async def test_a_whistle_that_was_parked_is_dispatched_after_its_replay(city: City) -> None:
    async with city.without("dispatch"):
        whistle = await city.street("S01").blows(category="0701")
        await until(lambda: city.broker.ready("dispatch.in"), "the whistle to wait for dispatch")
        message = await city.broker.take("dispatch.in")
        assert message is not None
        dead_letters = await city.broker.channel.get_exchange(DEAD_LETTERS, ensure=False)
        headers = {"x-origin-queue": "dispatch.in", "x-sender": "intake", "x-reason": "a bug of ours", "x-attempt": 8}
        parked = aio_pika.Message(
            message.body,
            content_type=message.content_type,
            message_id=message.message_id,
            user_id="ctl",
            headers=headers,  # type: ignore[arg-type]
        )
        await dead_letters.publish(parked, routing_key="dispatch.in")
    counted = await parking.replay(city.broker.admin_url, Selection(reason="a bug"), FAST, "me", ignore)
    assert counted.selected == 1
    await city.expects_tasks(whistle, ["CGJ", "PSGS", "GSGS", "TXGS", "GDGS"])


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
    token = await tokens.create(engine, "street", "S01", "采薇街道")
    caller = await Tokens(engine).caller(token)
    assert (caller.role, caller.scope, caller.name) == ("street", "S01", "采薇街道")
    await tokens.revoke(engine, caller.token_id)
    with pytest.raises(Unauthenticated):
        await Tokens(engine).caller(token)
    with pytest.raises(Refused, match="was revoked at"):
        await tokens.revoke(engine, caller.token_id)
    with pytest.raises(Refused, match="there is no token with the id"):
        await tokens.revoke(engine, UUID(int=1))
    over = await tokens.create(engine, "district", "*", "gone", wall_now() - timedelta(seconds=1))
    with pytest.raises(Unauthenticated):
        await Tokens(engine).caller(over)


@pytest.mark.parametrize(("role", "scope"), [("mayor", "*"), ("street", "*"), ("department", "*")])
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
    assert str(caller.token_id) in listed.out
    assert made.out.strip() not in listed.out
    revoked = await whistlectl("--env-file", str(env), "token", "revoke", str(caller.token_id))
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
