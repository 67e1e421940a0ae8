"""The map as pages get it: GeoJSON for everybody, SVG of one street, the grid of a place."""

import gzip
import re
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from whistle_dispatch.domain.pack import read_pack
from whistle_shared.pages.maps import grid_at, router, svg_paths
from whistle_shared.registry import Polygon, Registry, Ring, area_of
from whistle_shared.registry.shapes import holds
from whistle_shared.web import Limits, Slots, make_app

REGISTRY = read_pack(Path(__file__).parents[2] / "deploy" / "district" / "sample").registry
PLAIN = {"Accept-Encoding": "identity"}


def changed(**sections: object) -> Registry:
    """The sample's registry with other rows; built anew, for a copy would keep what the first has looked up."""
    return Registry.model_validate({name: getattr(REGISTRY, name) for name in Registry.model_fields} | sections)


def on_the_map(**grounds: Polygon) -> Registry:
    """The sample with this map and no other: S02_G001 stands for S02-G001."""
    return changed(
        grids=tuple(
            grid.model_copy(update={"ground": grounds.get(grid.code.replace("-", "_"))}) for grid in REGISTRY.grids
        )
    )


WITHOUT = on_the_map()


class Browser:
    """Asks an application whose service knows this registry."""

    def __init__(self, registry: Registry | None) -> None:
        async def well() -> None:
            return None

        async def figures() -> bytes:
            return b""

        app = make_app("maps", "", well, figures, Limits({}), Slots(10, 1, 10))
        app.include_router(router)

        async def refused(request: object, error: Exception) -> None:
            """Nothing is noted here."""

        self.replica = SimpleNamespace(registry=registry)
        app.state.service = SimpleNamespace(replica=self.replica, refused=refused)
        self.transport = httpx.ASGITransport(app)

    async def asks(self, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with httpx.AsyncClient(transport=self.transport, base_url="http://here") as client:
            return await client.get("/map.json", headers={**PLAIN, **named})


def features(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/geo+json"
    document = answer.json()
    assert document["type"] == "FeatureCollection"
    found: list[dict[str, Any]] = document["features"]
    return found


# -- GET /map.json ------------------------------------------------------------------------------------------------


async def test_the_map_has_every_street_and_grid_with_its_names_for_whoever_asks() -> None:
    found = features(await Browser(REGISTRY).asks())
    streets = [each["properties"] for each in found if "grid" not in each["properties"]]
    grids = [each["properties"] for each in found if "grid" in each["properties"]]
    assert [(s["street"], s["name"], s["name_en"]) for s in streets] == [
        (street.code, street.name_zh, street.name_en) for street in REGISTRY.streets
    ]
    assert [(g["grid"], g["street"], g["name"]) for g in grids] == [
        (g.code, g.street, g.name_zh) for g in REGISTRY.grids
    ]
    for each in found:
        assert each["geometry"]["type"] == "Polygon"
        (ring,) = each["geometry"]["coordinates"]
        assert ring[0] == ring[-1]
        assert area_of(tuple(map(tuple, ring[:-1]))) > 0
        if grid := each["properties"].get("grid"):
            assert grid_at(REGISTRY, *reversed(each["properties"]["cp"])) == grid


async def test_streets_in_pieces_and_grids_with_holes_stay_so() -> None:
    def square(west: float, size: float) -> Ring:
        return ((west, 0), (west + size, 0), (west + size, size), (west, size))

    inner = ((1, 1), (1, 2), (2, 2), (2, 1))
    registry = on_the_map(S02_G001=(square(0, 3), inner), S02_G002=(square(10, 1),))
    street, holed, _ = features(await Browser(registry).asks())
    assert street["geometry"]["type"] == "MultiPolygon"
    assert sorted(len(polygon) for polygon in street["geometry"]["coordinates"]) == [1, 2]
    assert street["properties"]["cp"] == holed["properties"]["cp"], "the name stands in the larger piece"
    assert holed["geometry"]["type"] == "Polygon"
    assert [len(ring) for ring in holed["geometry"]["coordinates"]] == [5, 5]


async def test_the_map_is_small_when_it_is_zipped() -> None:
    browser = Browser(REGISTRY)
    async with (
        httpx.AsyncClient(transport=browser.transport, base_url="http://here") as client,
        client.stream("GET", "/map.json", headers={"Accept-Encoding": "gzip, br"}) as answer,
    ):
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(raw) == (await browser.asks()).content
    assert len(raw) < 30_000


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_a_browser_that_has_the_map_is_sent_nothing(encoding: str) -> None:
    browser = Browser(REGISTRY)
    tag = (await browser.asks(Accept_Encoding=encoding)).headers["etag"]
    assert tag.startswith('"1-')
    for known in (tag, f"W/{tag}", f'"other", {tag}'):
        again = await browser.asks(Accept_Encoding=encoding, If_None_Match=known)
        assert (again.status_code, again.content) == (304, b"")
        assert (again.headers["etag"], again.headers["cache-control"]) == (tag, "no-cache")
    other = {"identity": "gzip", "gzip": "identity"}[encoding]
    assert (await browser.asks(Accept_Encoding=other, If_None_Match=tag)).status_code == 200


async def test_a_new_version_of_the_registry_is_another_map() -> None:
    browser = Browser(REGISTRY)
    first = await browser.asks()
    browser.replica.registry = changed(version=2, streets=REGISTRY.streets[:1])
    second = await browser.asks(If_None_Match=first.headers["etag"])
    assert second.headers["etag"].startswith('"2-')
    assert len(features(second)) == len(REGISTRY.grids) + 1
    browser.replica.registry = WITHOUT
    assert features(await browser.asks(If_None_Match=first.headers["etag"])) == [], "version 1 of another district"


async def test_before_the_registry_has_arrived_there_is_no_map() -> None:
    answer = await Browser(None).asks()
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"


# -- the grid of a place ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("latitude", "longitude", "street"),
    [(39.9163, 116.3972, "S01"), (39.9168, 116.3972, "S01"), (39.9263, 116.3972, "S01"), (39.9042, 116.4074, "S10")],
)
def test_the_places_of_examples_lie_in_the_district(latitude: float, longitude: float, street: str) -> None:
    grid = grid_at(REGISTRY, latitude, longitude)
    assert grid is not None
    assert REGISTRY.grid_by_code[grid].street == street


def test_the_first_grid_lies_where_the_examples_say() -> None:
    assert grid_at(REGISTRY, 39.9163, 116.3972) == "S01-G001"


@pytest.mark.parametrize("place", [(116.3972, 39.9163), (39.9163, 117.0), (0, 0), (90, 180), (float("nan"), 116.4)])
def test_a_place_elsewhere_has_no_grid(place: tuple[float, float]) -> None:
    assert grid_at(REGISTRY, *place) is None
    assert grid_at(WITHOUT, 39.9163, 116.3972) is None


# -- SVG ----------------------------------------------------------------------------------------------------------


def rings_of(path: str) -> list[list[tuple[float, float]]]:
    assert re.fullmatch(r"(M-?[\d.]+ -?[\d.]+(L-?[\d.]+ -?[\d.]+){2,}Z)+", path)
    rings = (ring.split("L") for ring in path[1:-1].split("ZM"))
    return [[(float(x), float(y)) for x, y in (corner.split(" ") for corner in ring)] for ring in rings]


@pytest.mark.parametrize("street", [street.code for street in REGISTRY.streets])
@pytest.mark.parametrize(("width", "height"), [(360, 300), (320, 640)])
def test_a_streets_grids_fill_their_picture_and_fit(street: str, width: int, height: int) -> None:
    drawn = svg_paths(REGISTRY, street, width, height)
    assert [each.grid for each in drawn] == [grid.code for grid in REGISTRY.grids if grid.street == street]
    corners = [corner for each in drawn for ring in rings_of(each.d) for corner in ring]
    xs, ys = ([corner[axis] for corner in corners] for axis in (0, 1))
    assert (min(xs) >= 2, max(xs) <= width - 2, min(ys) >= 2, max(ys) <= height - 2) == (True,) * 4
    assert max(max(xs) - min(xs) - width, max(ys) - min(ys) - height) == pytest.approx(-4, abs=0.1)
    assert (min(xs) + max(xs), min(ys) + max(ys)) == pytest.approx((width, height), abs=0.2), "in the middle"


def test_neighbours_in_the_picture_share_their_corners_and_names_stand_inside() -> None:
    drawn = svg_paths(REGISTRY, "S01", 360, 300)
    sides = [set(pairwise([*ring, ring[0]])) for each in drawn for ring in rings_of(each.d)]
    back = {(b, a) for side in sides for a, b in side}
    assert all(side & back for side in sides)
    for each in drawn:
        (ring,) = rings_of(each.d)
        assert holds([tuple(ring)], each.x, each.y)


def test_north_is_up_and_a_kilometre_is_as_long_both_ways() -> None:
    """At 60 degrees north a degree of longitude is half as long as one of latitude."""
    south, north = ((((10, at), (10.02, at), (10.02, at + 0.01), (10, at + 0.01)),) for at in (59.99, 60.0))
    drawn = svg_paths(on_the_map(S13_G001=south, S13_G002=north), "S13", 104, 204)
    assert [(each.grid, each.x, each.y) for each in drawn] == [("S13-G001", 52, 152), ("S13-G002", 52, 52)]
    assert rings_of(drawn[1].d)[0] == [(2, 102), (102, 102), (102, 2), (2, 2)]


def test_a_street_that_is_not_on_the_map_has_no_picture() -> None:
    assert svg_paths(REGISTRY, "S99", 360, 300) == []
    assert svg_paths(WITHOUT, "S01", 360, 300) == []
    ((only, *_),) = svg_paths(on_the_map(S01_G007=REGISTRY.grids[0].ground or ()), "S01", 360, 300)
    assert only == "S01-G007"
