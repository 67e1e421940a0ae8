"""Operations' pages below the browser: whose they are, and lists that are walked through once. On the real city."""

import asyncio
import re
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import text

from support.city import City
from support.waiting import until
from support.window import Window, somebody, window
from whistle_escalation import ledger, measures
from whistle_escalation.pages import keeping
from whistle_escalation.queries import listings, scenes
from whistle_shared.auth import Caller
from whistle_shared.pages import midnight


async def sees(city: City, path: str, role: str = "operations", scope: str = "*") -> tuple[int, str]:
    """What this person is shown at an address of escalation's."""
    service = city.services["escalation"]
    async with window(service, await somebody(service, role, scope)) as browser:
        answer = await browser.get(path)
        return answer.status_code, answer.text


async def rows(browser: Window, path: str) -> list[str]:
    """What the rows of a list lead to, page after page."""
    found: list[str] = []
    while path:
        page = (await browser.get(path)).text
        found += re.findall(r'<a href="(/(?:clocks|escalations)/[0-9a-f-]+)" data-first', page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        path = following[1].replace("&amp;", "&") if following else ""
    return found


async def caller(city: City, role: str, scope: str) -> Caller:
    known: Caller = await city.services["escalation"].tokens.caller(await city.token("escalation", role, scope))
    return known


async def test_invariant_what_a_page_shows_is_what_the_viewers_scope_covers(city: City) -> None:
    """INVARIANT: what a page shows is what the viewer's scope covers.
    INVARIANT: a department meets its own clocks, a street its own whistles (or its grid's), the district everything."""
    await city.street("S01").blows(category="0701", title="井盖缺失")
    await city.street("S02").blows(category="1106", title="室温不足")
    await city.passes(minutes=16)
    whole, drains, second = ("operations", "*"), ("department_head", "PSGS"), ("street_initiator", "S02")
    for path in ("/clocks", "/clocks?standing=duty", "/log"):
        for (role, scope), lids, rooms in ((whole, True, True), (drains, True, False), (second, False, True)):
            status, page = await sees(city, path, role, scope)
            assert (status, "井盖缺失" in page, "室温不足" in page) == (200, lids, rooms), (path, role)
    (own,) = await city.watch.escalations(department="PSGS")
    (other,) = await city.watch.escalations(department="GSGS")
    for found, status in ((own, 200), (other, 404)):
        for path in (f"/escalations/{found['escalation_id']}", f"/clocks/{found['clock_id']}"):
            assert (await sees(city, path, *drains))[0] == status
    assert (await sees(city, "/statistics?unit=GSGS", *drains))[0] == 404
    assert (await sees(city, "/statistics/index?by=department&unit=PSGS", *drains))[0] == 200


@pytest.mark.parametrize("path", ["/clocks", "/clocks?standing=late", "/clocks?standing=duty", "/escalations"])
async def test_invariant_whoever_walks_through_a_list_meets_each_row_once(
    city: City, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """INVARIANT: whoever walks through a list meets each row once, however much is added meanwhile."""
    monkeypatch.setattr("whistle_escalation.pages.routes.ROWS", 3)
    for street in ("S01", "S02"):
        await city.street(street).blows(category="0701")
    await city.passes(minutes=16)
    await city.passes(minutes=75)
    service = city.services["escalation"]
    async with window(service, await somebody(service, "operations", "*")) as browser:
        met = await rows(browser, path)
    assert len(met) == len(set(met)) > 6
    if path == "/escalations":
        assert len(met) == len(await city.watch.escalations(status="open"))


async def test_a_form_that_leaves_fields_empty_is_understood(city: City) -> None:
    for path in (
        "/clocks?standing=late&name=&department=&street=&side=",
        "/clocks?standing=duty&outcome=&name=",
        "/escalations?department=&street=&side=",
        "/log?kind=&day=&hour=",
        "/letters?state=waiting&form=&department=",
    ):
        assert (await sees(city, path))[0] == 200, path


@pytest.mark.parametrize(
    "path", ["/clocks?after=x", "/escalations?after=1.2", "/letters?after=0.0.zz", "/log?before=-1"]
)
async def test_a_cursor_that_is_none_is_refused(city: City, path: str) -> None:
    assert (await sees(city, path))[0] == 422


async def test_the_log_is_narrowed_to_a_kind_a_day_and_an_hour(city: City) -> None:
    await city.street("S01").blows(category="0701", title="井盖缺失")
    await city.passes(minutes=16)
    for query, lines in (
        ("kind=whistle_blown&day=2026-06-01&hour=9", 1),
        ("kind=whistle_blown&day=2026-06-01&hour=10", 0),
        ("kind=whistle_blown&day=2026-05-31", 0),
        ("kind=escalation_raised&day=2026-06-01", 5),
    ):
        page = (await sees(city, f"/log?{query}"))[1]
        assert page.count('id="event-') == lines, query


async def test_last_week_counts_as_far_as_its_day_had_come(city: City) -> None:
    await city.street("S01").blows(category="0701")
    await city.passes(hours=3)
    await city.street("S01").blows(category="0701", title="路灯不亮")
    await city.passes(days=7, hours=-1)
    await city.street("S02").blows(category="0701")
    await city.settles()
    now = city.time.now()
    scene = await scenes.Scenes(city.services["escalation"].engine).of(
        await caller(city, "operations", "*"), midnight(now), now
    )
    blown = [
        (row.so_far, row.hour >= midnight(now), row.n) for row in scene.flow if row.key == "intake.whistle_blown.v1"
    ]
    assert sorted(blown) == [(False, False, 1), (True, False, 1), (True, True, 1)]


async def test_what_takes_long_is_kept_and_what_is_quick_is_read_anew(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INVARIANT: reading one part of one scope's scene takes a twentieth of the time at most: what takes long, in a
    large district, is read less often."""
    viewer, now = await caller(city, "operations", "*"), city.time.now()
    shown = scenes.Scenes(city.services["escalation"].engine)

    async def open_now() -> int:
        scene = await shown.of(viewer, midnight(now), now)
        return sum(int(row.open) for row in scene.places)

    assert [await open_now(), await open_now()] == [0, 0]
    await city.street("S01").blows(category="0701")
    await city.settles()
    monkeypatch.setattr(scenes, "_QUICK", 0.0)
    monkeypatch.setattr(scenes, "_SHARE", 1e-9)
    assert await open_now() == 0, "read a moment ago, and long ones are kept for long"
    monkeypatch.setattr(scenes, "_QUICK", 1e9)
    assert await open_now() == 1


async def test_who_sees_the_same_shares_one_reading_that_is_new_enough(city: City) -> None:
    shown, now = scenes.Scenes(city.services["escalation"].engine), city.time.now()
    viewers = [await caller(city, role, "*") for role in ("operations", "inspector")]
    changed_at = monotonic()
    first, second = [await shown.of(viewer, midnight(now), now, changed_at) for viewer in viewers]
    assert first is second
    street = await caller(city, "street_initiator", "S01")
    assert await shown.of(street, midnight(now), now, changed_at) is not first
    await city.street("S01").blows(category="0701")
    await city.settles()
    again = await shown.of(viewers[0], midnight(now), now, monotonic())
    assert sum(int(row.open) for row in again.places) == 1


async def test_a_scene_is_of_one_moment(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """INVARIANT: what is read of one scene is of one moment, whichever connection reads it."""
    shown, now, position = scenes.Scenes(city.services["escalation"].engine), city.time.now(), scenes._position
    viewer = await caller(city, "operations", "*")

    async def then_something_happens(connection: Any) -> int:
        last = await position(connection)
        await city.street("S01").blows(category="0701")
        await city.settles()
        return last

    monkeypatch.setattr(scenes, "_position", then_something_happens)
    scene = await shown.of(viewer, midnight(now), now)
    assert (list(scene.places), list(scene.flow), list(scene.feed), list(scene.upcoming)) == ([], [], [], [])
    monkeypatch.setattr(scenes, "_position", position)
    scene = await shown.of(viewer, midnight(now), now, monotonic())
    assert [bool(part) for part in (scene.places, scene.flow, scene.feed, scene.upcoming)] == [True] * 4


async def test_nothing_walks_the_whole_log(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """INVARIANT: no page reads the whole log: of what has no index it looks back for so far."""
    engine, viewer = city.services["escalation"].engine, await caller(city, "operations", "*")
    await city.street("S01").blows(category="0701")
    await city.passes(minutes=16)
    called = listings.Happenings("dispatch.whistle_dispatched.v1")
    assert await listings.happenings(engine, viewer, called, None, 50)
    monkeypatch.setattr(listings, "_LOOK_BACK", 0)
    assert not await listings.happenings(engine, viewer, called, None, 50)
    now = city.time.now()
    day: Any = listings.Happenings("dispatch.whistle_dispatched.v1", now - timedelta(days=1), now)
    assert await listings.happenings(engine, viewer, day, None, 50)


async def test_sums_that_take_long_are_read_behind_the_readers_back(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INVARIANT: reading them takes a twentieth of the time at most, however many people look; a page says as of when
    it is."""
    kept = keeping.Sums(city.services["escalation"])
    period = measures.named("2026Q2", 1)
    reads: list[str] = []
    read = ledger.sums

    async def counted(*about: Any) -> Any:
        reads.append("read")
        return await read(*about)

    monkeypatch.setattr(ledger, "sums", counted)
    many = await asyncio.gather(*(kept.of("department", period) for _ in range(20)))
    assert (len(reads), {id(each) for each in many}) == (1, {id(many[0])})
    await city.street("S01").blows(category="0701")
    await city.passes(minutes=16)
    monkeypatch.setattr(keeping, "_SHARE", 1e9)
    monkeypatch.setattr(keeping, "_QUICK", 0.0)
    assert await kept.of("department", period) is many[0], "the sums from before, while fresh ones are read"

    async def fresh() -> bool:
        return "PSGS" in (await kept.of("department", period)).counts

    await until(fresh, "the sums to be read anew")
    assert (await kept.of("department", period)).as_of == city.time.now()


async def test_only_what_takes_long_again_is_read_less_often(city: City) -> None:
    """INVARIANT: reading one part of one scope's scene takes a twentieth of the time at most. Bad luck is no slowness:
    a feed that was held up once would otherwise be stale for seconds."""
    engine = city.services["escalation"].engine
    shown, slow = scenes.Scenes(engine), text("select clock_timestamp(), pg_sleep(0.2)")
    async with engine.connect() as connection:
        first, second, third = [await shown._rows(connection, ("feed",), slow) for _ in range(3)]
    assert first is not second
    assert second is third
