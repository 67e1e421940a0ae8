"""From outbox to inbox through the real broker: once, in batches, again, and never lost to a missing route."""

import asyncio
from collections.abc import Sequence
from typing import Any

import aio_pika
import pytest
import uuid_utils.compat
from aiormq.exceptions import ChannelAccessRefused, ChannelClosed, ChannelPreconditionFailed

from support.broker import drop_connections, envelopes
from support.waiting import until
from support.wire import wire
from support.workshop import VHOST, Workshop, hear, withdrawn
from whistle_shared.contracts import BATCH, SINGLE, Event
from whistle_shared.contracts.dispatch import WhistleCancelled
from whistle_shared.contracts.intake import WhistleWithdrawn
from whistle_shared.db import Unit, Work
from whistle_shared.messaging import EVENTS


def nothing(unit: Unit, event: Event[Any]) -> None:
    """A receipt needs no deed."""


async def test_an_event_has_its_effect_and_its_receipt_ends_the_sending(workshop: Workshop) -> None:
    await workshop.start("dispatch", {WhistleWithdrawn: hear})
    intake = await workshop.start("intake", {WhistleCancelled: nothing})

    await workshop.say(intake, withdrawn(reason="到此为止"), awaiting=["dispatch"])

    await workshop.expects_count("dispatch", "note", 1, "said = '到此为止'")
    await workshop.expects_count("intake", "outbox_due", 0)
    await workshop.expects_count("dispatch", "outbox_due", 0)


async def test_the_trace_and_the_causes_travel_along(workshop: Workshop) -> None:
    await workshop.start("dispatch", {WhistleWithdrawn: hear})
    intake = await workshop.start("intake", {WhistleCancelled: nothing})
    [event_id] = await workshop.say(intake, withdrawn())
    await workshop.expects_count("dispatch", "outbox", 1)

    [cause] = await workshop.rows("intake", "select body::jsonb as e from outbox")
    [answer] = await workshop.rows("dispatch", "select body::jsonb as e from outbox")
    assert answer.e["causationid"] == str(event_id)
    assert answer.e["causetime"] == cause.e["time"]
    assert answer.e["correlationid"] == cause.e["correlationid"]
    assert answer.e["traceparent"][:36] == cause.e["traceparent"][:36]
    assert answer.e["traceparent"] != cause.e["traceparent"]


async def test_a_duplicate_has_no_second_effect_and_brings_the_stored_receipt_again(workshop: Workshop) -> None:
    """INVARIANT (EVENTS.md R6): on an inbox hit the consumer re-queues its stored receipt."""
    await workshop.start("dispatch", {WhistleWithdrawn: hear})
    intake = workshop.group("intake")
    whistle = uuid_utils.compat.uuid7()
    async with intake.unit() as unit:
        unit.emit(withdrawn(whistle), whistle, awaiting=["dispatch"])
    [said] = await workshop.rows("intake", "select body from outbox")

    await workshop.broker.put("dispatch.in", said.body.encode(), "intake")
    first = await until(lambda: workshop.broker.take("intake.in"), "the receipt")
    await workshop.expects_count("dispatch", "outbox_due", 0)
    await workshop.broker.put("dispatch.in", said.body.encode(), "intake")
    second = await until(lambda: workshop.broker.take("intake.in"), "the stored receipt")

    assert envelopes(first) == envelopes(second)
    assert await workshop.count("dispatch", "note") == 1
    assert await workshop.count("dispatch", "outbox") == 1


async def test_duplicates_inside_one_batch_have_one_effect(workshop: Workshop) -> None:
    body = wire(withdrawn())
    await workshop.broker.put("dispatch.in", b"[" + b",".join([body] * 5) + b"]", "intake", content_type=BATCH)
    await workshop.start("dispatch", {WhistleWithdrawn: hear})
    await workshop.expects_count("dispatch", "inbox", 1)
    assert await workshop.count("dispatch", "note") == 1


async def test_events_with_one_destination_travel_together(workshop: Workshop) -> None:
    intake = await workshop.start("intake")
    await workshop.say(intake, *(withdrawn(reason=str(n)) for n in range(120)))
    await workshop.expects_count("intake", "outbox_due", 0)

    messages = await workshop.broker.take_all("dispatch.in")
    assert [len(envelopes(message)) for message in messages] == [50, 50, 20]
    assert {message.content_type for message in messages} == {BATCH}
    told = [raw["data"]["reason"] for message in messages for raw in envelopes(message)]
    assert told == [str(n) for n in range(120)]


async def test_events_for_other_departments_travel_apart_and_each_is_addressed(workshop: Workshop) -> None:
    intake = await workshop.start("intake")
    async with intake.group.unit() as unit:
        for departments in (["CGJ"], ["GA", "CGJ"], ["CGJ"], ["CGJ", "GA", "CGJ"], []):
            event = withdrawn()
            unit.emit(event, event.whistle_id, to=departments)
    await workshop.expects_count("intake", "outbox_due", 0)

    messages = await workshop.broker.take_all("dispatch.in")
    addressed = [(message.headers.get("CC"), len(envelopes(message))) for message in messages]
    assert addressed == [(["to.CGJ"], 2), (["to.CGJ", "to.GA"], 2), (None, 1)]


async def test_a_single_event_travels_alone_and_names_its_type(workshop: Workshop) -> None:
    intake = await workshop.start("intake")
    [event_id] = await workshop.say(intake, withdrawn())
    message = await until(lambda: workshop.broker.take("dispatch.in"), "the event")
    assert (message.content_type, message.type) == (SINGLE, WhistleWithdrawn.key)
    assert (message.message_id, message.user_id) == (str(event_id), "intake")
    assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT


async def test_large_events_are_not_coalesced_beyond_200_kilobytes(workshop: Workshop) -> None:
    intake = await workshop.start("intake")
    await workshop.say(intake, *(withdrawn(reason="吹" * 20_000) for _ in range(10)))
    await workshop.expects_count("intake", "outbox_due", 0)
    messages = await workshop.broker.take_all("dispatch.in")
    assert [len(envelopes(message)) for message in messages] == [3, 3, 3, 1]
    assert max(len(message.body) for message in messages) < 200_100


async def test_an_event_that_no_queue_wants_stays_in_the_outbox_until_one_does(workshop: Workshop) -> None:
    queue = await workshop.broker.channel.get_queue("dispatch.in", ensure=False)
    await queue.unbind(EVENTS, WhistleWithdrawn.key)
    try:
        intake = await workshop.start("intake")
        await workshop.say(intake, withdrawn())
        await workshop.stop(intake)
        assert await workshop.count("intake", "outbox_due", "receiver = 'broker'") == 1
    finally:
        workshop.apply_topology()

    await workshop.make_due("intake")
    await workshop.start("intake")
    await workshop.expects_count("intake", "outbox_due", 0)
    assert await workshop.broker.ready("dispatch.in") == 1


async def test_what_was_said_while_the_broker_was_away_is_said_when_it_is_back(workshop: Workshop) -> None:
    intake = await workshop.start("intake", {WhistleCancelled: nothing})
    await workshop.start("dispatch", {WhistleWithdrawn: hear})
    for _ in range(2):
        await asyncio.to_thread(drop_connections, workshop.infrastructure.management_url, VHOST, workshop.broker.admin)
        await workshop.say(intake, withdrawn())
        await workshop.make_due("intake")
    await workshop.expects_count("dispatch", "note", 2)
    await workshop.expects_count("intake", "outbox_due", 0)
    assert not intake.failed.is_set()


async def test_a_connection_that_breaks_before_the_acknowledgement_costs_a_duplicate_and_nothing_else(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = workshop.build("dispatch", {WhistleWithdrawn: hear})
    commit = service.group.run
    broken: list[bool] = []

    async def commit_and_break(works: Sequence[Work]) -> list[Any]:
        outcomes = await commit(works)
        if not broken and service.consumer._channel is not None:
            broken.append(True)
            await service.consumer._channel.close()
        return outcomes

    monkeypatch.setattr(service.group, "run", commit_and_break)
    await workshop.broker.put("dispatch.in", wire(withdrawn()), "intake")
    await service.start()
    workshop.adopt(service)

    await until(service.consumer.caught_up_to, "the consumer to be back and caught up")
    await workshop.expects_count("dispatch", "inbox", 1)
    assert broken
    assert await workshop.count("dispatch", "note") == 1
    assert not service.failed.is_set()


async def test_a_service_may_neither_forge_nor_build_nor_listen_elsewhere(workshop: Workshop) -> None:
    connection = await aio_pika.connect(workshop.amqp_url("department.ga"))
    async with connection:
        with pytest.raises((ChannelPreconditionFailed, ChannelClosed)):
            await _forges(await connection.channel())
        for act in (_declares, _reads_anothers_queue, _puts_into_a_queue):
            with pytest.raises(ChannelAccessRefused):
                await act(await connection.channel())


async def _forges(channel: Any) -> None:
    forged = aio_pika.Message(wire(withdrawn()), user_id="intake")
    await (await channel.get_exchange(EVENTS, ensure=False)).publish(forged, WhistleWithdrawn.key)


async def _declares(channel: Any) -> None:
    await channel.declare_queue("mine", durable=True)


async def _reads_anothers_queue(channel: Any) -> None:
    await (await channel.get_queue("dispatch.in", ensure=False)).get(fail=False)


async def _puts_into_a_queue(channel: Any) -> None:
    await channel.default_exchange.publish(aio_pika.Message(b"x"), "dispatch.in")
    await channel.get_queue("dispatch.in", ensure=True)
