"""From one whistle to everybody concerned: by the category's routing, by the street's wish, or by hand."""

from support.city import City

MANHOLE = ["CGJ", "PSGS", "GSGS", "TXGS", "GDGS"]


async def test_one_whistle_calls_five_departments_and_one_of_them_leads(city: City) -> None:
    whistle = await city.street("S01").blows(category="0701")

    tasks = await city.expects_tasks(whistle, MANHOLE)

    assert [task["role"] for task in tasks] == ["lead", "assist", "assist", "assist", "assist"]
    for code in MANHOLE:
        clock = await city.expects_clock(whistle, "ack", department=code)
        assert clock["due_at"] == "2026-06-01T01:15:00Z"
    await city.expects_in_timeline(whistle, "whistle_dispatched")
    await city.expects_nothing_parked()


async def test_every_clock_that_the_policy_gives_is_armed_with_its_due_time(city: City) -> None:
    whistle = await city.street("S01").blows(category="0701", departments=["CGJ"])
    await city.settles()
    due = {clock["name"]: clock["due_at"] for clock in await city.watch.clocks(whistle_id=whistle.whistle_id)}
    assert due == {
        "ack": "2026-06-01T01:15:00Z",
        "arrive": "2026-06-01T02:00:00Z",
        "contain": "2026-06-01T05:00:00Z",
        "resolve": "2026-06-02T01:00:00Z",
    }


async def test_the_street_may_name_the_departments_it_wants(city: City) -> None:
    whistle = await city.street("S01").blows(category="0701", departments=["GA", "CGJ", "GA"])
    await city.expects_tasks(whistle, ["GA", "CGJ"])


async def test_the_hosted_and_the_dedicated_instance_both_serve(city: City) -> None:
    whistle = await city.street("S03").blows(departments=["CGJ", "GA"])
    await city.expects_tasks(whistle, ["CGJ", "GA"])

    await city.department("GA").acknowledges(whistle)
    await city.department("CGJ").acknowledges(whistle)

    assert city.instance_of("GA") == "department.ga"
    assert city.instance_of("CGJ") == "department.hosted"
    await city.expects_clock(whistle, "ack", "met", department="GA")
    await city.expects_clock(whistle, "ack", "met", department="CGJ")
    here, there = city.department("GA"), city.department("CGJ")
    assert len(await here.tasks()) == len(await there.tasks()) == 1


async def test_without_a_category_a_whistle_waits_at_the_whistle_office_until_it_is_routed_by_hand(city: City) -> None:
    whistle = await city.street("S01").blows(None, kind="appeal", urgency="urgent")
    clock = await city.expects_clock(whistle, "dispatch")
    assert (clock["side"], clock["due_at"]) == ("district", "2026-06-01T03:00:00Z")
    assert [waiting["whistle_id"] for waiting in await city.whistle_office.desk()] == [whistle.whistle_id]

    await city.passes(minutes=30)
    await city.whistle_office.routes(whistle, ["SW", "CGJ"])

    await city.expects_tasks(whistle, ["SW", "CGJ"])
    met = await city.expects_clock(whistle, "dispatch", "met")
    assert met["stopped_at"] == "2026-06-01T01:30:00Z"
    await city.expects_in_timeline(whistle, "whistle_unrouted", "whistle_dispatched")
    assert await city.whistle_office.desk() == []
    refused = await city.whistle_office.tries_to_route(whistle, ["SW"])
    assert (refused.status_code, refused.json()["state"]) == (409, "dispatched")


async def test_a_category_without_a_route_waits_at_the_whistle_office(city: City) -> None:
    registry = city.pack.registry
    unrouted = tuple(
        c.model_copy(update={"lead": None, "assist": ()}) if c.code == "0701" else c for c in registry.categories
    )
    async with city.under(registry=registry.model_copy(update={"categories": unrouted})):
        whistle = await city.street("S01").blows("0701")
        waiting = await city.whistle_office.dispatch(whistle)
        assert (waiting["state"], waiting["reason"]) == ("awaiting_triage", "sub-category 0701 has no route")
        await city.expects_clock(whistle, "dispatch")


async def test_a_whistle_that_nobody_routes_climbs_the_districts_ladder(city: City) -> None:
    await city.street("S01").blows(None, kind="emergency", urgency="critical")
    await city.passes(minutes=6)
    await city.expects_escalation(rung=3, clock="dispatch")
    await city.passes(hours=1)
    await city.expects_escalation(rung=4, clock="dispatch")


async def test_only_known_active_departments_can_be_routed_to(city: City) -> None:
    whistle = await city.street("S01").blows(None, kind="appeal", urgency="urgent")
    await city.settles()
    for departments, field in ((["CGJ", "NOPE"], "departments.1"), ([], "departments")):
        answer = await city.whistle_office.tries_to_route(whistle, departments)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert len(await city.whistle_office.desk()) == 1


async def test_a_department_that_closed_meanwhile_is_left_out_and_flagged(city: City) -> None:
    async with city.holding("dispatch") as held:
        some = await city.street("S01").blows(departments=["PSGS", "CGJ"])
        none = await city.street("S01").blows(departments=["PSGS"])
    registry = city.pack.registry
    closed = tuple(d.model_copy(update={"active": d.code != "PSGS"}) for d in registry.departments)
    async with city.under(registry=registry.model_copy(update={"departments": closed})):
        await held.arrives()
        await city.expects_tasks(some, ["CGJ"])
        assert (await city.whistle_office.dispatch(some))["flags"] == ["inactive:PSGS"]
        waiting = await city.whistle_office.dispatch(none)
        assert (waiting["state"], waiting["reason"]) == ("awaiting_triage", "none of the departments is active: PSGS")


async def test_a_later_policy_touches_only_later_whistles(city: City) -> None:
    """INVARIANT: a clock's terms never change after the dispatch; a later policy touches only later whistles."""
    before = await city.street("S01").blows(departments=["CGJ"])
    await city.settles()
    registry = city.pack.registry
    slower = tuple(
        p.model_copy(update={"limits": p.limits | {"ack": "1h@natural"}}) if p.kind == "emergency" else p
        for p in registry.policies
    )
    async with city.under(registry=registry.model_copy(update={"policies": slower})):
        after = await city.street("S01").blows(departments=["CGJ"])
        assert (await city.expects_clock(after, "ack"))["due_at"] == "2026-06-01T02:00:00Z"
        assert (await city.expects_clock(before, "ack"))["due_at"] == "2026-06-01T01:15:00Z"
