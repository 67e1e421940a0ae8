"""A page of ours asks the API with its session: the same routes, rights and audit as for a token; no other page may."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest_asyncio
from sqlalchemy import select

from support.city import City
from support.entrance import Entrance, opened
from support.window import Somebody, somebody
from whistle_intake.api.forms import EXAMPLE
from whistle_shared.db.tables import audit

BLOWING = {**EXAMPLE, "title": "页面吹哨"}


@pytest_asyncio.fixture
async def entrance(city: City) -> AsyncIterator[Entrance]:
    """The intake service at a port of this machine."""
    async with opened(city, "intake") as entrance:
        yield entrance


@asynccontextmanager
async def signed_in(entrance: Entrance, person: Somebody) -> AsyncIterator[httpx.AsyncClient]:
    """A browser after the sign-in form; what it sends to the API names no origin by itself."""
    async with httpx.AsyncClient(base_url=entrance.address, timeout=20, trust_env=False) as browser:
        form = {"username": person.username, "password": person.password}
        answer = await browser.post("/sign-in", data=form, headers={"origin": entrance.address})
        assert answer.status_code == 303, answer.text
        yield browser


async def test_a_page_of_ours_blows_as_whoever_is_signed_in(city: City, entrance: Entrance) -> None:
    person = await somebody(city.services["intake"], "street_initiator", "S01")
    async with signed_in(entrance, person) as browser:
        headers = {"origin": entrance.address, "idempotency-key": "page-1"}
        answer = await browser.post("/api/v1/whistles", json=BLOWING, headers=headers)
        again = await browser.post("/api/v1/whistles", json=BLOWING, headers=headers)
    assert answer.status_code == 201, answer.text
    assert again.json()["whistle_id"] == answer.json()["whistle_id"]
    async with city.services["intake"].engine.connect() as connection:
        done = (audit.c.action == "intake.raise_whistle", audit.c.outcome == "done")
        noted = await connection.execute(select(audit.c.actor, audit.c.role).where(*done))
        assert {(row.actor, row.role) for row in noted} >= {(f"account:{person.account_id}", "street_initiator")}


async def test_another_page_cannot_use_the_session(city: City, entrance: Entrance) -> None:
    """INVARIANT: a session's cookie changes something only when a page of this very origin asks for it."""
    person = await somebody(city.services["intake"], "street_initiator", "S01")
    async with signed_in(entrance, person) as browser:
        for headers in ({}, {"origin": "https://elsewhere.example"}, {"origin": "null"}):
            answer = await browser.post("/api/v1/whistles", json=BLOWING, headers={**headers, "idempotency-key": "x"})
            assert answer.status_code == 403, (headers, answer.text)
        assert (await browser.get("/api/v1/whistles")).status_code == 200


async def test_a_session_has_the_rights_of_its_account_and_no_more(city: City, entrance: Entrance) -> None:
    person = await somebody(city.services["intake"], "operations", "*")
    async with signed_in(entrance, person) as browser:
        headers = {"origin": entrance.address, "idempotency-key": "page-2"}
        assert (await browser.post("/api/v1/whistles", json=BLOWING, headers=headers)).status_code == 403


async def test_whoever_has_not_finished_signing_in_asks_for_nothing(city: City, entrance: Entrance) -> None:
    person = await somebody(city.services["intake"], "street_initiator", "S01", must_change=True)
    async with signed_in(entrance, person) as browser:
        assert (await browser.get("/api/v1/whistles")).status_code == 401


async def test_a_token_that_is_wrong_is_not_made_up_for_by_a_session(city: City, entrance: Entrance) -> None:
    person = await somebody(city.services["intake"], "street_initiator", "S01")
    async with signed_in(entrance, person) as browser:
        answer = await browser.get("/api/v1/whistles", headers={"authorization": "Bearer wst_wrong"})
    assert answer.status_code == 401


async def test_a_residents_page_is_the_same_for_everybody(city: City, entrance: Entrance) -> None:
    """INVARIANT: these pages never look at who is signed in: what a phone keeps of them is the same for everybody."""
    person = await somebody(city.services["intake"], "street_initiator", "S01")
    async with signed_in(entrance, person) as browser:
        with_session = (await browser.get("/report")).text
        browser.cookies.clear()
        assert (await browser.get("/report")).text == with_session
