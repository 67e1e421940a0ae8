"""A confirmed publisher: one connection, one channel, reopened for ever.

We reconnect ourselves instead of using aio-pika's robust connection: after any failure the channel is thrown away,
so no delivery tag, return or message id of an older channel can be mistaken for one of the new (aio-pika #689).
"""

import asyncio
from random import uniform

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange
from aio_pika.connection import make_url

from whistle_shared.messaging.topology import EVENTS

log = structlog.get_logger(__name__)
TIMEOUT = 5.0
HEARTBEAT = 10


class NotConnected(Exception):
    """There is no channel now; `run` is opening one."""


BROKER_FAILURES = (aio_pika.exceptions.AMQPError, aio_pika.exceptions.ChannelInvalidStateError, NotConnected, OSError)


class Publisher:
    """Publishes with confirms and `mandatory`; an event that reaches no queue raises like one that is refused."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._channel: AbstractChannel | None = None
        self._exchanges: dict[str, AbstractExchange] = {}
        self._broken = asyncio.Event()
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Keep a channel open until cancelled."""
        while True:
            try:
                connection = await connect(self._url, f"{self._name} publisher")
            except BROKER_FAILURES as error:
                log.warning("broker.unreachable", error=str(error)[:200])
                await asyncio.sleep(uniform(0.5, 2.0))
                continue
            try:
                await self._serve(connection)
            except Exception as error:
                if not (isinstance(error, BROKER_FAILURES) or connection.is_closed):
                    raise
                log.warning("broker.lost", error=str(error)[:200])
            finally:
                self.ready.clear()
                self._channel = None
                self._exchanges = {}
                await close_quietly(connection)
            await asyncio.sleep(uniform(0.1, 0.5))

    async def _serve(self, connection: AbstractConnection) -> None:
        self._broken.clear()
        self._channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        await self._channel.get_exchange(EVENTS, ensure=True)
        self._channel.close_callbacks.add(lambda *_: self._broken.set())
        self.ready.set()
        await self._broken.wait()

    async def publish(self, exchange: str, key: str, message: aio_pika.Message) -> None:
        """Publish and wait for the broker's confirm, 5 s at most. Whatever fails, the outcome is unknown."""
        if self._channel is None:
            raise NotConnected
        target = self._exchanges.get(exchange)
        if target is None:
            target = self._exchanges[exchange] = await self._channel.get_exchange(exchange, ensure=False)
        try:
            await target.publish(message, routing_key=key, mandatory=True, timeout=TIMEOUT)
        except (TimeoutError, aio_pika.exceptions.ChannelInvalidStateError):
            self._broken.set()
            raise


async def connect(url: str, name: str) -> AbstractConnection:
    """One plain connection with a short heartbeat and a name that shows in the management pages."""
    place = make_url(url, heartbeat=HEARTBEAT)
    connection = aio_pika.Connection(place, client_properties={"connection_name": name})
    try:
        await connection.connect(timeout=TIMEOUT)
    except BaseException:
        await connection.close()  # or the garbage collector does, whenever it comes by: outside the loop, that fails
        raise
    return connection


async def close_quietly(connection: AbstractConnection) -> None:
    """Close what may be broken already."""
    try:
        await asyncio.wait_for(connection.close(), 2)
    except Exception as error:  # noqa: BLE001 - it is being thrown away
        log.debug("broker.close_failed", error=str(error)[:200])
