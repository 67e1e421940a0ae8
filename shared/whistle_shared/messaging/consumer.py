"""The consumer: takes what has arrived, has it handled in one transaction, acknowledges it in one frame.

The broker's callback only enqueues. A failure is one of three kinds: a lost race or a missing parent goes to a retry
queue, a fault of the message or of ours goes to parking with its reason, and an outage of the database closes the
channel (so the messages return to the queue unharmed) until it is back.
INVARIANT: a consumer survives whatever its queue brings; what it cannot handle is parked with a reason.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from random import uniform
from time import monotonic
from typing import Any
from uuid import UUID

import aio_pika
import orjson
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage

from whistle_shared.contracts import SINGLE, Event, EventData, Malformed, decode, decode_batch
from whistle_shared.db import Group, Unit, Work, is_passing, is_transient, wait_until_up
from whistle_shared.messaging.publisher import BROKER_FAILURES, Publisher, close_quietly, connect
from whistle_shared.messaging.topology import DEAD_LETTERS, queue_of, retry_exchange
from whistle_shared.observability import new_trace
from whistle_shared.timesource import TimeSource, wall_now

log = structlog.get_logger(__name__)
_PREFETCH = 400
_BATCH = 100
_MOST_BYTES = 1024 * 1024
_TIERS = ("5s", "5s", "30s", "30s", "2m", "10m", "1h", "1h")
_TOLERANCE = timedelta(seconds=2)
_REPLAYER = "ctl"
_FAR = 10**13  # milliseconds; the year 2286

Handler = Callable[[Unit, Event[Any]], None]
Admits = Callable[[Event[EventData]], str | None]  # a reason for refusing, or None; may raise RetryLater


class RetryLater(Exception):
    """The event cannot be handled yet (something it needs has not arrived); the message says what."""


@dataclass(frozen=True, slots=True)
class _Item:
    """One event of a delivery: its raw envelope, and the event, or the reason why it is none."""

    message: AbstractIncomingMessage
    raw: dict[str, Any] | bytes
    event: Event[EventData] | None
    fault: str = ""
    again: bool = False

    def error(self) -> Exception:
        """Why there is no event to handle."""
        return RetryLater(self.fault) if self.again else Malformed(self.fault)


def _admit_all(event: Event[EventData]) -> str | None:
    return None


class Consumer:
    """Fills one service's inbox from its queue. `admits` may refuse an event with a reason (EVENTS.md R8).

    `settling`: seconds after connecting until an empty queue is believed to be all there is.
    """

    def __init__(
        self,
        url: str,
        user: str,
        group: Group,
        publisher: Publisher,
        time: TimeSource,
        handlers: dict[type[EventData], Handler],
        admits: Admits = _admit_all,
        settling: float = 5.0,
    ) -> None:
        self.queue = queue_of(user)
        self._url = url
        self._user = user
        self._group = group
        self._publisher = publisher
        self._time = time
        self._handlers = handlers
        self._admits = admits
        self._settling = settling
        self._buffer: deque[AbstractIncomingMessage] = deque()
        self._arrived = asyncio.Event()
        self._broken = asyncio.Event()
        self._channel: AbstractChannel | None = None
        self._at_rest = asyncio.Event()
        self._at_rest.set()
        self._stopping = False
        self._fruitless = 0
        self._known_up_to: datetime | None = None
        self._settled_at = 0.0

    async def run(self) -> None:
        """Consume until told to stop; after any failure start afresh on a new connection.

        The pauses grow while no batch succeeds: whatever is returned to the queue counts as a delivery, and the
        broker gives up on a message after twenty.
        """
        while not self._stopping:
            await wait_until_up(self._group.engine)
            await self._publisher.ready.wait()
            try:
                connection = await connect(self._url, f"{self._user} consumer")
            except BROKER_FAILURES as error:
                log.warning("broker.unreachable", error=str(error)[:200])
                await asyncio.sleep(uniform(0.5, 2.0))
                continue
            try:
                await self._consume(connection)
            except Exception as error:
                if not (is_passing(error) or isinstance(error, BROKER_FAILURES) or connection.is_closed):
                    raise
                log.warning("consumer.interrupted", queue=self.queue, error=repr(error)[:300])
            finally:
                self._channel = None
                await close_quietly(connection)
            await asyncio.sleep(uniform(0.1, 0.5) * 2 ** min(self._fruitless, 7))
            self._fruitless += 1

    async def _consume(self, connection: AbstractConnection) -> None:
        self._buffer.clear()
        self._broken.clear()
        self._arrived.clear()
        channel = await connection.channel(publisher_confirms=False)
        channel.close_callbacks.add(lambda *_: self._break())
        await channel.set_qos(prefetch_count=_PREFETCH)
        try:
            queue = await channel.get_queue(self.queue, ensure=True)
        except aio_pika.exceptions.ChannelNotFoundEntity:
            log.error("topology.missing", queue=self.queue, remedy="whistlectl topology apply")
            raise
        underlay = await channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(lambda *_: self._break())
        self._channel = channel
        self._settled_at = monotonic() + self._settling
        await queue.consume(self._enqueue)
        log.info("consumer.started", queue=self.queue)
        while not self._broken.is_set() and not self._stopping:
            if not self._buffer:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            self._at_rest.clear()
            try:
                await self._handle(self._take())
            finally:
                self._at_rest.set()

    async def stop(self) -> None:
        """Finish the batch in hand, take no other. What was delivered and not handled returns to the queue."""
        self._stopping = True
        self._break()
        await self._at_rest.wait()

    async def _enqueue(self, message: AbstractIncomingMessage) -> None:
        self._buffer.append(message)
        self._arrived.set()

    def _break(self) -> None:
        self._broken.set()
        self._arrived.set()

    def _take(self) -> list[_Item]:
        """Whole deliveries, until they hold about a hundred events."""
        items: list[_Item] = []
        while self._buffer and len(items) < _BATCH:
            items.extend(self._read(self._buffer.popleft()))
        return items

    def _read(self, message: AbstractIncomingMessage) -> Iterable[_Item]:
        if len(message.body) > _MOST_BYTES:
            return [_Item(message, message.body, None, f"body is larger than {_MOST_BYTES} bytes")]
        try:
            raws = decode_batch(message.body, message.content_type)
        except Malformed as fault:
            return [_Item(message, message.body, None, str(fault))]
        return [self._read_one(message, raw) for raw in raws]

    def _read_one(self, message: AbstractIncomingMessage, raw: dict[str, Any]) -> _Item:
        try:
            event = decode(raw, self._sender(message))
        except Malformed as fault:
            return _Item(message, raw, None, str(fault))
        if event.sender != event.producer or event.key.split(".")[0] != event.producer.split(".")[0]:
            return _Item(message, raw, None, f"{event.sender!r} may not say {event.key!r} for {event.producer!r}")
        try:
            refusal = self._admits(event)
        except RetryLater as early:
            return _Item(message, raw, None, str(early), again=True)
        if refusal is not None:
            return _Item(message, raw, None, refusal)
        return _Item(message, raw, self._believable(event))

    def _sender(self, message: AbstractIncomingMessage) -> str:
        """Who said it, vouched for by the broker; on a copy that we (or a replay) made, as noted when it was made."""
        if message.user_id in (self._user, _REPLAYER):
            return str(message.headers.get("x-sender", message.user_id))
        return message.user_id or ""

    def _believable(self, event: Event[EventData]) -> Event[EventData]:
        """EVENTS.md R1: a time before its cause's, or later than our now by more than 2 technical seconds, is not
        believed; our own now stands in and the event is flagged."""
        now = self._time.now()
        too_late = event.time > now + _TOLERANCE * self._time.rate
        too_early = event.cause_time is not None and event.time < event.cause_time
        if not (too_late or too_early):
            return event
        log.warning("event.clock_suspect", event_id=str(event.id), key=event.key, producer=event.producer)
        return replace(event, time=now, clock_suspect=True)

    async def _handle(self, items: list[_Item]) -> None:
        works = [self._work(item.event) for item in items if item.event is not None]
        outcomes = iter(await self._group.run(works) if works else [])
        for item in items:
            outcome = next(outcomes) if item.event is not None else item.error()
            if isinstance(outcome, Exception):
                await self._set_aside(item, outcome)
        last = items[-1].message
        assert self._channel is not None
        underlay = await self._channel.get_underlay_channel()
        await underlay.basic_ack(last.delivery_tag or 0, multiple=True)
        if monotonic() >= self._settled_at:
            self._known_up_to = _sent_at(last) or self._known_up_to
        self._fruitless = 0

    def _work(self, event: Event[EventData]) -> Work:
        handler = self._handlers.get(type(event.data), _pass_over)
        return Work(
            act=partial(_call, handler, event),
            whistle=_whistle(event.subject),
            event=event,
            trace=new_trace(event.traceparent, event.correlation_id),
        )

    async def _set_aside(self, item: _Item, error: Exception) -> None:
        """Send a confirmed copy to a retry queue or to parking; only then may the original be acknowledged."""
        attempt = _attempt(item.message)
        again = (isinstance(error, RetryLater) or is_transient(error)) and attempt < len(_TIERS)
        exchange = retry_exchange(_TIERS[attempt]) if again else DEAD_LETTERS
        reason = f"{type(error).__name__}: {error}"[:500]
        log.warning("event.retried" if again else "event.parked", queue=self.queue, attempt=attempt, reason=reason)
        body = item.raw if isinstance(item.raw, bytes) else orjson.dumps(item.raw)
        await self._publisher.publish(
            exchange,
            self.queue,
            aio_pika.Message(
                body=body,
                content_type=SINGLE,
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                message_id=str(item.event.id) if item.event else None,
                type=item.message.type,
                user_id=self._user,
                headers={
                    "x-attempt": attempt + 1,
                    "x-origin-queue": self.queue,
                    "x-reason": reason,
                    "x-sender": self._sender(item.message),
                    "x-sent-ms": int(wall_now().timestamp() * 1000),
                },
            ),
        )

    async def caught_up_to(self) -> datetime | None:
        """A wall instant before which everything sent to this queue has been handled here; None when unknown.

        Without a connection, and for some seconds after one was made, it is what was known before: what others said
        during an outage of the broker is only now on its way. A process that has just started knows nothing.
        """
        channel, asked = self._channel, wall_now()
        if channel is None or monotonic() < self._settled_at or not self._idle():
            return self._known_up_to
        try:
            declared = await channel.declare_queue(self.queue, passive=True)
        except BROKER_FAILURES:
            return self._known_up_to
        if not declared.declaration_result.message_count and self._idle():
            self._known_up_to = asked
        return self._known_up_to

    def _idle(self) -> bool:
        return self._at_rest.is_set() and not self._buffer


def _call(handler: Handler, event: Event[EventData], unit: Unit) -> None:
    handler(unit, event)


def _pass_over(unit: Unit, event: Event[EventData]) -> None:
    """A known type that this service has no interest in."""


def _whistle(subject: str) -> UUID | None:
    try:
        return UUID(subject)
    except ValueError:
        return None


def _attempt(message: AbstractIncomingMessage) -> int:
    """Our own attempt counter; nonsense counts as the first attempt."""
    value = message.headers.get("x-attempt")
    return value if type(value) is int and 0 <= value <= len(_TIERS) else 0


def _sent_at(message: AbstractIncomingMessage) -> datetime | None:
    value: object = message.headers.get("x-sent-ms")
    return datetime.fromtimestamp(value / 1000, UTC) if isinstance(value, int) and 0 < value < _FAR else None
