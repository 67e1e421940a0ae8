"""Nothing is lost on the way: what was not confirmed to have been heard is said again."""

from sqlalchemy import text

from support.city import City
from whistle_shared.contracts.dispatch import WhistleDispatched
from whistle_shared.contracts.intake import WhistleBlown


async def say_again_now(city: City, producer: str) -> None:
    """Let the waiting time for missing receipts be over."""
    async with city.services[producer].engine.begin() as connection:
        await connection.execute(text("update outbox_due set next_at = now()"))


async def test_a_whistle_that_the_broker_lost_is_said_again_until_dispatch_has_it(city: City) -> None:
    async with city.without("dispatch"):
        whistle = await city.street("S01").blows("0701")
        await city.settles()
        [lost] = await city.broker.take_all("dispatch.in")
        assert lost.type == WhistleBlown.key
    assert await _pending(city, "intake") == 1

    await say_again_now(city, "intake")

    await city.expects_tasks(whistle, ["CGJ", "PSGS", "GSGS", "TXGS", "GDGS"])
    await city.settles()
    assert await _pending(city, "intake") == 0


async def test_a_dispatch_that_one_instance_never_got_is_said_again_and_nobody_gets_it_twice(city: City) -> None:
    async with city.without("department.ga"):
        whistle = await city.street("S01").blows("0701", departments=["CGJ", "GA"])
        await city.settles()
        [lost] = await city.broker.take_all("department.ga.in")
        assert lost.type == WhistleDispatched.key

    await say_again_now(city, "dispatch")

    await city.expects_tasks(whistle, ["CGJ", "GA"])
    await city.settles()
    assert [len(await city.department(code).tasks()) for code in ("CGJ", "GA")] == [1, 1]
    assert len(await city.watch.clocks(name="ack")) == 2


async def test_a_lost_receipt_is_given_again(city: City) -> None:
    """EVENTS.md R6: on an inbox hit the consumer re-queues its stored receipt, else a lost one loops for ever."""
    await city.stop("dispatch")
    whistle = await city.street("S01").blows("0701", departments=["CGJ"])
    await city.settles()
    await city.stop("intake")
    await city.start("dispatch")
    await city.settles()
    lost = await city.broker.take_all("intake.in")
    assert WhistleDispatched.key in [message.type for message in lost]
    await city.start("intake")
    assert await _pending(city, "intake") == 1

    await say_again_now(city, "intake")

    await city.settles()
    assert await _pending(city, "intake") == 0
    assert len(await city.department("CGJ").tasks()) == 1
    await city.expects_in_timeline(whistle, "whistle_dispatched")


async def test_an_acknowledgement_that_escalation_never_got_is_said_again_in_its_own_time(city: City) -> None:
    whistle = await city.street("S01").blows("0701", departments=["GA"])
    await city.settles()
    async with city.without("escalation"):
        await city.department("GA").acknowledges(whistle)
        await city.settles()
        await city.broker.take_all("escalation.in")
    await say_again_now(city, "department.ga")
    clock = await city.expects_clock(whistle, "ack", "met", department="GA")
    assert clock["stopped_at"] == "2026-06-01T01:00:00Z"


async def test_a_matter_that_waits_for_a_receipt_too_long_is_shown_and_the_recovery_too(city: City) -> None:
    async with city.without("dispatch"):
        whistle = await city.street("S02").blows("0701", departments=["CGJ"])
        await city.settles()
        await city.broker.take_all("dispatch.in")
        async with city.services["intake"].engine.begin() as connection:
            await connection.execute(text("update outbox_due set since = since - interval '3 minutes'"))
        await city.services["intake"].group.report_stuck()
        await city.settles()
    stuck = await _logged(city, "intake.delivery_stuck.v1")
    assert [(entry["whistle_id"], entry["receiver"]) for entry in stuck] == [(whistle.whistle_id, "dispatch")]
    metrics = (await city.client("intake").get("/metrics")).text
    assert "whistle_outbox_stuck 1.0" in metrics

    await say_again_now(city, "intake")
    await city.settles()
    assert len(await _logged(city, "intake.delivery_recovered.v1")) == 1


async def _pending(city: City, producer: str) -> int:
    async with city.services[producer].engine.connect() as connection:
        return int((await connection.execute(text("select count(*) from outbox_due"))).scalar_one())


async def _logged(city: City, key: str) -> list[dict[str, str]]:
    """What escalation's log holds of one type."""
    async with city.services["escalation"].engine.connect() as connection:
        rows = await connection.execute(text("select data from event_log where key = :key"), {"key": key})
        return [row.data for row in rows]
