"""What is put before a department by hand: reminders, letters, a jump to a rung."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, BeforeValidator, Field

from whistle_escalation import commands, domain, queries
from whistle_escalation.api.clocks import EscalationView
from whistle_shared.auth import Caller
from whistle_shared.contracts.escalation import EscalationRaised, LetterIssued
from whistle_shared.contracts.vocabulary import Code, LongText, RungForm, ShortText
from whistle_shared.db import Answer, Unit
from whistle_shared.runtime import Here, may
from whistle_shared.web import (
    PROBLEMS,
    Blotted,
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

router = APIRouter(prefix="/api/v1", route_class=StrictRoute, responses=PROBLEMS)

# An id arrives as text: strict models take nothing else for a UUID than a UUID.
Id = Annotated[UUID, BeforeValidator(lambda value: UUID(value) if isinstance(value, str) else value)]


class Reminding(Strict):
    task_id: Id
    note: Annotated[ShortText, Blotted]


class Writing(Strict):
    task_id: Id
    form: Literal["letter", "supervision", "notice", "interview"]
    text: LongText


class Jumping(Strict):
    rung: Annotated[int, Field(ge=1, le=9)]
    reason: Annotated[ShortText, Blotted]


class ReminderView(BaseModel):
    """A department was urged."""

    whistle_id: UUID
    task_id: UUID
    department: str
    note: str
    by: str
    at: datetime


class LetterView(BaseModel):
    """A letter, numbered within its year and form. Instants are business time, UTC."""

    letter_id: UUID
    number: str
    form: RungForm
    whistle_id: UUID
    task_id: UUID
    department: str
    escalation_id: UUID | None = Field(description="The rung that called for it")
    text: str
    issued_at: datetime
    issued_by: str
    reply_due_at: datetime
    replied_at: datetime | None = None
    replied_by: str | None = None
    reply: str | None = None


@router.post("/reminders", status_code=201, response_model=ReminderView, tags=["letters"], summary="Urge a department")
async def remind(
    body: Reminding,
    caller: Annotated[Caller, may("reminder.send")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """催办. A street urges under its own whistles."""
    row = await queries.task(service.engine, caller, body.task_id)

    def act(unit: Unit) -> Answer:
        word = commands.remind(unit, row.whistle_id, body.task_id, body.note, caller.name)
        return Answer(201, ReminderView(**word.model_dump(), at=unit.now).model_dump_json())

    asked = keyed(caller, key, "reminder", body.model_dump_json())
    return respond(await service.command(act, request, whistle=row.whistle_id, idempotency=asked))


@router.post("/letters", status_code=201, response_model=LetterView, tags=["letters"], summary="Write a formal letter")
async def write(
    body: Writing,
    caller: Annotated[Caller, may("letter.write")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """函告, 督办, 通报 or 约谈: numbered, with a reply owed."""
    row = await queries.task(service.engine, caller, body.task_id)
    series = domain.Series.at(service.time.now(), body.form)
    owed = domain.Owed(row.whistle_id, body.task_id, body.form, caller.name, text=body.text)
    known = await queries.matter(service.engine, row.whistle_id)
    commands.open_task(known, body.task_id, "letter")  # so that what is refused burns no number

    def act(unit: Unit) -> Answer:
        return Answer(201, _letter(commands.issue_letter(unit, owed, series), unit).model_dump_json())

    asked = keyed(caller, key, "letter", body.model_dump_json())
    return respond(await service.command(act, request, whistle=row.whistle_id, wants=series, idempotency=asked))


def _letter(word: LetterIssued, unit: Unit) -> LetterView:
    return LetterView(**word.model_dump(exclude={"by"}), issued_by=word.by, issued_at=unit.now)


@router.get("/letters", tags=["letters"], summary="Letters and their replies")
async def list_letters(
    caller: Annotated[Caller, may("clock.read")],
    service: Here,
    department: Code | None = None,
    whistle_id: UUID | None = None,
    task_id: UUID | None = None,
    form: RungForm | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[LetterView]:
    filters = {"department": department, "whistle_id": whistle_id, "task_id": task_id, "form": form}
    rows = await queries.letters(service.engine, caller, filters, after(cursor), limit)
    items = [LetterView.model_validate(row, from_attributes=True) for row in rows]
    return Page(items=items, next_cursor=next_cursor([row.letter_id for row in rows], limit))


@router.post(
    "/clocks/{clock_id}/rungs",
    status_code=201,
    response_model=EscalationView,
    tags=["escalations"],
    summary="Climb to a rung by hand",
)
async def jump(
    clock_id: UUID,
    body: Jumping,
    caller: Annotated[Caller, may("letter.write")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """The rungs below are passed over; those above still fire in their time. A rung is climbed once."""
    row = await queries.clock(service.engine, caller, clock_id)
    known = await queries.matter(service.engine, row.whistle_id)
    form = commands.ladder_step(known, clock_id, body.rung).form
    series = domain.Series.at(service.time.now(), form) if domain.is_letter(form) else None
    act = partial(_jump, clock=row, body=body, by=caller.name, series=series)
    asked = keyed(caller, key, "rung", str(clock_id), body.model_dump_json())
    answer = await service.command(act, request, whistle=row.whistle_id, wants=series, idempotency=asked)
    return respond(answer)


def _jump(unit: Unit, clock: Any, body: Jumping, by: str, series: domain.Series | None) -> Answer:
    word, owed = commands.jump_to_rung(unit, clock.whistle_id, clock.clock_id, body.rung, body.reason, by)
    for letter in owed:
        assert series is not None
        commands.issue_letter(unit, letter, series)
    return Answer(201, EscalationView.model_validate(_raised(word, clock.number)).model_dump_json())


def _raised(word: EscalationRaised, number: str | None) -> dict[str, Any]:
    fresh = dict.fromkeys(("ended_at", "acknowledged_at", "acknowledged_by")) | {"number": number}
    hand = {"raised_by": word.by, "raised_reason": word.reason, "reason": None, "repeated": 0, "status": "open"}
    return {**word.model_dump(), **fresh, **hand}
