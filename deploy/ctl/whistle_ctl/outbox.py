"""`whistlectl outbox`: says again what a service said, out of its ledger.

INVARIANT: replaying changes nothing but who is due to hear: ids and bodies are those of the first time, so a consumer
that has handled an event passes over its repetition.
"""

import asyncio
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from whistle_ctl import settings
from whistle_ctl.database import deed, engine_of, unit_of
from whistle_ctl.errors import Refused
from whistle_ctl.terminal import instant, moment
from whistle_shared.db import note
from whistle_shared.timesource import wall_now

app = typer.Typer(no_args_is_help=True, help="The ledger of one service process (WHISTLE_DATABASE_URL).")
_BATCH = 1000
_CHOSEN = "created_at >= :since and created_at < :until and (:key = '' or key = :key)"
_COUNT = f"select count(*) from outbox where {_CHOSEN}"
_BATCH_DUE = f"""
with batch as (
    select event_id, created_at from outbox
    where {_CHOSEN} and (created_at, event_id) > (:after, :after_id)
    order by created_at, event_id limit {_BATCH}
), due as (
    insert into outbox_due(event_id, receiver, next_at)
    select event_id, 'broker', clock_timestamp() from batch
    on conflict (event_id, receiver) do nothing
)
select event_id, created_at from batch order by created_at, event_id
"""


@app.command("replay")
def replay_command(
    since: Annotated[
        datetime, typer.Option("--from", parser=instant, metavar="INSTANT", help="From then: ISO time, or 2h ago.")
    ],
    until: Annotated[
        datetime | None, typer.Option("--to", parser=instant, metavar="INSTANT", help="Before then; else now.")
    ] = None,
    key: Annotated[str, typer.Option(help="Only this event type, as intake.whistle_blown.v1.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run/--yes", help="Only count, or really do it.")] = True,
) -> None:
    """Have the running service send events of its ledger again, by the wall time at which they were said."""
    end = until or wall_now()
    count = asyncio.run(_replay(since, end, key, dry_run))
    span = f"{count} events from {moment(since)} to {moment(end)}"
    typer.echo(f"{span} would be sent again; repeat with --yes" if dry_run else f"{span} are due to be sent again")


async def _replay(since: datetime, until: datetime, key: str, dry_run: bool) -> int:
    async with engine_of(settings.current().need("database_url")) as engine:
        return await (count if dry_run else replay)(engine, since, until, key)


async def count(engine: AsyncEngine, since: datetime, until: datetime, key: str = "") -> int:
    """How many events of the ledger were said from `since` to before `until` (wall time)."""
    if since >= until:
        raise Refused(f"--from {moment(since)} is not before --to {moment(until)}")
    async with engine.connect() as connection:
        found = await connection.execute(text(_COUNT), {"since": since, "until": until, "key": key})
        return int(found.scalar_one())


async def replay(engine: AsyncEngine, since: datetime, until: datetime, key: str = "") -> int:
    """Make those events due for the broker, a thousand to a transaction; returns how many there were."""
    if since >= until:
        raise Refused(f"--from {moment(since)} is not before --to {moment(until)}")
    done, after, after_id = 0, since, UUID(int=0)
    while True:
        chosen = {"since": since, "until": until, "key": key, "after": after, "after_id": after_id}
        async with unit_of(engine, settings.OPERATOR) as unit:
            rows = (await unit.connection.execute(text(_BATCH_DUE), chosen)).all()
            if rows:
                asked = {"since": since, "until": until, "key": key}
                note(unit, deed("outbox.replay", asked), "done", after={"events": len(rows)})
        done += len(rows)
        if len(rows) < _BATCH:
            return done
        after, after_id = rows[-1].created_at, rows[-1].event_id
