"""Random and mutated events for every service, on the real broker: each is handled or set aside with a reason, nobody
stops, nothing is stuck, and what comes afterwards is handled as ever.

INVARIANT: a consumer survives whatever its queue brings; what it cannot handle is parked with a reason.
"""

import asyncio
from collections import Counter
from importlib import import_module
from time import monotonic
from typing import Any

import orjson
from hypothesis import HealthCheck, Phase, given, settings
from sqlalchemy import text

from fuzz.conftest import MINUTES, Tally
from support.city import City
from support.mutations import Message, messages
from support.stack import room_of
from support.waiting import until
from whistle_shared.contracts import TYPES, Malformed, decode_batch
from whistle_shared.messaging import PARKING, RETRY_TIERS
from whistle_shared.timesource import utc_text

EACH = 60
"""Messages for each service in the brief run."""


async def real_events(city: City) -> list[dict[str, Any]]:
    """What was really said while a few things happened."""
    street, cgj, ga = city.street("S01"), city.department("CGJ"), city.department("GA")
    whistle = await street.blows(departments=["CGJ", "GA"])
    await cgj.acknowledges(whistle)
    await cgj.arrives(whistle)
    await ga.acknowledges(whistle)
    await cgj.submits(whistle)
    await city.passes(hours=3)
    await street.withdraws(await street.blows(departments=["CGJ"]))
    await city.settles()
    found: list[dict[str, Any]] = []
    for service in city.services.values():
        async with service.engine.connect() as connection:
            found += [orjson.loads(row.body) for row in await connection.execute(text("select body from outbox"))]
    return found


def heard_by(producer: str) -> list[Any]:
    """The event types a service subscribes to; a registry of nonsense is another test's (it would outlive this one)."""
    subscribed = set(import_module(f"whistle_{room_of(producer)}.consumers").SUBSCRIPTIONS)
    return sorted((m for m in subscribed if "published" not in m.key), key=lambda model: model.key)


def some(city: City, producer: str, raws: list[dict[str, Any]], number: int) -> list[Message]:
    models = heard_by(producer) + [model for key, model in sorted(TYPES.items()) if "published" not in key][:5]
    found: list[Message] = []
    now = utc_text(city.time.now())

    @settings(
        max_examples=number,
        database=None,
        deadline=None,
        derandomize=not MINUTES,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(message=messages(raws, models, now))
    def collect(message: Message) -> None:
        found.append(message)

    collect()
    return found


def parts(body: bytes, content_type: str) -> list[bytes]:
    """What of a message can be set aside by itself: each event of it, or all its bytes."""
    try:
        return [orjson.dumps(raw) for raw in decode_batch(body, content_type)]
    except Malformed:
        return [body]


async def taken(city: City, queue: str) -> Counter[tuple[str, bytes]]:
    """What was set aside, by the queue it came from; each with a reason."""
    found: Counter[tuple[str, bytes]] = Counter()
    for message in await city.broker.take_all(queue):
        assert str(message.headers.get("x-reason", "")), dict(message.headers)
        found[str(message.headers["x-origin-queue"]), message.body] += 1
    return found


async def handled(city: City, producer: str) -> set[str]:
    async with city.services[producer].engine.connect() as connection:
        return {str(row.event_id) for row in await connection.execute(text("select event_id from inbox"))}


async def put(city: City, producer: str, found: list[Message]) -> None:
    for message in found:
        await city.broker.put(
            f"{producer}.in", message.body, message.sender, message.headers, content_type=message.content_type
        )


async def at_rest(city: City) -> bool:
    """Nothing waits in a work queue and nobody has anything in hand."""
    if any([await city.broker.ready(queue) for queue in city.broker.work_queues]):
        return False
    return all(service.consumer._idle() for service in city.services.values())


async def one_round(city: City, raws: list[dict[str, Any]], number: int) -> tuple[int, list[str]]:
    """Put some into every queue and see where they went; returns how many, and which went nowhere."""
    sent = {producer: await asyncio.to_thread(some, city, producer, raws, number) for producer in city.services}
    for producer, found in sent.items():
        await put(city, producer, found)
    await until(lambda: at_rest(city), "the queues to be empty")
    set_aside: Counter[tuple[str, bytes]] = Counter()
    for queue in (PARKING, *(f"retry.{tier}" for tier in RETRY_TIERS)):
        set_aside += await taken(city, queue)
    lost: list[str] = []
    for producer, found in sent.items():
        seen = await handled(city, producer)
        for message in found:
            for part in parts(message.body, message.content_type):
                if set_aside[f"{producer}.in", part] or _id(part) in seen:
                    continue
                lost.append(f"{producer}: {message}")
    return sum(map(len, sent.values())), lost


def _id(part: bytes) -> str | None:
    try:
        return str(orjson.loads(part).get("id"))
    except (orjson.JSONDecodeError, AttributeError):
        return None


async def test_every_message_is_handled_or_set_aside_and_nobody_stops(city: City, seconds: float, tally: Tally) -> None:
    raws = await real_events(city)
    until_then, tried = monotonic() + seconds, 0
    lost: list[str] = []
    while not tried or monotonic() < until_then:
        number, gone = await one_round(city, raws, EACH)
        tried, lost = tried + number, lost + gone
        assert [name for name, service in city.services.items() if service.failed.is_set()] == []
    # Whatever was believed may also become due.
    city.time.set(city.time.now())
    await city.has_fired()
    tally.add("AMQP", tried, len(lost))
    assert not lost, "\n".join(lost[:20])
    assert [name for name, service in city.services.items() if service.failed.is_set()] == []
    await city.clean()
    whistle = await city.street("S01").blows(departments=["CGJ", "GA"])
    await city.expects_tasks(whistle, ["CGJ", "GA"])
    await city.department("GA").acknowledges(whistle)
    await city.expects_clock(whistle, "ack", "met", department="GA")
    await city.expects_nothing_parked()
