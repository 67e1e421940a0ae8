"""Administration of accounts: `/admin/accounts`. Whoever is administered is somebody else.

INVARIANT: nobody changes their own role or scope, nor disables or resets themselves.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from whistle_shared.auth import (
    Account,
    Caller,
    Forbidden,
    Person,
    change_person,
    create_account,
    disable_account,
    drop_second_factor,
    enable_account,
    end_sessions,
    find_account,
    hold_account,
    initial_password,
    list_accounts,
    list_sessions,
    set_password,
    takes_second_factor,
)
from whistle_shared.db import Deed, Unit, note
from whistle_shared.entrance.doorkeeper import Doorkeeper
from whistle_shared.entrance.giving import check_gift, covered, roles_for, scopes_for
from whistle_shared.errors import Conflict, Invalid, NotFound
from whistle_shared.pages import PageRoute, elsewhere, form_of, render, texts_of, visitor
from whistle_shared.runtime import Here, Service, deed_of
from whistle_shared.timesource import wall_now

router = APIRouter(tags=["entrance"], route_class=PageRoute, include_in_schema=False)
Administrator = Annotated[Caller, visitor("account.manage")]
_A_PAGE = 50
_MOST = 200


@router.get("/admin/accounts")
async def show_accounts(request: Request, service: Here, caller: Administrator) -> Response:
    """Accounts of the administrator's scope, by username; `search`, `role`, `after`."""
    said = request.query_params
    # PostgreSQL has no text with a zero byte, so none is found by one.
    asked = {name: said.get(name, "")[:_MOST].replace("\0", "�") for name in ("search", "role", "after")}
    async with service.engine.connect() as connection:
        found = await list_accounts(connection, caller.scope, **asked, limit=_A_PAGE + 1)
    shown = found[:_A_PAGE]
    return render(
        request,
        "accounts.html",
        accounts=shown,
        further=shown[-1].username if len(found) > _A_PAGE else "",
        roles=roles_for(caller, service.replica.registry),
        wall=wall_now(),
        **asked,
    )


@router.get("/admin/accounts/new")
async def show_new_account(request: Request, service: Here, caller: Administrator) -> Response:
    """The form for a new account."""
    return _new(request, service, caller, {}, {}, 200)


@router.post("/admin/accounts/new")
async def make_account(request: Request, service: Here, caller: Administrator) -> Response:
    """Make an account; its initial password is shown this once."""
    form = await form_of(request)
    person, username = _person(form), form.get("username", "")[:_MOST]
    password = initial_password()
    keeper: Doorkeeper = request.app.state.doorkeeper
    try:
        check_gift(caller, service, person)
        hashed = await keeper.hasher.hash(password)
        async with service.group.unit() as unit:
            account_id = await create_account(unit, _deed(request, None), username, person, password=hashed)
    except (Invalid, Conflict) as error:
        return _new(request, service, caller, form, _errors(request, error), 409 if _taken(error) else 422)
    made = await _found(service, caller, account_id)
    return render(request, "initial_password.html", 201, account=made, password=password)


def _new(
    request: Request, service: Service, caller: Caller, form: dict[str, str], errors: dict[str, str], status: int
) -> Response:
    return render(request, "account_new.html", status, form=form, errors=errors, **_choices(service, caller))


@router.get("/admin/accounts/{account_id}")
async def show_account_of(account_id: UUID, request: Request, service: Here, caller: Administrator) -> Response:
    """One account, and what can be done with it."""
    return await _one(request, service, caller, await _found(service, caller, account_id))


async def _one(
    request: Request,
    service: Service,
    caller: Caller,
    account: Account,
    form: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    async with service.engine.connect() as connection:
        sessions = await list_sessions(connection, account.account_id)
    return render(
        request,
        "account_one.html",
        status,
        account=account,
        own=account.account_id == caller.id,
        form=form or {"name": account.name, "role": account.role, "scope": account.scope, "part": account.part or ""},
        errors=errors or {},
        sessions=sessions,
        required=takes_second_factor(account.role),
        wall=wall_now(),
        **_choices(service, caller),
    )


@router.post("/admin/accounts/{account_id}/person")
async def change_account(account_id: UUID, request: Request, service: Here, caller: Administrator) -> Response:
    """Another name, role, scope or part."""
    form = await form_of(request)
    person = _person(form)
    try:
        check_gift(caller, service, person)
        async with service.group.unit() as unit:
            held = await _held(unit, caller, account_id)
            await change_person(unit, _deed(request, held), held, person)
    except Invalid as error:
        account = await _found(service, caller, account_id)
        return await _one(request, service, caller, account, form, _errors(request, error), 422)
    return elsewhere(request, f"/admin/accounts/{account_id}")


@router.post("/admin/accounts/{account_id}/password")
async def reset_password(account_id: UUID, request: Request, service: Here, caller: Administrator) -> Response:
    """Another initial password, shown this once."""
    await form_of(request)
    password = initial_password()
    keeper: Doorkeeper = request.app.state.doorkeeper
    hashed = await keeper.hasher.hash(password)
    async with service.group.unit() as unit:
        held = await _held(unit, caller, account_id)
        await set_password(unit, _deed(request, held), "account.reset", held, hashed, must_change=True)
    return render(request, "initial_password.html", account=held, password=password)


@router.post("/admin/accounts/{account_id}/disable")
async def close_account(account_id: UUID, request: Request, service: Here, caller: Administrator) -> Response:
    """Let nobody in any more."""
    return await _act(account_id, request, service, caller, disable_account)


@router.post("/admin/accounts/{account_id}/enable")
async def open_account(account_id: UUID, request: Request, service: Here, caller: Administrator) -> Response:
    """Let them in again, also when too many failures have closed it."""
    return await _act(account_id, request, service, caller, enable_account)


@router.post("/admin/accounts/{account_id}/second-factor")
async def drop_factor(account_id: UUID, request: Request, service: Here, caller: Administrator) -> Response:
    """Ask for the second factor no longer: the device is lost."""
    return await _act(account_id, request, service, caller, drop_second_factor)


@router.post("/admin/accounts/{account_id}/sessions")
async def sign_out_everywhere(account_id: UUID, request: Request, service: Here, caller: Administrator) -> Response:
    """End all sessions of the account."""
    return await _act(account_id, request, service, caller, _end_sessions)


async def _end_sessions(unit: Unit, deed: Deed, held: Account) -> None:
    await end_sessions(unit, held.account_id)
    note(unit, replace(deed, action="account.sessions_end"), "done")


async def _act(
    account_id: UUID,
    request: Request,
    service: Service,
    caller: Caller,
    act: Callable[[Unit, Deed, Account], Awaitable[None]],
) -> Response:
    await form_of(request)
    async with service.group.unit() as unit:
        held = await _held(unit, caller, account_id)
        await act(unit, _deed(request, held), held)
    return elsewhere(request, f"/admin/accounts/{account_id}")


async def _found(service: Service, caller: Caller, account_id: UUID) -> Account:
    async with service.engine.connect() as connection:
        account = await find_account(connection, account_id)
    if account is None:
        raise NotFound("there is no such account")
    covered(caller, account.scope)
    return account


async def _held(unit: Unit, caller: Caller, account_id: UUID) -> Account:
    """Somebody else's account within reach, held. Raises NotFound, and Forbidden for the caller's own."""
    held = await hold_account(unit, account_id)
    covered(caller, held.scope)
    if held.account_id == caller.id:
        raise Forbidden("one's own account is changed by somebody else, or under /account")
    return held


def _deed(request: Request, account: Account | None) -> Deed:
    """What `auth.accounts` completes with the action."""
    asked = {} if account is None else {"username": account.username}
    return replace(deed_of(request, str(account.account_id) if account else None), asked=asked)


def _person(form: dict[str, str]) -> Person:
    said = {name: form.get(name, "")[:_MOST].strip() for name in ("name", "role", "scope", "part")}
    return Person(said["name"], said["role"], said["scope"], said["part"] or None)


def _choices(service: Service, caller: Caller) -> dict[str, Any]:
    registry = service.replica.registry
    return {"roles": roles_for(caller, registry), "scopes": scopes_for(caller, registry)}


def _taken(error: Exception) -> bool:
    return isinstance(error, Conflict)


def _errors(request: Request, error: Invalid | Conflict) -> dict[str, str]:
    """The field at fault and what would do, in the reader's language."""
    texts = texts_of(request)
    if isinstance(error, Invalid):
        return {error.field: field_text(request, error.field)}
    return {"username": texts.gettext("这个用户名已有人用。")}


def field_text(request: Request, field: str) -> str:
    """What a field takes."""
    texts = texts_of(request)
    takes = {
        "username": texts.gettext("2 到 64 个字：字母、汉字、数字和 . _ - @。"),
        "name": texts.gettext("请写明姓名，至多 80 个字。"),
        "part": texts.gettext("至多 80 个字；街道的网格要写已有的编码，全区范围不填。"),
        "role": texts.gettext("请选择一个您可以授予的角色。"),
        "scope": texts.gettext("这个角色要有与之相应的范围：街道角色选街道，部门角色选部门，区级角色选全区。"),
        "days": texts.gettext("请填 1 到 365 天。"),
    }
    return takes[field]
