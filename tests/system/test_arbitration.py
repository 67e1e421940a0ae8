"""Whose duty is it, and how long may it take: what the district whistle office decides, from the desk to the clocks."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from support.city import City
from support.people import Blown, expect
from support.waiting import until
from whistle_dispatch import commands
from whistle_dispatch.timers import Umpire
from whistle_shared.db import Unit
from whistle_shared.timers import Horizon


async def called(city: City, *departments: str, **more: str) -> Blown:
    """An appeal that may be returned (a week to resolve), everybody called."""
    about = {"kind": "appeal", "urgency": "normal"} | more
    whistle = await city.street("S01").blows("0701", departments=list(departments), **about)
    await city.settles()
    return whistle


async def gives_back(city: City, whistle: Blown, department: str, proper: str) -> None:
    """A department says that it is not its duty (退单)."""
    await city.department(department).returns(whistle, to=proper)
    await city.settles()


async def clocks(city: City, whistle: Blown, department: str) -> dict[str, tuple[str, str]]:
    found = await city.watch.clocks(whistle_id=whistle.whistle_id, department=department)
    return {clock["name"]: (clock["status"], clock["due_at"]) for clock in found}


async def standing(city: City, whistle: Blown) -> list[tuple[str, str]]:
    tasks = (await city.whistle_office.dispatch(whistle))["tasks"]
    return [(task["department"], task["role"]) for task in tasks if task["state"] == "active"]


async def test_a_refused_return_resets_nothing(city: City) -> None:
    """INVARIANT: a refused return resets nothing."""
    whistle = await called(city, "CGJ", "GA")
    before = await clocks(city, whistle, "CGJ")
    await gives_back(city, whistle, "CGJ", "PSGS")
    assert await clocks(city, whistle, "CGJ") == before, "the clocks run on while it lies there"
    await city.passes(hours=2)
    await city.whistle_office.decides_return("CGJ")
    await city.expects_in_timeline(whistle, "return_requested", "return_decided")
    await city.settles()
    assert await clocks(city, whistle, "CGJ") == before
    assert await standing(city, whistle) == [("CGJ", "lead"), ("GA", "assist")]
    await city.department("CGJ").acknowledges(whistle)
    await city.expects_clock(whistle, "ack", "met", department="CGJ")


async def test_an_upheld_return_replaces_the_lead_and_the_whistles_due_time_stays(city: City) -> None:
    whistle = await called(city, "CGJ", "GA")
    due = (await city.whistle_office.dispatch(whistle))["whistle_due_at"]
    await gives_back(city, whistle, "CGJ", "PSGS")
    await city.passes(hours=3)
    done = await city.whistle_office.decides_return("CGJ", "PSGS")
    assert (done["state"], done["decision"]) == ("upheld", "职责清单第 12 项")
    await city.settles()

    assert {status for status, _ in (await clocks(city, whistle, "CGJ")).values()} == {"voided"}
    anew = await clocks(city, whistle, "PSGS")
    assert anew["ack"] == ("running", "2026-06-01T09:30:00Z"), "four working hours from noon, the break left out"
    assert anew["resolve"] == ("running", due)
    assert await standing(city, whistle) == [("PSGS", "lead"), ("GA", "assist")]
    assert (await city.whistle_office.dispatch(whistle))["whistle_due_at"] == due
    assert (await city.department("CGJ").task(whistle))["state"] == "reassigned"
    task = await city.department("PSGS").task(whistle)
    assert (task["role"], task["origin"]) == ("lead", "reassigned-1")
    await city.department("PSGS").acknowledges(whistle)
    await city.expects_clock(whistle, "ack", "met", department="PSGS")


async def test_a_return_that_nobody_decides_is_disputed_after_four_working_hours(city: City) -> None:
    """INVARIANT: a return that nobody decides in time is disputed exactly once, also when dispatch was down then."""
    whistle = await called(city, "CGJ", "GA")
    await gives_back(city, whistle, "CGJ", "PSGS")
    await city.passes(hours=5)
    assert (await city.whistle_office.finds("returns", "pending", "CGJ"))["decide_by"] == "2026-06-01T06:30:00Z"
    async with city.without("dispatch"):
        await city.passes(hours=1.1)
    await city.has_fired()
    dispute = await city.whistle_office.finds_dispute(whistle)
    assert (dispute["cause"], dispute["request"]["state"]) == ("undecided", "disputed")
    await city.expects_in_timeline(whistle, "return_requested", "dispute_opened")
    clock = await city.expects_clock(whistle, "adjudication")
    assert (clock["side"], clock["due_at"]) == ("district", "2026-06-02T09:30:00Z")
    await city.passes(hours=4)
    seen = (await city.whistle_office.sees(whistle))["timeline"]
    assert [entry["event"] for entry in seen].count("dispatch.dispute_opened.v1") == 1
    early = await city.whistle_office.tries_to_decide("returns", dispute["request"]["request_id"], upheld=False)
    assert (early.status_code, early.json()["legal"]) == (409, ["dispute_decision"])
    await city.whistle_office.decides_dispute(whistle)
    await city.expects_clock(whistle, "adjudication", "met")


async def test_however_many_look_at_once_a_dispute_is_opened_once(city: City) -> None:
    """INVARIANT: a return that nobody decides in time is disputed exactly once, however many processes look at it."""
    whistle = await called(city, "CGJ", "GA")
    await gives_back(city, whistle, "CGJ", "PSGS")
    service = city.services["dispatch"]
    umpires = [Umpire(service.group, service.replica) for _ in range(6)]
    city.time.passes(timedelta(hours=6.1))
    horizon = Horizon(city.time.now(), degraded=False)
    await asyncio.gather(*(umpire.fire(horizon) for umpire in umpires for _ in range(3)))
    await city.has_fired()
    seen = (await city.whistle_office.sees(whistle))["timeline"]
    assert [entry["event"] for entry in seen].count("dispatch.dispute_opened.v1") == 1


async def test_a_whistle_that_cannot_be_handled_holds_nobody_up(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = await called(city, "CGJ"), await called(city, "GA")
    await gives_back(city, bad, "CGJ", "PSGS")
    await gives_back(city, good, "GA", "PSGS")
    opens = commands.open_overdue

    def fails_for_one(unit: Unit, whistle_id: UUID, until: datetime) -> None:
        if str(whistle_id) == bad.whistle_id:
            raise ValueError("this one is broken")
        opens(unit, whistle_id, until)

    with monkeypatch.context() as broken:
        broken.setattr(commands, "open_overdue", fails_for_one)
        city.time.passes(timedelta(hours=6.1))
        assert (await city.whistle_office.finds_dispute(good))["request"]["department"] == "GA"
    await city.passes(minutes=2)
    assert (await city.whistle_office.finds_dispute(bad))["cause"] == "undecided"


async def test_a_second_return_is_disputed_at_once(city: City) -> None:
    whistle = await called(city, "CGJ", "GA")
    await gives_back(city, whistle, "CGJ", "PSGS")
    await city.whistle_office.decides_return("CGJ", "PSGS")
    await city.settles()
    await gives_back(city, whistle, "PSGS", "CGJ")
    dispute = await city.whistle_office.finds_dispute(whistle)
    assert (dispute["cause"], dispute["request"]["department"]) == ("second_return", "PSGS")
    assert (await city.department("PSGS").task(whistle))["state"] == "disputed"


async def test_a_dispute_is_decided_on_site_and_becomes_a_precedent_that_the_catalogue_follows(city: City) -> None:
    whistle = await called(city, "CGJ", "GA")
    await gives_back(city, whistle, "CGJ", "PSGS")
    await city.passes(hours=6.1)
    rule = "井盖缺失经踏勘属排水井的，由排水公司主办、城管局协办"
    ruled = await city.whistle_office.decides_dispute(whistle, "PSGS", "CGJ", on_site=True, precedent=rule)
    assert (ruled["state"], ruled["on_site"], ruled["upheld"]) == ("decided", True, True)
    await city.settles()
    assert await standing(city, whistle) == [("PSGS", "lead"), ("CGJ", "assist"), ("GA", "assist")]
    assert (await city.department("CGJ").task(whistle))["role"] == "assist"
    await city.department("CGJ").acknowledges(whistle)
    assert (await city.whistle_office.dispatch(whistle))["precedents"] == []

    following = await called(city, "CGJ")
    await gives_back(city, following, "CGJ", "PSGS")
    shown = (await city.whistle_office.dispatch(following))["precedents"]
    assert [(one["rule"], one["department"], one["assist"]) for one in shown] == [(rule, "PSGS", ["CGJ", "GA"])]
    assert shown == await city.whistle_office.precedents("0701")

    async with city.under():
        adopted = await city.whistle_office.adopts(ruled["precedent_id"])
        await city.knows_district()
        registry = city.services["intake"].replica.registry
        assert registry is not None
        assert registry.version == adopted["adopted_version"]
        routed = await city.street("S01").blows("0701", kind="appeal", urgency="normal")
        await city.expects_tasks(routed, ["PSGS", "CGJ", "GA"])
        again = await city.whistle_office.asks("POST", f"/precedents/{ruled['precedent_id']}/adoption")
        assert again.status_code == 409


async def test_the_lead_is_handed_over_and_no_clock_moves(city: City) -> None:
    whistle = await called(city, "CGJ", "GA")
    before = [await clocks(city, whistle, code) for code in ("CGJ", "GA")]
    await city.whistle_office.hands_over(whistle, "GA")
    await city.expects_in_timeline(whistle, "lead_changed")
    await city.settles()
    assert [await clocks(city, whistle, code) for code in ("CGJ", "GA")] == before
    assert await standing(city, whistle) == [("GA", "lead"), ("CGJ", "assist")]
    assert (await city.department("GA").task(whistle))["role"] == "lead"
    assert (await city.department("CGJ").task(whistle))["role"] == "assist"


async def test_a_second_extension_is_the_districts_to_grant(city: City) -> None:
    whistle = await called(city, "CGJ")
    department = city.department("CGJ")
    await department.acknowledges(whistle)
    first = {"person": "王敏", "clock": "resolve", "due_at": "2026-06-10T01:00:00Z", "reason": "备件未到"}
    expect(await department.steps(whistle, "extension", first))
    await city.settles()
    await city.street("S01").decides(whistle)
    await city.settles()
    assert (await clocks(city, whistle, "CGJ"))["resolve"] == ("running", "2026-06-10T01:00:00Z")
    expect(await department.steps(whistle, "extension", first | {"due_at": "2026-06-12T01:00:00Z"}))
    await city.settles()

    asked = await city.whistle_office.finds("requests", "pending", "CGJ")
    beyond = await city.whistle_office.tries_to_decide(
        "requests", asked["request_id"], granted=True, due_at="2026-06-12T01:00:01Z"
    )
    assert (beyond.status_code, beyond.json()["errors"][0]["field"]) == (422, "due_at")
    done = await city.whistle_office.decides_request("CGJ", due_at="2026-06-11T01:00:00Z")
    assert (done["state"], done["granted_until"]) == ("upheld", "2026-06-11T01:00:00Z")
    await city.settles()
    assert (await clocks(city, whistle, "CGJ"))["resolve"] == ("running", "2026-06-11T01:00:00Z")
    await city.expects_in_timeline(whistle, "extension_requested", "extension_decided", "extension_decided")


async def test_a_long_suspension_is_granted_kept_at_its_review_and_ended_by_the_district(city: City) -> None:
    whistle = await called(city, "CGJ")
    department = city.department("CGJ")
    await department.acknowledges(whistle)
    await department.arrives(whistle)
    body = {"person": "王敏", "cause": "season_or_weather", "until": "2026-09-01T01:00:00Z", "reason": "汛期不宜开挖"}
    expect(await department.steps(whistle, "suspension", body))
    await city.passes(hours=1)
    granted = await city.whistle_office.decides_request("CGJ")
    assert (granted["state"], granted["cycle"]) == ("upheld", 100)
    await city.expects_clock(whistle, "resolve", "paused", department="CGJ")
    review = await city.expects_clock(whistle, "suspension_review")
    assert (review["side"], review["due_at"]) == ("district", "2026-07-01T02:00:00Z")

    await city.passes(days=20)
    kept = await city.whistle_office.keeps_suspension("CGJ", until="2026-10-01T01:00:00Z")
    assert (kept["cycle"], kept["granted_until"]) == (101, "2026-10-01T01:00:00Z")
    await city.settles()
    reviews = await city.watch.clocks(whistle_id=whistle.whistle_id, name="suspension_review")
    assert sorted(clock["status"] for clock in reviews) == ["met", "running"]

    task = await department.task(whistle)
    await city.whistle_office.resumes(task["task_id"])
    await city.settles()
    assert (await clocks(city, whistle, "CGJ"))["resolve"] == ("running", "2026-06-28T01:00:00Z")
    reviews = await city.watch.clocks(whistle_id=whistle.whistle_id, name="suspension_review")
    assert {clock["status"] for clock in reviews} == {"met"}
    again = await city.whistle_office.asks("POST", f"/tasks/{task['task_id']}/resumption", json={"reason": "再次"})
    assert again.status_code == 409


async def test_a_task_is_excluded_from_assessment_with_the_reason_on_record(city: City) -> None:
    whistle = await called(city, "CGJ", "GA")
    task = await city.department("GA").task(whistle)
    view = await city.whistle_office.excludes(task["task_id"])
    assert {one["department"]: one["excluded"] for one in view["tasks"]} == {"CGJ": False, "GA": True}
    entries = await city.expects_in_timeline(whistle, "task_excluded")
    told = [entry["data"] for entry in entries if entry["event"] == "dispatch.task_excluded.v1"]
    assert [(one["department"], one["reason"]) for one in told] == [("GA", "不可抗力")]
    await city.whistle_office.excludes(task["task_id"], excluded=False)


async def test_a_substitute_is_called_in_for_a_department_that_stays_silent(city: City) -> None:
    whistle = await called(city, "CGJ", kind="emergency", urgency="urgent")
    await city.passes(minutes=16)
    for hours in (1.1, 3.1):
        await city.passes(hours=hours)
    await city.expects_escalation(department="CGJ", rung=3)
    await city.settles()
    flagged = expect(await city.whistle_office.asks("GET", "/dispatches", params={"flag": "substitute"}))["items"]
    assert [(one["whistle_id"], one["flags"]) for one in flagged] == [(whistle.whistle_id, ["substitute:CGJ"])]

    view = await city.whistle_office.calls_substitute(whistle, "GA")
    assert (view["flags"], [task["origin"] for task in view["tasks"]]) == ([], ["routed", "substitute-1"])
    await city.settles()
    task = await city.department("GA").task(whistle)
    assert (task["role"], task["origin"]) == ("assist", "substitute-1")
    await city.expects_clock(whistle, "ack", department="GA")
    await city.expects_clock(whistle, "ack", department="CGJ")
    late = await city.whistle_office.asks(
        "POST", f"/dispatches/{whistle.whistle_id}/tasks", json={"department": "XF", "reason": "再派"}
    )
    assert late.status_code == 409


async def test_a_withdrawn_whistle_is_read_only_for_the_office(city: City) -> None:
    whistle = await called(city, "CGJ", "GA")
    await gives_back(city, whistle, "CGJ", "PSGS")
    asked = await city.whistle_office.finds("returns", "pending", "CGJ")
    await city.street("S01").withdraws(whistle)
    await city.settles()
    late = await city.whistle_office.tries_to_decide("returns", asked["request_id"], upheld=False)
    assert (late.status_code, late.json()["state"]) == (409, "cancelled")
    assert (await city.whistle_office.finds("returns", "lapsed", "CGJ"))["request_id"] == asked["request_id"]


NOBODY = "00000000-0000-0000-0000-000000000001"
DECISIONS: list[tuple[str, dict[str, Any]]] = [
    (f"/returns/{NOBODY}/decision", {"upheld": False, "reason": "理由"}),
    (f"/disputes/{NOBODY}/decision", {"upheld": False, "reason": "理由"}),
    (f"/requests/{NOBODY}/decision", {"granted": False, "reason": "理由"}),
    (f"/appeals/{NOBODY}/decision", {"granted": False, "reason": "理由"}),
    (f"/dispatches/{NOBODY}/lead", {"department": "GA", "reason": "理由"}),
    (f"/dispatches/{NOBODY}/tasks", {"department": "GA", "reason": "理由"}),
    (f"/tasks/{NOBODY}/resumption", {"reason": "理由"}),
    (f"/tasks/{NOBODY}/exclusion", {"reason": "理由"}),
    (f"/precedents/{NOBODY}/adoption", {}),
]


@pytest.mark.parametrize(("path", "body"), DECISIONS)
async def test_only_the_district_decides(door: City, path: str, body: dict[str, Any]) -> None:
    """INVARIANT: only the district decides; operations looks and nobody else does."""
    request: dict[str, Any] = {"json": body} if body else {}
    for role, scope in (
        ("operations", "*"),
        ("department_head", "CGJ"),
        ("street_initiator", "S01"),
        ("street_approver", "S01"),
    ):
        refused = await door.call("dispatch", "POST", f"/api/v1{path}", role=role, scope=scope, **request)
        assert refused.status_code == 403, (role, refused.text)
    assert (await door.call("dispatch", "POST", f"/api/v1{path}", **request)).status_code == 404
    if body:
        empty = await door.call("dispatch", "POST", f"/api/v1{path}", json=body | {"reason": ""})
        assert (empty.status_code, empty.json()["errors"][0]["field"]) == (422, "reason")


@pytest.mark.parametrize("due_at", ["2026-06-08T00:00:00", "tomorrow", 1780000000, "0001-01-01T00:00:00+14:00", ""])
async def test_a_date_that_is_none_names_the_field(door: City, due_at: Any) -> None:
    body = {"granted": True, "due_at": due_at, "reason": "理由"}
    refused = await door.call("dispatch", "POST", f"/api/v1/requests/{NOBODY}/decision", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "due_at")


@pytest.mark.parametrize("room", ["returns", "disputes", "requests", "appeals", "precedents", "dispatches"])
async def test_operations_looks_and_the_street_and_the_departments_do_not(door: City, room: str) -> None:
    for role, scope, status in (
        ("operations", "*", 200),
        ("department_head", "CGJ", 403),
        ("street_initiator", "S01", 403),
    ):
        answer = await door.call("dispatch", "GET", f"/api/v1/{room}", role=role, scope=scope)
        assert answer.status_code == status, (role, answer.text)


async def test_a_decision_that_is_repeated_with_its_key_is_made_once(city: City) -> None:
    whistle = await called(city, "CGJ", "GA")
    await gives_back(city, whistle, "CGJ", "PSGS")
    asked = await city.whistle_office.finds("returns", "pending", "CGJ")
    path = f"/returns/{asked['request_id']}/decision"
    body = {"upheld": True, "departments": ["PSGS"], "reason": "属实"}
    answers = [
        await city.whistle_office.asks("POST", path, json=body, headers={"Idempotency-Key": "decision-1"})
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert (answers[0].json(), answers[1].headers["Idempotency-Replayed"]) == (answers[1].json(), "true")

    async def once() -> bool:
        told = [entry["event"] for entry in (await city.whistle_office.sees(whistle))["timeline"]]
        return told.count("dispatch.return_decided.v1") == 1

    await until(once, "one decision in the timeline")


async def test_a_closed_whistle_is_read_only_but_for_its_assessment_and_comes_back_as_another_round(city: City) -> None:
    whistle = await called(city, "CGJ")
    street, department = city.street("S01"), city.department("CGJ")
    await department.acknowledges(whistle)
    await department.arrives(whistle)
    await department.submits(whistle)
    await street.verifies(whistle, "CGJ")
    await street.scores(whistle, "CGJ")
    await street.calls_back(whistle)
    await city.expects_state(whistle, "closed")
    await city.settles()
    before = await city.whistle_office.dispatch(whistle)
    assert before["state"] == "closed"
    body = {"department": "GA", "reason": "理由"}
    for step in ("lead", "tasks"):
        late = await city.whistle_office.asks("POST", f"/dispatches/{whistle.whistle_id}/{step}", json=body)
        assert (late.status_code, late.json()["state"]) == (409, "closed")
    await city.whistle_office.excludes(before["tasks"][0]["task_id"])

    await street.reopens(whistle)
    await city.settles()
    after = await city.whistle_office.dispatch(whistle)
    assert (after["state"], after["round"], after["facts"]["urgency"]) == ("dispatched", 2, "urgent")
    assert [(task["round"], task["department"], task["role"]) for task in after["tasks"]] == [
        (2, "CGJ", "lead"),
        (1, "CGJ", "lead"),
    ]
    assert after["tasks"][1] == before["tasks"][0] | {"excluded": True}
