"""Everybody who may come to a door: each role, at home and elsewhere, and those who have nothing to show.

A walker knocks without a client library in between: of an answer that never ends (a stream) the beginning is taken.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

from sqlalchemy import text

from support.city import City
from support.rows import EVERYBODY, LOOKERS, STREET_SIDE, WORKERS
from support.story import DEPARTMENT, GRID, OTHER_DEPARTMENT, OTHER_GRID, OTHER_STREET, STREET, Story, Thing
from whistle_shared.auth import Person, create_account, create_token, end_sessions, open_session, revoke_token
from whistle_shared.db import Deed, Unit
from whistle_shared.db.tables import account
from whistle_shared.timesource import wall_now

Headers = tuple[tuple[str, str], ...]
EVERYWHERE = "*"
HOST = "matrix.test"
_OWN = {"department.ga": ("GA", "CGJ")}
_ADMINISTRATOR, _AUDITOR = (Person("somebody", role, EVERYWHERE) for role in ("administrator", "auditor"))
_MADE = Deed("test:matrix", "matrix", None, None, "account.create", None, "")


@dataclass(frozen=True, slots=True)
class Walker:
    """`role` None: nobody in particular. `api`, `page`: the headers that they show at a door of that kind."""

    name: str
    role: str | None = None
    scope: str = EVERYWHERE
    part: str | None = None
    api: Headers = ()
    page: Headers = ()

    def sees(self, thing: Thing) -> bool:
        """Whether the thing exists for them: in their street (and grid), for their department, or anywhere."""
        if self.role in WORKERS:
            return bool({self.scope, EVERYWHERE} & thing.departments)
        return self.scope == EVERYWHERE or (self.scope == thing.street and self.part in (None, thing.grid))


def cast(own: str, other: str) -> Iterator[Walker]:
    """Every role in every scope, without credentials yet. `own` and `other`: departments."""
    for role in sorted(STREET_SIDE | {"informant"}):
        for scope, part in ((STREET, None), (STREET, GRID), (STREET, OTHER_GRID), (OTHER_STREET, None)):
            yield Walker(f"{role} of {part or scope}", role, scope, part)
    for role in sorted(WORKERS):
        yield Walker(f"{role} of {own}", role, own)
        yield Walker(f"{role} of a section of {own}", role, own, "一科")
        yield Walker(f"{role} of {other}", role, other)
    for role in sorted(LOOKERS | {"administrator", "auditor"}):
        yield Walker(f"{role} of the district", role)
    for scope in (STREET, OTHER_STREET, own):
        yield Walker(f"administrator of {scope}", "administrator", scope)


def everybody_is_there(roles: set[str]) -> bool:
    """Whether the walkers have all the roles there are."""
    return {walker.role for walker in cast("A", "B")} == roles == EVERYBODY


# -- what they show -------------------------------------------------------------------------------------------


async def everybody(city: City, producer: str, told: Story) -> list[Walker]:
    """The cast of a service, each with a token and signed in to an account, and everybody who has nothing to show.
    Accounts and tokens of two streets join the story."""
    people, lists = [], told.listed[producer]
    async with city.services[producer].group.unit() as unit:
        for walker in cast(*_OWN.get(producer, (DEPARTMENT, OTHER_DEPARTMENT))):
            token = create_token(unit, walker.name, walker.role or "", walker.scope, part=walker.part)
            account_id = await _account(unit, Person(walker.name, walker.role or "", walker.scope, walker.part), "z")
            session = await _session(unit, producer, account_id)
            people.append(replace(walker, api=bearer(token), page=session))
        for street in (STREET, OTHER_STREET):
            lists |= dict.fromkeys((await _administered(unit, street)).values(), Thing({}, street, None))
        there = told.there[producer] = {"administered": Thing(await _administered(unit, STREET), grid=None)}
    async with city.services[producer].engine.connect() as connection:
        row = (await connection.execute(text("select max(audit_id)::text from audit"))).scalar_one()
    there["audited"] = Thing({"audit_id": row}, "", None)
    nobodies = [Walker(name, api=shown, page=shown) for name, shown in (await _nothing(city, producer, told)).items()]
    return [*people, *nobodies]


async def half_in(city: City, producer: str) -> list[tuple[Walker, str]]:
    """People with a session that opens nothing (any more, or yet), and where each is sent."""
    arbitrator, group = Person("somebody", "arbitrator", EVERYWHERE), city.services[producer].group
    found = []
    async with group.unit() as unit:
        for name, person, initial, sent in (
            ("whose session has ended", arbitrator, False, "/sign-in"),
            ("whose account was disabled", arbitrator, False, "/sign-in"),
            ("with an initial password", arbitrator, True, "/account/password"),
            ("an administrator without a second factor", _ADMINISTRATOR, False, "/account/second-factor"),
            ("an auditor without a second factor", _AUDITOR, False, "/account/second-factor"),
        ):
            account_id = await _account(unit, person, "z", initial=initial)
            session = await _session(unit, producer, account_id, second_factor=sent == "/sign-in")
            found.append((Walker(name, page=session), sent, account_id))
    async with group.unit() as unit:
        await end_sessions(unit, found[0][2])
        # Without its sessions being ended, so that they are seen to be worth nothing by themselves.
        unit.update(account, account_id=found[1][2], disabled_at=wall_now())
    return [(walker, sent) for walker, sent, _ in found]


async def _session(unit: Unit, producer: str, account_id: UUID, *, second_factor: bool = True) -> Headers:
    """What a browser of somebody who is signed in sends."""
    about = {"address": "127.0.0.1", "agent": "matrix"}
    secret = await open_session(unit, account_id, second_factor=second_factor, **about)
    return (("cookie", f"whistle-{producer.replace('.', '-')}={secret}"),)


async def _account(unit: Unit, person: Person, first: str, *, initial: bool = False) -> UUID:
    """One that has done all that comes first, unless its password is an `initial` one; nobody knows it. Lists begin
    with the `first` letter."""
    return await create_account(unit, _MADE, f"{first}-{uuid4().hex}", person, password="!", must_change=initial)


async def _administered(unit: Unit, street: str) -> dict[str, str]:
    """An account and a token of a street."""
    account_id, token_id = await _account(unit, Person("somebody", "community", street), "a"), uuid4()
    create_token(unit, "somebody's", "community", street, token_id=token_id)
    return {"account_id": str(account_id), "token_id": str(token_id)}


async def _nothing(city: City, producer: str, told: Story) -> dict[str, Headers]:
    """What those show who have nothing to show."""
    group, ended = city.services[producer].group, uuid4()
    async with group.unit() as unit:
        over = create_token(unit, "expired", "arbitrator", EVERYWHERE, wall_now() - timedelta(seconds=1))
        revoked = create_token(unit, "revoked", "arbitrator", EVERYWHERE, token_id=ended)
    async with group.unit() as unit:
        revoke_token(unit, ended)
    elsewhere = await city.token("intake" if producer != "intake" else "dispatch", "arbitrator", EVERYWHERE)
    return {
        "nobody": (),
        "a resident": (("tracking-code", told.code),),
        "a token that is over": bearer(over),
        "a token that was revoked": bearer(revoked),
        "another service's token": bearer(elsewhere),
        "a token nobody made": bearer("wst_" + "A" * 43),
        "another scheme": (("authorization", "Basic YTpi"),),
    }


def bearer(token: str) -> Headers:
    return (("authorization", f"Bearer {token}"),)


# -- knocking -------------------------------------------------------------------------------------------------


@dataclass
class Answer:
    """What came back: all of it, or the beginning of what does not end."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def location(self) -> str:
        """Where a browser is sent, without the query."""
        return self.headers.get("location", "").partition("?")[0]

    @property
    def told(self) -> str:
        """The status, and `to sign in` for whoever is sent there."""
        return f"{self.status} to sign in" if self.location == "/sign-in" else f"{self.status}"


async def knock(
    app: Any,
    method: str,
    target: str,
    headers: Headers = (),
    body: bytes = b"",
    *,
    enough: Callable[[bytes], bool] = bool,
    comes_from: str = "127.0.0.1",
) -> Answer:
    """One request to an application. `enough`: whether so much of an answer that does not end will do."""
    path, _, query = target.partition("?")
    sent = (("host", HOST), *headers, ("content-length", str(len(body))))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": quote(path).encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in sent],
        "client": (comes_from, 4711),
        "server": (HOST, 80),
        "state": {},
    }
    answer, heard, over = Answer(), False, asyncio.Event()

    async def receive() -> dict[str, Any]:
        nonlocal heard
        if not heard:
            heard = True
            return {"type": "http.request", "body": body, "more_body": False}
        await over.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        elif message["type"] == "http.response.body":
            answer.body += message.get("body", b"")
            if not message.get("more_body") or enough(answer.body):
                over.set()

    await app(scope, receive, send)
    return answer
