"""Looks into the audit of the city; and an audit of its own, where a test may do what nobody may."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx
import uuid_utils.compat
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from support.city import City
from support.clockface import MONDAY
from support.workshop import load_nothing
from whistle_shared import audit
from whistle_shared.audit.chain import tail_of
from whistle_shared.audit.heads import sign
from whistle_shared.db import Deed, Group, Outbox, Work, metadata
from whistle_shared.keyring import Keyring, new_key
from whistle_shared.runtime import Service
from whistle_shared.timesource import SettableTime

SERVICE = "intake"


def deed(action: str = "intake.raise_whistle", **more: Any) -> Deed:
    """Somebody does something."""
    about: dict[str, Any] = {
        "actor": f"token:{uuid_utils.compat.uuid7()}",
        "name": "菜园街道",
        "role": "street_initiator",
        "scope": "S01",
        "subject": str(uuid_utils.compat.uuid7()),
        "address": "192.0.2.7",
        "asked": {"title": "井盖缺失", "part": 1.5},
    }
    return Deed(action=action, **about | more)


class Auditing:
    """One database's audit. `engine` is its superuser's, whom nothing but the triggers holds back."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.keyring = Keyring(new_key())
        self.group = Group(engine, SERVICE, SettableTime(MONDAY), load_nothing, Outbox())
        self.chainer = self.another_chainer()

    async def make_tables(self) -> None:
        async with self.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)

    def another_chainer(self, batch: int = 500, *, signing: bool = False) -> audit.Chainer:
        """As another process of the same service has; without `signing` it leaves the heads to the test."""
        made = audit.Chainer(self.engine, SERVICE, self.keyring, batch)
        if not signing:
            made._sign_yesterday = _leave_unsigned  # type: ignore[method-assign]
        return made

    async def writes(self, count: int = 1, **more: Any) -> None:
        """So many commands, each with its row."""
        works = [Work(act=lambda unit: None, deed=deed(**more)) for _ in range(count)]
        for outcome in await self.group.run(works):
            assert outcome is None, outcome

    async def links(self) -> int:
        """Link until nothing is left to link; returns the chain's last position."""
        async with asyncio.timeout(30):
            while True:
                await self.chainer.advance()
                if not await self.rows(
                    "select 1 from audit a left join audit_link l using (audit_id) where l.audit_id is null limit 1"
                ):
                    break
                await asyncio.sleep(0)
        return int((await self.rows("select coalesce(max(position), 0) from audit_link"))[0][0])

    async def signs(self, day: date) -> audit.Head:
        """The head of some day, with the chain as it stands."""
        async with self.engine.begin() as connection:
            head = sign(self.keyring, SERVICE, day, await tail_of(connection))
            await connection.execute(
                text("insert into audit_head values (:day, :position, :digest, :key_id, :signature, now())"),
                {name: getattr(head, name) for name in ("day", "position", "digest", "key_id", "signature")},
            )
        return head

    async def verified(self, kept: Sequence[audit.Head] = (), **more: Any) -> audit.Report:
        return await audit.verify(self.engine, SERVICE, self.keyring.public_keys(), kept, **more)

    async def faults(self, kept: Sequence[audit.Head] = (), **more: Any) -> list[str]:
        """What verifying finds, as it is said."""
        return [str(fault) for fault in (await self.verified(kept, **more)).faults]

    async def tampers(self, *statements: str) -> None:
        """Change what only grows: as the superuser, with the triggers off."""
        async with self.engine.begin() as connection:
            await connection.execute(text("set local session_replication_role = replica"))
            for statement in statements:
                await connection.execute(text(statement))

    async def rows(self, query: str, **parameters: Any) -> list[Any]:
        async with self.engine.connect() as connection:
            return list((await connection.execute(text(query), parameters)).all())

    def unit(self) -> Any:
        """A transaction of the service's."""
        return self.group.unit()


async def _leave_unsigned(connection: object, tail: object) -> None:
    """No head."""


@asynccontextmanager
async def knocking(service: Service, address: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client at some address, without a token."""
    transport = httpx.ASGITransport(app=service.app, client=(address, 1), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{service.name}", timeout=30) as client:
        yield client


async def audited(service: Service, where: str = "true", **values: Any) -> list[Any]:
    """The rows for which a condition holds, the oldest first."""
    await service.refusals.settled()
    async with service.engine.connect() as connection:
        found = await connection.execute(text(f"select * from audit where {where} order by audit_id"), values)
        return list(found)


async def newest(service: Service) -> int:
    """The id of the newest row."""
    async with service.engine.connect() as connection:
        return int(await connection.scalar(text("select coalesce(max(audit_id), 0) from audit")) or 0)


@dataclass
class Since:
    """The rows of one service that are new since some moment."""

    service: Service
    start: int

    async def rows(self, where: str = "true", **values: Any) -> list[Any]:
        return await audited(self.service, f"audit_id > {self.start} and {where}", **values)

    async def one(self, action: str) -> Any:
        [row] = await self.rows("action = :action", action=action)
        return row


async def since(city: City, producer: str) -> Since:
    service = city.services[producer]
    return Since(service, await newest(service))
