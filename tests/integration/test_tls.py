"""A whole stack that speaks TLS only, with an authority of its own; and who is not believed, and not let in.

INVARIANT: a process that is told of an authority gives no password and no event to a server that this authority has
not vouched for under that very name.
"""

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import aio_pika
import asyncpg
import httpx
import pytest
import trustme
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from support.encrypting_postgres import installed
from support.places import PROFILE, ROOT
from support.waiting import until
from whistle_ctl.management import Management
from whistle_local import Certificates, Infrastructure, Stack
from whistle_local.preparation import whistlectl
from whistle_shared.db import is_outage, make_engine
from whistle_shared.messaging.publisher import BROKER_FAILURES, connect

LOOPBACK = "127.0.0.1"
pytestmark = pytest.mark.timeout(400)


@dataclass(frozen=True)
class Encrypted:
    """A prepared stack that speaks TLS only, and the certificate of an authority that has nothing to do with it."""

    stack: Stack
    known: Infrastructure
    stranger: Path

    def of_stranger(self, url: str) -> str:
        """The same address, with the stranger's authority in place of ours."""
        authority = url.rpartition("=")[2]
        return url.replace(authority, quote(str(self.stranger)))

    def elsewhere(self, url: str) -> str:
        """The same server by a name that its certificate does not have."""
        return url.replace(f"@{LOOPBACK}:", "@localhost:")


@pytest.fixture(scope="module")
def private_servers_only() -> Iterator[None]:
    """A given broker or database is not started by us, so its TLS is not ours to try."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AMQP_URL", "RABBITMQ_MANAGEMENT_URL", "DATABASE_ADMIN_URL"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="module")
def encrypted(
    infrastructure: Infrastructure, private_servers_only: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Encrypted]:
    folder = tmp_path_factory.mktemp("authority")
    authority, server = trustme.CA(), folder / "server.pem"
    made = authority.issue_cert(LOOPBACK)
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    made.private_key_pem.write_to_path(str(folder / "server.key"))
    for blob in made.cert_chain_pems:
        blob.write_to_path(str(server), append=True)
    trustme.CA().cert_pem.write_to_path(str(folder / "stranger.pem"))
    certificates = Certificates(folder / "authority.pem", server, folder / "server.key", installed())
    root = PROFILE.with_name(f"{PROFILE.name}-tls")
    with Stack(root, free_service_ports=True, certificates=certificates) as stack:
        known = stack.start_infrastructure()
        stack.reset()
        stack.prepare(ROOT)
        yield Encrypted(stack, known, folder / "stranger.pem")


# -- everything works --------------------------------------------------------------------------------------------


async def test_a_whole_city_works_over_tls_alone(encrypted: Encrypted) -> None:
    """Five processes, whistlectl before them, and a whistle from a street to a department and back."""
    addresses = await asyncio.to_thread(encrypted.stack.start_services)
    try:
        await _blows_and_is_acknowledged(encrypted, addresses)
        assert await _unencrypted_database_sessions(encrypted) == 0
        assert await _unencrypted_broker_connections(encrypted) == []
    finally:
        await asyncio.to_thread(encrypted.stack.stop_services)


async def _blows_and_is_acknowledged(encrypted: Encrypted, addresses: dict[str, str]) -> None:
    street = await _client(encrypted, addresses, "intake", "street_initiator", "S01")
    department = await _client(encrypted, addresses, "department", "department_head", "CGJ")
    async with street, department:
        blown = await street.post(
            "/whistles",
            headers={"Idempotency-Key": uuid4().hex},
            json={
                "kind": "appeal",
                "urgency": "normal",
                "street": "S01",
                "category": "0701",
                "departments": ["CGJ"],
                "title": "井盖缺失",
                "description": "人行道上一处井盖缺失，夜间无照明。",
                "place": "东门路 12 号门前",
                "beyond_power_reason": "井盖权属不明。",
            },
        )
        assert blown.status_code == 201, blown.text

        async def task() -> Any:
            found = (await department.get("/tasks")).json()["items"]
            return next((one for one in found if one["whistle_id"] == blown.json()["whistle_id"]), None)

        called = await until(task, "the task to arrive")
        path = f"/tasks/{called['task_id']}/acknowledgement"
        assert (await department.post(path, json={"person": "王敏"})).status_code == 200


async def _client(
    encrypted: Encrypted, addresses: dict[str, str], process: str, role: str, scope: str
) -> httpx.AsyncClient:
    arguments = ("token", "create", "--plain", "--role", role, "--scope", scope, "--name", "tls")
    token = await asyncio.to_thread(whistlectl, encrypted.stack.root / "env" / f"{process}.env", *arguments)
    headers = {"authorization": f"Bearer {token.strip()}"}
    return httpx.AsyncClient(base_url=f"{addresses[process]}/api/v1", headers=headers, timeout=20, trust_env=False)


async def _unencrypted_database_sessions(encrypted: Encrypted) -> int:
    query = (
        "select count(*) from pg_stat_ssl join pg_stat_activity using (pid) where client_addr is not null and not ssl"
    )
    admin = await asyncpg.connect(encrypted.known.database_admin_url)
    try:
        return int(await admin.fetchval(query))
    finally:
        await admin.close()


async def _unencrypted_broker_connections(encrypted: Encrypted) -> list[str]:
    async with Management(encrypted.known.management_url) as broker:
        found = (await broker._call("GET", "/connections")).json()
    assert {connection["user"] for connection in found} >= {"intake", "dispatch", "escalation", "department.ga"}
    return [connection["name"] for connection in found if not connection["ssl"]]


# -- who is not believed -----------------------------------------------------------------------------------------


async def _enters_database(url: str) -> None:
    engine = make_engine(url)
    try:
        async with engine.connect() as connection:
            assert (await connection.execute(text("select ssl from pg_stat_ssl where pid = pg_backend_pid()"))).scalar()
    finally:
        await engine.dispose()


async def _enters_broker(url: str) -> None:
    async with await connect(url, "a test"):
        pass


async def test_a_connection_that_does_not_come_about_is_closed() -> None:
    """Else the garbage collector does it whenever it comes by, and outside the loop that fails."""
    with pytest.raises(BROKER_FAILURES) as caught:
        await connect(f"amqp://a:b@{LOOPBACK}:1/", "a test")
    met = [value for entry in caught.traceback for value in entry.frame.f_locals.values()]
    assert {value.is_closed for value in met if isinstance(value, aio_pika.Connection)} == {True}


async def test_a_server_of_our_authority_under_its_name_is_believed(encrypted: Encrypted) -> None:
    await _enters_database(encrypted.known.database_urls["intake"])
    await _enters_broker(encrypted.known.amqp_urls["intake"])


@pytest.mark.parametrize("how", ["of_stranger", "elsewhere"])
async def test_a_server_of_a_foreign_authority_or_by_another_name_is_not(encrypted: Encrypted, how: str) -> None:
    """And it counts as one that cannot be reached: a service waits for the right one and gives up nothing."""
    changed = getattr(encrypted, how)
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        await _enters_database(changed(encrypted.known.database_urls["intake"]))
    assert is_outage(caught.value)
    with pytest.raises(BROKER_FAILURES) as failure:
        await _enters_broker(changed(encrypted.known.amqp_urls["intake"]))
    assert "certificate verify failed" in repr(failure.value)
    with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
        async with Management(changed(encrypted.known.management_url)) as broker:
            await broker.definitions()


async def test_a_server_without_tls_is_not_believed_either(
    infrastructure: Infrastructure, encrypted: Encrypted
) -> None:
    """Nobody between can talk us out of encryption."""
    believing = f"?ssl=verify-full&sslrootcert={encrypted.stranger}"
    with pytest.raises(ConnectionError, match="rejected SSL upgrade"):
        await _enters_database(infrastructure.database_urls["intake"] + believing)
    plain = infrastructure.amqp_urls["intake"].replace("amqp://", "amqps://")
    with pytest.raises(BROKER_FAILURES):
        await _enters_broker(f"{plain}?cafile={encrypted.stranger}")


# -- who is not let in -------------------------------------------------------------------------------------------


async def test_whoever_speaks_in_the_clear_is_not_let_in(encrypted: Encrypted) -> None:
    """INVARIANT: a stack that is given certificates listens for nothing unencrypted, but for its supervisor and port
    mapper."""
    database = encrypted.known.database_urls["intake"].partition("?")[0]
    with pytest.raises(DBAPIError, match="no encryption"):
        await _enters_database(f"{database}?ssl=disable")
    with pytest.raises(BROKER_FAILURES):
        await _enters_broker(encrypted.known.amqp_urls["intake"].replace("amqps://", "amqp://"))
    plain = encrypted.known.management_url.replace("https://", "http://").partition("?")[0]
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.TransportError):
            await client.get(f"{plain}/api/overview")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
async def test_outdated_versions_are_not_spoken(encrypted: Encrypted, version: ssl.TLSVersion) -> None:
    port = urlsplit(encrypted.known.amqp_urls["intake"]).port
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.maximum_version = version
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, OSError)):
        await asyncio.open_connection(LOOPBACK, port, ssl=old)


# -- what cannot be meant ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["sslmode=verify-full", "sslrootcert=ca.pem", "ssl=require&sslrootcert=ca.pem"])
def test_an_address_that_would_check_nothing_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match="ssl"):
        make_engine(f"postgresql+asyncpg://a:b@{LOOPBACK}/x?{query}")


def test_an_authority_that_is_not_there_is_named() -> None:
    with pytest.raises(FileNotFoundError):
        make_engine(f"postgresql+asyncpg://a:b@{LOOPBACK}/x?ssl=verify-full&sslrootcert=no/such/file.pem")
