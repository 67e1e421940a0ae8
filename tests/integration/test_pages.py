"""The dashboard below the browser: its sessions, headers, and the stream. On the real city."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import pairwise
from time import monotonic
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio
from sqlalchemy import text

from support.city import City
from support.entrance import Entrance
from support.waiting import until
from support.window import OPERATOR, Somebody, somebody
from whistle_shared.auth import disable_account, hold_account
from whistle_shared.pages import Language, Live, Templates

STREAM = "/live?topic=dashboard"


@pytest_asyncio.fixture
async def entrance(city: City) -> AsyncIterator[Entrance]:
    """The escalation service at a port of this machine."""
    opened = Entrance(city, "escalation")
    await opened.open()
    yield opened
    await opened.close()


@asynccontextmanager
async def visiting(entrance: Entrance, person: Somebody | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """What a browser sends, with a session if somebody is named."""
    headers = {"origin": entrance.address}
    async with httpx.AsyncClient(base_url=entrance.address, headers=headers, timeout=20, trust_env=False) as client:
        if person is not None:
            await enters(client, person)
        yield client


async def enters(client: httpx.AsyncClient, person: Somebody) -> None:
    answer = await client.post("/sign-in", data={"username": person.username, "password": person.password})
    assert answer.status_code == 303, answer.text


@pytest_asyncio.fixture
async def viewer(city: City) -> Somebody:
    """Somebody who sees the whole district."""
    return await somebody(city.services["escalation"], "arbitrator", "*")


class Listening:
    """An open stream, read message by message."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def next(self, event: str | None = None) -> dict[str, Any]:
        """The next message (of this name): `event` (panels have none), `id`, `data`."""
        async with asyncio.timeout(20):
            while True:
                message = await self._read()
                if event in (None, message["event"]):
                    return message

    async def _read(self) -> dict[str, Any]:
        message: dict[str, Any] = {"event": "panels"}
        async for line in self._lines:
            name, _, value = line.partition(": ")
            if line == "" and "data" in message:
                return message
            if name in ("event", "id"):
                message[name] = value
            elif name == "data":
                message["data"] = orjson.loads(value)
        raise EOFError

    async def ends(self) -> None:
        """Read to the end of the stream."""
        async with asyncio.timeout(20):
            async for _ in self._lines:
                pass


@asynccontextmanager
async def listening(
    client: httpx.AsyncClient, headers: dict[str, str] | None = None, **query: Any
) -> AsyncIterator[Listening]:
    asked = {"topic": "dashboard", **query}
    async with client.stream("GET", "/live", params=asked, headers=headers or {}) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Listening(answer.aiter_lines())


async def shown(city: City, client: httpx.AsyncClient) -> str:
    """The name of what a page shows that is opened now, when nothing is on its way any more."""
    await city.settles()
    found = re.search(r'data-shows="(\w+)"', (await client.get("/")).text)
    assert found is not None
    return found[1]


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


# -- the stream


async def test_the_stream_never_redirects(entrance: Entrance) -> None:
    async with visiting(entrance) as client:
        for answer in (await client.get(STREAM), await client.head(STREAM)):
            assert answer.status_code == 401
            assert "location" not in answer.headers


async def test_hello_comes_first_with_what_business_time_needs(
    city: City, entrance: Entrance, viewer: Somebody
) -> None:
    """EVENTS.md R3."""
    async with (
        visiting(entrance, viewer) as client,
        listening(client) as stream,
    ):
        hello = await stream.next()
        assert hello["event"] == "hello"
        assert hello["data"] | {"build": ""} == {
            "now": "2026-06-01T01:00:00.000Z",
            "as_of": "2026-06-01T01:00:00.000Z",
            "rate": 1.0,
            "until": None,
            "build": "",
        }


async def test_only_panels_that_changed_are_sent_with_the_name_of_what_is_shown_then(
    city: City, entrance: Entrance, viewer: Somebody
) -> None:
    async with visiting(entrance, viewer) as client, listening(client, after=await shown(city, client)) as stream:
        assert (await stream.next())["event"] == "hello"
        await city.street("S01").blows(category=None)
        assert (await stream.next())["event"] == "beat"
        seen: dict[str, str] = {}
        while "upcoming" not in seen:
            message = await stream.next("panels")
            assert not {"departments", "rungs", "stuck"} & set(message["data"])
            seen |= message["data"]
        assert "井盖缺失" in seen["feed"]
        assert message["id"] == await shown(city, client)


@pytest.mark.parametrize("last", ["0123456789abcdef", "-1", "nonsense", "99999999999999999999999"])
async def test_whoever_shows_what_is_not_known_is_sent_everything(
    city: City, entrance: Entrance, viewer: Somebody, last: str
) -> None:
    async with visiting(entrance, viewer) as client, listening(client, {"last-event-id": last}) as stream:
        assert set((await stream.next("panels"))["data"]) >= {"feed", "rungs", "upcoming"}


async def test_one_that_reconnects_misses_nothing(city: City, entrance: Entrance, viewer: Somebody) -> None:
    """INVARIANT: a reader that comes back is sent what its page does not show yet, whatever it has missed and whoever
    was started anew meanwhile: here, the service."""
    async with visiting(entrance, viewer) as client:
        before = await shown(city, client)
        async with entrance.shut():
            await city.street("S01").blows(category="0701")
        await city.settles()
        async with listening(client, {"last-event-id": before}) as stream:
            assert "井盖缺失" in (await stream.next("panels"))["data"]["feed"]


async def test_one_that_reconnects_and_has_missed_nothing_is_sent_nothing(
    city: City, entrance: Entrance, viewer: Somebody
) -> None:
    async with visiting(entrance, viewer) as client:
        before = await shown(city, client)
        async with listening(client, {"last-event-id": before}) as stream:
            assert (await stream.next())["event"] == "hello"
            await city.street("S01").blows(category="0701")
            assert "井盖缺失" in (await stream.next("panels"))["data"]["feed"]


async def test_invariant_a_panel_is_rendered_once_for_everybody(
    city: City, entrance: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INVARIANT: a panel is rendered once per language, scope and address however many people look."""
    service = city.services["escalation"]
    live: Live = service.app.state.live
    district = await service.tokens.caller(await city.token("escalation", "arbitrator", "*"))
    another = await service.tokens.caller(await city.token("escalation", "arbitrator", "*"))
    department = await service.tokens.caller(await city.token("escalation", "department_head", "CGJ"))
    street = await service.tokens.caller(await city.token("escalation", "street_initiator", "S01"))
    channel = live.channel("dashboard", "zh", district)
    assert live.channel("dashboard", "zh", another) is channel
    others = [
        live.channel("dashboard", "en", district),
        live.channel("dashboard", "zh", department),
        live.channel("dashboard", "zh", street),
        live.channel("dashboard", "zh", district, "another address"),
    ]
    assert len({id(one) for one in (channel, *others)}) == 5
    rendered: list[str] = []
    render = Templates.render

    def counted(self: Templates, language: Language, name: str, **context: Any) -> str:
        rendered.append(name)
        return render(self, language, name, **context)

    monkeypatch.setattr(Templates, "render", counted)
    channel.frame = None
    frames = await asyncio.gather(*(live.frame(channel) for _ in range(50)))
    assert sorted(rendered) == sorted(f"_{name}.html" for name in frames[0].panels)


async def test_invariant_a_panel_is_sent_at_most_once_a_second(
    city: City, entrance: Entrance, viewer: Somebody
) -> None:
    """The second half of the same INVARIANT: sent at most once a second, however fast things happen."""
    arrived: list[float] = []
    async with (
        visiting(entrance, viewer) as client,
        listening(client, after=await shown(city, client)) as stream,
    ):
        while len(arrived) < 4:
            await city.street("S01").blows(category="0701")
            await stream.next("panels")
            arrived.append(monotonic())
    assert min(later - earlier for earlier, later in pairwise(arrived)) > 0.8


async def test_a_department_hears_of_its_own_only(city: City, entrance: Entrance, viewer: Somebody) -> None:
    """INVARIANT: what a page shows is what the viewer's scope covers.

    INVARIANT: every number counts only what the viewer's scope covers.
    """
    head = await somebody(city.services["escalation"], "department_head", "PSGS")
    async with visiting(entrance, head) as client:
        await city.street("S01").blows(category="0701")
        await city.street("S02").blows(category="1106", title="室温不足")
        await city.passes(minutes=16)
        html = (await client.get("/")).text
        assert "室温不足" not in html
        assert "供水公司" not in html
        assert html.count("排水公司") > 3
        open_overdue_nearly_blown = re.findall(r'class="value">([^<]+)<', html)[:4]
        assert open_overdue_nearly_blown == ["1", "1", "0", "1"]
        own = await city.call("escalation", "GET", "/api/v1/statistics", role="department_head", scope="PSGS")
        assert own.json()["open_by_rung"] == {"1": 1}


async def test_the_stream_ends_when_the_service_stops_or_the_session_does(
    city: City, entrance: Entrance, viewer: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whistle_shared.pages.live.BEAT", 0.5)
    async with visiting(entrance, viewer) as client:
        async with listening(client) as stream:
            await stream.next("hello")
            await client.post("/sign-out")
            await stream.ends()
        await enters(client, viewer)
        async with listening(client) as stream:
            await stream.next("hello")
            await entrance.close()
            await stream.ends()


async def test_the_dashboard_outlives_an_outage_of_the_database(
    city: City, entrance: Entrance, viewer: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: list[bool] = []

    async def away(*_: object) -> int:
        failed.append(True)
        raise ConnectionRefusedError

    async with (
        visiting(entrance, viewer) as client,
        listening(client) as stream,
    ):
        await stream.next("hello")
        with monkeypatch.context() as patch:
            patch.setattr(Live, "_mark", away)

            async def tried() -> bool:
                return bool(failed)

            await until(tried, "the dashboard to look in vain")
        await city.street("S01").blows(category="0701")
        while "井盖缺失" not in (await stream.next("panels"))["data"].get("feed", ""):
            pass
        assert not city.services["escalation"].failed.is_set()
