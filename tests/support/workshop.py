"""The shared mechanisms without the city: toy services with handlers of a test's own, in a vhost and databases apart.

`intake` says `whistle_withdrawn`, `dispatch` hears it and notes it down; both are whole `Service`s with the real
runtime. A test may also use only a `Group` on one of the databases.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import Column, Integer, MetaData, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine

from support.broker import Broker, Login, apply_topology, in_vhost, remove_vhost
from support.clockface import MONDAY
from support.stack import make_database
from support.waiting import until
from whistle_local import Infrastructure
from whistle_shared.contracts import Event, EventData
from whistle_shared.contracts.department import TasksReceived
from whistle_shared.contracts.dispatch import WhistleCancelled
from whistle_shared.contracts.intake import WhistleWithdrawn
from whistle_shared.db import Group, Outbox, Unit, Work, make_engine, metadata
from whistle_shared.messaging import Handler, Instance
from whistle_shared.runtime import Service, Settings
from whistle_shared.timesource import SettableTime

VHOST = "whistle_workshop"
NAMES = ("intake", "dispatch", "department.ga")
_PROCESS = {"department.ga": "department-ga"}
_READS = {
    "intake": (WhistleCancelled.key, TasksReceived.key),
    "dispatch": (WhistleWithdrawn.key,),
    "department.ga": (),
}

_toy = MetaData()
note = Table(
    "note",
    _toy,
    Column("note_id", Uuid, primary_key=True),
    Column("whistle_id", Uuid, nullable=False),
    Column("said", Text, nullable=False),
    Column("tags", JSONB, nullable=False),
    Column("count", Integer),
)


async def load_nothing(unit: Unit, works: Sequence[Work]) -> None:
    """A service that decides without reading anything."""


def withdrawn(whistle_id: UUID | None = None, reason: str = "自行解决", round_: int = 1) -> WhistleWithdrawn:
    """The event that the toy services talk about."""
    return WhistleWithdrawn(
        whistle_id=whistle_id or uuid_utils.compat.uuid7(), round=round_, reason=reason, withdrawn_by="S01"
    )


def write_note(unit: Unit, whistle_id: UUID, said: str, count: int = 1) -> None:
    """One row in the toy table."""
    unit.insert(note, note_id=uuid_utils.compat.uuid7(), whistle_id=whistle_id, said=said, tags='["新"]', count=count)


def hear(unit: Unit, event: Event[WhistleWithdrawn]) -> None:
    """The toy handler: a note, and a receipt."""
    write_note(unit, event.data.whistle_id, event.data.reason, event.data.round)
    answer = WhistleCancelled(whistle_id=event.data.whistle_id, round=1, departments=(), reason=event.data.reason)
    unit.emit(answer, event.data.whistle_id)


class Workshop:
    """Databases, vhost and running toy services. `time` is their business time."""

    def __init__(self, infrastructure: Infrastructure) -> None:
        self.infrastructure = infrastructure
        self.time = SettableTime(MONDAY)
        self.broker = Broker(in_vhost(infrastructure.amqp_admin_url, VHOST), tuple(f"{name}.in" for name in NAMES))
        self._databases: dict[str, str] = {}
        self._engines: dict[str, AsyncEngine] = {}
        self._running: list[Service] = []

    # -- life -----------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Make the databases with the mechanisms' tables, and the vhost with the topology."""
        for name in NAMES:
            url = await make_database(self.infrastructure, f"whistle_workshop_{name.replace('.', '_')}")
            self._databases[name] = url
            self._engines[name] = make_engine(url, pool_size=4, name=f"workshop {name}")
            async with self._engines[name].begin() as connection:
                await connection.run_sync(metadata.create_all)
                await connection.run_sync(_toy.create_all)
        self.apply_topology()
        await self.broker.open()

    def apply_topology(self) -> None:
        """What a deploy step does; also what repairs a topology somebody has spoilt."""
        instances = [Instance(name, Login.of(self.amqp_url(name)).password, _READS[name]) for name in NAMES]
        management, admin = self.infrastructure.management_url, self.broker.admin
        apply_topology(management, admin, instances, VHOST)

    async def close(self) -> None:
        await self.broker.close()
        for engine in self._engines.values():
            await engine.dispose()
        remove_vhost(self.infrastructure.management_url, VHOST)

    async def sweep(self) -> None:
        """Empty queues and tables."""
        await self.broker.purge()
        for name in NAMES:
            async with self.engine(name).begin() as connection:
                for table in (*metadata.sorted_tables, note):
                    if not table.name.startswith("audit"):  # those only grow
                        await connection.execute(table.delete())
        self.time.set(MONDAY)

    async def rest(self) -> None:
        """Stop every service a test has started."""
        while self._running:
            await self._running.pop().stop()

    # -- parts ----------------------------------------------------------------------------------------------

    def engine(self, name: str) -> AsyncEngine:
        """The test's own connections to a database."""
        return self._engines[name]

    def amqp_url(self, name: str) -> str:
        """The address of the workshop's vhost for a service's user."""
        return in_vhost(self.infrastructure.amqp_urls[_PROCESS.get(name, name)], VHOST)

    def group(self, name: str = "intake", load: Any = load_nothing) -> Group:
        """A group alone: what it commits is due at once for whichever relay polls this database."""
        return Group(self.engine(name), name, self.time, load, Outbox())

    def build(self, name: str, handlers: dict[type[EventData], Handler] | None = None, **more: Any) -> Service:
        """A toy service, not started."""
        settings = Settings(
            database_url=self._databases[name],
            amqp_url=self.amqp_url(name),
            grace_seconds=0,
            pool_size=4,
            **self.infrastructure.kept[_PROCESS.get(name, name)],  # type: ignore[arg-type]
        )
        return Service(name, "toy", settings, self.time, load=load_nothing, handlers=handlers or {}, **more)

    async def start(self, name: str, handlers: dict[type[EventData], Handler] | None = None, **more: Any) -> Service:
        """A toy service at work: connected, with `handlers` for what it hears."""
        service = self.build(name, handlers, **more)
        await service.start()
        self.adopt(service)
        await until(_connected(service), f"{name} to be connected")
        return service

    def adopt(self, service: Service) -> None:
        """See to it that a service is stopped at the end of the test."""
        self._running.append(service)

    async def stop(self, service: Service) -> None:
        """Stop one service in good order."""
        self._running.remove(service)
        await service.stop()

    async def cut_off(self, service: Service) -> None:
        """End a service as a crash does: nothing is finished and nothing handed over."""
        self._running.remove(service)
        service.stopping = True
        for task in service._tasks:
            task.cancel()
        await asyncio.gather(*service._tasks, return_exceptions=True)
        await service.engine.dispose()
        await service.command_engine.dispose()

    async def make_due(self, name: str) -> None:
        """Let every lease and every waiting time in an outbox be over."""
        async with self.engine(name).begin() as connection:
            await connection.exec_driver_sql("update outbox_due set next_at = clock_timestamp()")

    # -- looks ----------------------------------------------------------------------------------------------

    async def rows(self, name: str, query: str, **parameters: Any) -> list[Any]:
        """What a query finds in a service's database."""
        async with self.engine(name).connect() as connection:
            return list((await connection.execute(text(query), parameters)).all())

    async def count(self, name: str, table: str, where: str = "true") -> int:
        """How many rows a table has."""
        return int((await self.rows(name, f"select count(*) from {table} where {where}"))[0][0])

    async def expects_count(self, name: str, table: str, wanted: int, where: str = "true") -> None:
        """Wait until a table has so many rows."""

        async def seen() -> bool:
            return await self.count(name, table, where) == wanted

        await until(seen, f"{wanted} rows in {name}'s {table} where {where}")

    async def say(self, service: Service, *events: EventData, awaiting: Sequence[str] = ()) -> list[UUID]:
        """Have a service emit events about whistles, all in one transaction; returns their ids."""
        async with service.group.unit() as unit:
            return [unit.emit(event, event.whistle_id, awaiting=awaiting) for event in events]  # type: ignore[attr-defined]


def _connected(service: Service) -> Callable[[], Any]:
    async def connected() -> bool:
        return service.publisher.ready.is_set() and service.consumer._channel is not None

    return connected
