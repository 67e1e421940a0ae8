"""One's own account over HTTP: passwords, the second factor, what a role opens. On the real city."""

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from support.city import City
from support.window import OPERATOR, PASSWORD, Somebody, Window, account_of, deeds, somebody, window, with_device
from whistle_shared.auth import Hasher, change_person, hold_account, is_outdated, set_password
from whistle_shared.auth import Person as NewPerson
from whistle_shared.entrance import letting_in
from whistle_shared.runtime import Service
from whistle_shared.timesource import wall_now

OTHER = "seven copper kettles sing softly"
INLINE = re.compile(r" style=|<style|<script(?![^>]* src=)[^>]*>| on[a-z]+=|javascript:")


@pytest.fixture
def service(door: City) -> Service:
    """A service without pages of its own."""
    return door.services["dispatch"]


# -- passwords


async def test_an_initial_password_opens_nothing_but_the_choice_of_another(door: City) -> None:
    """INVARIANT: with an initial password nothing is open but choosing another."""
    service = door.services["escalation"]
    person = await somebody(service, "administrator", must_change=True)
    async with window(service) as seat:
        await seat.signs_in(person)
        for path in ("/", "/account", "/admin/accounts", "/admin/tokens", "/account/second-factor", "/admin/audit"):
            assert (await seat.get(path)).headers["location"] == "/account/password", path
        for path in ("/admin/accounts/new", "/account/second-factor", "/admin/tokens"):
            assert (await seat.post(path)).headers["location"] == "/account/password", path
        assert (await seat.client.head("/live?topic=dashboard")).status_code == 401
        page = await seat.get("/account/password")
        assert 'name="current_password"' not in page.text
        assert 'autocomplete="new-password"' in page.text
        answer = await seat.post("/account/password", new_password=OTHER, repeated=OTHER)
        assert answer.headers["location"] == "/admin/accounts"
        assert (await seat.get("/admin/accounts")).headers["location"] == "/account/second-factor"
    assert not (await account_of(service, person)).must_change


@pytest.mark.parametrize(
    ("new", "says"),
    [
        ("short one", "太短"),
        ("x" * 200, "太长"),
        ("passwordpassword", "太容易被猜到"),
        ("chuishaobaodao", "太容易被猜到"),
        (PASSWORD, "与现在的密码相同"),
        # The same letters in full width: NFKC makes them one.
        ("".join(chr(ord(c) + 0xFEE0) if c != " " else c for c in PASSWORD), "与现在的密码相同"),
    ],
)
async def test_a_password_that_will_not_do_is_refused_with_the_reason(service: Service, new: str, says: str) -> None:
    person = await somebody(service)
    async with window(service, person) as seat:
        answer = await seat.post("/account/password", current_password=PASSWORD, new_password=new, repeated=new)
        assert answer.status_code == 422
        assert says in answer.text
        assert '<a href="#new_password">' in answer.text
        assert 'aria-invalid="true" aria-describedby="new_password-help new_password-wrong"' in answer.text


async def test_a_password_takes_the_present_one_and_itself_twice(service: Service) -> None:
    person = await somebody(service)
    async with window(service, person) as seat:
        wrong = await seat.post("/account/password", current_password="guess", new_password=OTHER, repeated=OTHER)
        assert (wrong.status_code, "现在的密码不对" in wrong.text) == (401, True)
        differ = await seat.post("/account/password", current_password=PASSWORD, new_password=OTHER, repeated="x")
        assert (differ.status_code, "两次输入的新密码不一样" in differ.text) == (422, True)
        done = await seat.post("/account/password", current_password=PASSWORD, new_password=OTHER, repeated=OTHER)
        assert (done.status_code, done.headers["location"]) == (303, "/account")
        old = await seat.post("/sign-in", username=person.username, password=PASSWORD)
        assert old.status_code == 401
    assert len(await deeds(service, "password_refused", person.account_id)) == 1
    [row] = await deeds(service, "account.password", person.account_id)
    assert OTHER not in str(row)


async def test_a_hash_by_weaker_parameters_is_renewed_at_the_next_sign_in(service: Service) -> None:
    person = await somebody(service)
    weak = PasswordHasher(time_cost=1, memory_cost=512, parallelism=1).hash(PASSWORD)
    async with service.engine.begin() as connection:
        await connection.execute(
            text("update account set password = :weak where account_id = :id"),
            {"weak": weak, "id": person.account_id},
        )
    async with window(service, person):
        kept = (await account_of(service, person)).password
    assert kept != weak
    assert not is_outdated(kept)


async def test_what_is_kept_of_a_password_is_no_password(service: Service) -> None:
    person = await somebody(service, second_factor=True)
    async with service.engine.connect() as connection:
        rows = await connection.execute(
            text("select a::text from account a where account_id = :id"), {"id": person.account_id}
        )
        everything = str(rows.all())
    assert PASSWORD not in everything
    assert (person.secret or "") not in everything
    assert not any(code in everything for code in person.codes)


# -- the second factor


async def _sets_up(seat: Window, person: Somebody, status: int = 200) -> tuple[Somebody, httpx.Response]:
    page = (await seat.get("/account/second-factor")).text
    setup = re.search(r'name="setup" value="([0-9a-f]+)"', page)
    secret = re.search(r'class="secret">([A-Z2-7 ]+)<', page)
    assert setup, page
    assert secret, page
    with_one = Somebody(person.account_id, person.username, person.password, secret[1].replace(" ", ""))
    answer = await seat.post("/account/second-factor", setup=setup[1], code=with_one.digits(), password=person.password)
    assert answer.status_code == status, answer.text
    with_one.codes = tuple(re.findall(r'<li class="secret">([a-z0-9-]+)<', answer.text))
    return with_one, answer


async def test_the_secret_changes_with_the_second_factor_and_the_password(service: Service) -> None:
    person = await somebody(service)
    async with window(service, person) as seat, window(service, person) as elsewhere:
        before = seat.cookie
        await _sets_up(seat, person)
        after = seat.cookie
        assert after not in (None, before)
        assert (await elsewhere.get("/account")).status_code == 303
        await seat.post("/account/password", current_password=PASSWORD, new_password=OTHER, repeated=OTHER)
        assert seat.cookie not in (None, before, after)
        assert (await seat.get("/account")).status_code == 200


@pytest.mark.parametrize("role", ["administrator", "auditor"])
async def test_invariant_whoever_administers_reaches_only_the_setting_up_first(door: City, role: str) -> None:
    """INVARIANT: with a role that administers, nothing is open before the second factor."""
    service = door.services["escalation"]
    person = await somebody(service, role)
    async with window(service, person) as seat:
        for path in ("/", "/account", "/admin/accounts", "/admin/accounts/new", "/admin/tokens", "/admin/audit"):
            assert (await seat.get(path)).headers["location"] == "/account/second-factor", path
        assert (await seat.post("/admin/accounts/new")).headers["location"] == "/account/second-factor"
        assert (await seat.client.head("/live?topic=dashboard")).status_code == 401
        _, answer = await _sets_up(seat, person)
        assert "请保存备用码" in answer.text
        assert (await seat.get("/account")).status_code == 200
    [row] = await deeds(service, "account.second_factor", person.account_id)
    assert (row.before["second_factor"], row.after["second_factor"]) == (False, True)


async def test_the_picture_for_the_phone_keeps_the_policy(service: Service) -> None:
    person = await somebody(service)
    async with window(service, person) as seat:
        answer = await seat.get("/account/second-factor")
    assert "<svg" in answer.text
    assert not INLINE.findall(answer.text)
    assert "data:" not in answer.text
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


async def test_a_second_factor_is_set_up_with_its_digits_and_the_password(service: Service) -> None:
    """INVARIANT: a secret is kept nowhere but in the page, sealed for this session, until it is confirmed."""
    person = await somebody(service)
    async with window(service, person) as seat, window(service, await somebody(service)) as other:
        page = (await seat.get("/account/second-factor")).text
        setup = re.search(r'name="setup" value="([0-9a-f]+)"', page)
        assert setup
        sent = {"setup": setup[1], "code": "000000", "password": PASSWORD}
        wrong = await seat.post("/account/second-factor", **sent)
        assert (wrong.status_code, "验证码不对" in wrong.text) == (422, True)
        again = await seat.post("/account/second-factor", **sent | {"password": "guess"})
        assert (again.status_code, "密码不对" in again.text) == (401, True)
        # Sealed for this session: in another one it is nothing.
        assert (await other.post("/account/second-factor", **sent)).headers["location"] == "/account/second-factor"
    assert (await account_of(service, person)).second_factor is None


async def test_with_a_second_factor_the_password_alone_opens_nothing(service: Service) -> None:
    person = await somebody(service, second_factor=True)
    async with window(service) as seat:
        answer = await seat.post("/sign-in", username=person.username, password=PASSWORD)
        assert answer.headers["location"] == "/sign-in/second-factor"
        assert seat.cookie is None
        assert (await seat.get("/account")).headers["location"] == "/sign-in?next=%2Faccount"
        assert 'autocomplete="one-time-code"' in (await seat.get("/sign-in/second-factor")).text
        wrong = await seat.post("/sign-in/second-factor", code="000000")
        assert (wrong.status_code, seat.cookie) == (401, None)
        right = await seat.post("/sign-in/second-factor", code=f" {person.digits()[:3]} {person.digits()[3:]} ")
        assert right.headers["location"] == "/"
        assert (await seat.get("/account")).status_code == 200
    assert len(await deeds(service, "second_factor_refused", person.account_id)) == 1


async def test_invariant_six_digits_are_accepted_once(service: Service) -> None:
    """INVARIANT: six digits and a recovery code are each accepted once."""
    person = await somebody(service, second_factor=True)
    digits = person.digits()
    async with window(service) as seat, window(service) as listener:
        for one in (seat, listener):
            await one.post("/sign-in", username=person.username, password=PASSWORD)
        assert (await seat.post("/sign-in/second-factor", code=digits)).status_code == 303
        assert (await listener.post("/sign-in/second-factor", code=digits)).status_code == 401
        assert (await listener.post("/sign-in/second-factor", code=person.digits(-1))).status_code == 401
        assert (await listener.post("/sign-in/second-factor", code=person.digits(1))).status_code == 303


@pytest.mark.parametrize(("ahead", "status"), [(-2, 401), (-1, 303), (1, 303), (2, 401)])
async def test_a_clock_may_be_one_step_off(service: Service, ahead: int, status: int) -> None:
    person = await somebody(service, second_factor=True)
    async with window(service) as seat:
        await seat.post("/sign-in", username=person.username, password=PASSWORD)
        assert (await seat.post("/sign-in/second-factor", code=person.digits(ahead))).status_code == status


async def test_a_recovery_code_is_accepted_once_however_it_is_typed(service: Service) -> None:
    person = await somebody(service, second_factor=True)
    typed = person.codes[3].upper().replace("-", " ")
    async with window(service) as seat:
        await seat.post("/sign-in", username=person.username, password=PASSWORD)
        assert (await seat.post("/sign-in/second-factor", code=typed)).status_code == 303
        assert "备用码还剩 9 个" in (await seat.get("/account")).text
        await seat.post("/sign-out")
        await seat.post("/sign-in", username=person.username, password=PASSWORD)
        assert (await seat.post("/sign-in/second-factor", code=typed)).status_code == 401
    [row] = await deeds(service, "account.recovery_used", person.account_id)
    assert row.asked == {"left": 9}


async def test_failures_of_the_second_factor_count_and_the_password_does_not_forgive_them(service: Service) -> None:
    person = await somebody(service, second_factor=True)
    async with window(service) as seat:
        for n in range(5):
            await seat.post("/sign-in", username=person.username, password=PASSWORD)
            answer = await seat.post("/sign-in/second-factor", code="000000")
            assert answer.status_code == (401 if n < 4 else 429)
        assert (await seat.post("/sign-in/second-factor", code=person.digits())).status_code == 429
        assert (await seat.post("/sign-in", username=person.username, password=PASSWORD)).status_code == 429


async def test_being_half_way_ends_with_time_and_with_the_password(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await somebody(service, second_factor=True)
    async with window(service) as seat:
        await seat.post("/sign-in", username=person.username, password=PASSWORD)
        monkeypatch.setattr(letting_in, "wall_now", lambda: wall_now() + timedelta(minutes=6))
        late = await seat.post("/sign-in/second-factor", code=person.digits())
        assert late.headers["location"] == "/sign-in"
        monkeypatch.undo()
        await with_device(service, person)
        changed = await seat.post("/sign-in/second-factor", code=person.digits())
        assert changed.headers["location"] == "/sign-in"
        for forged in ("", "00", "zz", "ff" * 60):
            seat.plants("whistle-dispatch-half", forged)
            assert (await seat.get("/sign-in/second-factor")).headers["location"] == "/sign-in"


async def test_other_recovery_codes_and_giving_up_take_a_code(service: Service) -> None:
    person = await somebody(service, second_factor=True)
    async with window(service, person) as seat, window(service) as outside:
        assert (await outside.post("/account/second-factor/end", code="1")).headers["location"] == "/sign-in"
        for act in ("codes", "end"):
            wrong = await seat.post(f"/account/second-factor/{act}", code="000000")
            assert (wrong.status_code, "验证码不对" in wrong.text) == (401, True)
        fresh = await seat.post("/account/second-factor/codes", code=person.codes[0])
        renewed = re.findall(r'<li class="secret">([a-z0-9-]+)<', fresh.text)
        assert len(renewed) == 10
        assert not set(renewed) & set(person.codes)
        assert (await seat.post("/account/second-factor/end", code=person.codes[1])).status_code == 401
        gone = await seat.post("/account/second-factor/end", code=renewed[0])
        assert gone.headers["location"] == "/account/second-factor"
        assert (await seat.get("/account")).status_code == 200
    assert not (await account_of(service, person)).has_second_factor
    assert len(await deeds(service, "account.second_factor_dropped", person.account_id)) == 1


# -- what changes while a request is under way


@pytest.mark.parametrize("path", ["/account/password", "/account/second-factor", "/account/second-factor/codes"])
async def test_invariant_a_request_under_way_outlives_no_reset(
    service: Service, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """INVARIANT: whoever's password is changed has no session left that was opened before; nor does one that was under
    way then open another, or set a password of its own."""
    person = await somebody(service, second_factor=path.endswith("codes"))
    async with window(service, person) as seat:
        before = seat.cookie

        async def resets() -> None:
            async with service.group.unit() as unit:
                held = await hold_account(unit, person.account_id)
                await set_password(unit, OPERATOR, "account.reset", held, "a hash", must_change=True)

        keeper = service.app.state.doorkeeper
        whichever = "confirms" if path.endswith("codes") else "repeats"
        look = getattr(keeper, whichever)

        async def looks_slowly(*given: Any) -> Any:
            found = await look(*given)
            await resets()
            return found

        monkeypatch.setattr(keeper, whichever, looks_slowly)
        if path.endswith("password"):
            answer = await seat.post(path, current_password=PASSWORD, new_password=OTHER, repeated=OTHER)
        elif path.endswith("codes"):
            answer = await seat.post(path, code=person.codes[0])
        else:
            answer = (await _sets_up(seat, person, status=303))[1]
        assert answer.headers["location"] == "/sign-in"
        assert seat.cookie == before
    now = await account_of(service, person)
    assert (now.password, now.must_change) == ("a hash", True)
    assert now.has_second_factor == path.endswith("codes")
    assert await deeds(service, "account.recovery", person.account_id) == []


# -- roles and pages


async def test_a_changed_role_ends_every_session(service: Service) -> None:
    """INVARIANT: whoever's role or scope is changed has no session left that was opened before."""
    person = await somebody(service, "inspector")
    async with window(service, person) as seat:
        async with service.group.unit() as unit:
            held = await hold_account(unit, person.account_id)
            await change_person(unit, OPERATOR, held, NewPerson("王建国", "inspector", "*"))
        assert (await seat.get("/account")).status_code == 200
        async with service.group.unit() as unit:
            held = await hold_account(unit, person.account_id)
            await change_person(unit, OPERATOR, held, NewPerson("王建国", "operations", "*"))
        assert (await seat.get("/account")).status_code == 303


async def test_a_role_without_the_right_gets_a_page_that_says_so(door: City) -> None:
    escalation = door.services["escalation"]
    async with window(escalation, await somebody(escalation, "informant", "S01")) as seat:
        answer = await seat.get("/?lang=en")
        assert answer.status_code == 403
        assert "Your role may not do this" in answer.text
        assert (await seat.client.head("/live?topic=dashboard")).status_code == 403
        assert (await seat.get("/admin/accounts")).status_code == 403


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_pages_keep_a_strict_policy_and_one_language(service: Service, lang: str) -> None:
    """INVARIANT: a page needs no inline script and no inline style, so its policy allows none."""
    person = await somebody(service, "administrator", second_factor=True)
    paths = ["/account", "/account/password", "/account/second-factor", "/admin/accounts", "/admin/accounts/new"]
    paths += ["/admin/tokens", f"/admin/accounts/{person.account_id}", "/admin/accounts/nothing"]
    async with window(service, person) as seat:
        for path in paths[:-1]:
            answer = await seat.get(path, params={"lang": lang, "theme": "dark"})
            assert answer.status_code == 200, path
            assert "unsafe" not in answer.headers["content-security-policy"]
            assert answer.headers["cache-control"] == "no-store"
            assert not INLINE.findall(answer.text), path
            # The page's script fills in how much time is left.
            assert "%(" not in re.sub(r'data-spans="[^"]*"', "", answer.text), path
            assert f'<html lang="{"zh-CN" if lang == "zh" else "en"}" data-bs-theme="dark"' in answer.text


async def test_a_person_whose_database_is_away_gets_a_page_that_tries_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise ConnectionRefusedError

    async with window(service, await somebody(service)) as seat:
        monkeypatch.setattr("whistle_shared.entrance.own_account.list_sessions", away)
        answer = await seat.get("/account")
        assert (answer.status_code, answer.headers["refresh"]) == (503, "5")
        assert "自动重试" in answer.text


async def test_a_hasher_knows_nobody() -> None:
    """INVARIANT: of nobody's password it never is the right one."""
    hasher = Hasher()
    assert not await hasher.verify(None, "")
    assert not await hasher.verify("no hash at all", "x")
    assert await hasher.verify(await hasher.hash("ａbc"), "abc")
