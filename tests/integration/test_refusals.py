"""Who is turned away stands in the audit, and cannot fill it.

INVARIANT: one address makes at most twenty rows a minute and one more that counts the rest.
"""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from support.auditing import Since, deed, knocking, since
from support.city import City
from support.waiting import until
from support.window import somebody, window
from support.workshop import Workshop
from whistle_shared import audit
from whistle_shared.audit import refusals
from whistle_shared.db import Deed, Work
from whistle_shared.observability import Trace, new_trace


@pytest_asyncio.fixture(loop_scope="session")
async def intake(city: City) -> Since:
    return await since(city, "intake")


async def test_who_is_turned_away_stands_in_the_audit(city: City, intake: Since) -> None:
    whistle = await city.street("S01").blows("0701", departments=["CGJ"])
    path = f"/api/v1/whistles/{whistle.whistle_id}"
    other = {"authorization": f"Bearer {await city.token('intake', 'street_initiator', 'S02')}"}
    viewer = {"authorization": f"Bearer {await city.token('intake', 'operations', '*')}"}
    async with knocking(city.services["intake"], "192.0.2.41") as client:
        assert (await client.get(path)).status_code == 401
        assert (await client.get("/api/v1/nothing", headers=other)).status_code == 404
        assert await intake.rows("address = '192.0.2.41'") == []
        assert (await client.get(path, headers={"authorization": "Bearer wst_wrong"})).status_code == 401
        assert (await client.get(path, headers=other)).status_code == 404
        await intake.service.refusals.settled()  # a look is told before its row is there
        assert (await client.post(f"{path}/withdrawal", headers=viewer, json={"reason": "x"})).status_code == 403
        assert (await client.post(f"{path}/withdrawal", headers=other, json={"reason": "x"})).status_code == 404

    rows = await intake.rows("address = '192.0.2.41'")
    assert [(row.actor.partition(":")[0], row.role, row.scope, row.action, row.outcome) for row in rows] == [
        ("nobody", None, None, "intake.read_whistle", "refused"),
        ("token", "street_initiator", "S02", "intake.read_whistle", "refused"),
        ("token", "operations", "*", "intake.withdraw", "refused"),
        ("token", "street_initiator", "S02", "intake.withdraw", "refused"),
    ]
    assert all(row.subject == whistle.whistle_id for row in rows)
    assert "wst_wrong" not in str(rows)
    assert all(row.after["reason"] for row in rows)


async def test_who_a_page_turns_away_stands_in_the_audit(city: City, intake: Since) -> None:
    """As over the API: what is not for this role, lies outside its reach, or cannot be. What nothing answers to, and
    files, make no row."""
    boss = await somebody(intake.service, "administrator", "S01", second_factor=True)
    other = await somebody(intake.service, "street_initiator", "S02")
    there = f"/admin/accounts/{other.account_id}"
    new = {"username": "xin.ren", "name": "新人", "role": "street_initiator", "scope": "S02"}
    async with window(intake.service, boss) as seat, knocking(intake.service, "192.0.2.47") as client:
        client.headers.update({"cookie": f"whistle-intake={seat.cookie}", "origin": "http://intake"})
        for path, status in (("/admin/nothing", 404), ("/static/nothing.css", 404), ("/admin/audit", 403)):
            assert (await client.get(path)).status_code == status
        assert (await client.get("/admin/accounts/x")).status_code == 422
        assert (await client.post("/admin/accounts/new", data=new)).status_code == 422
        assert (await client.get(there)).status_code == 404
        rows = await intake.rows("address = '192.0.2.47'")
        for _ in range(2 * refusals.OF_ONE):
            assert (await client.get(there)).status_code == 404
    assert {row.actor for row in rows} == {f"account:{boss.account_id}"}
    assert [(row.action, row.subject, row.outcome) for row in rows] == [
        ("intake.look", None, "refused"),
        ("intake.show_account_of", "x", "refused"),
        ("intake.make_account", None, "refused"),
        ("intake.show_account_of", str(other.account_id), "refused"),
    ]
    assert len(await intake.rows("address = '192.0.2.47'")) == refusals.OF_ONE + 2, "what cannot be is counted apart"


async def test_a_value_that_cannot_be_is_noted_once_a_minute(city: City, intake: Since) -> None:
    """Another street's place is a try to get round a wall; a program that is wrong again and again fills nothing, and
    hides no other refusal."""
    street = {"authorization": f"Bearer {await city.token('intake', 'street_initiator', 'S01')}"}
    said = city.street("S02").says()
    async with knocking(city.services["intake"], "192.0.2.48") as client:
        for _ in range(3):
            headers = street | {"idempotency-key": uuid4().hex}
            assert (await client.post("/api/v1/whistles", headers=headers, json=said)).status_code == 422
    [row] = await intake.rows("address = '192.0.2.48'")
    assert (row.action, row.after["reason"]) == ("intake.raise_whistle", "street: street 'S02' is not yours")
    await intake.service.refusals.tell_counts(all_of_them=True)
    [counted] = await intake.rows("action = 'refusals' and address = '192.0.2.48 422'")
    assert counted.after == {"more": 2, "by_action": {"intake.raise_whistle": 2}}


async def test_of_a_request_that_is_turned_away_the_body_is_not_kept(city: City, intake: Since) -> None:
    """Nobody has looked at it: its fields may be called anything, and be as long as a body may be."""
    said = {"title": "井盖缺失", "住址": "张三住五号楼", "more": {f"k{n}": "长" * 400 for n in range(200)}}
    viewer = {"authorization": f"Bearer {await city.token('intake', 'operations', '*')}"}
    async with knocking(city.services["intake"], "192.0.2.45") as client:
        for credential, status in (({"authorization": "Bearer wst_wrong"}, 401), (viewer, 403)):
            headers = credential | {"idempotency-key": uuid4().hex}
            assert (await client.post("/api/v1/whistles", headers=headers, json=said)).status_code == status
    rows = await intake.rows("address = '192.0.2.45'")
    assert [(row.action, row.asked) for row in rows] == [("intake.raise_whistle", {})] * 2


async def test_a_look_at_what_is_not_there_does_not_wait_for_its_row(
    city: City, intake: Since, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was to be changed, so nothing is lost by telling at once; the row follows, however long it takes."""
    street = {"authorization": f"Bearer {await city.token('intake', 'street_initiator', 'S01')}"}
    free, do = asyncio.Event(), intake.service.group.do

    async def slowly(work: Work) -> Any:
        await free.wait()
        return await do(work)

    path = f"/api/v1/whistles/{uuid4()}"
    async with knocking(city.services["intake"], "192.0.2.46") as client:
        with monkeypatch.context() as patch:
            patch.setattr(intake.service.group, "do", slowly)
            began = monotonic()
            assert (await client.get(path, headers=street)).status_code == 404
            assert monotonic() - began < refusals._PATIENCE
            free.set()
            await intake.service.refusals.settled()
    [row] = await intake.rows("address = '192.0.2.46'")
    assert (row.action, row.outcome) == ("intake.read_whistle", "refused")


async def test_a_flood_of_refusals_from_one_address_becomes_one_row_with_a_count(city: City, intake: Since) -> None:
    wrong = {"authorization": "Bearer wst_wrong"}
    async with knocking(city.services["intake"], "192.0.2.42") as client:
        seen = [(await client.get("/api/v1/whistles", headers=wrong)).status_code for _ in range(60)]
    assert set(seen) == {401}
    assert len(await intake.rows("address = '192.0.2.42'")) == refusals.OF_ONE
    await intake.service.refusals.tell_counts(all_of_them=True)
    [counted] = await intake.rows("action = 'refusals' and address = '192.0.2.42'")
    assert counted.after == {"more": 60 - refusals.OF_ONE, "by_action": {"intake.list_whistles": 60 - refusals.OF_ONE}}


async def test_who_is_over_a_budget_is_noted_once_a_minute(city: City, intake: Since) -> None:
    """Also by the gate, before any route has been found."""
    narrow = city.build("intake", limits={"tracking": 2, "caller": 2})
    street = {"authorization": f"Bearer {await city.token('intake', 'street_initiator', 'S01')}"}
    code = {"tracking-code": "ABCD-EFGH-JKLM"}
    try:
        async with knocking(narrow, "192.0.2.43") as client:
            for _ in range(9):
                await client.get("/api/v1/reports/progress", headers=code)
                await client.get("/api/v1/whistles", headers=street)
    finally:
        await narrow.group.settled()
        await narrow.engine.dispose()
        await narrow.command_engine.dispose()
    rows = await intake.rows("address = '192.0.2.43' and after->>'reason' like '%is spent'")
    assert sorted(row.action for row in rows) == ["intake.GET /api/v1/reports/progress", "intake.list_whistles"]


async def test_a_database_that_does_not_answer_turns_no_refusal_into_a_hang(
    city: City, intake: Since, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INVARIANT: no refusal waits longer for its row than a second, whatever the database does."""

    over = asyncio.Event()

    async def hang(work: Work) -> None:
        await over.wait()

    async def fail(work: Work) -> None:
        raise ConnectionRefusedError

    wrong = {"authorization": "Bearer wst_wrong"}
    async with knocking(city.services["intake"], "192.0.2.44") as client:
        for broken in (hang, fail):
            with monkeypatch.context() as patch:
                patch.setattr(intake.service.group, "do", broken)
                async with asyncio.timeout(5):
                    answer = await client.get("/api/v1/whistles", headers=wrong)
                assert answer.status_code == 401
                assert answer.headers["content-type"] == "application/problem+json"
    over.set()


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest_asyncio.fixture(loop_scope="session")
async def counting(workshop: Workshop) -> AsyncIterator[tuple[audit.Refusals, Clock]]:
    clock = Clock()
    yield audit.Refusals(workshop.group(), clock), clock


async def test_a_flood_of_strangers_does_not_hide_what_is_refused_to_those_we_know(
    counting: tuple[audit.Refusals, Clock], monkeypatch: pytest.MonkeyPatch
) -> None:
    """INVARIANT: a third of the rows is kept for those whom we know."""
    kept_out, clock = counting
    written: list[str] = []

    async def writes(deed: Deed, after: dict[str, object], trace: Trace) -> None:
        written.append(deed.actor)

    monkeypatch.setattr(kept_out, "_write", writes)
    for number in range(refusals.OF_STRANGERS + 50):
        address = f"198.51.{number // 250}.{number % 250}"
        await kept_out.add(deed("toy.x", actor="nobody", address=address), "no", new_trace(), address=address)
    assert written == ["nobody"] * refusals.OF_STRANGERS
    await kept_out.add(deed("toy.x", actor="token:1"), "no", new_trace(), address="192.0.2.7")
    assert written[-1] == "token:1"
    clock.seconds = refusals.MINUTE + 1
    await kept_out.tell_counts()
    await kept_out.add(deed("toy.x", actor="nobody"), "no", new_trace(), address="192.0.2.8")
    assert written[-1] == "nobody"


async def test_many_addresses_together_make_no_more_than_six_hundred_rows_a_minute(
    workshop: Workshop, counting: tuple[audit.Refusals, Clock]
) -> None:
    kept_out, clock = counting
    action = f"toy.{uuid4().hex}"
    trace = new_trace()

    async def one(number: int) -> None:
        address = f"198.51.{number // 250}.{number % 250}"
        await kept_out.add(deed(action, address=address), "no", trace, address=address)

    for start in range(0, 700, 100):
        await asyncio.gather(*(one(number) for number in range(start, start + 100)))

    async def written() -> bool:
        return await workshop.count("intake", "audit", f"action = '{action}'") == refusals.OF_ALL

    await until(written, "six hundred rows")
    await kept_out.tell_counts()
    assert await workshop.rows("intake", "select 1 from audit where action = 'refusals' and address = 'many'") == []
    clock.seconds = refusals.MINUTE + 1
    await kept_out.tell_counts()
    [row] = await workshop.rows(
        "intake",
        "select after from audit where action = 'refusals' and address = 'many' order by audit_id desc limit 1",
    )
    assert row.after["more"] == 100
    assert kept_out._minutes == {}
    await one(1)
    assert await workshop.count("intake", "audit", f"action = '{action}'") == refusals.OF_ALL + 1
