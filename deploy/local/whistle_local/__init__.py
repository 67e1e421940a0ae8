"""The private stack of a laptop and of the tests: RabbitMQ, PostgreSQL and the five service processes.

Owns: a state folder per profile (`.local/<profile>/`), the free ports and secrets recorded there, and the
supervisor that keeps the processes alive. Publishes and consumes nothing.

INVARIANT: nothing outside `.local/` is changed, and no process that this package did not start is ended.
"""

from whistle_local.errors import StackError
from whistle_local.stack import Infrastructure, Stack

__all__ = ["Infrastructure", "Stack", "StackError"]
