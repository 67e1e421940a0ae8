"""Group commit on the real database: pieces share a transaction, and each answers for itself."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

import pytest
import uuid_utils.compat
from sqlalchemy import select

from support.sabotage import failing_inserts
from support.workshop import Workshop, note, write_note
from whistle_shared.db import Answer, Idempotency, KeyReused, Unit, Work, idempotency, make_engine
from whistle_shared.db.group import Group
from whistle_shared.errors import Conflict


def writing(said: str, whistle: UUID | None = None, **more: Any) -> Work:
    """A piece of work that writes one note and answers with what it wrote."""

    def act(unit: Unit) -> Answer:
        write_note(unit, whistle or uuid_utils.compat.uuid7(), said)
        return Answer(201, said)

    return Work(act=act, whistle=whistle, **more)


async def test_a_piece_that_spoils_the_transaction_spoils_only_itself(workshop: Workshop) -> None:
    def spoil(unit: Unit) -> None:
        write_note(unit, uuid_utils.compat.uuid7(), "half done")
        raise ZeroDivisionError("mine alone")

    works = [writing("a"), writing("b"), Work(act=spoil), writing("c")]
    outcomes = await workshop.group().run(works)

    assert [getattr(o, "body", type(o)) for o in outcomes] == ["a", "b", ZeroDivisionError, "c"]
    assert sorted(row.said for row in await workshop.rows("intake", "select said from note")) == ["a", "b", "c"]


async def test_a_row_that_the_database_refuses_spoils_only_its_piece(workshop: Workshop) -> None:
    key = uuid_utils.compat.uuid7()

    def insert(unit: Unit) -> str:
        unit.insert(note, note_id=key, whistle_id=key, said="twice", tags="[]", count=1)
        return "in"

    outcomes = await workshop.group().run([Work(act=insert), writing("fine"), Work(act=insert)])

    assert outcomes[0] == "in"
    assert outcomes[1].body == "fine"
    assert type(outcomes[2]).__name__ == "IntegrityError"
    assert await workshop.count("intake", "note") == 2


async def test_a_refusal_before_anything_is_collected_costs_nobody_a_transaction(workshop: Workshop) -> None:
    def refuse(unit: Unit) -> None:
        raise Conflict("no")

    outcomes = await workshop.group().run([writing("a"), Work(act=refuse), writing("b")])

    assert isinstance(outcomes[1], Conflict)
    transactions = [row.xmin for row in await workshop.rows("intake", "select xmin::text from note")]
    assert len(transactions) == 2
    assert len(set(transactions)) == 1


async def test_an_answer_is_kept_for_thirty_days_and_no_longer(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INVARIANT: within KEPT a key has one answer; not long after it is as if it had never come."""
    group, engine = workshop.group(), workshop.engine("intake")
    requests = [Idempotency.of("caller", f"key-{number}", "this") for number in range(6)]
    for request in requests:
        await group.do(writing("once", idempotency=request))
    for number, days in enumerate((31, 31, 31, 31, 29, 0)):
        async with engine.begin() as connection:
            statement = "update idempotency set created_at = now() - $1::int * interval '1 day' where key = $2"
            await connection.exec_driver_sql(statement, (days, f"key-{number}"))
    monkeypatch.setattr(idempotency, "_AT_ONCE", 3)
    assert await idempotency.forget_old(engine) == 4
    assert [await group.answered(request) for request in requests] == [False] * 4 + [True] * 2
    assert await idempotency.forget_old(engine) == 0


async def test_a_hundred_requests_with_one_key_do_one_thing(workshop: Workshop) -> None:
    group = workshop.group()
    request = Idempotency.of("caller", "key-1", "same request")

    answers = await asyncio.gather(*(group.do(writing("once", idempotency=request)) for _ in range(100)))

    assert await workshop.count("intake", "note") == 1
    assert {answer.body for answer in answers} == {"once"}
    assert sum(not answer.replayed for answer in answers) == 1


async def test_a_hundred_requests_with_one_key_at_two_processes_do_one_thing(workshop: Workshop) -> None:
    first, second = workshop.group(), workshop.group()
    request = Idempotency.of("caller", "key-1", "same request")

    answers = await asyncio.gather(
        *(group.do(writing("once", idempotency=request)) for group in (first, second) for _ in range(50))
    )

    assert await workshop.count("intake", "note") == 1
    assert {answer.body for answer in answers} == {"once"}


async def test_the_same_key_for_another_request_is_refused(workshop: Workshop) -> None:
    group = workshop.group()
    await group.do(writing("first", idempotency=Idempotency.of("caller", "key-1", "this")))
    with pytest.raises(KeyReused):
        await group.do(writing("second", idempotency=Idempotency.of("caller", "key-1", "that")))
    await group.do(writing("third", idempotency=Idempotency.of("another caller", "key-1", "that")))
    assert sorted(row.said for row in await workshop.rows("intake", "select said from note")) == ["first", "third"]


async def test_a_failed_request_leaves_its_key_free(workshop: Workshop) -> None:
    group = workshop.group()
    request = Idempotency.of("caller", "key-1", "same")

    def refuse(unit: Unit) -> Answer:
        raise Conflict("not yet")

    with pytest.raises(Conflict):
        await group.do(Work(act=refuse, idempotency=request))
    assert (await group.do(writing("now", idempotency=request))).body == "now"


async def test_nothing_is_decided_on_a_stale_reading(workshop: Workshop) -> None:
    """INVARIANT: whoever works on a subject (a whistle) holds that subject's lock for the whole transaction."""
    whistle = uuid_utils.compat.uuid7()
    groups = [workshop.group(load=_load_counts), workshop.group(load=_load_counts)]
    await groups[0].do(writing("counter", whistle))

    def add_one(unit: Unit) -> None:
        note_id, count = unit.cases[whistle]
        unit.cases[whistle] = (note_id, count + 1)
        unit.update(note, note_id=note_id, count=count + 1)

    await asyncio.gather(*(group.do(Work(act=add_one, whistle=whistle)) for group in groups for _ in range(60)))

    assert (await workshop.rows("intake", "select count from note"))[0].count == 121


async def _load_counts(unit: Unit, works: Sequence[Work]) -> None:
    wanted = [work.whistle for work in works]
    for row in await unit.connection.execute(select(note).where(note.c.whistle_id.in_(wanted))):
        unit.cases[row.whistle_id] = (row.note_id, row.count)


async def test_batches_that_meet_the_same_whistles_in_other_orders_do_not_deadlock(workshop: Workshop) -> None:
    whistles = [uuid_utils.compat.uuid7() for _ in range(20)]
    here, there = workshop.group(), workshop.group()
    before = await _deadlocks(workshop)

    async def many(group: Group, order: list[UUID]) -> list[Any]:
        return [await group.run([writing("x", whistle) for whistle in order]) for _ in range(8)]

    outcomes = await asyncio.gather(many(here, whistles), many(there, whistles[::-1]))

    assert not [o for runs in outcomes for run in runs for o in run if isinstance(o, Exception)]
    assert await workshop.count("intake", "note") == 2 * 8 * 20
    assert await _deadlocks(workshop) == before


async def _deadlocks(workshop: Workshop) -> int:
    query = "select deadlocks from pg_stat_database where datname = current_database()"
    return int((await workshop.rows("intake", query))[0][0])


async def test_a_lost_race_is_run_again(workshop: Workshop) -> None:
    async with failing_inserts(workshop.engine("intake"), "note", "40001", times=2, when="new.said = 'race'"):
        outcomes = await workshop.group().run([writing("race"), writing("calm")])

    assert [outcome.body for outcome in outcomes] == ["race", "calm"]
    assert await workshop.count("intake", "note") == 2


async def test_an_outage_is_raised_and_not_blamed_on_any_piece(workshop: Workshop) -> None:
    engine = make_engine("postgresql+asyncpg://nobody:no@127.0.0.1:1/nothing")
    group = Group(engine, "intake", workshop.time, workshop.group()._load, workshop.group().outbox)
    with pytest.raises(ConnectionRefusedError):
        await group.run([writing("a"), writing("b")])
    await engine.dispose()


async def test_requests_that_wait_share_a_transaction(workshop: Workshop) -> None:
    group = workshop.group()
    await asyncio.gather(*(group.do(writing(str(n))) for n in range(90)))
    transactions = {row.xmin for row in await workshop.rows("intake", "select xmin::text from note")}
    assert len(transactions) <= 4


async def test_a_piece_sees_business_time_once(workshop: Workshop) -> None:
    times = await workshop.group().run([Work(act=partial(lambda unit, _: unit.now, _=n)) for n in range(3)])
    assert set(times) == {workshop.time.now()}
