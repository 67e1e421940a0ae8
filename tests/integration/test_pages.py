"""The dashboard below the browser: its sessions and headers. On the real city."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from support.city import City
from support.entrance import Entrance
from support.listening import enters, visiting
from support.window import OPERATOR, Somebody
from whistle_shared.auth import disable_account, hold_account

STREAM = "/live?topic=dashboard"


# -- sessions


async def test_invariant_a_session_ends_with_its_account(city: City, entrance: Entrance, viewer: Somebody) -> None:
    """INVARIANT: a session ends with its account, by signing out, after IDLE without use, and after LASTING in any
    case."""
    service = city.services["escalation"]
    async with visiting(entrance, viewer) as client:
        assert (await client.get("/")).status_code == 200
        async with service.group.unit() as unit:
            await disable_account(unit, OPERATOR, await hold_account(unit, viewer.account_id))
        assert (await client.get("/")).headers["location"] == "/sign-in"
        assert (await client.head(STREAM)).status_code == 401


async def test_a_session_ends_after_a_week_however_much_it_is_used(
    city: City, entrance: Entrance, viewer: Somebody
) -> None:
    service = city.services["escalation"]
    async with visiting(entrance, viewer) as client:
        async with service.engine.begin() as connection:
            await connection.execute(
                text("update web_session set ends_at = now() + interval '2 h', expires_at = now() + interval '1 h'")
            )
        assert (await client.get("/")).status_code == 200
        async with service.engine.begin() as connection:
            found = await connection.execute(text("select expires_at = ends_at from web_session"))
            assert found.scalar_one() is True
            await connection.execute(text("update web_session set expires_at = now(), ends_at = now()"))
        assert (await client.get("/")).status_code == 303


async def test_a_session_expires_without_use_and_is_renewed_by_use(
    city: City, entrance: Entrance, viewer: Somebody
) -> None:
    service = city.services["escalation"]

    async def left() -> timedelta:
        async with service.engine.connect() as connection:
            found = await connection.execute(text("select max(expires_at) - now() from web_session"))
            span: timedelta = found.scalar_one()
            return span

    async def passes(hours: int) -> None:
        async with service.engine.begin() as connection:
            await connection.execute(text(f"update web_session set expires_at = expires_at - interval '{hours} h'"))

    async with visiting(entrance, viewer) as client:
        await passes(11)
        assert await left() < timedelta(hours=2)
        assert (await client.get("/")).status_code == 200
        assert await left() > timedelta(hours=11)
        await passes(12)
        assert (await client.get("/")).status_code == 303
        await enters(client, viewer)
        async with service.engine.connect() as connection:
            kept = await connection.execute(text("select count(*) from web_session"))
            assert kept.scalar_one() == 1


async def test_the_database_does_not_know_the_cookie(city: City, entrance: Entrance, viewer: Somebody) -> None:
    async with visiting(entrance, viewer) as client:
        secret = client.cookies["whistle-escalation"]
        async with city.services["escalation"].engine.connect() as connection:
            kept = await connection.execute(text("select encode(digest, 'escape') from web_session"))
            assert secret not in str(kept.all())


async def test_pages_and_answers_carry_a_strict_policy(city: City, entrance: Entrance, viewer: Somebody) -> None:
    """INVARIANT: a page needs no inline script and no inline style, so its policy allows none."""
    async with visiting(entrance, viewer) as client:
        for path in ("/", "/?mode=wall&lang=en&theme=dark"):
            answer = await client.get(path)
            assert "unsafe" not in answer.headers["content-security-policy"]
            assert answer.headers["cache-control"] == "no-store"
            assert "style=" not in answer.text
            assert "<script>" not in answer.text
        answer = await client.get("/api/v1/clocks")
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")


async def test_a_page_travels_compressed_and_a_stream_at_once(city: City, entrance: Entrance, viewer: Somebody) -> None:
    async with visiting(entrance, viewer) as client:
        page = await client.get("/", headers={"accept-encoding": "gzip"})
        assert page.headers["content-encoding"] == "gzip"
        assert int(page.headers["content-length"]) < len(page.text.encode()) / 3
        plain = await client.get("/", headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        async with client.stream("GET", STREAM, headers={"accept-encoding": "gzip"}) as stream:
            assert "content-encoding" not in stream.headers
            assert (await anext(stream.aiter_text())).startswith("retry: ")


async def test_whoever_meets_a_database_that_is_away_gets_a_page_that_tries_again(
    city: City, entrance: Entrance, viewer: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise ConnectionRefusedError

    async with visiting(entrance, viewer) as client:
        monkeypatch.setattr("whistle_shared.runtime.callers.find_session", away)
        answer = await client.get("/")
        assert answer.status_code == 503
        assert answer.headers["refresh"] == "5"
        assert "自动重试" in answer.text
