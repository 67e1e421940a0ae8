"""Making a database fail on purpose, in the middle of a transaction, a given number of times."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine


@asynccontextmanager
async def failing_inserts(
    engine: AsyncEngine, table: str, sqlstate: str, times: int, when: str = "true"
) -> AsyncIterator[None]:
    """Inside the block the first `times` rows inserted into `table` for which `when` holds raise this SQLSTATE.

    They are counted by a sequence, which no rollback takes back. `engine` connects as the owner of the table.
    """
    failing = (
        f"if {when} and nextval('sabotage') <= {times} then raise exception 'sabotage' using errcode = '{sqlstate}'"
    )
    await _run(
        engine,
        "create sequence sabotage",
        "create function sabotage() returns trigger language plpgsql security definer as "
        f"$$begin {failing}; end if; return new; end$$",
        f"create trigger sabotage before insert on {table} for each row execute function sabotage()",
    )
    try:
        yield
    finally:
        await _run(engine, "drop function sabotage cascade", "drop sequence sabotage")


@asynccontextmanager
async def failing_updates(engine: AsyncEngine, table: str, sqlstate: str) -> AsyncIterator[None]:
    """Inside the block every update of `table` raises this SQLSTATE. `engine` connects as the owner of the table."""
    raising = f"begin raise exception 'sabotage' using errcode = '{sqlstate}'; end"
    await _run(
        engine,
        f"create function sabotage() returns trigger language plpgsql as $${raising}$$",
        f"create trigger sabotage before update on {table} for each statement execute function sabotage()",
    )
    try:
        yield
    finally:
        await _run(engine, "drop function sabotage cascade")


async def _run(engine: AsyncEngine, *statements: str) -> None:
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))
