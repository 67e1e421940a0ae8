"""A street blows a whistle: durable when answered, once per key, and refused with the field that is wrong."""

import asyncio
from typing import Any

import pytest

from support.city import City

_DAYS = {"days": 1}


async def test_a_whistle_is_durable_when_it_is_answered(city: City) -> None:
    async with city.without("dispatch"):
        whistle = await city.street("S01").blows(category="0701")
        async with city.without("intake"):
            pass
        seen = await city.street("S01").sees(whistle)
        assert (seen["state"], seen["routing"]) == ("blown", "pending")
        assert seen["facts"]["title"] == "井盖缺失"
    await city.expects_state(whistle, "blown")
    await city.expects_in_timeline(whistle, "whistle_dispatched")


async def test_the_answer_says_where_the_whistle_is_and_what_it_is_called(city: City) -> None:
    answer = await city.street("S01").tries_to_blow()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/v1/whistles/{answer.json()['whistle_id']}"
    assert answer.json()["number"] == "S01-20260601-0001"
    assert "idempotency-replayed" not in answer.headers


async def test_numbers_count_per_street_and_business_day(city: City) -> None:
    first, second = city.street("S01"), city.street("S02")
    numbers = [(await street.blows(key=f"n{i}")).number for i, street in enumerate((first, first, second))]
    await city.passes(**_DAYS)
    numbers.append((await first.blows()).number)
    assert numbers == ["S01-20260601-0001", "S01-20260601-0002", "S02-20260601-0001", "S01-20260602-0001"]


async def test_the_business_day_of_a_number_is_shanghais(city: City) -> None:
    await city.passes(hours=14, minutes=59)
    late = await city.street("S01").blows()
    await city.passes(minutes=2)
    early = await city.street("S01").blows()
    assert (late.number, early.number) == ("S01-20260601-0001", "S01-20260602-0001")


async def test_a_repeat_with_the_same_key_gives_the_same_answer_and_burns_no_number(city: City) -> None:
    street = city.street("S01")
    first = await street.tries_to_blow(key="key-1")
    again = await street.tries_to_blow(key="key-1")
    assert (again.status_code, again.json(), again.headers["location"]) == (
        201,
        first.json(),
        first.headers["location"],
    )
    assert again.headers["idempotency-replayed"] == "true"
    assert (await street.blows(key="key-2")).number.endswith("-0002")
    assert len(await street.lists()) == 2


async def test_a_hundred_repeats_at_once_are_one_whistle(city: City) -> None:
    street = city.street("S01")
    assert await street.lists() == []
    answers = await asyncio.gather(*(street.tries_to_blow(key="key-1") for _ in range(100)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["whistle_id"] for answer in answers}) == 1
    assert len(await street.lists()) == 1
    await city.settles()
    assert len(await city.watch.clocks(name="ack")) == 5


async def test_a_key_for_another_whistle_is_refused_and_another_streets_key_is_its_own(city: City) -> None:
    await city.street("S01").blows(key="key-1")
    answer = await city.street("S01").tries_to_blow(key="key-1", title="别的事")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await city.street("S02").blows(key="key-1")).number == "S02-20260601-0001"


async def test_a_repeat_is_answered_as_before_even_when_the_registry_has_changed(city: City) -> None:
    """EVENTS.md R12: the same status and body, whatever has happened since."""
    street = city.street("S01")
    first = await street.tries_to_blow(key="key-1", departments=["CGJ", "PSGS"])
    registry = city.pack.registry
    closed = tuple(d.model_copy(update={"active": d.code != "PSGS"}) for d in registry.departments)
    async with city.under(registry=registry.model_copy(update={"departments": closed})):
        again = await street.tries_to_blow(key="key-1", departments=["CGJ", "PSGS"])
        refused = await street.tries_to_blow(key="key-2", departments=["CGJ", "PSGS"])
    assert (again.status_code, again.json()) == (201, first.json())
    assert refused.status_code == 422


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown street": ({"street": "S99"}, "street"),
    "another street": ({"street": "S02"}, "street"),
    "unknown grid": ({"grid": "S01-G999"}, "grid"),
    "a grid of another street": ({"grid": "S02-G001"}, "grid"),
    "unknown category": ({"category": "9999"}, "category"),
    "unknown department": ({"departments": ["CGJ", "NOPE"]}, "departments.1"),
    "no policy for the pair": ({"kind": "emergency", "urgency": "long_term"}, "urgency"),
    "unknown kind": ({"kind": "party"}, "kind"),
    "unknown urgency": ({"urgency": "soon"}, "urgency"),
    "a point off the globe": ({"location": {"latitude": 90.5, "longitude": 0}}, "location.latitude"),
    "half a point": ({"location": {"latitude": 39.9}}, "location.longitude"),
    "a point that is a text": ({"location": "39.9,116.4"}, "location"),
    "a flag that is a text": ({"cross_district": "yes"}, "cross_district"),
    "a reason nobody can see": ({"distinct_reason": " \u200b"}, "distinct_reason"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_the_registry_does_not_bear_out_is_refused_with_the_field(city: City, name: str) -> None:
    wrong, field = WRONG[name]
    street = city.street("S01")
    answer = await street.tries_to_blow(body=street.says() | wrong)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert await street.lists() == []


async def test_a_pair_without_a_policy_is_refused_with_the_legal_ones(city: City) -> None:
    answer = await city.street("S01").tries_to_blow(kind="emergency", urgency="normal")
    assert "critical, urgent" in answer.json()["errors"][0]["reason"]


async def test_until_the_registry_arrives_intake_says_come_again(city: City) -> None:
    async with city.without("intake"):
        await city.forgets_district("intake")
    answer = await city.street("S01").tries_to_blow()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert (await city.client("intake").get("/readyz")).status_code == 503

    await city.loads(city.pack)
    await city.knows_district()
    assert (await city.client("intake").get("/readyz")).status_code == 200
    assert (await city.street("S01").blows()).number == "S01-20260601-0001"
