"""The pack's map: the sample's is whole and fits together; every mistake is named with feature and field."""

import importlib.util
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from whistle_dispatch.domain.pack import PackInvalid, Problem, parse_pack, read_pack
from whistle_dispatch.domain.pack_map import FILE, MOST_OF_A_GRID, MOST_OF_A_MAP
from whistle_shared.registry import Polygon, Registry, area_of, edges_of, registry_rows

DISTRICT = Path(__file__).parents[2] / "deploy" / "district"
SAMPLE = DISTRICT / "sample"
FILES = {path.name: path.read_bytes() for path in SAMPLE.iterdir() if path.suffix in {".csv", ".toml", ".geojson"}}
BAREFOOT = {name: data for name, data in FILES.items() if name != FILE}

Feature = dict[str, Any]
Change = Callable[[list[Feature]], object]


def features() -> list[Feature]:
    found: list[Feature] = json.loads(FILES[FILE])["features"]
    return found


def mapped(them: object, **more: object) -> dict[str, bytes]:
    """The sample with these features, one on a line."""
    lines = ",\n".join(map(json.dumps, them)) if isinstance(them, list) else json.dumps(them)
    head = "".join(f"{json.dumps(key)}:{json.dumps(value)}," for key, value in more.items())
    return {**FILES, FILE: f'{{"type":"FeatureCollection",{head}"features":[\n{lines}\n]}}\n'.encode()}


def problems(files: dict[str, bytes]) -> tuple[Problem, ...]:
    with pytest.raises(PackInvalid) as refused:
        parse_pack(files)
    return refused.value.problems


def ground(registry: Registry) -> dict[str, Polygon]:
    """What is on the map, by grid."""
    return {grid.code: grid.ground for grid in registry.grids if grid.ground}


def square(code: str, west: float, south: float, size: float = 0.001, *more: object) -> Feature:
    east, north = west + size, south + size
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "properties": {"grid": code},
        "geometry": {"type": "Polygon", "coordinates": [ring, *more]},
    }


# -- the sample -----------------------------------------------------------------------------------------------


def test_every_grid_of_the_sample_is_on_its_map_and_neighbours_share_their_edges() -> None:
    """INVARIANT: neighbours share their corners exactly, so that nothing overlaps and no gap is between them."""
    registry = read_pack(SAMPLE).registry
    grounds = ground(registry)
    assert grounds.keys() == registry.grid_by_code.keys()
    edges = Counter(edge for rings in grounds.values() for ring in rings for edge in edges_of(ring))
    assert set(edges.values()) == {1}, "two grids on one side of an edge"
    assert sum((b, a) in edges for a, b in edges) > len(edges) * 0.9
    outlines = registry.outline_by_street
    assert outlines.keys() == registry.street_by_code.keys()
    assert {(len(parts), len(parts[0])) for parts in outlines.values()} == {(1, 1)}, "a street in pieces, or with a gap"
    covered = sum(area_of(ring) for rings in grounds.values() for ring in rings)
    assert sum(area_of(parts[0][0]) for parts in outlines.values()) == pytest.approx(covered)


def test_the_samples_map_is_what_the_script_draws() -> None:
    spec = importlib.util.spec_from_file_location("draw_map", DISTRICT / "draw_map.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.draw(SAMPLE).encode() == FILES[FILE]
    assert len(FILES[FILE]) < 140_000


def test_a_reader_that_knows_no_map_reads_the_rows_of_grids_as_before() -> None:
    """INVARIANT of the contracts: unknown fields are ignored; the map is one, in rows that there were before it."""
    assert {*registry_rows(parse_pack(BAREFOOT).registry)} == {*registry_rows(parse_pack(FILES).registry)}
    for with_map, without in zip(
        *(registry_rows(parse_pack(f).registry)["grids"] for f in (FILES, BAREFOOT)), strict=True
    ):
        assert with_map | {"ground": None} == without


def test_the_map_survives_its_journey() -> None:
    """What is published is read back the same."""
    registry = read_pack(SAMPLE).registry
    rows = json.loads(json.dumps(registry_rows(registry)))
    assert Registry.from_rows(registry.version, rows).grids == registry.grids


# -- what may be --------------------------------------------------------------------------------------------------


def test_a_pack_without_a_map_still_loads() -> None:
    registry = parse_pack(BAREFOOT).registry
    assert (ground(registry), registry.outline_by_street) == ({}, {})


def test_grids_may_be_left_out_and_other_members_are_the_files_own() -> None:
    feature = square("S02-G007", 116.4, 39.9) | {"id": 7, "bbox": [1, 2, 3, 4]}
    feature["properties"] |= {"FID": 12, "name": "x"}
    registry = parse_pack(mapped([feature], name="export", crs=None)).registry
    assert [*ground(registry)] == ["S02-G007"]
    assert [*registry.outline_by_street] == ["S02"]
    assert ground(parse_pack(mapped([])).registry) == {}


def test_corners_are_rounded_to_a_metre_and_rings_turned_the_right_way() -> None:
    ring = [[116.4000012, 39.9], [116.4, 39.901], [116.401, 39.901], [116.401, 39.900000004], [116.4000012, 39.9]]
    hole = [[116.4002, 39.9002], [116.4008, 39.9002], [116.4008, 39.9008], [116.4002, 39.9002]]
    feature = square("S01-G001", 116.4, 39.9)
    feature["geometry"]["coordinates"] = [ring, hole]
    rings = ground(parse_pack(mapped([feature])).registry)["S01-G001"]
    assert rings[0] == ((116.4, 39.9), (116.401, 39.9), (116.401, 39.901), (116.4, 39.901))
    assert [area_of(each) > 0 for each in rings] == [True, False]


# -- mistakes -----------------------------------------------------------------------------------------------------


def put(path: str, value: object) -> Change:
    """In the fourth feature, put a value in the place of another: `geometry.coordinates.0.2`."""

    def change(them: list[Feature]) -> None:
        *way, last = path.split(".")
        holder: Any = them[3]
        for step in way:
            holder = holder[int(step) if isinstance(holder, list) else step]
        holder[int(last) if isinstance(holder, list) else last] = value

    return change


def wide(count: int) -> list[list[float]]:
    """A ring of so many corners."""
    return [[116.0 + k * 0.001, 39.0] for k in range(count - 1)] + [[116.0, 40.0], [116.0, 39.0]]


RING = "geometry.coordinates[0]"
MISTAKES: dict[str, tuple[Change, str, str]] = {
    # change, field, part of the reason
    "no feature": (lambda them: them.__setitem__(3, {**them[3], "type": "Feature "}), "", "must be a Feature"),
    "nothing said of it": (put("properties", None), "properties.grid", "must be the code of a grid"),
    "a code that is a number": (put("properties.grid", 7), "properties.grid", "must be the code of a grid"),
    "a code of odd signs": (put("properties.grid", "S01 G001"), "properties.grid", "is not a code"),
    "an unknown grid": (put("properties.grid", "S99-G001"), "properties.grid", "grid S99-G001 is not in grids.csv"),
    "a grid twice": (put("properties.grid", "S01-G002"), "properties.grid", "is there already, in features[1]"),
    "no geometry": (put("geometry", None), "geometry.type", "must be Polygon"),
    "a point": (put("geometry.type", "Point"), "geometry.type", "must be Polygon"),
    "several areas": (put("geometry.type", "MultiPolygon"), "geometry.type", "one area for a grid"),
    "no rings": (put("geometry.coordinates", []), "geometry.coordinates", "must be a list of rings"),
    "a ring that is a text": (put("geometry.coordinates.0", "ring"), RING, "must be a list of positions"),
    "an open ring": (lambda them: them[3]["geometry"]["coordinates"][0].pop(), RING, "is not a closed ring"),
    "two corners": (put("geometry.coordinates.0", [[1, 2], [3, 4], [1, 2]]), RING, "at least four positions"),
    "a line": (put("geometry.coordinates.0", [[1, 2], [3, 4], [5, 6], [1, 2]]), RING, "encloses nothing"),
    "a dot": (put("geometry.coordinates.0", [[1, 2], [1, 2.000001], [1, 2], [1, 2]]), RING, "encloses nothing"),
    "a height": (put("geometry.coordinates.0.2", [116.4, 39.9, 50]), f"{RING}[2]", "must be two numbers"),
    "a text": (put("geometry.coordinates.0.2", ["116.4", "39.9"]), f"{RING}[2]", "is not a longitude"),
    "true": (put("geometry.coordinates.0.2", [116.4, True]), f"{RING}[2]", "is not a latitude"),
    "latitude first": (put("geometry.coordinates.0.1", [39.9, 116.4]), f"{RING}[1]", "116.4 is not a latitude"),
    "metres": (put("geometry.coordinates.0.0", [448_000.5, 4_418_000.5]), f"{RING}[0]", "448000.5 is not a longitude"),
    "no number": (put("geometry.coordinates.0.0", [float("nan"), 39.9]), f"{RING}[0]", "is not a longitude"),
    "endless": (put("geometry.coordinates.0.0", [116.4, float("inf")]), f"{RING}[0]", "is not a latitude"),
    "a wrong hole": (
        lambda them: them[3]["geometry"]["coordinates"].append([[1, 2]]),
        "geometry.coordinates[1]",
        "is not a closed ring",
    ),
    "too many corners": (
        put("geometry.coordinates.0", wide(MOST_OF_A_GRID + 1)),
        "geometry.coordinates",
        f"{MOST_OF_A_GRID + 1} corners are too many",
    ),
    "another's ground": (
        lambda them: them[3].update(geometry=them[0]["geometry"]),
        "geometry.coordinates",
        "lies on the ground of grid S01-G001",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_named(name: str) -> None:
    """INVARIANT: every area has a known grid, every grid one area at most, no two areas lie on one side of an edge."""
    change, field, reason = MISTAKES[name]
    them = features()
    change(them)
    (problem,) = problems(mapped(them))
    # A feature is found by the line on which it says that it is one; where one does not, none is.
    line = 0 if name == "no feature" else 5
    assert (problem.file, problem.line, problem.field) == (FILE, line, ".".join(filter(None, ("features[3]", field))))
    assert reason in problem.reason
    assert problem.reason.isprintable()


@pytest.mark.parametrize(
    ("content", "line", "field", "reason"),
    [
        (b"", 0, "", "is empty"),
        (b"[]", 1, "", "must hold one object"),
        (b'{"type":\n"Feature",}', 2, "", "cannot be read"),
        (b'{\n"type": "Feature", "features": []}', 2, "type", "must be a FeatureCollection"),
        (b'{"type": "FeatureCollection"}', 1, "type", "with a list of features"),
        (b'{"type": "FeatureCollection", "features": {}}', 1, "type", "with a list of features"),
        (b" " * (4 * 1024 * 1024 + 1), 0, "", "is larger than 4 MiB"),
        (b"[" * 100_000, 0, "", "cannot be read"),
    ],
)
def test_a_file_that_is_no_map_is_named(content: bytes, line: int, field: str, reason: str) -> None:
    (problem,) = problems({**FILES, FILE: content})
    assert (problem.file, problem.line, problem.field) == (FILE, line, field)
    assert reason in problem.reason


def test_a_map_of_too_many_corners_is_refused() -> None:
    codes = [feature["properties"]["grid"] for feature in features()]
    around = [[[*corner] for corner in wide(MOST_OF_A_GRID)]] * (MOST_OF_A_MAP // MOST_OF_A_GRID + 1)
    them = [square(code, 116, 39) for code in codes[: len(around)]]
    for place, (feature, ring) in enumerate(zip(them, around, strict=True)):
        feature["geometry"]["coordinates"] = [[[x, y + place / 1000] for x, y in ring]]
    (problem,) = problems(mapped(them))
    assert (problem.file, problem.field) == (FILE, "features")
    assert f"{MOST_OF_A_MAP + MOST_OF_A_GRID} corners are too many: a map has {MOST_OF_A_MAP} at most" in problem.reason
    assert len(ground(parse_pack(mapped(them[:-1])).registry)) == len(them) - 1


def test_no_grid_is_called_unknown_where_the_table_cannot_be_read() -> None:
    found = problems({**FILES, "grids.csv": b"code,street\n"})
    assert {problem.file for problem in found} == {"grids.csv"}


def test_all_mistakes_are_told_at_once() -> None:
    them = features()
    them[0]["properties"] = {}
    them[2]["geometry"] = None
    them[7]["properties"]["grid"] = "S01-G005"
    files = {**mapped(them), "streets.csv": FILES["streets.csv"] + b"S01,a,b,automatic\n"}
    assert [(problem.file, problem.line, problem.field) for problem in problems(files)] == [
        (FILE, 2, "features[0].properties.grid"),
        (FILE, 4, "features[2].geometry.type"),
        (FILE, 9, "features[7].properties.grid"),
        ("streets.csv", 15, "code"),
    ]
