"""The private stack: what it restarts, what it leaves behind (nothing), and whom it spares."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from whistle_local import Infrastructure, Stack, StackError, ports, processes, state, waiting

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


def test_leftovers_are_ended_killed_parts_restart_and_nothing_is_left(root: Path) -> None:
    """INVARIANT: after `stop` no process of the stack lives; leftovers of a killed parent are ended by a start."""
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
    """INVARIANT: each database is owned by the role of its name, and no other role may connect to it."""
    own = infrastructure.database_urls["intake"].replace("+asyncpg", "")
    connection = await asyncpg.connect(own)
    try:
        owner = await connection.fetchval(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
        )
        assert (owner, await connection.fetchval("SHOW fsync")) == ("whistle_intake", "on")
    finally:
        await connection.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(own, database="whistle_dispatch")
