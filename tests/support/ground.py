"""What the city stands on: five services in one event loop on the real broker and databases, one business time for all.

The services live as long as the session; `clean` empties what they keep between two tests. What a test says, it says
through `street`, `department`, `whistle_office` and `watch` (people.py).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any, cast
from urllib.parse import urlsplit

import aio_pika
import asyncpg
import httpx
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from support.broker import Broker, drop_connections, vhost_of
from support.clockface import MONDAY
from support.held import Held
from support.people import DepartmentOffice, StreetOffice, Watch, WhistleOffice
from support.places import SAMPLE
from support.stack import PROCESSES, room_of
from support.waiting import SECONDS, until
from support.wire import wire
from whistle_dispatch.commands import load_pack
from whistle_dispatch.domain import Pack, read_pack
from whistle_local import Infrastructure
from whistle_local.services import ROOMY
from whistle_shared.auth import ROLES, Role, create_token
from whistle_shared.contracts import SINGLE, EventData
from whistle_shared.db import is_transient, make_engine
from whistle_shared.messaging import EVENTS
from whistle_shared.runtime import Service
from whistle_shared.timesource import SettableTime, wall_now

_KEPT = (
    "alembic_version",
    "registry_part",
    "calendar_year",
    "edition",
    "api_token",
    "audit",
    "audit_link",
    "audit_head",
)
_ACTIVITY = """
select (select count(*) from outbox), (select count(*) from inbox),
       (select count(*) from outbox_due where receiver = 'broker' or receiver = any(:running))
"""


class Ground:
    """The services by producer name, the broker, and the people. `time` is everybody's business time."""

    def __init__(self, infrastructure: Infrastructure) -> None:
        self.infrastructure = infrastructure
        self.pack: Pack = read_pack(SAMPLE)
        self.time = SettableTime(MONDAY)
        self.services: dict[str, Service] = {}
        self.broker = Broker(infrastructure.amqp_admin_url, tuple(f"{name}.in" for name in PROCESSES.values()))
        self._clients: dict[str, httpx.AsyncClient] = {}
        self._tokens: dict[tuple[str, str, str], str] = {}
        self._held: list[Held] = []
        self._owners: dict[str, AsyncEngine] = {}

    # -- life -----------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Start everything and load the sample district."""
        await self.broker.open()
        for producer in PROCESSES.values():
            await self.start(producer)
        await self.loads(self.pack)
        await self.knows_district()

    async def close(self) -> None:
        for producer in list(self.services):
            await self.stop(producer)
        for owner in self._owners.values():
            await owner.dispose()
        await self.broker.close()

    async def start(self, producer: str, **settings: Any) -> Service:
        """Start one service, as a fresh process would. `settings` beside the usual ones."""
        service = self.build(producer, **settings)
        self.services[producer] = service
        transport = httpx.ASGITransport(app=service.app, raise_app_exceptions=False)
        self._clients[producer] = httpx.AsyncClient(transport=transport, base_url=f"http://{producer}", timeout=30)
        await service.start()
        return service

    def build(self, producer: str, **settings: Any) -> Service:
        """One service, not started. `settings` beside the usual ones."""
        room = room_of(producer)
        process = next(process for process, name in PROCESSES.items() if name == producer)
        if room == "department":
            settings["instance"] = producer.removeprefix("department.")
        configured = import_module(f"whistle_{room}.settings").Settings(
            database_url=self.infrastructure.database_urls[process],
            amqp_url=self.infrastructure.amqp_urls[process],
            grace_seconds=0,
            **self.infrastructure.kept[process],
            **({"limits": ROOMY} | settings),
        )
        service: Service = import_module(f"whistle_{room}.app").build(configured, time=self.time)
        return service

    async def stop(self, producer: str) -> None:
        """Stop one service in good order; its queue and its database stay."""
        await self._clients.pop(producer).aclose()
        await self.services.pop(producer).stop()

    @asynccontextmanager
    async def without(self, producer: str) -> AsyncIterator[None]:
        """The service is down inside the block and starts again after it."""
        await self.stop(producer)
        try:
            yield
        finally:
            await self.start(producer)

    @asynccontextmanager
    async def holding(self, producer: str) -> AsyncIterator[Held]:
        """What is sent to a service inside the block is held back; after the block the service runs without it,
        until `Held.arrives`."""
        held = Held(self.broker, f"{producer}.in")
        self._held.append(held)
        async with self.without(producer):
            yield held
            await self.settles()
            await held.take()

    async def loads(self, pack: Pack) -> None:
        """Put a pack in force, as `whistlectl registry load` does."""
        dispatch = self.services["dispatch"]
        async with dispatch.engine.connect() as connection:
            await dispatch.replica.refresh(connection)
        async with dispatch.group.unit() as unit:
            load_pack(unit, pack, dispatch.replica)

    async def knows_district(self) -> None:
        """Wait until every service holds the newest registry and calendars."""
        await self.settles()
        for service in self.services.values():
            async with service.engine.connect() as connection:
                await service.replica.refresh(connection)
        versions = {name: _district_version(service) for name, service in self.services.items()}
        assert len(set(versions.values())) == 1, versions

    @asynccontextmanager
    async def under(self, **changes: Any) -> AsyncIterator[None]:
        """The pack is in force with another `registry` or other `calendars` inside the block."""
        await self.loads(replace(self.pack, **changes))
        await self.knows_district()
        try:
            yield
        finally:
            await self.loads(self.pack)
            await self.knows_district()

    async def forgets_district(self, producer: str) -> None:
        """A stopped service's database holds no registry and no calendar, as on its first day."""
        process = next(process for process, name in PROCESSES.items() if name == producer)
        engine = make_engine(self.infrastructure.database_urls[process])
        async with engine.begin() as connection:
            await connection.execute(text("delete from registry_part"))
            await connection.execute(text("delete from calendar_year"))
        await engine.dispose()

    def owner(self, producer: str) -> AsyncEngine:
        """Connections to a service's database as the owner of its schema: for what the service itself may not do."""
        if producer not in self._owners:
            process = next(process for process, name in PROCESSES.items() if name == producer)
            self._owners[producer] = make_engine(self.infrastructure.database_owner_urls[process], pool_size=2)
        return self._owners[producer]

    async def clean(self) -> None:
        """Empty queues and tables (but for the district and the tokens) and begin again on Monday at nine."""
        for producer in PROCESSES.values():
            service = self.services.get(producer)
            if service is None or service.failed.is_set():
                if service is not None:
                    await self.stop(producer)
                await self.start(producer)
        self._held.clear()
        for service in self.services.values():
            service.refusals._minutes.clear()  # or what was refused in the test before would count in this one's minute
        await self._empty()
        self.time.set(MONDAY)
        while not await self._at_rest():
            await self._empty()
        await self.broker.purge()

    async def _empty(self) -> None:
        await self.broker.purge()
        await until(self._emptied, "the tables to be empty")

    async def _emptied(self) -> bool:
        """Empty all tables; False when services at work have the same rows in hand."""
        try:
            await asyncio.gather(*(_empty_tables(self.owner(producer)) for producer in self.services))
        except DBAPIError as error:
            if not is_transient(error):
                raise
            return False
        return True

    async def loses_broker_connections(self) -> int:
        """Every service's connections to the broker break; returns how many."""
        admin, management = self.infrastructure.amqp_admin_url, self.infrastructure.management_url
        return await asyncio.to_thread(drop_connections, management, vhost_of(admin), self.broker.admin)

    async def loses_database_connections(self) -> int:
        """Every service's connections to its database break; returns how many."""
        admin = await asyncpg.connect(self.infrastructure.database_admin_url)
        try:
            names = [urlsplit(url).path.removeprefix("/") for url in self.infrastructure.database_urls.values()]
            query = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = any($1::text[])"
            return int(await admin.fetchval(query, names))
        finally:
            await admin.close()

    # -- people ---------------------------------------------------------------------------------------------

    def street(self, code: str) -> StreetOffice:
        """The people of one street, calling intake."""
        return StreetOffice(self, code)

    def department(self, code: str) -> DepartmentOffice:
        """The people of one department, calling the instance that serves it."""
        return DepartmentOffice(self, code)

    @property
    def whistle_office(self) -> WhistleOffice:
        """The district whistle office, calling dispatch (and intake, to look)."""
        return WhistleOffice(self)

    @property
    def watch(self) -> Watch:
        """Whoever watches the clocks for the district, calling escalation."""
        return Watch(self)

    def instance_of(self, department: str) -> str:
        """The producer name of the instance that serves a department, by the pack."""
        return f"department.{self.pack.registry.department_by_code[department].instance}"

    async def call(
        self, producer: str, method: str, path: str, *, role: str = "arbitrator", scope: str = "*", **request: Any
    ) -> httpx.Response:
        """One request to one service, with a token of this role and scope."""
        headers = {"authorization": f"Bearer {await self.token(producer, role, scope)}"} | request.pop("headers", {})
        return await self._clients[producer].request(method, path, headers=headers, **request)

    def client(self, producer: str) -> httpx.AsyncClient:
        """A service's bare door, without a token."""
        return self._clients[producer]

    async def token(self, producer: str, role: str, scope: str) -> str:
        """A token of this role and scope at this service; made once a session."""
        known = self._tokens.get((producer, role, scope))
        if known is None:
            async with self.services[producer].group.unit() as unit:
                known = create_token(unit, f"{ROLES[cast(Role, role)].zh} {scope}".removesuffix(" *"), role, scope)
            self._tokens[producer, role, scope] = known
        return known

    async def says_as(self, producer: str, data: EventData) -> None:
        """An event of this producer's, sent by its own broker user but not by its program."""
        process = next(process for process, name in PROCESSES.items() if name == producer)
        body = wire(data, producer=producer, time=self.time.now())
        message = aio_pika.Message(body, content_type=SINGLE, user_id=producer, type=data.key)
        async with await aio_pika.connect(self.infrastructure.amqp_urls[process]) as connection:
            exchange = await (await connection.channel()).get_exchange(EVENTS, ensure=False)
            await exchange.publish(message, routing_key=data.key)

    # -- time -----------------------------------------------------------------------------------------------

    async def passes(self, **span: float) -> datetime:
        """Let what is under way settle, then let business time go by (`minutes=31`) and everything due fire.

        Returns the new now (UTC). A long span is one leap: like an outage, it fires one rung of a ladder only.
        """
        await self.settles()
        now = self.time.passes(timedelta(**span))
        await self.has_fired()
        return now

    async def has_fired(self) -> None:
        """Wait until escalation, if it runs, has nothing left to fire at this instant, and everybody has heard."""
        if "escalation" in self.services:
            await until(self._nothing_due, "every due clock to fire")
        if "dispatch" in self.services:
            await until(self._nothing_undecided, "every overdue return to be disputed")
        await self.settles()

    async def _nothing_due(self) -> bool:
        async with self.services["escalation"].engine.connect() as connection:
            due = await connection.execute(
                text(
                    "select (select count(*) from clock where next_at <= :now)"
                    " + (select count(*) from escalation where next_at <= :now)"
                ),
                {"now": self.time.now()},
            )
            return bool(due.scalar_one() == 0)

    async def _nothing_undecided(self) -> bool:
        async with self.services["dispatch"].engine.connect() as connection:
            due = await connection.execute(
                text("select count(*) from request where decide_by <= :now"), {"now": self.time.now()}
            )
            return bool(due.scalar_one() == 0)

    async def settles(self, seconds: float = SECONDS) -> None:
        """Wait until every queue is empty, no outbox waits for anything, and nobody is busy."""
        await until(self._at_rest, "the city to come to rest", seconds)

    async def _at_rest(self) -> bool:
        before = await self._activity()
        if any(pending for _, _, pending in before) or not await self._idle():
            return False
        return before == await self._activity()

    async def _activity(self) -> list[tuple[int, int, int]]:
        """Per service: events said, events heard, confirmations outstanding from those that can give them."""
        running = [] if any(held.messages for held in self._held) else list(self.services)
        return list(await asyncio.gather(*(_counted(service, running) for service in self.services.values())))

    async def _idle(self) -> bool:
        asked = wall_now()
        handled = await asyncio.gather(*(service.consumer.caught_up_to() for service in self.services.values()))
        waiting = sum([await self.broker.ready(queue) for queue in self.broker.queues if self._served(queue)])
        return waiting == 0 and all(instant is not None and instant >= asked for instant in handled)

    def _served(self, queue: str) -> bool:
        """A stopped service's queue may keep what it has."""
        return queue.removesuffix(".in") in self.services or queue.startswith("retry.")


def _district_version(service: Service) -> tuple[int, int]:
    registry = service.replica.registry
    return (registry.version if registry else 0, service.replica.calendar_version)


async def _counted(service: Service, running: list[str]) -> tuple[int, int, int]:
    """An empty transaction takes in the broker's confirms before anything is counted."""
    async with service.group.unit():
        pass
    async with service.engine.connect() as connection:
        said, heard, pending = (await connection.execute(text(_ACTIVITY), {"running": running})).one()
    return said, heard, pending


async def _empty_tables(owner: AsyncEngine) -> None:
    """One statement for all tables: a `with` of as many deletes."""
    async with owner.begin() as connection:
        await connection.execute(text("select set_config('whistle.departments', '*', true)"))
        found = await connection.execute(text("select tablename from pg_tables where schemaname = 'public'"))
        deletes = [f'd{n} as (delete from "{name}")' for n, (name,) in enumerate(found) if name not in _KEPT]
        await connection.execute(text(f"with {', '.join(deletes)} select 1"))
