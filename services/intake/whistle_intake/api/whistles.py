"""Raise, list, follow, withdraw and reopen whistles."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response

from whistle_intake import commands, domain, store
from whistle_intake.api.commanding import carried_out, new_id
from whistle_intake.api.forms import RaiseWhistle, Reopening, Withdrawal
from whistle_intake.api.registry import registry_of
from whistle_intake.api.views import (
    HandedUpView,
    WhistleView,
    answer,
    answer_handed_up,
)
from whistle_shared.auth import Caller
from whistle_shared.db import Answer, Idempotency, Unit
from whistle_shared.errors import Invalid, Unavailable
from whistle_shared.runtime import Here, Service, may
from whistle_shared.web import (
    PROBLEMS,
    IdempotencyKey,
    OptionalIdempotencyKey,
    StrictRoute,
    keyed,
)

router = APIRouter(prefix="/api/v1", tags=["whistles"], route_class=StrictRoute, responses=PROBLEMS)


@router.post("/whistles", status_code=201, response_model=HandedUpView, summary="Blow a whistle")
async def raise_whistle(
    body: RaiseWhistle,
    key: IdempotencyKey,
    caller: Annotated[Caller, may("whistle.blow")],
    service: Here,
    request: Request,
) -> Response:
    """Draft and submission in one: answered 201, blown or waiting for a street leader's signature, only once it is
    durable. A repeat with the same key gives the same answer. 409 lists whistles that are alike."""
    matter, reasons = body.matter(caller), body.reasons
    idempotency = Idempotency.of(str(caller.actor), key, "POST /whistles", body.model_dump_json())
    await _check(service, matter, idempotency)
    whistle_id = new_id()
    wish = store.Numbers(matter.street, domain.business_day(service.time.now()))
    act = partial(_raise, whistle_id=whistle_id, matter=matter, caller=caller, reasons=reasons, wish=wish)
    probe = None if reasons.distinct is not None else domain.Probe.of(matter)
    wants = store.Wants(number=wish, like=probe)
    return await carried_out(service, request, act, whistle_id, idempotency, wants=wants, photos=matter.photos)


async def _check(service: Service, matter: domain.Matter, idempotency: Idempotency) -> None:
    """The registry must bear the whistle out, unless it was accepted before: a repeat gets its old answer."""
    try:
        domain.check(matter, registry_of(service))
    except (Invalid, Unavailable):
        if not await service.group.answered(idempotency):
            raise


def _raise(
    unit: Unit,
    whistle_id: UUID,
    matter: domain.Matter,
    caller: Caller,
    reasons: commands.Reasons,
    wish: store.Numbers,
) -> Answer:
    up = commands.raise_whistle(unit, whistle_id, matter, caller, reasons, wish)
    return answer_handed_up(up.whistle, up.matter, up.likeness, 201)


@router.post("/whistles/{whistle_id}/withdrawal", response_model=WhistleView, summary="Withdraw a whistle")
async def withdraw(
    whistle_id: UUID,
    body: Withdrawal,
    caller: Annotated[Caller, may("whistle.withdraw")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """Tasks are cancelled and clocks stop, even when this overtakes the dispatch. A repetition changes nothing."""
    asked = keyed(caller, key, f"withdrawal {whistle_id} {body.model_dump_json()}")
    act = partial(_withdraw, whistle_id=whistle_id, caller=caller, reason=body.reason)
    return await carried_out(service, request, act, whistle_id, asked)


def _withdraw(unit: Unit, whistle_id: UUID, caller: Caller, reason: str) -> Answer:
    whistle = commands.withdraw_whistle(unit, whistle_id, caller, reason)
    return answer(whistle, store.matter(unit, whistle_id))


@router.post("/whistles/{whistle_id}/reopening", response_model=WhistleView, summary="Reopen a closed whistle")
async def reopen(
    whistle_id: UUID,
    body: Reopening,
    caller: Annotated[Caller, may("whistle.blow")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """The matter came back, or was never solved: a new round, one step more urgent, the original lead first."""
    asked = keyed(caller, key, f"reopening {whistle_id} {body.model_dump_json()}")
    act = partial(_reopen, whistle_id=whistle_id, caller=caller, body=body)
    return await carried_out(service, request, act, whistle_id, asked)


def _reopen(unit: Unit, whistle_id: UUID, caller: Caller, body: Reopening) -> Answer:
    whistle = commands.reopen_whistle(unit, whistle_id, caller, body.cause, body.reason)
    return answer(whistle, store.matter(unit, whistle_id))
