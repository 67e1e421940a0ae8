"""The recomputation on thousands of simulated whistles: the numbers follow from the log, and a wrong one is found."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from support import paperwork
from support.clockface import MONDAY
from support.season import Said, season
from support.stack import make_database
from support.yard import whistlectl
from whistle_ctl import migrate
from whistle_ctl.database import engine_of, unit_of
from whistle_ctl.measures import recompute
from whistle_escalation import ledger, measures, store
from whistle_escalation.commands.boards import publish_board
from whistle_local import Infrastructure
from whistle_shared.contracts.dispatch import RegistryPublished
from whistle_shared.registry import registry_rows

MANY, FEW, SEED, AT_ONCE = 2000, 100, 20260601, 500
MADE_UP = paperwork.WHISTLE
QUARTERS = ("2026Q2", "2026Q3")
BY: tuple[measures.By, ...] = ("department", "street")


@dataclass(frozen=True)
class Projected:
    """A database into which a season was projected, event by event, as escalation does it."""

    url: str
    engine: AsyncEngine

    async def told(self, statement: str, **about: Any) -> Any:
        async with self.engine.begin() as connection:
            return (await connection.execute(text(statement), about)).first()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def projected(infrastructure: Infrastructure) -> AsyncIterator[Projected]:
    """Thousands of whistles."""
    async for season_ in project(infrastructure, MANY):
        yield season_


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def few(infrastructure: Infrastructure) -> AsyncIterator[Projected]:
    """A hundred whistles, for a test that spoils something and mends it again."""
    async for season_ in project(infrastructure, FEW):
        yield season_


async def project(infrastructure: Infrastructure, whistles: int) -> AsyncIterator[Projected]:
    url = await make_database(infrastructure, f"whistle_recompute_test_{whistles}")
    await migrate.migrate(url, "escalation")
    async with engine_of(url) as engine:
        await knows_district(engine)
        stories = list(season(SEED, whistles))
        for half in (stories[: whistles // 2], stories[whistles // 2 :]):
            await hears(engine, half)
            for quarter in QUARTERS:
                for by in BY:
                    await publishes(engine, by, quarter)
        yield Projected(url, engine)


async def knows_district(engine: AsyncEngine) -> None:
    sections = registry_rows(paperwork.pack().registry)
    async with unit_of(engine, "escalation") as unit:
        for section, rows in sections.items():
            part = RegistryPublished(
                version=paperwork.pack().registry.version,
                section=section,
                part=1,
                parts=1,
                sections=dict.fromkeys(sections, 1),
                rows=rows,
            )
            store.log_event(unit, paperwork.event(part, MONDAY))


async def hears(engine: AsyncEngine, stories: Iterable[list[Said]]) -> None:
    """All of it in the order of business time, so many events to a transaction."""
    told = sorted((said for story in stories for said in story), key=lambda said: said.at)
    for first in range(0, len(told), AT_ONCE):
        batch = told[first : first + AT_ONCE]
        async with unit_of(engine, "escalation") as unit:
            await ledger.load(unit, {whistle_of(said) for said in batch})
            for said in batch:
                store.log_event(unit, paperwork.event(said.data, said.at, subject=whistle_of(said)))


def whistle_of(said: Said) -> Any:
    return said.data.whistle_id  # type: ignore[attr-defined]


async def publishes(engine: AsyncEngine, by: measures.By, quarter: str) -> None:
    period = measures.named(quarter, 1)
    wanted = ledger.BoardWanted(by, period, measures.before(period, 1))
    async with unit_of(engine, "escalation") as unit:
        await ledger.prepare(unit, wanted)
        publish_board(unit, wanted, paperwork.pack().registry, "区吹哨办")


async def test_everything_is_equal_to_the_last_digit(projected: Projected) -> None:
    report = await recompute(projected.engine)
    assert report.differences == []
    assert report.tasks > 2 * MANY
    # Eight departments with 13 measures and three streets with 19 and a rate, each with an index, in two quarters.
    assert report.numbers > 300
    boards = await projected.told("select sum(jsonb_array_length(rows)), count(*) from board")
    assert (report.board_rows, boards[1]) == (boards[0], 8)


async def test_the_command_says_so_for_people_and_for_programs(few: Projected) -> None:
    said = await whistlectl("measures", "recompute", database_url=few.url)
    assert (said.code, said.err) == (0, "")
    assert "all equal" in said.out
    said = await whistlectl("measures", "recompute", "--json", database_url=few.url)
    result = orjson.loads(said.out)
    assert result.pop("recomputed_equal") is True
    assert set(result) == {"tasks", "numbers", "board_rows"}
    assert min(result.values()) > 0


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        ("counts = jsonb_set(counts, '{score}', to_jsonb((counts->>'score')::int + 1))", "score"),
        ("facts = jsonb_set(facts, '{acknowledged_at}', '\"2026-06-01T00:00:00.000001Z\"')", "acknowledged_at"),
        ("department = 'XF'", "department"),
        ("began_at = began_at + interval '1 microsecond'", "began_at"),
    ],
)
async def test_one_digit_of_one_task_is_found_and_named(few: Projected, spoil: str, named: str) -> None:
    """INVARIANT: a projection that differs from its log by one digit is found and named."""
    chosen = await few.told("select * from measure_task where counts ? 'score' order by task_id limit 1")
    await few.told(f"update measure_task set {spoil} where task_id = :task returning 1", task=chosen.task_id)
    try:
        differences = (await recompute(few.engine)).differences
        assert any(line.startswith(f"task {chosen.task_id}: ") and f": {named}: live " in line for line in differences)
        said = await whistlectl("measures", "recompute", "--json", database_url=few.url)
        assert said.code == 1
        assert orjson.loads(said.out)["recomputed_equal"] is False
    finally:
        await few.told(
            "update measure_task set department = :department, began_at = :began_at, facts = cast(:facts as jsonb),"
            " counts = cast(:counts as jsonb) where task_id = :task_id returning 1",
            task_id=chosen.task_id,
            department=chosen.department,
            began_at=chosen.began_at,
            facts=orjson.dumps(chosen.facts).decode(),
            counts=orjson.dumps(chosen.counts).decode(),
        )
    assert (await recompute(few.engine)).equal


async def test_a_missing_task_and_one_too_many_are_found(few: Projected) -> None:
    gone = (await few.told("select task_id from measure_task where counts ? 'score' order by task_id limit 1")).task_id
    await few.told(
        "update measure_task set task_id = :other where task_id = :gone returning 1", gone=gone, other=MADE_UP
    )
    try:
        differences = (await recompute(few.engine)).differences
        assert f"task {gone}: is in the log and not in the projection" in differences
        assert any(line.startswith(f"task {MADE_UP}: live ") for line in differences)
    finally:
        await few.told(
            "update measure_task set task_id = :gone where task_id = :other returning 1", gone=gone, other=MADE_UP
        )


async def test_the_projection_can_be_made_anew_from_the_log(few: Projected) -> None:
    await few.told("update measure_task set counts = '{}', facts = jsonb_set(facts, '{submitted}', '[9]') returning 1")
    tasks = (await few.told("select count(*) from measure_task"))[0]
    said = await whistlectl("measures", "rebuild", database_url=few.url)
    assert (said.code, said.out.strip()) == (0, f"{tasks} tasks would be made anew; repeat with --yes")
    assert not (await recompute(few.engine)).equal
    said = await whistlectl("measures", "rebuild", "--yes", database_url=few.url)
    assert (said.code, said.out.strip()) == (0, f"{tasks} tasks were made anew")
    assert (await recompute(few.engine)).equal


async def test_a_board_that_was_touched_up_is_found(few: Projected) -> None:
    board = await few.told("select * from board where units = 'street' order by board_id limit 1")
    spoilt = orjson.dumps([{**board.rows[0], "rank": 9}, *board.rows[1:]]).decode()
    change = "update board set rows = cast(:rows as jsonb) where board_id = :id returning 1"
    await few.told(change, rows=spoilt, id=board.board_id)
    try:
        (line,) = (await recompute(few.engine)).differences
        assert line == (
            f"board {board.board_id} (streets, {board.period}): {board.rows[0]['unit']}: rank: live 9, recomputed 1"
        )
    finally:
        await few.told(change, rows=orjson.dumps(board.rows).decode(), id=board.board_id)


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        ("period = '2026Q9'", "cannot be made again: '2026Q9' is not a period"),
        ("period = '2026Q3'", "live "),
        ("registry_version = 99", "cannot be made again: registry version 99 is not in the log"),
        ("position = 0", "recomputed nothing"),
        ("formulas_version = '0'", "made by formulas 0"),
        ("rows = '[{}]'", "live "),
        ("rows = '{\"rank\": 1}'", "live "),
        ("rows = '[]'", "recomputed "),
        ("rows = rows || (rows->0)", "live "),
        ("rows = jsonb_set(rows, '{0}', (rows->0) - 'colour')", "colour: live nothing"),
        ("rows = jsonb_set(rows, '{0,note}', 'null')", "note: live "),
    ],
)
async def test_whatever_of_a_board_was_touched_up_is_a_difference(few: Projected, spoil: str, named: str) -> None:
    """INVARIANT: a projection that differs from its log by one digit is found and named."""
    board = await few.told("select * from board where units = 'street' order by board_id limit 1")
    await few.told(f"update board set {spoil} where board_id = :id returning 1", id=board.board_id)
    try:
        differences = (await recompute(few.engine)).differences
        assert any(line.startswith(f"board {board.board_id} (") and named in line for line in differences), differences
    finally:
        await few.told(
            "update board set period = :period, registry_version = :registry, position = :position, rows ="
            " cast(:rows as jsonb), formulas_version = :formulas where board_id = :id returning 1",
            id=board.board_id,
            period=board.period,
            registry=board.registry_version,
            position=board.position,
            rows=orjson.dumps(board.rows).decode(),
            formulas=board.formulas_version,
        )


@pytest.mark.parametrize("counts", ['{"score": "many"}', '{"score": 1.5}', "[]", "7"])
async def test_what_the_database_cannot_even_sum_is_a_difference(few: Projected, counts: str) -> None:
    chosen = await few.told("select * from measure_task where counts ? 'score' order by task_id limit 1")
    change = "update measure_task set counts = cast(:counts as jsonb) where task_id = :task returning 1"
    await few.told(change, counts=counts, task=chosen.task_id)
    try:
        differences = (await recompute(few.engine)).differences
        assert differences[0].startswith(f"task {chosen.task_id}: counts")
        assert differences[-1].startswith("the projection cannot be summed: ")
    finally:
        await few.told(change, counts=orjson.dumps(chosen.counts).decode(), task=chosen.task_id)


async def test_boards_that_are_published_while_events_are_logged_belong_to_one_position(few: Projected) -> None:
    """Six publish while thirty log; whatever each board saw, it can be made again from the log."""
    stories = list(season(SEED + 1, 30))
    await asyncio.gather(
        *(hears(few.engine, [story]) for story in stories[:20]),
        *(publishes(few.engine, "street", quarter) for quarter in (*QUARTERS, *QUARTERS)),
        *(hears(few.engine, [story]) for story in stories[20:]),
        *(publishes(few.engine, "street", quarter) for quarter in QUARTERS),
    )
    assert (await recompute(few.engine)).differences == []


async def test_a_later_board_of_the_same_quarter_stands_beside_the_first(few: Projected) -> None:
    """Both were made again from the log, each at its own position; the first is not touched by what came later."""
    async with few.engine.connect() as connection:
        later, first = await ledger.boards(connection, "2026Q2", "department", None, 9)
    assert later["position"] > first["position"]
    assert sum(row["n"] for row in later["rows"]) > sum(row["n"] for row in first["rows"])
