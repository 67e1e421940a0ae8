"""Accounts of people, each service's own: who they are, what they hold, and every change to them with its audit row.

INVARIANT: whoever's password, role, scope or second factor is changed, and whoever is disabled, has no session left
that was opened before.
INVARIANT: a username is one account's however it is typed (NFKC, case folded).
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import uuid_utils.compat
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from whistle_shared.auth.caller import EVERYWHERE, Caller, check_scope
from whistle_shared.auth.lockout import Failures
from whistle_shared.auth.roles import Role
from whistle_shared.auth.sessions import end_sessions
from whistle_shared.db import Deed, Unit, note
from whistle_shared.db.tables import account
from whistle_shared.errors import Conflict, Invalid, NotFound
from whistle_shared.timesource import wall_now

_USERNAME = (2, 64)
_MOST_NAME = 80


@dataclass(frozen=True, slots=True)
class Account:
    """A row. `password`: its Argon2id hash, None where single sign-on is the only way in. `second_factor`: the sealed
    secret; it counts from `second_factor_at` on, and digits of steps up to `second_factor_step` are used up.
    `recovery`: digests of the codes that are left. `issuer` and `subject`: who they are at the identity provider."""

    account_id: UUID
    username: str
    name: str
    role: Role
    scope: str
    part: str | None
    password: str | None
    must_change: bool
    password_at: datetime | None
    second_factor: bytes | None
    second_factor_at: datetime | None
    second_factor_step: int | None
    recovery: Sequence[str]
    issuer: str | None
    subject: str | None
    failures: int
    locked_until: datetime | None
    created_at: datetime
    created_by: str
    disabled_at: datetime | None
    signed_in_at: datetime | None

    @property
    def caller(self) -> Caller:
        """Who this is to everything that asks for rights."""
        return Caller(self.account_id, self.name, self.role, self.scope, self.part, "account")

    @property
    def has_second_factor(self) -> bool:
        return self.second_factor_at is not None

    @property
    def failed(self) -> Failures:
        return Failures(self.failures, self.locked_until)

    def shown(self) -> dict[str, Any]:
        """What the audit compares."""
        said = ("username", "name", "role", "scope", "part", "must_change", "password_at", "issuer", "disabled_at")
        return {name: getattr(self, name) for name in said} | {"second_factor": self.has_second_factor}


_COLUMNS = [account.c[field.name] for field in fields(Account)]


@dataclass(frozen=True, slots=True)
class Person:
    """Who somebody is and what they may, before it has been looked at. `part`: a grid or a section, or None."""

    name: str
    role: str
    scope: str
    part: str | None = None


def username_of(typed: str) -> str:
    """The one spelling of a username. Raises Invalid."""
    spelt = unicodedata.normalize("NFKC", typed).casefold().strip()
    if not _USERNAME[0] <= len(spelt) <= _USERNAME[1]:
        raise Invalid("username", f"must have {_USERNAME[0]} to {_USERNAME[1]} characters")
    if not all(letter.isalnum() or letter in "._-@" for letter in spelt):
        raise Invalid("username", "may have letters, digits and . _ - @ only")
    return spelt


# -- looking


async def find_account(connection: AsyncConnection, account_id: UUID) -> Account | None:
    """The account of this id, or None."""
    return await _one(connection, account.c.account_id == account_id)


async def find_username(connection: AsyncConnection, username: str) -> Account | None:
    """The account of this username, however it is typed, or None."""
    try:
        return await _one(connection, account.c.username == username_of(username))
    except Invalid:
        return None


async def find_identity(connection: AsyncConnection, issuer: str, subject: str) -> Account | None:
    """The account of whom an identity provider calls by this subject, or None."""
    return await _one(connection, (account.c.issuer == issuer) & (account.c.subject == subject))


async def list_accounts(
    connection: AsyncConnection,
    scope: str,
    *,
    search: str = "",
    role: str = "",
    after: str = "",
    limit: int = 50,
) -> list[Account]:
    """Accounts of a scope (`*`: all) by username, whose name or username contains `search`."""
    t = account.c
    wanted = select(*_COLUMNS).where(t.username > after).order_by(t.username).limit(limit)
    if scope != EVERYWHERE:
        wanted = wanted.where(t.scope == scope)
    if role:
        wanted = wanted.where(t.role == role)
    if search:
        spelt = unicodedata.normalize("NFKC", search).casefold().strip()
        found = or_(t.username.contains(spelt, autoescape=True), t.name.icontains(search.strip(), autoescape=True))
        wanted = wanted.where(found)
    return [_account(row) for row in await connection.execute(wanted)]


async def hold_account(unit: Unit, account_id: UUID) -> Account:
    """The account as it stands, held to the end of the transaction. Raises NotFound."""
    found = await _one(unit.connection, account.c.account_id == account_id, hold=True)
    if found is None:
        raise NotFound("there is no such account")
    return found


async def _one(connection: AsyncConnection, which: ColumnElement[bool], *, hold: bool = False) -> Account | None:
    wanted = select(*_COLUMNS).where(which)
    row = (await connection.execute(wanted.with_for_update() if hold else wanted)).one_or_none()
    return None if row is None else _account(row)


def _account(row: Any) -> Account:
    return Account(*row)


# -- changing


async def create_account(
    unit: Unit,
    deed: Deed,
    username: str,
    person: Person,
    *,
    password: str | None = None,
    must_change: bool = True,
    identity: tuple[str, str] | None = None,
) -> UUID:
    """Make an account; returns its id. `password`: a hash; `identity`: issuer and subject of single sign-on.

    Raises Invalid for what cannot be, Conflict for a username that is taken.
    """
    spelt, looked_at = username_of(username), checked(person)
    await unit.lock([f"account {spelt}"])
    if await find_username(unit.connection, spelt) is not None:
        raise Conflict(f"the username {spelt!r} is taken")
    now, account_id = wall_now(), uuid_utils.compat.uuid7()
    issuer, subject = identity or (None, None)
    row: dict[str, Any] = {column.name: None for column in _COLUMNS}
    row |= {"account_id": account_id, "username": spelt, "created_at": now, "created_by": deed.actor, "failures": 0}
    row |= {"name": looked_at.name, "role": looked_at.role, "scope": looked_at.scope, "part": looked_at.part}
    row |= {"password": password, "must_change": password is not None and must_change, "issuer": issuer}
    row |= {"subject": subject, "password_at": now if password else None}
    unit.insert(account, **row | {"recovery": "[]"})
    after = Account(**row | {"recovery": []}).shown()
    note(unit, replace(deed, action="account.create", subject=str(account_id)), "done", None, after)
    return account_id


def checked(person: Person) -> Person:
    """As it is stored. Raises Invalid for a name, role, scope or part that cannot be."""
    name, part = person.name.strip(), (person.part or "").strip() or None
    if not 1 <= len(name) <= _MOST_NAME or not name.isprintable():
        raise Invalid("name", f"must have 1 to {_MOST_NAME} characters that can be seen")
    if part is not None and (len(part) > _MOST_NAME or not part.isprintable()):
        raise Invalid("part", f"must have at most {_MOST_NAME} characters that can be seen")
    try:
        check_scope(person.role, person.scope)
    except ValueError as error:
        raise Invalid("scope", str(error)) from None
    return Person(name, person.role, person.scope, part)


async def change_person(unit: Unit, deed: Deed, before: Account, person: Person) -> None:
    """Another name, role, scope or part. Raises Invalid."""
    now = checked(person)
    changes = {"name": now.name, "role": now.role, "scope": now.scope, "part": now.part}
    if changes == {name: getattr(before, name) for name in changes}:
        return
    _change(unit, deed, "account.change", before, **changes)
    if now != Person(now.name, before.role, before.scope, before.part):
        await end_sessions(unit, before.account_id)


async def set_password(
    unit: Unit, deed: Deed, action: str, before: Account, password: str, *, must_change: bool
) -> None:
    """Another password (its hash). A new start: what failed before is forgotten. Raises Conflict for an account of
    single sign-on: a password would outlast the provider's word."""
    if before.issuer is not None:
        raise Conflict("this account signs in elsewhere and has no password")
    changes: dict[str, Any] = {"password": password, "must_change": must_change, "password_at": wall_now()}
    _change(unit, deed, action, before, **changes, failures=0, locked_until=None)
    await end_sessions(unit, before.account_id)


async def disable_account(unit: Unit, deed: Deed, before: Account) -> None:
    """Let nobody in any more. Doing it twice changes nothing."""
    if before.disabled_at is None:
        _change(unit, deed, "account.disable", before, disabled_at=wall_now())
        await end_sessions(unit, before.account_id)


async def enable_account(unit: Unit, deed: Deed, before: Account) -> None:
    """Let them in again, however often they had failed."""
    if before.disabled_at is not None or before.locked_until is not None:
        _change(unit, deed, "account.enable", before, disabled_at=None, failures=0, locked_until=None)


async def set_second_factor(
    unit: Unit, deed: Deed, before: Account, sealed: bytes, step: int, recovery: Sequence[str]
) -> None:
    """Begin to ask for the digits of a device. `step`: that of the digits that confirmed it, used up with that."""
    changes: dict[str, Any] = {"second_factor": sealed, "second_factor_at": wall_now(), "second_factor_step": step}
    _change(unit, deed, "account.second_factor", before, **changes, recovery=list(recovery))
    await end_sessions(unit, before.account_id)


async def drop_second_factor(unit: Unit, deed: Deed, before: Account) -> None:
    """Ask for it no longer; who must have one sets up another before anything else."""
    nothing: dict[str, Any] = {"second_factor": None, "second_factor_at": None, "second_factor_step": None}
    _change(unit, deed, "account.second_factor_dropped", before, **nothing, recovery=[])
    await end_sessions(unit, before.account_id)


def set_recovery(unit: Unit, deed: Deed, before: Account, recovery: Sequence[str]) -> None:
    """Other recovery codes (their digests); those before are worth nothing now."""
    _change(unit, deed, "account.recovery", before, recovery=list(recovery))


def _change(unit: Unit, deed: Deed, action: str, before: Account, **changes: Any) -> None:
    adjust_account(unit, before, **changes)
    after = replace(before, **changes)
    about = replace(deed, action=action, subject=str(before.account_id))
    note(unit, about, "done", before.shown(), after.shown())


def adjust_account(unit: Unit, before: Account, **changes: Any) -> None:
    """Change columns without a word to the audit: counts of failures, hashes by newer parameters, used-up digits."""
    if "recovery" in changes:
        changes["recovery"] = orjson.dumps(changes["recovery"]).decode()
    unit.update(account, account_id=before.account_id, **changes)
