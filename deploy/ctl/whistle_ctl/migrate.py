"""`whistlectl migrate`: brings the database of one service process to the newest schema of its service."""

import asyncio
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from whistle_ctl import settings
from whistle_ctl.database import engine_of
from whistle_ctl.errors import Refused
from whistle_shared import db


class Service(StrEnum):
    """The four services; each has a package with migrations."""

    intake = "intake"
    dispatch = "dispatch"
    department = "department"
    escalation = "escalation"


def command(
    service: Annotated[Service, typer.Argument(help="The service whose schema the database gets.")],
) -> None:
    """Bring the database (WHISTLE_DATABASE_URL) to the newest schema of SERVICE. Repeating it changes nothing."""
    asyncio.run(migrate(settings.current().need("database_url"), service.value))
    typer.echo(f"{service.value}: the schema is up to date")


async def migrate(database_url: str, service: str) -> None:
    """Apply the service's missing migrations. Raises Refused when the service is not installed."""
    async with engine_of(database_url) as engine:
        await db.migrate(engine, versions_of(service))


def versions_of(service: str) -> Path:
    """The folder of the service's migrations."""
    found = find_spec(f"whistle_{service}")
    if found is None or found.origin is None:
        raise Refused(f"the package whistle_{service} is not installed here")
    return Path(found.origin).parent / "migrations" / "versions"
