"""The streams of open pages: what is sent, to whom, how often, and what becomes of a page that cannot be drawn."""

import asyncio
import re
from itertools import pairwise
from time import monotonic
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from support.city import City
from support.entrance import Entrance
from support.listening import enters, listening, visiting
from support.waiting import until
from support.window import Somebody, somebody
from whistle_shared.auth import Caller
from whistle_shared.errors import NotFound
from whistle_shared.pages import Language, Live, Panels, Templates, Topic, Viewer

STREAM = "/live?topic=dashboard"


def live_of(city: City) -> Live:
    """What keeps the pages of escalation fresh."""
    live: Live = city.services["escalation"].app.state.live
    return live


async def caller_of(city: City, role: str, scope: str) -> Caller:
    return await city.services["escalation"].tokens.caller(await city.token("escalation", role, scope))


async def shown(city: City, client: httpx.AsyncClient) -> str:
    """The name of what a page shows that is opened now, when nothing is on its way any more."""
    await city.settles()
    found = re.search(r'data-shows="(\w+)"', (await client.get("/")).text)
    assert found is not None
    return found[1]


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
    live = live_of(city)
    district = await caller_of(city, "arbitrator", "*")
    another = await caller_of(city, "arbitrator", "*")
    department = await caller_of(city, "department_head", "CGJ")
    street = await caller_of(city, "street_initiator", "S01")
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


async def test_a_page_that_is_looked_at_keeps_its_session_in_use(
    city: City, entrance: Entrance, viewer: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wall and a quiet duty inbox send nothing but their stream; LASTING ends their session all the same."""
    monkeypatch.setattr("whistle_shared.pages.live.BEAT", 0.3)
    engine = city.services["escalation"].engine

    async def says(statement: str) -> Any:
        async with engine.begin() as connection:
            return await connection.execute(text(statement))

    async def renewed() -> bool:
        return bool((await says("select max(expires_at) > now() + interval '11 h' from web_session")).scalar_one())

    async with visiting(entrance, viewer) as client, listening(client) as stream:
        await stream.next("hello")
        await says("update web_session set expires_at = now() + interval '1 h'")
        await until(renewed, "the session to be renewed by its stream")
        await says("update web_session set expires_at = now() + interval '1 h', ends_at = now() + interval '2 h'")
        await stream.next("beat")
        await stream.next("beat")
        assert (await says("select max(expires_at) <= max(ends_at) from web_session")).scalar_one() is True
        await says("update web_session set expires_at = now(), ends_at = now()")
        await stream.ends()


# -- pages that cannot be drawn


async def draws_nothing(viewer: Viewer) -> Panels:
    raise NotFound(viewer.about)


async def draws_in_vain(viewer: Viewer) -> Panels:
    raise ZeroDivisionError(viewer.about)


@pytest.mark.parametrize(("draw", "wrong"), [(draws_nothing, NotFound), (draws_in_vain, ZeroDivisionError)])
async def test_an_address_with_nothing_behind_it_takes_no_room(
    city: City, entrance: Entrance, monkeypatch: pytest.MonkeyPatch, draw: Any, wrong: type[Exception]
) -> None:
    """INVARIANT: an address with nothing behind it takes no room."""
    live = live_of(city)
    monkeypatch.setitem(live.topics, "nothing", Topic("clock.read", draw))
    caller = await caller_of(city, "arbitrator", "*")
    before = dict(live._channels)
    for number in range(3):
        with pytest.raises(wrong):
            await live.frame(live.channel("nothing", "zh", caller, str(number)))
    assert live._channels == before


async def test_what_nobody_looks_at_is_forgotten_whether_it_was_ever_drawn_or_not(
    city: City, entrance: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = live_of(city)
    caller = await caller_of(city, "arbitrator", "*")
    never, drawn, watched = (live.channel("dashboard", "zh", caller, one) for one in ("never", "drawn", "watched"))
    await live.frame(drawn)
    watched.viewers = 1
    monkeypatch.setattr("whistle_shared.pages.live._FORGOTTEN_AFTER", -1.0)
    live.channel("dashboard", "zh", caller, "another")
    assert live._channels.get(watched.key) is watched
    assert not {never.key, drawn.key} & set(live._channels)
    watched.viewers = 0


async def test_a_panel_that_fails_holds_up_no_other(
    city: City, entrance: Entrance, viewer: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = live_of(city)
    monkeypatch.setitem(live.topics, "broken", Topic("clock.read", draws_in_vain))
    caller = await caller_of(city, "arbitrator", "*")
    # What is looked at first, because it came first.
    monkeypatch.setattr(live, "_channels", {})
    broken = live.channel("broken", "zh", caller)
    broken.viewers = 1
    async with visiting(entrance, viewer) as client, listening(client, after=await shown(city, client)) as stream:
        await stream.next("hello")
        await city.street("S01").blows(category="0701")
        while "井盖缺失" not in (await stream.next("panels"))["data"].get("feed", ""):
            pass


async def test_a_page_that_was_taken_away_while_its_viewer_was_asked_after_ends_its_stream(
    city: City, entrance: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whistle_shared.pages.live.BEAT", 0.1)
    live = live_of(city)
    caller = await caller_of(city, "arbitrator", "*")
    channel = live.channel("dashboard", "zh", caller, "taken away")

    async def taken_away() -> bool:
        channel.frame = None
        return True

    async with asyncio.timeout(20):
        said = [message async for message in live.stream(channel, None, taken_away)]
    assert [message.partition(b"\n")[0][:6] for message in said] == [b"retry:", b"event:"]
