"""The private RabbitMQ and PostgreSQL of a test session, with migrated databases and the applied topology."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import asyncpg
from sqlalchemy.ext.asyncio import create_async_engine

from support.broker import Login, apply_topology, vhost_of
from support.places import PROFILE, SAMPLE, migrations
from whistle_dispatch.domain import read_pack
from whistle_local import Infrastructure, Stack
from whistle_shared.db import migrate
from whistle_shared.messaging import Instance

PROCESSES = {
    "intake": "intake",
    "dispatch": "dispatch",
    "department": "department.hosted",
    "department-ga": "department.ga",
    "escalation": "escalation",
}
"""Process name of the local stack → producer name, which is the broker user too."""


def room_of(producer: str) -> str:
    """`department.ga` → `department`: the service whose program it is."""
    return producer.split(".")[0]


@contextmanager
def running() -> Iterator[Infrastructure]:
    """Start broker and database empty, migrate the five databases, apply the topology; stop them in the end."""
    with Stack(PROFILE, free_service_ports=True) as stack:
        stack.start_infrastructure()
        stack.reset()
        infrastructure = stack.infrastructure
        asyncio.run(_migrate_all(infrastructure))
        admin = infrastructure.amqp_admin_url
        apply_topology(infrastructure.management_url, Login.of(admin).user, instances(infrastructure), vhost_of(admin))
        yield infrastructure


def instances(infrastructure: Infrastructure) -> list[Instance]:
    """The five instances as the broker must know them: what each reads, and whom each department service serves."""
    departments = read_pack(SAMPLE).registry.departments
    return [
        Instance(
            name=producer,
            password=Login.of(infrastructure.amqp_urls[process]).password,
            reads=_reads(room_of(producer)),
            departments=tuple(d.code for d in departments if f"department.{d.instance}" == producer),
        )
        for process, producer in PROCESSES.items()
    ]


def _reads(service: str) -> tuple[str, ...]:
    """The event types a service subscribes to; an addressed one reaches a department instance by `to.<code>` only."""
    subscribed = import_module(f"whistle_{service}.consumers").SUBSCRIPTIONS
    return tuple(model.key for model in subscribed if not (service == "department" and model.addressed))


async def _migrate_all(infrastructure: Infrastructure) -> None:
    for process, producer in PROCESSES.items():
        await migrate_one(infrastructure.database_urls[process], migrations(room_of(producer)))


async def migrate_one(url: str, versions: Path) -> None:
    """Bring one database to the newest schema."""
    engine = create_async_engine(url)
    try:
        await migrate(engine, versions)
    finally:
        await engine.dispose()


async def make_database(infrastructure: Infrastructure, name: str) -> str:
    """An empty database of this name for the administrator; returns its SQLAlchemy address."""
    admin = await asyncpg.connect(infrastructure.database_admin_url)
    try:
        await admin.execute(f'drop database if exists "{name}" with (force)')
        await admin.execute(f'create database "{name}"')
    finally:
        await admin.close()
    address, _, _ = infrastructure.database_admin_url.rpartition("/")
    return f"{address.replace('postgresql://', 'postgresql+asyncpg://', 1)}/{name}"
