"""Before and around the blowing: drafts, the gate, signatures, what is known already, joining and beginning again."""

import asyncio
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from support.city import City
from support.people import Blown, expect
from support.waiting import until
from whistle_intake import domain
from whistle_intake.commands import miss_signature
from whistle_intake.store.search import SIMILAR
from whistle_intake.timers import Secretary
from whistle_shared.registry import Registry
from whistle_shared.timers import Horizon

GRID: dict[str, Any] = {"grid": "S01-G001"}
PLAIN: dict[str, Any] = {"kind": "appeal", "urgency": "normal", "departments": ["CGJ"]}
HERE = {"latitude": 39.9163, "longitude": 116.3972}
NEXT_DOOR = {"latitude": 39.9168, "longitude": 116.3972}  # 56 m
_TWENTY_THOUSAND = """
insert into whistle(whistle_id, number, street, category, grid, latitude, longitude, facts, departments, round, stage,
                    routing, state, blown_at)
select gen_random_uuid(), 'N' || n, w.street, w.category, w.grid, 39 + n / 10000.0, 116.3972, w.facts, w.departments, 1,
       'open', 'pending', 'blown', w.blown_at
from whistle w, generate_series(1, 20000) as n
"""
ELSEWHERE = {"latitude": 39.9263, "longitude": 116.3972}  # 1.1 km


def reviewing(city: City) -> Registry:
    """The sample district, with a leader who signs in every street."""
    registry = city.pack.registry
    streets = tuple(street.model_copy(update={"approval": "review"}) for street in registry.streets)
    return registry.model_copy(update={"streets": streets})


async def test_a_communitys_draft_is_handed_up_signed_and_blown(city: City) -> None:
    street = city.street("S01")
    async with city.under(registry=reviewing(city)):
        draft = await street.drafts(**PLAIN)
        assert (draft.view["state"], draft.view["facts"]["blown_at"]) == ("draft", None)
        mended = street.says() | PLAIN | {"title": "两处井盖缺失"}
        put = await street.says_as("community", f"/whistles/{draft.whistle_id}", mended, method="PUT")
        assert expect(put)["facts"]["title"] == "两处井盖缺失"

        assert (await street.tries_to_step(draft, "submission", {}, "community")).status_code == 403
        assert (await street.submits(draft))["state"] == "pending_approval"
        await city.settles()
        missing = await city.call("dispatch", "GET", f"/api/v1/dispatches/{draft.whistle_id}")
        assert missing.status_code == 404, "nobody is called before the leader has signed"

        assert (await street.tries_to_step(draft, "approval")).status_code == 403
        signed = await street.signs(draft)
        assert (signed["state"], signed["signed_by"]) == ("blown", "街道审签人 S01")
    await city.expects_tasks(draft, ["CGJ"])
    await city.expects_in_timeline(
        draft, "whistle_submitted", "whistle_approved", "whistle_blown", "whistle_dispatched"
    )
    seen = await street.sees(draft)
    assert (seen["facts"]["blown_by"], seen["facts"]["title"]) == ("街道吹哨人 S01", "两处井盖缺失")


async def test_a_leader_sends_a_draft_back_and_then_keeps_the_matter(city: City) -> None:
    street = city.street("S01")
    async with city.under(registry=reviewing(city)):
        whistle = await street.blows(**PLAIN)
        assert whistle.view["state"] == "pending_approval"
        assert (await street.rejects(whistle, "draft"))["state"] == "draft"
        await street.submits(whistle)
        assert (await street.rejects(whistle, "self_handled"))["state"] == "self_handled"
        answer = await street.tries_to_step(whistle, "approval", role="street_approver")
    assert (answer.status_code, answer.json()["state"], answer.json()["legal"]) == (409, "self_handled", [])
    await city.settles()
    assert await city.watch.clocks() == []


async def test_a_leaders_own_whistle_needs_no_other_signature(city: City) -> None:
    street = city.street("S01")
    async with city.under(registry=reviewing(city)):
        draft = await street.drafts(role="street_approver", **PLAIN)
        assert (await street.submits(draft, role="street_approver"))["state"] == "blown"
    await city.expects_tasks(draft, ["CGJ"])


async def test_of_two_leaders_at_once_one_signs(city: City) -> None:
    street = city.street("S01")
    async with city.under(registry=reviewing(city)):
        whistle = await street.blows(**PLAIN)
        steps = [street.tries_to_step(whistle, "approval", role="street_approver") for _ in range(4)]
        reject = {"outcome": "draft", "reason": "再核实"}
        steps += [street.tries_to_step(whistle, "rejection", reject, "street_approver") for _ in range(4)]
        answers = sorted(answer.status_code for answer in await asyncio.gather(*steps))
    assert answers == [200] + [409] * 7


async def test_the_streets_own_duties_pass_the_gate_with_a_reason_only(city: City) -> None:
    street = city.street("S01")
    duty = next(duty for duty in city.pack.registry.duties if duty.level == "basic" and duty.categories)
    category = next(c for c in duty.categories if city.pack.registry.category_by_code[c].default_kind != "emergency")
    refused = await street.tries_to_blow(category=category)
    assert (refused.status_code, [e["field"] for e in refused.json()["errors"]]) == (422, ["override_reason"])
    assert duty.code in refused.json()["errors"][0]["reason"]
    whistle = await street.blows(category, override_reason="车辆涉案，街道无权处置")
    assert whistle.view["state"] == "blown"
    await city.expects_in_timeline(whistle, "whistle_submitted", "whistle_blown", "whistle_dispatched")


async def test_an_emergency_is_blown_at_once_and_signed_afterwards(city: City) -> None:
    street = city.street("S01")
    async with city.under(registry=reviewing(city)):
        whistle = await street.blows("0701", kind="emergency", urgency="critical", departments=["CGJ"])
    assert (whistle.view["state"], whistle.view["signature"]) == ("blown", "owed")
    await city.expects_tasks(whistle, ["CGJ"])
    assert (await street.signs(whistle))["signature"] == "given"
    await city.passes(hours=25)
    assert "signature_missed" not in await _told(city, whistle)


async def test_a_missed_signature_is_said_once_whatever_stops_between(city: City) -> None:
    """INVARIANT: a signature that is missed is said once, whatever crashes."""
    street = city.street("S01")
    whistle = await street.blows("0701", kind="emergency", urgency="critical", departments=["CGJ"])
    taken_back = await street.blows("0701", kind="emergency", urgency="critical", departments=["GA"])
    await street.withdraws(taken_back)
    async with city.without("intake"):
        await city.passes(hours=25)
    await city.expects_in_timeline(whistle, "signature_missed")
    async with city.without("intake"):
        pass
    await city.passes(hours=1)
    late = await street.signs(whistle)
    assert (late["signature"], late["steps"].count("approval")) == ("late", 0)
    told = await _told(city, whistle)
    assert (told.count("signature_missed"), told.count("whistle_approved")) == (1, 1)
    assert "signature_missed" not in await _told(city, taken_back)


async def test_timers_that_crash_and_race_say_it_once(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """INVARIANT: whatever crashes, a missed signature is said once."""
    whistle = await city.street("S01").blows("0701", kind="emergency", urgency="critical", departments=["CGJ"])
    await city.settles()
    secretary = Secretary(city.services["intake"].group)
    horizon = Horizon(city.time.now() + timedelta(days=2), degraded=False)

    def crashing(*arguments: Any) -> None:
        miss_signature(*arguments)
        raise RuntimeError("the process dies before it has committed")

    with monkeypatch.context() as broken:
        broken.setattr("whistle_intake.timers.commands.miss_signature", crashing)
        with pytest.raises(RuntimeError):
            await secretary.fire(horizon)
    assert "signature_missed" not in await _told(city, whistle)
    await asyncio.gather(*(secretary.fire(horizon) for _ in range(5)))
    assert (await _told(city, whistle)).count("signature_missed") == 1


async def test_a_matter_that_is_known_joins_the_open_whistle(city: City) -> None:
    street = city.street("S01")
    first = await street.blows(**PLAIN, **GRID)
    draft = await street.drafts(**PLAIN, **GRID, title="井盖没了")
    refused = await street.tries_to_step(draft, "submission", {})
    assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
    assert [alike["whistle_id"] for alike in refused.json()["duplicates"]] == [first.whistle_id]
    assert refused.json()["relapses"] == []

    joined = await street.joins(draft, first)
    assert (joined["state"], joined["joined_to"]) == ("joined", first.whistle_id)
    await city.expects_in_timeline(first, "whistle_joined")
    assert [entry["event"] for entry in (await street.sees(draft))["timeline"]] == ["intake.whistle_joined.v1"]
    assert (await street.tries_to_step(draft, "submission", {})).status_code == 409


async def test_joining_and_submitting_at_once_end_in_one_of_the_two(city: City) -> None:
    street = city.street("S01")
    first = await street.blows(**PLAIN)
    for _ in range(5):
        draft = await street.drafts(**PLAIN)
        answers = await asyncio.gather(
            street.tries_to_step(draft, "joining", {"whistle_id": first.whistle_id}),
            street.tries_to_step(draft, "submission", {}),
            street.tries_to_step(first, "reopening", {"cause": "relapse", "reason": "x"}),
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409]


async def test_a_matter_of_its_own_is_blown_with_a_reason(city: City) -> None:
    street = city.street("S01")
    await street.blows(**PLAIN, **GRID)
    refused = await street.tries_to_blow(key="key-1", **PLAIN, **GRID)
    assert (refused.status_code, len(refused.json()["duplicates"])) == (409, 1)
    assert len(await street.lists()) == 1
    assert (await street.blows(**PLAIN, **GRID, distinct_reason="另一处井盖")).view["state"] == "blown"


async def test_a_repeat_with_the_same_key_is_no_duplicate_of_itself(city: City) -> None:
    street = city.street("S01")
    body = street.says() | PLAIN | GRID
    answers = [await street.tries_to_blow(body, key="key-1") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()


async def test_an_emergency_is_told_what_it_is_like_and_blown_all_the_same(city: City) -> None:
    street = city.street("S01")
    first = await street.blows(**PLAIN, **GRID)
    urgent = await street.blows("0701", kind="emergency", urgency="critical", **GRID)
    assert urgent.view["state"] == "blown"
    assert [alike["number"] for alike in urgent.view["likeness"]["duplicates"]] == [first.number]


async def test_what_is_near_enough_in_place_time_and_words_is_alike(city: City) -> None:
    street = city.street("S01")
    first = await street.blows(**PLAIN, location=HERE)

    async def likes(**more: Any) -> list[str]:
        return [alike["number"] for alike in (await street.looks_for_the_like(**more))["duplicates"]]

    assert await likes(location=NEXT_DOOR) == [first.number]
    assert await likes(location=ELSEWHERE) == []
    assert await likes() == []
    assert await likes(**GRID) == [], "the first one names no grid"
    assert await likes(location=NEXT_DOOR, category="0702") == []
    other = {"title": "树木倒伏", "description": "绿化带内一棵杨树被大风刮倒，压住三辆自行车。"}
    assert await likes(location=NEXT_DOOR, **other) == []
    elsewhere = await city.street("S02").looks_for_the_like(location=NEXT_DOOR)
    assert elsewhere == {"duplicates": [], "relapses": []}, "another street's whistles do not exist"
    await city.passes(days=8)
    assert await likes(location=NEXT_DOOR) == []


async def test_the_search_for_the_like_reads_a_few_rows_of_many(city: City) -> None:
    """Speed: however many whistles of the sub-category are open, the newest in the grid and near the point are read."""
    street = city.street("S01")
    await street.blows(**PLAIN, **GRID, location=HERE)
    engine, regulation = city.services["intake"].engine, city.pack.registry.regulation
    async with engine.begin() as connection:
        await connection.exec_driver_sql(_TWENTY_THOUSAND)
    async with city.owner("intake").begin() as connection:
        await connection.exec_driver_sql("analyze whistle")
    asked = (["0701"], ["S01"], ["S01-G001"], [39.916], [39.917], [116.397], [116.398])
    parameters = ([uuid4()], *asked, *domain.since(regulation, city.time.now()))
    async with engine.connect() as connection:
        explained = await connection.exec_driver_sql(f"explain (analyze, buffers) {SIMILAR}", parameters)
        plan = "\n".join(explained.scalars())
    assert "whistle_same_grid" in plan, plan
    assert "whistle_near" in plan, plan
    assert "Seq Scan on whistle" not in plan, plan
    pages = [int(count) for count in re.findall(r"shared hit=(\d+)", plan)]
    assert max(pages) < 2_000, plan


async def test_a_draft_is_withdrawn_and_nobody_ever_hears_of_it(city: City) -> None:
    street = city.street("S01")
    draft = await street.drafts(**PLAIN)
    answer = await street.tries_to_step(draft, "withdrawal", {"reason": "误报"}, "community")
    assert expect(answer)["state"] == "withdrawn"
    await city.settles()
    assert await _told(city, draft) == []
    missing = await city.call("dispatch", "GET", f"/api/v1/dispatches/{draft.whistle_id}")
    assert missing.status_code == 404


async def test_a_whistle_that_waits_for_a_signature_can_be_withdrawn(city: City) -> None:
    street = city.street("S01")
    async with city.under(registry=reviewing(city)):
        whistle = await street.blows(**PLAIN)
        refused = await street.tries_to_step(whistle, "withdrawal", {"reason": "误报"}, "community")
        assert refused.status_code == 403
        assert (await street.withdraws(whistle))["state"] == "withdrawn"
    await city.settles()
    assert await city.watch.clocks() == []
    await city.expects_nothing_parked()


async def test_a_department_calls_departments(city: City) -> None:
    body = city.street("S02").says() | {**PLAIN, "departments": ["CGJ"], "cross_district": True}
    answer = await city.call(
        "intake",
        "POST",
        "/api/v1/whistles",
        role="department_head",
        scope="GA",
        json=body,
        headers={"Idempotency-Key": uuid4().hex},
    )
    view = expect(answer, 201)
    whistle = Blown(view["whistle_id"], view["number"], "0701", view)
    assert (view["facts"]["initiator"], view["facts"]["cross_district"]) == ("GA", True)
    assert (view["state"], view["facts"]["street"]) == ("blown", "S02")
    await city.expects_tasks(whistle, ["CGJ"])
    for scope, status in (("GA", 200), ("CGJ", 404)):
        path = f"/api/v1/whistles/{whistle.whistle_id}"
        assert (await city.call("intake", "GET", path, role="department_head", scope=scope)).status_code == status
    listed = await city.call("intake", "GET", "/api/v1/whistles", role="department_head", scope="GA")
    assert [item["number"] for item in listed.json()["items"]] == [whistle.number]
    assert (await city.street("S02").sees(whistle))["state"] == "blown", "the street at whose place it is sees it"


async def test_a_matter_that_comes_back_reopens_the_closed_whistle(city: City) -> None:
    street = city.street("S01")
    whistle = await street.blows(**PLAIN, **GRID)
    await _is_closed(city, whistle)

    draft = await street.drafts(**PLAIN, **GRID)
    refused = await street.tries_to_step(draft, "submission", {})
    assert (refused.status_code, refused.json()["duplicates"]) == (409, [])
    (relapse,) = refused.json()["relapses"]
    assert relapse["whistle_id"] == whistle.whistle_id
    again = await street.says_as(
        "street_initiator", relapse["reopening"].removeprefix("/api/v1"), {"cause": "relapse", "reason": "再次缺失"}
    )
    view = expect(again)
    assert (view["state"], view["round"], view["facts"]["urgency"]) == ("blown", 2, "urgent")
    assert (await street.joins(draft, whistle))["state"] == "joined"
    await city.expects_in_timeline(whistle, "whistle_closed", "whistle_reopened", "whistle_dispatched")

    async def called_again() -> bool:
        tasks = (await street.sees(whistle))["tasks"]
        return [task["department"] for task in tasks if task["round"] == 2] == ["CGJ"]

    await until(called_again, "the second round's tasks")


async def test_a_false_completion_is_reopened_within_the_time_for_relapses(city: City) -> None:
    street = city.street("S01")
    first, second = await street.blows(**PLAIN), await street.blows(**PLAIN)
    for whistle in (first, second):
        await _is_closed(city, whistle)
    await city.passes(days=29)
    assert (await street.reopens(first, "false_completion"))["round"] == 2
    await city.passes(days=2)
    answer = await street.tries_to_step(second, "reopening", {"cause": "relapse", "reason": "x"})
    assert (answer.status_code, answer.json()["state"]) == (409, "closed")


async def test_a_sub_category_is_suggested_with_reasons_a_person_can_read(city: City) -> None:
    body = {"title": "井盖缺失", "description": "人行道上一处井盖缺失，夜间无照明，行人有坠落危险。"}
    items = expect(await city.street("S01").says_as("community", "/suggestions", body))["items"]
    assert 1 <= len(items) <= 3
    best = items[0]
    assert (best["category"], best["lead"]) == ("0701", "CGJ")
    assert any("井盖" in reason for reason in best["reasons"])
    assert [item["score"] for item in items] == sorted((item["score"] for item in items), reverse=True)
    nothing = {"title": "xyz", "description": "xyz"}
    assert expect(await city.street("S01").says_as("street_initiator", "/suggestions", nothing))["items"] == []


async def _told(city: City, whistle: Blown) -> list[str]:
    await city.settles()
    return [entry["event"].split(".")[1] for entry in (await city.whistle_office.sees(whistle))["timeline"]]


async def _is_closed(city: City, whistle: Blown) -> None:
    """The department does its work; the street verifies, scores and calls back."""
    department, street = city.department("CGJ"), city.street("S01")
    await department.acknowledges(whistle)
    await department.arrives(whistle)
    await department.submits(whistle)
    await street.verifies(whistle, "CGJ")
    await street.scores(whistle, "CGJ")
    await street.calls_back(whistle)
    await city.expects_state(whistle, "closed")
