"""Where whistlectl is tried out: a vhost with the whole topology in which no service listens, and the command line
itself, run as a process."""

import asyncio
import os
import sys
from dataclasses import dataclass
from typing import Any

import aio_pika

from support.broker import Broker, Login, in_vhost
from support.stack import PROCESSES
from whistle_ctl import parking, topology
from whistle_ctl.parked import Parked, Selection
from whistle_local import Infrastructure
from whistle_shared.messaging import DEAD_LETTERS

VHOST = "whistle-ctl-test"
EVERYTHING = Selection()


def logins(infrastructure: Infrastructure) -> dict[str, str]:
    """User → password of the five services."""
    return {producer: Login.of(infrastructure.amqp_urls[process]).password for process, producer in PROCESSES.items()}


@dataclass(frozen=True)
class Yard:
    """A vhost with the whole topology and nobody in it but the test."""

    infrastructure: Infrastructure
    document: topology.Document
    broker: Broker

    @property
    def url(self) -> str:
        return self.broker.admin_url

    @property
    def dispatch_url(self) -> str:
        """The database in whose audit the operator's deeds stand."""
        return self.infrastructure.database_urls["dispatch"]

    @property
    def management(self) -> str:
        return self.infrastructure.management_url

    def url_of(self, process: str) -> str:
        """A service's own login, in this vhost."""
        return in_vhost(self.infrastructure.amqp_urls[process], VHOST)

    async def park(
        self, process: str, name: str = "", *, body: bytes = b"{}", reason: str = "", headers: Any = None
    ) -> None:
        """Set a message aside as the service of that process would. `name`: its message id."""
        usual: dict[str, Any] = {
            "x-origin-queue": f"{PROCESSES[process]}.in",
            "x-attempt": 3,
            "x-sent-ms": 1_000,
            "x-reason": reason,
        }
        message = aio_pika.Message(
            body,
            message_id=name or None,
            type="intake.whistle_blown.v1",
            user_id=Login.of(self.infrastructure.amqp_urls[process]).user,
            headers={**usual, "x-attempt": 3, "x-sent-ms": 1_000, **(headers or {})},
        )
        async with await aio_pika.connect(self.url_of(process)) as connection:
            channel = await connection.channel(on_return_raises=True)
            exchange = await channel.get_exchange(DEAD_LETTERS, ensure=False)
            await exchange.publish(message, routing_key="any")

    async def parked(self) -> list[str]:
        """Ids of what is parked; nothing is taken out."""
        seen: list[Parked] = []
        await parking.browse(self.url, EVERYTHING, seen.append)
        return [each.id for each in seen]


@dataclass(frozen=True)
class Said:
    """What a whistlectl process left behind."""

    code: int
    out: str
    err: str


async def whistlectl(*arguments: str, **environment: str) -> Said:
    """Run the real command line with these WHISTLE_ settings (written without the prefix)."""
    process = await start(*arguments, **environment)
    out, err = await process.communicate()
    return Said(process.returncode or 0, out.decode(), err.decode())


async def start(*arguments: str, **environment: str) -> asyncio.subprocess.Process:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WHISTLE_")}
    given = {f"WHISTLE_{key.upper()}": value for key, value in environment.items()}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "whistle_ctl", *arguments),
        env={**kept, **given, "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
