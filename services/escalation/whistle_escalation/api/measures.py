"""The measures over HTTP: numbers by period, the tasks behind each, and the boards.

A department and a street see themselves only; the district and operations see everybody.
"""

from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, Field

from whistle_escalation import ledger, measures
from whistle_escalation.commands.boards import publish_board
from whistle_shared.auth import Caller
from whistle_shared.contracts.vocabulary import Code
from whistle_shared.db import Answer, Unit
from whistle_shared.errors import Invalid, NotFound, Unavailable
from whistle_shared.registry import Registry
from whistle_shared.runtime import Here, Service, may
from whistle_shared.web import (
    PROBLEMS,
    Cursor,
    Limit,
    OptionalIdempotencyKey,
    Page,
    Strict,
    StrictRoute,
    after,
    keyed,
    next_cursor,
    respond,
)

router = APIRouter(prefix="/api/v1", tags=["measures"], route_class=StrictRoute, responses=PROBLEMS)

By = Literal["department", "street"]
PeriodName = Annotated[
    str | None, Query(max_length=10, description="`2026Q2` or `2026-06`; by default the one that is running")
]


class NumberView(BaseModel):
    """One measure: numerator / n. Shown numbers are rounded half to even; `exact` is not rounded."""

    name: str
    numerator: str
    n: int
    value: str | None = Field(description="Null when n is 0")
    exact: str | None


class IndexView(BaseModel):
    """`index = (n · raw + k · mean) / (n + k)`: few cases prove little."""

    raw: str
    mean: str = Field(description="The district's, weighed by n")
    index: str
    exact: str
    points_off: str


class UnitView(BaseModel):
    """One department or street. `n`: its tasks or its whistles of the period; `n_excluded`: tasks that do not count."""

    unit: str
    n: int
    n_excluded: int
    index: IndexView | None
    whistle_rate: str | None = Field(None, description="Whistles per grid in the period, of a street")
    band: Literal["too_few", "too_many"] | None = None
    numbers: list[NumberView]


class PeriodView(BaseModel):
    """[starts_at, ends_at): business time, UTC."""

    name: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime


class MeasuresView(BaseModel):
    formulas_version: str
    registry_version: int
    by: By
    period: PeriodView
    as_of: AwareDatetime
    district: list[NumberView] | None = Field(description="Of the whole district, for whoever may see it")
    items: list[UnitView]


class BehindView(BaseModel):
    """One task (or, for what is counted in whistles, one whistle) and what it contributes."""

    task_id: UUID | None
    whistle_id: UUID
    number: str
    street: str
    department: str | None
    began_at: AwareDatetime
    contributes: dict[str, int]


class BehindPage(BaseModel):
    formulas_version: str
    items: list[BehindView]
    next_cursor: str | None


class BoardRow(BaseModel):
    """One unit's place; equals share a rank. `change`: places gained since the period before."""

    rank: int
    previous_rank: int | None
    change: int | None
    colour: Literal["red", "black"] | None
    unit: str
    n: int
    n_excluded: int
    raw: str
    mean: str
    index: str
    exact: str
    points_off: str
    whistle_rate: str | None = None
    band: Literal["too_few", "too_many"] | None = None
    numbers: list[NumberView]


class BoardView(BaseModel):
    """A published board: never changed; a later one of the same period stands beside it. `position`: up to where the
    log had been heard, so that the board can be made again from the log."""

    board_id: UUID
    period: str
    by: By
    published_at: AwareDatetime
    published_by: str
    formulas_version: str
    registry_version: int
    position: int
    rows: list[BoardRow]


class PublishBoard(Strict):
    """Which board."""

    period: Annotated[str, Field(min_length=1, max_length=10, examples=["2026Q2"])]
    by: By


@router.get("/measures", summary="Rates and indices of a period")
async def list_measures(
    caller: Annotated[Caller, may("clock.read")], service: Here, by: By = "department", period: PeriodName = None
) -> MeasuresView:
    """A task counts in the period in which it was called, a whistle in the one in which it was blown."""
    registry = registry_of(service)
    asked = period_of(service, registry, period)
    async with service.engine.connect() as connection:
        counts = await ledger.sums(connection, by, asked)
    if by == "street":  # one that blew no whistle at all has blown too few
        counts = {**{street.code: {} for street in registry.streets}, **counts}
    return MeasuresView(
        formulas_version=measures.FORMULAS_VERSION,
        registry_version=registry.version,
        by=by,
        period=PeriodView(name=asked.name, starts_at=asked.starts_at, ends_at=asked.ends_at),
        as_of=service.time.now(),
        district=_numbers(by, counts[measures.DISTRICT], registry) if caller.scope == "*" else None,
        items=_units(caller, by, counts, registry),
    )


def _units(caller: Caller, by: By, counts: dict[str, measures.Counts], registry: Registry) -> list[UnitView]:
    indices = {standing.unit: standing for standing in measures.standings(by, counts, registry)}
    units = []
    for unit in sorted(counts):
        if unit == measures.DISTRICT or not sees(caller, by, unit):
            continue
        standing, own = indices.get(unit), counts[unit]
        index = measures.index_row(standing) if standing else None
        units.append(
            UnitView(
                unit=unit,
                n=standing.n if standing else 0,
                n_excluded=own.get("excluded", 0),
                index=IndexView.model_validate(index) if index else None,
                numbers=_numbers(by, own, registry),
                **(measures.rate_row(unit, own, registry) if by == "street" else {}),
            )
        )
    return units


def _numbers(by: By, counts: measures.Counts, registry: Registry) -> list[NumberView]:
    return [NumberView.model_validate(row) for row in measures.number_rows(by, counts, registry)]


@router.get("/measures/{name}/tasks", summary="The tasks behind a number")
async def list_tasks_behind(
    name: Annotated[str, Path(max_length=40)],
    caller: Annotated[Caller, may("clock.read")],
    service: Here,
    by: By = "department",
    unit: Code | None = None,
    period: PeriodName = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> BehindPage:
    """`name`: a measure, `index` (a department's tasks, a street's whistles), `whistle_rate` or `excluded`. Without
    `unit`: of everybody the caller may see."""
    measure = measures.LISTS.get((name, by))
    if measure is None:
        raise NotFound(f"measure {name!r} of a {by}")
    whose = unit or caller.scope
    if whose != measures.DISTRICT and not sees(caller, by, whose):
        raise NotFound(f"{by} {whose}")
    asked = period_of(service, registry_of(service), period)
    async with service.engine.connect() as connection:
        rows = await ledger.behind(connection, measure.denominator, by, whose, asked, after(cursor), limit)
    return BehindPage(
        formulas_version=measures.FORMULAS_VERSION,
        items=[_behind(row, measure) for row in rows],
        next_cursor=next_cursor([row.id for row in rows], limit),
    )


def _behind(row: Any, measure: measures.Measure) -> BehindView:
    told = row.counts if measure.name in {"index", "excluded"} else {}
    told = told or {name: row.counts[name] for name in measure.contributions if name in row.counts}
    about = {name: getattr(row, name) for name in BehindView.model_fields if name != "contributes"}
    return BehindView(contributes=told, **about)


@router.post("/boards", status_code=201, response_model=BoardView, summary="Publish a board")
async def publish(
    body: PublishBoard,
    caller: Annotated[Caller, may("board.publish")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """The standings of the period as they are now, kept for ever, with the change of rank since the period before."""
    registry = registry_of(service)
    period = period_of(service, registry, body.period)
    if period.starts_at > service.time.now():
        raise Invalid("period", f"{period.name} has not begun")
    wanted = ledger.BoardWanted(body.by, period, measures.before(period, registry.regulation.assessing.first_day))
    asked = f"board {body.model_dump_json()}"
    answer = await service.command(
        partial(_publish, wanted=wanted, registry=registry, by=caller.name),
        request,
        wants=wanted,
        idempotency=keyed(caller, key, asked),
    )
    return respond(answer)


def _publish(unit: Unit, wanted: ledger.BoardWanted, registry: Registry, by: str) -> Answer:
    row = publish_board(unit, wanted, registry, by)
    return Answer(201, BoardView.model_validate({**row, "by": row["units"]}).model_dump_json())


@router.get("/boards", summary="Published boards, newest first")
async def list_boards(
    caller: Annotated[Caller, may("clock.read")],
    service: Here,
    by: By | None = None,
    period: PeriodName = None,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> Page[BoardView]:
    """A department and a street see their own row."""
    if period is not None:
        _named(period, 1)
    async with service.engine.connect() as connection:
        found = await ledger.boards(connection, period, by, after(cursor), limit)
    items = [BoardView.model_validate({**row, "by": row["units"], "rows": rows_of(caller, row)}) for row in found]
    return Page(items=items, next_cursor=next_cursor([row["board_id"] for row in found], limit))


def rows_of(caller: Caller, board: ledger.Row) -> list[dict[str, Any]]:
    """The rows of a board that exist for the caller."""
    return [row for row in board["rows"] if sees(caller, board["units"], row["unit"])]


def sees(caller: Caller, by: By, unit: str) -> bool:
    """Whether a unit's numbers exist for the caller. Nobody who has one grid of a street only sees the street's."""
    if caller.scope == "*":
        return True
    if caller.grid is not None:
        return False
    return caller.of_street == (by == "street") and caller.covers(unit)


def registry_of(service: Service) -> Registry:
    """Raises Unavailable before the registry has arrived."""
    if service.replica.registry is None:
        raise Unavailable("the registry has not arrived yet")
    return service.replica.registry


def period_of(service: Service, registry: Registry, name: str | None) -> measures.Period:
    """The period asked for, or the running one. Raises Invalid."""
    settings = registry.regulation.assessing
    if name is None:
        return measures.holding(service.time.now(), settings.period, settings.first_day)
    return _named(name, settings.first_day)


def _named(name: str, first_day: int) -> measures.Period:
    try:
        return measures.named(name, first_day)
    except ValueError as error:
        raise Invalid("period", str(error)) from None
