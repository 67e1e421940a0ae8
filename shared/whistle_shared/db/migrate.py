"""Brings a database to the newest schema of its service."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine


async def migrate(engine: AsyncEngine, versions: Path) -> None:
    """Apply every migration in `versions` that is missing. Applying twice changes nothing."""
    async with engine.begin() as connection:
        await connection.run_sync(_upgrade, versions)


def _upgrade(connection: Connection, versions: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "alembic"))
    config.set_main_option("version_locations", str(versions))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
