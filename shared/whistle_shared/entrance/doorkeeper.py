"""Who is let in: passwords and second factors looked at, failures counted, everything written down.

INVARIANT: whether an account is locked, disabled or its password has changed is decided under a lock on its row, after
the slow work; so of many attempts at once no more are looked at than of one after another.
"""

import re
from dataclasses import replace
from datetime import datetime
from math import ceil
from typing import Any, Final, Literal

from fastapi import Request

from whistle_shared.auth import (
    Account,
    Caller,
    Hasher,
    Strangers,
    adjust_account,
    find_username,
    hold_account,
    is_outdated,
    username_of,
)
from whistle_shared.auth import second_factor as factor
from whistle_shared.db import Deed, Unit, note
from whistle_shared.errors import Invalid
from whistle_shared.runtime import Service, deed_of
from whistle_shared.timesource import wall_now
from whistle_shared.web import address_of

Why = Literal["wrong", "locked", "disabled"]
_DIGITS = re.compile(r"\s*\d{3}\s*\d{3}\s*")
_SPENT: Final = "failed"


class TurnedAway(Exception):
    """Not let in. `wait`: seconds until another attempt is looked at, where it is locked."""

    def __init__(self, why: Why, wait: int = 0) -> None:
        self.why, self.wait = why, wait
        super().__init__(why)


class Doorkeeper:
    """One for each service: it knows how many are at the door, and who has failed without having an account."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._strangers = Strangers()
        self.hasher = Hasher()

    async def knows(self, request: Request, username: str, password: str) -> Account:
        """The account that has this password. Raises TurnedAway, and TooMany when the address has failed too often."""
        self._may_try(_address(request))
        async with self._service.engine.connect() as connection:
            found = await find_username(connection, username)
        right = await self.hasher.verify(found.password if found else None, password)
        if found is None:
            raise await self._stranger(request, username)
        fresh = await self.hasher.hash(password) if right and is_outdated(found.password or "") else None
        refused: TurnedAway | None = None
        async with self._service.group.unit() as unit:
            held = await hold_account(unit, found.account_id)
            refused = _looked_at(unit, held, right and held.password_at == found.password_at)
            if refused is not None:
                _refuse(unit, request, "sign_in_refused", held, refused)
            elif fresh is not None:
                adjust_account(unit, held, password=fresh)
        if refused is not None:
            raise self._counted(_address(request), refused)
        return held

    async def _stranger(self, request: Request, username: str) -> TurnedAway:
        """What is typed in place of a username may be a password: it is not written down."""
        now = wall_now()
        try:
            name = username_of(username)
        except Invalid:
            name = ""
        self._strangers.fails(name, now)
        locked = self._strangers.failures(name).locked_for(now)
        refused = TurnedAway("locked", ceil(locked.total_seconds())) if locked else TurnedAway("wrong")
        async with self._service.group.unit() as unit:
            deed = replace(deed_of(request, None), action="sign_in_refused", asked={"why": "no such account"})
            note(unit, deed, "refused")
        return self._counted(_address(request), refused)

    async def confirms(self, request: Request, account: Account, code: str) -> None:
        """The digits of the account's device, or a recovery code, have been given. Raises as `knows`."""
        self._may_try(_address(request))
        refused: TurnedAway | None = None
        async with self._service.group.unit() as unit:
            held = await hold_account(unit, account.account_id)
            used = self._use(held, code, wall_now())
            refused = _looked_at(unit, held, used is not None)
            if refused is not None:
                _refuse(unit, request, "second_factor_refused", held, refused)
            elif used is not None:
                adjust_account(unit, held, **used)
                if "recovery" in used:
                    deed = own_deed(request, held.caller, "account.recovery_used", left=len(used["recovery"]))
                    note(unit, deed, "done")
        if refused is not None:
            raise self._counted(_address(request), refused)

    def _use(self, account: Account, code: str, now: datetime) -> dict[str, Any] | None:
        """What of the account is used up by this code; None when it is wrong or was used before."""
        if account.second_factor is None or not account.has_second_factor:
            return None
        if not _DIGITS.fullmatch(code):
            left = factor.left_without(account.account_id, account.recovery, code)
            return None if left is None else {"recovery": left}
        secret = factor.open_secret(self._service.keyring, account.account_id, account.second_factor)
        step = factor.step_of(secret, code, now)
        if step is None or step <= (account.second_factor_step or 0):
            return None
        return {"second_factor_step": step}

    async def repeats(self, request: Request, account: Account, password: str) -> None:
        """Whoever is signed in has typed their password once more. Raises TurnedAway; what they fail closes nothing,
        for their session is open already, but costs them a budget."""
        self._may_try(account.caller.actor)
        if not await self.hasher.verify(account.password, password):
            async with self._service.group.unit() as unit:
                note(unit, own_deed(request, account.caller, "password_refused"), "refused")
            raise self._counted(account.caller.actor, TurnedAway("wrong"))

    def _may_try(self, who: str) -> None:
        """Raises TooMany."""
        if self._service.limits.is_spent(_SPENT, who):
            self._service.limits.spend(_SPENT, who)

    def _counted(self, who: str, refused: TurnedAway) -> TurnedAway:
        if not self._service.limits.is_spent(_SPENT, who):
            self._service.limits.spend(_SPENT, who)
        return refused


def _looked_at(unit: Unit, held: Account, right: bool) -> TurnedAway | None:
    """Why the account is not opened; a failure is counted. That it is disabled is told only to who knows the password.

    While it is locked nothing is looked at, and nothing counted either: who shuts others out must go on for ever.
    """
    now = wall_now()
    locked = held.failed.locked_for(now)
    if locked is not None:
        return TurnedAway("locked", ceil(locked.total_seconds()))
    if not right:
        failed = held.failed.and_one_more(now)
        adjust_account(unit, held, failures=failed.count, locked_until=failed.locked_until)
        closed = failed.locked_for(now)
        return TurnedAway("wrong") if closed is None else TurnedAway("locked", ceil(closed.total_seconds()))
    return None if held.disabled_at is None else TurnedAway("disabled")


def own_deed(request: Request, caller: Caller, action: str, **about: Any) -> Deed:
    """What somebody does to their own account: at the door nobody is signed in yet."""
    return replace(
        deed_of(request, str(caller.id)),
        actor=caller.actor,
        name=caller.name,
        role=caller.role,
        scope=caller.scope,
        action=action,
        asked=about,
    )


def _refuse(unit: Unit, request: Request, action: str, account: Account, refused: TurnedAway) -> None:
    """Who it was that failed is not known; whose account it was is."""
    about = {"why": refused.why, "username": account.username}
    note(unit, replace(deed_of(request, str(account.account_id)), action=action, asked=about), "refused")


def _address(request: Request) -> str:
    return address_of(request.scope)
