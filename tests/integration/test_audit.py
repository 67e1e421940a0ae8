"""Who did what: every command and every refusal has its row, and the row says what changed and nothing private."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from support import story
from support.auditing import Since, deed, since
from support.city import City
from support.sabotage import failing_inserts
from support.waiting import until
from support.workshop import Workshop, write_note
from whistle_shared import audit
from whistle_shared.db import Unit, Work, note
from whistle_shared.db.audit import LONGEST, NOT_KEPT, kept
from whistle_shared.errors import Conflict
from whistle_shared.registry import Registry
from whistle_shared.runtime import Service

PLAIN = {"kind": "appeal", "urgency": "normal"}
CHANGING = ("POST", "PUT", "DELETE", "PATCH")
ASKING = ("/duplicate-checks", "suggestions")
"""Requests that change nothing although they look so."""


@dataclass
class Watcher:
    """Counts what the city's clients were answered. `done`: commands that were, by (service, status)."""

    answers: list[tuple[str, httpx.Response]] = field(default_factory=list)

    def of(self, producer: str, *statuses: int) -> list[httpx.Response]:
        seen = [answer for name, answer in self.answers if name == producer and answer.status_code in statuses]
        return [answer for answer in seen if "idempotency-replayed" not in answer.headers]


@contextmanager
def watched(city: City) -> Iterator[Watcher]:
    """Everything that anybody changes at any service of the city inside the block."""
    watcher = Watcher()
    with ExitStack() as stack:
        for producer in city.services:
            stack.enter_context(_watched(city, producer, watcher))
        yield watcher


@contextmanager
def _watched(city: City, producer: str, watcher: Watcher) -> Iterator[None]:
    async def see(answer: httpx.Response) -> None:
        if answer.request.method in CHANGING:
            watcher.answers.append((producer, answer))

    hooks = city.client(producer).event_hooks
    city.client(producer).event_hooks = {**hooks, "response": [*hooks["response"], see]}
    try:
        yield
    finally:
        city.client(producer).event_hooks = hooks


@pytest_asyncio.fixture(loop_scope="session")
async def intake(city: City) -> Since:
    return await since(city, "intake")


# -- every command -----------------------------------------------------------------------------------------------


async def test_every_command_of_a_story_has_its_row(city: City) -> None:
    """INVARIANT: a command that took effect has its audit row; one that did not has none that says it was done."""
    starts = {producer: await since(city, producer) for producer in city.services}
    with watched(city) as watcher:
        await story.tell(city)
        assert (await city.street("S02").tries_to_withdraw(await city.street("S01").blows("0702"))).status_code == 404
    for producer, start in starts.items():
        done = await start.rows("outcome = 'done'")
        assert len(done) == len(watcher.of(producer, 200, 201)), producer
        refused = [row for row in await start.rows("outcome = 'refused'") if row.action != "refusals"]
        assert len(refused) == len(watcher.of(producer, 403, 404, 409)), producer
        for row in done:
            assert row.actor == "resident" or row.actor.startswith("token:"), row
            assert row.action.startswith(f"{producer.partition('.')[0]}."), row
            assert row.address == "127.0.0.1"


def reviewing(city: City) -> Registry:
    """The sample district, with a leader who signs in every street."""
    registry = city.pack.registry
    streets = tuple(street.model_copy(update={"approval": "review"}) for street in registry.streets)
    return registry.model_copy(update={"streets": streets})


async def test_an_approval_says_what_was_before_and_what_is_after(city: City, intake: Since) -> None:
    street = city.street("S01")
    async with city.under(registry=reviewing(city)):
        draft = await street.drafts("0701", departments=["CGJ"], **PLAIN)
        await street.submits(draft)
        await street.signs(draft)
    drafted, submitted = await intake.one("intake.draft"), await intake.one("intake.submit")
    signed = await intake.one("intake.approve")
    assert drafted.before is None
    assert (drafted.after["state"], drafted.after["number"]) == ("draft", draft.number)
    assert (submitted.before, submitted.after) == ({"state": "draft"}, {"state": "pending_approval"})
    assert signed.before == {"state": "pending_approval", "signed_by": None}
    assert signed.after == {"state": "blown", "signed_by": "街道审签人 S01"}
    assert (signed.role, signed.scope, signed.subject) == ("street_approver", "S01", draft.whistle_id)
    assert {drafted.correlation_id, submitted.correlation_id, signed.correlation_id} == {
        row.correlation_id for row in await intake.rows()
    }
    assert len({row.correlation_id for row in await intake.rows()}) == 3


async def test_every_service_shows_what_a_command_changed(city: City) -> None:
    starts = {name: await since(city, name) for name in ("dispatch", "department.hosted", "escalation")}
    whistle = await city.street("S01").blows("0701", departments=["CGJ", "PSGS"])
    await city.expects_tasks(whistle, ["CGJ", "PSGS"])
    task = await city.department("CGJ").task(whistle)
    await city.department("CGJ").acknowledges(whistle)
    lead = f"/api/v1/dispatches/{whistle.whistle_id}/lead"
    body = {"department": "PSGS", "reason": "管线权属"}
    assert (await city.call("dispatch", "POST", lead, json=body)).status_code == 200
    await city.passes(minutes=16)
    rung = await city.expects_escalation(department="PSGS", rung=1)
    path = f"/api/v1/escalations/{rung['escalation_id']}/acknowledgement"
    assert (await city.call("escalation", "POST", path)).status_code == 200

    acknowledged = await starts["department.hosted"].one("department.acknowledge")
    name = f"task CGJ {task['task_id']}"
    assert acknowledged.before[name][0] == "dispatched"
    assert acknowledged.after[name][0] == "acknowledged"
    handed = await starts["dispatch"].one("dispatch.hand_over")
    assert set(handed.before.values()) == {"lead", "assist"}
    assert all(handed.before[task] != handed.after[task] for task in handed.before)
    seen = await starts["escalation"].one("escalation.acknowledge")
    name = f"escalation {rung['escalation_id']}"
    assert seen.before == {name: ["rung 1", "open", None]}
    assert seen.after == {name: ["rung 1", "open", "区吹哨办裁定人"]}


async def test_the_row_is_in_the_transaction_of_the_effect(city: City, intake: Since) -> None:
    await city.street("S01").blows("0701", departments=["CGJ"])
    async with intake.service.engine.connect() as connection:
        together = await connection.exec_driver_sql(
            "select count(*) from audit a join outbox o on o.xmin = a.xmin and o.subject = a.subject "
            f"where a.audit_id > {intake.start}"
        )
        assert together.scalar_one() >= 1


async def test_what_cannot_be_noted_does_not_happen(city: City, intake: Since) -> None:
    """INVARIANT: a command that took effect has its audit row."""
    street = city.street("S01")
    said = []
    async with intake.service.engine.connect() as connection:
        before = (await connection.exec_driver_sql("select count(*) from whistle")).scalar_one()
    async with failing_inserts(city.owner("intake"), "audit", "23514", times=1000, when="new.action like '%raise%'"):
        said.append(await street.tries_to_blow())
    assert said[0].status_code == 500
    async with intake.service.engine.connect() as connection:
        assert (await connection.exec_driver_sql("select count(*) from whistle")).scalar_one() == before
    assert await intake.rows("action = 'intake.raise_whistle' and outcome = 'done'") == []


async def test_a_transaction_that_is_run_again_leaves_one_row(city: City, intake: Since) -> None:
    async with failing_inserts(city.owner("intake"), "audit", "40001", times=2):
        await city.street("S01").blows("0701", departments=["CGJ"])
    assert len(await intake.rows("action = 'intake.raise_whistle'")) == 1


async def test_a_repetition_leaves_no_second_row(city: City, intake: Since) -> None:
    street, key = city.street("S01"), uuid4().hex
    first = await street.tries_to_blow(key=key)
    again = await asyncio.gather(*(street.tries_to_blow(key=key) for _ in range(10)))
    assert {answer.json()["whistle_id"] for answer in again} == {first.json()["whistle_id"]}
    assert len(await intake.rows()) == 1
    other = await street.tries_to_blow(key=key, title="另一件事")
    assert other.status_code == 422
    refused = await intake.rows("outcome = 'refused'")
    assert [row.after["reason"][:13] for row in refused] == ["this key was "]


async def test_a_command_that_is_refused_after_it_had_begun_is_noted_too(workshop: Workshop) -> None:
    """Its own transaction is gone; the refusal has one of its own."""
    action = f"toy.{uuid4().hex}"

    def half(unit: Unit) -> None:
        write_note(unit, uuid4(), "half done")
        raise Conflict("changed my mind")

    def broken(unit: Unit) -> None:
        write_note(unit, uuid4(), "half done")
        raise ZeroDivisionError("secret 123")

    def done(unit: Unit) -> None:
        write_note(unit, uuid4(), "done")

    works = [Work(act=act, deed=deed(action)) for act in (half, done, broken)]
    outcomes = await workshop.group().run(works)
    assert [type(outcome).__name__ for outcome in outcomes] == ["Conflict", "NoneType", "ZeroDivisionError"]
    found = await workshop.rows("intake", "select outcome, after from audit where action = :action", action=action)
    assert sorted((row.outcome, (row.after or {}).get("reason")) for row in found) == [
        ("done", None),
        ("failed", "ZeroDivisionError"),
        ("refused", "changed my mind"),
    ]
    assert [row.said for row in await workshop.rows("intake", "select said from note")] == ["done"]


# -- what is kept ------------------------------------------------------------------------------------------------


async def test_a_residents_words_are_not_kept_and_long_texts_are_cut(city: City, intake: Since) -> None:
    secret = "张三住在五号楼三单元"
    await city.street("S01").blows(
        "0701",
        departments=["CGJ"],
        description=secret + "。" * 900,
        beyond_power_reason="长" * 1500,
        location={"latitude": 39.916351, "longitude": 116.397263},
    )
    [row] = await intake.rows()
    assert row.asked["title"] == "井盖缺失"
    assert row.asked["beyond_power_reason"] == "长" * LONGEST + "…"
    assert not {"description", "location"} & set(row.asked)
    assert secret not in str(row)
    assert "39.916351" not in str(row)


def test_what_must_not_be_kept_is_left_out_however_deep_it_stands() -> None:
    """INVARIANT: the audit keeps neither secrets nor anything that tells a resident, wherever it stands."""
    private = dict.fromkeys(NOT_KEPT, "x")
    deep = [private, {"c": (private,)}]
    said = {"a": private, "b": deep, "d": "\0" + "长" * 600, "e": ["f"] * 90, "g": "\ud800", **private}
    found = kept(said)
    assert found == {
        "a": {},
        "b": [{}, {"c": [{}]}],
        "d": "�" + "长" * (LONGEST - 1) + "…",
        "e": ["f"] * 50,
        "g": "?",
    }


async def test_no_row_holds_a_persons_number(workshop: Workshop) -> None:
    """INVARIANT: of every other text the audit keeps no number of a person: whom it is about, why it was refused."""
    said, action = "电话 13812345678", f"toy.{uuid4().hex}"
    asked = {"reason": said, said: [said], "cut": "长" * (LONGEST - 4) + "13812345678"}
    async with workshop.group().unit() as unit:
        note(unit, deed(action, subject=said, asked=asked), "refused", before={"n": said}, after={"reason": said})
    [row] = await workshop.rows("intake", "select a::text as whole from audit a where action = :action", action=action)
    assert "1381" not in row.whole
    assert row.whole.count("138****5678") == 6


# fmt: off
REVIEWED = frozenset({
    "agenda", "answer", "attended", "base", "basis", "beyond_power_reason", "by", "category", "cause", "cells",
    "clock", "contacted", "cross_district", "department", "departments", "distinct_reason", "draft", "due_at", "duty",
    "evidence", "excluded", "form", "granted", "grid", "items", "key", "kind", "language", "latitude", "limit",
    "longitude", "meeting_id", "milestone", "minutes", "mode", "name", "note", "on_site", "outcome",
    "override_reason", "parts", "passed", "period", "person", "photo", "photos", "place", "plan", "precedent",
    "proper_department", "quiet", "reason", "reply", "result", "review", "role", "rung", "satisfaction", "score",
    "sheet", "solved", "starts_at", "street", "successor", "target", "task_id", "tasks", "title", "total", "until",
    "upheld", "urgency", "veto", "waived", "whistle_id",
})
# fmt: on
"""Fields of requests that somebody has looked at: they hold no secret and no resident. `name` is a plan's step, or
stands under `contact`, which is left out whole; latitude and longitude stand under `location`."""


@pytest.mark.parametrize("producer", ["intake", "dispatch", "department.hosted", "escalation"])
async def test_every_field_of_every_request_was_looked_at(door: City, producer: str) -> None:
    """A new field is either reviewed here or left out of the audit by `NOT_KEPT`."""
    document = door.services[producer].app.openapi()
    found = set[str]()
    for operations in document["paths"].values():
        for operation in operations.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                found |= _fields(content["schema"], document["components"]["schemas"], frozenset())
    assert found
    assert found - REVIEWED <= NOT_KEPT


def _fields(schema: dict[str, Any], known: dict[str, Any], above: frozenset[str]) -> set[str]:
    """All names of properties, however deep."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return set() if name in above else _fields(known[name], known, above | {name})
    inner = [*schema.get("properties", {}).values(), *(schema.get("items"), schema.get("additionalProperties"))]
    inner += [each for kind in ("anyOf", "oneOf", "allOf") for each in schema.get(kind, ())]
    below = (_fields(each, known, above) for each in inner if isinstance(each, dict))
    return set(schema.get("properties", ())).union(*below)


# -- the chain of a running city -----------------------------------------------------------------------------------


async def test_every_service_chains_what_it_writes(city: City) -> None:
    whistle = await city.street("S01").blows("0701", departments=["CGJ", "GA"])
    await city.expects_tasks(whistle, ["CGJ", "GA"])
    for code in ("CGJ", "GA"):
        await city.department(code).acknowledges(whistle)
    for producer, service in city.services.items():

        async def linked(service: Service = service) -> bool:
            async with service.engine.connect() as connection:
                return (await audit.standing(connection)).waiting is None

        await until(linked, f"all rows of {producer} to be linked")
        report = await audit.verify(service.engine, producer, service.keyring.public_keys())
        assert report.faults == [], producer
        assert report.rows > 0


async def test_metrics_tell_how_long_a_row_waits_for_its_link(door: City) -> None:
    text = (await door.client("intake").get("/metrics")).text
    assert "whistle_audit_unlinked_seconds" in text
