"""The ladder in full: letters, repetitions, jumps, reminders, who is on duty, why it is due then, and the watchdog."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from support.city import City
from support.clockface import local
from support.people import Blown
from support.waiting import until
from whistle_shared.contracts import intake
from whistle_shared.registry import Registry


async def blown_for(city: City, *departments: str, **more: str) -> Blown:
    """An urgent emergency (15 min to acknowledge) for these departments, everybody called."""
    whistle = await city.street("S01").blows("0701", departments=list(departments), **more)
    await city.settles()
    return whistle


async def clock_of(city: City, whistle: Blown, name: str, department: str = "CGJ") -> dict[str, Any]:
    (clock,) = await city.watch.clocks(whistle_id=whistle.whistle_id, name=name, department=department)
    return clock


async def test_a_rung_in_writing_is_numbered_and_its_reply_has_a_clock(city: City) -> None:
    first, second = await blown_for(city, "CGJ"), await blown_for(city, "GA", place="北门路 3 号")
    await city.passes(minutes=16)
    await city.passes(hours=1, minutes=1)
    letters = await city.watch.letters(form="letter")
    assert sorted(letter["number"] for letter in letters if "函" in letter["number"])[:2] == [
        "函〔2026〕1号",
        "函〔2026〕2号",
    ]
    assert {letter["department"] for letter in letters} == {"CGJ", "GA"}
    assert all(letter["escalation_id"] and letter["reply"] is None for letter in letters)
    for whistle, code in ((first, "CGJ"), (second, "GA")):
        reply = await clock_of(city, whistle, "reply", code)
        (letter,) = [one for one in letters if one["department"] == code]
        assert (reply["status"], reply["due_at"]) == ("running", letter["reply_due_at"])


async def test_a_letter_by_hand_and_a_repeat_of_the_request_are_one_letter(city: City) -> None:
    whistle = await blown_for(city, "CGJ")
    task = await city.department("CGJ").task(whistle)
    key = {"Idempotency-Key": "letter-1"}
    answers = [await city.watch.writes(task, "supervision", headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["number"] == "督〔2026〕1号"
    assert len(await city.watch.letters()) == 1
    refused = await city.call(
        "escalation", "POST", "/api/v1/letters", json={"task_id": task["task_id"], "form": "red_light", "text": "x"}
    )
    assert refused.status_code == 422


async def test_letters_and_reminders_are_for_those_who_may(city: City) -> None:
    whistle = await blown_for(city, "CGJ")
    task = await city.department("CGJ").task(whistle)
    body = {"task_id": task["task_id"], "note": "请尽快到场"}

    async def reminds(role: str, scope: str) -> int:
        answer = await city.call("escalation", "POST", "/api/v1/reminders", role=role, scope=scope, json=body)
        return answer.status_code

    assert [await reminds("street_initiator", "S01"), await reminds("street_initiator", "S02")] == [201, 404]
    assert [await reminds("department_head", "CGJ"), await reminds("arbitrator", "*")] == [403, 201]
    written = await city.call(
        "escalation",
        "POST",
        "/api/v1/letters",
        role="street_initiator",
        scope="S01",
        json={"task_id": task["task_id"], "form": "letter", "text": "请说明"},
    )
    assert written.status_code == 403
    await city.street("S01").withdraws(whistle)
    await city.settles()
    late = await city.watch.reminds(task)
    assert (late.status_code, late.json()["state"], late.json()["legal"]) == (409, "cancelled", [])


async def test_a_jump_passes_rungs_over_and_of_two_at_once_one_wins(city: City) -> None:
    whistle = await blown_for(city, "CGJ")
    clock = await clock_of(city, whistle, "ack")
    answers = await asyncio.gather(*(city.watch.tries_to_climb(clock, 3) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    (won,) = [answer.json() for answer in answers if answer.status_code == 201]
    assert (won["rung"], won["raised_reason"], won["status"]) == (3, "群众反映强烈", "open")
    refused = await city.watch.tries_to_climb(clock, 2)
    assert (refused.status_code, refused.json()["legal"]) == (409, ["4", "5"])
    unknown = await city.watch.tries_to_climb(clock, 9)
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "rung")
    await city.passes(minutes=16)
    await city.passes(minutes=61)
    climbed = [e["rung"] for e in await city.watch.escalations(department="CGJ") if e["clock"] == "ack"]
    assert climbed == [3]


async def test_an_acknowledged_rung_that_led_to_nothing_is_said_again(city: City) -> None:
    whistle = await blown_for(city, "CGJ")
    await city.passes(minutes=16)
    raised = await city.expects_escalation(department="CGJ", rung=1)
    await city.watch.acknowledges(raised)
    await city.passes(hours=2)
    assert (await city.expects_escalation(department="CGJ", rung=1))["repeated"] == 0
    await city.passes(hours=5)
    again = await city.expects_escalation(department="CGJ", rung=1)
    assert (again["repeated"], again["acknowledged_at"]) == (1, None)
    assert (await clock_of(city, whistle, "ack"))["status"] == "running"


async def test_with_nobody_on_duty_the_next_rung_takes_over_at_once(city: City) -> None:
    known = city.pack.registry
    departments = tuple(
        one.model_copy(update={"desk": "none"}) if one.code == "CGJ" else one for one in known.departments
    )
    deserted = Registry.model_validate(
        {**{name: getattr(known, name) for name in Registry.model_fields}, "departments": departments, "people": ()}
    )
    async with city.under(registry=deserted):
        await blown_for(city, "CGJ")
        await city.passes(minutes=16)
        climbed = [(e["rung"], e["people"]) for e in await city.watch.escalations(department="CGJ")]
        assert climbed == [(3, [])], "the deputy head and the head are not there; the district always is"


async def test_why_it_is_due_then(city: City) -> None:
    """2026-09-20 (a Sunday) is worked for the National Day holiday; the day of start does not count."""
    city.time.set(local(2026, 9, 18, 10))
    whistle = await city.street("S01").blows("0101", kind="key_work", urgency="normal", departments=["ZFJ"])
    await city.settles()
    clock = await clock_of(city, whistle, "ack", "ZFJ")
    why = await city.watch.explanation(clock)
    assert (why["limit"], why["due_at"], why["start_rule"]) == ("1d@work", clock["due_at"], "next_day")
    assert why["spans"][-1]["end"] == why["first_due_at"] == why["due_at"]
    assert [span["kind"] for span in why["spans"] if span["counted"]] == ["make_up", "make_up"]
    assert {span["kind"] for span in why["spans"] if not span["counted"]} == {"start_day", "weekend"}
    assert [warning["percent"] for warning in why["warnings"]] == [50, 80]
    assert why["calendar_version"] > 0 < why["registry_version"]
    assert [rung["rung"] for rung in why["rungs"]] == [1, 2, 3, 4, 5]

    chinese, english = await city.watch.says_why(clock), await city.watch.says_why(clock, "en")
    assert "调休上班" in chinese
    assert "1 个工作日" in chinese
    assert "make-up workday" in english
    assert "1 working day" in english
    hidden = await city.call(
        "escalation", "GET", f"/api/v1/clocks/{clock['clock_id']}/explanation", role="department_head", scope="GA"
    )
    assert hidden.status_code == 404
    stranger = await city.client("escalation").get(f"/clocks/{clock['clock_id']}/why")
    assert stranger.status_code == 401


async def test_more_time_moves_the_due_time_and_the_explanation_says_by_what(city: City) -> None:
    whistle = await blown_for(city, "CGJ")
    task = await city.department("CGJ").task(whistle)
    before = await clock_of(city, whistle, "resolve")
    granted = intake.ExtensionDecided(
        whistle_id=whistle.whistle_id,
        task_id=task["task_id"],
        department="CGJ",
        request_id=task["task_id"],
        granted=True,
        clock="resolve",
        due_at=local(2026, 6, 3, 9),
        reason="雨天无法施工",
        by="街道值班长",
    )
    await city.says_as("intake", granted)
    await city.settles()
    after = await clock_of(city, whistle, "resolve")
    assert (after["clock_id"], after["due_at"]) == (before["clock_id"], "2026-06-03T01:00:00Z")
    why = await city.watch.explanation(after)
    assert [(move["kind"], move["due_at"]) for move in why["moves"]] == [("extension", after["due_at"])]
    assert why["first_due_at"] == before["due_at"]


async def test_the_watchdog_finds_a_clock_that_nobody_would_look_at(city: City) -> None:
    """INVARIANT: every running clock has a next firing, or has climbed its whole ladder."""
    whistle = await blown_for(city, "CGJ")
    clock = await clock_of(city, whistle, "ack")
    async with city.services["escalation"].engine.begin() as connection:
        spoil = "update clock set next_at = null where clock_id = cast(:clock as uuid)"
        await connection.execute(text(spoil), {"clock": clock["clock_id"]})

    async def found() -> bool:
        return bool((await clock_of(city, whistle, "ack"))["next_at"] == clock["next_at"])

    await until(found, "the watchdog to find it", seconds=20)
    async with city.services["escalation"].engine.connect() as connection:
        said = await connection.execute(
            text("select data->>'clock_id' from event_log where key = 'escalation.clock_overlooked.v1'")
        )
        assert list(said.scalars()) == [clock["clock_id"]]
    metrics = (await city.client("escalation").get("/metrics")).text
    assert "whistle_clocks_overlooked_total 1.0" in metrics
    await city.passes(minutes=16)
    await city.expects_escalation(department="CGJ", rung=1)


async def test_a_clock_that_goes_by_an_older_calendar_is_found_too(city: City) -> None:
    """A clock may start, or start again, after the calendar that concerns it was published."""
    whistle = await blown_for(city, "CGJ")
    clock = await clock_of(city, whistle, "resolve")
    async with city.services["escalation"].engine.begin() as connection:
        older = "update clock set provisional = true, calendar_version = 0, due_at = due_at + interval '1 hour'"
        await connection.execute(text(f"{older} where clock_id = cast(:clock as uuid)"), {"clock": clock["clock_id"]})

    async def found() -> bool:
        now = await clock_of(city, whistle, "resolve")
        return (now["provisional"], now["due_at"]) == (False, clock["due_at"])

    await until(found, "the watchdog to find it", seconds=20)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/v1/reminders", {"task_id": "x", "note": "请"}, "task_id"),
        ("/api/v1/reminders", {"task_id": "0198c5a0-0000-7000-8000-000000000001", "note": ""}, "note"),
        ("/api/v1/letters", {"task_id": "0198c5a0-0000-7000-8000-000000000001", "form": "letter"}, "text"),
    ],
)
async def test_what_cannot_be_read_names_its_field(city: City, path: str, body: dict[str, str], field: str) -> None:
    answer = await city.call("escalation", "POST", path, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


async def test_what_is_not_there_cannot_be_urged_or_written_to(city: City) -> None:
    nobody = {"task_id": "0198c5a0-0000-7000-8000-000000000001"}
    assert (await city.watch.reminds(nobody)).status_code == 404
    assert (await city.watch.writes(nobody)).status_code == 404
