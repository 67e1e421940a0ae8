"""The broker as its administrator sees it: topology, counts, purges, parking, and messages put in by hand."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import aio_pika
import httpx
import orjson
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage

from whistle_shared.contracts import BATCH, SINGLE
from whistle_shared.messaging import PARKING, RETRY_TIERS, Instance, definitions


@dataclass(frozen=True, slots=True)
class Login:
    """User and password of an AMQP address."""

    user: str
    password: str

    @classmethod
    def of(cls, url: str) -> "Login":
        parts = urlsplit(url)
        return cls(unquote(parts.username or ""), unquote(parts.password or ""))


def with_login(url: str, login: Login) -> str:
    """The same AMQP address, for another user."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{quote(login.user)}:{quote(login.password, safe='')}@{place}").geturl()


def vhost_of(url: str) -> str:
    """The vhost an AMQP address names."""
    return unquote(urlsplit(url).path.removeprefix("/"))


def in_vhost(url: str, vhost: str) -> str:
    """The same AMQP address, in another vhost."""
    return urlsplit(url)._replace(path=f"/{vhost}").geturl()


def apply_topology(management_url: str, admin: str, instances: list[Instance], vhost: str) -> None:
    """Make the vhost as `definitions` describes it. Raises httpx.HTTPStatusError when the broker refuses."""
    with _management(management_url) as api:
        if api.get(f"/vhosts/{vhost}").status_code == 404:
            api.put(f"/vhosts/{vhost}", json={}).raise_for_status()
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        api.put(f"/permissions/{vhost}/{admin}", json=everything).raise_for_status()
        document = definitions(instances, vhost)
        # A definition of the vhost itself would wipe the description by which the local stack knows its own.
        document.pop("vhosts", None)
        api.post("/definitions", json=document).raise_for_status()


def remove_vhost(management_url: str, vhost: str) -> None:
    """Delete a vhost with all it holds, if it is there."""
    with _management(management_url) as api:
        answer = api.delete(f"/vhosts/{vhost}")
        if answer.status_code != 404:
            answer.raise_for_status()


def drop_connections(management_url: str, vhost: str, spared: str) -> int:
    """Close every connection to a vhost but those of one user, as a restart would; returns how many.

    A connection shows a moment after it was made, so that a very young one may be overlooked.
    """
    with _management(management_url) as api:
        found = api.get(f"/vhosts/{vhost}/connections").raise_for_status().json()
        doomed = [connection["name"] for connection in found if connection["user"] != spared]
        for name in doomed:
            api.delete(f"/connections/{quote(name, safe='')}")
    return len(doomed)


def set_permissions(management_url: str, vhost: str, user: str, **rights: str) -> None:
    """Replace a user's permissions in a vhost (`configure`, `write`, `read`: regular expressions)."""
    with _management(management_url) as api:
        api.put(f"/permissions/{vhost}/{user}", json=rights).raise_for_status()


def _management(url: str) -> httpx.Client:
    parts = urlsplit(url)
    login = Login.of(url)
    place = parts.netloc.rpartition("@")[2]
    return httpx.Client(
        base_url=f"{parts.scheme}://{place}/api", auth=(login.user, login.password), timeout=30, trust_env=False
    )


class Broker:
    """One vhost through the administrator's AMQP connection."""

    def __init__(self, admin_url: str, work_queues: tuple[str, ...]) -> None:
        self.admin_url = admin_url
        self.admin = Login.of(admin_url).user
        self.work_queues = work_queues
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None

    async def open(self) -> None:
        self._connection = await aio_pika.connect(self.admin_url, timeout=10)
        self._channel = await self._connection.channel(on_return_raises=True)

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    @property
    def channel(self) -> AbstractChannel:
        assert self._channel is not None, "open() first"
        return self._channel

    @property
    def queues(self) -> tuple[str, ...]:
        """All queues but parking."""
        return (*self.work_queues, *(f"retry.{tier}" for tier in RETRY_TIERS))

    async def ready(self, queue: str) -> int:
        """How many messages wait in a queue, those in a consumer's hands left out."""
        declared = await self.channel.declare_queue(queue, passive=True)
        return declared.declaration_result.message_count or 0

    async def waiting(self) -> int:
        """How many messages wait in all work and retry queues."""
        return sum([await self.ready(queue) for queue in self.queues])

    async def purge(self) -> None:
        """Empty every queue, parking too."""
        for queue in (*self.queues, PARKING):
            await (await self.channel.get_queue(queue, ensure=False)).purge()

    async def take(self, queue: str) -> AbstractIncomingMessage | None:
        """The first message of a queue, taken out for good; None when there is none."""
        opened = await self.channel.get_queue(queue, ensure=False)
        return await opened.get(no_ack=True, fail=False)

    async def take_all(self, queue: str) -> list[AbstractIncomingMessage]:
        """Every message that waits in a queue, taken out for good."""
        taken: list[AbstractIncomingMessage] = []
        while (message := await self.take(queue)) is not None:
            taken.append(message)
        return taken

    async def put(
        self, queue: str, body: bytes, sender: str, headers: dict[str, Any] | None = None, content_type: str = SINGLE
    ) -> None:
        """Put a message straight into a queue, as a replay does: the administrator vouches for `sender`."""
        message = aio_pika.Message(
            body=body,
            content_type=content_type,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            user_id=self.admin,
            headers={"x-sender": sender} | (headers or {}),
        )
        await self.channel.default_exchange.publish(message, routing_key=queue, timeout=10)

    async def put_again(self, queue: str, message: AbstractIncomingMessage) -> None:
        """Put a message that was taken out back into a queue, in its sender's name."""
        sender = str(message.headers.get("x-sender", message.user_id))
        await self.put(queue, message.body, sender, content_type=message.content_type or SINGLE)


def envelopes(message: AbstractIncomingMessage) -> list[dict[str, Any]]:
    """The raw events of a message."""
    parsed = orjson.loads(message.body)
    return list(parsed) if message.content_type == BATCH else [parsed]
