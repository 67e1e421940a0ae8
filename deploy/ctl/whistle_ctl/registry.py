"""`whistlectl registry`: the district pack, from its folder into dispatch's database and from there to everybody.

dispatch decides what a pack means; here it is read, handed over and its events made due, so that the running
dispatch service publishes them with its next poll.
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import aio_pika
import typer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from whistle_ctl import settings
from whistle_ctl.database import deed, engine_of, unit_of
from whistle_ctl.errors import Refused
from whistle_ctl.terminal import harmless, table
from whistle_dispatch import commands
from whistle_dispatch.domain import Pack, PackInvalid, read_pack
from whistle_shared.contracts.dispatch import CalendarPublished
from whistle_shared.db import note
from whistle_shared.messaging import queue_of
from whistle_shared.registry import Registry, registry_rows
from whistle_shared.replica import Replica
from whistle_shared.runtime import make_time
from whistle_shared.timesource import TimeSource

app = typer.Typer(no_args_is_help=True, help="The district's departments, streets, categories, limits and calendars.")
PackFolder = Annotated[Path, typer.Argument(metavar="PACKDIR", help="The folder of the district pack.")]
_CALENDARS = "select distinct on (year) body from calendar_year order by year, version desc"


@app.command("validate")
def validate_command(packdir: PackFolder) -> None:
    """Read the pack and print every mistake as file:line: field: reason; exit 1 if there is one."""
    pack = read_valid(packdir)
    typer.echo(f"{harmless(pack.name)}: nothing is wrong")
    typer.echo(_counts(pack.registry))


@app.command("load")
def load_command(packdir: PackFolder) -> None:
    """Put the pack in force for later whistles and publish it. The environment is that of dispatch.

    Refused when an active department's instance has no queue yet (apply the topology first). An unchanged pack keeps
    its version and is published again.
    """
    now = settings.current()
    pack = read_valid(packdir)
    loaded = asyncio.run(_load(now.need("database_url"), now.need("amqp_url"), make_time(now), pack))
    typer.echo(_told(loaded))


@app.command("publish")
def publish_command() -> None:
    """Publish the version in force again, for an instance that is new. The environment is that of dispatch."""
    now = settings.current()
    typer.echo(_told(asyncio.run(_publish(now.need("database_url"), make_time(now)))))


@app.command("show")
def show_command() -> None:
    """Show the version that this service's database holds. The environment is that of any service."""
    replica = asyncio.run(_show(settings.current().need("database_url")))
    if replica.registry is None:
        typer.echo("no whole registry is here yet")
        raise typer.Exit(1)
    typer.echo(f"registry version {replica.registry.version}, calendar version {replica.calendar_version}")
    typer.echo(_counts(replica.registry))


def read_valid(packdir: Path) -> Pack:
    """The pack of the folder; prints every mistake and exits with 1 when there is one."""
    if not packdir.is_dir():
        raise Refused(f"{packdir} is not a folder")
    try:
        return read_pack(packdir)
    except PackInvalid as invalid:
        for problem in invalid.problems:
            typer.echo(harmless(str(problem)), err=True)
        raise typer.Exit(1) from None


async def load(engine: AsyncEngine, amqp_url: str, time: TimeSource, pack: Pack) -> commands.Loaded:
    """Put the pack in force. Raises Refused when no queue stands for an active department's instance."""
    await refuse_unserved(amqp_url, pack.registry)
    return await _put_in_force(engine, time, pack, "registry.load")


async def publish(engine: AsyncEngine, time: TimeSource) -> commands.Loaded:
    """Publish the version in force again. Raises Refused when there is none."""
    async with engine.connect() as connection:
        current = Replica()
        await current.refresh(connection)
        years = [row.body for row in await connection.execute(text(_CALENDARS))]
    if current.registry is None:
        raise Refused("no registry has been loaded into this database")
    calendars = tuple(CalendarPublished.model_validate(year) for year in years)
    return await _put_in_force(engine, time, Pack("", current.registry, calendars), "registry.publish")


async def _put_in_force(engine: AsyncEngine, time: TimeSource, pack: Pack, action: str) -> commands.Loaded:
    async with unit_of(engine, "dispatch", time) as unit:
        await unit.lock(["registry"])
        current = Replica()
        await current.refresh(unit.connection)
        before = {
            "registry_version": current.registry.version if current.registry else None,
            "calendar_version": current.calendar_version,
        }
        loaded = commands.load_pack(unit, pack, current)
        after = {"registry_version": loaded.registry_version, "calendar_version": loaded.calendar_version}
        note(unit, deed(action, {"pack": pack.name}, "registry"), "done", before, after)
        return loaded


async def refuse_unserved(amqp_url: str, registry: Registry) -> None:
    """Raises Refused naming the active departments whose instance has no queue on the broker."""
    by_instance: dict[str, list[str]] = {}
    for row in registry.departments:
        if row.active:
            by_instance.setdefault(row.instance, []).append(row.code)
    absent = await _absent(amqp_url, by_instance)
    if absent:
        named = "; ".join(f"{', '.join(by_instance[instance])} (instance {instance!r})" for instance in absent)
        raise Refused(f"no queue stands for the active departments {named}: apply the topology first")


async def _absent(amqp_url: str, instances: Iterable[str]) -> list[str]:
    absent = []
    async with await aio_pika.connect(amqp_url, timeout=5) as connection:
        for instance in sorted(instances):
            channel = await connection.channel()
            try:
                await channel.declare_queue(queue_of(f"department.{instance}"), passive=True, timeout=5)
            except aio_pika.exceptions.ChannelNotFoundEntity:
                absent.append(instance)
    return absent


async def _load(database_url: str, amqp_url: str, time: TimeSource, pack: Pack) -> commands.Loaded:
    async with engine_of(database_url) as engine:
        return await load(engine, amqp_url, time, pack)


async def _publish(database_url: str, time: TimeSource) -> commands.Loaded:
    async with engine_of(database_url) as engine:
        return await publish(engine, time)


async def _show(database_url: str) -> Replica:
    replica = Replica()
    async with engine_of(database_url) as engine, engine.connect() as connection:
        await replica.refresh(connection)
    return replica


def _told(loaded: commands.Loaded) -> str:
    news = {True: "new", False: "unchanged, published again"}
    return (
        f"registry version {loaded.registry_version} ({news[loaded.registry_changed]}), "
        f"calendar version {loaded.calendar_version} ({news[loaded.calendar_changed]})"
    )


def _counts(registry: Registry) -> str:
    return table(("section", "rows"), [(section, str(len(rows))) for section, rows in registry_rows(registry).items()])
