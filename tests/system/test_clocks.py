"""Clocks and the ladder: each task has its own, warnings come first, and every rung is climbed once."""

from support.city import City
from support.people import Blown

LADDER = ["deputy_head", "department_head", "whistle_office", "inspection_office", "district_leaders"]


async def blown_for(city: City, *departments: str, **more: str) -> Blown:
    """An urgent emergency (15 min to acknowledge) for these departments, everybody called."""
    whistle = await city.street("S01").blows("0701", departments=list(departments), **more)
    await city.settles()
    return whistle


async def test_one_departments_acknowledgement_never_silences_anothers_clock(city: City) -> None:
    """INVARIANT: one department's acknowledgement touches only its own task."""
    whistle = await blown_for(city, "CGJ", "GA", "PSGS")
    await city.passes(minutes=10)
    await city.department("CGJ").acknowledges(whistle)
    await city.passes(minutes=6)

    await city.expects_clock(whistle, "ack", "met", department="CGJ")
    for silent in ("GA", "PSGS"):
        await city.expects_clock(whistle, "ack", "running", department=silent)
        await city.expects_escalation(department=silent, rung=1)
    await city.expects_no_escalation(department="CGJ")


async def test_warnings_come_at_half_and_at_four_fifths_of_the_time(city: City) -> None:
    whistle = await blown_for(city, "CGJ")
    for minutes, warned in ((7, 0), (1, 1), (3, 1), (2, 2)):
        await city.passes(minutes=minutes)
        clock = await city.expects_clock(whistle, "ack")
        assert clock["warned"] == warned, clock
    await city.expects_no_escalation()

    entries = await city.expects_in_timeline(whistle, "whistle_dispatched", "clock_warned", "clock_warned")
    told = [entry["data"] for entry in entries if entry["event"] == "escalation.clock_warned.v1"]
    assert [(w["clock"], w["percent"], w["department"]) for w in told] == [("ack", 50, "CGJ"), ("ack", 80, "CGJ")]
    banner = (await city.department("CGJ").task(whistle))["banner"]
    assert (banner["level"], banner["clock"], banner["percent"]) == ("warned", "ack", 80)


async def test_of_missed_warnings_only_the_latest_is_sent(city: City) -> None:
    whistle = await blown_for(city, "CGJ")
    await city.passes(minutes=14)
    entries = await city.expects_in_timeline(whistle, "clock_warned")
    told = [entry["data"]["percent"] for entry in entries if entry["event"] == "escalation.clock_warned.v1"]
    assert told == [80]


async def test_a_silent_departments_clock_climbs_the_ladder_each_rung_once_and_in_order(city: City) -> None:
    """INVARIANT: (clock, rung) fires at most once, in order."""
    whistle = await blown_for(city, "CGJ")
    seen = []
    for hours in (0.26, 1, 3, 7, 24, 24, 24, 240):
        await city.passes(hours=hours)
        seen.append([e["rung"] for e in await city.watch.escalations(department="CGJ") if e["clock"] == "ack"])

    assert seen[:3] == [[1], [1, 2], [1, 2, 3]]
    assert seen[-1] == [1, 2, 3, 4, 5]
    climbed = [e for e in await city.watch.escalations(department="CGJ") if e["clock"] == "ack"]
    assert [e["role"] for e in climbed] == LADDER
    assert [e["rung_at"] for e in climbed[:3]] == [
        "2026-06-01T01:15:00Z",
        "2026-06-01T02:15:00Z",
        "2026-06-01T05:15:00Z",
    ]
    await city.expects_clock(whistle, "ack", "running", department="CGJ")


async def test_after_one_long_leap_the_rungs_come_one_by_one_a_minute_apart(city: City) -> None:
    await blown_for(city, "CGJ")
    await city.passes(hours=6)
    for rungs in ([1], [1, 2], [1, 2, 3], [1, 2, 3]):
        climbed = [e for e in await city.watch.escalations(department="CGJ") if e["clock"] == "ack"]
        assert [e["rung"] for e in climbed] == rungs
        await city.passes(seconds=61)


async def test_an_acknowledgement_made_late_resolves_the_escalation(city: City) -> None:
    whistle = await blown_for(city, "CGJ")
    await city.passes(minutes=16)
    await city.expects_escalation(department="CGJ", rung=1)

    await city.department("CGJ").acknowledges(whistle)

    await city.expects_escalation(department="CGJ", rung=1, status="resolved")
    await city.expects_clock(whistle, "ack", "met_late", department="CGJ")
    await city.expects_in_timeline(whistle, "escalation_raised", "task_acknowledged", "escalation_resolved")
    await city.passes(hours=1)
    await city.expects_no_escalation(rung=2, department="CGJ")


async def test_an_acknowledgement_made_in_time_but_delivered_late_withdraws_the_escalation(city: City) -> None:
    whistle = await blown_for(city, "CGJ")
    await city.passes(minutes=14)
    async with city.holding("escalation") as held:
        await city.department("CGJ").acknowledges(whistle)
    await city.passes(minutes=2)
    await city.expects_escalation(department="CGJ", rung=1)

    assert held.keys == ["department.task_acknowledged.v1"]
    await held.arrives()

    withdrawn = await city.expects_escalation(department="CGJ", rung=1, status="withdrawn")
    assert withdrawn["reason"] == "met in time"
    clock = await city.expects_clock(whistle, "ack", "met", department="CGJ")
    assert clock["stopped_at"] == "2026-06-01T01:14:00Z"
    await city.expects_in_timeline(whistle, "task_acknowledged", "escalation_raised", "escalation_withdrawn")


async def test_after_downtime_the_queue_is_drained_before_anything_fires(city: City) -> None:
    whistle = await blown_for(city, "CGJ", "PSGS")
    async with city.without("escalation"):
        await city.passes(minutes=10)
        await city.department("CGJ").acknowledges(whistle)
        await city.passes(minutes=20)
    await city.has_fired()

    await city.expects_clock(whistle, "ack", "met", department="CGJ")
    await city.expects_no_escalation(department="CGJ")
    raised = await city.expects_escalation(department="PSGS", rung=1)
    assert (raised["degraded"], raised["fired_at"]) == (False, "2026-06-01T01:30:00Z")


async def test_a_whistle_dispatched_while_escalation_was_down_is_timed_from_its_dispatch(city: City) -> None:
    async with city.without("escalation"):
        whistle = await blown_for(city, "CGJ")
        await city.passes(minutes=16)
    await city.has_fired()
    clock = await city.expects_clock(whistle, "ack", department="CGJ")
    assert clock["due_at"] == "2026-06-01T01:15:00Z"
    await city.expects_escalation(department="CGJ", rung=1)


async def test_an_acknowledgement_heard_before_the_dispatch_stops_the_clock_that_comes_after(city: City) -> None:
    """EVENTS.md R5: handlers are insensitive to order."""
    async with city.holding("escalation") as held:
        whistle = await city.street("S01").blows("0701", departments=["CGJ"])
        await city.department("CGJ").acknowledges(whistle)
        await city.department("CGJ").arrives(whistle)
    await held.arrives(reversed_order=True)

    await city.expects_clock(whistle, "ack", "met", department="CGJ")
    await city.expects_clock(whistle, "arrive", "met", department="CGJ")
    await city.expects_clock(whistle, "resolve", "running", department="CGJ")


async def test_arriving_and_submitting_stop_their_clocks_and_verification_starts(city: City) -> None:
    whistle = await blown_for(city, "CGJ")
    department = city.department("CGJ")
    await department.acknowledges(whistle)
    await city.passes(minutes=20)
    await department.arrives(whistle)
    await city.passes(hours=2)
    await department.submits(whistle)

    for name in ("ack", "arrive", "contain", "resolve"):
        await city.expects_clock(whistle, name, "met", department="CGJ")
    verify = await city.expects_clock(whistle, "street_verify", "running")
    assert (verify["side"], verify["due_at"]) == ("street", "2026-06-01T11:20:00Z")
    await city.expects_state(whistle, "pending_verify")


async def test_meeting_clocks_start_with_the_acknowledgement(city: City) -> None:
    whistle = await city.street("S01").blows("0101", kind="key_work", urgency="normal", departments=["ZFJ"])
    await city.settles()
    assert {c["name"] for c in await city.watch.clocks(department="ZFJ")} == {"ack", "resolve"}
    await city.department("ZFJ").acknowledges(whistle)
    meeting = await city.expects_clock(whistle, "first_meeting", department="ZFJ")
    assert meeting["due_at"] == "2026-06-04T09:30:00Z", "three working days from the next day on"


async def test_seeing_an_escalation_does_not_stop_the_next_one(city: City) -> None:
    await blown_for(city, "CGJ")
    await city.passes(minutes=16)
    raised = await city.expects_escalation(department="CGJ", rung=1)
    first = await city.watch.acknowledges(raised)
    await city.passes(hours=1)
    again = await city.watch.acknowledges(raised)
    assert again["acknowledged_at"] == first["acknowledged_at"]
    await city.expects_escalation(department="CGJ", rung=2)


async def test_statistics_count_in_time_over_decided(city: City) -> None:
    one = await blown_for(city, "CGJ", "GA")
    two = await blown_for(city, "CGJ")
    await city.department("CGJ").acknowledges(one)
    await city.passes(minutes=16)
    await city.department("CGJ").acknowledges(two)
    await city.settles()
    rates = {row["department"]: row["acknowledged"] for row in (await city.watch.statistics())["departments"]}
    assert (rates["CGJ"]["met"], rates["CGJ"]["met_late"], rates["CGJ"]["rate"]) == (1, 1, 0.5)
    assert (rates["GA"]["overdue"], rates["GA"]["rate"]) == (1, 0.0)
