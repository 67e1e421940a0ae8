"""The outbox on the real database: who has yet to confirm what, and when it is sent again."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import uuid_utils.compat

from support.wire import envelope
from support.workshop import Workshop, load_nothing, withdrawn
from whistle_shared.contracts import TYPES, Event, EventData
from whistle_shared.contracts.dispatch import WhistleCancelled
from whistle_shared.contracts.intake import DeliveryRecovered, DeliveryStuck
from whistle_shared.db import LEASE, Group, Outbox, Outgoing, Unit, Work


def relayed(workshop: Workshop, taken: list[Outgoing]) -> Group:
    """A group whose committed events go to `taken`, as to a relay in the same process."""
    return Group(
        workshop.engine("intake"), "intake", workshop.time, load_nothing, Outbox(), taken.extend, lambda: LEASE
    )


async def say(group: Group, *awaiting: str) -> UUID:
    """Say that a whistle was withdrawn; returns the event's id."""
    whistle = uuid_utils.compat.uuid7()
    async with group.unit() as unit:
        return unit.emit(withdrawn(whistle), whistle, awaiting=awaiting)


async def claimed(workshop: Workshop, outbox: Outbox | None = None) -> list[UUID]:
    """What a relay that polls now would send."""
    async with workshop.engine("intake").begin() as connection:
        return [out.event_id for out in await (outbox or Outbox()).claim(connection, 100)]


async def make_due(workshop: Workshop, receiver: str) -> None:
    """Let the waiting time of this receiver's rows be over."""
    async with workshop.engine("intake").begin() as connection:
        await connection.exec_driver_sql(
            "update outbox_due set next_at = clock_timestamp() - interval '1 second' where receiver = $1", (receiver,)
        )


async def waits(workshop: Workshop, receiver: str) -> timedelta:
    """How long until this receiver's row is sent again."""
    rows = await workshop.rows(
        "intake", "select next_at - clock_timestamp() as left from outbox_due where receiver = :r", r=receiver
    )
    left: timedelta = rows[0].left
    return left


def receipt(event_id: UUID, producer: str, data: EventData) -> Work:
    """An event of `producer` that answers `event_id`, as a consumer hands it over."""
    event: Event[Any] = envelope(data, producer=producer, causation_id=event_id)
    return Work(act=lambda unit: None, event=event)


def cancelled() -> WhistleCancelled:
    return WhistleCancelled(whistle_id=uuid_utils.compat.uuid7(), round=1, departments=(), reason="x")


async def test_a_row_goes_by_the_brokers_confirm_and_its_receipts_and_by_nothing_else(workshop: Workshop) -> None:
    """INVARIANT: an event is sent again, with the same id, until the broker has confirmed it and every awaited
    consumer's receipt has come."""
    taken: list[Outgoing] = []
    group = relayed(workshop, taken)
    event_id = await say(group, "dispatch", "escalation")
    assert [out.event_id for out in taken] == [event_id]
    assert await workshop.count("intake", "outbox_due") == 3

    group.outbox.confirmed([event_id])
    await group.run([receipt(event_id, "dispatch", cancelled())])
    assert [row.receiver for row in await workshop.rows("intake", "select receiver from outbox_due")] == ["escalation"]

    await group.run([receipt(event_id, "intake", cancelled())])
    await group.run([receipt(uuid_utils.compat.uuid7(), "escalation", cancelled())])
    assert await workshop.count("intake", "outbox_due") == 1

    await group.run([receipt(event_id, "escalation", cancelled())])
    assert await workshop.count("intake", "outbox_due") == 0
    assert await workshop.count("intake", "outbox") == 1, "the ledger keeps what was said"


async def test_a_receipt_of_a_department_names_its_instance(workshop: Workshop) -> None:
    group = workshop.group()
    event_id = await say(group, "department.hosted", "department.ga")
    await group.run([receipt(event_id, "department.ga", cancelled())])
    left = {row.receiver for row in await workshop.rows("intake", "select receiver from outbox_due")}
    assert left == {"broker", "department.hosted"}


async def test_what_was_handed_over_is_left_to_that_relay_for_the_length_of_a_lease(workshop: Workshop) -> None:
    event_id = await say(relayed(workshop, []))
    assert await claimed(workshop) == []
    await make_due(workshop, "broker")
    assert await claimed(workshop) == [event_id]
    assert await claimed(workshop) == [], "leased to the one that claimed it"


async def test_what_nobody_was_handed_is_due_at_once(workshop: Workshop) -> None:
    event_id = await say(workshop.group())
    assert await claimed(workshop) == [event_id]


async def test_a_missing_receipt_is_asked_for_after_thirty_seconds_then_ever_less_often(workshop: Workshop) -> None:
    """EVENTS.md R6: 30 s, 1, 2, 5, 10 min, then every 10 min."""
    event_id = await say(relayed(workshop, []), "dispatch")
    pauses = [await waits(workshop, "dispatch")]
    for _ in range(6):
        await make_due(workshop, "dispatch")
        assert await claimed(workshop) == [event_id]
        pauses.append(await waits(workshop, "dispatch"))
    assert [round(pause.total_seconds()) for pause in pauses] == [30, 60, 120, 300, 600, 600, 600]


async def test_a_refused_event_is_tried_again_at_most_a_minute_later(workshop: Workshop) -> None:
    await say(workshop.group())
    pauses = []
    for _ in range(6):
        await make_due(workshop, "broker")
        await claimed(workshop)
        pauses.append(round((await waits(workshop, "broker")).total_seconds()))
    assert pauses == [5, 10, 20, 40, 60, 60]


async def test_an_event_without_a_receipt_for_two_minutes_is_reported_stuck_once_and_recovered_once(
    workshop: Workshop,
) -> None:
    group = workshop.group()
    event_id = await say(group, "dispatch")
    await group.report_stuck()
    assert await workshop.count("intake", "outbox", f"key = '{DeliveryStuck.key}'") == 0

    async with workshop.engine("intake").begin() as connection:
        await connection.exec_driver_sql("update outbox_due set since = since - interval '2 minutes'")
    await group.report_stuck()
    await group.report_stuck()
    stuck = await _said(workshop, DeliveryStuck.key)
    assert [(s["event_id"], s["receiver"]) for s in stuck] == [(str(event_id), "dispatch")]

    for _ in range(2):
        await group.run([receipt(event_id, "dispatch", cancelled())])
    assert len(await _said(workshop, DeliveryRecovered.key)) == 1


async def _said(workshop: Workshop, key: str) -> list[Any]:
    rows = await workshop.rows("intake", "select body::jsonb -> 'data' as data from outbox where key = :key", key=key)
    return [row.data for row in rows]


async def test_a_confirm_that_a_rollback_forgot_costs_a_duplicate_and_nothing_else(workshop: Workshop) -> None:
    group = relayed(workshop, [])
    event_id = await say(group)
    group.outbox.confirmed([event_id])

    def spoil(unit: Unit) -> None:
        unit.emit(cancelled(), uuid_utils.compat.uuid7())
        raise ZeroDivisionError

    await group.run([Work(act=spoil)])
    await make_due(workshop, "broker")
    assert await claimed(workshop) in ([event_id], [])


async def test_two_processes_that_poll_together_share_the_work(workshop: Workshop) -> None:
    group = workshop.group()
    wanted = {await say(group) for _ in range(20)}
    async with workshop.engine("intake").begin() as one, workshop.engine("intake").begin() as other:
        first = [out.event_id for out in await Outbox().claim(one, 12)]
        second = [out.event_id for out in await Outbox().claim(other, 100)]
    assert len(first) == 12
    assert len(second) == 8
    assert set(first) | set(second) == wanted


async def test_every_producer_can_tell_of_a_stuck_delivery(workshop: Workshop) -> None:
    for producer in ("intake", "dispatch", "department", "escalation"):
        assert f"{producer}.delivery_stuck.v1" in TYPES
        assert f"{producer}.delivery_recovered.v1" in TYPES
