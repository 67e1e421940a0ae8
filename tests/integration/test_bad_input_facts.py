"""Events that are whole and yet cannot be: limits that are none, ladders that lead nowhere, somebody else's task, the
future before its cause (RELIABILITY.md 4.2; the row numbers are its).

INVARIANT: a consumer survives whatever its queue brings; what it cannot handle is parked with a reason.
"""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import orjson
import pytest
import uuid_utils.compat
from sqlalchemy import text

from support.city import City
from support.people import Blown
from support.waiting import until
from support.wire import wire
from whistle_shared.contracts.department import TaskAcknowledged
from whistle_shared.contracts.dispatch import CalendarPublished, RegistryPublished

Raw = dict[str, Any]
Change = Callable[[Raw], Any]


async def said(city: City, producer: str, key: str, whistle: Blown) -> Raw:
    """What a service really said about a whistle, as a new event."""
    query = text("select body from outbox where key = :key and subject = :whistle order by created_at limit 1")
    async with city.services[producer].engine.connect() as connection:
        raw: Raw = orjson.loads(str(await connection.scalar(query, {"key": key, "whistle": whistle.whistle_id})))
    return raw | {"id": str(uuid_utils.compat.uuid7())}


async def put(city: City, producer: str, raw: Raw) -> None:
    sender = raw["source"].removeprefix("/whistle/").replace("/", ".", 1)
    await city.broker.put(f"{producer}.in", orjson.dumps(raw), sender)


def specs(raw: Raw) -> list[Raw]:
    return [spec for terms in raw["data"]["terms"].values() for spec in terms]


def each(**values: Any) -> Change:
    """Every clock of a dispatch says this."""
    return lambda raw: [spec.update(values) for spec in specs(raw)]


def step(**values: Any) -> Change:
    """Every rung of every ladder says this."""
    return lambda raw: [rung.update(values) for spec in specs(raw) for rung in spec["ladder"]]


def tasks(**values: Any) -> Change:
    return lambda raw: [task.update(values) for task in raw["data"]["tasks"]]


TERMS: dict[str, tuple[Change, str]] = {
    "row22 no minutes": (each(limit="0m@natural"), "more than zero"),
    "row22 fewer than none": (each(limit="-5m@natural"), "more than zero"),
    "row22 NULL": (each(limit=None), "limit"),
    "row22 nothing": (each(limit=""), "not a limit"),
    "row22 words": (each(limit="soon"), "not a limit"),
    "row22 9999999 years": (each(limit="3649999635d@natural"), "ten years"),
    "row22 a number": (each(limit=5), "limit"),
    "row22 a rung after no minutes": (step(delay="0m@natural"), "more than zero"),
    "row22 a rung at the end of all time": (step(delay="9999999d@work"), "ten years"),
    "row22 repeated for ever": (step(every="soon"), "not a limit"),
    "row23 a ladder that is none": (each(ladder=None), "ladder"),
    "row23 a rung without a role": (step(role=""), "role"),
    "row23 a rung of an unknown form": (step(form="song"), "form"),
    "row23 quiet hours that are none": (step(quiet="25:00-07:00"), "quiet hours"),
    "row23 more rungs than times": (lambda raw: [s["ladder"].append(s["ladder"][0]) for s in specs(raw)], "schedule"),
    "row17 due at the end of all time": (
        lambda raw: [s["schedule"].update(due_at="9999-12-31T23:59:59.999999Z") for s in specs(raw) if s["schedule"]],
        "between the years",
    ),
    "row20 a department of odd signs": (tasks(department="CGJ; drop table"), "department"),
    "row20 no department": (tasks(department=""), "department"),
    "row18 beyond the pole": (
        lambda raw: raw["data"]["facts"].update(location={"latitude": 91, "longitude": 0}),
        "latitude",
    ),
    "row13 a title of nothing visible": (lambda raw: raw["data"]["facts"].update(title="\u200b"), "visible"),
}


@pytest.mark.parametrize("name", TERMS)
async def test_a_dispatch_that_cannot_be_starts_no_clock(city: City, name: str) -> None:
    change, reason = TERMS[name]
    whistle = await city.street("S01").blows(departments=["CGJ"])
    await city.settles()
    raw = await said(city, "dispatch", "dispatch.whistle_dispatched.v1", whistle)
    change(raw)
    before = await city.watch.clocks()
    await put(city, "escalation", raw)
    await city.expects_parked(reason, "escalation.in")
    assert await city.watch.clocks() == before
    await city.department("CGJ").acknowledges(whistle)
    await city.expects_clock(whistle, "ack", "met", department="CGJ")


async def test_row23_a_ladder_without_rungs_runs_out_in_silence(city: City) -> None:
    whistle = await city.street("S01").blows(departments=["CGJ"])
    await city.settles()
    async with city.holding("escalation") as held:
        other = await city.street("S01").blows(departments=["CGJ"], title="另一处")
    del held
    raw = await said(city, "dispatch", "dispatch.whistle_dispatched.v1", other)
    for spec in specs(raw):
        spec["ladder"] = []
        if spec["schedule"]:
            spec["schedule"]["rung_at"] = []
    await put(city, "escalation", raw)
    await city.expects_clock(other, "ack", "running", department="CGJ")
    await city.passes(hours=3)
    await city.expects_escalation(department="CGJ", rung=1)
    assert {each["whistle_id"] for each in await city.watch.escalations()} == {whistle.whistle_id}


ROWS: dict[str, tuple[str, Raw]] = {
    "row22 a policy with a limit that is a number": (
        "policies",
        {"kind": "appeal", "urgency": "normal", "presence": "none", "limits": {"ack": 5}},
    ),
    "row23 a rung of no side": ("ladders", {"side": "moon", "rung": 1}),
    "row23 a rung without a form": ("ladders", {"side": "department", "rung": 1, "role": "head", "delays": {}}),
    "row20 a department without an instance": ("departments", {"code": "CGJ", "name_zh": "城管局", "name_en": "x"}),
    "row12 a row of nothing": ("streets", {}),
    "row18 a grid beyond the pole": (
        "grids",
        {"code": "S01-G001", "street": "S01", "name_zh": "网格", "ground": [[[0, 0], [1, 0], [1, 91]]]},
    ),
    "row18 a grid that is a line": (
        "grids",
        {"code": "S01-G001", "street": "S01", "name_zh": "网格", "ground": [[[0, 0], [1, 1], [2, 2]]]},
    ),
}


@pytest.mark.parametrize("name", ROWS)
async def test_a_registry_of_nonsense_is_parked_and_the_old_one_stays(city: City, name: str) -> None:
    """Kept, it would stop every reader, and again after every start."""
    section, row = ROWS[name]
    data = RegistryPublished(
        version=9_999,
        section=section,
        part=1,
        parts=1,
        sections={section: 1},
        rows=(row,),
    )
    for producer in ("intake", "department.hosted", "escalation"):
        await city.broker.put(f"{producer}.in", wire(data, producer="dispatch"), "dispatch")
        await city.expects_parked("rows", f"{producer}.in")
    await city.knows_district()
    whistle = await city.street("S01").blows(departments=["CGJ"])
    await city.expects_tasks(whistle, ["CGJ"])


DAYS: dict[str, tuple[Raw, str]] = {
    "row17 a day that is none": ({"days": [{"date": "2026-02-30", "is_off_day": True}]}, "days"),
    "row17 the year 0": ({"year": 0}, "year"),
    "row17 the year 9999": ({"year": 9999}, "year"),
    "row22 windows that close before they open": ({"windows": [[720, 510]]}, "days"),
    "row22 windows beyond the day": ({"windows": [[0, 5_000]]}, "days"),
}


@pytest.mark.parametrize("name", DAYS)
async def test_a_calendar_of_nonsense_is_parked_and_the_old_one_stays(city: City, name: str) -> None:
    changes, field = DAYS[name]
    whole: Raw = {"version": 9_999, "year": 2026, "official": True, "days": [], "windows": [[510, 720], [810, 1050]]}
    data = CalendarPublished.model_validate(whole | {"start_rule": "next_day", "years": [2026]} | changes)
    for producer in ("department.hosted", "escalation"):
        await city.broker.put(f"{producer}.in", wire(data, producer="dispatch"), "dispatch")
        await city.expects_parked(f"Invalid: {field}", f"{producer}.in")
    await city.knows_district()


def acknowledged(whistle: Blown, task_id: str, department: str) -> TaskAcknowledged:
    return TaskAcknowledged.model_validate(
        {"whistle_id": whistle.whistle_id, "task_id": task_id, "department": department, "by": "CGJ", "person": "王"}
    )


async def test_row27_an_instance_may_not_speak_for_a_department_that_it_does_not_serve(city: City) -> None:
    whistle = await city.street("S01").blows(departments=["CGJ"])
    task = await city.department("CGJ").task(whistle)
    await city.says_as("department.ga", acknowledged(whistle, task["task_id"], "CGJ"))
    for _ in ("intake", "escalation"):
        await city.expects_parked("served by instance 'hosted'")
    await city.expects_clock(whistle, "ack", "running", department="CGJ")


async def test_row28_an_acknowledgement_of_a_task_that_nobody_knows_harms_nobody(city: City) -> None:
    whistle = await city.street("S01").blows(departments=["CGJ"])
    await city.settles()
    raw = orjson.loads(
        wire(acknowledged(whistle, str(uuid4()), "CGJ"), producer="department.hosted", time=city.time.now())
    )
    await put(city, "escalation", raw)
    await until(lambda: _settled_somewhere(city), "the event to be handled or set aside")
    await city.expects_clock(whistle, "ack", "running", department="CGJ")
    assert not city.services["escalation"].failed.is_set()


async def _settled_somewhere(city: City) -> bool:
    return await city.broker.ready("escalation.in") == 0 and city.services["escalation"].consumer._idle()


@pytest.mark.parametrize("version", [0, 1, 2**31, 2**62], ids=lambda version: f"row38 version {version}")
async def test_an_older_or_a_much_newer_version_of_a_subject_changes_nothing(city: City, version: int) -> None:
    whistle = await city.street("S01").blows(departments=["CGJ"])
    await city.department("CGJ").acknowledges(whistle)
    met = await city.expects_clock(whistle, "ack", "met", department="CGJ")
    raw = await said(city, "dispatch", "dispatch.whistle_dispatched.v1", whistle)
    await put(city, "escalation", raw | {"subjectversion": version})
    await city.settles()
    assert await city.expects_clock(whistle, "ack", "met", department="CGJ") == met
    await city.expects_nothing_parked()


async def test_row38_an_event_before_its_parent_counts_when_the_parent_comes(city: City) -> None:
    """The acknowledgement overtakes everything that escalation would have to know first."""
    async with city.holding("escalation") as held:
        whistle = await city.street("S01").blows(departments=["CGJ"])
        await city.department("CGJ").acknowledges(whistle)
    assert "department.task_acknowledged.v1" in held.keys
    await held.arrives(reversed_order=True)
    await city.expects_clock(whistle, "ack", "met", department="CGJ")
    await city.expects_nothing_parked()
