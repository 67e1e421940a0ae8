"""The yard: a vhost of its own with the whole topology, where no service listens. And an audit of its own, to tamper
with. And the OpenID provider, with services that sign people in through it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from support.auditing import Auditing
from support.broker import Broker, in_vhost, remove_vhost
from support.city import City
from support.duty import Duty
from support.entrance import Entrance, opened
from support.false_provider import FalseProvider
from support.places import SAMPLE
from support.real_provider import RealProvider
from support.sign_on import PEOPLE
from support.stack import PROCESSES, make_database
from support.window import Somebody, somebody
from support.yard import VHOST, Yard, logins
from whistle_ctl import topology
from whistle_dispatch.domain import read_pack
from whistle_local import Infrastructure
from whistle_shared.db import make_engine


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def standing_yard(infrastructure: Infrastructure) -> AsyncIterator[Yard]:
    remove_vhost(infrastructure.management_url, VHOST)
    document = topology.document_of(read_pack(SAMPLE).registry, logins(infrastructure), VHOST)
    await topology.apply(infrastructure.management_url, document)
    queues = tuple(f"{producer}.in" for producer in PROCESSES.values())
    broker = Broker(in_vhost(infrastructure.amqp_admin_url, VHOST), queues)
    await broker.open()
    yield Yard(infrastructure, document, broker)
    await broker.close()
    remove_vhost(infrastructure.management_url, VHOST)


@pytest_asyncio.fixture(loop_scope="session")
async def yard(standing_yard: Yard) -> Yard:
    await topology.apply(standing_yard.management, standing_yard.document)
    await standing_yard.broker.purge()
    return standing_yard


@pytest_asyncio.fixture
async def entrance(city: City) -> AsyncIterator[Entrance]:
    """The escalation service at a port of this machine."""
    async with opened(city, "escalation") as entrance:
        yield entrance


@pytest_asyncio.fixture
async def viewer(city: City) -> Somebody:
    """Somebody who sees the whole district, in escalation."""
    return await somebody(city.services["escalation"], "arbitrator", "*")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def auditing_url(infrastructure: Infrastructure) -> str:
    return await make_database(infrastructure, "whistle_audit_test")


@pytest_asyncio.fixture(loop_scope="session")
async def auditing(infrastructure: Infrastructure, auditing_url: str) -> AsyncIterator[Auditing]:
    engine = make_engine(auditing_url, pool_size=12)
    made = Auditing(engine)
    try:
        await made.make_tables()
        await made.tampers("truncate audit, audit_link, audit_head restart identity")
        yield made
    finally:
        await engine.dispose()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def serving() -> AsyncIterator[FalseProvider]:
    """A provider that can say what a good one never says."""
    async with FalseProvider().serving() as provider:
        yield provider


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def standing_provider() -> AsyncIterator[RealProvider]:
    async with RealProvider(PEOPLE).serving() as provider:
        yield provider


@pytest_asyncio.fixture
async def provider(standing_provider: RealProvider) -> AsyncIterator[RealProvider]:
    """The provider with the people of PEOPLE, though a test may change them and start it anew."""
    yield standing_provider
    if standing_provider.people is not PEOPLE or not standing_provider.is_up:
        standing_provider.people = PEOPLE
        await standing_provider.restart()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def standing_duty(
    standing_city: City, standing_provider: RealProvider, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Duty]:
    async with Duty(standing_city, standing_provider.issuer, tmp_path_factory.mktemp("duty")) as duty:
        yield duty


@pytest.fixture
def duty(standing_duty: Duty, city: City, provider: RealProvider) -> Duty:
    """Services whose tables are empty, and a provider that knows PEOPLE."""
    return standing_duty
