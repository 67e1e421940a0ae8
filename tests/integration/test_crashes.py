"""A service that is cut off in the middle: nothing lost, nothing doubled, whatever order the pieces came in."""

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest
import uuid_utils.compat

from support.broker import set_permissions
from support.waiting import SECONDS, until
from support.wire import wire
from support.workshop import VHOST, Workshop, hear, withdrawn
from whistle_shared.contracts.dispatch import WhistleCancelled
from whistle_shared.contracts.intake import WhistleWithdrawn
from whistle_shared.db import Work
from whistle_shared.messaging import PARKING
from whistle_shared.runtime import Service

_MANY = 400


@pytest.mark.parametrize("committed", [False, True], ids=["before the commit", "after the commit"])
@pytest.mark.parametrize("batch", [1, 2, 4])
async def test_a_consumer_that_is_cut_off_loses_and_doubles_nothing(
    workshop: Workshop, batch: int, committed: bool
) -> None:
    """INVARIANT: correctness never depends on an orderly stop. The crash comes in the middle of a batch."""
    for _ in range(_MANY):
        await workshop.broker.put("dispatch.in", wire(withdrawn()), "intake")

    service = workshop.build("dispatch", {WhistleWithdrawn: hear})
    reached = stands_still(service, batch, committed)
    await service.start()
    workshop.adopt(service)
    await asyncio.wait_for(reached.wait(), SECONDS)
    await workshop.cut_off(service)
    await workshop.make_due("dispatch")
    await workshop.start("dispatch", {WhistleWithdrawn: hear})

    await workshop.expects_count("dispatch", "note", _MANY)
    await workshop.expects_count("dispatch", "outbox_due", 0)
    assert await workshop.count("dispatch", "outbox") == _MANY
    assert await workshop.broker.ready("dispatch.in") == 0


def stands_still(service: Service, batch: int, committed: bool) -> asyncio.Event:
    """Let a service hang in its n-th batch of events; the event is set when it does."""
    run, reached = service.group.run, asyncio.Event()
    batches = count(1)

    async def hang_in_time(works: Sequence[Work]) -> list[Any]:
        last = next(batches) == batch
        outcomes = await run(works) if committed or not last else []
        if last:
            reached.set()
            await asyncio.Event().wait()
        return outcomes

    service.group.run = hang_in_time  # type: ignore[method-assign]
    return reached


async def test_a_relay_that_is_cut_off_sends_everything_at_least_once_and_the_inbox_absorbs_the_rest(
    workshop: Workshop,
) -> None:
    await workshop.start("dispatch", {WhistleWithdrawn: hear})
    for _ in range(3):
        intake = await workshop.start("intake", {WhistleCancelled: lambda unit, event: None})
        await workshop.say(intake, *(withdrawn() for _ in range(100)))
        await workshop.cut_off(intake)
    await workshop.make_due("intake")
    await workshop.start("intake", {WhistleCancelled: lambda unit, event: None})

    await workshop.expects_count("dispatch", "note", 300)
    await workshop.expects_count("intake", "outbox_due", 0)
    assert await workshop.count("dispatch", "inbox") == 300


async def test_a_message_that_cannot_be_set_aside_is_not_acknowledged(workshop: Workshop) -> None:
    """INVARIANT: a message is acknowledged to the broker only after its effect is committed, or after a confirmed
    copy of it stands in a retry queue or in parking."""
    management = workshop.infrastructure.management_url
    rights = {"configure": "^$", "read": r"^dispatch\.in$"}
    set_permissions(management, VHOST, "dispatch", write=r"^whistle\.ev$", **rights)
    try:
        service = await workshop.start("dispatch", {WhistleWithdrawn: hear})
        await workshop.broker.put("dispatch.in", b"garbage", "intake")
        await workshop.broker.put("dispatch.in", wire(withdrawn()), "intake")
        await until(lambda: _tried(service), "the consumer to start afresh")
        assert await workshop.broker.ready(PARKING) == 0
    finally:
        set_permissions(management, VHOST, "dispatch", write=r"^whistle\.(ev|dlx|retry\..*)$", **rights)

    message = await until(lambda: workshop.broker.take(PARKING), "the message to be parked after all")
    assert message.body == b"garbage"
    await workshop.expects_count("dispatch", "note", 1)
    assert not service.failed.is_set()


async def _tried(service: Service) -> bool:
    """Whether the publisher has lost the channel over which it was refused."""
    return not service.publisher.ready.is_set()


async def test_two_processes_on_one_queue_share_the_work(workshop: Workshop) -> None:
    for _ in range(2):
        await workshop.start("dispatch", {WhistleWithdrawn: hear})
    intake = await workshop.start("intake", {WhistleCancelled: lambda unit, event: None})
    whistle = uuid_utils.compat.uuid7()
    for _ in range(20):
        await workshop.say(intake, *(withdrawn(whistle) for _ in range(20)))
    await workshop.expects_count("dispatch", "note", 400)
    await workshop.expects_count("intake", "inbox", 400)
    versions = await workshop.rows("dispatch", "select version from subject_version")
    assert [row.version for row in versions] == [400]


async def test_whoever_is_cancelled_ends_although_the_connection_broke(workshop: Workshop) -> None:
    """INVARIANT: no failure of the database stands in for a cancellation. A duty would take it for an outage, go round
    again, and its service would never come to an end."""
    begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def works() -> None:
        async with workshop.group().unit() as unit:
            begun.set_result((await unit.connection.exec_driver_sql("select pg_backend_pid()")).scalar_one())
            await asyncio.Event().wait()

    working = asyncio.create_task(works())
    pid = await asyncio.wait_for(begun, SECONDS)
    await workshop.rows("intake", "select pg_terminate_backend(:pid)", pid=pid)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
