"""`whistlectl migrate`: brings the database of one service process to the newest schema of its service."""

import asyncio
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import make_url

from whistle_ctl import settings
from whistle_ctl.database import deed, engine_of, unit_of
from whistle_ctl.errors import Refused
from whistle_shared import db
from whistle_shared.db import note


class Service(StrEnum):
    """The four services; each has a package with migrations."""

    intake = "intake"
    dispatch = "dispatch"
    department = "department"
    escalation = "escalation"


def command(
    service: Annotated[Service, typer.Argument(help="The service whose schema the database gets.")],
) -> None:
    """Bring the database to the newest schema of SERVICE, as its owner (WHISTLE_DATABASE_OWNER_URL), and grant the
    service's role (the user of WHISTLE_DATABASE_URL) what it needs. Repeating it changes nothing."""
    now = settings.current()
    asyncio.run(_migrate_and_say(now.need("database_url"), service.value, now.database_owner_url))
    typer.echo(f"{service.value}: the schema is up to date")


async def _migrate_and_say(database_url: str, service: str, owner_url: str) -> None:
    """Afterwards, for a new database has no audit before."""
    await migrate(database_url, service, owner_url)
    async with engine_of(owner_url or database_url) as engine, unit_of(engine, settings.OPERATOR) as unit:
        note(unit, deed("migrate", {"service": service}), "done")


async def migrate(database_url: str, service: str, owner_url: str = "") -> None:
    """Apply the service's missing migrations. Without an owner's address the service's role is the owner too.

    Raises Refused when the service is not installed, or its role is not named.
    """
    app = make_url(database_url).username if owner_url else None
    if owner_url and app is None:
        raise Refused("WHISTLE_DATABASE_URL names no user: whom to grant anything?")
    async with engine_of(owner_url or database_url) as engine:
        await db.migrate(engine, versions_of(service), None if app == engine.url.username else app)


def versions_of(service: str) -> Path:
    """The folder of the service's migrations."""
    found = find_spec(f"whistle_{service}")
    if found is None or found.origin is None:
        raise Refused(f"the package whistle_{service} is not installed here")
    return Path(found.origin).parent / "migrations" / "versions"
