"""Drafts: kept, mended, handed up, joined to a whistle that is open; and the look for what is known already."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response

from whistle_intake import commands, domain, queries, store
from whistle_intake.api.commanding import carried_out, new_id
from whistle_intake.api.forms import DraftForm, DuplicateCheck, Joining, Submission
from whistle_intake.api.registry import registry_of
from whistle_intake.api.views import HandedUpView, LikenessView, WhistleView, answer, answer_handed_up, likeness_view
from whistle_shared.auth import Caller
from whistle_shared.db import Answer, Unit
from whistle_shared.errors import Invalid
from whistle_shared.runtime import Here, may
from whistle_shared.web import PROBLEMS, OptionalIdempotencyKey, StrictRoute, keyed

router = APIRouter(prefix="/api/v1", tags=["drafts"], route_class=StrictRoute, responses=PROBLEMS)


@router.post("/drafts", status_code=201, response_model=WhistleView, summary="Draft a whistle")
async def draft(
    body: DraftForm,
    caller: Annotated[Caller, may("whistle.draft")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """A community, a grid officer, a street or a department says what the matter is; nobody is called yet."""
    matter = body.matter(caller)
    whistle_id = new_id()
    wish = store.Numbers(matter.street, domain.business_day(service.time.now()))
    act = partial(_draft, whistle_id=whistle_id, matter=matter, caller=caller, wish=wish)
    asked = keyed(caller, key, "POST /drafts", body.model_dump_json())
    wants = store.Wants(number=wish)
    return await carried_out(service, request, act, whistle_id, asked, wants=wants, photos=matter.photos)


def _draft(unit: Unit, whistle_id: UUID, matter: domain.Matter, caller: Caller, wish: store.Numbers) -> Answer:
    return answer(commands.draft_whistle(unit, whistle_id, matter, caller, wish), matter, 201)


@router.put("/whistles/{whistle_id}", response_model=WhistleView, summary="Say a draft again, whole")
async def edit(
    whistle_id: UUID,
    body: DraftForm,
    caller: Annotated[Caller, may("whistle.draft")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """Only a draft can be mended; its street stays."""
    matter = body.matter(caller)
    asked = keyed(caller, key, f"PUT {whistle_id}", body.model_dump_json())
    act = partial(_edit, whistle_id=whistle_id, matter=matter, caller=caller)
    return await carried_out(service, request, act, whistle_id, asked, photos=matter.photos)


def _edit(unit: Unit, whistle_id: UUID, matter: domain.Matter, caller: Caller) -> Answer:
    whistle = commands.edit_draft(unit, whistle_id, matter, caller)
    return answer(whistle, store.matter(unit, whistle_id))


@router.post("/whistles/{whistle_id}/submission", response_model=HandedUpView, summary="Hand a draft up")
async def submit(
    whistle_id: UUID,
    body: Submission,
    caller: Annotated[Caller, may("whistle.blow")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """Blown, or waiting for a street leader's signature. 409 lists whistles that are alike: join an open one, reopen
    a closed one, or say why this is a matter of its own."""
    asked = keyed(caller, key, f"submission {whistle_id}", body.model_dump_json())
    act = partial(_submit, whistle_id=whistle_id, caller=caller, reasons=body.reasons)
    wants = store.Wants(likes=body.distinct_reason is None)
    return await carried_out(service, request, act, whistle_id, asked, wants=wants)


def _submit(unit: Unit, whistle_id: UUID, caller: Caller, reasons: commands.Reasons) -> Answer:
    up = commands.submit_draft(unit, whistle_id, caller, reasons)
    return answer_handed_up(up.whistle, up.matter, up.likeness)


@router.post("/whistles/{whistle_id}/joining", response_model=WhistleView, summary="Join a draft to an open whistle")
async def join(
    whistle_id: UUID,
    body: Joining,
    caller: Annotated[Caller, may("whistle.blow")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """The report becomes part of a whistle about the same matter instead of one of its own."""
    asked = keyed(caller, key, f"joining {whistle_id} {body.whistle_id}")
    act = partial(_join, whistle_id=whistle_id, target=body.whistle_id, caller=caller)
    return await carried_out(service, request, act, whistle_id, asked, also=body.whistle_id)


def _join(unit: Unit, whistle_id: UUID, target: UUID, caller: Caller) -> Answer:
    whistle = commands.join_whistle(unit, whistle_id, target, caller)
    return answer(whistle, store.matter(unit, whistle_id))


@router.post("/duplicate-checks", summary="Look for whistles about the same matter")
async def check_duplicates(
    body: DuplicateCheck, caller: Annotated[Caller, may("whistle.read")], service: Here
) -> LikenessView:
    """Before anything is drafted. Without grid and point the answer is empty."""
    if not caller.of_department and not caller.covers(body.street):
        raise Invalid("street", f"street {body.street!r} is not yours")
    if caller.grid not in (None, body.grid):
        raise Invalid("grid", f"yours is {caller.grid!r} and no other")
    probe, regulation, now = body.probe(), registry_of(service).regulation, service.time.now()
    known = await queries.similar(service.engine, probe, regulation, now)
    return likeness_view(domain.liken(probe, known, regulation, now, partial(sees, caller)))


def sees(caller: Caller, known: domain.Known) -> bool:
    """Whether a whistle that is alike exists for this caller."""
    return store.owns(caller, known.street, known.grid, known.initiator)
