"""The Unit on the real database: set-based writes, subject versions, all or nothing."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uuid_utils.compat
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.exc import DBAPIError, IntegrityError

from support.workshop import Workshop, load_nothing, note, withdrawn, write_note
from whistle_shared.contracts import decode_batch
from whistle_shared.db import Group, Outbox, Outgoing

PRIVATE = "张三住五号楼\n三单元"


@contextmanager
def statements(workshop: Workshop) -> Iterator[list[str]]:
    """Every statement that runs on intake's engine inside the block."""
    seen: list[str] = []

    def note_statement(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    engine = workshop.engine("intake").sync_engine
    sqlalchemy_event.listen(engine, "before_cursor_execute", note_statement)
    try:
        yield seen
    finally:
        sqlalchemy_event.remove(engine, "before_cursor_execute", note_statement)


async def test_a_unit_writes_each_table_in_one_statement(workshop: Workshop) -> None:
    whistle = uuid_utils.compat.uuid7()
    with statements(workshop) as seen:
        async with workshop.group().unit() as unit:
            for number in range(200):
                write_note(unit, whistle, f"第{number}条", number)
                unit.emit(withdrawn(whistle), whistle)

    assert sum(s.startswith("insert into note") for s in seen) == 1
    assert sum(s.startswith("insert into outbox(") for s in seen) == 1
    assert sum(s.startswith("insert into outbox_due") for s in seen) == 1
    assert await workshop.count("intake", "note") == 200
    assert await workshop.count("intake", "outbox_due", "receiver = 'broker'") == 200


async def test_a_unit_writes_values_as_they_are(workshop: Workshop) -> None:
    said = "𠮷野家\u202e右到左 👩‍👧 'quote\" \\ %s :name ; drop table note; --\r\n{{7*7}}<script>"
    async with workshop.group().unit() as unit:
        write_note(unit, uuid_utils.compat.uuid7(), said)
        unit.insert(
            note,
            note_id=uuid_utils.compat.uuid7(),
            whistle_id=uuid_utils.compat.uuid7(),
            said="",
            tags="null",
            count=None,
        )

    rows = await workshop.rows("intake", "select said, tags, count from note order by said desc")
    assert [tuple(row) for row in rows] == [(said, ["新"], 1), ("", None, None)]


async def test_the_last_update_of_a_row_wins_whatever_columns_it_names(workshop: Workshop) -> None:
    key = uuid_utils.compat.uuid7()
    async with workshop.group().unit() as unit:
        unit.insert(note, note_id=key, whistle_id=key, said="起", tags="[]", count=0)
        unit.update(note, note_id=key, said="一", count=1)
        unit.update(note, note_id=key, said="二")
        unit.update(note, note_id=key, said="三", count=3)

    assert [tuple(row) for row in await workshop.rows("intake", "select said, count from note")] == [("三", 3)]


async def test_keep_leaves_a_known_row_alone_and_insert_does_not_stand_one(workshop: Workshop) -> None:
    key = uuid_utils.compat.uuid7()
    row = {"note_id": key, "whistle_id": key, "tags": "[]", "count": 1}
    async with workshop.group().unit() as unit:
        unit.keep(note, **row, said="先")
    async with workshop.group().unit() as unit:
        unit.keep(note, **row, said="后")

    async def insert() -> None:
        async with workshop.group().unit() as unit:
            write_note(unit, key, "also lost")
            unit.insert(note, **row, said="再")

    with pytest.raises(IntegrityError):
        await insert()
    assert [row.said for row in await workshop.rows("intake", "select said from note")] == ["先"]


async def test_an_effect_and_its_events_are_one_transaction(workshop: Workshop) -> None:
    """INVARIANT: an effect, the events it emits and the inbox row of the event that caused it are one transaction."""
    handed_over: list[Outgoing] = []
    group = Group(workshop.engine("intake"), "intake", workshop.time, load_nothing, Outbox(), handed_over.extend)
    whistle = uuid_utils.compat.uuid7()

    async def fail() -> None:
        async with group.unit() as unit:
            write_note(unit, whistle, "never")
            unit.emit(withdrawn(whistle), whistle)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await workshop.count("intake", "note") == 0
    assert await workshop.count("intake", "outbox") == 0
    assert await workshop.count("intake", "subject_version") == 0
    assert not handed_over


async def test_subject_versions_count_per_subject_without_gaps(workshop: Workshop) -> None:
    first, second = uuid_utils.compat.uuid7(), uuid_utils.compat.uuid7()
    for subjects in ([first, first, second], [second, first]):
        async with workshop.group().unit() as unit:
            for subject in subjects:
                unit.emit(withdrawn(subject), subject)

    rows = await workshop.rows("intake", "select body from outbox order by event_id")
    raws = [decode_batch(row.body.encode(), None)[0] for row in rows]
    assert [raw["subjectversion"] for raw in raws if raw["subject"] == str(first)] == [1, 2, 3]
    assert [raw["subjectversion"] for raw in raws if raw["subject"] == str(second)] == [1, 2]


async def test_what_the_database_refuses_is_not_told_with_its_values(workshop: Workshop) -> None:
    """An error is logged with its trace: what somebody wrote must not stand there."""
    key, said = uuid_utils.compat.uuid7(), "张三住五号楼三单元"

    async def insert_twice() -> None:
        async with workshop.group().unit() as unit:
            for _ in range(2):
                unit.insert(note, note_id=key, whistle_id=key, said=said, tags="[]", count=1)

    with pytest.raises(IntegrityError) as caught:
        await insert_twice()
    assert said not in str(caught.value)


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("insert into note(note_id, said) values ($1, $2)", (uuid_utils.compat.uuid7(), PRIVATE)),
        (
            "insert into subject_version select $1, x from generate_series(1, 2) x",
            (PRIVATE,),
        ),
        ("select 1 from note where count = $1", (PRIVATE,)),
    ],
    ids=["failing row", "key that is there", "value that cannot be sent"],
)
async def test_no_failure_quotes_a_row(workshop: Workshop, statement: str, values: tuple[Any, ...]) -> None:
    """INVARIANT: no failure quotes what stands in a row or came as a parameter, wherever it is logged."""
    with pytest.raises(DBAPIError) as caught:
        async with workshop.engine("intake").begin() as connection:
            await connection.exec_driver_sql(statement, values)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "asyncpg.exceptions" in told, "what went wrong is still told"
    assert "张三" not in told
    assert "DETAIL" not in told
