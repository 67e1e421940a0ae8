"""`whistlectl account`, beside the running city: the first administrator comes from there and from nowhere else."""

import asyncio
import re
from pathlib import Path

import pytest
from sqlalchemy import text

from support.city import City
from support.window import OPERATOR, PASSWORD, Somebody, account_of, deeds, somebody, window, with_device
from whistle_ctl import account as accounts
from whistle_ctl.database import operator
from whistle_ctl.errors import Refused
from whistle_local.errors import StackError
from whistle_local.preparation import whistlectl
from whistle_shared.auth import Person, create_account, find_username
from whistle_shared.runtime import Service


@pytest.fixture
def service(door: City) -> Service:
    return door.services["dispatch"]


@pytest.fixture
def env(door: City, tmp_path: Path) -> Path:
    """The env file of the dispatch process."""
    file = tmp_path / "dispatch.env"
    file.write_text(f"WHISTLE_DATABASE_URL={door.infrastructure.database_urls['dispatch']}\n")
    return file


async def ctl(env: Path, *arguments: str, said: str = "") -> str:
    return await asyncio.to_thread(whistlectl, env, "account", *arguments, said=said)


async def found(service: Service, username: str) -> Somebody:
    async with service.engine.connect() as connection:
        account = await find_username(connection, username)
    assert account is not None
    return Somebody(account.account_id, account.username, "")


def test_a_fresh_database_has_no_account() -> None:
    """No default password: where whistlectl has made no account there is none."""
    versions = Path(__file__).resolve().parents[2].glob("services/*/whistle_*/migrations/versions/*.py")
    assert not [file for file in versions if "insert into account" in file.read_text("utf-8").lower()]


async def test_the_first_administrator_gets_a_random_password_for_one_time(service: Service, env: Path) -> None:
    made = await ctl(
        env, "create", "First.Admin", "--role", "administrator", "--scope", "*", "--name", "周 敏", "--plain"
    )
    password = made.removesuffix("\n")
    assert re.fullmatch(r"[a-z0-9-]{19}", password)
    person = await found(service, "first.admin")
    async with window(service) as seat:
        assert (await seat.post("/sign-in", username="first.admin", password=password)).status_code == 303
        assert (await seat.get("/admin/accounts")).headers["location"] == "/account/password"
    [row] = await deeds(service, "account.create", person.account_id)
    assert (row.actor, row.name) == ("whistlectl", operator())
    assert password not in str(row)
    listed = await ctl(env, "list")
    line = next(line for line in listed.splitlines() if line.startswith("first.admin"))
    assert "active, initial password" in line
    assert "周 敏" in line
    assert password not in listed


async def test_a_chosen_password_stays_unless_a_change_is_asked_for(service: Service, env: Path) -> None:
    named = ("--role", "operations", "--scope", "*", "--name", "大屏")
    said = await ctl(env, "create", "wall", *named, "--password-stdin", said=f"{PASSWORD}\nmore\n")
    assert (said, PASSWORD in said) == ("the account is set\n", False)
    async with window(service) as seat:
        await seat.post("/sign-in", username="wall", password=PASSWORD)
        assert (await seat.get("/account")).status_code == 200
    await ctl(env, "reset", "WALL", "--password-stdin", "--must-change", said="other copper kettles sing")
    assert (await account_of(service, await found(service, "wall"))).must_change
    for weak in ("", "short", "wall wall wall wall"):
        with pytest.raises(StackError, match="the password is too"):
            await ctl(env, "reset", "wall", "--password-stdin", said=weak)


async def test_who_signs_in_elsewhere_gets_no_password(service: Service) -> None:
    """It would open the account when the provider does not any more."""
    identity = ("https://idp.example.cn", "u-1")
    async with service.group.unit() as unit:
        made = await create_account(unit, OPERATOR, "sso.person", Person("李", "operations", "*"), identity=identity)
    with pytest.raises(Refused, match=r"sso\.person: this account signs in elsewhere and has no password"):
        await accounts.reset(service.engine, "sso.person", PASSWORD, must_change=True, second_factor=False)
    assert (await account_of(service, Somebody(made, "sso.person", ""))).password is None


async def test_reset_disable_and_enable_end_sessions_and_are_written_down(service: Service, door: City) -> None:
    engine = service.engine
    person = await with_device(service, await somebody(service, "inspector"))
    async with window(service) as seat:
        await seat.signs_in(person)
        await accounts.reset(
            engine, person.username, "seven copper kettles sing", must_change=False, second_factor=True
        )
        assert (await seat.get("/account")).status_code == 303
        now = await account_of(service, person)
        assert (now.has_second_factor, now.must_change) == (False, False)
        person.password, person.secret = "seven copper kettles sing", None
        await seat.signs_in(person)
        await accounts.disable(engine, person.username.upper())
        assert (await seat.get("/account")).status_code == 303
        await accounts.enable(engine, person.username)
        await seat.signs_in(person)
    actions = ("account.reset", "account.second_factor_dropped", "account.disable", "account.enable")
    assert [len(await deeds(service, action, person.account_id)) for action in actions] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("username", "person", "says"),
    [
        ("x", Person("a", "operations", "*"), "2 to 64 characters"),
        ("mayor.1", Person("a", "mayor", "*"), "role 'mayor' is not one of"),
        ("street.1", Person("a", "street_initiator", "*"), "needs a street code"),
        ("street.1", Person("a", "street_initiator", "S99"), "there is no street 'S99'"),
        ("street.1", Person("a", "grid_officer", "S01", "S02-G001"), "S01 has no grid 'S02-G001'"),
        ("street.1", Person("", "street_initiator", "S01"), "characters that can be seen"),
    ],
)
async def test_what_cannot_be_is_refused_in_one_sentence(
    service: Service, username: str, person: Person, says: str
) -> None:
    with pytest.raises(Refused, match=says):
        await accounts.create(service.engine, username, person, PASSWORD, must_change=True)
    async with service.engine.connect() as connection:
        assert await find_username(connection, username) is None


def table(folder: Path, *lines: str, head: str = "username,role,scope,part,name") -> Path:
    file = folder / "people.csv"
    file.write_text("\n".join([head, *lines, ""]), "utf-8")
    return file


async def test_a_table_of_accounts_is_loaded_once(service: Service, env: Path, tmp_path: Path) -> None:
    file = table(tmp_path, "duty.cgj,handler,CGJ,,赵文清", "grid.seven,grid_officer,S01,S01-G007,窦一帆")
    made = await ctl(env, "load", str(file))
    given = dict(line.split(",") for line in made.splitlines())
    assert list(given) == ["duty.cgj", "grid.seven"]
    table(tmp_path, "Duty.CGJ,handler,CGJ,,赵文清", "duty.zfj,handler,ZFJ,,吴望舒")
    said = await ctl(env, "load", str(file), "--password-stdin", said=PASSWORD)
    assert said == "1 accounts made, 1 were there already\n"
    for username, password, first in (
        ("duty.cgj", given["duty.cgj"], "/account/password"),
        ("grid.seven", given["grid.seven"], "/account/password"),
        ("duty.zfj", PASSWORD, None),
    ):
        async with window(service) as seat:
            assert (await seat.post("/sign-in", username=username, password=password)).status_code == 303
            assert (await seat.get("/account")).headers.get("location") == first
    person = await account_of(service, await found(service, "grid.seven"))
    assert (person.name, person.role, person.scope, person.part) == ("窦一帆", "grid_officer", "S01", "S01-G007")
    [row] = await deeds(service, "account.create", person.account_id)
    assert (row.actor, given["grid.seven"] in str(row)) == ("whistlectl", False)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("x,handler,CGJ,,a", "line 3: username: must have 2 to 64 characters"),
        ("mayor.9,mayor,*,,a", "line 3: role 'mayor' is not one of"),
        ("street.9,street_initiator,S99,,a", "line 3: there is no street 'S99'"),
        ("right.9,handler,ZFJ,,again", "line 3: the username 'right.9' stands there twice"),
        ("short.9,handler", "line 3 does not have 5 cells"),
        ("long.9,handler,CGJ,,a,b", "line 3 does not have 5 cells"),
    ],
)
async def test_a_table_with_a_wrong_line_makes_no_account(
    service: Service, tmp_path: Path, line: str, says: str
) -> None:
    """INVARIANT: all are made, or none.

    INVARIANT: of a table of accounts all are made, or none."""
    file = table(tmp_path, "right.9,handler,CGJ,,right", line)
    with pytest.raises(Refused, match=says):
        await accounts.load(service.engine, accounts.read_table(file), [PASSWORD, PASSWORD], must_change=True)
    async with service.engine.connect() as connection:
        assert await find_username(connection, "right.9") is None


@pytest.mark.parametrize("content", [b"", b"name,password\na,b\n", b"username,role,scope,part,name\n\xff,,,,\n"])
def test_what_is_no_table_of_accounts_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(content)
    with pytest.raises(Refused, match=r"people\.csv"):
        accounts.read_table(file)


async def test_whoever_is_not_there_is_named(service: Service) -> None:
    for act in (accounts.disable, accounts.enable):
        with pytest.raises(Refused, match="there is no account with the username 'nobody'"):
            await act(service.engine, "nobody")


async def test_a_username_that_is_taken_is_refused(service: Service) -> None:
    person = await somebody(service)
    with pytest.raises(Refused, match="is taken"):
        await accounts.create(
            service.engine, person.username, Person("a", "operations", "*"), PASSWORD, must_change=True
        )
    async with service.engine.connect() as connection:
        kept = await connection.execute(
            text("select count(*) from account where username = :name"), {"name": person.username}
        )
        assert kept.scalar_one() == 1
