"""What a department does beyond acknowledging: milestones, requests, meetings, letters; and what its lead sees."""

import asyncio
from datetime import timedelta
from typing import Any

from support.city import City
from support.clockface import MONDAY, local
from support.people import Blown, expect
from support.waiting import until

HOUR = timedelta(hours=1)


async def at_work(city: City, *departments: str, **facts: Any) -> Blown:
    """An urgent emergency (or what `facts` say); the first of these departments (default: CGJ) has arrived."""
    called = list(departments or ("CGJ",))
    whistle = await city.street("S01").blows("0701", departments=called, **facts)
    lead = city.department(called[0])
    await lead.acknowledges(whistle)
    await lead.arrives(whistle)
    await city.settles()
    return whistle


async def becomes(city: City, whistle: Blown, state: str, department: str = "CGJ") -> dict[str, Any]:
    """The department's own view of its task, once it has this state."""

    async def seen() -> dict[str, Any] | None:
        task = await city.department(department).sees(whistle)
        return task if task["state"] == state else None

    return await until(seen, f"the task of {department} to be {state}")


def clock(task: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [each for each in task["clocks"] if each["name"] == name]
    return dict(found)


async def test_securing_a_site_starts_the_restoring_which_may_end_after_the_submission(city: City) -> None:
    whistle = await at_work(city)
    department = city.department("CGJ")
    await city.expects_clock(whistle, "contain", "running")
    await department.reaches(whistle, "contain", "已围挡")
    await city.expects_clock(whistle, "contain", "met")
    await city.expects_clock(whistle, "restore", "running")
    assert (await department.checks_out(whistle))["departed_at"] == "2026-06-01T01:00:00Z"
    await department.arrives(whistle)
    await department.submits(whistle)
    await city.expects_clock(whistle, "resolve", "met")
    await city.settles()
    submitted = await department.sees(whistle)
    assert (submitted["state"], submitted["legal_steps"]) == ("submitted", ["departure", "milestones"])
    assert submitted["due_at"] == clock(submitted, "restore")["due_at"]
    await department.reaches(whistle, "restore")
    await city.expects_clock(whistle, "restore", "met")
    history = [line["step"] for line in (await department.sees(whistle))["history"]]
    steps = ["acknowledgement", "arrival", "milestones", "departure", "arrival", "submission", "milestones"]
    assert history == steps


async def test_a_filed_plan_sets_the_resolve_clock_where_the_policy_says_so(city: City) -> None:
    whistle = await city.street("S01").blows("0701", departments=["CGJ"], kind="key_work", urgency="long_term")
    department = city.department("CGJ")
    await department.acknowledges(whistle)
    late = await department.steps(
        whistle,
        "milestones",
        {
            "person": "李强",
            "milestone": "plan",
            "plan": [
                {"name": "开工", "due_at": "2026-06-20T01:00:00Z"},
                {"name": "完工", "due_at": "2026-08-20T01:00:00Z"},
            ],
        },
    )
    assert (late.status_code, late.json()["errors"][0]["field"]) == (422, "plan.1.due_at")
    await department.files_plan(whistle, local(2026, 6, 20, 9), local(2026, 7, 15, 9))
    await city.expects_clock(whistle, "plan", "met")
    resolve = await city.expects_clock(whistle, "resolve", "running")
    assert resolve["due_at"] == "2026-07-15T01:00:00Z"


async def test_an_extension_is_asked_for_granted_and_seen(city: City) -> None:
    whistle = await at_work(city)
    department = city.department("CGJ")
    asked = MONDAY + 36 * HOUR
    beyond = await department.steps(
        whistle,
        "extension",
        {"person": "李强", "clock": "resolve", "due_at": (asked + HOUR).isoformat(), "reason": "备件"},
    )
    assert (beyond.status_code, beyond.json()["errors"][0]["field"]) == (422, "due_at")
    view = await department.asks_for_time(whistle, asked)
    assert [(r["kind"], r["state"], r["detail"]["decider"]) for r in view["requests"]] == [
        ("extension", "pending", "street")
    ]
    await city.street("S01").decides(whistle, due_at=asked.isoformat())
    await city.settles()
    task = await department.sees(whistle)
    assert [r["state"] for r in task["requests"]] == ["granted"]
    assert clock(task, "resolve")["due_at"] == "2026-06-02T13:00:00Z"


async def test_a_suspended_task_waits_and_its_time_is_given_back(city: City) -> None:
    whistle = await at_work(city, kind="appeal", urgency="urgent")
    department = city.department("CGJ")
    before = clock(await department.sees(whistle), "resolve")["due_at"]
    await department.asks_to_suspend(whistle, MONDAY + 72 * HOUR)
    await city.street("S01").decides(whistle, until=(MONDAY + 72 * HOUR).isoformat())
    task = await becomes(city, whistle, "suspended")
    assert task["legal_steps"] == ["departure", "resumption"]
    await city.settles()
    assert clock(await department.sees(whistle), "resolve")["status"] == "paused"
    await city.passes(hours=48)
    await department.resumes(whistle)
    await city.settles()
    task = await department.sees(whistle)
    assert (before, clock(task, "resolve")["due_at"]) == ("2026-06-02T01:00:00Z", "2026-06-04T01:00:00Z")
    assert (task["state"], clock(task, "resolve")["status"]) == ("arrived", "running")


async def test_a_return_that_is_refused_resets_nothing(city: City) -> None:
    whistle = await city.street("S01").blows("0701", departments=["CGJ"], kind="appeal", urgency="urgent")
    department = city.department("CGJ")
    assert (await department.returns(whistle, to="PSGS"))["state"] == "return_requested"
    await city.settles()
    await city.whistle_office.decides_return("CGJ")
    task = await becomes(city, whistle, "dispatched")
    assert (task["requests"][0]["state"], task["legal_steps"]) == ("refused", ["acknowledgement"])
    assert clock(task, "ack")["due_at"] == "2026-06-01T01:30:00Z"


async def test_the_lead_sees_the_assistants_breaches_wherever_they_are_served(city: City) -> None:
    whistle = await at_work(city, "CGJ", "PSGS", "GA")
    await city.passes(minutes=16)

    async def seen() -> list[Any] | None:
        told = (await city.department("CGJ").sees(whistle))["assistants"]
        return told if len(told) == 2 else None

    told = await until(seen, "the lead to see both breaches")
    assert (await city.department("CGJ").task(whistle))["people"] == ["赵文清", "钱永康"]  # people.csv
    assert {(one["department"], one["clock"]) for one in told} == {("PSGS", "ack"), ("GA", "ack")}
    assert (await city.department("PSGS").sees(whistle))["assistants"] == []


async def test_a_department_is_called_to_a_meeting_and_attends(city: City) -> None:
    whistle = await at_work(city)
    meeting = await city.street("S01").convenes(whistle, ["CGJ", "GA"])
    await city.settles()
    department = city.department("CGJ")
    (invited,) = await department.meetings()
    assert (invited["meeting_id"], invited["attended_at"]) == (meeting["meeting_id"], None)
    await department.attends(whistle, meeting["meeting_id"])
    (invited,) = await department.meetings()
    assert (invited["attended_at"], invited["person"]) == ("2026-06-01T01:00:00Z", "李强")
    body = {"person": "李", "place": "这里", "mode": "meeting", "meeting_id": whistle.whistle_id}
    strange = await department.steps(whistle, "arrival", body)
    assert (strange.status_code, strange.json()["errors"][0]["field"]) == (422, "meeting_id")


async def test_a_letter_is_answered_once_and_by_its_own_department(city: City) -> None:
    whistle = await at_work(city)
    department = city.department("CGJ")
    task = await department.task(whistle)
    body = {"task_id": task["task_id"], "form": "letter", "text": "请说明处置进展"}
    expect(await city.call("escalation", "POST", "/api/v1/letters", json=body), 201)
    await city.settles()
    (letter,) = await department.letters()
    assert (await city.department("PSGS").tries_to_reply(letter["letter_id"])).status_code == 404
    assert (await department.replies(letter["letter_id"]))["reply"] == "已增派人员"
    assert (await department.tries_to_reply(letter["letter_id"])).status_code == 409
    assert [one["number"] for one in (await department.sees(whistle))["letters"]] == [letter["number"]]


async def test_of_two_submissions_at_once_one_wins_and_the_other_is_told(city: City) -> None:
    whistle = await at_work(city)
    body = {"person": "李强", "result": "井盖已更换"}
    answers = await asyncio.gather(*(city.department("CGJ").steps(whistle, "submission", body) for _ in range(2)))
    won, lost = sorted(answers, key=lambda answer: answer.status_code)
    assert (won.status_code, lost.status_code, lost.json()["state"]) == (200, 409, "submitted")
    await city.expects_clock(whistle, "resolve", "met")


async def test_nobody_else_takes_a_departments_steps(city: City) -> None:
    whistle = await at_work(city)
    task = await city.department("CGJ").task(whistle)
    asked: dict[str, dict[str, Any]] = {
        "departure": {},
        "milestones": {"milestone": "repair"},
        "return": {"basis": "条例", "proper_department": "GA", "reason": "非本职"},
        "extension": {"clock": "resolve", "due_at": "2026-06-02T02:00:00Z", "reason": "备件"},
        "suspension": {"cause": "lawsuit", "until": "2026-06-03T02:00:00Z", "reason": "诉讼"},
        "resumption": {},
        "appeal": {"reason": "有异议"},
    }
    for step, said in asked.items():
        path, body = f"/tasks/{task['task_id']}/{step}", {"person": "李强", **said}
        assert (await city.department("PSGS").calls("POST", path, json=body)).status_code == 404
        office = await city.call("department.hosted", "POST", f"/api/v1{path}", json=body)
        assert office.status_code == 403
    assert (await city.department("CGJ").task(whistle))["state"] == "arrived"


async def test_what_is_no_instant_is_refused_by_name(city: City) -> None:
    whistle = await at_work(city, kind="appeal", urgency="urgent")
    wrong = (
        5,
        None,
        "2026-06-03",
        "2026-06-03T09:00:00",
        "0001-01-01T00:00:00+08:00",
        "9999-12-31T23:00:00-12:00",
        "明天",
    )
    for until_ in wrong:
        body = {"person": "李强", "cause": "lawsuit", "until": until_, "reason": "诉讼"}
        answer = await city.department("CGJ").steps(whistle, "suspension", body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "until"), until_
    body = {"person": "李强", "cause": "no_time", "until": "2026-06-03T01:00:00Z", "reason": "忙"}
    answer = await city.department("CGJ").steps(whistle, "suspension", body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cause")
