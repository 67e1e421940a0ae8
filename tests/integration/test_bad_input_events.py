"""Bad input at the broker: what no service of ours would say is parked with its reason, and the next event is handled
(RELIABILITY.md 4.2; the row numbers are its).

INVARIANT: a consumer survives whatever its queue brings; what it cannot handle is parked with a reason.
"""

import gzip
import json
from collections.abc import Callable
from typing import Any

import aio_pika
import orjson
import pytest
import uuid_utils.compat
from aio_pika.abc import AbstractIncomingMessage
from sqlalchemy import text

from support.city import City
from support.stack import PROCESSES
from support.waiting import until
from support.wire import wire
from whistle_shared.contracts import BATCH, SINGLE
from whistle_shared.contracts.escalation import DeliveryRecovered
from whistle_shared.contracts.intake import WhistleWithdrawn
from whistle_shared.messaging import DEAD_LETTERS, PARKING
from whistle_shared.messaging.consumer import _MOST_BYTES

Raw = dict[str, Any]
Change = Callable[[Raw], Any]
SERVICES = list(PROCESSES.values())


def event() -> Raw:
    """An event that is right, about a whistle that nobody knows."""
    said = WhistleWithdrawn(whistle_id=uuid_utils.compat.uuid7(), round=1, reason="自行解决", withdrawn_by="街道")
    raw: Raw = orjson.loads(wire(said, producer="intake"))
    return raw


def as_bytes(raw: Any) -> bytes:
    """As a foreign producer might write it: integers of any size, NaN, lone surrogates."""
    return json.dumps(raw, ensure_ascii=True).encode()


def changed(**values: Any) -> Change:
    return lambda raw: raw.update(values)


def said(**values: Any) -> Change:
    return lambda raw: raw["data"].update(values)


def without(name: str) -> Change:
    return lambda raw: raw.pop(name)


BYTES: dict[str, tuple[bytes, str]] = {
    "row01 nothing": (b"", "not JSON"),
    "row01 null": (b"null", "not an event object"),
    "row01 an array": (b"[]", "not an event object"),
    "row01 a text": (b'"whistle"', "not an event object"),
    "row02 truncated": (as_bytes(event())[:-9], "not JSON"),
    "row02 trailing": (as_bytes(event()) + b"{}", "not JSON"),
    "row04 a lone surrogate": (b'{"id": "\\ud800"}', "not JSON"),
    "row05 NaN": (b'{"id": NaN}', "not JSON"),
    "row05 1e400": (b'{"id": 1e400}', "not JSON"),
    "row08 nested 5,000 deep": (b"[" * 5000, "not JSON"),
    "row09 a byte order mark": (b"\xef\xbb\xbf" + as_bytes(event()), "not JSON"),
    "row09 GBK": ('{"id": "吹哨"}'.encode("gbk"), "not JSON"),
    "row09 UTF-16": ('{"id": "吹哨"}'.encode("utf-16"), "not JSON"),
    "row10 compressed": (gzip.compress(as_bytes(event())), "not JSON"),
    "row10 more than a megabyte": (b'"' + b"x" * _MOST_BYTES + b'"', "larger than"),
    "row34 not JSON": (b"\x00\x01garbage\xff", "not JSON"),
}


@pytest.mark.parametrize("name", BYTES)
async def test_bytes_that_are_no_event_are_parked_as_they_came(door: City, name: str) -> None:
    """By every service."""
    body, reason = BYTES[name]
    for message in await all_park(door, body):
        assert message.body == body
        assert reason in str(message.headers["x-reason"])
    await all_are_well(door)


ODD: dict[str, tuple[Change, str]] = {
    "row03 NUL in a text": (said(reason="a\x00b"), "NUL"),
    "row03 NUL in the subject": (changed(subject="a\x00b"), "subject"),
    "row06 a round beyond int4": (said(round=2**40), "round"),
    "row06 a round beyond int8": (said(round=2**70), "round"),
    "row06 a version beyond int8": (changed(subjectversion=2**70), "subjectversion"),
    "row12 a list for a text": (said(reason=["x"]), "reason"),
    "row12 null for a text": (said(reason=None), "reason"),
    "row12 no data": (without("data"), "data of"),
    "row12 a text for data": (changed(data="x"), "data of"),
    "row13 nothing visible": (said(reason="\u200b"), "visible"),
    "row17 no zone": (changed(time="2026-06-01T09:00:00"), "time"),
    "row17 the year 1": (changed(time="0001-01-01T00:00:00Z"), "time"),
    "row17 the last of all": (changed(time="9999-12-31T23:59:59.999999Z"), "time"),
    "row17 an offset of 25 hours": (changed(time="2026-06-01T09:00:00+25:00"), "time"),
    "row17 seconds since 1970": (changed(time=1780304400), "time"),
    "row17 a cause at the end of all time": (changed(causetime="9999-12-31T23:59:59.999999Z"), "causetime"),
    "row34 no id": (without("id"), "id"),
    "row34 an id that is no UUID": (changed(id="吹" * 100), "id"),
    "row34 no type": (without("type"), "type"),
    "row34 an unknown type": (changed(type="intake.whistle_sung.v1"), "unknown"),
    "row34 an unknown version": (changed(type="intake.whistle_withdrawn.v9"), "unknown"),
    "row34 another version of CloudEvents": (changed(specversion="0.3"), "specversion"),
    "row34 no correlation": (without("correlationid"), "correlationid"),
    "row34 a source of another world": (changed(source="https://example.org/"), "not one of ours"),
    "row34 another service's source": (changed(source="/whistle/escalation"), "may not say"),
    "row20 a producer of odd signs": (changed(source="/whistle/department/x; drop"), "may not say"),
}


@pytest.mark.parametrize("name", ODD)
async def test_an_event_that_cannot_be_is_parked_and_says_why(door: City, name: str) -> None:
    """By every service."""
    change, reason = ODD[name]
    raw = event()
    change(raw)
    for message in await all_park(door, as_bytes(raw)):
        assert reason in str(message.headers["x-reason"]), message.headers
    await all_are_well(door)


async def all_park(city: City, body: bytes) -> list[AbstractIncomingMessage]:
    """The same message for every service; what comes of it in parking, one from each."""
    for producer in SERVICES:
        await put(city, producer, body)
    found: list[AbstractIncomingMessage] = []

    async def all_there() -> bool:
        found.extend(await city.broker.take_all(PARKING))
        return len(found) >= len(SERVICES)

    await until(all_there, "all of them to be parked")
    assert sorted(str(each.headers["x-origin-queue"]) for each in found) == sorted(f"{name}.in" for name in SERVICES)
    return found


async def all_are_well(city: City) -> None:
    for producer in SERVICES:
        await is_well(city, producer)


async def put(city: City, producer: str, body: bytes, sender: str = "intake", **about: Any) -> None:
    await city.broker.put(f"{producer}.in", body, sender, **about)


async def is_well(city: City, producer: str) -> None:
    """It runs, nothing is stuck, and a good event is handled."""
    told = DeliveryRecovered(
        event_id=uuid_utils.compat.uuid7(),
        event_type=WhistleWithdrawn.key,
        whistle_id=None,
        receiver="dispatch",
        sent_at=city.time.now(),
    )
    good = wire(told, producer="escalation")
    await put(city, producer, good, "escalation")
    assert not city.services[producer].failed.is_set()
    await until(lambda: is_handled(city, producer, orjson.loads(good)["id"]), "the next event to be handled")


async def is_handled(city: City, producer: str, event_id: str) -> bool:
    """Whether it stands in the inbox."""
    async with city.services[producer].engine.connect() as connection:
        found = await connection.execute(text("select 1 from inbox where event_id = :id"), {"id": event_id})
        return found.first() is not None


async def test_row07_of_a_key_said_twice_the_last_one_counts(city: City) -> None:
    """Only our own programs write events, and they say nothing twice; HTTP refuses it."""
    raw = event()
    body = as_bytes(raw)[:-1] + b', "id": "019aa5f0-7c20-7a11-8b22-0000000000ff"}'
    await put(city, "escalation", body)
    await until(
        lambda: is_handled(city, "escalation", "019aa5f0-7c20-7a11-8b22-0000000000ff"), "the event to be handled"
    )


@pytest.mark.parametrize("kind", ["text/plain", "", "application/json", "application/cloudevents+json; charset=gbk"])
async def test_row11_what_a_message_calls_itself_matters_only_for_batches(city: City, kind: str) -> None:
    raw = event()
    await put(city, "escalation", as_bytes(raw), content_type=kind)
    await until(lambda: is_handled(city, "escalation", raw["id"]), "the event to be handled")


async def test_row11_a_batch_that_is_none_is_parked(city: City) -> None:
    await put(city, "escalation", as_bytes(event()), content_type=BATCH)
    await city.expects_parked("not a batch", "escalation.in")
    await put(city, "escalation", as_bytes([event()]), content_type=SINGLE)
    await city.expects_parked("not an event object", "escalation.in")
    await is_well(city, "escalation")


async def test_row12_a_field_that_is_new_is_no_mistake(city: City) -> None:
    """An older reader survives a newer writer."""
    raw = event()
    raw["data"]["colour"] = "red"
    raw["newer"] = {"a": 1}
    await put(city, "escalation", as_bytes(raw))
    await until(lambda: is_handled(city, "escalation", raw["id"]), "the event to be handled")


@pytest.mark.parametrize(
    "stamp", ["00000000-0000-7000-8000-000000000001", "ffffffff-ffff-7fff-bfff-ffffffffffff"], ids=["1970", "10889"]
)
async def test_row34_an_id_of_any_day_is_heard_once(city: City, stamp: str) -> None:
    """Ids need not be of today: what was heard is kept by id and not by day."""
    raw = event() | {"id": stamp}
    for _ in range(2):
        await put(city, "escalation", as_bytes(raw))
    await until(lambda: is_handled(city, "escalation", stamp), "the event to be handled")
    await city.expects_nothing_parked()


async def test_row35_another_event_with_an_id_heard_before_does_nothing_and_is_told(city: City) -> None:
    """First wins; the metric says that somebody should look."""
    service, before = city.services["escalation"], city.services["escalation"].group.ids_reused
    raw = event()
    other = event() | {"id": raw["id"]}
    await put(city, "escalation", as_bytes(raw))
    await until(lambda: is_handled(city, "escalation", raw["id"]), "the event to be handled")
    for body in (raw, other):
        await put(city, "escalation", as_bytes(body))
    await until(lambda: _counted(city, before + 1), "the second event to be noticed")
    assert "whistle_event_ids_reused 1.0" in (await city.client("escalation").get("/metrics")).text or before
    async with service.engine.connect() as connection:
        log = text("select count(*) from event_log where subject = :whistle")
        assert await connection.scalar(log, {"whistle": other["subject"]}) == 0
    await city.expects_nothing_parked()


async def _counted(city: City, number: int) -> bool:
    return city.services["escalation"].group.ids_reused == number


HEADERS: dict[str, Any] = {
    "row36 words for the attempt": {"x-attempt": "abc"},
    "row36 a negative attempt": {"x-attempt": -1},
    "row36 an attempt beyond all": {"x-attempt": 2**40},
    "row36 a truth for the attempt": {"x-attempt": True},
    "row36 a fraction for the attempt": {"x-attempt": 1.5},
    "row36 a foreign queue": {"x-origin-queue": "escalation.in"},
    "row36 no queue of ours": {"x-origin-queue": "amq.gen-x"},
    "row36 bytes that are no text": {"x-reason": bytearray(b"\xff\xfe"), "x-origin-queue": bytearray(b"\xff")},
    "row36 a table for a time": {"x-sent-ms": {"a": 1}},
}


@pytest.mark.parametrize("name", HEADERS)
async def test_odd_headers_count_as_none(city: City, name: str) -> None:
    """The first attempt, from the queue that it really came from."""
    raw = event()
    raw["data"]["reason"] = 5
    await put(city, "dispatch", as_bytes(raw), headers=HEADERS[name])
    parked = await city.expects_parked("reason", "dispatch.in")
    assert parked["x-attempt"] == 1
    await is_well(city, "dispatch")


async def test_row37_headers_of_200_kilobytes_do_not_reach_us(city: City) -> None:
    """The broker's frames are smaller: whoever tries loses the connection, and nobody else is touched."""
    async with await aio_pika.connect(city.broker.admin_url) as connection:
        channel = await connection.channel()
        message = aio_pika.Message(b"{}", headers={"x": "y" * 200_000})
        with pytest.raises((aio_pika.exceptions.AMQPError, ConnectionError, TimeoutError, ValueError)):
            await channel.default_exchange.publish(message, routing_key="dispatch.in", timeout=5)
    await is_well(city, "dispatch")


async def test_row37_a_routing_key_beyond_its_length_is_refused_where_it_is_said(city: City) -> None:
    exchange = await city.broker.channel.get_exchange(DEAD_LETTERS, ensure=False)
    with pytest.raises(ValueError, match="255"):
        await exchange.publish(aio_pika.Message(b"{}"), routing_key="x" * 256)


async def test_row37_a_body_of_17_megabytes_is_parked(city: City) -> None:
    await put(city, "dispatch", b" " * (17 * 1024 * 1024))
    await city.expects_parked("larger than", "dispatch.in")
    await is_well(city, "dispatch")
