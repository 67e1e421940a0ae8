"""`whistlectl measures`: proves that the numbers follow from the record.

Reads escalation's append-only log alone, in the order of its positions, folds it anew with the functions that the
live projection uses, and compares every fact of every task, every number and every published board to the last digit;
or puts what was folded in the projection's place.
INVARIANT: a projection that differs from its log by one digit is found and named.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, get_args
from uuid import UUID

import orjson
import typer
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from whistle_ctl import settings
from whistle_ctl.database import deed, engine_of, unit_of
from whistle_ctl.errors import Refused
from whistle_ctl.record import Registries, revive, stream
from whistle_ctl.terminal import harmless
from whistle_escalation import ledger, measures
from whistle_shared.db import note
from whistle_shared.registry import Registry

app = typer.Typer(no_args_is_help=True, help="The measures in escalation's database (WHISTLE_DATABASE_URL).")
_SHOWN = 50
_ROWS = {
    "whistle": "select whistle_id, street, number, began_at, facts, counts from measure_whistle",
    "task": "select task_id, whistle_id, department, street, number, began_at, facts, counts from measure_task",
}
_BOARDS = "select * from board order by position, board_id"
_NOTHING = object()


@dataclass(slots=True)
class Report:
    """How many of each were compared, and every difference in words."""

    tasks: int = 0
    numbers: int = 0
    board_rows: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        return not self.differences


@app.command("recompute")
def recompute_command(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of sentences.")] = False,
) -> None:
    """Fold the event log anew and compare; exit 1 and every difference if there is one. Changes nothing."""
    report = asyncio.run(_recompute(settings.current().need("database_url")))
    if as_json:
        typer.echo(orjson.dumps(_as_json(report)).decode())
    else:
        typer.echo(_told(report))
    if not report.equal:
        raise typer.Exit(1)


@app.command("rebuild")
def rebuild_command(
    dry_run: Annotated[bool, typer.Option("--dry-run/--yes", help="Only count, or really do it.")] = True,
) -> None:
    """Make the projection anew from the log: after an upgrade to other formulas, or when `recompute` found a
    difference. Stop escalation first. Published boards stay as they are."""
    tasks = asyncio.run(_rebuild(settings.current().need("database_url"), dry_run))
    typer.echo(f"{tasks} tasks would be made anew; repeat with --yes" if dry_run else f"{tasks} tasks were made anew")


async def _rebuild(database_url: str, dry_run: bool) -> int:
    async with engine_of(database_url) as engine:
        return await rebuild(engine, dry_run)


async def rebuild(engine: AsyncEngine, dry_run: bool) -> int:
    """Replace the projection by a fold of the log, in one transaction; returns how many tasks that makes."""
    async with unit_of(engine, "escalation") as unit:
        if not dry_run:
            await ledger.clear(unit)
        folded = Folded()
        async for row in stream(unit.connection, measures.FOLDED):
            folded.take(row)
        tasks = sum(len(known.tasks) for known in folded.ledgers.values())
        if not dry_run:
            for known in folded.ledgers.values():
                ledger.put(unit, known)
            note(unit, deed("measures.rebuild"), "done", after={"tasks": tasks})
        return tasks


def _as_json(report: Report) -> dict[str, Any]:
    counted = {"tasks": report.tasks, "numbers": report.numbers, "board_rows": report.board_rows}
    more = {} if report.equal else {"differences": report.differences[:_SHOWN]}
    return {"recomputed_equal": report.equal, **counted, **more}


def _told(report: Report) -> str:
    counted = f"{report.tasks} tasks, {report.numbers} numbers, {report.board_rows} rows of boards"
    if report.equal:
        return f"recomputed from the log alone: {counted}, all equal (formulas {measures.FORMULAS_VERSION})"
    lines = [harmless(line) for line in report.differences[:_SHOWN]]
    left_out = len(report.differences) - len(lines)
    lines += [f"and {left_out} more"] if left_out else []
    return "\n".join([*lines, f"recomputed from the log alone: {counted}; {len(report.differences)} differences"])


async def _recompute(database_url: str) -> Report:
    async with engine_of(database_url) as engine:
        return await recompute(engine)


async def recompute(engine: AsyncEngine) -> Report:
    """Compare the projection with its log, both as of one instant, while the service may be running."""
    async with engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        report = Report()
        registries = await Registries.of_log(connection)
        boards = [dict(row) for row in (await connection.execute(text(_BOARDS))).mappings()]
        folded = await _fold(connection, boards, registries, report)
        await _compare_rows(connection, folded, report)
        try:
            await _compare_numbers(connection, folded, registries, report)
        except DBAPIError as error:  # what is stored is no number
            report.differences.append(f"the projection cannot be summed: {error.orig}")
        return report


@dataclass(slots=True)
class Folded:
    """What the log says, as far as it has been read."""

    ledgers: dict[UUID, measures.Ledger] = field(default_factory=dict)

    def take(self, row: Any) -> None:
        """One row of the log."""
        event = revive(row.key, row.data)
        whistle_id = measures.about(event)
        if whistle_id is not None:
            known = self.ledgers.setdefault(whistle_id, measures.empty(whistle_id))
            measures.fold(known, event, row.at, row.event_id)

    def rows(self) -> list[measures.Contribution]:
        return [row for known in self.ledgers.values() for row in measures.contributions(known)]


async def _fold(
    connection: AsyncConnection, boards: list[dict[str, Any]], registries: Registries, report: Report
) -> Folded:
    """Read the whole log once; make each board anew at the position at which it was published."""
    folded = Folded()
    waiting = list(boards)
    async for row in stream(connection, measures.FOLDED):
        while waiting and waiting[0]["position"] < row.position:
            await _compare_board(connection, waiting.pop(0), folded, registries, report)
        folded.take(row)
    for board in waiting:
        await _compare_board(connection, board, folded, registries, report)
    return folded


async def _compare_board(
    connection: AsyncConnection, board: dict[str, Any], folded: Folded, registries: Registries, report: Report
) -> None:
    name = f"board {board['board_id']} ({board['units']}s, {board['period']})"
    if board["formulas_version"] != measures.FORMULAS_VERSION:
        report.differences.append(f"{name}: made by formulas {board['formulas_version']}, which this build has not")
        return
    try:
        registry = await registries.version(connection, board["registry_version"])
        first_day = registry.regulation.assessing.first_day
        period = measures.named(board["period"], first_day)
    except (Refused, ValueError) as error:
        report.differences.append(f"{name}: cannot be made again: {error}")
        return
    rows = folded.rows()
    now, earlier = (
        measures.sums(board["units"], rows, which) for which in (period, measures.before(period, first_day))
    )
    made = measures.board(board["units"], now, earlier, registry)
    report.board_rows += len(made)
    report.differences += _differences(name, _by_unit(board["rows"]), _by_unit(made))


def _by_unit(rows: Any) -> Any:
    """By unit; `place` keeps the order on the board. What is no list of units stays what it is."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "unit" in row for row in rows):
        return rows
    return {row["unit"]: {"place": place, **row} for place, row in enumerate(rows, 1)}


async def _compare_rows(connection: AsyncConnection, folded: Folded, report: Report) -> None:
    """Row by row, so that only the facts are held in memory and not the rows as well."""
    of_task = {task_id: known for known in folded.ledgers.values() for task_id in known.tasks}
    report.tasks = len(of_task)
    for kind, statement in _ROWS.items():
        unseen = dict(folded.ledgers if kind == "whistle" else of_task)
        rows = await connection.stream(text(statement).execution_options(yield_per=1000))
        async for row in rows.mappings():
            owner = row[f"{kind}_id"]
            known = unseen.pop(owner, None)
            made = _NOTHING if known is None else _made(kind, known, owner)
            report.differences += _differences(f"{kind} {owner}", dict(row), made)
        report.differences += [f"{kind} {owner}: is in the log and not in the projection" for owner in unseen]


def _made(kind: str, known: measures.Ledger, owner: UUID) -> dict[str, Any]:
    return ledger.whistle_row(known) if kind == "whistle" else ledger.task_row(known, known.tasks[owner])


async def _compare_numbers(connection: AsyncConnection, folded: Folded, registries: Registries, report: Report) -> None:
    """Every number of every period: the database's sums against the fold's."""
    rows = folded.rows()
    registry = await registries.newest(connection)
    settings_ = registry.regulation.assessing
    begun = {row.began_at for row in rows if row.began_at is not None}
    periods = {measures.holding(at, settings_.period, settings_.first_day) for at in begun}
    for period in sorted(periods, key=lambda period: period.starts_at):
        for by in get_args(measures.By):
            live = numbers(by, await ledger.sums(connection, by, period), registry)
            made = numbers(by, measures.sums(by, rows, period), registry)
            report.numbers += sum(len(shown) for shown in made.values())
            report.differences += _differences(f"{by}s in {period.name}", live, made)


def numbers(by: measures.By, counts: dict[str, measures.Counts], registry: Registry) -> dict[str, dict[str, Any]]:
    """Every number of every unit, as it is shown and exact."""
    shown = {
        unit: {row["name"]: row for row in measures.number_rows(by, own, registry)} for unit, own in counts.items()
    }
    for standing in measures.standings(by, counts, registry):
        shown[standing.unit]["index"] = measures.index_row(standing)
    if by == "street":
        for unit, own in counts.items():
            shown[unit]["whistle_rate"] = measures.rate_row(unit, own, registry)
    return shown


def _differences(name: str, live: Any, made: Any) -> list[str]:
    return list(_differ(name, live, made))


def _differ(name: str, live: Any, made: Any) -> Iterator[str]:
    if isinstance(live, dict) and isinstance(made, dict):
        for key in sorted({*live, *made}, key=str):
            yield from _differ(f"{name}: {key}", live.get(key, _NOTHING), made.get(key, _NOTHING))
    elif live != made:
        yield f"{name}: live {_short(live)}, recomputed {_short(made)}"


def _short(value: Any) -> str:
    return "nothing" if value is _NOTHING else "null" if value is None else str(value)[:200]
