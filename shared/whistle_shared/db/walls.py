"""The second wall: whose rows a transaction sees and touches, enforced by PostgreSQL (row-level security).

The first wall is the where-clause that binds a query to its caller's scope. Behind it the policies of a service's
tables look at `whistle.departments`, which is set anew on every transaction of a walled engine from the context it runs
in: a request's caller, or everything for the system's own duties. So no query can forget it.
INVARIANT: where nobody has said whose rows, there are none.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine

EVERYTHING = "*"
NOTHING = ""
_SET = "select set_config('whistle.departments', $1, true)"
_reach: ContextVar[str] = ContextVar("whistle.departments", default=NOTHING)


def reach() -> str:
    """Whose rows this context sees: department codes with commas between, EVERYTHING or NOTHING."""
    return _reach.get()


def reach_of(scopes: Iterable[str]) -> str:
    """One reach for several: the union."""
    known = {scope for scope in scopes if scope}
    return EVERYTHING if EVERYTHING in known else ",".join(sorted(known))


def reach_as(scope: str) -> None:
    """From here to the end of the enclosing `reaching` this context sees the rows of that scope."""
    _reach.set(scope)


@contextmanager
def reaching(scope: str) -> Iterator[None]:
    """Inside the block this context sees the rows of that scope, and afterwards what it saw before."""
    before = _reach.set(scope)
    try:
        yield
    finally:
        _reach.reset(before)


def wall(engine: AsyncEngine, always: str | None = None) -> None:
    """Have every transaction of an engine say whose rows it is about; it costs each that sees any a round trip.

    `always`: the same reach whoever asks, for a tool that acts for the whole district.
    """

    def say(connection: Connection) -> None:
        if scope := always or reach():
            connection.exec_driver_sql(_SET, (scope,))

    event.listen(engine.sync_engine, "begin", say)
