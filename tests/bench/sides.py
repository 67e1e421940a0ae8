"""The three sides: how each is started on the common broker and database, and where its whistles end."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from time import monotonic

import asyncpg
import httpx
from sqlalchemy import make_url

from bench import bare
from bench.celery_peer import schema
from bench.count import Ledger
from whistle_local import Infrastructure, Stack
from whistle_local.preparation import whistlectl

VHOST = "bench"
_WORKER = ("-P", "prefork", "-c", "2", "--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "WARNING")
_READY_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Side:
    """Where requests go, what they carry, who works on them (process ids by name), and where to count (None: the
    answer is all there is)."""

    name: str
    port: int
    token: str
    pids: Mapping[str, int]
    ledger: Ledger | None


@asynccontextmanager
async def ours(stack: Stack, addresses: Mapping[str, str]) -> AsyncIterator[Side]:
    """The five services, already started at these addresses."""
    arguments = ("token", "create", "--plain", "--role", "arbitrator", "--scope", "*", "--name", "bench")
    token = await asyncio.to_thread(whistlectl, stack.root / "env" / "intake.env", *arguments)
    known = stack.infrastructure
    place = known.database_admin_url.rpartition("/")[0]
    # As the server's administrator, whom no row-level security keeps out.
    urls = {name: f"{place}/{make_url(url).database}" for name, url in known.database_urls.items()}
    ledger = Ledger([urls["department"], urls["department-ga"]], urls["escalation"])
    await ledger.open()
    port = httpx.URL(addresses["intake"]).port
    assert port is not None
    yield Side("ours", port, token.strip(), {name: stack.pid(name) for name in addresses}, ledger)
    await ledger.close()


@asynccontextmanager
async def bare_endpoint(infrastructure: Infrastructure, port: int, logs: Path) -> AsyncIterator[Side]:
    """One uvicorn process and one table."""
    url = await _database(infrastructure, "bench_bare", bare.SCHEMA)
    with _running(_uvicorn("bench.bare:app", port), {"BENCH_DATABASE_URL": url}, logs / "bare.log") as pid:
        await _until_up(port)
        yield Side("bare", port, "none", {"bare": pid}, None)


@asynccontextmanager
async def celery_peer(infrastructure: Infrastructure, port: int, logs: Path) -> AsyncIterator[Side]:
    """The peer's door and its worker, on a virtual host and three databases of their own."""
    urls = {name: await _database(infrastructure, f"bench_{name}", ddl) for name, ddl in schema.DATABASES.items()}
    token = token_hex(32)
    connection = await asyncpg.connect(urls["main"])
    await connection.execute("insert into token values($1, 'bench')", sha256(token.encode()).digest())
    await connection.close()
    await _vhost(infrastructure)
    environment = {f"BENCH_{name.upper()}_URL": url for name, url in urls.items()}
    environment["BENCH_AMQP_URL"] = f"{infrastructure.amqp_admin_url.rpartition('/')[0]}/{VHOST}"
    worker = [sys.executable, "-m", "celery", "-A", "bench.celery_peer.pipeline", "worker", *_WORKER]
    ledger = Ledger([urls["department"]], urls["escalation"])
    await ledger.open()
    with ExitStack() as running:
        pids = {
            "door": running.enter_context(
                _running(_uvicorn("bench.celery_peer.door:app", port), environment, logs / "door.log")
            ),
            "worker": running.enter_context(_running(worker, environment, logs / "worker.log")),
        }
        await _until_up(port)
        yield Side("celery", port, token, pids, ledger)
    await ledger.close()


def _uvicorn(app: str, port: int) -> list[str]:
    options = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")
    return [sys.executable, "-m", "uvicorn", app, "--port", str(port), *options]


@contextmanager
def _running(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[int]:
    """A process for as long as the block lasts; yields its id."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=out, stderr=out)
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def _until_up(port: int) -> None:
    async def answers() -> bool:
        try:
            async with httpx.AsyncClient(trust_env=False) as http:
                return (await http.get(f"http://127.0.0.1:{port}/openapi.json")).is_success
        except httpx.TransportError:
            return False

    limit = monotonic() + _READY_SECONDS
    while not await answers():
        if monotonic() > limit:
            raise TimeoutError(f"nothing answers on port {port}")
        await asyncio.sleep(0.1)


async def _database(infrastructure: Infrastructure, name: str, ddl: str) -> str:
    """A new database with these tables; returns its address."""
    connection = await asyncpg.connect(infrastructure.database_admin_url)
    await connection.execute(f"drop database if exists {name} with (force)")
    await connection.execute(f"create database {name}")
    await connection.close()
    url = f"{infrastructure.database_admin_url.rpartition('/')[0]}/{name}"
    connection = await asyncpg.connect(url)
    await connection.execute(ddl)
    await connection.close()
    return url


async def _vhost(infrastructure: Infrastructure) -> None:
    """An empty virtual host for the peer, with all rights for the administrator."""
    address = httpx.URL(infrastructure.management_url)
    async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=30) as http:
        await http.delete(f"/api/vhosts/{VHOST}")
        (await http.put(f"/api/vhosts/{VHOST}")).raise_for_status()
        rights = {"configure": ".*", "write": ".*", "read": ".*"}
        (await http.put(f"/api/permissions/{VHOST}/{address.username}", json=rights)).raise_for_status()
