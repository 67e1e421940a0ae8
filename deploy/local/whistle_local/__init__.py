"""The private stack of a laptop and of the tests: RabbitMQ, PostgreSQL and the five service processes.

Owns: a state folder per profile (`.local/<profile>/`), the free ports and secrets recorded there, and the
supervisor that keeps the processes alive. Publishes and consumes nothing.

All it keeps lies under `.local/` (only the browser tests' Chromium may be installed in the system, by root), and it
ends no process that it did not start (`processes`).
"""

from whistle_local.encryption import Certificates
from whistle_local.errors import StackError
from whistle_local.stack import Infrastructure, Stack

__all__ = ["Certificates", "Infrastructure", "Stack", "StackError"]
