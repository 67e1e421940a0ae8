"""The street leader's desk: sign, or do not."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response

from whistle_intake import commands, store
from whistle_intake.api.commanding import carried_out
from whistle_intake.api.forms import Rejection
from whistle_intake.api.views import WhistleView, answer
from whistle_shared.auth import Caller
from whistle_shared.db import Answer, Unit
from whistle_shared.runtime import Here, may
from whistle_shared.web import PROBLEMS, OptionalIdempotencyKey, StrictRoute, keyed

router = APIRouter(prefix="/api/v1", tags=["signatures"], route_class=StrictRoute, responses=PROBLEMS)


@router.post("/whistles/{whistle_id}/approval", response_model=WhistleView, summary="Sign a whistle")
async def approve(
    whistle_id: UUID,
    caller: Annotated[Caller, may("whistle.sign")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """A whistle that waits is blown. For an emergency that was blown at once the signature is given afterwards."""
    act = partial(_approve, whistle_id=whistle_id, caller=caller)
    return await carried_out(service, request, act, whistle_id, keyed(caller, key, f"approval {whistle_id}"))


def _approve(unit: Unit, whistle_id: UUID, caller: Caller) -> Answer:
    whistle = commands.approve_whistle(unit, whistle_id, caller)
    return answer(whistle, store.matter(unit, whistle_id))


@router.post("/whistles/{whistle_id}/rejection", response_model=WhistleView, summary="Do not sign a whistle")
async def reject(
    whistle_id: UUID,
    body: Rejection,
    caller: Annotated[Caller, may("whistle.sign")],
    service: Here,
    request: Request,
    key: OptionalIdempotencyKey = None,
) -> Response:
    """The street handles the matter itself, or the draft goes back to be mended."""
    asked = keyed(caller, key, f"rejection {whistle_id} {body.model_dump_json()}")
    act = partial(_reject, whistle_id=whistle_id, caller=caller, body=body)
    return await carried_out(service, request, act, whistle_id, asked)


def _reject(unit: Unit, whistle_id: UUID, caller: Caller, body: Rejection) -> Answer:
    whistle = commands.reject_whistle(unit, whistle_id, caller, body.outcome, body.reason)
    return answer(whistle, store.matter(unit, whistle_id))
