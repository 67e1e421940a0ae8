"""`whistlectl person`: what intake keeps of residents, shown by when it is due, and erased when somebody asks.

INVARIANT: a telephone number that is asked for is written nowhere: not to the audit, not to a log, not to the terminal.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer
from pydantic import ValidationError

from whistle_ctl.database import deed
from whistle_ctl.errors import Refused
from whistle_ctl.terminal import moment, table
from whistle_intake import commands, queries, store
from whistle_intake.settings import Settings
from whistle_shared.errors import Unavailable
from whistle_shared.keyring import Unreadable
from whistle_shared.privacy import phone_of
from whistle_shared.runtime import Service

app = typer.Typer(
    no_args_is_help=True,
    help="Residents' data in intake; takes all settings of that process (--env-file), its keys and its vault too.",
)
_MOST_SHOWN = 200
_T = TypeVar("_T")


@app.command("due")
def due_command() -> None:
    """List whose contact or words have been kept long enough; the running service erases them within the hour."""
    found = asyncio.run(_with_intake(_due))
    rows = [(str(one.person_id), ", ".join(one.kinds), moment(one.ended_at)) for one in found]
    typer.echo(table(("person", "due", "matter ended"), rows) if rows else "nothing is due")


@app.command("erase")
def erase_command(
    reason: Annotated[str, typer.Option(help="Why, for the audit: who asked, by what letter.")],
    phone: Annotated[str, typer.Option(help="Everybody who left this telephone number.")] = "",
    person: Annotated[UUID | None, typer.Option("--id", help="The person of one report.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run/--yes", help="Only say who, or really do it.")] = True,
) -> None:
    """Destroy the keys of somebody's contact, words and photos, and blank the rows: every copy becomes unreadable.
    There is no way back."""
    if bool(phone) == (person is not None):
        raise Refused("say whom: --phone or --id")
    chosen = asyncio.run(_with_intake(lambda service: _erase(service, _number(phone), person, reason, dry_run)))
    if not chosen:
        raise Refused("nobody here has left that" if phone else f"there is no person {person}")
    typer.echo(table(("person", "report", "erased" if not dry_run else "would be erased"), chosen))
    if dry_run:
        typer.echo("nothing was erased; repeat with --yes")


def _number(phone: str) -> str:
    try:
        return phone_of(phone) if phone else ""
    except ValueError as error:
        raise Refused(f"--phone {error}") from None


async def _erase(
    service: Service, phone: str, person: UUID | None, reason: str, dry_run: bool
) -> list[tuple[str, str, str]]:
    """(person, report, what) of everybody meant. Once more erases what a run before could not finish."""
    told = []
    for row in await _meant(service, phone, person):
        kinds: Sequence[store.Kind] = queries.held(row)
        photos = ""
        if not dry_run:
            asked = {"reason": reason, "by": "phone" if phone else "id"}
            noted = deed("intake.erase_person", asked, str(row.report_id))
            erased = await commands.forget(service, row.person_id, row.report_id, store.KINDS, noted)
            kinds, photos = erased.kinds, f", {erased.photos} photos" if erased.photos else ""
        told.append((str(row.person_id), str(row.report_id), (", ".join(kinds) or "nothing") + photos))
    return told


async def _meant(service: Service, phone: str, person: UUID | None) -> list[Any]:
    if person is not None:
        return await queries.by_id(service.engine, person)
    try:
        return await queries.by_phone(service.engine, service.vault, service.keyring, phone)
    except Unreadable:
        raise Refused("a contact was sealed by a key that is not in WHISTLE_KEYS_FILE: put that line back") from None


async def _due(service: Service) -> list[queries.Due]:
    settings, now = _settings(), service.time.now()
    return await queries.due(service.engine, now - settings.contact_kept, now - settings.words_kept, _MOST_SHOWN)


async def _with_intake(act: Callable[[Service], Awaitable[_T]]) -> _T:
    async with _intake() as service:
        try:
            return await act(service)
        except Unavailable as error:
            raise Refused(str(error)) from None


@asynccontextmanager
async def _intake() -> AsyncIterator[Service]:
    """intake as its process has it, with its database, keys, vault and photos; none of its duties runs. Its pages are
    not loaded before they are needed: other commands start faster."""
    service: Service = import_module("whistle_intake.app").build(_settings())
    try:
        yield service
    finally:
        await service.outgoing.aclose()
        await service.engine.dispose()
        await service.command_engine.dispose()


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Refused(f"WHISTLE_{str(first['loc'][0]).upper()}: {first['msg']}") from None
