"""Reporting a matter (一键报事), with or without an account, and looking after it by tracking code.

INVARIANT: neither words, contact nor tracking code of whoever reports are kept in the clear: not in the stored answer,
not in the audit, not in an event.
INVARIANT: a report that is sent again with its key is not taken in twice; the answer is the first one, code and all.
"""

import asyncio
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import orjson
import uuid_utils.compat
from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, ConfigDict, Field, JsonValue

from whistle_intake import commands, domain, queries, store
from whistle_intake.api.forms import Point, located
from whistle_intake.api.registry import registry_of
from whistle_intake.api.report_views import ProgressView, ReportTaken, progress_view, taken_view
from whistle_shared import photos
from whistle_shared.auth import Caller
from whistle_shared.contracts.vocabulary import Code, LongText, Satisfaction, Text
from whistle_shared.db import Answer, Deed, Idempotency, KeyReused, Unit
from whistle_shared.errors import DomainError, Invalid, NotFound, Unavailable
from whistle_shared.privacy import phone_of
from whistle_shared.runtime import Here, Service, current_caller, deed_of
from whistle_shared.web import PROBLEMS, OptionalIdempotencyKey, Strict, StrictRoute, respond

router = APIRouter(prefix="/api/v1", tags=["reports"], route_class=StrictRoute, responses=PROBLEMS)

RESIDENT = "resident"
_SHORTEST_KEY = 16
_EXAMPLE: JsonValue = {
    "grid": "S01-G001",
    "category": "0701",
    "text": "楼下井盖不见了，晚上没有灯，老人差点摔倒。",
    "target": "grid",
    "location": {"latitude": 39.9163, "longitude": 116.3972},
    "photos": [],
    "contact": {"name": "王女士", "phone": "13800138000"},
}

TrackingCode = Annotated[
    str, Header(alias="Tracking-Code", max_length=64, description="As it was given out: `7K4M-2PQX-9HTDC`")
]


class ContactForm(Strict):
    """How to ask back; both may be left out. A number is a mainland one; full-width digits are read as digits."""

    name: Annotated[Text, Field(min_length=1, max_length=50)] | None = None
    phone: Annotated[str, Field(max_length=32), AfterValidator(phone_of)] | None = None


class ReportForm(Strict):
    """What somebody says is wrong. A street or a grid says who is responsible; `target`: for whom it is meant."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    street: Code | None = None
    grid: Code | None = None
    location: Point | None = None
    target: domain.Target = "grid"
    category: Code | None = None
    text: Annotated[LongText, Field(max_length=2000)]
    photos: list[Annotated[UUID, Field(strict=False)]] = Field(default_factory=list, max_length=9)
    contact: ContactForm | None = None

    def place(self, caller: Caller | None) -> tuple[str | None, str | None]:
        """The street and the grid that are meant: whoever has a street or a grid of their own means that.

        Raises Invalid for another's.
        """
        if caller is None:
            return self.street, self.grid
        if self.street is not None and not caller.covers(self.street):
            raise Invalid("street", f"street {self.street!r} is not yours")
        if self.grid is not None and caller.grid not in (None, self.grid):
            raise Invalid("grid", f"yours is {caller.grid!r} and no other")
        return self.street or caller.scope, self.grid or caller.grid


class RatingForm(Strict):
    """How it went, in the end, once."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"contacted": True, "solved": True, "satisfaction": "satisfied"}]}
    )

    contacted: bool
    solved: bool
    satisfaction: Satisfaction


@dataclass(frozen=True, slots=True)
class _Kept:
    """A new report as it is kept: what is personal of it is sealed."""

    report: domain.Report
    code: str
    code_tag: str
    sealed: store.Sealed


async def reporter(request: Request, service: Here) -> Caller | None:
    """Whoever reports: a caller whose role may, or (None) a resident, who shows nothing. Raises Unauthenticated and
    Forbidden."""
    if "authorization" not in request.headers:
        return None
    caller = await current_caller(request, service)
    caller.needs("report")
    return caller


Reporter = Annotated[Caller | None, Depends(reporter)]


@router.post("/reports", status_code=201, response_model=ReportTaken, summary="Report a matter")
async def submit_report(
    body: ReportForm, caller: Reporter, service: Here, request: Request, key: OptionalIdempotencyKey = None
) -> Response:
    """Without a token as a resident: then an `Idempotency-Key` of at least 16 characters is needed, so that a phone may
    send again what it does not know to have arrived. The tracking code comes with this answer and no other."""
    idempotency = _keyed(service, body, caller, key)
    kept = await _keep(service, body, caller, idempotency)
    try:
        answer: Answer = await service.command(
            partial(_submit, kept=kept, shown=body.photos),
            request,
            deed=_deed(request, None if kept is None else kept.report.report_id),
            also=None if kept is None else kept.report.report_id,
            idempotency=idempotency,
            photos=body.photos,
        )
    except (DomainError, KeyReused):  # after anything else it may have been stored all the same
        await _discard(service, kept)
        raise
    if kept is not None and not answer.replayed:
        return respond(_with_code(answer, kept.code))
    await _discard(service, kept)
    return respond(_with_code(answer, await _code_again(service, answer)))


def _keyed(service: Service, body: ReportForm, caller: Caller | None, key: str | None) -> Idempotency | None:
    """The request as one that may come again. Only a keyed digest of it is kept: what somebody wrote cannot be guessed
    from it; by the oldest key, which is there as long as any answer of its time."""
    if caller is None:
        _require_key(key)
    if key is None:
        return None
    said = service.keyring.tags(body.model_dump_json().encode(), "asked in a report")[-1]
    return Idempotency.of(RESIDENT if caller is None else caller.actor, key, "POST /reports", said)


def _require_key(key: str | None) -> None:
    """A resident's key tells them from all other residents. Raises RequestValidationError."""
    if key is not None and len(key) >= _SHORTEST_KEY:
        return
    missing = {"type": "missing", "msg": "Field required"}
    short = {"type": "value_error", "msg": f"must have at least {_SHORTEST_KEY} characters"}
    raise RequestValidationError([{"loc": ("header", "Idempotency-Key"), **(missing if key is None else short)}])


async def _keep(
    service: Service, body: ReportForm, caller: Caller | None, idempotency: Idempotency | None
) -> _Kept | None:
    """The report ready to be stored, its keys in the vault.

    Raises Invalid for what the registry does not bear out; None if it did when this was answered before.
    """
    try:
        place = domain.place_of(*body.place(caller), body.category, registry_of(service))
    except (Invalid, Unavailable):
        if idempotency is not None and await service.group.answered(idempotency):
            return None
        raise
    channel = commands.channel_of(caller)
    report = domain.Report(
        report_id=uuid_utils.compat.uuid7(),
        person_id=uuid_utils.compat.uuid7(),
        street=place.street,
        grid=place.grid,
        category=body.category,
        channel=channel,
        target=body.target,
        desk=domain.FIRST_DESK[channel],
        submitted_at=service.time.now(),
    )
    code = store.new_code(service.keyring, report.report_id)
    return _Kept(report, code, store.code_tags(service.keyring, code)[0], await _seal(service, report, body))


async def _seal(service: Service, report: domain.Report, body: ReportForm) -> store.Sealed:
    """Keys first, then what they seal. A contact that says nothing is none."""
    words = domain.Words(body.text, located(body.location))
    left = body.contact
    if left is None or (left.name is None and left.phone is None):
        key = await service.vault.make(report.report_id)
        return store.Sealed(store.seal_words(key, report.report_id, words), None, None)
    key, other = await asyncio.gather(service.vault.make(report.report_id), service.vault.make(report.person_id))
    contact = store.seal_contact(other, report.person_id, domain.Contact(left.name, left.phone))
    tag = None if left.phone is None else store.phone_tags(service.keyring, left.phone)[0]
    return store.Sealed(store.seal_words(key, report.report_id, words), contact, tag)


async def _discard(service: Service, kept: _Kept | None) -> None:
    """The keys of a report that certainly was not taken in. What cannot be discarded now is swept later."""
    if kept is None:
        return
    try:
        for kind in store.KINDS:
            await service.vault.shred(store.key_name(kind, kept.report.person_id, kept.report.report_id))
    except Unavailable:
        return


def _submit(unit: Unit, kept: _Kept | None, shown: list[UUID]) -> Answer:
    if kept is None:
        raise Unavailable("the answer to this key is being forgotten; try again with a new key")
    report = replace(kept.report, submitted_at=unit.now)
    commands.submit_report(unit, report, kept.code_tag, kept.sealed, shown)
    return Answer(201, taken_view(report).model_dump_json(exclude={"code"}))


def _deed(request: Request, report_id: UUID | None) -> Deed:
    """What is asked for, for the audit: whoever shows no credential is a resident."""
    deed = deed_of(request, None if report_id is None else str(report_id))
    return deed if hasattr(request.state, "caller") else replace(deed, actor=RESIDENT)


def _with_code(answer: Answer, code: str | None) -> Answer:
    """The stored answer and the code that goes with it."""
    told: dict[str, Any] = orjson.loads(answer.body)
    return replace(answer, body=orjson.dumps(told | {"code": code}).decode())


async def _code_again(service: Service, answer: Answer) -> str | None:
    """The code of a report that was taken in before; none once it opens nothing any more."""
    report_id = UUID(orjson.loads(answer.body)["report_id"])
    tag = await queries.code_tag(service.engine, report_id)
    return None if tag is None else store.code_again(service.keyring, report_id, tag)


async def _found(service: Service, code: str) -> Any:
    """The row behind a tracking code. Raises NotFound."""
    meant = domain.code_in(code)
    row = None
    if meant is not None:
        row = await queries.report_by_code(service.engine, store.code_tags(service.keyring, meant))
    if row is None:
        raise NotFound("no report has this tracking code; compare it with what you were given")
    return row


@router.get("/reports/progress", summary="How far a report has come")
async def report_progress(code: TrackingCode, service: Here) -> ProgressView:
    """For whoever holds its tracking code, which is sent in a header: an address would be kept in many places."""
    row = await _found(service, code)
    steps, answer = await queries.progress(service.engine, row)
    subject = domain.subject_of(row.report_id)
    shown = [one.photo_id for one in await photos.claimed_by(service.engine, subject)]
    return progress_view(store.to_report(row), steps, answer, photos.links(service, shown, subject))


@router.post("/reports/progress/rating", response_model=ProgressView, summary="Rate how a report went")
async def rate_report(code: TrackingCode, body: RatingForm, service: Here, request: Request) -> ProgressView:
    """At the end, once; the same rating again changes nothing."""
    report_id: UUID = (await _found(service, code)).report_id
    rating = domain.Rating(body.contacted, body.solved, body.satisfaction)
    await service.command(
        partial(commands.rate_report, report_id=report_id, rating=rating),
        request,
        deed=_deed(request, report_id),
        also=report_id,
        wants=store.Wants(report=report_id),
    )
    return await report_progress(code, service)
