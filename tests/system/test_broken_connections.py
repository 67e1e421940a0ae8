"""Connections that break under way: callers try again, and in the end everything has happened once."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from support.city import City
from support.people import Blown
from support.waiting import until

MANHOLE = ["CGJ", "PSGS", "GSGS", "TXGS", "GDGS"]
ROUNDS = 2


@pytest.mark.parametrize("what", ["broker", "database"])
async def test_nothing_is_lost_or_doubled_when_connections_break_again_and_again(city: City, what: str) -> None:
    breaks = city.loses_broker_connections if what == "broker" else city.loses_database_connections
    whistles: list[Blown] = []
    for number in range(ROUNDS):
        blowing = asyncio.gather(*(persistently_blows(city, f"S0{n + 1}", f"{number}") for n in range(4)))
        await until(breaks, f"a connection to the {what} to break")
        whistles += await blowing
    for whistle in whistles:
        answering = asyncio.create_task(persistently_acknowledges(city, whistle))
        if whistle is whistles[len(whistles) // 2]:
            await breaks()
        await answering

    await until(lambda: _settled(city), "the city to come to rest", 60)
    assert {name: service.failed.is_set() for name, service in city.services.items()} == dict.fromkeys(
        city.services, False
    )
    acknowledged = [c for c in await city.watch.clocks(name="ack") if c["department"] == "CGJ"]
    assert len(await city.watch.clocks(name="ack")) == len(whistles) * len(MANHOLE)
    assert {clock["status"] for clock in acknowledged} == {"met"}
    for code in MANHOLE:
        tasks = [task["whistle_id"] for task in await city.department(code).tasks(limit=200)]
        assert sorted(tasks) == sorted(whistle.whistle_id for whistle in whistles), code
    await city.expects_nothing_parked()


async def _settled(city: City) -> bool:
    """Whether all is at rest; the services may still be finding their way back."""
    await make_due(city)
    try:
        await city.settles(2)
    except AssertionError:
        return False
    return True


async def make_due(city: City) -> None:
    """What was being sent when a connection broke is leased for some seconds: let that be over."""
    for service in city.services.values():
        async with service.engine.begin() as connection:
            await connection.exec_driver_sql("update outbox_due set next_at = now() where receiver = 'broker'")


async def persistently_blows(city: City, street: str, key: str) -> Blown:
    """Blow with one key until it is answered."""
    answer = await _persistently(lambda: city.street(street).tries_to_blow(key=key))
    view = answer.json()
    assert answer.status_code == 201, answer.text
    return Blown(view["whistle_id"], view["number"], "0701", view)


async def persistently_acknowledges(city: City, whistle: Blown) -> None:
    """Acknowledge as CGJ, its task once found, until it is answered."""

    async def acknowledge() -> httpx.Response:
        listed = await city.department("CGJ").calls("GET", "/tasks", params={"limit": 200})
        if listed.status_code != 200:
            return listed
        mine = [task for task in listed.json()["items"] if task["whistle_id"] == whistle.whistle_id]
        if not mine:
            await make_due(city)
            return httpx.Response(503)
        path = f"/tasks/{mine[0]['task_id']}/acknowledgement"
        return await city.department("CGJ").calls("POST", path, json={"person": "王敏"})

    assert (await _persistently(acknowledge)).status_code == 200


async def _persistently(act: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """Try until the answer is no 503; a 500 is never right."""

    async def tried() -> httpx.Response | None:
        answer = await act()
        assert answer.status_code != 500, answer.text
        return None if answer.status_code == 503 else answer

    return await until(tried, "an answer")
