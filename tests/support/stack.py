"""The private RabbitMQ and PostgreSQL of a test session, with migrated databases and the applied topology."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

import asyncpg
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from support.broker import Login, vhost_of, with_login
from support.places import PROFILE, SAMPLE, migrations
from whistle_ctl import topology
from whistle_ctl.settings import OPERATOR
from whistle_dispatch.domain import read_pack
from whistle_local import Infrastructure, Stack
from whistle_shared.db import migrate

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
    return producer.split(".", maxsplit=1)[0]


@contextmanager
def running() -> Iterator[Infrastructure]:
    """Start broker and database empty, migrate the five databases, apply the topology; stop them in the end.

    `amqp_admin_url` is the operator's (`ctl`), also on a given broker whose administrator has another name.
    """
    with Stack(PROFILE, free_service_ports=True) as stack:
        stack.start_infrastructure()
        stack.reset()
        infrastructure = _with_operator(stack.infrastructure)
        asyncio.run(_migrate_all(infrastructure))
        document = topology.document_of(
            read_pack(SAMPLE).registry, passwords(infrastructure), vhost_of(infrastructure.amqp_admin_url)
        )
        asyncio.run(topology.apply(infrastructure.management_url, document))
        yield infrastructure


def passwords(infrastructure: Infrastructure) -> dict[str, str]:
    """User → password of the five services and the operator."""
    urls = {producer: infrastructure.amqp_urls[process] for process, producer in PROCESSES.items()}
    return {name: Login.of(url).password for name, url in (urls | {OPERATOR: infrastructure.amqp_admin_url}).items()}


def _with_operator(infrastructure: Infrastructure) -> Infrastructure:
    given = infrastructure.amqp_admin_url
    if Login.of(given).user == OPERATOR:
        return infrastructure
    return replace(infrastructure, amqp_admin_url=with_login(given, Login(OPERATOR, token_hex(16))))


async def _migrate_all(infrastructure: Infrastructure) -> None:
    for process, producer in PROCESSES.items():
        owner, app = infrastructure.database_owner_urls[process], infrastructure.database_urls[process]
        await migrate_one(owner, migrations(room_of(producer)), make_url(app).username)


async def migrate_one(url: str, versions: Path, app: str | None = None) -> None:
    """Bring one database to the newest schema; `app`: the role that gets the service's grants."""
    engine = create_async_engine(url)
    try:
        await migrate(engine, versions, app)
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
