"""The district's map for pages: all of it as GeoJSON for the wall, one street's grids as SVG for a phone, and the grid
that a place lies in. A pack without a map gives an empty one.
"""

import gzip
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import cos, radians
from typing import Any, NamedTuple

import orjson
from fastapi import APIRouter, Request, Response

from whistle_shared.errors import Unavailable
from whistle_shared.registry import Polygon, Registry, Ring, area_of, box_of, label_of
from whistle_shared.runtime import Here

router = APIRouter(include_in_schema=False)
_EDGE = 2
"""User units kept free around an SVG map, for the lines of its border."""


class GridPath(NamedTuple):
    """One grid of an SVG map: `d` for its `<path>`, and where its name is to stand, in user units."""

    grid: str
    d: str
    x: float
    y: float


@router.get("/map.json")
async def district_map(request: Request, service: Here) -> Response:
    """Streets, then grids, as a FeatureCollection; open to everybody, for it shows what is public. Kept by browsers,
    who ask each time whether it has changed. Raises Unavailable before the registry has arrived."""
    registry = service.replica.registry
    if registry is None:
        raise Unavailable("the registry has not arrived yet; try again shortly")
    state = request.app.state
    if getattr(state, "drawn", None) is None or state.drawn.registry is not registry:
        state.drawn = _Drawn.of(registry)
    drawn: _Drawn = state.drawn
    zipped = "gzip" in request.headers.get("accept-encoding", "")
    tag = f'"{drawn.tag}{"-gzip" if zipped else ""}"'
    headers = {"ETag": tag, "Vary": "Accept-Encoding", "Cache-Control": "no-cache"}
    if tag in (known.strip().removeprefix("W/") for known in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    if zipped:
        headers["Content-Encoding"] = "gzip"
    return Response(drawn.zipped if zipped else drawn.plain, headers=headers, media_type="application/geo+json")


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The map of one version, ready to be sent. `tag`: the version and, since two districts count from 1, a digest."""

    registry: Registry
    tag: str
    plain: bytes
    zipped: bytes

    @classmethod
    def of(cls, registry: Registry) -> "_Drawn":
        plain = orjson.dumps({"type": "FeatureCollection", "features": [*_features(registry)]})
        tag = f"{registry.version}-{sha256(plain).hexdigest()[:12]}"
        return cls(registry, tag, plain, gzip.compress(plain, mtime=0))


def grid_at(registry: Registry, latitude: float, longitude: float) -> str | None:
    """The code of the grid in which a place (WGS 84 degrees) lies; None outside the map."""
    return next((grid.code for grid in registry.grids if grid.holds(longitude, latitude)), None)


def svg_paths(registry: Registry, street: str, width: float, height: float) -> list[GridPath]:
    """The grids of a street that are on the map, north up, as large as fits into `width` × `height` user units and in
    the middle of them."""
    own = [(grid.code, grid.ground) for grid in registry.grids if grid.street == street and grid.ground]
    if not own:
        return []
    fit = _Fit.of([ring for _, ground in own for ring in ground], width, height)
    return [GridPath(code, fit.path(ground), *fit.point(*label_of(ground))) for code, ground in own]


@dataclass(frozen=True, slots=True)
class _Fit:
    """From degrees to user units: `x = left + east × longitude`, `y = top − north × latitude`."""

    left: float
    top: float
    east: float
    north: float

    @classmethod
    def of(cls, rings: Sequence[Ring], width: float, height: float) -> "_Fit":
        west, south, east, north = box_of(rings)
        narrowing = cos(radians((south + north) / 2))  # of a degree of longitude beside one of latitude
        scale = min((width - 2 * _EDGE) / ((east - west) * narrowing), (height - 2 * _EDGE) / (north - south))
        across = scale * narrowing
        return cls(width / 2 - across * (west + east) / 2, height / 2 + scale * (south + north) / 2, across, scale)

    def point(self, longitude: float, latitude: float) -> tuple[float, float]:
        return round(self.left + self.east * longitude, 1), round(self.top - self.north * latitude, 1)

    def path(self, rings: Iterable[Ring]) -> str:
        corners = ([f"{x:g} {y:g}" for x, y in (self.point(*corner) for corner in ring)] for ring in rings)
        return "".join(f"M{'L'.join(ring)}Z" for ring in corners)


def _features(registry: Registry) -> Iterator[dict[str, Any]]:
    """`cp` is where the name stands, under the name that ECharts looks for."""
    for street in registry.streets:
        if parts := registry.outline_by_street.get(street.code):
            names = {"street": street.code, "name": street.name_zh, "name_en": street.name_en}
            yield _feature(names, parts)
    for grid in registry.grids:
        if grid.ground:
            yield _feature({"grid": grid.code, "street": grid.street, "name": grid.name_zh}, (grid.ground,))


def _feature(names: dict[str, str], parts: Sequence[Polygon]) -> dict[str, Any]:
    largest = max(parts, key=lambda part: area_of(part[0]))
    longitude, latitude = label_of(largest)
    closed = [[(*ring, ring[0]) for ring in part] for part in parts]
    one = len(closed) == 1
    return {
        "type": "Feature",
        "properties": {**names, "cp": (round(longitude, 5), round(latitude, 5))},
        "geometry": {"type": "Polygon" if one else "MultiPolygon", "coordinates": closed[0] if one else closed},
    }
