"""What every answer of every route carries, refusals and failures included; and which doors do not exist at all.

INVARIANT: an answer says what is wrong with the request and nothing of how we work: no trace, no statement, no path.
"""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import ProgrammingError

from support.city import City
from support.stack import PROCESSES
from whistle_shared.errors import NotFound

PRODUCERS = list(PROCESSES.values())
ALWAYS = {
    "content-security-policy",
    "x-content-type-options",
    "referrer-policy",
    "x-frame-options",
    "permissions-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
}
_HOLE = re.compile(r"\{[^}]*\}")
_INTERNALS = r"(?i)Traceback|File \"|\.py\b|site-packages|asyncpg|sqlalchemy|select |insert |/home/|0x[0-9a-f]{6}"
LEAKS = re.compile(_INTERNALS)


def addresses(city: City, producer: str) -> Iterator[tuple[str, str]]:
    """Every method and address of a running application."""
    for route in iter_route_contexts(city.services[producer].app.routes):
        methods = route.methods or {"GET"}
        path = _HOLE.sub(str(uuid4()), route.path or "")
        yield from ((method, path if route.methods else f"{path}/none.css") for method in methods)


def guarded(answer: httpx.Response, what: object) -> None:
    """It has the headers, its policy allows no script of a page's own, and nothing says whose program this is."""
    headers = answer.headers
    assert set(headers) >= ALWAYS, (what, ALWAYS - set(headers))
    assert headers["x-content-type-options"] == "nosniff", what
    assert "cache-control" in headers or "etag" in headers, what
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] in ("'none'", "'self'"), (what, policy)
    scripts = policy.get("script-src", policy["default-src"])
    assert "unsafe" not in scripts, (what, policy)
    assert policy.get("frame-ancestors") == "'none'" or "sandbox" in policy, (what, policy)
    assert not {"server", "x-powered-by"} & set(headers), what
    assert not [name for name in headers if name.startswith("access-control-")], what


@pytest.mark.parametrize("producer", PRODUCERS)
async def test_every_route_answers_with_them(door: City, producer: str) -> None:
    client, seen = door.client(producer), set()
    for method, path in addresses(door, producer):
        answer = await client.request(method, path)
        guarded(answer, (method, path, answer.status_code))
        seen.add(answer.status_code)
    assert seen >= {200, 401, 404}


@pytest.mark.parametrize("producer", PRODUCERS)
async def test_what_a_person_may_see_has_them_too(door: City, producer: str) -> None:
    role = {"role": "department_head", "scope": "CGJ"} if producer == "department.hosted" else {}
    for method, path in addresses(door, producer):
        if method == "GET" and path.startswith("/api/"):
            answer = await door.call(producer, method, path, **role)
            guarded(answer, (path, answer.status_code))
            assert answer.headers["cache-control"] == "no-store", path


@pytest.mark.parametrize("producer", PRODUCERS)
@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "PATCH", "DELETE", "PROPFIND", "WHISTLE"])
async def test_other_methods_do_not_exist(door: City, producer: str, method: str) -> None:
    """Nothing is echoed, and no other origin is allowed anything."""
    secret = {
        "cookie": "whistle-intake=secret",
        "origin": "https://evil.example",
        "access-control-request-method": "POST",
    }
    for path in ("/", "/livez", "/api/v1/whistles", "/api/v1/tasks", "/nothing"):
        answer = await door.client(producer).request(method, path, headers=secret)
        assert answer.status_code in (404, 405), (path, answer.status_code)
        assert "secret" not in answer.text
        guarded(answer, (method, path))


async def test_over_tls_a_browser_is_told_to_stay_there(door: City) -> None:
    transport = httpx.ASGITransport(app=door.services["intake"].app)
    async with httpx.AsyncClient(transport=transport, base_url="https://x") as client:
        answer = await client.get("/livez")
        assert answer.headers["strict-transport-security"] == "max-age=63072000; includeSubDomains"
    assert "strict-transport-security" not in (await door.client("intake").get("/livez")).headers


FAILURES: dict[str, tuple[Exception, int]] = {
    "a mistake of ours": (ZeroDivisionError("secret-42 in x.py"), 500),
    "a statement that fails": (ProgrammingError("select secret from x", {"a": 1}, Exception("secret-42")), 500),
    "a lost connection": (ConnectionResetError("secret-42"), 503),
    "something missing": (NotFound("there is no such whistle"), 404),
}


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.parametrize("path", ["/api/v1/whistles", "/readyz", "/metrics"])
async def test_a_failure_tells_nothing(door: City, name: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    error, status = FAILURES[name]
    service = door.services["intake"]
    token = {"authorization": f"Bearer {await door.token('intake', 'street_initiator', 'S01')}"}

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(type(service.engine), "connect", fail)
    answer = await door.client("intake").get(path, headers=token)
    assert answer.status_code == (503 if path == "/readyz" else status), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert not LEAKS.search(answer.text), answer.text
    guarded(answer, name)


async def test_only_a_few_of_many_faults_are_told_and_no_long_name_comes_back(door: City) -> None:
    said = {f"{number:04d}" + "x" * 200: 1 for number in range(1_000)}
    answer = await door.call(
        "intake",
        "POST",
        "/api/v1/whistles",
        role="street_initiator",
        scope="S01",
        json=said,
        headers={"idempotency-key": "k"},
    )
    assert answer.status_code == 422
    assert len(answer.content) < 5_000


@pytest.fixture
async def elsewhere(door: City) -> AsyncIterator[httpx.AsyncClient]:
    """A machine elsewhere, asking a process that has a token set for metrics."""
    service = door.build("intake", metrics_token="m" * 20)
    transport = httpx.ASGITransport(app=service.app, client=("10.0.0.9", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        yield client
    await service.engine.dispose()
    await service.command_engine.dispose()


async def test_metrics_are_for_this_machine_or_for_their_token(door: City, elsewhere: httpx.AsyncClient) -> None:
    assert (await door.client("intake").get("/metrics")).status_code == 200
    proxied = {"x-forwarded-for": "10.0.0.9"}
    assert (await door.client("intake").get("/metrics", headers=proxied)).status_code == 401
    assert (await elsewhere.get("/metrics")).status_code == 401
    for wrong in ("Bearer ", "Bearer x", "m" * 20, "Bearer " + "m" * 21):
        assert (await elsewhere.get("/metrics", headers={"authorization": wrong})).status_code == 401
    given = await elsewhere.get("/metrics", headers={"authorization": f"Bearer {'m' * 20}"})
    assert given.status_code == 200
    assert "whistle_outbox_pending" in given.text


async def test_without_a_token_set_none_opens_metrics(door: City) -> None:
    transport = httpx.ASGITransport(app=door.services["intake"].app, client=("10.0.0.9", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        assert (await client.get("/metrics", headers={"authorization": "Bearer "})).status_code == 401
