"""Why is it due then, over HTTP: each span counted, each day off, what moved the due time, and by which rules."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from whistle_escalation import domain, queries
from whistle_shared.auth import Caller
from whistle_shared.contracts.vocabulary import ClockName, ClockStatus
from whistle_shared.runtime import Here, may
from whistle_shared.web import PROBLEMS, StrictRoute
from whistle_shared.worktime import SpanKind

router = APIRouter(prefix="/api/v1", tags=["clocks"], route_class=StrictRoute, responses=PROBLEMS)


class SpanView(BaseModel):
    """[start, end): working hours of a day or of a make-up workday, the day of start, a weekend day, a day off."""

    kind: SpanKind
    start: datetime
    end: datetime
    counted: bool


class MoveView(BaseModel):
    """What moved the due time: an `extension`, or a span `given_back` (a suspension, the street's own lateness)."""

    kind: str
    at: datetime
    until: datetime | None
    due_at: datetime = Field(description="The due time after it")


class WarningView(BaseModel):
    percent: int
    at: datetime


class RungView(BaseModel):
    rung: int
    role: str
    form: str
    at: datetime
    quiet_until: datetime | None = Field(description="Set when it waits for the end of the quiet hours")


class ExplanationView(BaseModel):
    """The road from the start to the due time. Instants are business time, UTC."""

    clock_id: UUID
    whistle_id: UUID
    number: str | None
    task_id: UUID | None
    department: str | None
    name: ClockName
    status: ClockStatus
    limit: str
    start_rule: str | None = Field(description="Which day is the first to count, for a limit in working days")
    started_at: datetime
    due_at: datetime
    first_due_at: datetime = Field(description="The due time before anything moved it")
    held_down: bool = Field(description="The whistle's own due time came before the limit's")
    provisional: bool
    paused_since: datetime | None
    spans: list[SpanView]
    moves: list[MoveView]
    warnings: list[WarningView]
    rungs: list[RungView]
    calendar_version: int
    registry_version: int


@router.get("/clocks/{clock_id}/explanation", summary="Why is it due then?")
async def explain(clock_id: UUID, caller: Annotated[Caller, may("clock.read")], service: Here) -> ExplanationView:
    found, row = await queries.explanation(service.engine, service.replica, caller, clock_id)
    return _view(found, row.number)


def _view(found: domain.Explanation, number: str | None) -> ExplanationView:
    clock = found.clock
    return ExplanationView(
        clock_id=clock.clock_id,
        whistle_id=clock.whistle_id,
        number=number,
        task_id=clock.task_id,
        department=clock.department,
        name=clock.name,
        status=clock.status,
        limit=found.limit,
        start_rule=found.start_rule,
        started_at=clock.started_at,
        due_at=clock.due_at,
        first_due_at=found.first_due,
        held_down=found.held_down,
        provisional=clock.provisional,
        paused_since=found.standing_still,
        spans=[SpanView(kind=s.kind, start=s.start, end=s.end, counted=s.counted) for s in found.counted],
        moves=[MoveView(kind=b.kind, at=b.at, until=b.until, due_at=b.due) for b in found.bends],
        warnings=[WarningView(percent=percent, at=at) for percent, at in found.warnings],
        rungs=[
            RungView(rung=r.step.rung, role=r.step.role, form=r.step.form, at=r.at, quiet_until=r.quiet_until)
            for r in found.rungs
        ],
        calendar_version=clock.calendar_version,
        registry_version=clock.registry_version,
    )
