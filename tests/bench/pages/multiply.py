"""A database with as many whistles as are wanted: those of the stage, over and over, each copy with ids of its own.

A copy's ids are made from the original's and its number, alike in every table and in every service, so that what
belongs together stays together. Whistles that are over are spread over the year before; open ones stand as they stand,
but what the log says of them is spread over the weeks in which they came: no district blows 3,000 whistles in a day.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from sqlalchemy import Table, Text, Uuid, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from support.city import City
from support.stack import PROCESSES, room_of
from whistle_shared.db import make_engine

OPEN_SHARE = 0.03
"""Of all whistles; a district that deals with what it is told has fewer."""
_AT_ONCE = 500
_DAYS, _OPEN_DAYS = 365, 21
# What is not about one whistle, or is one whistle's only.
_LEFT_OUT = ("precedent", "report", "report_step", "notice", "notice_try")


async def multiply(city: City, wanted: int) -> tuple[int, int]:
    """Fill the databases of all services. Returns how many whistles there are, and how many of them are open."""
    over, still_open = await _whistles(city)
    each_open = round(wanted * OPEN_SHARE / len(still_open))
    each = round(wanted * (1 - OPEN_SHARE) / len(over))
    for process, producer in PROCESSES.items():
        tables = import_module(f"whistle_{room_of(producer)}.tables").metadata.sorted_tables
        owner = make_engine(city.infrastructure.database_owner_urls[process], pool_size=1, patient=True)
        for ids, copies, ago in ((still_open, each_open, False), (over, each, True)):
            for table in tables:
                if table.name not in _LEFT_OUT:
                    await _copies(owner, table, ids, copies, ago)
        await _analyze(owner)
        await owner.dispose()
    open_now = len(still_open) * (each_open + 1)
    return len(over) * (each + 1) + open_now, open_now


async def _whistles(city: City) -> tuple[list[str], list[str]]:
    """Ids of the whistles that are over, and of those that are not."""
    query = "select whistle_id::text, closed_at is not null or withdrawn_at is not null from whistle"
    async with city.services["intake"].engine.connect() as connection:
        found = [(whistle_id, is_over) for whistle_id, is_over in await connection.execute(text(query))]
    return [one for one, is_over in found if is_over], [one for one, is_over in found if not is_over]


async def _copies(owner: AsyncEngine, table: Table, whistles: Sequence[str], copies: int, ago: bool) -> None:
    about = "whistle_id" if "whistle_id" in table.c else "subject" if table.name == "event_log" else None
    if about is None:
        return
    columns = [column for column in table.c if not (column.name == "position" and table.name != "board")]
    names = ", ".join(f'"{column.name}"' for column in columns)
    days = _DAYS if ago else _OPEN_DAYS if table.name == "event_log" else 0
    values = ", ".join(_value(column, days) for column in columns)
    # In a log the streets' events stand mixed, as they came.
    order = " order by n, t.position" if "position" in table.c else ""
    statement = text(
        f'insert into "{table.name}" ({names}) select {values} from "{table.name}" t,'
        f" generate_series(cast(:first as int), cast(:last as int)) n"
        f' where t."{about}"::text = any(:whistles){order}'
    )
    for first in range(1, copies + 1, _AT_ONCE):
        said = {"first": first, "last": min(first + _AT_ONCE - 1, copies), "whistles": list(whistles)}
        async with owner.begin() as connection:
            await _everywhere(connection)
            await connection.execute(statement, said)


def _value(column: Any, days: int) -> str:
    """What the copy numbered `n` has in this column, spread over so many days."""
    name = f't."{column.name}"'
    if isinstance(column.type, Uuid) or column.name == "subject":
        made = f"md5({name}::text || ':' || n)::uuid"
        return f"{made}::text" if column.name == "subject" else made
    if column.name == "number" and isinstance(column.type, Text):
        return f"{name} || '-' || n"
    if days and getattr(column.type, "timezone", False):
        return f"{name} - (n % {days}) * interval '1 day'"
    if column.table.name == "event_log" and column.name == "data":
        whistle = "to_jsonb(md5((t.data->>'whistle_id') || ':' || n)::uuid)"
        return f"case when t.data ? 'whistle_id' then jsonb_set(t.data, '{{whistle_id}}', {whistle}) else t.data end"
    return name


async def _everywhere(connection: AsyncConnection) -> None:
    """Walls between departments do not concern the owner."""
    await connection.execute(text("select set_config('whistle.departments', '*', true)"))


async def _analyze(owner: AsyncEngine) -> None:
    async with owner.connect() as connection:
        await (await connection.execution_options(isolation_level="AUTOCOMMIT")).execute(text("vacuum analyze"))
