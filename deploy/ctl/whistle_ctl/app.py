"""The command line as a whole, and how it fails: with one sentence and exit code 2, never with a stack trace."""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import aio_pika
import alembic.util
import asyncpg
import httpx
import structlog
import typer
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from whistle_ctl import (
    account,
    asyncapi,
    audit,
    keys,
    measures,
    migrate,
    outbox,
    parking,
    person,
    registry,
    roles,
    settings,
    simulate,
    states,
    suggest,
    tokens,
    topology,
)
from whistle_ctl.errors import Refused
from whistle_ctl.terminal import harmless

_EXPECTED = (
    Refused,
    OSError,
    TimeoutError,
    httpx.HTTPError,
    aio_pika.exceptions.AMQPError,
    alembic.util.CommandError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    SQLAlchemyError,
)

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="What an operator or a deploy step does to Whistle. Exit codes: 0 done, 1 something is wrong with what was "
    "examined, 2 the command could not be carried out.",
)
app.command("migrate")(migrate.command)
app.add_typer(topology.app, name="topology")
app.add_typer(registry.app, name="registry")
app.add_typer(account.app, name="account")
app.add_typer(tokens.app, name="token")
app.add_typer(keys.app, name="keys")
app.add_typer(parking.app, name="parking")
app.add_typer(outbox.app, name="outbox")
app.add_typer(audit.app, name="audit")
app.add_typer(person.app, name="person")
app.add_typer(suggest.app, name="suggest")
app.add_typer(measures.app, name="measures")
app.command("simulate")(simulate.command)
app.command("asyncapi")(asyncapi.command)
app.command("states")(states.command)
app.command("roles")(roles.command)


@app.callback()
def prepare(
    env_file: Annotated[
        Path | None,
        typer.Option(help="KEY=value lines of the process the command is about; they win over the environment."),
    ] = None,
) -> None:
    """Load the environment of the process the command is about."""
    if env_file is not None:
        os.environ.update(settings.read_env_file(env_file))


def main() -> None:
    """The entry point: runs one command and ends the process."""
    _log_to_stderr()
    try:
        app()
    except _EXPECTED as error:
        print(f"whistlectl: {_sentence(error)}", file=sys.stderr)
        raise SystemExit(2) from None


def _log_to_stderr() -> None:
    """Standard output belongs to the commands' results."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    for library in ("aio_pika", "aiormq"):  # what they have to say comes as an exception too
        logging.getLogger(library).setLevel(logging.CRITICAL)


def _sentence(error: BaseException) -> str:
    said = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    lines = str(said).strip().splitlines() or [type(said).__name__]
    return harmless(lines[0])
