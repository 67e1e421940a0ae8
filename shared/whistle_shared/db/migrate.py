"""Brings a database to the newest schema of its service, and says what the service's own role may do in it.

INVARIANT: the role a service runs as owns nothing: it reads and writes rows, and of the audit it only reads and adds.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

# Named in full each time, so that what was granted too much by somebody else is taken back.
_GRANTS = """
revoke all on schema public from {app};
revoke all on all tables in schema public from {app};
revoke all on all sequences in schema public from {app};
grant usage on schema public to {app};
grant usage on all sequences in schema public to {app};
grant select, insert, update, delete on all tables in schema public to {app};
revoke update, delete on audit, audit_link, audit_head from {app};
revoke all on alembic_version from {app}
"""


async def migrate(engine: AsyncEngine, versions: Path, app: str | None = None) -> None:
    """Apply every migration in `versions` that is missing. Applying twice changes nothing.

    `engine` connects as the owner. `app`: the role the service runs as, which then gets its grants; None where the
    owner and the service are one role.
    """
    async with engine.begin() as connection:
        await connection.run_sync(_upgrade, versions)
        if app is not None:
            await connection.run_sync(_grant, app)


def _upgrade(connection: Connection, versions: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "alembic"))
    config.set_main_option("version_locations", str(versions))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _grant(connection: Connection, app: str) -> None:
    quoted = connection.dialect.identifier_preparer.quote_identifier(app)
    for statement in _GRANTS.split(";"):
        connection.execute(text(statement.format(app=quoted)))
