"""Signing in and out: `/sign-in`, `/sign-in/second-factor`, `/sign-out`."""

from fastapi import APIRouter, Request, Response

from whistle_shared.auth import Forbidden
from whistle_shared.entrance.doorkeeper import Doorkeeper, TurnedAway
from whistle_shared.entrance.letting_in import half_way, leave, local_path, receive
from whistle_shared.errors import Unavailable
from whistle_shared.pages import ElseFirst, PageRoute, busy, duration, elsewhere, form_of, home_path, render, texts_of
from whistle_shared.runtime import Here, SignedIn
from whistle_shared.web import TooMany

router = APIRouter(tags=["entrance"], route_class=PageRoute, include_in_schema=False)
_MOST = 500


@router.get("/sign-in")
async def show_sign_in(request: Request, service: Here, session: SignedIn) -> Response:
    """The form; whoever is signed in already goes on."""
    onward = local_path(request.query_params.get("next", ""))
    if session is not None:
        return elsewhere(request, onward or home_path(request, session.caller))
    return _form(request, service, onward)


@router.post("/sign-in")
async def sign_in(request: Request, service: Here) -> Response:
    """Username and password: in, or on to the second factor, or back to the form with the reason."""
    form = await form_of(request)
    if not service.settings.local_accounts:
        raise Forbidden("local accounts are switched off")
    username, password = form.get("username", "")[:_MOST], form.get("password", "")[:_MOST]
    onward = local_path(form.get("next", ""))
    keeper: Doorkeeper = request.app.state.doorkeeper
    try:
        account = await keeper.knows(request, username, password)
        return await receive(request, service, account, "password", onward)
    except (TurnedAway, TooMany, Unavailable) as refused:
        return _form(request, service, onward, username, refused)


def _form(
    request: Request, service: Here, onward: str, username: str = "", refused: Exception | None = None
) -> Response:
    error, status, wait = told(request, refused, texts_of(request).gettext("用户名或密码不对。请核对后再试。"))
    return busy(
        render(
            request,
            "sign_in.html",
            status,
            local=service.settings.local_accounts,
            single_sign_on=getattr(request.app.state, "single_sign_on", None),
            onward=onward,
            username=username,
            error=error,
        ),
        wait,
    )


def told(request: Request, refused: Exception | None, wrong: str) -> tuple[str, int, int]:
    """What somebody who is not let in is told, the status, and after how many seconds to try again (0: at once).

    `wrong`: what to say of a wrong answer.
    """
    texts = texts_of(request)
    if isinstance(refused, TurnedAway):
        if refused.why == "locked":
            left = texts.gettext("连续多次输错，该账号的登录已暂时锁定。请 %(left)s 后再试；已登录的页面不受影响。")
            return left % {"left": duration(request, refused.wait)}, 429, refused.wait
        return wrong if refused.why == "wrong" else texts.gettext("该账号已停用。请联系系统管理员。"), 401, 0
    if isinstance(refused, TooMany):
        spent = texts.gettext("这个网络地址输错的次数太多。请 %(left)s 后再试。")
        return spent % {"left": duration(request, refused.wait)}, 429, refused.wait
    if refused is not None:
        return texts.gettext("此刻登录的人太多。请稍后再试。"), 503, 2
    return "", 200, 0


@router.get("/sign-in/second-factor")
async def show_second_factor(request: Request, service: Here) -> Response:
    """The form for the digits, for whoever has come half way."""
    if await half_way(request, service) is None:
        raise ElseFirst("/sign-in")
    return render(request, "sign_in_second_factor.html", error="")


@router.post("/sign-in/second-factor")
async def confirm_sign_in(request: Request, service: Here) -> Response:
    """Six digits or a recovery code."""
    form = await form_of(request)
    come = await half_way(request, service)
    if come is None:
        raise ElseFirst("/sign-in")
    keeper: Doorkeeper = request.app.state.doorkeeper
    try:
        await keeper.confirms(request, come.account, form.get("code", "")[:_MOST])
        return await receive(request, service, come.account, come.how, come.onward, strong=True)
    except (TurnedAway, TooMany) as refused:
        wrong = texts_of(request).gettext("验证码不对，或已经用过。请输入最新的一个。")
        error, status, wait = told(request, refused, wrong)
        return busy(render(request, "sign_in_second_factor.html", status, error=error), wait)


@router.post("/sign-out")
async def sign_out(request: Request, service: Here) -> Response:
    """End this browser's session."""
    await form_of(request)
    return await leave(request, service)
