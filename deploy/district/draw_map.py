"""Draws the map of a pack whose district is invented: `python deploy/district/draw_map.py deploy/district/sample`.

Every grid is the part of the plane that is nearest to its seed (Voronoi); the seeds are a shaken lattice, divided among
streets, communities and grids by straight cuts. No real place is copied. The same pack gives the same file.
INVARIANT: neighbours share their corners exactly, so that nothing overlaps and no gap is between them.
"""

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby, product
from math import atan2, cos, hypot, pi, radians, sin
from pathlib import Path
from random import Random

Point = tuple[float, float]  # kilometres east and north

SPACING = 0.4
SHAKEN = 0.33
FIRST_GRID = (116.3972, 39.9163)
"""Where the first grid lies: longitude and latitude, as in the examples of the API."""
_KM_NORTH = 111.195
_KM_EAST = _KM_NORTH * cos(radians(FIRST_GRID[1]))


def draw(folder: Path) -> str:
    """The pack's `map.geojson`."""
    with (folder / "grids.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    chance = Random(113)
    seeds = _lattice(chance, len(rows))
    seed_of = dict(_divided(seeds[: len(rows)], _tree(rows, chance), chance))
    rings = {row["code"]: _cell(seed_of[row["code"]], seeds) for row in rows}
    first = rings[rows[0]["code"]]
    origin = (sum(x for x, _ in first) / len(first), sum(y for _, y in first) / len(first))
    lines = ",\n".join(_feature(code, _degrees(ring, origin)) for code, ring in rings.items())
    return f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n'


def _lattice(chance: Random, count: int) -> list[Point]:
    """Shaken points of a lattice, those of the district (`count`) first: the rest only bounds its outermost grids."""
    reach = int(count**0.5) + 4
    points = []
    for i, j in product(range(-reach, reach), repeat=2):
        x, y = (chance.uniform(-SHAKEN, SHAKEN) for _ in "xy")
        points.append(((i + j % 2 / 2 + x) * SPACING, (j + y) * 0.87 * SPACING))
    return sorted(points, key=_remoteness)


def _remoteness(point: Point) -> float:
    """Smaller is nearer to the middle of the district, which is wider than high and has bays."""
    x, y = point
    angle = atan2(y, x)
    return hypot(x, 1.25 * y) / (1 + 0.1 * sin(3 * angle + 1) + 0.05 * sin(5 * angle))


_Tree = Sequence["_Tree"] | str


def _tree(rows: Sequence[dict[str, str]], chance: Random) -> _Tree:
    """The grids' codes by street, in any order, and by community (what stands between the 第 of the grid's name)."""
    streets = [
        [
            [row["code"] for row in community]
            for _, community in groupby(street, lambda row: row["name_zh"].split("第")[1])
        ]
        for _, street in groupby(rows, lambda row: row["street"])
    ]
    return chance.sample(streets, len(streets))


def _size(tree: _Tree) -> int:
    return 1 if isinstance(tree, str) else sum(map(_size, tree))


def _divided(seeds: list[Point], tree: _Tree, chance: Random) -> Iterator[tuple[str, Point]]:
    """The leaves of the tree with the seeds, which are cut across their longer side until each part has one branch."""
    while not isinstance(tree, str) and len(tree) == 1:
        tree = tree[0]
    if isinstance(tree, str):
        yield tree, seeds[0]
        return
    half = len(tree) // 2
    slant = chance.uniform(-0.3, 0.3) + (0 if _extent(seeds, 0) > _extent(seeds, 1) else pi / 2)
    ordered = sorted(seeds, key=lambda seed: seed[0] * cos(slant) + seed[1] * sin(slant))
    first = sum(map(_size, tree[:half]))
    yield from _divided(ordered[:first], tree[:half], chance)
    yield from _divided(ordered[first:], tree[half:], chance)


def _extent(seeds: list[Point], axis: int) -> float:
    return max(seed[axis] for seed in seeds) - min(seed[axis] for seed in seeds)


def _cell(seed: Point, seeds: Sequence[Point]) -> list[Point]:
    """What is nearer to this seed than to any other, counter-clockwise."""
    (x, y), reach = seed, 4 * SPACING
    ring = [(x - reach, y - reach), (x + reach, y - reach), (x + reach, y + reach), (x - reach, y + reach)]
    for other in seeds:
        if other != seed and hypot(other[0] - x, other[1] - y) < reach:
            ring = _nearer(ring, seed, other)
    return ring


def _nearer(ring: list[Point], seed: Point, other: Point) -> list[Point]:
    """The part of a convex ring on the seed's side of the line in the middle between two seeds."""
    east, north = other[0] - seed[0], other[1] - seed[1]
    middle = (east * (seed[0] + other[0]) + north * (seed[1] + other[1])) / 2
    beyond = [east * x + north * y - middle for x, y in ring]
    kept = []
    for k, (x, y) in enumerate(ring):
        (before_x, before_y), there, before = ring[k - 1], beyond[k], beyond[k - 1]
        if (there < 0) != (before < 0):
            share = before / (before - there)
            kept.append((before_x + share * (x - before_x), before_y + share * (y - before_y)))
        if there < 0:
            kept.append((x, y))
    return kept


def _degrees(ring: list[Point], origin: Point) -> list[Point]:
    """In degrees with four decimals (10 m), corners that fall together once, the last the same as the first."""
    places = [
        (round(FIRST_GRID[0] + (x - origin[0]) / _KM_EAST, 4), round(FIRST_GRID[1] + (y - origin[1]) / _KM_NORTH, 4))
        for x, y in ring
    ]
    corners = [place for k, place in enumerate(places) if place != places[k - 1]]
    return [*corners, corners[0]]


def _feature(code: str, ring: list[Point]) -> str:
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return json.dumps({"type": "Feature", "properties": {"grid": code}, "geometry": geometry}, separators=(",", ":"))


if __name__ == "__main__":
    pack = Path(sys.argv[1])
    (pack / "map.geojson").write_text(draw(pack), encoding="utf-8")
