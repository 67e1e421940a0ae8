"""One's own account: who one is, one's sessions, another password. `/account`, and what lies under it."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from whistle_shared.auth import (
    LONGEST,
    SHORTEST,
    Account,
    Session,
    Weakness,
    end_sessions,
    find_account,
    hold_account,
    list_sessions,
    set_password,
    takes_second_factor,
)
from whistle_shared.db import Unit, note
from whistle_shared.entrance.devices import device_of
from whistle_shared.entrance.doorkeeper import Doorkeeper, TurnedAway, own_deed
from whistle_shared.entrance.letting_in import fresh_session, give_session
from whistle_shared.entrance.sign_in import told
from whistle_shared.errors import NotFound
from whistle_shared.pages import (
    SIGN_IN,
    ElseFirst,
    PageRoute,
    SignedInSession,
    admit,
    busy,
    elsewhere,
    form_of,
    home_path,
    render,
    texts_of,
)
from whistle_shared.runtime import Here, Service, find_session_of
from whistle_shared.web import TooMany

router = APIRouter(tags=["entrance"], route_class=PageRoute, include_in_schema=False)
_MOST = 500


async def account_of(service: Service, session: Session) -> Account:
    """The account of whoever is signed in. Raises NotFound."""
    async with service.engine.connect() as connection:
        account = await find_account(connection, session.caller.id)
    if account is None:
        raise NotFound("the account is gone")
    return account


async def held_of(unit: Unit, request: Request, service: Service, session: Session) -> Account:
    """The account of whoever is signed in, held, after the slow work. Raises ElseFirst when what closes their session,
    which takes the same lock, came before."""
    held = await hold_account(unit, session.caller.id)
    if await find_session_of(request, service) is None:
        raise ElseFirst(SIGN_IN)
    return held


@router.get("/account")
async def show_account(request: Request, service: Here, session: SignedInSession) -> Response:
    """Who one is, and where one is signed in."""
    admit(session)
    async with service.engine.connect() as connection:
        sessions = await list_sessions(connection, session.caller.id)
    return render(
        request,
        "account.html",
        account=await account_of(service, session),
        sessions=sessions,
        device_of=device_of,
        current=session.session_id,
        required=takes_second_factor(session.caller.role),
    )


@router.post("/account/sessions")
async def end_own_sessions(request: Request, service: Here, session: SignedInSession) -> Response:
    """End the session whose id is given as `session`, or `all` of them, this one included."""
    form = await form_of(request)
    only = None if form.get("session") == "all" else _uuid(form.get("session", ""))
    async with service.group.unit() as unit:
        await end_sessions(unit, session.caller.id, only=only)
        which = "all" if only is None else str(only)
        note(unit, own_deed(request, session.caller, "account.sessions_end", session=which), "done")
    if only is not None and only != session.session_id:
        return elsewhere(request, "/account")
    answer = elsewhere(request, "/sign-in")
    give_session(request, service, answer, "")
    return answer


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("there is no such session") from None


@router.get("/account/password")
async def show_password(request: Request, service: Here, session: SignedInSession) -> Response:
    """The form for another password."""
    return _form(request, await _with_password(service, session))


@router.post("/account/password")
async def change_password(request: Request, service: Here, session: SignedInSession) -> Response:
    """Another password: needs the present one, unless that was only an initial one. Ends all other sessions."""
    form = await form_of(request)
    account = await _with_password(service, session)
    keeper: Doorkeeper = request.app.state.doorkeeper
    try:
        if not account.must_change:
            await keeper.repeats(request, account, form.get("current_password", "")[:_MOST])
    except (TurnedAway, TooMany) as refused:
        error, status, wait = told(request, refused, texts_of(request).gettext("现在的密码不对。"))
        return busy(_form(request, account, {"current_password": error}, status), wait)
    new = form.get("new_password", "")[:_MOST]
    errors = await _errors(request, keeper, account, new, form.get("repeated", ""))
    if errors:
        return _form(request, account, errors, 422)
    hashed = await keeper.hasher.hash(new)
    async with service.group.unit() as unit:
        held = await held_of(unit, request, service, session)
        deed = own_deed(request, held.caller, "account.password")
        await set_password(unit, deed, "account.password", held, hashed, must_change=False)
        secret = await fresh_session(unit, request, service, held, second_factor=session.second_factor)
    answer = elsewhere(request, home_path(request, held.caller) if account.must_change else "/account")
    give_session(request, service, answer, secret)
    return answer


async def _with_password(service: Service, session: Session) -> Account:
    account = await account_of(service, session)
    if account.password is None:
        raise NotFound("this account signs in elsewhere and has no password")
    return account


async def _errors(request: Request, keeper: Doorkeeper, account: Account, new: str, repeated: str) -> dict[str, str]:
    weakness = await keeper.hasher.weakness(new, (account.username, account.name))
    if weakness is None and await keeper.hasher.verify(account.password, new):
        weakness = "same"
    if weakness is not None:
        return {"new_password": weakness_text(request, weakness)}
    return {} if new == repeated else {"repeated": texts_of(request).gettext("两次输入的新密码不一样。")}


def weakness_text(request: Request, weakness: Weakness) -> str:
    """Why a password will not do, and what would."""
    texts = texts_of(request)
    return {
        "short": texts.gettext("太短：至少 %(n)s 个字符。") % {"n": SHORTEST},
        "long": texts.gettext("太长：至多 %(n)s 个字符。") % {"n": LONGEST},
        "guessable": texts.gettext("太容易被猜到：请用几个互不相干的词，不要用姓名、日期、键盘上相邻的字母。"),
        "same": texts.gettext("与现在的密码相同。"),
    }[weakness]


def _form(request: Request, account: Account, errors: dict[str, str] | None = None, status: int = 200) -> Response:
    limits = {"shortest": SHORTEST, "longest": LONGEST}
    return render(request, "password.html", status, account=account, errors=errors or {}, **limits)
