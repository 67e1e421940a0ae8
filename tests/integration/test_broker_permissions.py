"""What a service's own user may do at a real broker with the whole topology: read its queue, say its events."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import product
from typing import Any

import aio_pika
import httpx
import pytest
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import ChannelPreconditionFailed, ProbableAuthenticationError
from aiormq.exceptions import ChannelAccessRefused

from support.broker import Login, with_login
from support.stack import PROCESSES
from support.yard import Yard
from whistle_shared.contracts import TYPES
from whistle_shared.messaging import DEAD_LETTERS, EVENTS, PARKING, RETRY_TIERS
from whistle_shared.messaging.publisher import connect

Act = Callable[[AbstractChannel], Awaitable[Any]]
EXCHANGES = [EVENTS, DEAD_LETTERS, *(f"whistle.retry.{tier}" for tier in RETRY_TIERS)]
QUEUES = [*(f"{producer}.in" for producer in PROCESSES.values()), *(f"retry.{tier}" for tier in RETRY_TIERS), PARKING]
every_process = pytest.mark.parametrize("process", PROCESSES)


@asynccontextmanager
async def entered(yard: Yard, process: str) -> AsyncIterator[AbstractConnection]:
    """A connection of the service's own user."""
    async with await aio_pika.connect(yard.url_of(process)) as connection:
        yield connection


async def is_refused(connection: AbstractConnection, act: Act) -> bool:
    """Whether the broker refuses this, for want of a permission and for nothing else."""
    channel = await connection.channel(on_return_raises=True)
    try:
        await act(channel)
    except ChannelAccessRefused:
        return True
    await channel.close()
    return False


async def declare(channel: AbstractChannel, queue: str) -> None:
    await channel.declare_queue(queue, durable=True, arguments={"x-queue-type": "quorum"})


async def declare_anonymous(channel: AbstractChannel) -> None:
    await channel.declare_queue("", exclusive=True)


async def declare_exchange(channel: AbstractChannel, exchange: str) -> None:
    await channel.declare_exchange(exchange, "topic", durable=True)


async def delete(channel: AbstractChannel, queue: str) -> None:
    await channel.queue_delete(queue)


async def delete_exchange(channel: AbstractChannel, exchange: str) -> None:
    await channel.exchange_delete(exchange)


async def bind(channel: AbstractChannel, queue: str, source: str) -> None:
    await (await channel.get_queue(queue, ensure=False)).bind(source, "#")


async def unbind(channel: AbstractChannel, queue: str, source: str) -> None:
    await (await channel.get_queue(queue, ensure=False)).unbind(source, "#")


async def bind_exchange(channel: AbstractChannel, target: str, source: str) -> None:
    await (await channel.get_exchange(target, ensure=False)).bind(source, "#")


async def empty(channel: AbstractChannel, queue: str) -> None:
    await (await channel.get_queue(queue, ensure=False)).purge()


async def read(channel: AbstractChannel, queue: str) -> None:
    await (await channel.get_queue(queue, ensure=False)).get(fail=False)


async def consume(channel: AbstractChannel, queue: str) -> None:
    await (await channel.get_queue(queue, ensure=False)).consume(_take)


async def _take(_: AbstractIncomingMessage) -> None:
    """Whoever consumes is asked for nothing more here."""


async def publish(
    channel: AbstractChannel, exchange: str, key: str, cc: tuple[str, ...] = (), user_id: str | None = None
) -> None:
    message = aio_pika.Message(b"{}", headers={"CC": list(cc)} if cc else None, user_id=user_id)
    await (await channel.get_exchange(exchange, ensure=False)).publish(message, routing_key=key)


async def publish_by_name(channel: AbstractChannel, queue: str) -> None:
    await channel.default_exchange.publish(aio_pika.Message(b"{}"), routing_key=queue)


def room_of(process: str) -> str:
    return PROCESSES[process].split(".", maxsplit=1)[0]


def key_of(process: str) -> str:
    """The key of an event that this service says."""
    return min(key for key in TYPES if key.startswith(f"{room_of(process)}."))


# -- the topology ------------------------------------------------------------------------------------------------


@every_process
async def test_a_service_cannot_configure_anything(yard: Yard, process: str) -> None:
    """Declaring, deleting, binding, unbinding: of its own queue too."""
    acts: list[Act] = [
        *(partial(act, queue=queue) for act, queue in product((declare, delete), [*QUEUES, "mine"])),
        *(partial(act, exchange=name) for act, name in product((declare_exchange, delete_exchange), EXCHANGES)),
        *(partial(act, queue=to, source=source) for act, to, source in product((bind, unbind), QUEUES, EXCHANGES)),
        *(partial(bind_exchange, target=to, source=source) for to, source in product(EXCHANGES, EXCHANGES)),
        declare_anonymous,
        partial(declare_exchange, exchange="mine"),
    ]
    async with entered(yard, process) as connection:
        allowed = [act for act in acts if not await is_refused(connection, act)]
    assert allowed == []


@every_process
async def test_a_service_reads_its_own_queue_and_no_other(yard: Yard, process: str) -> None:
    async with entered(yard, process) as connection:
        for act in (read, consume, empty):
            open_to = [queue for queue in QUEUES if not await is_refused(connection, partial(act, queue=queue))]
            assert open_to == [f"{PROCESSES[process]}.in"], act


# -- saying ------------------------------------------------------------------------------------------------------


@every_process
async def test_a_service_says_its_own_events_and_no_other_producers(yard: Yard, process: str) -> None:
    async with entered(yard, process) as connection:
        said = [key for key in TYPES if not await is_refused(connection, partial(publish, exchange=EVENTS, key=key))]
    assert said == [key for key in TYPES if key.startswith(f"{room_of(process)}.")]


@every_process
async def test_what_a_service_says_reaches_the_departments_it_is_addressed_to(yard: Yard, process: str) -> None:
    copies = ("to.CGJ", "to.GA")
    foreign = key_of("dispatch" if process != "dispatch" else "intake")
    async with entered(yard, process) as connection:
        assert not await is_refused(connection, partial(publish, exchange=EVENTS, key=key_of(process), cc=copies))
        assert await is_refused(connection, partial(publish, exchange=EVENTS, key=foreign, cc=copies))
    for instance in ("hosted", "ga"):
        assert await yard.broker.ready(f"department.{instance}.in") >= 1


@every_process
async def test_a_service_writes_to_no_exchange_but_ours(yard: Yard, process: str) -> None:
    """The default exchange leads to every queue by its name."""
    async with entered(yard, process) as connection:
        for exchange in ("amq.topic", "amq.direct", "amq.fanout", "amq.headers"):
            assert await is_refused(connection, partial(publish, exchange=exchange, key="any")), exchange
        for queue in QUEUES:
            assert await is_refused(connection, partial(publish_by_name, queue=queue)), queue


@every_process
async def test_a_service_cannot_speak_in_anothers_name(yard: Yard, process: str) -> None:
    """The broker itself vouches for the sender (EVENTS.md R8)."""
    async with entered(yard, process) as connection:
        with pytest.raises(ChannelPreconditionFailed):
            await publish(await connection.channel(), EVENTS, key_of(process), user_id="ctl")


# -- the door ----------------------------------------------------------------------------------------------------


@every_process
async def test_a_service_cannot_use_the_management_api(yard: Yard, process: str) -> None:
    login = Login.of(yard.url_of(process))
    address = httpx.URL(yard.management).copy_with(userinfo=b"")
    async with httpx.AsyncClient(base_url=address, auth=(login.user, login.password), trust_env=False) as client:
        for path in ("whoami", "overview", "definitions", "queues", "users", "connections"):
            assert (await client.get(f"/api/{path}")).status_code in {401, 403}, path
        assert (await client.delete(f"/api/queues/whistle/{PARKING}")).status_code in {401, 403}


async def test_there_is_no_guest_and_no_password_to_guess(yard: Yard) -> None:
    async with httpx.AsyncClient(base_url=yard.management, trust_env=False) as client:
        users = {user["name"]: user["tags"] for user in (await client.get("/api/users")).json()}
    assert users == {name: [] for name in PROCESSES.values()} | {"ctl": ["administrator"]}
    for login in (Login("guest", "guest"), Login("ctl", "ctl"), Login("intake", "intake"), Login("intake", "")):
        with pytest.raises(ProbableAuthenticationError):
            await connect(with_login(yard.url, login), "a guess")


@every_process
async def test_a_service_enters_no_other_vhost(yard: Yard, process: str) -> None:
    for vhost in ("%2F", "elsewhere"):
        with pytest.raises(aio_pika.exceptions.AMQPError):
            await connect(f"{yard.url_of(process).rpartition('/')[0]}/{vhost}", "a test")
