"""The door over HTTP: strict JSON in, problem documents out, probes, cursors, and the caller.

INVARIANT: bad input is answered with a 4xx that names the field; it never becomes a 5xx.
"""

from whistle_shared.web.app import make_app
from whistle_shared.web.body import StrictRoute
from whistle_shared.web.command import IdempotencyKey, OptionalIdempotencyKey, respond
from whistle_shared.web.models import PROBLEMS, Cursor, Limit, Strict, after, next_cursor
from whistle_shared.web.problems import problem

__all__ = [
    "PROBLEMS",
    "Cursor",
    "IdempotencyKey",
    "Limit",
    "OptionalIdempotencyKey",
    "Strict",
    "StrictRoute",
    "after",
    "make_app",
    "next_cursor",
    "problem",
    "respond",
]
