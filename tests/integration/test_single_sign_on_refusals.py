"""Bad ID tokens at the door itself: whatever a provider says, nobody is let in, and it is written down.

RELIABILITY.md 4.2 row 30; the reasons are told apart in test_openid_tokens.py.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import text

from support.city import City
from support.duty import Duty, refusals
from support.false_provider import CLIENT, SOMEBODY, FalseProvider, signed_text
from support.false_tokens import BAD, Making, but
from support.real_provider import Browser
from whistle_shared.runtime import Service


@pytest.fixture
def false(serving: FalseProvider) -> FalseProvider:
    return serving.begins_again()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(
    standing_city: City, serving: FalseProvider, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    async with Duty(standing_city, serving.issuer, tmp_path_factory.mktemp("duty")) as duty:
        yield duty.service(CLIENT)


async def comes_back(browser: Browser, false: FalseProvider) -> httpx.Response:
    """From our link to the provider and back with a code, without ever seeing the provider's pages."""
    asked = httpx.URL((await browser.chooses_provider("/account")).headers["location"]).params
    false.nonce = asked["nonce"]
    return await browser.http.get("/sso/callback", params={"state": asked["state"], "code": "a code"})


async def inside(service: Service) -> tuple[int, int]:
    """How many accounts of single sign-on and sessions there are."""
    counts = "select (select count(*) from account where issuer is not null), (select count(*) from web_session)"
    async with service.engine.connect() as connection:
        accounts, sessions = (await connection.execute(text(counts))).one()
    return accounts, sessions


async def test_a_good_token_opens_the_door(service: Service, false: FalseProvider) -> None:
    """Or else what follows would prove nothing."""
    before = await inside(service)
    async with Browser(service.app) as browser:
        answer = await comes_back(browser, false)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert (await inside(service))[1] == before[1] + 1


@pytest.mark.parametrize("make", [*BAD.values(), but(fill="x" * 1_000_000)], ids=[*BAD, "1 MB"])
async def test_a_bad_token_opens_nothing_and_is_written_down(
    service: Service, false: FalseProvider, make: Making
) -> None:
    before, told = await inside(service), len(await refusals(service))
    false.token = make
    async with Browser(service.app) as browser:
        answer = await comes_back(browser, false)
        assert answer.status_code == 403
        assert "未能通过核验" in answer.text
        assert (await browser.goes("/account")).url.path == "/sign-in"
    assert await inside(service) == before
    assert len(await refusals(service)) == told + 1


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": "u-2", "groups": ["handlers"], "whistle_scope": "C" * 4_000, "name": "x"},
        {"sub": "u-2", "groups": ["grid"], "whistle_scope": "S01", "whistle_part": "\x00", "name": "x"},
        {"sub": "u-2", "groups": ["grid"], "whistle_scope": "S\x0001", "name": "x"},
        {"sub": "u-2", "groups": ["grid"], "whistle_scope": "S01", "whistle_part": "\ud800", "name": "\ud800"},
        {"sub": "u-2", "groups": ["grid"], "whistle_scope": "\ud800", "name": "x"},
        {"sub": "u-2", "groups": {"handlers": 1}, "name": "x"},
        {"sub": "u-2", "groups": [None, 7, ["handlers"]], "name": "x"},
        {"sub": "u-2", "groups": ["handlers"], "whistle_scope": {"a": 1}, "name": "x"},
    ],
)
async def test_strange_claims_make_no_account(service: Service, false: FalseProvider, changes: dict[str, Any]) -> None:
    before = await inside(service)
    false.claims, false.token = changes, lambda claims: signed_text(json.dumps(claims).encode())
    async with Browser(service.app) as browser:
        answer = await comes_back(browser, false)
    assert answer.status_code == 403
    assert "没有对应的角色" in answer.text
    assert await inside(service) == before


@pytest.mark.parametrize(
    ("group", "scope"), [("handlers", "S01"), ("grid", "CGJ"), ("handlers", "CGJ,GA"), ("grid", "S99")]
)
async def test_a_scope_is_a_place_of_the_roles_kind(
    service: Service,
    false: FalseProvider,
    standing_city: City,
    monkeypatch: pytest.MonkeyPatch,
    group: str,
    scope: str,
) -> None:
    """As where an administrator gives it: a department's role with a street's code would see that street."""
    monkeypatch.setattr(service.replica, "registry", standing_city.pack.registry)
    before = await inside(service)
    false.claims = SOMEBODY | {"sub": "u-4", "groups": [group], "whistle_scope": scope}
    async with Browser(service.app) as browser:
        answer = await comes_back(browser, false)
    assert (answer.status_code, "没有对应的角色" in answer.text) == (403, True)
    assert await inside(service) == before


async def test_a_name_that_is_markup_is_only_a_name(service: Service, false: FalseProvider) -> None:
    false.claims = SOMEBODY | {"sub": "u-3", "name": "<script>alert(1)</script>"}
    async with Browser(service.app) as browser:
        await comes_back(browser, false)
        page = await browser.goes("/account")
    assert "&lt;script&gt;" in page.text
    assert "<script>alert" not in page.text
