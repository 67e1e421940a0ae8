"""escalation over HTTP: clocks, escalations, statistics."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from whistle_escalation import commands, queries
from whistle_shared.auth import EVERYWHERE, Caller, Forbidden
from whistle_shared.contracts.vocabulary import ClockName, ClockStatus, Code, EscalationStatus
from whistle_shared.db import Answer
from whistle_shared.runtime import Here, may
from whistle_shared.web import PROBLEMS, Cursor, Limit, Page, StrictRoute, after, next_cursor, respond

router = APIRouter(prefix="/api/v1", route_class=StrictRoute, responses=PROBLEMS)


class ClockView(BaseModel):
    """One running or ended time limit. Instants are business time, UTC."""

    clock_id: UUID
    whistle_id: UUID
    number: str | None
    task_id: UUID | None
    department: str | None
    name: ClockName
    side: str
    cycle: int = Field(description="The attempt, the round or the review that it counts for")
    status: ClockStatus
    started_at: datetime
    due_at: datetime
    provisional: bool = Field(description="A year without an official calendar is involved")
    warned: int = Field(description="How many of its warnings have passed")
    climbed: int = Field(description="How many rungs of its ladder have been climbed")
    breached_at: datetime | None
    stopped_at: datetime | None
    next_at: datetime | None


class EscalationView(BaseModel):
    """One rung that was climbed."""

    escalation_id: UUID
    clock_id: UUID
    rung: int
    whistle_id: UUID
    number: str | None
    task_id: UUID | None
    department: str | None
    clock: ClockName
    side: str
    role: str
    form: str
    due_at: datetime
    rung_at: datetime
    fired_at: datetime
    degraded: bool = Field(description="Fired although not everything said before had been heard")
    people: list[str] = Field(description="Who of the role was on duty; none: its duty desk")
    raised_by: str | None = Field(description="Who climbed to it by hand")
    raised_reason: str | None
    repeated: int = Field(description="How often it was said again")
    status: EscalationStatus
    ended_at: datetime | None
    reason: str | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None


class Rate(BaseModel):
    """In time of those that are decided: `met / (met + met_late + overdue)`; `n` is the denominator."""

    met: int = 0
    met_late: int = 0
    overdue: int = 0
    running: int = 0
    cancelled: int = 0

    @property
    def n(self) -> int:
        return self.met + self.met_late + self.overdue


class RateView(BaseModel):
    rate: float | None = Field(description="Null when nothing is decided yet")
    n: int
    met: int
    met_late: int
    overdue: int
    running: int


class DepartmentStatistics(BaseModel):
    """One department: acknowledged, reported in and finished in time."""

    department: str
    acknowledged: RateView
    reported_in: RateView
    resolved: RateView


class Statistics(BaseModel):
    now: datetime
    departments: list[DepartmentStatistics]
    open_by_rung: dict[int, int]


@router.get("/clocks", tags=["clocks"], summary="Clocks")
async def list_clocks(
    caller: Annotated[Caller, may("clock.read")],
    service: Here,
    status: ClockStatus | None = None,
    name: ClockName | None = None,
    department: Code | None = None,
    whistle_id: UUID | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ClockView]:
    filters = {"status": status, "name": name, "department": department, "whistle_id": whistle_id}
    rows = await queries.clocks(service.engine, caller, filters, after(cursor), limit)
    items = [ClockView.model_validate(row, from_attributes=True) for row in rows]
    return Page(items=items, next_cursor=next_cursor([row.clock_id for row in rows], limit))


@router.get("/escalations", tags=["escalations"], summary="Escalations, open or ended")
async def list_escalations(
    caller: Annotated[Caller, may("clock.read")],
    service: Here,
    status: EscalationStatus | None = None,
    rung: Annotated[int | None, Query(ge=1, le=9)] = None,
    department: Code | None = None,
    whistle_id: UUID | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[EscalationView]:
    filters = {"status": status, "rung": rung, "department": department, "whistle_id": whistle_id}
    rows = await queries.escalations(service.engine, caller, filters, after(cursor), limit)
    items = [EscalationView.model_validate(row, from_attributes=True) for row in rows]
    return Page(items=items, next_cursor=next_cursor([row.escalation_id for row in rows], limit))


@router.post(
    "/escalations/{escalation_id}/acknowledgement",
    tags=["escalations"],
    response_model=EscalationView,
    summary="The person whom the rung called has seen it",
)
async def acknowledge(
    escalation_id: UUID, caller: Annotated[Caller, may("escalation.acknowledge")], service: Here, request: Request
) -> Response:
    """Later rungs still fire. A repetition keeps the first stamp."""
    row = await queries.escalation(service.engine, caller, escalation_id)
    if caller.scope != EVERYWHERE and row.side != ("street" if caller.of_street else "department"):
        raise Forbidden(f"this rung calls the {row.side}'s people")
    act = partial(
        commands.acknowledge_escalation,
        whistle_id=row.whistle_id,
        escalation_id=escalation_id,
        by=caller.name,
    )
    await service.command(act, request, whistle=row.whistle_id)
    seen = await queries.escalation(service.engine, caller, escalation_id)
    return respond(Answer(200, EscalationView.model_validate(seen, from_attributes=True).model_dump_json()))


@router.get("/statistics", tags=["statistics"], summary="Departments by what they do in time")
async def statistics(caller: Annotated[Caller, may("clock.read")], service: Here) -> Statistics:
    counted, by_rung = await queries.statistics(service.engine, caller)
    return Statistics(now=service.time.now(), departments=_departments(counted), open_by_rung=by_rung)


def _departments(counted: Sequence[Any]) -> list[DepartmentStatistics]:
    rates: dict[str, dict[str, Rate]] = {}
    for row in counted:
        rate = rates.setdefault(row.department, {}).setdefault(row.name, Rate())
        if row.outcome in Rate.model_fields:
            setattr(rate, row.outcome, row.n)
    return [
        DepartmentStatistics(
            department=department,
            acknowledged=_rate(by_clock.get("ack")),
            reported_in=_rate(by_clock.get("arrive")),
            resolved=_rate(by_clock.get("resolve")),
        )
        for department, by_clock in sorted(rates.items())
    ]


def _rate(rate: Rate | None) -> RateView:
    rate = rate or Rate()
    return RateView(rate=rate.met / rate.n if rate.n else None, n=rate.n, **rate.model_dump(exclude={"cancelled"}))
