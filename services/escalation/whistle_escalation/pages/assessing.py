"""Statistics, each figure with its formula, and the red and black boards."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from whistle_escalation import ledger, measures
from whistle_escalation.api.measures import period_of, registry_of, rows_of, sees
from whistle_escalation.measures import By
from whistle_escalation.pages import boards as board_views
from whistle_escalation.pages import figures
from whistle_escalation.pages.keeping import Kept, Sums
from whistle_escalation.pages.routes import ROWS, Reader
from whistle_escalation.pages.rows import address_of
from whistle_shared.auth import EVERYWHERE, Caller
from whistle_shared.contracts.vocabulary import Code
from whistle_shared.errors import NotFound
from whistle_shared.pages import PageRoute, render, words_of
from whistle_shared.registry import Registry
from whistle_shared.runtime import Here, Service
from whistle_shared.web import after, next_cursor

pages = APIRouter(tags=["pages"], route_class=PageRoute, include_in_schema=False)
PeriodName = Annotated[str | None, Query(max_length=10)]
_BOARDS = 24
_PERIODS = 4


def _unit_of(caller: Caller, by: By, unit: str | None) -> str:
    """Whose figures: those asked for, else the caller's own. Raises NotFound for others'."""
    whose = unit or caller.scope
    if (whose != measures.DISTRICT or caller.scope != EVERYWHERE) and not sees(caller, by, whose):
        raise NotFound(f"{by} {whose}")
    return whose


def _by(caller: Caller, by: By | None) -> By:
    return by or ("street" if caller.of_street else "department")


def _earlier(period: measures.Period, first_day: int) -> list[str]:
    """This period and those before it."""
    names = []
    for _ in range(_PERIODS):
        names.append(period.name)
        period = measures.before(period, first_day)
    return names


@pages.get("/statistics")
async def statistics(
    request: Request,
    viewer: Reader,
    service: Here,
    by: By | None = None,
    unit: Code | None = None,
    period: PeriodName = None,
) -> Response:
    """The figures of one unit, or of the whole district. `period`: `2026Q2` or `2026-06`."""
    registry, chosen = registry_of(service), _by(viewer, by)
    whose = _unit_of(viewer, chosen, unit)
    asked = period_of(service, registry, period)
    kept = await _sums(service, chosen, asked, registry)
    words, counts = words_of(request), kept.counts
    seen = [code for code in sorted(counts) if code != measures.DISTRICT and sees(viewer, chosen, code)]
    return render(
        request,
        "statistics.html",
        by=chosen,
        unit=whose,
        unit_name=figures.unit_name(words, chosen, whose),
        period=asked,
        as_of=kept.as_of,
        figures=figures.figures(words, chosen, whose, asked.name, counts, registry),
        index=figures.index(words, chosen, whose, counts, registry) if whose != measures.DISTRICT else None,
        index_address=address_of("/statistics/index", by=chosen, unit=whose, period=asked.name),
        units=figures.units(words, chosen, asked.name, counts, registry, seen),
        district_address=address_of("/statistics", by=chosen, period=asked.name),
        tabs={one: address_of("/statistics", by=one, period=asked.name) for one in ("department", "street")},
        periods={
            name: address_of("/statistics", by=chosen, unit=unit, period=name) for name in _periods(service, registry)
        },
        version=measures.FORMULAS_VERSION,
        registry_version=registry.version,
        sees_all=viewer.scope == EVERYWHERE,
    )


def _periods(service: Service, registry: Registry) -> list[str]:
    """The running quarter and month, and those before them."""
    first_day = registry.regulation.assessing.first_day
    now = service.time.now()
    quarter, month = measures.holding(now, "quarter", first_day), measures.holding(now, "month", first_day)
    return [*_earlier(quarter, first_day), *_earlier(month, first_day)]


async def _sums(service: Service, by: By, period: measures.Period, registry: Registry) -> Kept:
    sums: Sums = service.app.state.sums
    kept = await sums.of(by, period)
    if by == "street":  # one that blew no whistle at all has blown too few
        every: dict[str, measures.Counts] = {street.code: {} for street in registry.streets}
        return Kept({**every, **kept.counts}, kept.as_of, kept.read_at, kept.took)
    return kept


@pages.get("/statistics/{name}")
async def behind(
    request: Request,
    viewer: Reader,
    service: Here,
    name: Annotated[str, Path(max_length=40)],
    by: By | None = None,
    unit: Code | None = None,
    period: PeriodName = None,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """The tasks (or whistles) behind a figure, and what each contributes."""
    chosen = _by(viewer, by)
    measure = measures.LISTS.get((name, chosen))
    if measure is None:
        raise NotFound(f"measure {name!r} of a {chosen}")
    whose = _unit_of(viewer, chosen, unit)
    registry = registry_of(service)
    asked = period_of(service, registry, period)
    async with service.engine.connect() as connection:
        rows = await ledger.behind(connection, measure.denominator, chosen, whose, asked, after(cursor), ROWS)
    words = words_of(request)
    following = next_cursor([row.id for row in rows], ROWS)
    return render(
        request,
        "behind.html",
        name=name,
        word=words.gettext(figures.MEASURES[name]),
        formula=figures.formula(words, measure, registry) if name in measures.MEASURES else "",
        unit_name=figures.unit_name(words, chosen, whose),
        period=asked,
        rows=[_row(words, row, measure) for row in rows],
        back=address_of("/statistics", by=chosen, unit=unit if whose != EVERYWHERE else None, period=asked.name),
        more=address_of(f"/statistics/{name}", by=chosen, unit=unit, period=asked.name, cursor=following),
        is_more=following is not None,
        is_first=cursor is None,
        version=measures.FORMULAS_VERSION,
        registry_version=registry.version,
    )


def _row(words: Any, row: Any, measure: measures.Measure) -> dict[str, Any]:
    told = row.counts if measure.name in {"index", "excluded", "whistle_rate"} else {}
    told = told or {name: row.counts[name] for name in measure.contributions if name in row.counts}
    named = [(figures.contribution(words, name), n) for name, n in told.items()]
    return {
        "number": row.number,
        "whistle_id": row.whistle_id,
        "department": words.department(row.department) if row.department else "",
        "street": words.street(row.street),
        "began_at": row.began_at,
        "contributes": named,
    }


@pages.get("/boards")
async def boards(request: Request, viewer: Reader, service: Here, by: By | None = None) -> Response:
    """The newest board of departments or of streets, and those before it."""
    chosen = _by(viewer, by)
    async with service.engine.connect() as connection:
        found = await ledger.boards(connection, None, chosen, None, 1)
    return await _board(request, viewer, service, chosen, found[0] if found else None)


@pages.get("/boards/{board_id}")
async def board(board_id: UUID, request: Request, viewer: Reader, service: Here) -> Response:
    """One published board, made for print."""
    async with service.engine.connect() as connection:
        found = await ledger.board(connection, board_id)
    if found is None:
        raise NotFound(f"board {board_id}")
    return await _board(request, viewer, service, found["units"], found)


async def _board(request: Request, viewer: Caller, service: Service, by: By, found: Any) -> Response:
    words, registry = words_of(request), registry_of(service)
    async with service.engine.connect() as connection:
        others = await ledger.board_names(connection, by, _BOARDS)
    lines = board_views.lines(words, by, rows_of(viewer, found)) if found is not None else []
    return render(
        request,
        "board.html",
        by=by,
        board=found,
        lines=lines,
        red=[line for line in lines if line.colour == "red"],
        black=[line for line in lines if line.colour == "black"],
        columns=board_views.columns(words, by),
        others=others,
        periods=_periods(service, registry),
        first_day=registry.regulation.assessing.first_day,
    )
