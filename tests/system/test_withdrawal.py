"""Taking a whistle back: tasks are cancelled and clocks stop, whatever overtakes what."""

from support.city import City


async def test_a_withdrawal_stops_everything(city: City) -> None:
    whistle = await city.street("S01").blows("0701", departments=["CGJ", "GA"])
    await city.settles()
    await city.passes(minutes=16)
    await city.expects_escalation(department="CGJ", rung=1)

    answer = await city.street("S01").withdraws(whistle)
    assert answer["state"] == "withdrawn"

    for department in ("CGJ", "GA"):
        await city.expects_escalation(department=department, rung=1, status="withdrawn")
    await city.settles()
    assert {c["status"] for c in await city.watch.clocks(whistle_id=whistle.whistle_id)} == {"cancelled"}
    for department in ("CGJ", "GA"):
        assert (await city.department(department).task(whistle))["state"] == "cancelled"
    await city.expects_in_timeline(whistle, "escalation_raised", "whistle_cancelled")
    await city.passes(hours=48)
    assert len(await city.watch.escalations()) == 2, "nothing is climbed any more"


async def test_a_cancelled_task_takes_no_more_steps(city: City) -> None:
    whistle = await city.street("S01").blows("0701", departments=["CGJ"])
    await city.street("S01").withdraws(whistle)
    await city.settles()
    answer = await city.department("CGJ").steps(whistle, "acknowledgement", {"person": "王敏"})
    assert (answer.status_code, answer.json()["state"], answer.json()["legal"]) == (409, "cancelled", [])


async def test_a_repeated_withdrawal_changes_nothing(city: City) -> None:
    whistle = await city.street("S01").blows("0701")
    first = await city.street("S01").withdraws(whistle, "解决了")
    await city.passes(minutes=5)
    again = await city.street("S01").withdraws(whistle, "别的理由")
    assert {name: first[name] for name in first if name != "routing"} == {
        name: again[name] for name in again if name != "routing"
    }


async def test_work_under_way_cannot_be_withdrawn(city: City) -> None:
    whistle = await city.street("S01").blows("0701", departments=["CGJ"])
    department = city.department("CGJ")
    await department.acknowledges(whistle)
    await department.arrives(whistle)
    await department.logs(whistle)
    await city.expects_state(whistle, "handling")
    answer = await city.street("S01").tries_to_withdraw(whistle)
    assert (answer.status_code, answer.json()["state"]) == (409, "handling")


async def test_a_withdrawal_that_overtakes_the_dispatch_leaves_nothing_running(city: City) -> None:
    async with city.without("dispatch"):
        whistle = await city.street("S01").blows("0701")
        await city.street("S01").withdraws(whistle)
        await city.settles()
    await _nothing_runs(city, whistle)


async def test_a_withdrawal_heard_before_the_whistle_itself_leaves_nothing_running(city: City) -> None:
    async with city.holding("dispatch") as held:
        whistle = await city.street("S01").blows("0701")
        await city.street("S01").withdraws(whistle)
    assert held.keys[:2] == ["intake.whistle_blown.v1", "intake.whistle_withdrawn.v1"]
    await held.arrives(reversed_order=True)
    await _nothing_runs(city, whistle)
    assert (await city.whistle_office.dispatch(whistle))["state"] == "cancelled"


async def test_a_dispatch_heard_by_escalation_after_the_withdrawal_arms_nothing(city: City) -> None:
    async with city.holding("escalation") as held:
        whistle = await city.street("S01").blows("0701")
        await city.expects_tasks(whistle, ["CGJ", "PSGS", "GSGS", "TXGS", "GDGS"])
        await city.street("S01").withdraws(whistle)
    await held.arrives(reversed_order=True)
    await _nothing_runs(city, whistle)


async def test_a_dispatch_heard_by_a_department_after_the_cancellation_is_kept_as_cancelled(city: City) -> None:
    async with city.holding("department.ga") as held:
        whistle = await city.street("S01").blows("0701", departments=["GA"])
        await city.whistle_office.dispatch(whistle)
        await city.street("S01").withdraws(whistle)
    assert "dispatch.whistle_cancelled.v1" in held.keys
    await held.arrives(reversed_order=True)
    await city.settles()
    assert (await city.department("GA").task(whistle))["state"] == "cancelled"


async def test_a_whistle_that_waits_for_routing_can_be_withdrawn(city: City) -> None:
    whistle = await city.street("S01").blows(None, kind="appeal", urgency="urgent")
    await city.expects_clock(whistle, "dispatch")
    await city.street("S01").withdraws(whistle)
    await city.expects_clock(whistle, "dispatch", "cancelled")
    assert await city.whistle_office.desk() == []
    answer = await city.whistle_office.tries_to_route(whistle, ["CGJ"])
    assert answer.status_code == 409


async def _nothing_runs(city: City, whistle: object) -> None:
    await city.settles()
    await city.passes(hours=2)
    assert [c for c in await city.watch.clocks() if c["status"] == "running"] == []
    await city.expects_no_escalation()
    for code in ("CGJ", "PSGS"):
        assert {task["state"] for task in await city.department(code).tasks()} <= {"cancelled"}
    await city.expects_nothing_parked()
