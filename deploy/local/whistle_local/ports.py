"""Chooses and checks TCP ports on 127.0.0.1.

INVARIANT: a port that is handed out was free on the loopback interface when it was chosen.
"""

import random
import socket
from collections.abc import Collection

from whistle_local.errors import StackError

LOOPBACK = "127.0.0.1"
# Below the range from which Linux and macOS take the ports of outgoing connections, so that none is lost to one.
CHOICES = range(20_000, 30_000)


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback interface now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def choose(taken: Collection[int] = ()) -> int:
    """A free port at random, so that two clones that start together do not pick the same one."""
    for _ in range(1000):
        port = random.choice(CHOICES)
        if port not in taken and is_free(port):
            return port
    raise StackError(f"no free port found on {LOOPBACK} between {CHOICES.start} and {CHOICES.stop}")


def require_free(port: int, purpose: str, setting: str) -> None:
    """Raises StackError that names the busy port, who wanted it and the setting that moves it."""
    if not is_free(port):
        raise StackError(
            f"port {port} for {purpose} is in use by another program: end that program, "
            f"or choose another port, for example {setting}={port + 1000}"
        )
