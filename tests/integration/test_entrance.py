"""Signing in and out: sessions, and what is wrong at the door. On the real city, over HTTP."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from support.city import City
from support.window import OPERATOR, PASSWORD, Somebody, account_of, deeds, somebody, window
from whistle_shared.auth import disable_account, end_sessions, hold_account, list_sessions, renew_session, set_password
from whistle_shared.auth import passwords as passwords_module
from whistle_shared.runtime import Service
from whistle_shared.timesource import wall_now

OTHER = "seven copper kettles sing softly"


@pytest.fixture
def service(door: City) -> Service:
    """A service with pages, of which the first is everybody's beginning."""
    return door.services["dispatch"]


async def locked(service: Service, person: Somebody, seconds: float, failures: int = 5) -> None:
    """The account as it is after failures, `seconds` before it opens again (negative: after)."""
    async with service.engine.begin() as connection:
        await connection.execute(
            text("update account set failures = :n, locked_until = :until where account_id = :id"),
            {"n": failures, "until": wall_now() + timedelta(seconds=seconds), "id": person.account_id},
        )


def first(answer: httpx.Response) -> str:
    """The text of the first message about something wrong."""
    found = re.search(r'role="alert">.*?<p>([^<]+)<', answer.text, re.DOTALL)
    assert found, answer.text
    return found[1]


# -- sessions


async def test_a_session_begins_with_a_password_and_ends_with_signing_out(service: Service) -> None:
    person = await somebody(service)
    async with window(service) as seat:
        assert (await seat.get("/account")).headers["location"] == "/sign-in?next=%2Faccount"
        answer = await seat.signs_in(person)
        assert answer.headers["location"] == "/"
        assert person.username in (await seat.get("/account")).text
        kept = dict(seat.client.cookies)
        left = await seat.post("/sign-out")
        assert left.headers["location"] == "/sign-in"
        assert seat.cookie is None
        seat.client.cookies.update(kept)
        assert (await seat.get("/account")).status_code == 303
    [done] = await deeds(service, "sign_in", person.account_id)
    assert (done.actor, done.outcome, done.address) == (f"account:{person.account_id}", "done", "127.0.0.1")
    assert len(await deeds(service, "sign_out", person.account_id)) == 1


@pytest.mark.parametrize(("scheme", "prefix", "secure"), [("https", "__Host-", True), ("http", "", False)])
async def test_the_cookie_is_kept_to_this_very_host(service: Service, scheme: str, prefix: str, secure: bool) -> None:
    person = await somebody(service)
    async with window(service, scheme=scheme) as seat:
        answer = await seat.signs_in(person)
    [cookie] = answer.headers.get_list("set-cookie")
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert cookie.startswith(f"{prefix}whistle-dispatch=")
    assert {"httponly", "path=/", "samesite=lax"} <= attributes
    assert ("secure" in attributes) == secure
    assert not any(part.startswith("domain") for part in attributes)


@pytest.mark.parametrize(("scheme", "prefix"), [("https", "__Host-"), ("http", "")])
async def test_so_are_those_of_language_and_theme(service: Service, scheme: str, prefix: str) -> None:
    async with window(service, scheme=scheme) as seat:
        answer = await seat.get("/sign-in?lang=en&theme=dark")
        kept = {cookie.partition("=")[0]: cookie for cookie in answer.headers.get_list("set-cookie")}
        assert set(kept) == {f"{prefix}whistle_lang", f"{prefix}whistle_theme"}
        assert all(("; Secure" in cookie) == bool(prefix) and "Path=/" in cookie for cookie in kept.values())
        page = (await seat.get("/sign-in")).text
        assert 'lang="en"' in page
        assert "Sign in" in page


async def test_invariant_a_session_has_a_secret_of_its_own(service: Service) -> None:
    """INVARIANT: a session begins with a secret of its own whatever the browser brought along."""
    person, victim = await somebody(service), await somebody(service, second_factor=True)
    async with window(service, person) as seat:
        planted = seat.cookie
        await seat.signs_in(victim)
        assert seat.cookie not in (None, planted)
    async with window(service) as attacker:
        attacker.plants("whistle-dispatch", planted or "")
        assert (await attacker.get("/account")).status_code == 303
        attacker.plants("whistle-dispatch", "chosen-by-somebody-else")
        await attacker.signs_in(person)
        assert attacker.cookie != "chosen-by-somebody-else"


async def test_one_session_or_all_can_be_ended(service: Service) -> None:
    person = await somebody(service)
    async with window(service, person) as seat, window(service, person) as lost, window(service, person) as third:
        page = (await seat.get("/account")).text
        assert page.count("Window/1") == 2 * 3
        assert page.count("127.0.0.1") == 3
        async with service.engine.connect() as connection:
            sessions = await list_sessions(connection, person.account_id)
        ours = sessions[2].session_id
        await seat.post("/account/sessions", session=str(sessions[1].session_id))
        assert (await lost.get("/account")).status_code == 303
        assert (await seat.get("/account")).status_code == 200
        assert (await seat.post("/account/sessions", session="nonsense")).status_code == 404
        stranger = await somebody(service)
        async with window(service, stranger) as other:
            await other.post("/account/sessions", session=str(ours))
        assert (await seat.get("/account")).status_code == 200
        answer = await seat.post("/account/sessions", session="all")
        assert answer.headers["location"] == "/sign-in"
        assert (await third.get("/account")).status_code == 303


async def test_invariant_a_session_that_has_ended_is_not_renewed(service: Service) -> None:
    """INVARIANT: what the cookie carries is worth nothing afterwards, also where a page was under way at its end."""
    person = await somebody(service)
    async with window(service, person) as seat:
        assert seat.cookie
        async with service.group.unit() as unit:
            await end_sessions(unit, person.account_id)
        async with service.group.unit() as unit:
            await renew_session(unit, seat.cookie)
        assert (await seat.get("/account")).status_code == 303


@pytest.mark.parametrize("origin", [None, "null", "https://elsewhere.test", "https://dispatch.test"])
@pytest.mark.parametrize("form", ["/sign-in", "/sign-out", "/account/password", "/account/sessions"])
async def test_invariant_a_form_is_accepted_only_from_its_own_origin(
    service: Service, form: str, origin: str | None
) -> None:
    """INVARIANT: a form that changes something is accepted only from a page of this very origin."""
    person = await somebody(service)
    async with window(service, person) as seat:
        if origin is None:
            del seat.client.headers["origin"]
        else:
            seat.client.headers["origin"] = origin
        fields = {"username": person.username, "password": PASSWORD, "session": "all", "current_password": PASSWORD}
        answer = await seat.post(form, **fields, new_password=OTHER, repeated=OTHER)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
        assert (await seat.get("/account")).status_code == 200
    assert (await account_of(service, person)).password_at < wall_now() - timedelta(0)
    assert not await deeds(service, "account.password", person.account_id)


@pytest.mark.parametrize(
    ("onward", "goes"),
    [
        ("/account/password", "/account/password"),
        ("/admin/accounts?search=%E7%8E%8B&role=", "/admin/accounts?search=%E7%8E%8B&role="),
        ("//elsewhere.test/", "/"),
        ("/\\elsewhere.test", "/"),
        ("https://elsewhere.test/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/elsewhere.test", "/"),
        ("/a\r\nset-cookie: x=1", "/"),
        ("", "/"),
    ],
)
async def test_signing_in_leads_to_a_page_of_this_service_only(service: Service, onward: str, goes: str) -> None:
    person = await somebody(service)
    async with window(service) as seat:
        shown = await seat.get("/sign-in", params={"next": onward})
        assert not re.search(r'"[^"?]*elsewhere', shown.text)  # but in the page's own address
        answer = await seat.signs_in(person, next=onward)
        assert answer.headers["location"] == goes
        again = await seat.get("/sign-in", params={"next": onward})
        assert (again.status_code, again.headers["location"]) == (303, goes)


async def test_the_page_that_was_asked_for_comes_after_the_second_factor_too(service: Service) -> None:
    person = await somebody(service, "administrator", second_factor=True)
    async with window(service) as seat:
        asked = await seat.get("/admin/accounts?search=li")
        assert asked.headers["location"] == "/sign-in?next=%2Fadmin%2Faccounts%3Fsearch%3Dli"
        answer = await seat.signs_in(person, next="/admin/accounts?search=li")
        assert answer.headers["location"] == "/admin/accounts?search=li"


# -- what is wrong at the door


async def test_whoever_comes_to_the_beginning_gets_the_first_page_that_is_theirs(door: City) -> None:
    for name in ("escalation", "dispatch", "department.hosted"):
        service = door.services[name]
        async with window(service, await somebody(service, "administrator", second_factor=True)) as seat:
            assert (await seat.get("/")).headers["location"] == "/admin/accounts", name


async def test_a_wrong_password_keeps_the_name_and_tells_nothing(service: Service) -> None:
    person = await somebody(service)
    async with window(service) as seat:
        wrong = await seat.post("/sign-in", username=person.username, password="not this one")
        nobody = await seat.post("/sign-in", username="nobody-of-that-name", password="not this one")
    assert (wrong.status_code, nobody.status_code) == (401, 401)
    assert first(wrong) == first(nobody) == "用户名或密码不对。请核对后再试。"
    assert f'value="{person.username}"' in wrong.text
    assert "not this one" not in wrong.text
    [row] = await deeds(service, "sign_in_refused", person.account_id)
    assert (row.actor, row.outcome, row.asked["why"]) == ("nobody", "refused", "wrong")
    unknown = (await deeds(service, "sign_in_refused"))[-1]
    assert (unknown.subject, unknown.asked) == (None, {"why": "no such account"})
    assert "nobody-of-that-name" not in str(unknown)


@pytest.mark.parametrize("username", ["nobody-at-all", "", "\x00", "' or 1=1 --", "x" * 600])
async def test_invariant_a_sign_in_takes_the_same_work_whoever_it_is(
    service: Service, monkeypatch: pytest.MonkeyPatch, username: str
) -> None:
    """INVARIANT: a sign-in takes the same work whether the account exists, has a password, or is closed."""
    person, closed = await somebody(service), await somebody(service)
    async with service.group.unit() as unit:
        await disable_account(unit, OPERATOR, await hold_account(unit, closed.account_id))
    await locked(service, person, 600)
    keeper = service.app.state.doorkeeper
    await keeper.hasher.verify(None, "warm")
    asked: list[str] = []
    check = passwords_module.is_password

    def counted(kept: str, password: str) -> bool:
        asked.append(kept.split("$")[3])
        return check(kept, password)

    monkeypatch.setattr(passwords_module, "is_password", counted)
    async with window(service) as seat:
        for name in (username, person.username, closed.username):
            await seat.post("/sign-in", username=name, password="not this one")
    assert len(asked) == 3
    assert len(set(asked)) == 1


async def test_five_failures_close_the_sign_in_and_say_for_how_long(service: Service) -> None:
    person = await somebody(service)
    async with window(service, person) as inside, window(service) as seat:
        for _ in range(4):
            assert (await seat.post("/sign-in", username=person.username, password="wrong")).status_code == 401
        fifth = await seat.post("/sign-in", username=person.username, password="wrong")
        assert fifth.status_code == 429
        assert 55 <= int(fifth.headers["retry-after"]) <= 60
        right = await seat.post("/sign-in", username=person.username, password=PASSWORD)
        assert right.status_code == 429
        assert re.search(r"已暂时锁定。请 (\d+ 秒|1 分钟) 后再试；已登录的页面不受影响。", first(right))
        english = await seat.client.post("/sign-in?lang=en", data={"username": person.username, "password": PASSWORD})
        assert re.search(r"locked for now\. Try again in (\d+ seconds|1 minute);", first(english))
        # INVARIANT: failures close the sign-in and nothing else: sessions that are open stay open.
        assert (await inside.get("/account")).status_code == 200
    refused = await deeds(service, "sign_in_refused", person.account_id)
    assert [row.asked["why"] for row in refused] == ["wrong"] * 4 + ["locked"] * 3


async def test_invariant_many_attempts_at_once_are_no_more_than_one_after_another(service: Service) -> None:
    """INVARIANT: whether an account is locked, disabled or its password has changed is decided under a lock on its row,
    after the slow work."""
    person = await somebody(service)
    async with window(service) as seat:
        tried = [seat.post("/sign-in", username=person.username, password=f"guess {n}") for n in range(12)]
        answers = await asyncio.gather(*tried)
    assert sorted(answer.status_code for answer in answers) == [401] * 4 + [429] * 8
    assert (await account_of(service, person)).failed.count == 5


async def test_a_name_without_an_account_is_closed_by_the_same_rule(service: Service) -> None:
    """INVARIANT: a name without an account is closed by the same rule, so that being closed tells nothing."""
    async with window(service) as seat:
        person = await somebody(service)
        known = [await seat.post("/sign-in", username=person.username, password="wrong") for _ in range(7)]
        answers = [await seat.post("/sign-in", username="Ghost-Who-Knocks", password="wrong") for _ in range(4)]
        answers += [await seat.post("/sign-in", username="ghost-who-knocks", password="wrong") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [401] * 4 + [429] * 3
    assert [answer.status_code for answer in answers] == [answer.status_code for answer in known]
    assert [first(answer) for answer in answers][:5] == [first(answer) for answer in known][:5]


async def test_failures_while_it_is_closed_do_not_keep_it_closed(service: Service) -> None:
    person = await somebody(service)
    await locked(service, person, 30)
    before = (await account_of(service, person)).failed
    async with window(service) as seat:
        assert (await seat.post("/sign-in", username=person.username, password="wrong")).status_code == 429
        assert (await account_of(service, person)).failed == before
        await locked(service, person, -1)
        again = await seat.post("/sign-in", username=person.username, password="wrong")
        assert (again.status_code, 110 <= int(again.headers["retry-after"]) <= 120) == (429, True)
        await locked(service, person, -1)
        await seat.signs_in(person)
    assert (await account_of(service, person)).failed.count == 0


async def test_whoever_is_disabled_learns_it_with_the_right_password_only(service: Service) -> None:
    person = await somebody(service)
    async with window(service, person) as seat:
        async with service.group.unit() as unit:
            await disable_account(unit, OPERATOR, await hold_account(unit, person.account_id))
        assert (await seat.get("/account")).status_code == 303
        wrong = await seat.post("/sign-in", username=person.username, password="wrong")
        right = await seat.post("/sign-in", username=person.username, password=PASSWORD)
        assert (wrong.status_code, right.status_code) == (401, 401)
        assert "已停用" not in wrong.text
        assert "该账号已停用" in first(right)
        assert (await seat.get("/account")).status_code == 303


async def test_invariant_a_sign_in_under_way_outlives_no_reset(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INVARIANT: whoever's password is changed has no session left that the old one opens."""
    person = await somebody(service)
    keeper = service.app.state.doorkeeper
    knows = keeper.knows

    async def knows_slowly(*given: Any) -> Any:
        found = await knows(*given)
        async with service.group.unit() as unit:
            held = await hold_account(unit, person.account_id)
            await set_password(unit, OPERATOR, "account.reset", held, "a hash", must_change=True)
        return found

    monkeypatch.setattr(keeper, "knows", knows_slowly)
    async with window(service) as seat:
        answer = await seat.post("/sign-in", username=person.username, password=PASSWORD)
        assert (answer.status_code, seat.cookie) == (401, None)


@pytest.mark.parametrize(
    "body", [b"", b"username=", b"username=%00&password=%00", b"\xff\xfe", b"&".join(b"a=1" for _ in range(99))]
)
async def test_a_strange_form_is_a_wrong_password(service: Service, body: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    async with window(service) as seat:
        answer = await seat.client.post("/sign-in?lang=en", content=body, headers=headers)
        assert answer.status_code in (401, 429)
        assert answer.headers["cache-control"] == "no-store"


async def test_an_address_that_fails_too_often_gets_a_page_and_the_time(door: City) -> None:
    strict = door.build("dispatch", limits={"failed": 3})
    person = await somebody(door.services["dispatch"])
    async with window(strict) as seat:
        for n in range(3):
            assert (await seat.post("/sign-in", username=f"someone-{n}", password="wrong")).status_code == 401
        answer = await seat.post("/sign-in", username=person.username, password=PASSWORD)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 60
        assert "这个网络地址输错的次数太多" in first(answer)
    await strict.engine.dispose()
    await strict.command_engine.dispose()


async def test_invariant_a_flood_is_turned_away_and_the_loop_stays_free(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INVARIANT: a flood of sign-ins never takes the event loop, nor more than two processors."""
    monkeypatch.setattr(passwords_module, "_MOST_WAITING", 0)
    person = await somebody(service)
    async with window(service) as seat:
        answer = await seat.post("/sign-in", username=person.username, password=PASSWORD)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert "此刻登录的人太多" in first(answer)


async def test_local_accounts_can_be_switched_off(door: City) -> None:
    person = await somebody(door.services["dispatch"])
    sealed = door.build("dispatch", local_accounts=True)
    object.__setattr__(sealed.settings, "local_accounts", False)
    async with window(sealed) as seat:
        assert 'name="password"' not in (await seat.get("/sign-in")).text
        assert (await seat.post("/sign-in", username=person.username, password=PASSWORD)).status_code == 403
    await sealed.engine.dispose()
    await sealed.command_engine.dispose()
