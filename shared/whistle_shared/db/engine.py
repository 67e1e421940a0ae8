"""Connections to PostgreSQL: pool, time limits, and how its failures are told apart.

INVARIANT: no failure quotes what stands in a row or came as a parameter, wherever it is logged.
INVARIANT: no failure of the database stands in for a cancellation.

Three kinds of failure: an outage (nothing works: pause), a transient one (this transaction lost a race: try again),
and everything else (this input is at fault, or we are).
"""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Collection
from random import uniform
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import structlog
from sqlalchemy import ARRAY, URL, Column, ColumnElement, Uuid, any_, cast, event, exc, make_url, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

log = structlog.get_logger(__name__)

# What is read lies in memory or on an SSD, where one place is as near as another; and with two cores the next request
# has the better claim to the second one.
_SETTINGS = {"jit": "off", "timezone": "UTC", "random_page_cost": "1.1", "max_parallel_workers_per_gather": "0"}
_LIMITS = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "15s",
}
_TRANSIENT = ("40001", "40P01", "55P03", "57014")
# Server going or full, connection lost, a standby, and a schema that is not (yet) the one this build needs.
_OUTAGE = ("57P01", "57P02", "57P03", "53", "25006", "25P03", "08", "42P01", "42703", "42501")
# A missing grant (the schema again) and a row that a policy refuses have one code; only the first is an outage.
_POLICY_CHECK = "ExecWithCheckOptions"
# `DETAIL: Failing row contains (…)`, `Key (…)=(…) already exists`; the driver's own words for a value it cannot send.
_QUOTED = re.compile(r"\nDETAIL:.*|(?<=invalid input for query argument) .*", re.DOTALL)
_PROBE = "insert into inbox(event_id) values (gen_random_uuid())"


def make_engine(url: str, *, pool_size: int = 8, name: str = "whistle", patient: bool = False) -> AsyncEngine:
    """An engine for `postgresql+asyncpg://…`. Waits at most 2 s for a pooled connection or a lock, 5 s for a statement;
    a `patient` one (for migrations) waits for its work as long as it takes.

    With `?ssl=verify-full&sslrootcert=FILE` it speaks TLS only, to a server whose certificate one of FILE's (without
    it: of the system's) authorities has signed for this very host. Raises OSError for a file that is not there.
    """
    place, encryption = _encryption(make_url(url))
    engine = create_async_engine(
        place,
        pool_size=pool_size,
        max_overflow=2,
        pool_timeout=2,
        json_deserializer=orjson.loads,
        hide_parameters=True,  # errors are logged: what somebody wrote stands in none
        connect_args=encryption
        | {
            "timeout": 5,
            "command_timeout": None if patient else 6,
            "server_settings": (_SETTINGS if patient else _SETTINGS | _LIMITS) | {"application_name": name},
        },
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    event.listen(engine.sync_engine, "handle_error", _quote_nothing)
    event.listen(engine.sync_engine, "handle_error", _stay_cancelled)
    return engine


def _encryption(url: URL) -> tuple[URL, dict[str, Any]]:
    """The address without what asyncpg reads from its own kind of address only, and that as an argument."""
    mode, authorities = url.query.get("ssl"), url.query.get("sslrootcert")
    if "sslmode" in url.query:
        raise ValueError("this driver's word for sslmode is ssl: ssl=verify-full")
    if mode != "verify-full":
        if authorities is not None:
            raise ValueError("sslrootcert is looked at with ssl=verify-full only")
        return url, {}
    context = ssl.create_default_context(cafile=str(authorities) if authorities is not None else None)
    return url.difference_update_query(("ssl", "sslrootcert")), {"ssl": context}


def _refuse_closed(connection: Any, record: Any, proxy: Any) -> None:
    """Take nothing from the pool whose server has hung up. The socket knows that already; asking the server
    (pool_pre_ping) would cost every transaction three round trips."""
    if connection.driver_connection.is_closed():
        raise exc.InvalidatePoolError


def _quote_nothing(context: ExceptionContext) -> None:
    """Take the values out of a failure, and out of the ones behind it, which a traceback shows too."""
    error: BaseException | None = context.sqlalchemy_exception or context.original_exception
    while error is not None:
        if isinstance(error, asyncpg.PostgresError):
            error.detail = None
        error.args = tuple(_QUOTED.sub("", said) if isinstance(said, str) else said for said in error.args)
        error = getattr(error, "orig", None) or error.__cause__


def _stay_cancelled(context: ExceptionContext) -> asyncio.CancelledError | None:
    """Who is cancelled in a transaction rolls it back; if that fails, for the connection has broken, a duty would take
    it for an outage and go round again, and its service would wait for its end for ever."""
    task = asyncio.current_task()
    return asyncio.CancelledError() if task is not None and task.cancelling() else None


def _sqlstate(error: BaseException) -> str:
    origin = error.orig if isinstance(error, exc.DBAPIError) else error
    return str(getattr(origin, "sqlstate", None) or getattr(origin, "pgcode", None) or "")


def is_transient(error: BaseException) -> bool:
    """A lost race: serialization failure, deadlock, lock or statement time-out. Trying again may succeed."""
    return _sqlstate(error) in _TRANSIENT


def is_outage(error: BaseException) -> bool:
    """The database cannot be reached or takes no work; no input is at fault."""
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return True
    if isinstance(error, (OSError, TimeoutError, exc.TimeoutError)):
        return True
    origin = error.orig if isinstance(error, exc.DBAPIError) else error
    causes = (origin, getattr(origin, "__cause__", None))
    if any(_is_lost(suspect) for suspect in causes):
        return True
    if any(getattr(cause, "server_source_function", None) == _POLICY_CHECK for cause in causes):
        return False
    return _sqlstate(error).startswith(_OUTAGE)


def is_passing(error: BaseException) -> bool:
    """Nothing is wrong but the moment: a background duty logs it and goes round again."""
    return is_outage(error) or is_transient(error)


def _is_lost(error: BaseException | None) -> bool:
    """The connection is gone, or told to go (asyncpg then calls its own state wrong). asyncpg also calls values it
    cannot encode an interface error: that is not this."""
    if isinstance(error, asyncpg.InterfaceError):
        return "closed" in str(error) and not isinstance(error, ValueError)
    return isinstance(error, (OSError, asyncpg.PostgresConnectionError, asyncpg.InternalClientError))


async def wait_until_up(engine: AsyncEngine, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
    """Return once the database takes a write (rolled back); probes with a growing pause (0.2 to 3 s, random)."""
    wait = 0.2
    while True:
        try:
            async with engine.connect() as connection:
                await connection.execute(text(_PROBE))
                await connection.rollback()
                return
        except Exception as error:
            if not is_passing(error):
                raise
            log.warning("database.down", error=str(error)[:200])
        await pause(uniform(wait / 2, wait))
        wait = min(wait * 2, 3.0)


def among(column: Column[UUID], ids: Collection[UUID]) -> ColumnElement[bool]:
    """`column` is one of `ids`: one statement whatever their number; `in (…)` would be prepared anew for each."""
    return column == any_(cast(list(ids), ARRAY(Uuid)))
