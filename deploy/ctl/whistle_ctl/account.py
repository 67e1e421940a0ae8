"""`whistlectl account`: people's accounts of the service process whose database the environment names.

The first administrator is made here; afterwards accounts are made and kept on the service's own pages.
"""

import asyncio
import csv
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from whistle_ctl import settings
from whistle_ctl.database import deed, engine_of, unit_of
from whistle_ctl.errors import Refused
from whistle_ctl.terminal import moment, table
from whistle_shared import auth
from whistle_shared.db import Unit
from whistle_shared.errors import DomainError
from whistle_shared.registry import Registry
from whistle_shared.replica import Replica
from whistle_shared.timesource import wall_now

app = typer.Typer(no_args_is_help=True, help="Accounts of one service process (WHISTLE_DATABASE_URL).")
_ALL = 1_000_000
_HEAD = ("username", "role", "scope", "part", "name")
Username = Annotated[str, typer.Argument(metavar="USERNAME", help="However it is typed: case does not matter.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Take the password from the first line of standard input.")
]
MustChange = Annotated[
    bool, typer.Option("--must-change", help="Have the password changed at the first sign-in; a random one always is.")
]
Plain = Annotated[bool, typer.Option("--plain", help="Print the password and nothing else.")]


@app.command("create")
def create_command(
    username: Username,
    role: Annotated[str, typer.Option(help=f"{', '.join(auth.ROLES)}.")],
    scope: Annotated[str, typer.Option(help="A street or department code; * for the whole district.")],
    name: Annotated[str, typer.Option(help="The person's name.")],
    part: Annotated[str | None, typer.Option(help="A grid of that street, or a section of that department.")] = None,
    password_stdin: FromStdin = False,
    must_change: MustChange = False,
    plain: Plain = False,
) -> None:
    """Make an account. Without --password-stdin it gets a random password, printed once."""
    given = _given(password_stdin, (username, name))
    password = given or auth.initial_password()
    person = auth.Person(name, role, scope, part)
    asyncio.run(_with_engine(create, username, person, password, must_change or given is None))
    _tell(password, given, plain, "account")


@app.command("load")
def load_command(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help=f"CSV in UTF-8: {','.join(_HEAD)}.")
    ],
    password_stdin: FromStdin = False,
    must_change: MustChange = False,
) -> None:
    """Make all accounts of a table, or none. A username that is there already is left as it is. Without
    --password-stdin each gets a random password, printed once."""
    rows = read_table(file)
    given = _given(password_stdin, tuple(text for row in rows for text in (row.username, row.person.name)))
    passwords = [given or auth.initial_password() for _ in rows]
    made = asyncio.run(_with_engine(load, rows, passwords, must_change or given is None))
    if given is None:
        typer.echo("".join(f"{row.username},{password}\n" for row, password in made), nl=False)
    typer.echo(f"{len(made)} accounts made, {len(rows) - len(made)} were there already", err=given is None)


@app.command("list")
def list_command() -> None:
    """List all accounts by username."""
    rows = asyncio.run(_with_engine(list_all))
    head = ("username", "role", "scope", "part", "state", "factor", "created", "signed in", "name")
    typer.echo(table(head, [_shown(row) for row in rows]))


@app.command("reset")
def reset_command(
    username: Username,
    password_stdin: FromStdin = False,
    must_change: MustChange = False,
    second_factor: Annotated[
        bool, typer.Option("--second-factor", help="Drop the second factor too: the device is lost.")
    ] = False,
    plain: Plain = False,
) -> None:
    """Give an account another password and end its sessions. Without --password-stdin a random one, printed once."""
    given = _given(password_stdin, (username,))
    password = given or auth.initial_password()
    asyncio.run(_with_engine(reset, username, password, must_change or given is None, second_factor))
    _tell(password, given, plain, "password")


@app.command("disable")
def disable_command(username: Username) -> None:
    """Let nobody in to an account any more; its sessions end now."""
    asyncio.run(_with_engine(disable, username))
    typer.echo(f"{username} is disabled")


@app.command("enable")
def enable_command(username: Username) -> None:
    """Let its person in again, also when too many failures have locked it."""
    asyncio.run(_with_engine(enable, username))
    typer.echo(f"{username} is enabled")


async def create(engine: AsyncEngine, username: str, person: auth.Person, password: str, must_change: bool) -> None:
    """Make an account. Raises Refused for what cannot be, for a username that is taken, and for a place that the
    registry in this database does not know; a database without a registry takes any."""
    hashed = await asyncio.to_thread(auth.hash_password, password)
    async with unit_of(engine, settings.OPERATOR) as unit:
        await _create(unit, await _registry_of(unit), username, person, hashed, must_change)


async def _create(
    unit: Unit, registry: Registry | None, username: str, person: auth.Person, hashed: str, must_change: bool
) -> None:
    try:
        role = auth.check_scope(person.role, person.scope)
        if registry is not None:
            auth.check_place(registry, role, person.scope, person.part)
        await auth.create_account(unit, deed(""), username, person, password=hashed, must_change=must_change)
    except (ValueError, DomainError) as error:
        raise Refused(str(error)) from None


class Row(NamedTuple):
    """One line of a table of accounts."""

    line: int
    username: str
    person: auth.Person


def read_table(file: Path) -> list[Row]:
    """The accounts of a CSV file. Raises Refused for one that is not laid out as a table of accounts, and for a
    username that cannot be or stands in it twice."""
    with file.open(encoding="utf-8-sig", newline="") as source:
        try:
            table = csv.DictReader(source, strict=True)
            if set(table.fieldnames or ()) != set(_HEAD):
                raise Refused(f"{file.name} needs the columns {','.join(_HEAD)}")
            rows = [_row_of(each, table.line_num) for each in table]
        except (UnicodeDecodeError, csv.Error) as error:
            raise Refused(f"{file.name} is no CSV in UTF-8: {error}") from None
    seen: set[str] = set()
    for row in rows:
        if row.username in seen:
            raise Refused(f"line {row.line}: the username {row.username!r} stands there twice")
        seen.add(row.username)
    return rows


def _row_of(cells: dict[str, Any], line: int) -> Row:
    if None in cells or None in cells.values():
        raise Refused(f"line {line} does not have {len(_HEAD)} cells")
    try:
        username = auth.username_of(cells["username"])
    except DomainError as error:
        raise Refused(f"line {line}: {error}") from None
    return Row(line, username, auth.Person(cells["name"], cells["role"], cells["scope"], cells["part"] or None))


async def load(
    engine: AsyncEngine, rows: Sequence[Row], passwords: Sequence[str], must_change: bool
) -> list[tuple[Row, str]]:
    """Make accounts; returns those that were not there. Raises Refused, naming the line, where `create` would.

    INVARIANT: all are made, or none.
    """
    async with engine.connect() as connection:
        known = {account.username for account in await auth.list_accounts(connection, auth.EVERYWHERE, limit=_ALL)}
    wanted = [pair for pair in zip(rows, passwords, strict=True) if pair[0].username not in known]
    with ThreadPoolExecutor() as pool:
        hashed = await asyncio.to_thread(lambda: list(pool.map(auth.hash_password, (pair[1] for pair in wanted))))
    async with unit_of(engine, settings.OPERATOR) as unit:
        registry = await _registry_of(unit)
        for (row, _), one in zip(wanted, hashed, strict=True):
            try:
                await _create(unit, registry, row.username, row.person, one, must_change)
            except Refused as error:
                raise Refused(f"line {row.line}: {error}") from None
    return wanted


async def _registry_of(unit: Unit) -> Registry | None:
    known = Replica()
    await known.refresh(unit.connection)
    return known.registry


async def list_all(engine: AsyncEngine) -> list[auth.Account]:
    """Every account, by username."""
    async with engine.connect() as connection:
        return await auth.list_accounts(connection, auth.EVERYWHERE, limit=_ALL)


async def reset(engine: AsyncEngine, username: str, password: str, must_change: bool, second_factor: bool) -> None:
    """Another password. Raises Refused when there is no such account, and for one that signs in elsewhere."""
    hashed = await asyncio.to_thread(auth.hash_password, password)
    async with unit_of(engine, settings.OPERATOR) as unit:
        held = await _held(unit, username)
        try:
            await auth.set_password(unit, deed(""), "account.reset", held, hashed, must_change=must_change)
        except DomainError as error:
            raise Refused(f"{username}: {error}") from None
        if second_factor and held.has_second_factor:
            await auth.drop_second_factor(unit, deed(""), held)


async def disable(engine: AsyncEngine, username: str) -> None:
    """Close an account. Raises Refused when there is no such account."""
    async with unit_of(engine, settings.OPERATOR) as unit:
        await auth.disable_account(unit, deed(""), await _held(unit, username))


async def enable(engine: AsyncEngine, username: str) -> None:
    """Open an account again. Raises Refused when there is no such account."""
    async with unit_of(engine, settings.OPERATOR) as unit:
        await auth.enable_account(unit, deed(""), await _held(unit, username))


async def _held(unit: Unit, username: str) -> auth.Account:
    found = await auth.find_username(unit.connection, username)
    if found is None:
        raise Refused(f"there is no account with the username {username!r} in this database")
    return await auth.hold_account(unit, found.account_id)


async def _with_engine(act: Any, *arguments: Any) -> Any:
    async with engine_of(settings.current().need("database_url")) as engine:
        return await act(engine, *arguments)


def _given(from_stdin: bool, about: tuple[str, ...]) -> str | None:
    """The password that the operator has chosen. Raises Refused for one that people could not choose either."""
    if not from_stdin:
        return None
    password = sys.stdin.readline().rstrip("\r\n")
    weak = auth.weakness(password, about)
    if weak is not None:
        why = {
            "short": f"is too short: at least {auth.SHORTEST} characters",
            "long": f"is too long: at most {auth.LONGEST} characters",
        }
        raise Refused(f"the password {why.get(weak, 'is too easy to guess')}")
    return password


def _tell(password: str, given: str | None, plain: bool, what: str) -> None:
    if given is not None:
        typer.echo(f"the {what} is set")
    else:
        typer.echo(password if plain else f"{password}\nIt cannot be shown again, and is changed at the first sign-in.")


def _shown(account: auth.Account) -> tuple[str, ...]:
    locked = account.failed.locked_for(wall_now()) is not None
    state = "disabled" if account.disabled_at else "locked" if locked else "active"
    if account.must_change:
        state += ", initial password"
    return (
        account.username,
        account.role,
        account.scope,
        account.part or "-",
        state,
        "yes" if account.has_second_factor else "no",
        moment(account.created_at),
        moment(account.signed_in_at),
        account.name,
    )
