"""The registry as the district's staff read it."""

import pytest

from support.city import City
from support.people import expect


@pytest.mark.parametrize(
    "section", ["departments", "streets", "grids", "categories", "policies", "ladders", "people", "duties"]
)
async def test_every_section_is_read_page_by_page(door: City, section: str) -> None:
    """All rows of the pack, each once, in its order."""
    seen: list[object] = []
    cursor: str | None = None
    while cursor is not None or not seen:
        query = {"limit": 100} | ({"cursor": cursor} if cursor else {})
        page = expect(await door.call("dispatch", "GET", f"/api/v1/{section}", params=query))
        seen += page["items"]
        cursor = page["next_cursor"]
    assert seen == [row.model_dump(mode="json") for row in getattr(door.pack.registry, section)]


async def test_the_people_of_one_organisation_and_the_settings(door: City) -> None:
    found = expect(await door.call("dispatch", "GET", "/api/v1/people", params={"organisation": "CGJ"}))
    assert {person["organisation"] for person in found["items"]} == {"CGJ"}
    settings = expect(await door.call("dispatch", "GET", "/api/v1/regulation"))
    assert settings == door.pack.registry.regulation.model_dump(mode="json")
