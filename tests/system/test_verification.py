"""After the work the street verifies, scores, calls back, and the whistle closes; meetings and more time on the way."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from support.city import City
from support.people import Blown, expect
from support.waiting import until

TWO = ["CGJ", "GA"]


async def called(city: City, departments: list[str] | None = None) -> Blown:
    """An ordinary whistle, its tasks called."""
    codes = departments or TWO
    whistle = await city.street("S01").blows("0701", kind="appeal", urgency="normal", departments=codes)
    for code in codes:
        await city.department(code).task(whistle)
    return whistle


async def begun(city: City, departments: list[str] | None = None) -> Blown:
    """… everybody is there."""
    whistle = await called(city, departments)
    for code in departments or TWO:
        await city.department(code).acknowledges(whistle)
        await city.department(code).arrives(whistle)
    return whistle


async def submitted(city: City, departments: list[str] | None = None) -> Blown:
    """… and done, say the departments."""
    whistle = await begun(city, departments)
    for code in departments or TWO:
        await city.department(code).submits(whistle)
    return whistle


async def verified(city: City, departments: list[str] | None = None) -> Blown:
    """… and so says the street."""
    whistle = await submitted(city, departments)
    await city.street("S01").verifies(whistle, *(departments or TWO))
    return whistle


async def test_a_whistle_goes_all_the_way_to_its_end(city: City) -> None:
    street = city.street("S01")
    whistle = await submitted(city)
    await city.expects_state(whistle, "pending_verify")
    await city.expects_clock(whistle, "street_verify", department="CGJ")
    await street.verifies(whistle, "CGJ")
    await city.expects_clock(whistle, "street_verify", "met", department="CGJ")
    await city.expects_clock(whistle, "evaluate", department="CGJ")
    await street.verifies(whistle, "GA")
    await city.expects_state(whistle, "pending_evaluation")
    view = await street.scores(whistle, "CGJ", arrival=15)
    assert (view["task"]["state"], view["state"]) == ("evaluated", "pending_evaluation")
    shown = await street.sees(whistle)
    assert shown["steps"] == ["meeting", "callback"]
    assert {task["department"]: task["steps"] for task in shown["tasks"]} == {"CGJ": [], "GA": ["score"]}
    assert [one["steps"] for one in await street.lists()] == [["meeting", "callback"]]
    await street.scores(whistle, "GA")
    await city.expects_clock(whistle, "evaluate", "met", department="CGJ")
    assert (await street.calls_back(whistle))["state"] == "closed"
    seen = await city.expects_state(whistle, "closed")
    assert [(e["total"], e["by_default"]) for e in seen["evaluations"]] == [(95, False), (100, False)]
    await city.expects_in_timeline(
        whistle, "task_submitted", "task_verified", "task_evaluated", "callback_recorded", "whistle_closed"
    )
    await city.settles()
    assert not await city.watch.clocks(whistle_id=whistle.whistle_id, status="running")
    assert (await street.tries(whistle, "CGJ", "urge", {"note": "请尽快"})).status_code == 409


async def test_work_that_is_not_done_goes_back_and_comes_again(city: City) -> None:
    street, cgj = city.street("S01"), city.department("CGJ")
    whistle = await submitted(city, ["CGJ"])
    stopped = await city.expects_clock(whistle, "resolve", "met", department="CGJ")
    await city.passes(hours=1)
    await street.orders_rework(whistle, "CGJ")
    await city.expects_state(whistle, "handling")
    running = await city.expects_clock(whistle, "resolve", department="CGJ")
    assert running["due_at"] == stopped["due_at"]
    await until(lambda: _in_state(city, whistle, "rework"), "CGJ to see the rework")
    await cgj.submits(whistle, result="已重新固定")
    await city.expects_state(whistle, "pending_verify")
    view = await street.verifies(whistle, "CGJ")
    assert (view["task"]["attempt"], view["task"]["state"], view["state"]) == (2, "accepted", "pending_evaluation")


async def _in_state(city: City, whistle: Blown, state: str) -> bool:
    task: dict[str, Any] = await city.department("CGJ").task(whistle)
    return bool(task["state"] == state)


async def test_a_veto_sends_the_work_back_before_it_is_scored(city: City) -> None:
    street = city.street("S01")
    whistle = await verified(city, ["CGJ"])
    vetoed = await street.scores(whistle, "CGJ", veto=True)
    assert (vetoed["task"]["state"], vetoed["state"]) == ("rework", "handling")
    await city.expects_clock(whistle, "resolve", department="CGJ")
    await until(lambda: _in_state(city, whistle, "rework"), "CGJ to see the rework")
    await city.department("CGJ").submits(whistle, result="已重新固定")
    await street.verifies(whistle, "CGJ")
    await street.scores(whistle, "CGJ")
    seen = await city.whistle_office.sees(whistle)
    assert [(e["revision"], e["total"], e["veto"]) for e in seen["evaluations"]] == [(1, 70, True)]


async def test_somebody_dissatisfied_reopens_the_whistle(city: City) -> None:
    street = city.street("S01")
    whistle = await verified(city)
    await street.scores(whistle, *TWO)
    view = await street.calls_back(whistle, satisfaction="dissatisfied", note="仍有异响")
    assert (view["state"], view["round"]) == ("blown", 2)
    again = await street.task(whistle, "CGJ", "dispatched")
    assert (again["round"], again["role"]) == (2, "lead")
    await city.settles()
    clocks = await city.watch.clocks(whistle_id=whistle.whistle_id, name="ack", status="running")
    assert sorted(clock["department"] for clock in clocks) == TWO
    assert (await city.whistle_office.sees(whistle))["facts"]["urgency"] == "urgent"


async def test_a_street_that_is_late_leaves_the_default_score(city: City) -> None:
    street = city.street("S01")
    whistle = await verified(city, ["CGJ"])
    await city.passes(days=7)
    seen = await city.expects_in_timeline(whistle, "clock_breached", "task_evaluated")
    said = next(e["data"] for e in seen if e["event"] == "intake.task_evaluated.v1")
    assert (said["score"]["total"], said["by_default"], said["revision"]) == (80, True, 1)
    assert (await street.tries_to_score(whistle, "CGJ")).status_code == 409
    assert (await street.calls_back(whistle))["state"] == "closed"


async def test_a_score_that_the_district_finds_unjust_is_rewritten(city: City) -> None:
    street = city.street("S01")
    whistle = await verified(city, ["CGJ"])
    await street.scores(whistle, "CGJ", arrival=0)
    await until(lambda: _in_state(city, whistle, "evaluated"), "CGJ to see its score")
    expect(await city.department("CGJ").steps(whistle, "appeal", {"person": "王敏", "reason": "到场记录属实"}))
    marks = dict(city.pack.registry.regulation.scoring.parts) | {"arrival": 18}
    await city.whistle_office.decides_appeal("CGJ", {"parts": marks, "veto": False})
    seen = await city.expects_in_timeline(whistle, "task_evaluated", "score_appeal_decided", "task_evaluated")
    told = [e["data"] for e in seen if e["event"] == "intake.task_evaluated.v1"]
    assert [(said["revision"], said["score"]["total"]) for said in told] == [(1, 80), (2, 98)]


async def test_a_meeting_makes_tasks_of_its_action_items(city: City) -> None:
    street = city.street("S01")
    whistle = await called(city)
    meeting = await street.convenes(whistle, TWO)
    early = await street.tries_to_minute(meeting)
    assert (early.status_code, early.json()["errors"][0]["field"]) == (422, "minutes")
    await city.passes(hours=1, minutes=30)
    held = await street.minutes(meeting, ("ZFJ", "清理占道", "3d@work"), attended=["CGJ"])
    assert (held["attended"], held["items"][0]["department"]) == (["CGJ"], "ZFJ")
    task = await street.task(whistle, "ZFJ", "dispatched")
    assert (task["origin"], task["title"]) == ("meeting-1", "清理占道")
    await city.expects_clock(whistle, "resolve", department="ZFJ")
    assert (await street.tries_to_minute(meeting)).status_code == 409
    shown = expect(await street.asks("GET", f"/whistles/{whistle.whistle_id}/meetings"))["items"]
    assert [m["meeting_id"] for m in shown] == [meeting["meeting_id"]]


async def test_to_check_in_to_a_meeting_is_to_attend_it(city: City) -> None:
    whistle = await called(city)
    meeting = await city.street("S01").convenes(whistle, TWO)
    await city.department("GA").acknowledges(whistle)
    body = {"person": "赵刚", "place": "三楼会议室", "mode": "meeting", "meeting_id": meeting["meeting_id"]}
    expect(await city.department("GA").steps(whistle, "arrival", body))
    await city.settles()
    (seen,) = (await city.whistle_office.sees(whistle))["meetings"]
    assert seen["attended"] == ["GA"]


async def test_more_time_is_asked_for_and_granted_once(city: City) -> None:
    street = city.street("S01")
    whistle = await begun(city, ["CGJ"])
    clock = await city.expects_clock(whistle, "resolve", department="CGJ")
    asked = _later(clock["due_at"], days=3)
    body = {"person": "王敏", "clock": "resolve", "due_at": asked, "reason": "等待配件"}
    expect(await city.department("CGJ").steps(whistle, "extension", body))
    request = await street.request(whistle)
    too_late = await street.tries_to_decide(request, due_at=_later(asked, days=1))
    assert (too_late.status_code, too_late.json()["errors"][0]["field"]) == (422, "due_at")
    assert (await street.decides(whistle))["status"] == "granted"
    assert (await street.tries_to_decide(request, granted=False)).status_code == 409
    moved = await until(lambda: _due_of(city, whistle, not_=clock["due_at"]), "the due time to move")
    assert _later(moved, days=0) == asked


async def _due_of(city: City, whistle: Blown, not_: str) -> str | None:
    (clock,) = await city.watch.clocks(whistle_id=whistle.whistle_id, name="resolve")
    due: str = clock["due_at"]
    return due if due != not_ else None


def _later(instant: str, days: int) -> str:
    return (datetime.fromisoformat(instant) + timedelta(days=days)).isoformat()


async def test_a_short_suspension_stops_the_clock_until_the_street_resumes_it(city: City) -> None:
    street = city.street("S01")
    whistle = await begun(city, ["CGJ"])
    until_then = (city.time.now() + timedelta(days=5)).isoformat()
    body = {"person": "王敏", "cause": "third_party", "until": until_then, "reason": "等待产权单位配合"}
    expect(await city.department("CGJ").steps(whistle, "suspension", body))
    assert (await street.decides(whistle))["status"] == "granted"
    await city.expects_clock(whistle, "resolve", "paused", department="CGJ")
    await city.expects_state(whistle, "suspended")
    await city.passes(days=1)
    assert (await street.resumes(whistle, "CGJ"))["task"]["state"] == "arrived"
    await city.expects_clock(whistle, "resolve", department="CGJ")
    await city.expects_state(whistle, "on_scene")


async def test_a_suspension_that_is_kept_gets_another_review(city: City) -> None:
    street = city.street("S01")
    whistle = await begun(city, ["CGJ"])
    body = {"person": "王敏", "cause": "owner_vote", "reason": "等待业主表决"}
    asked = body | {"until": (city.time.now() + timedelta(days=5)).isoformat()}
    expect(await city.department("CGJ").steps(whistle, "suspension", asked))
    await street.decides(whistle)
    await city.expects_clock(whistle, "suspension_review")
    await city.passes(days=4)
    granted = await street.request(whistle, "granted")
    assert (await street.tries_to_decide(granted)).status_code == 409
    longer = (city.time.now() + timedelta(days=3)).isoformat()
    kept = expect(await street.tries_to_decide(granted, review=True, until=longer))
    assert (kept["status"], kept["reviews"]) == ("granted", 1)
    await city.settles()
    reviews = await city.watch.clocks(whistle_id=whistle.whistle_id, name="suspension_review")
    assert sorted(clock["status"] for clock in reviews) == ["met", "running"]
    await city.expects_clock(whistle, "resolve", "paused")


async def test_a_department_that_is_urged_is_reminded(city: City) -> None:
    whistle = await called(city)
    await city.street("S01").urges(whistle, "GA")
    await city.expects_in_timeline(whistle, "task_urged", "task_reminded")


# -- refused --------------------------------------------------------------------------------------------------------


async def test_only_the_whistles_own_street_decides(city: City) -> None:
    whistle = await called(city, ["CGJ"])
    task = await city.street("S01").task(whistle, "CGJ")
    path = f"/api/v1/whistles/{whistle.whistle_id}/tasks/{task['task_id']}/verification"
    statuses = {}
    for role, scope in (
        ("street_initiator", "S02"),
        ("street_approver", "S01"),
        ("community", "S01"),
        ("arbitrator", "*"),
    ):
        answer = await city.call("intake", "POST", path, role=role, scope=scope, json={"passed": True})
        statuses[role] = answer.status_code
    assert statuses == {"street_initiator": 404, "street_approver": 409, "community": 403, "arbitrator": 403}


async def test_what_was_not_submitted_is_neither_verified_nor_scored(city: City) -> None:
    street = city.street("S01")
    whistle = await called(city, ["CGJ"])
    await city.department("CGJ").acknowledges(whistle)
    await street.task(whistle, "CGJ", "acknowledged")
    early = await street.tries(whistle, "CGJ", "verification", {"passed": True})
    assert (early.status_code, early.json()["state"], early.json()["legal"]) == (409, "acknowledged", ["urge"])
    assert (await street.tries_to_score(whistle, "CGJ")).status_code == 409
    assert (await street.tries_to_call_back(whistle)).status_code == 409


WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "a meeting in the past": ("meetings", {"starts_at": "2026-06-01T08:00:00+08:00"}, "starts_at"),
    "a meeting without an offset": ("meetings", {"starts_at": "2026-06-02T08:00:00"}, "starts_at"),
    "a meeting at a number": ("meetings", {"starts_at": 1780000000}, "starts_at"),
    "a meeting at the end of time": ("meetings", {"starts_at": "9999-12-31T23:59:59-23:59"}, "starts_at"),
    "a meeting at its beginning": ("meetings", {"starts_at": "0001-01-01T00:00:00+14:00"}, "starts_at"),
    "a meeting of nobody": ("meetings", {"departments": []}, "departments"),
    "a meeting of strangers": ("meetings", {"departments": ["CGJ", "NOPE"]}, "departments.1"),
    "minutes in no words": ("minutes", {"minutes": "\u200b"}, "minutes"),
    "an item for a stranger": ("minutes", {"items": [{"department": "NOPE"}]}, "items.0.department"),
    "an item without an end": ("minutes", {"items": [{"limit": "soon"}]}, "items.0.limit"),
    "an item whose end cannot be seen": ("minutes", {"items": [{"limit": "\x9c"}]}, "items.0.limit"),
    "a score out of range": ("score", {"parts": {"arrival": 21}}, "parts.arrival"),
    "a score beyond all numbers": ("score", {"parts": {"arrival": 10**18}}, "parts.arrival"),
    "a score of something else": ("score", {"parts": {"speed": 5}}, "parts.speed"),
    "a rework without a reason": ("verification", {"passed": False}, "note"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_field_is_named(city: City, name: str) -> None:
    what, wrong, field = WRONG[name]
    street = city.street("S01")
    whistle = await submitted(city, ["CGJ"])
    answer = await _tries(city, whistle, what, wrong)
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert await street.task(whistle, "CGJ", "accepted" if what == "score" else "submitted")


async def _tries(city: City, whistle: Blown, what: str, wrong: dict[str, Any]) -> Any:
    street = city.street("S01")
    await street.task(whistle, "CGJ", "submitted")
    if what == "meetings":
        body = {"departments": ["CGJ"], "starts_at": "2026-06-02T08:00:00+08:00", "place": "会议室", "agenda": "会商"}
        return await street.asks("POST", f"/whistles/{whistle.whistle_id}/meetings", json=body | wrong)
    if what == "minutes":
        meeting = await street.convenes(whistle, ["CGJ"])
        await city.passes(hours=2)
        item = {"department": "CGJ", "title": "施划停车位", "limit": "3d@work"}
        wrong = wrong | {"items": [item | change for change in wrong.get("items", [])]}
        return await street.tries_to_minute(meeting, **wrong)
    if what == "score":
        await street.verifies(whistle, "CGJ")
        return await street.tries_to_score(whistle, "CGJ", **wrong["parts"])
    return await street.tries(whistle, "CGJ", what, wrong)


async def test_two_who_verify_at_once_have_one_winner(city: City) -> None:
    street = city.street("S01")
    whistle = await submitted(city, ["CGJ"])
    await street.task(whistle, "CGJ", "submitted")
    words: list[dict[str, Any]] = [{"passed": True}, {"passed": False, "note": "未修复"}]
    answers = await asyncio.gather(*(street.tries(whistle, "CGJ", "verification", word) for word in words))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    told = [entry["event"] for entry in (await street.sees(whistle))["timeline"]]
    assert sum(key in ("intake.task_verified.v1", "intake.task_rework_ordered.v1") for key in told) == 1


async def test_a_word_that_is_repeated_with_its_key_is_answered_as_before(city: City) -> None:
    street = city.street("S01")
    whistle = await submitted(city, ["CGJ"])
    task = await street.task(whistle, "CGJ", "submitted")
    path = f"/whistles/{whistle.whistle_id}/tasks/{task['task_id']}/verification"
    first, again = [
        await street.asks("POST", path, json={"passed": True}, headers={"Idempotency-Key": "verify-1"})
        for _ in range(2)
    ]
    assert (first.status_code, again.status_code, again.json()) == (200, 200, first.json())
    assert again.headers["idempotency-replayed"] == "true"
