"""From somebody who has shown who they are to a session, and out again.

INVARIANT: a session begins with a secret of its own whatever the browser brought along, and only once everything that
the account asks for has been shown.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import orjson
from fastapi import Request, Response

from whistle_shared.auth import (
    LASTING,
    Account,
    adjust_account,
    end_sessions,
    find_account,
    hold_account,
    open_session,
)
from whistle_shared.db import Unit, note
from whistle_shared.entrance.doorkeeper import TurnedAway, own_deed
from whistle_shared.keyring import Unreadable
from whistle_shared.pages import elsewhere, home_path, set_cookie
from whistle_shared.runtime import Service, find_session_of, session_cookie
from whistle_shared.timesource import wall_now

_HALF_WAY = timedelta(minutes=5)
_PURPOSE = "half signed in"
_LOCAL = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
_MOST_PATH = 500


@dataclass(frozen=True, slots=True)
class HalfWay:
    """Somebody who still owes the second factor. `how`: what they have shown; `onward`: where they want to go."""

    account: Account
    how: str
    onward: str


def local_path(text: str) -> str:
    """A path of this very service, or nothing: an address from outside must not send people elsewhere."""
    return text if len(text) <= _MOST_PATH and _LOCAL.fullmatch(text) else ""


async def receive(
    request: Request, service: Service, account: Account, how: str, onward: str = "", *, strong: bool = False
) -> Response:
    """Let in whoever has shown to be this account's person; first for the second factor, where there is one, unless
    `strong`: what they have shown included one. `how`: `password` or `single sign-on`, for the audit.

    Raises TurnedAway when the account has been closed meanwhile, or what was shown counts no longer.
    """
    if account.has_second_factor and not strong:
        answer = elsewhere(request, "/sign-in/second-factor")
        set_cookie(request, answer, _half_cookie(service, request), _half(service, account, how, onward), _HALF_WAY)
        return answer
    async with service.group.unit() as unit:
        held = await hold_account(unit, account.account_id)
        if held.disabled_at is not None:
            raise TurnedAway("disabled")
        if _stamp(held) != _stamp(account):
            raise TurnedAway("wrong")
        adjust_account(unit, held, failures=0, locked_until=None, signed_in_at=wall_now())
        secret = await fresh_session(unit, request, service, held, second_factor=strong)
        note(unit, own_deed(request, held.caller, "sign_in", how=how, second_factor=strong), "done")
    answer = elsewhere(request, local_path(onward) or home_path(request, held.caller))
    give_session(request, service, answer, secret)
    return answer


async def fresh_session(
    unit: Unit, request: Request, service: Service, account: Account, *, second_factor: bool
) -> str:
    """A new session in place of whatever this browser had; returns the cookie's secret."""
    before = await find_session_of(request, service)
    if before is not None:
        await end_sessions(unit, before.caller.id, only=before.session_id)
    address = request.client.host if request.client else ""
    agent = request.headers.get("user-agent", "")
    return await open_session(unit, account.account_id, second_factor=second_factor, address=address, agent=agent)


def give_session(request: Request, service: Service, answer: Response, secret: str) -> None:
    """Have the browser keep a session, or forget it (an empty secret), and forget that it was half way."""
    set_cookie(request, answer, session_cookie(service, request), secret, LASTING)
    if _half_cookie(service, request) in request.cookies:
        set_cookie(request, answer, _half_cookie(service, request), "", _HALF_WAY)


async def half_way(request: Request, service: Service) -> HalfWay | None:
    """Whoever has come half way with this browser, in the last five minutes and with a password that still counts."""
    sealed = request.cookies.get(_half_cookie(service, request), "")
    try:
        kept = orjson.loads(service.keyring.open(bytes.fromhex(sealed), _PURPOSE))
        if datetime.fromisoformat(kept["until"]) < wall_now():
            return None
    except (Unreadable, ValueError):
        return None
    async with service.engine.connect() as connection:
        account = await find_account(connection, UUID(kept["account"]))
    if account is None or _stamp(account) != kept["stamp"]:
        return None
    return HalfWay(account, kept["how"], kept["onward"])


def _half(service: Service, account: Account, how: str, onward: str) -> str:
    until = (wall_now() + _HALF_WAY).isoformat()
    kept = {"account": str(account.account_id), "stamp": _stamp(account), "how": how, "onward": onward, "until": until}
    return service.keyring.seal(orjson.dumps(kept), _PURPOSE).hex()


def _stamp(account: Account) -> str:
    """Changes with the password and the second factor."""
    return f"{account.password_at} {account.second_factor_at}"


def _half_cookie(service: Service, request: Request) -> str:
    return f"{session_cookie(service, request)}-half"


async def leave(request: Request, service: Service) -> Response:
    """End this browser's session; whoever came by single sign-on is offered to leave that too."""
    session, onward = await find_session_of(request, service), "/sign-in"
    if session is not None:
        async with service.group.unit() as unit:
            held = await hold_account(unit, session.caller.id)
            await end_sessions(unit, held.account_id, only=session.session_id)
            note(unit, own_deed(request, session.caller, "sign_out"), "done")
        if held.issuer is not None and service.app.state.single_sign_on is not None:
            onward = "/sso/sign-out"
    answer = elsewhere(request, onward)
    give_session(request, service, answer, "")
    return answer
