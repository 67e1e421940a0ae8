"""The measures on the running city: each number opens its tasks, boards are published, and the log bears them out."""

import orjson

from support.city import City
from support.people import Blown, expect
from support.places import SAMPLE
from support.yard import whistlectl

EVERY_STEP = ["CGJ", "GA"]


async def gone_all_the_way(city: City) -> Blown:
    """An ordinary whistle of S01: CGJ leads and is sent back once, GA assists; scored, called back, closed."""
    street = city.street("S01")
    whistle = await street.blows("0701", kind="appeal", urgency="normal", departments=EVERY_STEP)
    for code in EVERY_STEP:
        office = city.department(code)
        await office.acknowledges(whistle)
        await office.arrives(whistle)
        await office.submits(whistle)
    await street.orders_rework(whistle, "CGJ")
    await city.settles()
    await city.department("CGJ").submits(whistle)
    await street.verifies(whistle, *EVERY_STEP)
    await street.scores(whistle, "CGJ", arrival=15)
    await street.scores(whistle, "GA")
    await street.calls_back(whistle)
    await city.expects_state(whistle, "closed")
    await city.settles()
    return whistle


async def test_every_number_is_there_and_opens_its_tasks(city: City) -> None:
    whistle = await gone_all_the_way(city)
    late = await city.street("S02").blows("0701", departments=["GA"])
    await city.passes(hours=2)

    assert await city.watch.number("CGJ", "acknowledgement") == ("1", 1, "1.0000")
    assert await city.watch.number("GA", "acknowledgement") == ("1", 2, "0.5000")
    assert await city.watch.number("CGJ", "report_in") == ("1", 1, "1.0000")
    assert await city.watch.number("CGJ", "rework") == ("1", 1, "1.0000")
    assert await city.watch.number("GA", "rework") == ("0", 1, "0.0000")
    assert await city.watch.number("CGJ", "on_time") == ("1", 1, "1.0000")
    assert await city.watch.number("CGJ", "score") == ("95", 1, "95.00")
    # What is known of the whole matter is the lead's: the call-back and the closing.
    assert await city.watch.number("CGJ", "composite") == ("1", 1, "1.0000")
    assert await city.watch.number("GA", "composite") == ("0", 0, None)

    behind = await city.watch.behind("acknowledgement", unit="GA")
    assert {task["whistle_id"]: task["contributes"] for task in behind} == {
        whistle.whistle_id: {"acknowledged_in_time": 1, "acknowledgements": 1},
        late.whistle_id: {"acknowledgements": 1},
    }
    (reworked,) = await city.watch.behind("rework", unit="CGJ")
    assert (reworked["number"], reworked["department"]) == (whistle.number, "CGJ")


async def test_a_street_is_measured_too(city: City) -> None:
    whistle = await gone_all_the_way(city)
    withdrawn = await city.street("S01").blows("0701", departments=["GA"])
    await city.street("S01").withdraws(withdrawn)
    await city.settles()
    assert await city.watch.number("S01", "self_closure", "street") == ("1", 2, "0.5000")
    assert await city.watch.number("S01", "late_verification", "street") == ("0", 3, "0.0000")
    street = (await city.watch.measures("street"))["S01"]
    grids = sum(grid.street == "S01" for grid in city.pack.registry.grids)
    assert (street["n"], street["whistle_rate"]) == (2, f"{2 / grids:.4f}")
    silent = (await city.watch.measures("street"))["S02"]
    assert (silent["n"], silent["whistle_rate"], silent["band"]) == (0, "0.0000", "too_few")
    listed = await city.watch.behind("self_closure", by="street", unit="S01")
    assert {item["whistle_id"] for item in listed} == {whistle.whistle_id, withdrawn.whistle_id}
    assert {item["task_id"] for item in listed} == {None}


async def test_an_excluded_task_leaves_the_denominators_and_is_shown(city: City) -> None:
    await city.street("S01").blows("0701", departments=["GA", "CGJ"])
    await city.passes(hours=1)
    assert await city.watch.number("GA", "acknowledgement") == ("0", 1, "0.0000")
    (task,) = await city.watch.behind("acknowledgement", unit="GA")
    await city.whistle_office.excludes(task["task_id"])
    await city.settles()
    assert await city.watch.number("GA", "acknowledgement") == ("0", 0, None)
    units = await city.watch.measures()
    assert (units["GA"]["n_excluded"], units["GA"]["n"], units["CGJ"]["n_excluded"]) == (1, 0, 0)
    (shown,) = await city.watch.behind("excluded")
    assert shown["task_id"] == task["task_id"]
    await city.whistle_office.excludes(task["task_id"], excluded=False)
    await city.settles()
    assert await city.watch.number("GA", "acknowledgement") == ("0", 1, "0.0000")


async def test_a_board_is_published_and_stays_as_it_was(city: City) -> None:
    await gone_all_the_way(city)
    board = await city.watch.publishes()
    assert [row["unit"] for row in board["rows"]] == ["GA", "CGJ"]
    assert (board["rows"][0]["rank"], board["rows"][0]["n"], board["rows"][0]["previous_rank"]) == (1, 1, None)
    assert (board["formulas_version"], board["registry_version"] > 0, board["position"] > 0) == ("1", True, True)
    await city.street("S01").blows("0701", departments=["GA"])
    await city.passes(hours=3)
    later = await city.watch.publishes()
    of_ga = later["rows"][0]
    assert (of_ga["unit"], of_ga["n"], of_ga["points_off"]) == ("GA", 2, "2.00"), "one no-show more"
    assert later["position"] > board["position"]
    assert await city.watch.boards(by="department", period="2026Q2") == [later, board]
    assert await city.watch.boards(by="street") == []
    next_one = await city.watch.tries_to_publish(period="2026Q3")
    assert (next_one.status_code, expect(next_one, 422)["errors"][0]["field"]) == (422, "period")


async def test_the_same_key_publishes_once(city: City) -> None:
    await gone_all_the_way(city)
    first, again = [await city.watch.tries_to_publish(**{"Idempotency-Key": "quarter-2"}) for _ in range(2)]
    assert expect(first, 201) == expect(again, 201)
    assert again.headers["idempotency-replayed"] == "true"
    assert len(await city.watch.boards()) == 1


async def test_everybody_sees_their_own_numbers_only(city: City) -> None:
    await gone_all_the_way(city)
    await city.watch.publishes()
    await city.watch.publishes("street")
    watch = city.watch
    assert set(await watch.measures(role="department_head", scope="GA")) == {"GA"}
    assert set(await watch.measures("street", role="street_initiator", scope="S01")) == {"S01"}
    assert set(await watch.measures("street", role="department_head", scope="GA")) == set()
    assert {task["department"] for task in await watch.behind("index", role="department_head", scope="GA")} == {"GA"}
    foreign = await watch._asks("GET", "/measures/rework/tasks", "department_head", "GA", params={"unit": "CGJ"})
    assert foreign.status_code == 404
    of_streets, of_departments = await watch.boards(role="department_head", scope="GA")
    assert ([row["unit"] for row in of_departments["rows"]], of_streets["rows"]) == (["GA"], [])
    assert (await watch.tries_to_publish(role="department_head", scope="GA")).status_code == 403


async def test_what_cannot_be_is_refused_with_the_field(door: City) -> None:
    for query, field in (({"period": "2026Q9"}, "period"), ({"by": "grid"}, "by")):
        refused = await door.watch.tries_to_measure(**query)
        assert expect(refused, 422)["errors"][0]["field"].endswith(field)
    for period in ("\0", "2026Q5", "soon"):
        refused = await door.watch._asks("GET", "/boards", "arbitrator", "*", params={"period": period})
        assert expect(refused, 422)["errors"][0]["field"] == "period", refused.text
    unknown = await door.watch._asks("GET", "/measures/luck/tasks", "arbitrator", "*")
    assert unknown.status_code == 404


async def test_the_numbers_follow_from_the_log_of_the_running_city(city: City) -> None:
    await gone_all_the_way(city)
    await city.street("S02").blows("0701", departments=["GA", "PSGS"])
    await city.passes(hours=2)
    await city.watch.publishes()
    await city.watch.publishes("street")
    database = city.infrastructure.database_urls["escalation"]
    said = await whistlectl("measures", "recompute", "--json", database_url=database)
    result = orjson.loads(said.out)
    assert (said.code, result["recomputed_equal"], result["tasks"]) == (0, True, 4), result
    assert min(result["numbers"], result["board_rows"]) > 0


async def test_the_terms_in_force_simulate_what_happened(city: City) -> None:
    """The sample pack against itself: the same warnings, breaches and escalations, clock by clock."""
    await gone_all_the_way(city)
    await city.street("S02").blows("0701", departments=["GA", "PSGS"])
    for _ in range(9):
        await city.passes(minutes=14)
    database = city.infrastructure.database_urls["escalation"]
    asked = ("simulate", "--policy", str(SAMPLE), "--since", "2026-06-01", "--until", "2026-06-02", "--json")
    said = await whistlectl(*asked, database_url=database)
    assert said.code == 0, said.err
    result = orjson.loads(said.out)
    assert (result["whistles"], result["tasks"]) == (2, 4)
    assert result["total"]["happened"]["breaches"] > 0
    told = await whistlectl(*asked[:-1], database_url=database)
    assert "2 whistles with 4 tasks" in told.out
    assert "as they would have gone with the pack" in told.out
    for row in result["rows"]:
        assert row["simulated"]["breaches"] == row["happened"]["breaches"], row
        assert row["simulated"]["escalations"] >= row["happened"]["escalations"], row
