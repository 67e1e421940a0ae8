"""Starts, stops, breaks and resets a whole stack: broker, database and the five service processes.

INVARIANT: after `stop` (also by leaving the `with` block, on Ctrl-C and on SIGTERM) no process of the stack lives;
what a killed parent left behind is ended by the next start.
"""

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from whistle_local import broker, database, packages, preparation, processes, services, state, waiting
from whistle_local.encryption import Certificates
from whistle_local.errors import StackError
from whistle_local.interruption import Interruption
from whistle_local.services import SERVICES
from whistle_local.supervisor import Program, Supervisor

READY_SECONDS = 90.0


@dataclass(frozen=True)
class Infrastructure:
    """Addresses, all with their logins. Keys of the mappings: names of the service processes, as `department-ga`.

    The broker's users exist from the first `whistlectl topology apply` on, which gives them these passwords.
    """

    database_admin_url: str
    database_urls: Mapping[str, str]
    database_owner_urls: Mapping[str, str]
    amqp_admin_url: str
    amqp_urls: Mapping[str, str]
    management_url: str
    kept: Mapping[str, Mapping[str, str]]
    """Where each process keeps its keys and its objects: settings by name."""


class Stack:
    """One profile's stack. `root` is its state folder, by custom `.local/<profile>`; `.local/packages` is shared.

    `service_ports`: by process name; default are the settings (INTAKE_PORT… or 8101…); `free_service_ports` takes
    free ones instead. `environment`: variables for every service process (for example WHISTLE_TIME_RATE); may be
    changed until `prepare` or `start_services`. `certificates`: the private broker and database speak TLS only. Calls
    block: inside an event loop, call from a thread.
    """

    def __init__(
        self,
        root: Path,
        *,
        service_ports: Mapping[str, int] | None = None,
        free_service_ports: bool = False,
        environment: Mapping[str, str] | None = None,
        certificates: Certificates | None = None,
    ) -> None:
        self.root = root.resolve()
        self.environment = dict(environment or {})
        self._service_ports = service_ports
        self._free_service_ports = free_service_ports
        self._certificates = certificates
        self._state = state.load(self.root)
        self._supervisor = self._supervisor_of_state()
        self._programs: list[Program] = []
        self._lock: IO[str] | None = None
        self._interruption = Interruption()

    # -- start and stop

    def start_infrastructure(self) -> Infrastructure:
        """Starts broker and database (or takes the given ones); creates vhost, databases and roles if missing."""
        self._take_lock()
        self._supervisor.end()
        self._programs = self._private_programs()
        self._state.port("supervisor")
        self._supervisor = self._supervisor_of_state()
        infrastructure = self.infrastructure
        self._state.save()
        self._supervisor.start(self._programs)
        server = database.given_or_private(self._state, self._certificates)
        server.wait_ready(READY_SECONDS)
        server.create(self._mark, self._databases)
        with broker.given_or_private(self._state, self._certificates) as node:
            node.wait_ready(READY_SECONDS)
            node.create(self._mark)
        return infrastructure

    def prepare(self, project: Path) -> None:
        """Migrates the databases, applies the topology and loads the sample district of that project folder."""
        preparation.prepare(self._write_environments(), project.resolve())

    def start_services(self) -> dict[str, str]:
        """Starts the five services; returns their addresses by name when all are ready."""
        chosen = self.service_ports
        self.stop_services()
        services.require_free(chosen)
        self._write_environments()
        started = [services.program(service, self._environment_of(service)) for service in SERVICES]
        self._supervisor.apply([*self._programs, *started])
        for name, port in chosen.items():
            self._wait_ready(name, port)
        return {name: services.address(port) for name, port in chosen.items()}

    def stop_services(self) -> None:
        """Stops the five services gracefully and side by side; broker and database go on."""
        running = [name for name in self.states() if name in services.NAMES]
        if running:
            self._supervisor.stop(running)
            self._supervisor.apply(self._programs)

    def stop(self) -> None:
        """Stops services first, then broker and database; leaves no process behind. Does nothing if none runs."""
        if running := [name for name in self.states() if name in services.NAMES]:
            self._supervisor.stop(running)
        self._supervisor.end()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def reset(self) -> None:
        """Wipes what the services keep: stops them, drops and recreates the five databases and the vhost."""
        self.stop_services()
        server = database.given_or_private(self._state, self._certificates)
        server.wait_ready(READY_SECONDS)
        server.drop(self._mark, self._databases)
        server.create(self._mark, self._databases)
        with broker.given_or_private(self._state, self._certificates) as node:
            node.wait_ready(READY_SECONDS)
            node.drop(self._mark)
            node.create(self._mark)
        self._tokens_file.unlink(missing_ok=True)
        for table in self._accounts.glob("*.csv"):
            table.unlink()

    # -- look and break

    @property
    def infrastructure(self) -> Infrastructure:
        """The addresses of broker and database."""
        server, node = (
            database.given_or_private(self._state, self._certificates),
            broker.given_or_private(self._state, self._certificates),
        )
        passwords = self._databases
        return Infrastructure(
            database_admin_url=server.admin_url,
            database_urls={s.name: server.url(s.database, s.database, passwords[s.database].service) for s in SERVICES},
            database_owner_urls={
                s.name: server.url(s.database, database.owner_of(s.database), passwords[s.database].owner)
                for s in SERVICES
            },
            amqp_admin_url=node.admin_url,
            amqp_urls={s.name: node.url(s.broker_user, self._broker_passwords[s.broker_user]) for s in SERVICES},
            management_url=node.management_url,
            kept={s.name: self._kept(s) for s in SERVICES},
        )

    @property
    def service_ports(self) -> dict[str, int]:
        """Each service process's port."""
        if self._service_ports is not None:
            return dict(self._service_ports)
        if self._free_service_ports:
            return {name: self._state.ports.get(name) or self._state.port(name) for name in services.NAMES}
        return services.ports_from_settings()

    def tokens(self) -> dict[str, str]:
        """Tokens to work with the sample district, by holder (as `intake street S01`); made once until a reset."""
        return preparation.tokens(self._tokens_file, self._write_environments())

    def accounts(self, project: Path) -> str:
        """Makes the accounts of the sample district's people, once until a reset. Returns the password of all."""
        chosen = self._state.secret("people")
        self._state.save()
        password = "-".join(chosen[at : at + 4] for at in range(0, 16, 4))
        preparation.accounts(self._accounts, self._write_environments(), project.resolve(), password)
        return password

    def states(self) -> dict[str, str]:
        """Each program's state by name (RUNNING, BACKOFF, …); empty if the stack does not run."""
        return self._supervisor.states() if self._supervisor.is_running() else {}

    def pid(self, name: str) -> int:
        """The process id of `broker`, `database` or a service. Raises StackError while it does not run."""
        pid = self._supervisor.pid(name)
        if pid is None:
            raise StackError(f"{name} is not running")
        return pid

    def kill(self, name: str) -> int:
        """SIGKILL to `broker`, `database` or a service and all its children; returns the dead process's id.

        The supervisor then starts it again.
        """
        pid = self.pid(name)
        processes.kill(processes.tree(pid))
        return pid

    def __enter__(self) -> Self:
        self._interruption.watch()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._interruption.held_off():
            self.stop()

    # -- inside

    @property
    def _mark(self) -> str:
        """Written on what this profile makes on a server, so that `reset` never drops anything else."""
        return f"made by whistle_local {self._state.node}"

    @property
    def _tokens_file(self) -> Path:
        return self.root / "tokens.json"

    @property
    def _accounts(self) -> Path:
        return self.root / "accounts"

    @property
    def _databases(self) -> dict[str, database.Passwords]:
        secret, names = self._state.secret, [s.database for s in SERVICES]
        return {
            name: database.Passwords(owner=secret(f"owner {name}"), service=secret(f"database {name}"))
            for name in names
        }

    @property
    def _broker_passwords(self) -> dict[str, str]:
        return {s.broker_user: self._state.secret(f"broker {s.broker_user}") for s in SERVICES}

    def _kept(self, service: services.Service) -> dict[str, str]:
        """Where a process keeps its keys, its objects and the keys of residents' data, as settings by name."""
        keys = self.root / "keys" / f"{service.name}.keys"
        state.write_private(keys, self._state.key(f"keys {service.name}") + "\n")
        objects, vault = self.root / "objects", self.root / "vault" / service.name
        for folder in (objects, vault):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return {"keys_file": str(keys), "objects_url": objects.as_uri(), "vault_url": vault.as_uri()}

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (self.root / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise StackError(f"another command is using {self.root}: let it end first") from None
        self._lock = lock

    def _private_programs(self) -> list[Program]:
        programs: list[Program] = []
        if "DATABASE_ADMIN_URL" not in os.environ:
            programs += database.programs(self._state, self._certificates)
        if "AMQP_URL" not in os.environ:
            installation = packages.rabbitmq(self.root.parent / "packages")
            programs += broker.programs(installation, self._state, self._certificates)
        return programs

    def _supervisor_of_state(self) -> Supervisor:
        return Supervisor(self.root, self._state.ports.get("supervisor", 0), self._state.secret("supervisor"))

    def _environment_of(self, service: services.Service) -> dict[str, str]:
        known = self.infrastructure
        return services.environment(
            service,
            known.database_urls[service.name],
            known.amqp_urls[service.name],
            self.service_ports,
            self.environment | {f"WHISTLE_{name.upper()}": value for name, value in known.kept[service.name].items()},
        )

    def _write_environments(self) -> Path:
        """Env files for whistlectl, which also acts as the owner of the schema; the services are never told how."""
        folder, known = self.root / "env", self.infrastructure
        for service in SERVICES:
            owner = {"WHISTLE_DATABASE_OWNER_URL": known.database_owner_urls[service.name]}
            services.write_environment(folder / f"{service.name}.env", self._environment_of(service) | owner)
        operator = {
            "WHISTLE_AMQP_ADMIN_URL": known.amqp_admin_url,
            "WHISTLE_MANAGEMENT_URL": known.management_url,
            "WHISTLE_BROKER_PASSWORDS": json.dumps(self._broker_passwords),
            # In this audit it stands who replayed or dropped parked messages.
            "WHISTLE_DATABASE_URL": known.database_urls["dispatch"],
        }
        services.write_environment(folder / "ctl.env", {**self.environment, **operator})
        return folder

    def _wait_ready(self, name: str, port: int) -> None:
        log = self.root / "log" / f"{name}.log"
        lives: set[int] = set()

        def ready() -> bool:
            lives.add(self._supervisor.pid(name) or 0)
            if len(lives - {0}) > 1:
                raise StackError(f"{name} does not start; the end of {log}:\n{_tail(log)}")
            return services.is_ready(port)

        waiting.until(ready, READY_SECONDS, lambda: f"{name} was not ready in time; the end of {log}:\n{_tail(log)}")


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text("utf-8", errors="replace").splitlines()[-lines:]) if log.exists() else "(empty)"
