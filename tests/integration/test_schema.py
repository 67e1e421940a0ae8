"""The migrated schema is the one the tables describe: columns, defaults, constraints with their text, indexes."""

from importlib import import_module

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from support.places import SERVICES, migrations
from support.stack import make_database, migrate_one
from whistle_local import Infrastructure
from whistle_shared.db import metadata as own

_ASPECTS = {
    "tables": """
        select c.relname, c.relkind::text, coalesce(pg_get_partkeydef(c.oid), '')
        from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')""",
    "columns": """
        select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity::text,
               coalesce(pg_get_expr(d.adbin, d.adrelid), '')
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')""",
    "constraints": """
        select conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid)
        from pg_constraint where connamespace = 'public'::regnamespace and contype <> 'n'""",
    "indexes": "select tablename, indexname, indexdef from pg_indexes where schemaname = 'public'",
    "functions": "select proname, prosrc from pg_proc where pronamespace = 'public'::regnamespace",
    "policies": """
        select c.relname, c.relrowsecurity, c.relforcerowsecurity, p.polname, p.polcmd::text, p.polroles::text,
               pg_get_expr(p.polqual, c.oid), pg_get_expr(p.polwithcheck, c.oid)
        from pg_class c left join pg_policy p on p.polrelid = c.oid
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')""",
    "triggers": "select tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal",
}


@pytest.mark.parametrize("service", SERVICES)
async def test_the_migrated_schema_is_the_described_one(infrastructure: Infrastructure, service: str) -> None:
    described = import_module(f"whistle_{service}.tables").metadata
    wanted = await _schema(infrastructure, [own, described], None)
    found = await _schema(infrastructure, [], service)
    for aspect in _ASPECTS:
        assert found[aspect] == wanted[aspect], aspect


@pytest.mark.parametrize("service", SERVICES)
async def test_migrating_twice_changes_nothing(infrastructure: Infrastructure, service: str) -> None:
    url = await make_database(infrastructure, "whistle_schema_twice")
    await migrate_one(url, migrations(service))
    await migrate_one(url, migrations(service))


async def test_labels_that_were_stored_before_are_masked(infrastructure: Infrastructure) -> None:
    url = await make_database(infrastructure, "whistle_schema_labels")
    await migrate_one(url, migrations("escalation"))
    engine = create_async_engine(url)
    channel = """insert into notice_channel values
        (gen_random_uuid(), null, 'CGJ', 'handler', 1, 'apprise', :label, 'zh', '', now(), '')"""
    attempt = """insert into notice_try values
        (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), :label, now())"""
    labels = [
        "E-Mail · mailtos://duty:****@smtp.example.cn/wang%40example.cn",
        "SMS Eagle · smseagles://****@host/13800138000",
        "Web Push · push.example.net",
    ]
    try:
        async with engine.begin() as connection:
            for label in labels:
                await connection.execute(text(channel), {"label": label})
                await connection.execute(text(attempt), {"label": label})
            await connection.run_sync(_again, "whistle_escalation.migrations.versions.0003_labels")
            found = await connection.execute(
                text("select label from notice_channel union all select channel from notice_try")
            )
            assert sorted(found.scalars()) == sorted(
                2
                * [
                    "E-Mail · mailtos://d***@smtp.example.cn/w***@example.cn",
                    "SMS Eagle · smseagles://****@host/138****8000",
                    "Web Push · push.example.net",
                ]
            )
    finally:
        await engine.dispose()


def _again(connection: Connection, migration: str) -> None:
    with Operations.context(MigrationContext.configure(connection)):
        import_module(migration).upgrade()


def test_no_table_of_a_service_hides_one_of_the_mechanisms() -> None:
    for service in SERVICES:
        described = import_module(f"whistle_{service}.tables").metadata
        assert not set(described.tables) & set(own.tables), service


async def _schema(
    infrastructure: Infrastructure, described: list[MetaData], service: str | None
) -> dict[str, set[tuple[object, ...]]]:
    """The catalogue of a fresh database, migrated by a service or made from descriptions."""
    url = await make_database(infrastructure, "whistle_schema")
    if service is not None:
        await migrate_one(url, migrations(service))
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            for metadata in described:
                await connection.run_sync(metadata.create_all)
            return {aspect: await _rows(connection, query) for aspect, query in _ASPECTS.items()}
    finally:
        await engine.dispose()


async def _rows(connection: AsyncConnection, query: str) -> set[tuple[object, ...]]:
    found = await connection.execute(text(query))
    return {tuple(row) for row in found if row[0] != "alembic_version"}
