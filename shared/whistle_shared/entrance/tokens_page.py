"""Administration of machines' tokens: `/admin/tokens`. A token is shown once."""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import uuid_utils.compat
from fastapi import APIRouter, Request, Response

from whistle_shared.auth import VALID, Caller, Person, create_token, list_tokens, revoke_token
from whistle_shared.db import note
from whistle_shared.entrance.accounts_page import field_text
from whistle_shared.entrance.giving import check_gift, roles_for, scopes_for
from whistle_shared.errors import Invalid, NotFound
from whistle_shared.pages import PageRoute, elsewhere, form_of, render, visitor
from whistle_shared.runtime import Here, Service, deed_of
from whistle_shared.timesource import wall_now

router = APIRouter(tags=["entrance"], route_class=PageRoute, include_in_schema=False)
Administrator = Annotated[Caller, visitor("account.manage")]
_MOST = 200
_MOST_NAME = 80
_USUAL_DAYS = "90"


@router.get("/admin/tokens")
async def show_tokens(request: Request, service: Here, caller: Administrator) -> Response:
    """Tokens of the administrator's scope, the newest first, and the form for another one."""
    return await _page(request, service, caller, {"days": _USUAL_DAYS}, {}, 200)


@router.post("/admin/tokens")
async def make_token(request: Request, service: Here, caller: Administrator) -> Response:
    """Make a token; it is shown this once."""
    form = await form_of(request)
    name, days = form.get("name", "").strip(), form.get("days", "")[:_MOST].strip()
    said = {field: form.get(field, "")[:_MOST].strip() for field in ("role", "scope", "part")}
    person = Person(name, said["role"], said["scope"], said["part"] or None)
    try:
        _check(person, days)
        check_gift(caller, service, person)
    except Invalid as error:
        return await _page(request, service, caller, form, {error.field: field_text(request, error.field)}, 422)
    token_id, until = uuid_utils.compat.uuid7(), wall_now() + timedelta(days=int(days))
    async with service.group.unit() as unit:
        token = create_token(unit, name, person.role, person.scope, until, person.part, token_id)
        asked = {"name": name, **said, "until": until}
        note(unit, replace(deed_of(request, str(token_id)), action="token.create", asked=asked), "done")
    return render(request, "token.html", 201, token=token, name=name, good_until=until)


def _check(person: Person, days: str) -> None:
    """Raises Invalid."""
    if not 1 <= len(person.name) <= _MOST_NAME or not person.name.isprintable():
        raise Invalid("name", f"must have 1 to {_MOST_NAME} characters")
    if person.part is not None and (len(person.part) > _MOST_NAME or not person.part.isprintable()):
        raise Invalid("part", f"must have at most {_MOST_NAME} characters")
    if not (days.isascii() and days.isdigit() and len(days) < 5 and 1 <= int(days) <= VALID.days):
        raise Invalid("days", f"must be 1 to {VALID.days}")


@router.post("/admin/tokens/{token_id}/revoke")
async def end_token(token_id: UUID, request: Request, service: Here, caller: Administrator) -> Response:
    """End a token."""
    await form_of(request)
    token = next((row for row in await _tokens(service, caller) if row.token_id == token_id), None)
    if token is None:
        raise NotFound("there is no such token, or not for this administrator")
    if token.revoked_at is None:
        async with service.group.unit() as unit:
            revoke_token(unit, token_id)
            deed = replace(deed_of(request, str(token_id)), action="token.revoke", asked={"name": token.name})
            note(unit, deed, "done")
    return elsewhere(request, "/admin/tokens")


async def _tokens(service: Service, caller: Caller) -> list[Any]:
    return [row for row in await list_tokens(service.engine) if caller.covers(row.scope)]


async def _page(
    request: Request, service: Service, caller: Caller, form: dict[str, str], errors: dict[str, str], status: int
) -> Response:
    registry = service.replica.registry
    return render(
        request,
        "tokens.html",
        status,
        tokens=await _tokens(service, caller),
        form=form,
        errors=errors,
        roles=roles_for(caller, registry),
        scopes=scopes_for(caller, registry),
        wall=wall_now(),
    )
