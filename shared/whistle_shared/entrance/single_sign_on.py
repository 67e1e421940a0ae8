"""Signing in by an OpenID provider: `/sso` goes there, `/sso/callback` comes back, `/sso/sign-out` offers to leave it.

INVARIANT: an account of single sign-on is found by issuer and subject and by nothing else: no name, however alike,
opens or takes over another account.
INVARIANT: an attempt begins on a page of ours, where a person chose it: a link elsewhere opens no session.
INVARIANT: an attempt is taken back once: a repeated one is refused before the provider is asked.
"""

import hmac
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import httpx2
import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from whistle_shared.auth import (
    Account,
    Person,
    change_person,
    check_place,
    check_scope,
    create_account,
    end_sessions,
    find_identity,
    hold_account,
)
from whistle_shared.db import Deed, note
from whistle_shared.db.tables import idempotency
from whistle_shared.entrance.doorkeeper import TurnedAway
from whistle_shared.entrance.letting_in import local_path, receive
from whistle_shared.errors import Conflict, Invalid
from whistle_shared.openid import LASTING, Attempt, Client, NotMapped, NotProven, Provider, Rules, identity_of
from whistle_shared.outgoing import Refused
from whistle_shared.pages import PAGE_HEADERS, PageRoute, elsewhere, render, set_cookie
from whistle_shared.runtime import Here, Service, Settings, deed_of, session_cookie
from whistle_shared.timesource import wall_now
from whistle_shared.web import comes_from_here

log = structlog.get_logger(__name__)
router = APIRouter(tags=["entrance"], route_class=PageRoute, include_in_schema=False)
HOW = "single sign-on"
_MOST = 2_000


class Cancelled(NotProven):
    """The provider came back without a code: the person changed their mind, or may not use this client."""


# What is told apart on the page; the audit has the reason in full.
_KINDS: dict[type[Exception], str] = {
    Cancelled: "cancelled",
    NotProven: "unproven",
    NotMapped: "unmapped",
    Invalid: "unmapped",
    Conflict: "unmapped",
    TurnedAway: "disabled",
    Refused: "unproven",
    httpx2.TransportError: "unreachable",
}


class SingleSignOn:
    """One for each service that has a provider. Raises ValueError for settings that cannot be."""

    def __init__(self, settings: Settings, service: Service) -> None:
        secret = settings.oidc_client_secret_file
        if not settings.oidc_client_id or not settings.oidc_roles:
            raise ValueError("oidc_issuer takes oidc_client_id and oidc_roles beside it")
        try:
            service.outgoing.allowed.check(settings.oidc_issuer)
        except Refused as error:
            raise ValueError(f"oidc_issuer cannot be called: {error}") from None
        self.rules = Rules(
            settings.oidc_roles,
            settings.oidc_role_claim,
            settings.oidc_scope_claim,
            settings.oidc_part_claim,
            settings.oidc_second_factor,
        )
        client = Client(
            settings.oidc_issuer,
            settings.oidc_client_id,
            None if secret is None else secret.read_text("utf-8").strip(),
            settings.oidc_asks,
        )
        self.provider = Provider(client, service.outgoing)
        self._service = service

    @property
    def issuer(self) -> str:
        """Whom we ask."""
        return self.provider.client.issuer

    async def begun(self, request: Request) -> Attempt:
        """The attempt that this browser comes back from; it cannot come back again. Raises NotProven."""
        sealed = request.cookies.get(_cookie(self._service, request), "")
        attempt = Attempt.opened(self._service.keyring, sealed, wall_now())
        if attempt is None:
            raise NotProven("this browser has begun no attempt, or too long ago")
        state = request.query_params.get("state", "")[:_MOST]
        if not hmac.compare_digest(state.encode(), attempt.state.encode()):
            raise NotProven("the answer belongs to another attempt")
        if not await self._is_first(attempt):
            raise NotProven("this attempt was answered before")
        return attempt

    async def _is_first(self, attempt: Attempt) -> bool:
        t = idempotency.c
        claim = insert(idempotency).values(caller=HOW, key=attempt.state, digest="", status=0, body="")
        async with self._service.group.unit() as unit:
            await unit.connection.execute(
                delete(idempotency).where(t.caller == HOW, t.created_at < attempt.began_at - LASTING)
            )
            return await unit.connection.scalar(claim.on_conflict_do_nothing().returning(t.key)) is not None

    async def claims(self, request: Request, attempt: Attempt) -> dict[str, Any]:
        """What the provider says of whoever comes back. Raises NotProven, and httpx2.TransportError."""
        asked = request.query_params
        await self.provider.check_issuer(asked.get("iss"))
        if "error" in asked or not asked.get("code"):
            raise Cancelled(f"the provider gave no code: {asked.get('error', '')[:100]}")
        return await self.provider.claims(attempt, asked["code"][:_MOST])

    async def account_of(self, request: Request, claims: dict[str, Any]) -> Account:
        """Their account, made now if it is not there, and brought up to date. Raises NotMapped, TurnedAway, Invalid."""
        subject, username = identity_of(self.issuer, claims)
        try:
            person = self._placed(self.rules.person_of(claims))
        except NotMapped:
            await self._ends_sessions(subject)
            raise
        deed = replace(_deed(request, "sign_in", self.issuer, subject), actor=HOW)
        async with self._service.group.unit() as unit:
            await unit.lock([f"identity {self.issuer} {subject}"])
            found = await find_identity(unit.connection, self.issuer, subject)
            if found is None:
                await create_account(unit, deed, username, person, identity=(self.issuer, subject))
            else:
                held = await hold_account(unit, found.account_id)
                if held.disabled_at is not None:
                    raise TurnedAway("disabled")
                await change_person(unit, replace(deed, subject=str(held.account_id)), held, person)
        async with self._service.engine.connect() as connection:
            made = await find_identity(connection, self.issuer, subject)
        if made is None:
            raise TurnedAway("disabled")
        return made

    def _placed(self, person: Person) -> Person:
        """Whose scope is a place of their role's kind, as for every other account. A part that is not there opens
        nothing. Raises NotMapped."""
        registry = self._service.replica.registry
        try:
            if registry is not None:
                check_place(registry, check_scope(person.role, person.scope), person.scope)
        except ValueError as error:
            raise NotMapped(str(error)) from None
        return person

    async def _ends_sessions(self, subject: str) -> None:
        """Whoever has lost every role at the provider is not let in, nor do they stay in where they are."""
        async with self._service.group.unit() as unit:
            found = await find_identity(unit.connection, self.issuer, subject)
            if found is not None:
                await end_sessions(unit, found.account_id)

    async def refuses(self, request: Request, error: Exception, subject: str | None) -> Response:
        """Say so, and write down why."""
        kind = next(kind for family, kind in _KINDS.items() if isinstance(error, family))
        async with self._service.group.unit() as unit:
            deed = _deed(request, "sign_in_refused", self.issuer, subject)
            note(unit, deed, "refused", after={"reason": str(error) or kind})
        return _told(request, kind)


def install(service: Service) -> None:
    """Add single sign-on, where the settings name a provider. Raises ValueError for settings that cannot be."""
    service.app.state.single_sign_on = None
    if service.settings.oidc_issuer:
        service.app.state.single_sign_on = SingleSignOn(service.settings, service)
        service.app.include_router(router)
    elif not service.settings.local_accounts:
        raise ValueError("with local_accounts off and no oidc_issuer nobody could sign in")


@router.get("/sso")
async def go_to_provider(request: Request, service: Here) -> Response:
    """To the provider, with an attempt begun; whoever does not come from a page of ours first sees the one where they
    choose to."""
    sso: SingleSignOn = request.app.state.single_sign_on
    onward = local_path(request.query_params.get("next", ""))
    if not comes_from_here(request):
        return elsewhere(request, f"/sign-in?{urlencode({'next': onward})}" if onward else "/sign-in")
    attempt = Attempt.begun(_address(request, "/sso/callback"), onward, wall_now())
    try:
        there = await sso.provider.address_for(attempt)
    except (NotProven, httpx2.TransportError) as error:
        log.warning("sso.provider_unusable", issuer=sso.issuer, error=str(error)[:300])
        return _told(request, "unreachable")
    answer = RedirectResponse(there, 303, PAGE_HEADERS)
    set_cookie(request, answer, _cookie(service, request), attempt.sealed(service.keyring), LASTING)
    return answer


@router.get("/sso/callback")
async def come_back(request: Request, service: Here) -> Response:
    """From the provider: in, or a page that says why not."""
    sso: SingleSignOn = request.app.state.single_sign_on
    subject: str | None = None
    try:
        attempt = await sso.begun(request)
        claims = await sso.claims(request, attempt)
        subject = claims["sub"]
        account = await sso.account_of(request, claims)
        strong = sso.rules.shows_second_factor(claims)
        answer = await receive(request, service, account, HOW, attempt.then, strong=strong)
    except tuple(_KINDS) as error:
        answer = await sso.refuses(request, error, subject)
    set_cookie(request, answer, _cookie(service, request), "", LASTING)
    return answer


@router.get("/sso/sign-out")
async def offer_way_out(request: Request, service: Here) -> Response:
    """Signed out here; the provider may still know this browser, and can be told to forget it."""
    sso: SingleSignOn = request.app.state.single_sign_on
    try:
        there = await sso.provider.way_out(_address(request, "/sign-in"))
    except (NotProven, httpx2.TransportError) as error:
        log.warning("sso.provider_unusable", issuer=sso.issuer, error=str(error)[:300])
        there = None
    return render(request, "sso_signed_out.html", there=there)


def _told(request: Request, kind: str) -> Response:
    return render(request, "sso_refused.html", 503 if kind == "unreachable" else 403, kind=kind)


def _address(request: Request, path: str) -> str:
    """Where a browser finds this service. A forged Host leads nowhere: the provider knows our addresses."""
    return f"{str(request.base_url).rstrip('/')}{path}"


def _cookie(service: Service, request: Request) -> str:
    return f"{session_cookie(service, request)}-sso"


def _deed(request: Request, action: str, issuer: str, subject: str | None) -> Deed:
    """What a browser that comes from a provider asks for."""
    about = {"how": HOW, "issuer": issuer, "subject": subject}
    return replace(deed_of(request, None), action=action, asked=about)
