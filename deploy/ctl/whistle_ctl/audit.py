"""`whistlectl audit`: proves that the audit of one service process is whole, exports what proves it, ends old rows."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from whistle_ctl import settings
from whistle_ctl.database import deed, engine_of, unit_of
from whistle_ctl.errors import Refused
from whistle_ctl.terminal import harmless
from whistle_shared import audit
from whistle_shared.keyring import Keyring, key_id
from whistle_shared.timesource import wall_now
from whistle_shared.worktime import SHANGHAI

app = typer.Typer(
    no_args_is_help=True,
    help="The audit of one service process (WHISTLE_DATABASE_URL; its name is the user of WHISTLE_AMQP_URL).",
)
_T = TypeVar("_T")
_SHOWN = 20
Keys = dict[str, Ed25519PublicKey]


@app.command("verify")
def verify_command(
    heads: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Heads that were exported and kept elsewhere.")
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option(help="A public key as `audit key` prints it; else the key file's are taken.")
    ] = None,
    minutes: Annotated[int, typer.Option(min=1, help="How long a row may wait for its link.")] = 10,
) -> None:
    """Walk the whole chain; name what was edited, removed, moved or put in, and what is missing; exit 1 if there is
    anything. Holds up nobody."""
    keys, kept = _keys(key or []), _heads_in(heads) if heads else []
    service = kept[0].service if kept else _service()
    report = _run(lambda engine: audit.verify(engine, service, keys, kept, unlinked=timedelta(minutes=minutes)))
    for fault in report.faults[:_SHOWN]:
        typer.echo(harmless(str(fault)))
    if report.found > _SHOWN:
        typer.echo(f"and {report.found - _SHOWN} more")
    purged = f" after {report.after} that were purged" if report.after else ""
    counted = f"{report.rows} rows{purged}, {report.heads} signed heads"
    typer.echo(f"{service}: {counted}: " + (f"{report.found} faults" if report.found else "nothing is wrong"))
    if report.found:
        raise typer.Exit(1)


@app.command("heads")
def heads_command() -> None:
    """Print the signed heads, one JSON object a line, the oldest first: to be kept where this database's owner cannot
    reach them."""
    for head in _run(_stored_heads):
        typer.echo(audit.as_line(head))


@app.command("key")
def key_command() -> None:
    """Print the public keys (id, key) that check the heads' signatures, the newest first. Keep them with the heads."""
    for public in _own_keys().values():
        typer.echo(audit.public_line(public))


@app.command("purge")
def purge_command(
    before: Annotated[
        datetime, typer.Option(metavar="DATE", formats=["%Y-%m-%d"], help="Days before this one, in Shanghai.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run/--yes", help="Only count, or really do it.")] = True,
) -> None:
    """End the rows of days that are over WHISTLE_AUDIT_KEPT_DAYS old, each day up to its signed head, which takes their
    place in the chain. Needs WHISTLE_DATABASE_OWNER_URL; refused while the chain does not verify."""
    now = settings.current()
    day = before.date()
    refuse_too_young(day, now.audit_kept_days)
    owner = now.database_owner_url or now.need("database_url")
    heads = asyncio.run(_purge(owner, _service(), _own_keys(), day, dry_run))
    done = "would be ended; repeat with --yes" if dry_run else "were ended"
    typer.echo(f"{len(heads)} days {done}" + (f", up to position {heads[-1].position}" if heads else ""))


def refuse_too_young(day: date, kept_days: int) -> None:
    """Raises Refused unless all days before `day` may be ended."""
    youngest = wall_now().astimezone(SHANGHAI).date() - timedelta(days=kept_days)
    if day > youngest:
        raise Refused(f"the audit is kept for {kept_days} days: name a day up to {youngest}")


async def purge(
    engine: AsyncEngine, service: str, keys: Keys, before: date, *, dry_run: bool = False
) -> list[audit.Head]:
    """End what lies before that day; returns the heads that took its place. `engine`: the owner's.

    Raises Refused when the chain does not verify: what is wrong with it has to be looked into first.
    """
    report = await audit.verify(engine, service, keys)
    if report.found:
        raise Refused(f"the chain does not verify, so nothing is ended: {report.faults[0]}")
    async with engine.connect() as connection:
        heads = await audit.purgeable(connection, service, keys, before)
    for head in heads if not dry_run else ():
        async with unit_of(engine, settings.OPERATOR) as unit:
            await audit.purge_to(unit, head, deed("audit.purge", {"before": before}))
    return heads


async def _purge(url: str, service: str, keys: Keys, before: date, dry_run: bool) -> list[audit.Head]:
    async with engine_of(url) as engine:
        return await purge(engine, service, keys, before, dry_run=dry_run)


def _run(act: Callable[[AsyncEngine], Coroutine[Any, Any, _T]]) -> _T:
    async def run() -> _T:
        async with engine_of(settings.current().need("database_url")) as engine:
            return await act(engine)

    return asyncio.run(run())


async def _stored_heads(engine: AsyncEngine) -> list[audit.Head]:
    async with engine.connect() as connection:
        return await audit.heads_of(connection, _service())


def _service() -> str:
    """The process's name, which its heads are signed with: its broker user."""
    return make_url(settings.current().need("amqp_url")).username or ""


def _keys(given: list[str]) -> Keys:
    if not given:
        return _own_keys()
    try:
        publics = [audit.public_of_line(line) for line in given]
    except ValueError as error:
        raise Refused(f"--key {error}") from None
    return {key_id(public): public for public in publics}


def _own_keys() -> Keys:
    file = settings.current().keys_file
    if file == Path():
        raise Refused("WHISTLE_KEYS_FILE is not set; set it, or give the public keys with --key")
    try:
        return Keyring.of(file).public_keys()
    except (OSError, ValueError) as error:
        raise Refused(str(error)) from None


def _heads_in(file: Path) -> list[audit.Head]:
    heads = []
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{file} cannot be read: {error}") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                heads.append(audit.of_line(line))
            except ValueError as error:
                raise Refused(f"{file}:{number}: {error}") from None
    return heads
