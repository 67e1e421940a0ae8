"""`whistlectl token`: who may call the service process whose database the environment names."""

import asyncio
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from whistle_ctl import settings
from whistle_ctl.database import engine_of, unit_of
from whistle_ctl.errors import Refused
from whistle_ctl.terminal import moment, table
from whistle_shared import auth
from whistle_shared.timesource import wall_now

app = typer.Typer(no_args_is_help=True, help="Bearer tokens of one service process (WHISTLE_DATABASE_URL).")


@app.command("create")
def create_command(
    role: Annotated[str, typer.Option(help="community, street, street_leader, department, district or operations.")],
    scope: Annotated[str, typer.Option(help="A street or department code; * for the whole district.")],
    name: Annotated[str, typer.Option(help="Who will hold it, for the list and the logs.")],
    expires: Annotated[int | None, typer.Option(metavar="DAYS", min=1, max=3650, help="Days it is valid.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Print the token and nothing else.")] = False,
) -> None:
    """Make a token and print it: the only time it can be seen."""
    until = wall_now() + timedelta(days=expires) if expires else None
    token = asyncio.run(_with_engine(create, role, scope, name, until))
    typer.echo(token if plain else f"{token}\nKeep it: it is stored as a hash and cannot be shown again.")


@app.command("list")
def list_command() -> None:
    """List all tokens, newest first, without the tokens themselves."""
    rows = asyncio.run(_with_engine(auth.list_tokens))
    typer.echo(table(("id", "role", "scope", "state", "created", "expires", "name"), [_shown(row) for row in rows]))


@app.command("revoke")
def revoke_command(
    token_id: Annotated[UUID, typer.Argument(metavar="ID", help="The id that `token list` shows.")],
) -> None:
    """End a token. Running services forget it within five seconds."""
    asyncio.run(_with_engine(revoke, token_id))
    typer.echo(f"{token_id} is revoked")


async def create(engine: AsyncEngine, role: str, scope: str, name: str, until: datetime | None = None) -> str:
    """Make a token. Raises Refused for a role or scope that cannot be."""
    async with unit_of(engine, settings.OPERATOR) as unit:
        try:
            return auth.create_token(unit, name, role, scope, until)
        except ValueError as error:
            raise Refused(str(error)) from None


async def revoke(engine: AsyncEngine, token_id: UUID) -> None:
    """End a token. Raises Refused when there is none with this id, or when it has ended already."""
    known = {row.token_id: row for row in await auth.list_tokens(engine)}
    if token_id not in known:
        raise Refused(f"there is no token with the id {token_id} in this database")
    if known[token_id].revoked_at is not None:
        raise Refused(f"the token {token_id} was revoked at {moment(known[token_id].revoked_at)}")
    async with unit_of(engine, settings.OPERATOR) as unit:
        auth.revoke_token(unit, token_id)


async def _with_engine(act: Any, *arguments: Any) -> Any:
    async with engine_of(settings.current().need("database_url")) as engine:
        return await act(engine, *arguments)


def _shown(row: Any) -> tuple[str, ...]:
    over = row.expires_at is not None and row.expires_at <= wall_now()
    state = "revoked" if row.revoked_at else "expired" if over else "valid"
    return (
        str(row.token_id),
        row.role,
        row.scope,
        state,
        moment(row.created_at),
        moment(row.expires_at),
        row.name,
    )
