"""`whistlectl token`: who may call the service process whose database the environment names."""

import asyncio
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from whistle_ctl import settings
from whistle_ctl.database import deed, engine_of, unit_of
from whistle_ctl.errors import Refused
from whistle_ctl.terminal import moment, table
from whistle_shared import auth
from whistle_shared.db import note
from whistle_shared.replica import Replica
from whistle_shared.timesource import wall_now

_LONGEST = auth.VALID.days
app = typer.Typer(no_args_is_help=True, help="Bearer tokens of one service process (WHISTLE_DATABASE_URL).")


@app.command("create")
def create_command(
    role: Annotated[str, typer.Option(help=f"{', '.join(auth.ROLES)}.")],
    scope: Annotated[str, typer.Option(help="A street or department code; * for the whole district.")],
    name: Annotated[str, typer.Option(help="Who will hold it, for the list and the logs.")],
    part: Annotated[str | None, typer.Option(help="A grid of that street: nothing else exists for the holder.")] = None,
    expires: Annotated[
        int | None, typer.Option(metavar="DAYS", min=1, max=_LONGEST, help=f"Days it is valid; at most {_LONGEST}.")
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Print the token and nothing else.")] = False,
) -> None:
    """Make a token and print it: the only time it can be seen."""
    until = wall_now() + timedelta(days=expires) if expires else None
    token = asyncio.run(_with_engine(create, role, scope, name, until, part))
    typer.echo(token if plain else f"{token}\nKeep it: it is stored as a hash and cannot be shown again.")


@app.command("list")
def list_command() -> None:
    """List all tokens, newest first, without the tokens themselves. A use is noted within a minute."""
    rows = asyncio.run(_with_engine(auth.list_tokens))
    head = ("id", "role", "scope", "part", "state", "created", "expires", "used", "from", "name")
    typer.echo(table(head, [_shown(row) for row in rows]))


@app.command("revoke")
def revoke_command(
    token_id: Annotated[UUID, typer.Argument(metavar="ID", help="The id that `token list` shows.")],
) -> None:
    """End a token. Running services forget it within five seconds."""
    asyncio.run(_with_engine(revoke, token_id))
    typer.echo(f"{token_id} is revoked")


async def create(
    engine: AsyncEngine, role: str, scope: str, name: str, until: datetime | None = None, part: str | None = None
) -> str:
    """Make a token. Raises Refused for a role or scope that cannot be, and for one that the registry in this database
    does not know; a database without a registry takes any."""
    async with unit_of(engine, settings.OPERATOR) as unit:
        known = Replica()
        await known.refresh(unit.connection)
        try:
            checked = auth.check_scope(role, scope)
            if known.registry is not None:
                auth.check_place(known.registry, checked, scope, part)
            token = auth.create_token(unit, name, role, scope, until, part)
        except ValueError as error:
            raise Refused(str(error)) from None
        said = {"holder": name, "role": role, "scope": scope, "part": part, "until": until}
        note(unit, deed("token.create", said), "done")
        return token


async def revoke(engine: AsyncEngine, token_id: UUID) -> None:
    """End a token. Raises Refused when there is none with this id, or when it has ended already."""
    known = {row.token_id: row for row in await auth.list_tokens(engine)}
    if token_id not in known:
        raise Refused(f"there is no token with the id {token_id} in this database")
    if known[token_id].revoked_at is not None:
        raise Refused(f"the token {token_id} was revoked at {moment(known[token_id].revoked_at)}")
    async with unit_of(engine, settings.OPERATOR) as unit:
        auth.revoke_token(unit, token_id)
        note(unit, deed("token.revoke", {"holder": known[token_id].name}, str(token_id)), "done")


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
        row.part or "-",
        state,
        moment(row.created_at),
        moment(row.expires_at),
        moment(row.used_at),
        row.used_from or "-",
        row.name,
    )
