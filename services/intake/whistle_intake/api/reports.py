"""Reports on the desks of grid, community and street: listed, read, decided; a contact unmasked, a person erased."""

from dataclasses import replace
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict, Field, JsonValue

from whistle_intake import commands, domain, queries, store
from whistle_intake.api.commanding import new_id
from whistle_intake.api.forms import EXAMPLE, DraftForm
from whistle_intake.api.report_views import (
    ErasedView,
    ReportDetail,
    ReportView,
    TriagedView,
    UnmaskedView,
    report_detail,
    report_views,
    triaged_view,
)
from whistle_shared import photos
from whistle_shared.auth import Caller
from whistle_shared.contracts.vocabulary import ReportOutcome, Text
from whistle_shared.db import Answer, Deed, Unit, note
from whistle_shared.errors import Invalid, Unavailable
from whistle_shared.keyring import Unreadable
from whistle_shared.runtime import Here, Service, deed_of, may, trace_of
from whistle_shared.web import (
    PROBLEMS,
    Blotted,
    Cursor,
    Limit,
    OptionalIdempotencyKey,
    Page,
    Reason,
    Strict,
    StrictRoute,
    after,
    keyed,
    next_cursor,
    respond,
)

router = APIRouter(prefix="/api/v1", tags=["reports"], route_class=StrictRoute, responses=PROBLEMS)

Note = Annotated[Text, Field(max_length=2000), Blotted]
_TRIAGE: list[JsonValue] = [
    {"outcome": "handling", "answer": "网格员今天下午到现场查看"},
    {"outcome": "drafted", "note": "需部门处置", "draft": EXAMPLE},
]


class Triage(Strict):
    """What becomes of a report. `note` is for colleagues, `answer` for whoever reported; numbers in both are blotted
    out. `draft`, for the outcome *drafted*: the whistle, in the words of whoever drafts it."""

    model_config = ConfigDict(json_schema_extra={"examples": _TRIAGE})

    outcome: ReportOutcome
    note: Note = ""
    answer: Note = ""
    draft: DraftForm | None = None

    def said(self) -> commands.Said:
        """Raises Invalid for a draft where none is meant, for none where one is, and for declining without a reason."""
        if (self.draft is not None) != (self.outcome == "drafted"):
            raise Invalid("draft", "is given with the outcome 'drafted' and with no other")
        if self.outcome == "declined" and not self.answer.strip():
            raise Invalid("answer", "is needed: whoever reported is told why")
        return commands.Said(self.outcome, self.note, self.answer)


class Unmasking(Strict):
    """Why somebody has to know it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "电话核实井盖位置"}]})

    reason: Reason


class Erasure(Strict):
    """Why it is erased."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "本人申请删除个人信息"}]})

    reason: Reason


@router.get("/reports", summary="The reports of the caller's place, newest first")
async def list_reports(
    caller: Annotated[Caller, may("report.read")],
    service: Here,
    state: Annotated[list[domain.ReportState] | None, Query(description="Only these; may be repeated")] = None,
    desk: Annotated[domain.Desk | None, Query(description="Only what is with them")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ReportView]:
    """A grid officer sees the grid's, a street's people the street's, the district all."""
    rows = await queries.reports(
        service.engine, caller, states=state or (), desk=desk, after=after(cursor), limit=limit
    )
    items = await report_views(service.vault, rows, commands.level_of(caller))
    return Page(items=items, next_cursor=next_cursor([row.report_id for row in rows], limit))


@router.get("/reports/{report_id}", summary="One report with what was said of it")
async def read_report(report_id: UUID, caller: Annotated[Caller, may("report.read")], service: Here) -> ReportDetail:
    row, turns = await queries.report(service.engine, caller, report_id)
    shown = [one.photo_id for one in await photos.claimed_by(service.engine, domain.subject_of(report_id))]
    links = photos.links(service, shown, caller)
    return await report_detail(service.vault, row, turns, commands.level_of(caller), links)


@router.post("/reports/{report_id}/triage", response_model=TriagedView, summary="Say what becomes of a report")
async def triage_report(
    report_id: UUID,
    body: Triage,
    caller: Annotated[Caller, may("report.triage")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """Handle it here, hand it up, draft a whistle from it, say that it is done, or decline it: 小事不出社区."""
    said, draft = body.said(), _drafted(body, caller, service)
    act = partial(_triage, report_id=report_id, caller=caller, said=said, draft=draft)
    answer: Answer = await service.command(
        act,
        request,
        deed=_deed_of_triage(request, report_id),
        whistle=None if draft is None else draft.whistle_id,
        also=report_id,
        wants=store.Wants(report=report_id, number=None if draft is None else draft.wish),
        photos=() if draft is None else draft.matter.photos,
        idempotency=keyed(caller, key, f"triage {report_id}", body.model_dump_json()),
    )
    return respond(answer)


def _deed_of_triage(request: Request, report_id: UUID) -> Deed:
    """What is noted about somebody stays where it can be erased: the audit only grows."""
    deed = deed_of(request, str(report_id))
    return replace(deed, asked={name: said for name, said in deed.asked.items() if name not in ("note", "answer")})


def _drafted(body: Triage, caller: Caller, service: Service) -> commands.Draft | None:
    if body.draft is None:
        return None
    caller.needs("whistle.draft")
    matter = body.draft.matter(caller)
    wish = store.Numbers(matter.street, domain.business_day(service.time.now()))
    return commands.Draft(new_id(), matter, wish)


def _triage(unit: Unit, report_id: UUID, caller: Caller, said: commands.Said, draft: commands.Draft | None) -> Answer:
    report = commands.triage_report(unit, report_id, caller, said, draft)
    return Answer(200, triaged_view(report, commands.level_of(caller)).model_dump_json())


@router.post("/reports/{report_id}/contact", summary="Unmask a contact")
async def unmask_contact(
    report_id: UUID,
    body: Unmasking,
    caller: Annotated[Caller, may("person.unmask")],
    service: Here,
    request: Request,
) -> UnmaskedView:
    """The name, the number and the words as they were given. Who looked, and why, stands in the audit before anything
    is shown."""
    row, _ = await queries.report(service.engine, caller, report_id)
    try:
        words, contact = await queries.words(service.vault, row), await queries.contact(service.vault, row)
    except Unreadable:
        raise Unavailable("this was sealed by a key that is not in the key file") from None
    async with service.group.unit() as unit:
        unit.trace = trace_of(request)
        note(unit, deed_of(request, str(report_id)), "done")
    return UnmaskedView(name=contact and contact.name, phone=contact and contact.phone, text=words and words.text)


@router.post("/people/{person_id}/erasure", summary="Erase a person")
async def erase_person(
    person_id: UUID,
    body: Erasure,
    caller: Annotated[Caller, may("person.erase")],
    service: Here,
    request: Request,
) -> ErasedView:
    """Their contact, their words and their photos, here and in every backup; the tracking code opens nothing any more.
    Where, when and what kind of matter it was stays."""
    report_id = await queries.report_of_person(service.engine, caller, person_id)
    erased = await commands.forget(service, person_id, report_id, store.KINDS, deed_of(request, str(report_id)))
    return ErasedView(person_id=person_id, report_id=report_id, erased=list(erased.kinds), photos=erased.photos)
