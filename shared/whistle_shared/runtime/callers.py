"""Who is asking: the holder of a bearer token, or the person of a browser's session.

INVARIANT: a session's cookie changes something only when a page of this very origin asks for it.
"""

from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from whistle_shared.auth import Caller, Right, Session, Unauthenticated, find_session, renew_session
from whistle_shared.db import reach_as
from whistle_shared.runtime.service import Here, Service, bearer_of, host_of, session_cookie
from whistle_shared.runtime.settings import Settings
from whistle_shared.web import require_own_page

_SAFE = ("GET", "HEAD")


async def current_caller(request: Request, service: Here) -> Caller:
    """Who is asking: the holder of a bearer token or, on a page of ours, whoever is signed in there.

    Raises Unauthenticated; Forbidden when a session's cookie came from another page; TooMany when they have spent a
    budget.
    """
    if "authorization" not in request.headers:
        return await _signed_in_caller(request, service)
    token = bearer_of(request)
    if token is None:
        raise Unauthenticated("a bearer token is required")
    request.state.caller = caller = await service.tokens.caller(token, host_of(request))
    reach_as(caller.scope)
    service.limits.spend_of_caller(request.scope, caller.actor, getattr(request, "parsed", None))
    return caller


async def _signed_in_caller(request: Request, service: Service) -> Caller:
    session = await signed_in(request, service)
    if session is None:
        raise Unauthenticated("a bearer token is required")
    if session.owes is not None:
        raise Unauthenticated("the signing-in is not finished: go on with it on the page")
    if request.method not in _SAFE:
        require_own_page(request)
    request.state.caller = session.caller
    return session.caller


_BEARER = HTTPBearer(auto_error=False, scheme_name="token", description="A token made by `whistlectl token create`")


async def _described_caller(
    request: Request, service: Here, token: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
) -> Caller:
    """As `current_caller`; the OpenAPI then says that a token is needed."""
    return await current_caller(request, service)


CurrentCaller = Annotated[Caller, Depends(_described_caller)]


def may(right: Right) -> Any:
    """For a route's signature, `Annotated[Caller, may("whistle.blow")]`: whoever calls, if their role has this right.

    Decided before the body is looked at. Raises Unauthenticated and Forbidden.
    """

    async def allowed(caller: CurrentCaller) -> Caller:
        caller.needs(right)
        return caller

    return Depends(allowed)


def _is_still_a_way_in(settings: Settings, issuer: str | None) -> bool:
    """Whether accounts of this issuer (None: accounts of our own) may sign in as the service is set now."""
    return settings.local_accounts if issuer is None else issuer == settings.oidc_issuer


async def find_session_of(request: Request, service: Service) -> Session | None:
    """The live session behind this request's cookie, or None; also when its account could not sign in any more."""
    secret = request.cookies.get(session_cookie(service, request))
    if not secret:
        return None
    async with service.engine.connect() as connection:
        session = await find_session(connection, secret)
    if session is not None and not _is_still_a_way_in(service.settings, session.issuer):
        return None
    if session is not None:
        reach_as(session.caller.scope)
    return session


async def use_session_of(request: Request, service: Service) -> Session | None:
    """As `find_session_of`; a session in use is renewed."""
    session = await find_session_of(request, service)
    if session is not None and session.ageing:
        async with service.group.unit() as unit:
            await renew_session(unit, request.cookies[session_cookie(service, request)])
    return session


async def signed_in(request: Request, service: Here) -> Session | None:
    """As `use_session_of`. Raises TooMany when its account has spent a budget."""
    session = await use_session_of(request, service)
    if session is not None:
        service.limits.spend_of_caller(request.scope, session.caller.actor, getattr(request, "parsed", None))
    return session


SignedIn = Annotated[Session | None, Depends(signed_in)]
