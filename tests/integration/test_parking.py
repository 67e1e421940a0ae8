"""`whistlectl parking` on the real broker: what is set aside comes back whole, or stays where it is."""

import asyncio
import signal
from datetime import timedelta
from pathlib import Path

import aio_pika
import orjson
import pytest

from support.city import City
from support.waiting import until
from support.yard import EVERYTHING, Yard, start, whistlectl
from whistle_ctl import parking
from whistle_ctl.errors import Refused
from whistle_ctl.parked import Parked, Selection
from whistle_shared.messaging import DEAD_LETTERS, EVENTS, PARKING
from whistle_shared.timesource import wall_now

FAST = 10_000.0


def ignore(parked: Parked, what: str) -> None:
    """For commands whose commentary a test does not read."""


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
    """INVARIANT: a command that could lose or repeat something only says what it would do, until given `--yes`."""
    await yard.park("dispatch", "m1", reason="Malformed")
    for command in ("replay", "drop"):
        said = await whistlectl("parking", command, amqp_admin_url=yard.url)
        assert said.code == 0, said.err
        assert "repeat with --yes" in said.out
    said = await whistlectl("parking", "drop", "--yes", amqp_admin_url=yard.url)
    assert (said.code, "WHISTLE_DATABASE_URL is not set" in " ".join(said.err.split())) == (2, True)
    assert await yard.parked() == ["m1"], "nothing happens that could not be noted"
    said = await whistlectl("parking", "drop", "--yes", amqp_admin_url=yard.url, database_url=yard.dispatch_url)
    assert (said.code, said.out.splitlines()[-1]) == (0, "1 of 1 parked messages dropped")
    assert await yard.parked() == []


async def test_ctrl_c_in_the_middle_of_a_replay_loses_nothing(yard: Yard) -> None:
    """INVARIANT: a message leaves parking only when a confirmed copy of it stands in its work queue, or when an
    operator drops it; whatever else happens, Ctrl-C included, it is still there."""
    ids = {f"m{number}" for number in range(8)}
    for each in sorted(ids):
        await yard.park("dispatch", each)
    process = await start(
        *("parking", "replay", "--yes", "--rate", "2"), amqp_admin_url=yard.url, database_url=yard.dispatch_url
    )
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
