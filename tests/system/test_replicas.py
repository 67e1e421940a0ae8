"""Several processes of one service, and failures in the middle of firing: every rung exactly once."""

import pytest
from sqlalchemy import text

from support.city import City
from support.sabotage import failing_inserts
from whistle_shared.contracts.escalation import EscalationRaised


@pytest.mark.parametrize("replicas", [2, 4])
async def test_several_escalation_processes_fire_each_rung_once(city: City, replicas: int) -> None:
    """INVARIANT: (clock, rung) is stored once, however many processes fire."""
    others = [city.build("escalation") for _ in range(replicas - 1)]
    for other in others:
        await other.start()
    try:
        for number in range(8):
            await city.street(f"S0{number + 1}").blows("0701")
        await city.passes(minutes=16)
        await city.passes(hours=1)
    finally:
        for other in others:
            await other.stop()

    raised = [e for e in await city.watch.escalations() if e["clock"] == "ack"]
    assert sorted((e["clock_id"], e["rung"]) for e in raised) == sorted({(e["clock_id"], e["rung"]) for e in raised})
    assert len(raised) == 8 * 5 * 2
    assert not any(other.failed.is_set() for other in others)
    await city.expects_nothing_parked()


async def test_a_firing_that_is_cut_off_halfway_fires_once_in_the_end(city: City) -> None:
    """INVARIANT: whatever crashes, (clock, rung) fires once: the claim, the rung and its event are one transaction.

    The database shuts down three times between the claim and the commit.
    """
    whistle = await city.street("S01").blows("0701", departments=["CGJ"])
    async with failing_inserts(city.owner("escalation"), "escalation", "57P01", times=3):
        await city.passes(minutes=16)
        await city.expects_escalation(department="CGJ", rung=1)
    assert await _times_said(city, whistle.whistle_id) == 1
    entries = await city.expects_in_timeline(whistle, "escalation_raised")
    assert sum(entry["event"] == EscalationRaised.key for entry in entries) == 1
    assert not city.services["escalation"].failed.is_set()


async def test_a_whistle_that_cannot_fire_holds_no_other_up(city: City) -> None:
    bad = await city.street("S01").blows("0701", departments=["CGJ"])
    await city.street("S02").blows("0701", departments=["GA"])
    await city.settles()
    async with city.services["escalation"].engine.begin() as connection:
        await connection.execute(
            text("update matter set terms = '{}' where whistle_id = :bad"), {"bad": bad.whistle_id}
        )
    await city.passes(minutes=16)
    await city.expects_escalation(department="GA", rung=1)
    await city.expects_no_escalation(department="CGJ")
    assert not city.services["escalation"].failed.is_set()


async def _times_said(city: City, whistle_id: str) -> int:
    query = "select count(*) from outbox where key = :key and subject = :subject"
    async with city.services["escalation"].engine.connect() as connection:
        found = await connection.execute(text(query), {"key": EscalationRaised.key, "subject": whistle_id})
        return int(found.scalar_one())
