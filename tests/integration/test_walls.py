"""The second wall of a department instance: PostgreSQL itself keeps one department from another's rows.

Whatever the program asks, and whoever forgot a where-clause: the statements here are plain SQL in the service's role.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
import uuid_utils.compat
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from support.answers import expect
from support.city import City
from support.people import Blown
from whistle_department import queries, tables
from whistle_shared.auth import Caller
from whistle_shared.db import NOTHING, Unit, Work, is_outage, own_tables, reaching
from whistle_shared.runtime import Service

HOSTED = "department.hosted"
OURS, THEIRS, THIRD = "CGJ", "PSGS", "GSGS"
WALLED = [table.name for table in tables.WALLS]


@dataclass(frozen=True)
class Hosted:
    """The instance of several departments, and a whistle to three of them with a row of each in every table."""

    city: City
    whistle: Blown
    tasks: dict[str, UUID]

    @property
    def service(self) -> Service:
        return self.city.services[HOSTED]

    @property
    def engine(self) -> AsyncEngine:
        return self.service.engine

    async def sees(self, table: str, reach: str, column: str = "*") -> list[Any]:
        """What a query without any condition finds."""
        with reaching(reach):
            async with self.engine.connect() as connection:
                return list((await connection.execute(text(f"select {column} from {table}"))).all())

    async def changes(self, statement: str, reach: str, **values: Any) -> int:
        """How many rows a statement touches; nothing is kept."""
        with reaching(reach):
            async with self.engine.connect() as connection:
                return (await connection.execute(text(statement), values)).rowcount

    async def departments(self, table: str, reach: str) -> set[str]:
        """Whose rows are seen in a table that says it by department or by task."""
        by = {str(task): department for department, task in self.tasks.items()}
        column = "department" if table in _BY_DEPARTMENT else "task_id"
        return {by.get(str(row[0]), str(row[0])) for row in await self.sees(table, reach, column)}


_BY_DEPARTMENT = {"task", "letter", "invitation", "handover"}
_ROWS = {
    "handover": "insert into handover values (gen_random_uuid(), :department, now(), gen_random_uuid(), '王敏', "
    "'李强', '', '[]')",
    "letter": "insert into letter values (gen_random_uuid(), :whistle, :task, :department, '1', 'letter', '…', '区', "
    "now(), now())",
    "invitation": "insert into invitation values (:meeting, :department, :whistle, now(), '…', '…', '街道', now())",
    "clock": "insert into clock values (:task, 'resolve', :whistle, null, 0, null, null, 0, 0) on conflict do nothing",
    "entry": "insert into entry(event_id, whistle_id, task_id, step, at, version, detail) "
    "values (gen_random_uuid(), :whistle, :task, 'progress', now(), 0, '{}')",
    "escalation": "insert into escalation(escalation_id, whistle_id, task_id, clock, rung, status, repeats) "
    "values (gen_random_uuid(), :whistle, :task, 'ack', 1, 'open', 0)",
}


@pytest_asyncio.fixture
async def hosted(city: City) -> AsyncIterator[Hosted]:
    called = [OURS, THEIRS, THIRD]
    whistle = await city.street("S01").blows("0701", departments=called)
    tasks = {code: UUID((await city.department(code).task(whistle))["task_id"]) for code in called}
    await city.settles()
    meeting = uuid_utils.compat.uuid7()
    with reaching("*"):
        async with city.services[HOSTED].engine.begin() as connection:
            for department, task in tasks.items():
                about = {
                    "whistle": UUID(whistle.whistle_id),
                    "task": task,
                    "department": department,
                    "meeting": meeting,
                }
                for statement in _ROWS.values():
                    await connection.execute(text(statement), about)
    yield Hosted(city, whistle, tasks)


# -- what is walled ----------------------------------------------------------------------------------------------


async def test_every_table_with_a_departments_data_has_its_wall(city: City) -> None:
    """A new table of the department service gets a wall, or its owner would see nothing; so does none unnoticed."""
    query = "select relname from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace"
    async with city.owner(HOSTED).connect() as connection:
        found = set((await connection.execute(text(query))).scalars())
        forced = set((await connection.execute(text(f"{query} and relrowsecurity and relforcerowsecurity"))).scalars())
    assert forced == set(WALLED)
    assert found - forced == {table.name for table in own_tables} | {"alembic_version"}


@pytest.mark.parametrize("table", WALLED)
async def test_nothing_is_seen_where_nobody_has_said_whose_rows(hosted: Hosted, table: str) -> None:
    """INVARIANT: where nobody has said whose rows, there are none."""
    assert await hosted.sees(table, "*")
    assert await hosted.sees(table, NOTHING) == []
    assert await hosted.changes(f"delete from {table}", NOTHING) == 0
    async with hosted.city.owner(HOSTED).connect() as connection:
        assert list(await connection.execute(text(f"select * from {table}"))) == [], "the owner is not above the wall"


# -- reading and writing past the first wall ---------------------------------------------------------------------


@pytest.mark.parametrize("table", [name for name in WALLED if name != "whistle"])
async def test_another_departments_rows_cannot_be_seen(hosted: Hosted, table: str) -> None:
    """INVARIANT: a transaction sees and writes only what belongs to the departments in its reach."""
    assert await hosted.departments(table, "*") >= {OURS, THEIRS, THIRD}
    assert await hosted.departments(table, OURS) == {OURS}
    assert await hosted.departments(table, f"{OURS},{THEIRS}") == {OURS, THEIRS}
    assert await hosted.departments(table, "ZFJ") == set()


async def test_a_whistles_facts_are_seen_by_those_who_are_called(hosted: Hosted) -> None:
    assert len(await hosted.sees("whistle", OURS)) == 1
    assert await hosted.sees("whistle", "ZFJ") == []


@pytest.mark.parametrize("table", WALLED)
async def test_another_departments_rows_cannot_be_written(hosted: Hosted, table: str) -> None:
    foreign = f"whistle_id = '{hosted.whistle.whistle_id}'"
    if table != "whistle":
        foreign = f"department = '{THEIRS}'" if table in _BY_DEPARTMENT else f"task_id = '{hosted.tasks[THEIRS]}'"
    stranger = "ZFJ" if table == "whistle" else OURS
    column = "department" if table == "handover" else "whistle_id"
    for statement in (
        f"update {table} set {column} = {column} where {foreign}",
        f"delete from {table} where {foreign}",
    ):
        assert await hosted.changes(statement, THEIRS) > 0
        assert await hosted.changes(statement, stranger) == 0


@pytest.mark.parametrize("table", _ROWS)
async def test_no_row_can_be_made_for_another_department(hosted: Hosted, table: str) -> None:
    """And it is the fault of that one piece of work, never taken for an outage of the database."""
    statement = _ROWS[table].removesuffix(" on conflict do nothing").replace("'resolve'", "'contain'")
    values = {
        "whistle": UUID(hosted.whistle.whistle_id),
        "task": hosted.tasks[THEIRS],
        "department": THEIRS,
        "meeting": uuid_utils.compat.uuid7(),
    }
    used = {name: value for name, value in values.items() if f":{name}" in statement}
    assert await hosted.changes(statement, THEIRS, **used) == 1
    with pytest.raises(DBAPIError, match="row-level security") as caught:
        await hosted.changes(statement, OURS, **used)
    assert not is_outage(caught.value)


async def test_no_row_can_be_given_away_or_taken(hosted: Hosted) -> None:
    with pytest.raises(DBAPIError, match="row-level security"):
        await hosted.changes(f"update task set department = '{THEIRS}'", OURS)
    assert await hosted.changes(f"update task set department = '{OURS}' where department = '{THEIRS}'", OURS) == 0


async def test_what_all_who_are_called_must_know_passes_the_wall(hosted: Hosted) -> None:
    """Who leads, whose task has ended, that a limit has passed: told under the whistle, and to nobody beside it."""
    told = {"handover": "{}", "decision": '{"ended": [], "kind": "return"}', "cancellation": "{}", "closing": "{}"}
    with reaching("*"):
        async with hosted.engine.begin() as connection:
            for step, detail in told.items():
                task = hosted.tasks[THEIRS] if step in {"handover", "decision"} else None
                await connection.execute(
                    text(
                        "insert into entry(event_id, whistle_id, task_id, step, at, version, detail)"
                        " values (gen_random_uuid(), :whistle, :task, :step, now(), 0, cast(:detail as jsonb))"
                    ),
                    {"whistle": hosted.whistle.whistle_id, "task": task, "step": step, "detail": detail},
                )
            await connection.execute(
                text("update clock set breached_at = now() where task_id = :task and name = 'resolve'"),
                {"task": hosted.tasks[THEIRS]},
            )
    assert {row[0] for row in await hosted.sees("entry", OURS, "step")} >= set(told)
    assert await hosted.departments("clock", OURS) == {OURS, THEIRS}
    assert await hosted.sees("entry", "ZFJ") == []
    assert await hosted.sees("clock", "ZFJ") == []


# -- who sets it ---------------------------------------------------------------------------------------------------


async def test_with_the_first_wall_gone_the_second_one_stands(hosted: Hosted, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program forgets every where-clause: its pages and its commands still know the caller's department only."""
    monkeypatch.setattr(queries, "_own", lambda query, department, caller: query)
    monkeypatch.setattr(Caller, "covers", lambda self, owner: True)
    city = hosted.city
    for path in ("/tasks", "/letters", "/meetings"):
        page = expect(await city.department(OURS).calls("GET", path))
        assert {item["department"] for item in page["items"]} == {OURS}, path
    for method, path, body in (
        ("GET", "", None),
        ("POST", "/acknowledgement", {"person": "王敏"}),
    ):
        answer = await city.department(OURS).calls(method, f"/tasks/{hosted.tasks[THEIRS]}{path}", json=body)
        assert answer.status_code == 404, answer.text
    whole = expect(await city.call(HOSTED, "GET", "/api/v1/tasks"))
    assert {item["department"] for item in whole["items"]} == {OURS, THEIRS, THIRD}, "the district sees all"


async def test_a_request_leaves_nothing_behind(hosted: Hosted) -> None:
    """INVARIANT: no request sees rows by what another one was allowed, also where one task answers both."""

    async def two_in_one_task() -> None:
        await hosted.city.department(OURS).tasks()
        async with hosted.engine.connect() as connection:
            assert list(await connection.execute(text("select * from task"))) == []
        refused = await hosted.city.client(HOSTED).get("/api/v1/tasks")
        assert refused.status_code == 401

    await asyncio.create_task(two_in_one_task())


async def test_a_batch_sees_the_rows_of_those_who_asked(hosted: Hosted) -> None:
    """INVARIANT: a batch sees the rows of those who asked for its pieces and no others."""
    seen: list[Collection[str]] = []

    def look(unit: Unit) -> None:
        case = unit.cases[UUID(hosted.whistle.whistle_id)]
        seen.append({task.department for task in case.tasks.values()})

    def asked_by(reach: str) -> Work:
        with reaching(reach):
            return Work(act=look, whistle=UUID(hosted.whistle.whistle_id))

    for reaches in ((OURS,), (OURS, THEIRS), (NOTHING, OURS), (NOTHING,), (OURS, "*")):
        await hosted.service.group.run([asked_by(reach) for reach in reaches])
    three = {OURS, THEIRS, THIRD}
    assert seen == [{OURS}, *[{OURS, THEIRS}] * 2, *[{OURS}] * 2, set(), *[three] * 2]


async def test_the_reach_ends_with_its_transaction(hosted: Hosted) -> None:
    """A pooled connection that served one department shows the next one nothing of it."""
    async with hosted.engine.connect() as connection:
        with reaching(OURS):
            assert list(await connection.execute(text("select * from task")))
        await connection.rollback()
        assert list(await connection.execute(text("select * from task"))) == []


async def test_a_page_of_many_tasks_still_reads_a_few_rows(hosted: Hosted) -> None:
    """Speed: behind the wall the list goes by its index, from the first page on and from a cursor."""
    many = (
        "insert into task select gen_random_uuid(), gen_random_uuid(), 1, (array['CGJ', 'PSGS', 'GSGS'])[n % 3 + 1],"
        " 'lead', 'none', 'routed', '…', '[]', '[]', now() - n * interval '1 minute', null, 'dispatched', now()"
        " from generate_series(1, 20000) n"
    )
    page = (
        "select * from task where department = 'CGJ' and (dispatched_at, task_id) < (now(), gen_random_uuid())"
        " order by dispatched_at desc, task_id desc limit 50"
    )
    with reaching("*"):
        async with hosted.engine.begin() as connection:
            await connection.execute(text(many))
    async with hosted.city.owner(HOSTED).begin() as connection:
        await connection.execute(text("analyze task"))
    with reaching(OURS):
        async with hosted.engine.connect() as connection:
            plan = "\n".join((await connection.execute(text(f"explain (analyze, buffers) {page}"))).scalars())
    assert "task_newest_of_department" in plan, plan
    assert "Sort" not in plan, plan
    assert "rows=50" in plan, plan
