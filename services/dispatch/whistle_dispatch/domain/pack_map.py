"""The pack's `map.geojson`: where each grid lies. A pack without the file has no map, and a grid may be left out.

A FeatureCollection (RFC 7946) with one Polygon for a grid, whose code is among the properties: `{"grid": "S01-G001"}`;
WGS 84 degrees, longitude first. Other members are the file's own affair. A street's outline is what its grids cover.
INVARIANT: every area has a known grid, every grid one area at most, no two areas lie on one side of an edge.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

from whistle_dispatch.domain.pack_cells import CELLS
from whistle_dispatch.domain.pack_text import Document, Problem, Sheet, quoted, read_json
from whistle_shared.registry import Edge, Polygon, Ring, area_of, edges_of, oriented

FILE = "map.geojson"
DECIMALS = 5
"""A metre: what is said more exactly is rounded, for neighbours alike."""
MOST_OF_A_GRID = 500
MOST_OF_A_MAP = 20_000
"""Corners: the map travels in events and is sent to phones."""

Area = tuple[str, Polygon]
Found = tuple[str, str]
"""A member of a feature, and what is wrong with it."""


def build_map(files: Mapping[str, bytes | None], grids: Sheet) -> tuple[dict[str, Polygon], list[Problem]]:
    """The ground of grids by their code, or every mistake. `grids`: the table of grids as read."""
    if FILE not in files:
        return {}, []
    document = read_json(FILE, files[FILE])
    if document.problems:
        return {}, [*document.problems]
    features = document.values.get("features")
    if document.values.get("type") != "FeatureCollection" or not isinstance(features, list):
        return {}, [document.problem("type", "must be a FeatureCollection with a list of features")]
    known = {row.cells.get("code") for row in grids.rows} if grids.whole else None
    found = {place: _mistake(feature, known) for place, feature in enumerate(features)}
    areas = {place: _area(features[place]) for place, mistake in found.items() if mistake is None}
    found |= _wrong_together(areas)
    problems = [*_told(document, found), *_too_many(document, areas.values())]
    return ({} if problems else dict(areas.values())), problems


def _told(document: Document, found: Mapping[int, Found | None]) -> Iterator[Problem]:
    """On the lines of the features, where each of them says that it is one."""
    lines = document.lines_of(r'"type"\s*:\s*"Feature"')
    for place, mistake in found.items():
        if mistake is not None:
            field = ".".join(filter(None, (f"features[{place}]", mistake[0])))
            yield Problem(FILE, lines[place] if len(lines) == len(found) else 0, field, mistake[1])


def _too_many(document: Document, areas: Iterable[Area]) -> Iterator[Problem]:
    corners = sum(len(ring) for _, rings in areas for ring in rings)
    if corners > MOST_OF_A_MAP:
        yield document.problem("features", f"{corners} corners are too many: a map has {MOST_OF_A_MAP} at most")


def _wrong_together(areas: Mapping[int, Area]) -> dict[int, Found]:
    """Grids that are there already, and areas that lie on the same side of an edge as one before them."""
    found: dict[int, Found] = {}
    first: dict[str, int] = {}
    owners: dict[Edge, str] = {}
    for place, (grid, rings) in areas.items():
        if (other := first.setdefault(grid, place)) != place:
            found[place] = "properties.grid", f"grid {grid} is there already, in features[{other}]"
            continue
        edges = [edge for ring in rings for edge in edges_of(ring)]
        over = next((owners[edge] for edge in edges if edge in owners), None)
        if over is not None:
            found[place] = "geometry.coordinates", f"lies on the ground of grid {over}"
        owners |= dict.fromkeys(edges, grid)
    return found


def _mistake(feature: object, known: Container[str | None] | None) -> Found | None:
    """The first mistake in a feature by itself. `known`: codes of grids, None where they are not known."""
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        return "", "must be a Feature"
    if reason := _wrong_grid(feature.get("properties"), known):
        return "properties.grid", reason
    if found := _wrong_geometry(feature.get("geometry")):
        return f"geometry.{found[0]}", found[1]
    return None


def _wrong_grid(properties: object, known: Container[str | None] | None) -> str | None:
    code = properties.get("grid") if isinstance(properties, dict) else None
    if not isinstance(code, str):
        return "must be the code of a grid"
    if reason := CELLS["grids"]["code"](code):
        return reason
    return f"grid {code} is not in grids.csv" if known is not None and code not in known else None


def _wrong_geometry(geometry: object) -> Found | None:
    if not isinstance(geometry, dict) or geometry.get("type") != "Polygon":
        return "type", "must be Polygon: one area for a grid"
    rings = geometry.get("coordinates")
    if not isinstance(rings, list) or not rings:
        return "coordinates", "must be a list of rings, the outer one first"
    for place, ring in enumerate(rings):
        if found := _wrong_ring(ring):
            return f"coordinates[{place}]{found[0]}", found[1]
    corners = sum(len(ring) - 1 for ring in rings)
    if corners > MOST_OF_A_GRID:
        return "coordinates", f"{corners} corners are too many: a grid has {MOST_OF_A_GRID} at most"
    return None


def _wrong_ring(ring: object) -> Found | None:
    """(place in the ring, reason)."""
    if not isinstance(ring, list):
        return "", "must be a list of positions"
    for place, position in enumerate(ring):
        if reason := _wrong_position(position):
            return f"[{place}]", reason
    if len(ring) < 4 or ring[0] != ring[-1]:
        return "", "is not a closed ring: at least four positions, the last the same as the first"
    corners = _corners(ring)
    if len(corners) < 3 or area_of(corners) == 0:
        return "", "encloses nothing"
    return None


def _wrong_position(position: object) -> str | None:
    if not isinstance(position, list) or len(position) != 2:
        return "must be two numbers, longitude and latitude"
    for value, (name, most) in zip(position, (("longitude", 180), ("latitude", 90)), strict=True):
        if isinstance(value, bool) or not isinstance(value, int | float) or not -most <= value <= most:
            return f"{quoted(value)} is not a {name} from -{most} to {most} degrees"
    return None


def _area(feature: Mapping[str, Any]) -> Area:
    rings = tuple(_corners(ring) for ring in feature["geometry"]["coordinates"])
    return feature["properties"]["grid"], oriented(rings)


def _corners(ring: list[list[float]]) -> Ring:
    """Rounded; what falls together, the last with the first too, is one corner."""
    places = [(round(float(x), DECIMALS), round(float(y), DECIMALS)) for x, y in ring]
    return tuple(place for k, place in enumerate(places) if place != places[k - 1])
