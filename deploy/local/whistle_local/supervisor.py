"""Runs programs under supervisord, which restarts each one that dies.

INVARIANT: supervisord and everything it starts carries the stack's mark (`processes.MARK`), so that `end` finds
and ends all of it, whoever died first.
"""

import os
import shlex
import subprocess
import sys
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whistle_local import ports, processes, state, waiting
from whistle_local.errors import StackError

RUNNING = "RUNNING"


@dataclass(frozen=True)
class Program:
    """One supervised program; `environment` is added to the supervisor's own."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    stop_seconds: int = 20


class Supervisor:
    """The supervisord of one state folder, running or not."""

    def __init__(self, folder: Path, port: int, password: str) -> None:
        self._folder = folder
        self._port = port
        self._password = password
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, programs: Sequence[Program]) -> None:
        """Starts supervisord with these programs; returns when it answers (not when the programs are ready)."""
        self._write(programs)
        log = (self._folder / "log" / "supervisord.out").open("ab")
        with log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(self._folder),
                start_new_session=True,
            )
        waiting.until(self.is_running, 20, lambda: f"supervisord did not start: see {log.name}")

    def apply(self, programs: Sequence[Program]) -> None:
        """Makes the running set of programs equal to this one: changed programs restart, absent ones stop."""
        self._write(programs)
        added, changed, removed = self._call("reloadConfig")[0]
        for name in [*changed, *removed]:
            self._call("stopProcessGroup", name)
            self._call("removeProcessGroup", name)
        for name in [*added, *changed]:
            self._call("addProcessGroup", name)

    def is_running(self) -> bool:
        """Whether this folder's supervisord answers."""
        try:
            return bool(self._call("getState")["statename"] == RUNNING)
        except (OSError, StackError):
            return False

    def pid(self, name: str) -> int | None:
        """The process id of a program, or None while it is not running."""
        return int(self._call("getProcessInfo", name)["pid"]) or None

    def states(self) -> dict[str, str]:
        """Each program's state as supervisord names it, for example RUNNING, BACKOFF, FATAL."""
        return {info["name"]: info["statename"] for info in self._call("getAllProcessInfo")}

    def stop(self, names: Sequence[str]) -> None:
        """Stops these programs side by side, each by its own signal, and waits for all of them."""
        for name in names:
            self._call_tolerantly("stopProcess", name, False)
        stopped = {"STOPPED", "EXITED", "FATAL"}
        waiting.until(
            lambda: all(state in stopped for name, state in self.states().items() if name in names),
            60,
            lambda: f"did not stop within 60 s: {self.states()}",
        )

    def end(self) -> None:
        """Stops everything; what does not stop in time is killed. Leaves no process of this stack behind."""
        if self.is_running():
            self._call_tolerantly("stopAllProcesses", True)
            self._call_tolerantly("shutdown")
            if self._process is not None:
                try:
                    self._process.wait(timeout=15)
                except subprocess.TimeoutExpired:
                    self._process.kill()
        processes.kill(processes.of_stack(self._folder))
        if self._process is not None:
            self._process.wait()
            self._process = None

    @property
    def _configuration(self) -> Path:
        return self._folder / "supervisord.conf"

    def _write(self, programs: Sequence[Program]) -> None:
        # Without this line a supervisord of root complains on every start.
        user = "user = root" if os.geteuid() == 0 else ""
        sections = [_HEAD.format(folder=_escape(self._folder), user=user, port=self._port, password=self._password)]
        sections += [_render(program, self._folder) for program in programs]
        (self._folder / "log").mkdir(parents=True, exist_ok=True)
        state.write_private(self._configuration, "\n".join(sections))

    def _call(self, method: str, *arguments: str | bool) -> Any:
        address = f"http://whistle:{self._password}@{ports.LOOPBACK}:{self._port}/RPC2"
        with xmlrpc.client.ServerProxy(address) as server:
            try:
                return getattr(server.supervisor, method)(*arguments)
            except (xmlrpc.client.Fault, xmlrpc.client.ProtocolError) as error:
                raise StackError(f"supervisord refused {method}{arguments}: {error}") from error

    def _call_tolerantly(self, method: str, *arguments: str | bool) -> None:
        try:
            self._call(method, *arguments)
        except (OSError, StackError):
            return


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, processes.MARK: str(folder)}


_HEAD = """\
[supervisord]
nodaemon = true
{user}
directory = {folder}
pidfile = {folder}/supervisord.pid
logfile = {folder}/log/supervisord.log
logfile_maxbytes = 10MB
logfile_backups = 1
childlogdir = {folder}/log

[inet_http_server]
port = 127.0.0.1:{port}
username = whistle
password = {password}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""

# startretries: a program that waits for another (a service for the database that was just killed) tries for minutes.
_PROGRAM = """\
[program:{name}]
command = {command}
environment = {environment}
autorestart = true
startsecs = 1
startretries = 100
stopsignal = {stop_signal}
stopwaitsecs = {stop_seconds}
killasgroup = true
redirect_stderr = true
stdout_logfile = {folder}/log/{name}.log
stdout_logfile_maxbytes = 50MB
stdout_logfile_backups = 1
"""


def _render(program: Program, folder: Path) -> str:
    return _PROGRAM.format(
        name=program.name,
        command=_escape(shlex.join(program.command)),
        environment=",".join(f"{key}={_quoted(value)}" for key, value in program.environment.items()),
        stop_signal=program.stop_signal,
        stop_seconds=program.stop_seconds,
        folder=_escape(folder),
    )


def _quoted(value: str) -> str:
    """supervisord knows no escape inside quotation marks, and strips both kinds from a value's ends."""
    mark = "'" if '"' in value else '"'
    if mark in value or value.strip("'\"") != value:
        raise StackError(f"supervisord cannot be told a value with these quotation marks: {value}")
    return f"{mark}{_escape(value)}{mark}"


def _escape(value: str | Path) -> str:
    """supervisord expands `%(name)s` in every value."""
    return str(value).replace("%", "%%")
