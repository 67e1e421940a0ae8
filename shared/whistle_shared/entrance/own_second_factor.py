"""One's own second factor: set up, other recovery codes, given up. `/account/second-factor`."""

from fastapi import APIRouter, Request, Response

from whistle_shared.auth import (
    Account,
    Session,
    drop_second_factor,
    set_recovery,
    set_second_factor,
    takes_second_factor,
)
from whistle_shared.auth import second_factor as factor
from whistle_shared.entrance.doorkeeper import Doorkeeper, TurnedAway, own_deed
from whistle_shared.entrance.letting_in import fresh_session, give_session
from whistle_shared.entrance.own_account import account_of, held_of
from whistle_shared.entrance.sign_in import told
from whistle_shared.keyring import Unreadable
from whistle_shared.pages import (
    ElseFirst,
    PageRoute,
    SignedInSession,
    busy,
    elsewhere,
    form_of,
    home_path,
    render,
    texts_of,
)
from whistle_shared.runtime import Here, Service
from whistle_shared.timesource import wall_now
from whistle_shared.web import TooMany

router = APIRouter(tags=["entrance"], route_class=PageRoute, include_in_schema=False)
_MOST = 500


@router.get("/account/second-factor")
async def show_own_second_factor(request: Request, service: Here, session: SignedInSession) -> Response:
    """What there is, or a new secret to be confirmed."""
    account = await _account(service, session)
    if account.has_second_factor:
        return _present(request, account)
    return _setting_up(request, service, session, account, factor.new_secret())


@router.post("/account/second-factor")
async def set_up_second_factor(request: Request, service: Here, session: SignedInSession) -> Response:
    """Confirm a new device by its digits, and oneself by the password. Ends all other sessions."""
    form = await form_of(request)
    account = await _account(service, session)
    if account.has_second_factor:
        return elsewhere(request, "/account/second-factor")
    secret = _open(service, session, form.get("setup", ""))
    if secret is None:
        return elsewhere(request, "/account/second-factor")
    keeper: Doorkeeper = request.app.state.doorkeeper
    try:
        if account.password is not None:
            await keeper.repeats(request, account, form.get("password", "")[:_MOST])
    except (TurnedAway, TooMany) as refused:
        error, status, wait = told(request, refused, texts_of(request).gettext("密码不对。"))
        return busy(_setting_up(request, service, session, account, secret, {"password": error}, status), wait)
    step = factor.step_of(secret, form.get("code", "")[:_MOST], wall_now())
    if step is None:
        wrong = {"code": texts_of(request).gettext("验证码不对。请核对手机时间，输入最新的一个。")}
        return _setting_up(request, service, session, account, secret, wrong, 422)
    codes = factor.new_recovery_codes()
    async with service.group.unit() as unit:
        held = await held_of(unit, request, service, session)
        if held.has_second_factor:
            return elsewhere(request, "/account/second-factor")
        digests = [factor.digest_of_code(held.account_id, code) for code in codes]
        sealed = factor.seal_secret(service.keyring, held.account_id, secret)
        await set_second_factor(unit, own_deed(request, held.caller, ""), held, sealed, step, digests)
        cookie = await fresh_session(unit, request, service, held, second_factor=True)
    onward = home_path(request, held.caller) if session.owes else "/account"
    answer = render(request, "recovery_codes.html", codes=codes, onward=onward)
    give_session(request, service, answer, cookie)
    return answer


@router.post("/account/second-factor/codes")
async def renew_recovery_codes(request: Request, service: Here, session: SignedInSession) -> Response:
    """Ten other recovery codes, for a code."""
    form = await form_of(request)
    account = await _account(service, session)
    refusal = await _refusal(request, account, form.get("code", "")[:_MOST])
    if refusal is not None:
        return refusal
    codes = factor.new_recovery_codes()
    async with service.group.unit() as unit:
        held = await held_of(unit, request, service, session)
        digests = [factor.digest_of_code(held.account_id, code) for code in codes]
        set_recovery(unit, own_deed(request, held.caller, ""), held, digests)
    return render(request, "recovery_codes.html", codes=codes, onward="/account")


@router.post("/account/second-factor/end")
async def give_up_second_factor(request: Request, service: Here, session: SignedInSession) -> Response:
    """Ask for it no longer, for a code; who must have one sets up another at once. Ends all sessions."""
    form = await form_of(request)
    account = await _account(service, session)
    refusal = await _refusal(request, account, form.get("code", "")[:_MOST])
    if refusal is not None:
        return refusal
    async with service.group.unit() as unit:
        held = await held_of(unit, request, service, session)
        await drop_second_factor(unit, own_deed(request, held.caller, ""), held)
        cookie = await fresh_session(unit, request, service, held, second_factor=False)
    answer = elsewhere(request, "/account/second-factor")
    give_session(request, service, answer, cookie)
    return answer


async def _account(service: Service, session: Session) -> Account:
    """Nothing here before an initial password has been changed."""
    if session.must_change:
        raise ElseFirst("/account/password")
    return await account_of(service, session)


async def _refusal(request: Request, account: Account, code: str) -> Response | None:
    """The page that texts_of why a code was not taken, or None when it was."""
    if not account.has_second_factor:
        return elsewhere(request, "/account/second-factor")
    keeper: Doorkeeper = request.app.state.doorkeeper
    try:
        await keeper.confirms(request, account, code)
    except (TurnedAway, TooMany) as refused:
        wrong = texts_of(request).gettext("验证码不对，或已经用过。请输入最新的一个。")
        error, status, wait = told(request, refused, wrong)
        return busy(_present(request, account, error, status), wait)
    return None


def _present(request: Request, account: Account, error: str = "", status: int = 200) -> Response:
    required = takes_second_factor(account.role)
    return render(request, "second_factor.html", status, account=account, required=required, error=error)


def _setting_up(
    request: Request,
    service: Service,
    session: Session,
    account: Account,
    secret: str,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    """INVARIANT: a secret is kept nowhere but in the page, sealed for this session, until it is confirmed."""
    return render(
        request,
        "second_factor_setup.html",
        status,
        account=account,
        required=takes_second_factor(account.role),
        picture=factor.picture_of(secret, account.username, f"Whistle {service.name}"),
        secret=" ".join(secret[i : i + 4] for i in range(0, len(secret), 4)),
        setup=service.keyring.seal(secret.encode(), _purpose(session)).hex(),
        errors=errors or {},
    )


def _open(service: Service, session: Session, setup: str) -> str | None:
    try:
        return service.keyring.open(bytes.fromhex(setup), _purpose(session)).decode()
    except (Unreadable, ValueError):
        return None


def _purpose(session: Session) -> str:
    return f"second factor being set up in {session.session_id}"
