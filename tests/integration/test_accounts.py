"""Accounts as administrators and the operator see them: made, changed, closed, within one's reach. On the real city."""

import asyncio
import re
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from support.city import City
from support.window import OPERATOR, PASSWORD, Somebody, account_of, deeds, somebody, window
from whistle_shared.auth import (
    ROLES,
    Caller,
    Person,
    Unauthenticated,
    create_account,
    create_token,
    find_username,
    hold_account,
    list_tokens,
    set_password,
)
from whistle_shared.entrance.giving import roles_for
from whistle_shared.errors import Conflict, Invalid
from whistle_shared.runtime import Service
from whistle_shared.timesource import wall_now


@pytest.fixture
def service(door: City) -> Service:
    return door.services["intake"]


async def administrator(service: Service, scope: str = "*") -> Somebody:
    return await somebody(service, "administrator", scope, second_factor=True)


NEW = {"username": "", "name": "李 晓", "role": "community", "scope": "S01", "part": "S01-G001"}


# -- made


async def test_an_account_is_made_with_a_password_that_is_shown_once(service: Service) -> None:
    boss = await administrator(service)
    async with window(service, boss) as seat:
        made = await seat.post("/admin/accounts/new", **NEW | {"username": " Li.Xiao "})
        assert made.status_code == 201
        shown = re.search(r'id="initial">([a-z0-9-]{19})<', made.text)
        assert shown, made.text
        assert "no-store" in made.headers["cache-control"]
        there = re.findall(r"/admin/accounts/([0-9a-f-]{36})", made.text)[0]
        page = (await seat.get(f"/admin/accounts/{there}")).text
        assert shown[1] not in page
        assert "待改初始密码" in page
        assert "采薇街道 S01 · S01-G001" in page
    async with service.engine.connect() as connection:
        account = await find_username(connection, "LI.XIAO")
    assert account is not None
    assert (account.username, account.part, account.created_by) == (
        "li.xiao",
        "S01-G001",
        f"account:{boss.account_id}",
    )
    async with window(service) as seat:
        answer = await seat.post("/sign-in", username="li.xiao", password=shown[1])
        assert (await seat.get(answer.headers["location"])).headers["location"] == "/account/password"
    [row] = await deeds(service, "account.create", account.account_id)
    assert (row.actor, row.name, row.outcome) == (f"account:{boss.account_id}", "administrator 值班", "done")
    assert row.after["role"] == "community"
    assert shown[1] not in str(row)
    again = await deeds(service, "account.create")
    assert "argon2" not in str(again)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("username", "x", "2 到 64 个字"),
        ("username", "two words", "2 到 64 个字"),
        ("name", "", "请写明姓名"),
        ("name", "a\u202eb", "请写明姓名"),
        ("role", "", "请选择一个您可以授予的角色"),
        ("role", "emperor", "请选择一个您可以授予的角色"),
        ("scope", "", "这个角色要有与之相应的范围"),
        ("scope", "*", "这个角色要有与之相应的范围"),
        ("scope", "CGJ", "这个角色要有与之相应的范围"),
        ("scope", "S99", "这个角色要有与之相应的范围"),
        ("part", "x" * 81, "至多 80 个字"),
    ],
)
async def test_what_cannot_be_is_named_and_what_was_typed_is_kept(
    service: Service, field: str, value: str, says: str
) -> None:
    async with window(service, await administrator(service)) as seat:
        answer = await seat.post("/admin/accounts/new", **NEW | {"username": "li.xiao.2"} | {field: value})
        assert answer.status_code == 422
        assert f'<a href="#{field}">' in answer.text
        assert says in answer.text
        kept = NEW | {"username": "li.xiao.2"} | {field: value}
        for name in ("username", "name", "part"):
            assert f'name="{name}" type="text" value="{kept[name]}"' in answer.text
    async with service.engine.connect() as connection:
        assert await find_username(connection, "li.xiao.2") is None


async def test_a_username_is_given_once_also_at_the_same_time(service: Service) -> None:
    async def make(username: str) -> object:
        try:
            async with service.group.unit() as unit:
                return await create_account(unit, OPERATOR, username, Person("甲", "operations", "*"))
        except Conflict as error:
            return error

    outcomes = await asyncio.gather(*(make(name) for name in ("Twice.One", "twice.one", " TWICE.ONE")))
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 2
    async with window(service, await administrator(service)) as seat:
        answer = await seat.post("/admin/accounts/new", **NEW | {"username": "twice.one"})
        assert (answer.status_code, "这个用户名已有人用" in answer.text) == (409, True)


@pytest.mark.parametrize(
    ("role", "scope"), [("operations", "S01"), ("street_initiator", "*"), ("handler", "*"), ("auditor", "CGJ")]
)
async def test_a_role_takes_a_scope_of_its_reach(service: Service, role: str, scope: str) -> None:
    with pytest.raises(Invalid):
        async with service.group.unit() as unit:
            await create_account(unit, OPERATOR, "never-made", Person("甲", role, scope))


# -- looked for


async def test_accounts_are_found_by_name_username_and_role_page_by_page(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with service.group.unit() as unit:
        for n in range(5):
            person = Person(f"Zeta 100% {n}_x", "operations", "*")
            await create_account(unit, OPERATOR, f"zeta.{n}", person)
    monkeypatch.setattr("whistle_shared.entrance.accounts_page._A_PAGE", 2)
    async with window(service, await administrator(service)) as seat:

        async def found(**asked: str) -> list[str]:
            page = await seat.get("/admin/accounts", params=asked)
            assert page.status_code == 200
            return re.findall(r'class="number">(zeta\.\d)<', page.text)

        assert await found(search="ZETA") == ["zeta.0", "zeta.1"]
        page = (await seat.get("/admin/accounts", params={"search": "zeta", "role": "operations"})).text
        onward = re.search(r'rel="next" href="(\?[^"]+)"', page)
        assert onward
        assert re.findall(
            r'class="number">(zeta\.\d)<', (await seat.get(f"/admin/accounts{onward[1].replace('&amp;', '&')}")).text
        ) == [
            "zeta.2",
            "zeta.3",
        ]
        assert await found(search="100% 4_") == ["zeta.4"]
        assert await found(search="100_") == []
        assert await found(search="zeta", role="auditor") == []
        assert await found(search="zeta\x00") == []


# -- scope


async def test_invariant_an_administrator_of_one_street_has_only_that_street(service: Service) -> None:
    """INVARIANT: an administrator of one street or department sees, makes and changes only what has that very scope."""
    own = await somebody(service, "community", "S01")
    others = [await somebody(service, role, scope) for role, scope in (("community", "S02"), ("operations", "*"))]
    async with window(service, await administrator(service, "S01")) as seat:
        page = (await seat.get("/admin/accounts", params={"search": "-"})).text
        assert own.username in page
        assert not [other.username for other in others if f">{other.username}<" in page]
        assert (await seat.get(f"/admin/accounts/{own.account_id}")).status_code == 200
        for other in others:
            there = f"/admin/accounts/{other.account_id}"
            assert (await seat.get(there)).status_code == 404
            for act in ("password", "disable", "enable", "second-factor", "sessions"):
                assert (await seat.post(f"{there}/{act}")).status_code == 404, act
            person = {"name": "夺", "role": "community", "scope": "S01"}
            assert (await seat.post(f"{there}/person", **person)).status_code == 404
            assert (await account_of(service, other)).disabled_at is None
        assert (await seat.get("/admin/accounts/00000000-0000-0000-0000-000000000000")).status_code == 404


@pytest.mark.parametrize(
    ("role", "scope"),
    [
        ("community", "S02"),
        ("operations", "*"),
        ("auditor", "*"),
        ("administrator", "*"),
        ("administrator", "S02"),
        ("handler", "S01"),
        ("handler", "CGJ"),
    ],
)
async def test_no_wider_reach_can_be_given_than_ones_own(service: Service, role: str, scope: str) -> None:
    own = await somebody(service, "community", "S01")
    async with window(service, await administrator(service, "S01")) as seat:
        for path, more in (
            ("/admin/accounts/new", {"username": "too.wide"}),
            (f"/admin/accounts/{own.account_id}/person", {}),
            ("/admin/tokens", {"days": "9"}),
        ):
            answer = await seat.post(path, **more | {"name": "甲", "role": role, "scope": scope})
            assert answer.status_code == 422, path
    async with service.engine.connect() as connection:
        assert await find_username(connection, "too.wide") is None
    now = await account_of(service, own)
    assert (now.role, now.scope) == ("community", "S01")
    assert not [row for row in await list_tokens(service.engine) if row.name == "甲"]


def test_roles_to_give_follow_from_the_givers_reach(door: City) -> None:
    def given(scope: str) -> set[str]:
        return set(roles_for(Caller(UUID(int=1), "甲", "administrator", scope), door.pack.registry))

    assert given("*") == set(ROLES)
    assert given("S01") == {role for role, rule in ROLES.items() if rule.reach == "street"} | {"administrator"}
    assert given("CGJ") == {role for role, rule in ROLES.items() if rule.reach == "department"} | {"administrator"}


async def test_invariant_nobody_administers_themselves(service: Service) -> None:
    """INVARIANT: nobody changes their own role or scope, nor disables or resets themselves."""
    boss = await administrator(service)
    there = f"/admin/accounts/{boss.account_id}"
    async with window(service, boss) as seat:
        page = (await seat.get(there)).text
        assert "这是您自己的账号" in page
        assert f'action="{there}' not in page
        for act in ("password", "disable", "enable", "second-factor", "sessions"):
            assert (await seat.post(f"{there}/{act}")).status_code == 403, act
        person = {"name": "甲", "role": "operations", "scope": "*"}
        assert (await seat.post(f"{there}/person", **person)).status_code == 403
        assert (await seat.get(there)).status_code == 200


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"administrator"}))
async def test_only_administrators_administer(service: Service, role: str) -> None:
    scope = {"street": "S01", "department": "CGJ"}.get(ROLES[role].reach, "*")  # type: ignore[index]
    person = await somebody(service, role, scope, second_factor=True)
    async with window(service, person) as seat:
        for path in ("/admin/accounts", "/admin/accounts/new", f"/admin/accounts/{person.account_id}", "/admin/tokens"):
            assert (await seat.get(path)).status_code == 403, path
        for path in ("/admin/accounts/new", f"/admin/accounts/{person.account_id}/disable", "/admin/tokens"):
            assert (await seat.post(path)).status_code == 403, path


# -- changed


async def test_each_act_on_an_account_ends_its_sessions_and_is_written_down(service: Service) -> None:
    """INVARIANT: whoever's password, role, scope or second factor is changed, and whoever is disabled, has no session
    left that was opened before."""
    acts = {
        "password": "account.reset",
        "person": "account.change",
        "second-factor": "account.second_factor_dropped",
        "sessions": "account.sessions_end",
        "disable": "account.disable",
    }
    boss = await administrator(service)
    async with window(service, boss) as seat:
        for act, action in acts.items():
            person = await somebody(service, "community", "S01", second_factor=True)
            async with window(service, person) as theirs:
                assert (await theirs.get("/account")).status_code == 200
                more = {"name": "甲", "role": "grid_officer", "scope": "S01"} if act == "person" else {}
                answer = await seat.post(f"/admin/accounts/{person.account_id}/{act}", **more)
                assert answer.status_code in (200, 303), (act, answer.text)
                assert (await theirs.get("/account")).status_code == 303, act
            [row] = await deeds(service, action, person.account_id)
            assert (row.actor, row.outcome) == (f"account:{boss.account_id}", "done")
            assert row.before != row.after or act == "sessions"


async def test_a_reset_password_is_shown_once_and_must_be_changed(service: Service) -> None:
    person = await somebody(service, "community", "S01")
    async with window(service, await administrator(service)) as seat:
        answer = await seat.post(f"/admin/accounts/{person.account_id}/password")
        shown = re.search(r'id="initial">([a-z0-9-]{19})<', answer.text)
        assert shown
    async with window(service) as theirs:
        assert (await theirs.post("/sign-in", username=person.username, password=PASSWORD)).status_code == 401
        assert (await theirs.post("/sign-in", username=person.username, password=shown[1])).status_code == 303
        assert (await theirs.get("/account")).headers["location"] == "/account/password"


async def test_an_account_is_closed_and_opened_again(service: Service) -> None:
    person = await somebody(service, "community", "S01")
    there = f"/admin/accounts/{person.account_id}"
    async with window(service, await administrator(service)) as seat, window(service) as theirs:
        for _ in range(2):
            assert (await seat.post(f"{there}/disable")).status_code == 303
        assert "已停用" in (await seat.get(there)).text
        assert (await theirs.post("/sign-in", username=person.username, password=PASSWORD)).status_code == 401
        await seat.post(f"{there}/enable")
        await theirs.signs_in(person)
        async with service.engine.begin() as connection:
            await connection.execute(
                text("update account set failures = 9, locked_until = :until where account_id = :id"),
                {"until": wall_now() + timedelta(minutes=30), "id": person.account_id},
            )
        assert "解除锁定" in (await seat.get(there)).text
        await seat.post(f"{there}/enable")
        await theirs.signs_in(person)
    assert len(await deeds(service, "account.disable", person.account_id)) == 1
    assert len(await deeds(service, "account.enable", person.account_id)) == 2


async def test_a_new_password_forgets_the_failures(service: Service) -> None:
    person = await somebody(service)
    async with service.group.unit() as unit:
        held = await hold_account(unit, person.account_id)
        await set_password(unit, OPERATOR, "account.reset", held, "x", must_change=True)
    now = await account_of(service, person)
    assert (now.failed.count, now.must_change, now.locked_until) == (0, True, None)


async def test_who_signs_in_elsewhere_is_given_no_password_here(service: Service) -> None:
    """It would open the account past the provider, also once they have left it."""
    person = Person("陈", "community", "S01")
    async with service.group.unit() as unit:
        who = ("https://id.test", "u-chen")
        account_id = await create_account(unit, OPERATOR, "chen@sso-0123456789abcdef", person, identity=who)
    async with window(service, await administrator(service)) as seat:
        page = (await seat.get(f"/admin/accounts/{account_id}")).text
        assert f"{account_id}/password" not in page
        assert (await seat.post(f"/admin/accounts/{account_id}/password")).status_code == 409
    assert (await account_of(service, Somebody(account_id, "", ""))).password is None


# -- tokens


async def test_a_token_is_shown_once_listed_and_revoked(service: Service) -> None:
    boss = await administrator(service, "S01")
    async with service.group.unit() as unit:
        create_token(unit, "别的街道", "community", "S02")
    async with window(service, boss) as seat:
        asked = {"name": "街道大屏", "role": "street_initiator", "scope": "S01", "days": "30"}
        made = await seat.post("/admin/tokens", **asked)
        assert made.status_code == 201
        shown = re.search(r'id="token">(wst_[\w-]+)<', made.text)
        assert shown
        caller = await service.tokens.caller(shown[1])
        assert (caller.role, caller.scope) == ("street_initiator", "S01")
        page = (await seat.get("/admin/tokens")).text
        assert "街道大屏" in page
        assert "别的街道" not in page
        assert shown[1] not in page
        await seat.post(f"/admin/tokens/{caller.id}/revoke")
        service.tokens._known.clear()
        with pytest.raises(Unauthenticated):
            await service.tokens.caller(shown[1])
        foreign = next(row for row in await list_tokens(service.engine) if row.name == "别的街道")
        assert (await seat.post(f"/admin/tokens/{foreign.token_id}/revoke")).status_code == 404
    [created] = await deeds(service, "token.create", caller.id)
    [revoked] = await deeds(service, "token.revoke", caller.id)
    assert (created.actor, revoked.actor) == (f"account:{boss.account_id}",) * 2
    assert created.asked["scope"] == "S01"
    assert shown[1] not in str(created)


@pytest.mark.parametrize("days", ["0", "366", "-1", "", "forever", "1e2", "٣"])
async def test_a_token_ends_within_a_year(service: Service, days: str) -> None:
    async with window(service, await administrator(service)) as seat:
        answer = await seat.post("/admin/tokens", name="x", role="operations", scope="*", days=days)
        assert (answer.status_code, "请填 1 到 365 天" in answer.text) == (422, True)
