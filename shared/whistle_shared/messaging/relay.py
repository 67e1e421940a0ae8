"""The relay: takes committed events to the broker.

Events come by hand-over, in memory, right after the commit; the poll finds what a crash or a refusal left behind.
Events with the same destination that are waiting together travel as one CloudEvents batch.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

import aio_pika
import structlog

from whistle_shared.contracts import BATCH, SINGLE, encode_batch
from whistle_shared.db import LEASE, Group, Outgoing, is_passing
from whistle_shared.messaging.publisher import BROKER_FAILURES, Publisher
from whistle_shared.messaging.topology import EVENTS
from whistle_shared.timesource import wall_now

log = structlog.get_logger(__name__)
_MOST_EVENTS = 50
_MOST_BYTES = 200_000
_WINDOW = 300
_BACKLOG = 20_000
_POLL = 0.5
_STUCK_EVERY = 10


class Relay:
    """Publishes one process's events. `hand_over` may be called from anywhere in the loop and never waits."""

    def __init__(self, publisher: Publisher, user: str) -> None:
        self._publisher = publisher
        self._user = user
        self._fresh: deque[Outgoing] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()

    def hand_over(self, events: list[Outgoing]) -> None:
        """Events that are committed. Beyond a backlog of 20,000 they are left to the poll."""
        if events and len(self._fresh) < _BACKLOG and self._publisher.ready.is_set():
            self._fresh.extend(events)
            self._idle.clear()
            self._wake.set()

    def lease(self) -> timedelta:
        """How long the poll leaves fresh events to the hand-over: not at all while there is no channel."""
        return LEASE if self._publisher.ready.is_set() else timedelta(0)

    async def run(self, group: Group) -> None:
        """Publish until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._run_fresh(group), name="relay-fresh")
            tasks.create_task(self._run_poll(group), name="relay-poll")

    async def drained(self) -> None:
        """Wait until everything handed over has been published or given up to the poll."""
        await self._idle.wait()

    async def _run_fresh(self, group: Group) -> None:
        while True:
            if not self._fresh:
                self._idle.set()
                await self._wake.wait()
            self._wake.clear()
            taken = [self._fresh.popleft() for _ in range(min(len(self._fresh), _WINDOW))]
            if taken:
                group.outbox.confirmed(await self._publish(taken))

    async def _run_poll(self, group: Group) -> None:
        for turn in count():
            await asyncio.sleep(_POLL)
            await self._publisher.ready.wait()
            try:
                await self._poll(group)
                if turn % _STUCK_EVERY == 0:
                    await group.report_stuck()
            except Exception as error:
                if not is_passing(error):
                    raise
                log.warning("relay.interrupted", error=str(error)[:200])

    async def _poll(self, group: Group) -> None:
        while True:
            async with group.unit() as unit:
                due = await group.outbox.claim(unit.connection, _WINDOW)
            if due:
                log.info("relay.sends_again", count=len(due))
                group.outbox.confirmed(await self._publish(due))
            if len(due) < _WINDOW:
                break

    async def _publish(self, events: list[Outgoing]) -> list[UUID]:
        messages = list(_coalesced(events))
        done = await asyncio.gather(*(self._one(key, to, part) for key, to, part in messages))
        return [event.event_id for part in done for event in part]

    async def _one(self, key: str, to: tuple[str, ...], part: list[Outgoing]) -> list[Outgoing]:
        try:
            await self._publisher.publish(EVENTS, key, self._message(key, to, part))
        except BROKER_FAILURES as error:
            log.warning("relay.refused", key=key, count=len(part), error=repr(error)[:200])
            return []
        return part

    def _message(self, key: str, to: tuple[str, ...], part: list[Outgoing]) -> aio_pika.Message:
        single = len(part) == 1
        headers: dict[str, Any] = {"x-sent-ms": int(wall_now().timestamp() * 1000)}
        if to:
            headers["CC"] = [f"to.{code}" for code in to]
        return aio_pika.Message(
            body=part[0].body if single else encode_batch([event.body for event in part]),
            content_type=SINGLE if single else BATCH,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=str(part[0].event_id),
            type=key,
            user_id=self._user,
            headers=headers,
        )


def _coalesced(events: list[Outgoing]) -> Iterator[tuple[str, tuple[str, ...], list[Outgoing]]]:
    """Events by (key, departments), in parts of at most 50 events and 200 kB."""
    groups: dict[tuple[str, tuple[str, ...]], list[Outgoing]] = {}
    for event in events:
        groups.setdefault((event.key, event.to), []).append(event)
    for (key, to), members in groups.items():
        part: list[Outgoing] = []
        size = 0
        for event in members:
            if part and (len(part) >= _MOST_EVENTS or size + len(event.body) > _MOST_BYTES):
                yield key, to, part
                part, size = [], 0
            part.append(event)
            size += len(event.body)
        yield key, to, part
