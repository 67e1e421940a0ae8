"""What a service's own database role may do, and what is its owner's alone. By plain SQL, past the program."""

import asyncpg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from support.places import migrations
from support.stack import PROCESSES, make_database, migrate_one, room_of
from whistle_ctl import migrate
from whistle_ctl.errors import Refused
from whistle_local import Infrastructure
from whistle_shared.db import is_outage, make_engine

_LOG = ("audit", "audit_link", "audit_head")
_HELD = """
select c.relname, array(select privilege_type from aclexplode(c.relacl) where grantee = $1::regrole order by 1)
from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
"""


def plain(url: str) -> str:
    """asyncpg's form of a SQLAlchemy address."""
    return url.replace("+asyncpg", "")


def name_of(url: str) -> str:
    """The role of an address."""
    name = make_url(url).username
    assert name is not None
    return name


@pytest.mark.parametrize("process", PROCESSES)
async def test_a_services_role_reads_and_writes_rows_and_nothing_else(
    infrastructure: Infrastructure, process: str
) -> None:
    """INVARIANT: the role a service runs as owns nothing: it reads and writes rows, and of the audit it only reads
    and adds."""
    url = infrastructure.database_urls[process]
    connection = await asyncpg.connect(plain(url))
    try:
        held = {table: set(rights) for table, rights in await connection.fetch(_HELD, name_of(url))}
        about = await connection.fetchrow("select * from pg_roles where rolname = current_user")
        belongs = await connection.fetchval(
            "select count(*) from pg_auth_members m where m.member = $1::regrole", name_of(url)
        )
        owned = await connection.fetchval("select count(*) from pg_class where relowner = $1::regrole", name_of(url))
    finally:
        await connection.close()
    rows = {"SELECT", "INSERT", "UPDATE", "DELETE"}
    assert held.pop("alembic_version") == set()
    grows = {table: held.pop(table) for table in _LOG}
    assert list(grows.values()) == [{"SELECT", "INSERT"}] * len(_LOG)
    assert [table for table, rights in held.items() if rights != rows] == []
    powers = ("rolsuper", "rolcreaterole", "rolcreatedb", "rolreplication", "rolbypassrls")
    assert [power for power in powers if about[power]] == []
    assert (belongs, owned) == (0, 0)


_FORBIDDEN = {
    "make a table": "create table mine (it int)",
    "make a temporary one": "create temporary table mine (it int)",
    "make a schema": "create schema mine",
    "make a function": "create function mine() returns int language sql as 'select 1'",
    "empty a table at once": "truncate outbox",
    "empty the audit": "truncate audit",
    "drop a table": "drop table outbox",
    "change a table": "alter table outbox add column more int",
    "switch triggers off": "alter table audit disable trigger all",
    "add a trigger": "create trigger mine before update on outbox execute function append_only()",
    "edit the audit": "update audit set actor = 'nobody'",
    "remove from the audit": "delete from audit",
    "unchain the audit": "delete from audit_link",
    "edit a signed head": "update audit_head set position = 0",
    "lock the audit": "select * from audit for update",
    "say that it is migrated": "update alembic_version set version_num = 'x'",
    "set a sequence back": "select setval(pg_get_serial_sequence('audit', 'audit_id'), 1)",
    "become the owner": "set role whistle_intake_owner",
    "let others in": "grant select on alembic_version to public",
    "read other roles' passwords": "select * from pg_authid",
    "read files": "select pg_read_file('PG_VERSION')",
    "run a program": "copy outbox to program 'cat'",
}


@pytest.mark.parametrize("deed", _FORBIDDEN)
async def test_a_services_role_may_not(infrastructure: Infrastructure, deed: str) -> None:
    connection = await asyncpg.connect(plain(infrastructure.database_urls["intake"]))
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(_FORBIDDEN[deed])
    finally:
        await connection.close()


async def test_migrating_takes_back_what_was_granted_too_much(infrastructure: Infrastructure) -> None:
    """Whatever happened to the grants, `whistlectl migrate` puts them right; and repeats without a change."""
    owner, service = infrastructure.database_owner_urls["dispatch"], infrastructure.database_urls["dispatch"]
    app = name_of(service)
    before = await asyncpg.connect(plain(owner))
    try:
        await before.execute(
            f"grant all on audit, outbox, alembic_version to {app}; grant create on schema public to {app}"
        )
        await before.execute(f"revoke insert on inbox from {app}")
        for _ in range(2):
            await migrate.migrate(service, "dispatch", owner)
            held = {table: set(rights) for table, rights in await before.fetch(_HELD, app)}
            assert (held["audit"], held["alembic_version"]) == ({"SELECT", "INSERT"}, set())
            assert held["inbox"] == held["outbox"] == {"SELECT", "INSERT", "UPDATE", "DELETE"}
            assert not await before.fetchval("select has_schema_privilege($1, 'public', 'create')", app)
    finally:
        await before.close()


async def test_a_role_that_is_not_named_is_granted_nothing() -> None:
    with pytest.raises(Refused, match="names no user"):
        await migrate.migrate("postgresql+asyncpg://127.0.0.1:1/x", "intake", "postgresql+asyncpg://a:b@127.0.0.1:1/x")


async def test_one_role_for_both_is_left_as_it_is(infrastructure: Infrastructure) -> None:
    """A set-up without an owner of its own: the service's role owns the schema and grants itself nothing."""
    url = await make_database(infrastructure, "whistle_one_role")
    for owner in ("", url):
        await migrate.migrate(url, "intake", owner)
    connection = await asyncpg.connect(plain(url))
    try:
        assert (
            await connection.fetchval("select count(*) from pg_class where relname = 'outbox' and relacl is null") == 1
        )
    finally:
        await connection.close()


async def test_a_missing_grant_is_an_outage(infrastructure: Infrastructure) -> None:
    """A schema that is not (yet) the one this build needs: nothing is parked meanwhile, everybody waits."""
    url = await make_database(infrastructure, "whistle_grants")
    await migrate_one(url, migrations(room_of("intake")))
    place = make_url(infrastructure.database_urls["intake"])
    admin = await asyncpg.connect(plain(url))
    await admin.execute(f"grant connect on database whistle_grants to {place.username}")
    await admin.close()
    engine = make_engine(place.set(database="whistle_grants").render_as_string(hide_password=False))
    try:
        with pytest.raises(DBAPIError) as caught:
            async with engine.begin() as connection:
                await connection.execute(text("select 1 from outbox"))
        assert is_outage(caught.value)
    finally:
        await engine.dispose()
