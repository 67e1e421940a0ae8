"""The private stack: what it restarts, what it leaves behind (nothing), and whom it spares."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from whistle_local import Infrastructure, Stack, StackError, browser, packages, ports, processes, state, waiting
from whistle_local.database import Database, Passwords, owner_of
from whistle_local.supervisor import Program, Supervisor

_INTERRUPTED = """
import sys
from pathlib import Path
from whistle_local import Stack, state
from whistle_local.database import Database, Passwords, owner_of
from whistle_local.supervisor import Program, Supervisor
root = Path(sys.argv[1])
known = state.load(root)
supervisor = Supervisor(root, known.port("supervisor"), known.secret("supervisor"))
known.save()
with Stack(root):
    supervisor.start([Program("idle", ["sleep", "600"])])
    print("up", flush=True)
    sys.stdin.read()
"""
_CLEANING = """
import os, signal
from whistle_local.interruption import Interruption
interruption = Interruption()
interruption.watch()
try:
    os.kill(os.getpid(), signal.SIGTERM)
finally:
    with interruption.held_off():
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), number)
        print("cleaned", flush=True)
"""
_PARENT = """
import sys
from pathlib import Path
from whistle_local import Stack
Stack(Path(sys.argv[1]), free_service_ports=True).start_infrastructure()
print("up", flush=True)
sys.stdin.read()
"""


def wait_for_another(stack: Stack, name: str, killed: int) -> None:
    """Waits until the supervisor has started the killed part again."""

    def is_back() -> bool:
        return stack.states()[name] == "RUNNING" and stack.pid(name) != killed

    waiting.until(is_back, 30, lambda: f"{name} did not come back")


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """A profile of its own; beside the others, so that the unpacked packages are shared."""
    folder = Path(".local/test-stack").resolve()
    yield folder
    Stack(folder).stop()


def test_a_process_without_the_stacks_mark_is_never_signalled(tmp_path: Path) -> None:
    """INVARIANT: a process without this stack's mark in its environment is never signalled."""
    stranger = subprocess.Popen(["sleep", "60"])
    other = subprocess.Popen(["sleep", "60"], env={**os.environ, processes.MARK: str(tmp_path / "other")})
    own = subprocess.Popen(["sleep", "60"], env={**os.environ, processes.MARK: str(tmp_path)})
    try:
        found = processes.of_stack(tmp_path)
        assert [process.pid for process in found] == [own.pid]
        processes.kill(found)
        assert own.wait() == -signal.SIGKILL
        assert (stranger.poll(), other.poll()) == (None, None)
    finally:
        for process in (stranger, other, own):
            process.kill()
            process.wait()


def test_ports_stay_unless_another_program_has_taken_them(tmp_path: Path) -> None:
    """INVARIANT: ports and secrets are chosen once; a port that another program has taken is replaced."""
    first = state.load(tmp_path)
    chosen = {name: first.port(name) for name in ("amqp", "database")}
    secret = first.secret("ctl")
    first.save()
    again = state.load(tmp_path)
    assert {name: again.port(name) for name in chosen} == chosen
    assert again.secret("ctl") == secret
    with socket.create_server((ports.LOOPBACK, chosen["amqp"])):
        assert again.port("amqp") != chosen["amqp"]
        assert again.port("database") == chosen["database"]
        with pytest.raises(StackError, match=rf"port {chosen['amqp']} for intake .* INTAKE_PORT="):
            ports.require_free(chosen["amqp"], "intake", "INTAKE_PORT")


def test_a_port_in_use_is_never_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """INVARIANT: a port that is handed out was free on the loopback interface when it was chosen."""
    port = ports.choose()
    monkeypatch.setattr(ports, "CHOICES", range(port, port + 1))
    with socket.create_server((ports.LOOPBACK, port)), pytest.raises(StackError, match="no free port"):
        ports.choose()
    assert ports.choose() == port


def test_an_unpacking_that_breaks_off_leaves_no_rabbitmq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """INVARIANT: a folder `.local/packages/rabbitmq` is complete or absent; the next try makes it whole."""
    contents = {
        Path("server.deb"): "usr/lib/rabbitmq/lib/rabbitmq_server-4.0/sbin/rabbitmq-server",
        Path("erlang.deb"): "usr/lib/erlang/erts-15.0/bin/epmd",
    }
    broken = {"erlang.deb"}

    def unpack(*command: str) -> str:
        *_, archive, target = command
        if archive in broken:
            raise StackError("no space left")
        for name in (contents[Path(archive)], "usr/lib/erlang/bin/erl"):
            (Path(target) / name).parent.mkdir(parents=True, exist_ok=True)
            (Path(target) / name).touch()
        return ""

    monkeypatch.setattr(packages, "_installed", lambda: None)
    monkeypatch.setattr("whistle_local.packages.shutil.which", str)
    monkeypatch.setattr(packages, "_fetch_with_dependencies", lambda *_: list(contents))
    monkeypatch.setattr(packages, "_run", unpack)
    with pytest.raises(StackError, match="no space left"):
        packages.rabbitmq(tmp_path)
    assert not (tmp_path / "rabbitmq").exists()
    broken.clear()
    assert packages.rabbitmq(tmp_path).server.is_relative_to(tmp_path / "rabbitmq")


@pytest.mark.parametrize("step", ["_unpack_browser", "_unpack_font", "_write_launcher", "shlex.quote"])
def test_an_unpacking_that_breaks_off_leaves_no_browser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """INVARIANT: `.local/browser/chromium` is complete or absent; the next try makes it whole."""

    def unpack(draft: Path, *_: object) -> None:
        (draft / "browser").mkdir()
        (draft / "browser" / "program").write_text("#!/bin/sh\n")
        (draft / "browser" / "program").chmod(0o755)

    def fail(*_: object) -> None:
        raise StackError("no space left")

    monkeypatch.setattr(browser, "NAMES", ())
    monkeypatch.setattr(browser, "_node", lambda _: ("node", ["npm"]))
    monkeypatch.setattr(browser, "_unpack_browser", unpack)
    monkeypatch.setattr(browser, "_unpack_font", lambda *_: None)
    folder = tmp_path / browser.FOLDER
    with monkeypatch.context() as patch:
        patch.setattr(f"whistle_local.browser.{step}", fail)
        with pytest.raises(StackError, match="no space left"):
            browser._unpack(folder)
    assert not (folder / "chromium").exists()
    browser._unpack(folder)
    assert subprocess.run([folder / "chromium"], check=False).returncode == 0


def test_all_carry_the_mark_and_are_found_when_the_supervisor_dies_first(tmp_path: Path) -> None:
    """INVARIANT: supervisord and everything it starts carries the stack's mark: `end` finds and ends all of it."""
    supervisor = Supervisor(tmp_path, ports.choose(), "secret")
    supervisor.start([Program("idle", ["sleep", "600"])])
    try:
        waiting.until(lambda: supervisor.pid("idle") is not None, 20, lambda: "the program did not start")
        idle = supervisor.pid("idle")
        itself = [process for process in processes.of_stack(tmp_path) if process.pid != idle]
        assert len(itself) == 1
        processes.kill(itself)
        assert [process.pid for process in processes.of_stack(tmp_path)] == [idle]
    finally:
        supervisor.end()
    assert processes.of_stack(tmp_path) == []


def test_a_program_is_told_its_variables_as_they_are(tmp_path: Path) -> None:
    """supervisord has its own ideas about percent signs, commas and quotation marks."""
    said = {"ONE": '{"caller": 100, "urgent": 5}', "TWO": "a%20b, c='d';", "THREE": "file:///x?cafile=/y"}
    program = Program("idle", ["sh", "-c", 'printf "%s\\n" "$ONE" "$TWO" "$THREE"; exec sleep 600'], said)
    supervisor, log = Supervisor(tmp_path, ports.choose(), "secret"), tmp_path / "log" / "idle.log"
    supervisor.start([program])
    try:
        waiting.until(lambda: log.exists() and len(log.read_text().splitlines()) == 3, 20, lambda: "it says nothing")
        assert log.read_text().splitlines() == list(said.values())
    finally:
        supervisor.end()
    for wrong in ("both \"kinds' of them", "'at an end"):
        with pytest.raises(StackError, match="these quotation marks"):
            Supervisor(tmp_path, 1, "x")._write([Program("idle", ["true"], {"WRONG": wrong})])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 128 + signal.SIGTERM)])
def test_an_interrupted_stack_leaves_no_process(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """Ctrl-C and SIGTERM leave the `with` block in order: nothing that was started lives on."""
    command = [sys.executable, "-c", _INTERRUPTED, str(tmp_path)]
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "up\n"
        assert processes.of_stack(tmp_path)
        parent.send_signal(number)
        assert parent.wait(30) == code
    assert processes.of_stack(tmp_path) == []


def test_cleaning_up_once_begun_is_finished() -> None:
    """INVARIANT: while `held_off`, neither signal interrupts; afterwards the first one still has its effect."""
    ended = subprocess.run([sys.executable, "-c", _CLEANING], check=False, capture_output=True, text=True)
    assert (ended.stdout, ended.returncode) == ("cleaned\n", 128 + signal.SIGTERM)


def test_leftovers_are_ended_killed_parts_restart_and_nothing_is_left(root: Path) -> None:
    """INVARIANT: after `stop` (also by leaving the `with` block, on Ctrl-C and on SIGTERM) no process lives.

    Leftovers of a killed parent are ended by the next start.
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    assert parent.stdin is not None
    with parent.stdout, parent.stdin:
        assert parent.stdout.readline() == "up\n"
        parent.kill()
        parent.wait()
    left = {process.pid for process in processes.of_stack(root)}
    assert left

    with Stack(root, free_service_ports=True) as stack:
        stack.start_infrastructure()
        assert not left & {process.pid for process in processes.of_stack(root)}
        for name in ("broker", "database"):
            killed = stack.kill(name)
            wait_for_another(stack, name, killed)
        stack.reset()
    assert processes.of_stack(root) == []


async def test_a_role_may_connect_to_its_own_database_only(infrastructure: Infrastructure) -> None:
    """INVARIANT: each database belongs to an owner of its own, and no other service's role may connect to it."""
    for url in (infrastructure.database_urls["intake"], infrastructure.database_owner_urls["intake"]):
        own = url.replace("+asyncpg", "")
        connection = await asyncpg.connect(own)
        try:
            owner = await connection.fetchval(
                "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
            )
            assert (owner, await connection.fetchval("SHOW fsync")) == ("whistle_intake_owner", "on")
        finally:
            await connection.close()
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(own, database="whistle_dispatch")


async def test_a_database_of_the_services_own_role_is_handed_to_its_owner(infrastructure: Infrastructure) -> None:
    """A profile made before there were owners: the tables stay, and the service's role loses them."""
    name, server = "whistle_handed_over", Database(infrastructure.database_admin_url)
    admin = await asyncpg.connect(server.admin_url)
    await admin.execute(f"drop database if exists {name} with (force)")
    for role in (name, owner_of(name)):
        await admin.execute(f"drop role if exists {role}")
    await admin.execute(f"create role {name} login password 'old'")
    await admin.execute(f"create database {name} owner {name}")
    before = await asyncpg.connect(server.url(name, name, "old").replace("+asyncpg", ""))
    await before.execute("create table kept (it int)")
    await before.close()

    for _ in range(2):
        await asyncio.to_thread(server.create, "a test", {name: Passwords(owner="first", service="second")})

    service = await asyncpg.connect(server.url(name, name, "second").replace("+asyncpg", ""))
    for refused in ("select * from kept", "drop table kept", "create table more (it int)"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await service.execute(refused)
    await service.close()
    owner = await asyncpg.connect(server.url(name, owner_of(name), "first").replace("+asyncpg", ""))
    assert await owner.fetch("select * from kept") == []
    await owner.execute("drop table kept")
    await owner.close()
    await admin.execute(f"drop database {name}")
    await admin.close()
