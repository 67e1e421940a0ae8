"""What goes wrong with a message: lost races come again, poison parks with its reason, and nobody is held up."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
import uuid_utils.compat

from support.broker import envelopes
from support.clockface import MONDAY
from support.waiting import until
from support.wire import wire
from support.workshop import Workshop, hear, withdrawn, write_note
from whistle_shared.contracts import BATCH, Event
from whistle_shared.contracts.department import TasksReceived
from whistle_shared.contracts.intake import WhistleWithdrawn
from whistle_shared.db import Unit
from whistle_shared.messaging import PARKING, RETRY_TIERS, RetryLater

Change = Callable[[dict[str, Any]], Any]


async def parked(workshop: Workshop) -> Any:
    """The next parked message, waited for."""
    return await until(lambda: workshop.broker.take(PARKING), "a message to be parked")


def without(name: str) -> Change:
    return lambda raw: raw.pop(name)


def changed(**values: Any) -> Change:
    return lambda raw: raw.update(values)


def data(**values: Any) -> Change:
    return lambda raw: raw["data"].update(values)


POISON: dict[str, tuple[Change, str]] = {
    "no id": (without("id"), "id is missing"),
    "id not a UUID": (changed(id="吹" * 100), "id is not a UUID"),
    "id a number": (changed(id=7), "id is missing or not a short text"),
    "no type": (without("type"), "type None is unknown"),
    "unknown type": (changed(type="intake.whistle_sung.v1"), "is unknown to this build"),
    "unknown version": (changed(type="intake.whistle_withdrawn.v2"), "is unknown to this build"),
    "type a list": (changed(type=["intake.whistle_withdrawn.v1"]), "is unknown to this build"),
    "no specversion": (without("specversion"), "specversion"),
    "no time": (without("time"), "time is missing"),
    "time without a zone": (changed(time="2026-06-01T09:00:00"), "time is not"),
    "time impossible": (changed(time="2026-02-30T09:00:00Z"), "time is not"),
    "time before the calendar": (changed(time="0001-01-01T00:00:00+14:00"), ""),
    "no correlation": (without("correlationid"), "correlationid is missing"),
    "cause not a UUID": (changed(causationid="x"), "causationid is not a UUID"),
    "no subject": (without("subject"), "subject is missing"),
    "subject with NUL": (changed(subject="a\x00b"), "subject is missing"),
    "no source": (without("source"), "source is missing"),
    "source of another world": (changed(source="https://example.org/"), "is not one of ours"),
    "source another service": (changed(source="/whistle/escalation"), "for 'escalation'"),
    "version not a number": (changed(subjectversion="newest"), "subjectversion is not a count"),
    "version a list": (changed(subjectversion=[1]), "subjectversion is not a count"),
    "version beyond int8": (changed(subjectversion=2**63), "subjectversion is not a count"),
    "trace not a text": (changed(traceparent={"a": 1}), ""),
    "no data": (without("data"), "data of intake.whistle_withdrawn.v1"),
    "data a text": (changed(data="x"), "data of intake.whistle_withdrawn.v1"),
    "data of another type": (changed(data={"whistle": 1}), "whistle_id: Field required"),
    "NUL in a text": (data(reason="a\x00b"), "NUL"),
    "round beyond int4": (data(round=2**40), ""),
    "round beyond int8": (data(round=2**70), ""),
}


@pytest.mark.parametrize("name", POISON)
async def test_poison_is_parked_with_its_reason_and_holds_nobody_up(workshop: Workshop, name: str) -> None:
    """A poison message stands between two good ones; both are handled."""
    change, reason = POISON[name]
    raw = orjson.loads(wire(withdrawn(reason="poison")))
    change(raw)
    service = await workshop.start("dispatch", {WhistleWithdrawn: hear})

    for body in (wire(withdrawn(reason="good")), _json(raw), wire(withdrawn(reason="good"))):
        await workshop.broker.put("dispatch.in", body, "intake")

    await workshop.expects_count("dispatch", "note", 2, "said = 'good'")
    settled = await until(lambda: _parked_or_harmless(workshop), f"{name} to be parked or to do no harm")
    if reason:
        assert reason in str(settled), settled
    assert not service.failed.is_set()
    assert await workshop.broker.ready("dispatch.in") == 0


def _json(raw: dict[str, Any]) -> bytes:
    """As a foreign producer might write it: integers of any size."""
    return json.dumps(raw, ensure_ascii=False).encode()


async def _parked_or_harmless(workshop: Workshop) -> str | None:
    """The reason in parking; or a note of how the odd but harmless event was taken."""
    message = await workshop.broker.take(PARKING)
    if message is not None:
        assert message.headers["x-origin-queue"] == "dispatch.in"
        return str(message.headers["x-reason"])
    rows = await workshop.rows("dispatch", "select said, count from note where said = 'poison'")
    return f"taken as {rows[0]}" if rows else None


GARBAGE = {
    "nothing": b"",
    "not JSON": b"\x00\x01garbage\xff",
    "half JSON": b'{"specversion":"1.0","id":',
    "a text": b'"hello"',
    "null": b"null",
    "an empty batch": b"[]",
    "a batch in a single": b"[{}]",
    "deep nesting": b"[" * 5000,
    "GBK": "吹哨".encode("gbk"),
    "lone surrogate": b'{"id":"\\ud800"}',
    "NaN": b'{"id":NaN}',
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_garbage_is_parked_byte_for_byte(workshop: Workshop, name: str) -> None:
    service = await workshop.start("dispatch", {WhistleWithdrawn: hear})
    await workshop.broker.put("dispatch.in", GARBAGE[name], "intake")
    await workshop.broker.put("dispatch.in", wire(withdrawn()), "intake")

    message = await parked(workshop)
    assert message.body == GARBAGE[name]
    assert str(message.headers["x-reason"]).startswith("Malformed")
    await workshop.expects_count("dispatch", "note", 1)
    assert not service.failed.is_set()


async def test_poison_in_a_batch_parks_alone(workshop: Workshop) -> None:
    bodies = [wire(withdrawn(reason=str(n))) for n in range(5)]
    bodies[2] = bodies[2].replace(b'"1.0"', b'"0.3"')
    await workshop.broker.put("dispatch.in", b"[" + b",".join(bodies) + b"]", "intake", content_type=BATCH)
    await workshop.start("dispatch", {WhistleWithdrawn: hear})

    message = await parked(workshop)
    assert [raw["data"]["reason"] for raw in envelopes(message)] == ["2"]
    await workshop.expects_count("dispatch", "note", 4)


async def test_an_event_on_which_the_handler_fails_parks_alone(workshop: Workshop) -> None:
    def fail_on_two(unit: Unit, event: Event[WhistleWithdrawn]) -> None:
        hear(unit, event)
        if event.data.reason == "2":
            raise ZeroDivisionError("our own mistake")

    bodies = [wire(withdrawn(reason=str(n))) for n in range(5)]
    await workshop.broker.put("dispatch.in", b"[" + b",".join(bodies) + b"]", "intake", content_type=BATCH)
    await workshop.start("dispatch", {WhistleWithdrawn: fail_on_two})

    message = await parked(workshop)
    assert message.headers["x-reason"] == "ZeroDivisionError: our own mistake"
    assert message.headers["x-sender"] == "intake"
    assert "CC" not in message.headers, "a kept CC would be routed again (EVENTS.md R7)"
    await workshop.expects_count("dispatch", "note", 4)
    assert await workshop.count("dispatch", "outbox") == 4, "what the spoilt piece emitted is gone with it"


async def test_an_event_that_came_too_early_is_tried_again_with_a_counted_attempt(workshop: Workshop) -> None:
    arrived: list[bool] = []

    def wait_once(unit: Unit, event: Event[WhistleWithdrawn]) -> None:
        if not arrived:
            raise RetryLater("its parent has not arrived")
        hear(unit, event)

    await workshop.start("dispatch", {WhistleWithdrawn: wait_once})
    await workshop.broker.put("dispatch.in", wire(withdrawn()), "intake")

    message = await until(lambda: workshop.broker.take("retry.5s"), "a copy in the first retry queue")
    assert message.headers["x-attempt"] == 1
    assert message.headers["x-reason"] == "RetryLater: its parent has not arrived"
    assert message.routing_key == "dispatch.in", "so that it returns there when its time is over"
    arrived.append(True)
    await workshop.broker.put("dispatch.in", message.body, "intake", {"x-attempt": 1})
    await workshop.expects_count("dispatch", "note", 1)


async def test_a_retried_event_returns_by_itself(workshop: Workshop) -> None:
    """The one test that waits out a tier (5 s): the broker brings the copy back, in its sender's name."""
    seen: list[str] = []

    def fail_first(unit: Unit, event: Event[WhistleWithdrawn]) -> None:
        seen.append(event.sender)
        if len(seen) == 1:
            raise RetryLater("not yet")
        hear(unit, event)

    await workshop.start("dispatch", {WhistleWithdrawn: fail_first})
    intake = await workshop.start("intake")
    await workshop.say(intake, withdrawn())
    await workshop.expects_count("dispatch", "note", 1)
    assert seen == ["intake", "intake"]


@pytest.mark.parametrize(
    ("attempt", "expected"),
    [(0, "5s"), (1, "5s"), (2, "30s"), (3, "30s"), (4, "2m"), (5, "10m"), (6, "1h"), (7, "1h"), (8, PARKING)],
)
async def test_the_pauses_grow_and_the_ninth_failure_parks(workshop: Workshop, attempt: int, expected: str) -> None:
    await _expects_after(workshop, {"x-attempt": attempt}, expected, attempt + 1)


@pytest.mark.parametrize("nonsense", ["abc", -1, 2**40, [1]])
async def test_a_nonsensical_attempt_counts_as_the_first(workshop: Workshop, nonsense: object) -> None:
    await _expects_after(workshop, {"x-attempt": nonsense}, "5s", 1)


async def _expects_after(workshop: Workshop, headers: dict[str, Any], tier: str, attempt: int) -> None:
    def never(unit: Unit, event: Event[WhistleWithdrawn]) -> None:
        raise RetryLater("never")

    await workshop.start("dispatch", {WhistleWithdrawn: never})
    await workshop.broker.put("dispatch.in", wire(withdrawn()), "intake", headers)
    queue = tier if tier == PARKING else f"retry.{tier}"
    message = await until(lambda: workshop.broker.take(queue), f"a copy in {queue}")
    assert message.headers["x-attempt"] == attempt


async def test_every_tier_is_a_queue_with_its_own_time(workshop: Workshop) -> None:
    assert set(RETRY_TIERS) == {"5s", "30s", "2m", "10m", "1h"}
    assert [await workshop.broker.ready(f"retry.{tier}") for tier in RETRY_TIERS] == [0] * 5


@pytest.mark.parametrize("nonsense", [2**62, -(2**62), "soon"])
async def test_a_nonsensical_time_of_sending_harms_nobody(workshop: Workshop, nonsense: object) -> None:
    service = await workshop.start("dispatch", {WhistleWithdrawn: hear})
    for _ in range(2):
        await workshop.broker.put("dispatch.in", wire(withdrawn()), "intake", {"x-sent-ms": nonsense})
        await workshop.expects_count("dispatch", "inbox", await workshop.count("dispatch", "note"))
    await workshop.expects_count("dispatch", "note", 2)
    assert not service.failed.is_set()


async def test_another_producer_may_not_speak_in_its_name(workshop: Workshop) -> None:
    """EVENTS.md R8: who says it is vouched for by the broker."""
    await workshop.start("dispatch", {WhistleWithdrawn: hear})
    await workshop.broker.put("dispatch.in", wire(withdrawn(), producer="intake"), "department.ga")
    message = await parked(workshop)
    reason = str(message.headers["x-reason"])
    assert reason.startswith("Malformed: 'department.ga' may not")
    assert reason.endswith("for 'intake'")
    assert await workshop.count("dispatch", "note") == 0


async def test_a_service_may_refuse_what_it_does_not_admit(workshop: Workshop) -> None:
    await workshop.start("dispatch", {WhistleWithdrawn: hear}, admits=lambda event: "not from you")
    await workshop.broker.put("dispatch.in", wire(withdrawn()), "intake")
    assert (await parked(workshop)).headers["x-reason"] == "Malformed: not from you"


async def test_a_known_type_without_a_handler_is_taken_in_silence(workshop: Workshop) -> None:
    await workshop.start("dispatch", {WhistleWithdrawn: hear})
    received = TasksReceived(whistle_id=uuid_utils.compat.uuid7(), round=1, instance="ga", departments=("GA",))
    await workshop.broker.put("dispatch.in", wire(received, producer="department.ga"), "department.ga")
    await workshop.expects_count("dispatch", "inbox", 1)
    assert await workshop.broker.ready(PARKING) == 0


@pytest.mark.parametrize(
    ("offset", "cause_offset", "suspect"),
    [(0, None, False), (2, None, False), (3, None, True), (-86_400, None, False), (-10, -5, True), (-5, -10, False)],
)
async def test_an_unbelievable_time_is_replaced_by_our_own_and_flagged(
    workshop: Workshop, offset: int, cause_offset: int | None, suspect: bool
) -> None:
    """EVENTS.md R1: a time before its cause's, or later than ours by more than 2 technical seconds."""
    seen: list[Event[Any]] = []

    def look(unit: Unit, event: Event[Any]) -> None:
        seen.append(event)
        write_note(unit, event.data.whistle_id, "seen")

    await workshop.start("dispatch", {WhistleWithdrawn: look})
    at = MONDAY + timedelta(seconds=offset)
    cause = None if cause_offset is None else MONDAY + timedelta(seconds=cause_offset)
    await workshop.broker.put("dispatch.in", wire(withdrawn(), time=at, cause_time=cause), "intake")

    await workshop.expects_count("dispatch", "note", 1)
    assert seen[0].clock_suspect is suspect
    assert seen[0].time == (MONDAY if suspect else at)


async def test_a_lost_race_in_the_background_does_not_end_a_service(workshop: Workshop) -> None:
    """A relay that meets a lock it cannot get in time goes round again."""
    service = await workshop.start("intake")
    async with workshop.engine("intake").begin() as stranger:
        await stranger.exec_driver_sql("lock table outbox_due in access exclusive mode")
        await until(lambda: _waited_out(workshop), "the relay to give up waiting for the lock")
    await workshop.say(service, withdrawn())
    await workshop.expects_count("intake", "outbox_due", 0)
    assert not service.failed.is_set()


async def _waited_out(workshop: Workshop) -> bool:
    """Whether a statement of the service has been waiting for its lock almost as long as it may (2 s)."""
    query = """select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
               and clock_timestamp() - query_start > interval '1.9 seconds'"""
    return bool(await workshop.rows("intake", query))
