"""How a request about a whistle becomes a command, and a matter that is known already an answer."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import orjson
import uuid_utils.compat
from fastapi import Request, Response

from whistle_intake import commands, store
from whistle_intake.api.views import likeness_view
from whistle_shared.db import Answer, Idempotency, Unit
from whistle_shared.runtime import Service
from whistle_shared.web import problem, respond

Act = Callable[[Unit], Answer]


def new_id() -> UUID:
    """A new whistle's id: newer ones sort later."""
    return uuid_utils.compat.uuid7()


async def carried_out(
    service: Service,
    request: Request,
    act: Act,
    whistle_id: UUID,
    idempotency: Idempotency | None,
    *,
    wants: store.Wants | None = None,
    also: UUID | None = None,
    photos: Sequence[UUID] = (),
) -> Response:
    """The answer of a command about one whistle. A new one's address goes with it."""
    try:
        answer: Answer = await service.command(
            act, request, whistle=whistle_id, idempotency=idempotency, wants=wants, also=also, photos=photos
        )
    except commands.KnownAlready as known:
        return known_already(known)
    return respond(answer, location=f"/api/v1/whistles/{_id_in(answer)}" if answer.status == 201 else None)


def known_already(known: commands.KnownAlready) -> Response:
    """409 that lists what the matter is like, and where to go on from there."""
    told: dict[str, Any] = likeness_view(known.likeness).model_dump(mode="json")
    for relapse in told["relapses"]:
        relapse["reopening"] = f"/api/v1/whistles/{relapse['whistle_id']}/reopening"
    return problem(409, "Known already", str(known), **told)


def _id_in(answer: Answer) -> str:
    whistle_id: str = orjson.loads(answer.body)["whistle_id"]
    return whistle_id
