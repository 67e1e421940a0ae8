"""A browser's window below the browser: cookies, Origin, forms; and accounts for people to sit before it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any
from uuid import UUID

import httpx
import pyotp
from sqlalchemy import select

from whistle_shared.auth import Person, create_account, find_account, hash_password, hold_account, set_second_factor
from whistle_shared.auth import second_factor as factor
from whistle_shared.db import Deed
from whistle_shared.db.tables import audit
from whistle_shared.runtime import Service
from whistle_shared.timesource import wall_now

PASSWORD = "granite lamp over seven rivers"
_number = count(1)
_hashed = cache(hash_password)
OPERATOR = Deed("whistlectl", "test", None, None, "", None, "")


@dataclass
class Somebody:
    """A person with an account. `secret`: of their device, where they have one; `codes`: for when it is gone."""

    account_id: UUID
    username: str
    password: str
    secret: str | None = None
    codes: tuple[str, ...] = ()

    def digits(self, ahead: int = 0) -> str:
        """What their device shows `ahead` steps of 30 s from now."""
        assert self.secret is not None
        return pyotp.TOTP(self.secret).at(wall_now(), counter_offset=ahead)


async def somebody(
    service: Service,
    role: str = "arbitrator",
    scope: str = "*",
    *,
    part: str | None = None,
    second_factor: bool = False,
    must_change: bool = False,
) -> Somebody:
    """An account of this role; with `second_factor` its device is set up already."""
    username = f"{role.replace('_', '.')}-{next(_number)}"
    async with service.group.unit() as unit:
        person = Person(f"{role} 值班", role, scope, part)
        account_id = await create_account(
            unit, OPERATOR, username, person, password=_hashed(PASSWORD), must_change=must_change
        )
    made = Somebody(account_id, username, PASSWORD)
    return await with_device(service, made) if second_factor else made


async def with_device(service: Service, person: Somebody) -> Somebody:
    """They have set up a device, long ago."""
    secret, codes = factor.new_secret(), factor.new_recovery_codes()
    sealed = factor.seal_secret(service.keyring, person.account_id, secret)
    digests = [factor.digest_of_code(person.account_id, code) for code in codes]
    async with service.group.unit() as unit:
        held = await hold_account(unit, person.account_id)
        await set_second_factor(unit, OPERATOR, held, sealed, 0, digests)
    return Somebody(person.account_id, person.username, person.password, secret, codes)


async def account_of(service: Service, person: Somebody) -> Any:
    """The account as it stands."""
    async with service.engine.connect() as connection:
        found = await find_account(connection, person.account_id)
    assert found is not None
    return found


class Window:
    """One browser at one service. Redirects are shown, not followed."""

    def __init__(self, service: Service, scheme: str = "http", agent: str = "Window/1") -> None:
        self.service = service
        self.origin = f"{scheme}://{service.name}.test"
        transport = httpx.ASGITransport(app=service.app, raise_app_exceptions=False)
        headers = {"origin": self.origin, "user-agent": agent}
        self.client = httpx.AsyncClient(transport=transport, base_url=self.origin, headers=headers, timeout=30)

    @property
    def cookie(self) -> str | None:
        """The secret of the session, if there is one."""
        name = f"whistle-{self.service.name.replace('.', '-')}"
        return self.client.cookies.get(name) or self.client.cookies.get(f"__Host-{name}") or None

    def plants(self, name: str, value: str) -> None:
        """Somebody has put a cookie here; nothing else is left."""
        self.client.cookies.clear()
        self.client.cookies.set(name, value, domain=f"{self.service.name}.test", path="/")

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.client.get(path, **more)

    async def post(self, path: str, **fields: str) -> httpx.Response:
        """Send a form."""
        return await self.client.post(path, data=fields)

    async def signs_in(self, person: Somebody, **fields: str) -> httpx.Response:
        """Through the door, with the second factor where there is one. Returns the last answer: a redirect."""
        answer = await self.post("/sign-in", username=person.username, password=person.password, **fields)
        assert answer.status_code == 303, answer.text
        if answer.headers["location"].startswith("/sign-in/second-factor"):
            answer = await self.post("/sign-in/second-factor", code=person.digits())
            assert answer.status_code == 303, answer.text
        return answer


@asynccontextmanager
async def window(service: Service, person: Somebody | None = None, scheme: str = "http") -> AsyncIterator[Window]:
    """A browser, with somebody signed in if they are named."""
    opened = Window(service, scheme)
    async with opened.client:
        if person is not None:
            await opened.signs_in(person)
        yield opened


async def deeds(service: Service, action: str, subject: UUID | None = None) -> list[Any]:
    """What the audit has of an action (about an account), the oldest first."""
    found = select(audit).where(audit.c.action == action).order_by(audit.c.audit_id)
    if subject is not None:
        found = found.where(audit.c.subject == str(subject))
    async with service.engine.connect() as connection:
        return list(await connection.execute(found))
