"""What is asked too often is told to wait; an emergency is not (issue 4, item 9).

INVARIANT: an emergency never waits behind ordinary requests: it has slots and budgets that nothing else can use.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from support.city import City
from support.matrix import WITH_PROVIDER
from support.places import ROOT
from support.waiting import until
from support.window import somebody, window
from whistle_local.services import ROOMY
from whistle_shared.runtime import Settings
from whistle_shared.web.limits import BUDGETS, KIB, MOST_KEPT, WAYS, Limits, Slots, TooMany, address_of, way_of

EMERGENCY = {"kind": "emergency", "urgency": "critical"}


@asynccontextmanager
async def another(
    city: City, producer: str, address: str = "10.0.0.1", **settings: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """A second process of a service, on the same database, with limits of its own; it only answers requests."""
    service = city.build(producer, **settings)
    async with service.engine.connect() as connection:
        await service.replica.refresh(connection)
    transport = httpx.ASGITransport(app=service.app, client=(address, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://x", timeout=30) as client:
        client.service = service  # type: ignore[attr-defined]
        yield client
    await service.group.settled()
    await service.engine.dispose()
    await service.command_engine.dispose()


async def bearer(city: City, producer: str, role: str, scope: str) -> dict[str, str]:
    return {"authorization": f"Bearer {await city.token(producer, role, scope)}"}


def refused(answer: httpx.Response, budget: str) -> None:
    """429 that names the budget and says when to come again."""
    assert answer.status_code == 429, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["budget"] == budget
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert budget in answer.json()["detail"]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_callers_budget_is_theirs_alone(city: City) -> None:
    street, leader = [await bearer(city, "intake", role, "S01") for role in ("street_initiator", "street_approver")]
    async with another(city, "intake", limits={"caller": 3}) as intake:
        seen = [(await intake.get("/api/v1/whistles", headers=street)).status_code for _ in range(3)]
        assert seen == [200, 200, 200]
        refused(await intake.get("/api/v1/whistles", headers=street), "caller")
        assert (await intake.get("/api/v1/whistles", headers=leader)).status_code == 200
        metrics = (await city.client("intake").get("/metrics")).text
        assert "whistle_over_budget" in metrics


async def test_a_person_at_a_browser_has_the_same_budget(city: City) -> None:
    person = await somebody(city.services["escalation"])
    async with another(city, "escalation", limits={"caller": 3}) as client:
        service = client.service  # type: ignore[attr-defined]
        async with window(service, person) as browser:
            seen = [(await browser.get("/account")).status_code for _ in range(6)]
    assert seen[0] == 200
    assert seen[-1] == 429


async def test_an_emergency_goes_through_when_the_callers_own_budget_is_spent(city: City) -> None:
    """The same token floods; whatever it asks ordinarily is refused, what may not wait is not."""
    street, department = city.street("S01"), await bearer(city, "department.hosted", "department_head", "CGJ")
    token = await bearer(city, "intake", "street_initiator", "S01")

    def blow(intake: httpx.AsyncClient, **said: Any) -> Any:
        headers = token | {"idempotency-key": uuid4().hex}
        return intake.post("/api/v1/whistles", json=street.says(departments=["CGJ"], **said), headers=headers)

    async with another(city, "intake", limits={"caller": 1}) as intake:
        await intake.get("/api/v1/whistles", headers=token)
        refused(await blow(intake, kind="appeal", urgency="normal"), "caller")
        answers = [await blow(intake, **EMERGENCY) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [201] * 3
    await city.settles()
    tasks = await city.department("CGJ").tasks()
    assert len(tasks) == 3
    async with another(city, "department.hosted", limits={"caller": 1}) as hosted:
        await hosted.get("/api/v1/tasks", headers=department)
        refused(await hosted.get("/api/v1/tasks", headers=department), "caller")
        for task in tasks:
            path = f"/api/v1/tasks/{task['task_id']}"
            for step, said in (("acknowledgement", {}), ("arrival", {"place": "东门路", "mode": "on_site"})):
                answer = await hosted.post(f"{path}/{step}", json={"person": "王", **said}, headers=department)
                assert answer.status_code == 200, answer.text
        refused(await hosted.get("/api/v1/tasks", headers=department), "caller")


async def test_the_emergency_budget_ends_too(city: City) -> None:
    token = await bearer(city, "department.hosted", "department_head", "CGJ")
    async with another(city, "department.hosted", limits={"urgent": 2}) as hosted:
        path = f"/api/v1/tasks/{uuid4()}/acknowledgement"
        asked = [await hosted.post(path, json={"person": "王"}, headers=token) for _ in range(3)]
        assert [answer.status_code for answer in asked[:2]] == [404, 404]
        refused(asked[2], "urgent")


async def test_with_every_ordinary_slot_and_every_reading_connection_taken_an_emergency_goes_through(
    city: City,
) -> None:
    """Counted, not timed: the ordinary requests are still at work when the emergency has its answer."""
    token, street = await bearer(city, "intake", "street_initiator", "S01"), city.street("S01")
    async with another(city, "intake", limits=ROOMY, limit_requests=4, limit_reserve=2) as intake:
        service = intake.service  # type: ignore[attr-defined]
        async with AsyncExitStack() as taken:
            for _ in range(service.settings.pool_size + 2):
                await taken.enter_async_context(service.engine.connect())
            stuck = [asyncio.create_task(intake.get("/api/v1/whistles", headers=token)) for _ in range(4)]
            await until(lambda: _holds(service.slots, 4), "the ordinary requests to be at work")
            turned_away = [await intake.get("/api/v1/whistles", headers=token) for _ in range(20)]
            assert {answer.status_code for answer in turned_away} == {503}
            assert all(int(answer.headers["retry-after"]) >= 1 for answer in turned_away)
            ordinary = street.says(kind="appeal", urgency="normal", description='不是 "kind": "emergency"')
            said = await intake.post("/api/v1/whistles", json=ordinary, headers=token | {"idempotency-key": "o"})
            assert said.status_code == 503
            for number in range(5):
                headers = token | {"idempotency-key": f"e{number}"}
                answer = await intake.post("/api/v1/whistles", json=street.says(**EMERGENCY), headers=headers)
                assert answer.status_code == 201, answer.text
            assert (await intake.get("/livez")).status_code == 200
            assert not any(task.done() for task in stuck)
        assert [answer.status_code for answer in await asyncio.gather(*stuck)] == [200] * 4
        assert service.slots.held == {"ordinary": 0, "urgent": 0, "stream": 0}


async def _holds(slots: Slots, ordinary: int) -> bool:
    return slots.held["ordinary"] == ordinary


async def test_under_a_flood_from_many_callers_emergencies_are_answered_before_a_counted_number_of_others(
    city: City,
) -> None:
    """While forty callers ask without pause, no more than five times the slots of ordinary requests are answered
    between an emergency's question and its answer, and none of the emergencies is refused."""
    street = city.street("S01")
    token = await bearer(city, "intake", "street_initiator", "S01")
    answered, flooding, most = 0, True, 0

    async def flood(intake: httpx.AsyncClient) -> None:
        nonlocal answered
        while flooding:
            answered += (await intake.get("/api/v1/whistles?limit=1", headers=token)).status_code == 200
            await asyncio.sleep(0)

    async with another(city, "intake", limits=ROOMY, limit_requests=8, limit_reserve=4) as intake:
        floods = [asyncio.create_task(flood(intake)) for _ in range(40)]
        for number in range(10):
            before = answered
            headers = token | {"idempotency-key": f"f{number}"}
            answer = await intake.post("/api/v1/whistles", json=street.says(**EMERGENCY), headers=headers)
            assert answer.status_code == 201, answer.text
            most = max(most, answered - before)
        flooding = False
        await asyncio.gather(*floods)
    assert 0 < most <= 5 * 12, most


async def test_an_address_that_keeps_coming_with_wrong_tokens_is_told_to_wait(city: City) -> None:
    good = await bearer(city, "intake", "street_initiator", "S01")
    async with another(city, "intake", limits={"refused": 2}) as intake:
        for wrong in ({}, {"authorization": "Bearer wst_wrong"}):
            assert (await intake.get("/api/v1/whistles", headers=wrong)).status_code == 401
        refused(await intake.get("/api/v1/whistles", headers={"authorization": "Bearer wst_wrong"}), "refused")
        assert (await intake.get("/api/v1/whistles", headers=good)).status_code == 200, "who is known is not touched"


async def test_the_reserve_is_not_for_an_address_that_keeps_coming_with_wrong_tokens(city: City) -> None:
    async with another(city, "department.hosted", limits={"refused": 1}, limit_requests=1) as hosted:
        slots = hosted.service.slots  # type: ignore[attr-defined]
        path, wrong = f"/api/v1/tasks/{uuid4()}/acknowledgement", {"authorization": "Bearer wst_wrong"}
        with slots.taken("ordinary"):
            assert (await hosted.post(path, json={"person": "王"}, headers=wrong)).status_code == 401
            assert (await hosted.post(path, json={"person": "王"}, headers=wrong)).status_code == 503


class Dripping(httpx.AsyncByteStream):
    """A body that never ends. `begun`: somebody reads it."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.begun.set()
        yield b"x"
        await asyncio.Event().wait()


async def test_one_address_cannot_hold_the_room_for_large_bodies(city: City) -> None:
    async with another(city, "intake", limits=ROOMY) as intake:
        service = intake.service  # type: ignore[attr-defined]
        slow = [Dripping(), Dripping()]
        sending = [asyncio.create_task(intake.post("/api/v1/photos", content=body)) for body in slow]
        for body in slow:
            await body.begun.wait()
        third = Dripping()
        refused(await intake.post("/api/v1/photos", content=third), "photo")
        assert not third.begun.is_set()
        elsewhere = httpx.ASGITransport(app=service.app, client=("10.0.0.2", 1))
        async with httpx.AsyncClient(transport=elsewhere, base_url="http://x") as other:
            assert (await other.post("/api/v1/photos", content=b"x" * 1_000_000)).status_code == 415
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)
        assert (await intake.post("/api/v1/photos", content=b"x" * 1_000_000)).status_code == 415


async def test_a_token_that_is_not_good_spares_its_address_nothing(city: City) -> None:
    """And once the budget is spent it does not get its body read either; a good one does."""
    good, wrong = await bearer(city, "intake", "street_initiator", "S01"), {"authorization": "Bearer wst_wrong"}
    async with another(city, "intake", limits={"photo": 2}) as intake:
        for headers in (wrong, {"authorization": "nonsense"}):
            assert (await intake.post("/api/v1/photos", content=b"x", headers=headers)).status_code == 401
        body = Dripping()
        refused(await intake.post("/api/v1/photos", content=body, headers=wrong), "photo")
        assert not body.begun.is_set()
        refused(await intake.post("/api/v1/photos", content=b"x"), "photo")
        assert (await intake.post("/api/v1/photos", content=b"x", headers=good)).status_code == 415


ANONYMOUS = {
    "report": ("intake", "POST", "/api/v1/reports"),
    "suggestion": ("intake", "POST", "/api/v1/report-suggestions"),
    "tracking": ("intake", "GET", "/api/v1/reports/progress"),
    "photo": ("intake", "POST", "/api/v1/photos"),
    "sign_in": ("escalation", "POST", "/sign-in"),
}


@pytest.mark.parametrize("budget", ANONYMOUS)
async def test_who_is_not_known_is_counted_by_address(city: City, budget: Any) -> None:
    producer, method, path = ANONYMOUS[budget]
    async with another(city, producer, limits={budget: 2}) as client:
        service = client.service  # type: ignore[attr-defined]
        for _ in range(2):
            assert (await client.request(method, path)).status_code not in (429, 500)
        refused(await client.request(method, path), budget)
        elsewhere = httpx.ASGITransport(app=service.app, client=("10.0.0.2", 1))
        async with httpx.AsyncClient(transport=elsewhere, base_url="http://x") as other:
            assert (await other.request(method, path)).status_code not in (429, 500)


def scope(method: str, path: str, address: str = "10.0.0.1") -> Any:
    return {"method": method, "path": path, "client": (address, 1), "headers": []}


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("testclient", "testclient"),
    ],
)
def test_one_household_is_one_address(address: str, counted: str) -> None:
    assert address_of(scope("GET", "/", address)) == counted


async def test_every_way_leads_somewhere(door: City) -> None:
    """A route that was renamed would lose what is special about it."""
    there = {
        (method, _shape(route.path or ""))
        for service in (*door.services.values(), door.build("escalation", **WITH_PROVIDER))
        for route in iter_route_contexts(service.app.routes)
        for method in route.methods or ()
    }
    assert set(WAYS) - there == set()


def _shape(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def test_what_lies_under_a_way_is_not_the_way() -> None:
    assert way_of(scope("POST", "/api/v1/tasks/x/acknowledgement")).urgent == "always"
    for path in (
        "/api/v1/tasks/x/y/acknowledgement",
        "/api/v1/tasks/x/progress",
        "/api/v1/whistles/",
        "/acknowledgement",
    ):
        assert way_of(scope("POST", path)).urgent == "never"
    assert way_of(scope("GET", "/api/v1/tasks/x/acknowledgement")).urgent == "never"
    assert way_of(scope("POST", "/api/v1/photos")).most_bytes == 12 * KIB * KIB


def test_the_local_stack_knows_every_budget() -> None:
    assert set(ROOMY) == set(BUDGETS)


def test_the_operators_read_the_figures_that_count() -> None:
    told = re.findall(r"^\| `(\w+)` \| (\d+) \|", (ROOT / "docs" / "operations.md").read_text("utf-8"), re.MULTILINE)
    settings = {f"WHISTLE_{name.upper()}": field.default for name, field in Settings.model_fields.items()}
    figures = {name: budget.amount for name, budget in BUDGETS.items()} | settings
    assert {name: int(amount) for name, amount in told} == {name: figures[name] for name, _ in told}
    assert set(BUDGETS) <= {name for name, _ in told}


def test_a_flood_of_addresses_is_kept_in_bounds_and_takes_nothing_from_callers() -> None:
    limits = Limits({"caller": 1})
    limits.spend("caller", "token:1")
    for number in range(MOST_KEPT + 10):
        limits.spend("refused", f"10.{number}")
    with pytest.raises(TooMany):
        limits.spend("caller", "token:1")


def test_a_new_minute_brings_a_new_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000.0
    monkeypatch.setattr("whistle_shared.web.limits.monotonic", lambda: now)
    limits = Limits({"caller": 2})
    spend: Callable[[], None] = lambda: limits.spend("caller", "token:1")  # noqa: E731
    spend()
    now += 40
    spend()
    with pytest.raises(TooMany) as spent:
        spend()
    assert spent.value.wait == 20
    now += 20
    spend()
