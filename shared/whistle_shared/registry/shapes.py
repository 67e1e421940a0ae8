"""Areas on the map: the outline of several together, whether a point lies inside, where a name stands. Pure.

Coordinates are WGS 84 degrees, longitude before latitude (RFC 7946); inside a district the plane is near enough.
INVARIANT: of two areas that share an edge one holds a point on it, never both and never neither.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, pairwise
from typing import Annotated

from pydantic import AfterValidator, Field

Position = tuple[Annotated[float, Field(ge=-180, le=180)], Annotated[float, Field(ge=-90, le=90)]]
"""Longitude and latitude."""
Box = tuple[float, float, float, float]
"""West, south, east, north."""
Edge = tuple[Position, Position]


def area_of(ring: "Ring") -> float:
    """Square degrees, positive for a ring that runs counter-clockwise."""
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in edges_of(_near_zero(ring))) / 2


def edges_of(ring: "Ring") -> Iterator[Edge]:
    """From corner to corner, once round."""
    return pairwise((*ring, ring[0]))


def _near_zero(ring: "Ring") -> "Ring":
    """The ring moved to where small differences are not lost in large numbers."""
    east, north = ring[0]
    return tuple((x - east, y - north) for x, y in ring)


def _enclosing(ring: "Ring") -> "Ring":
    if area_of(ring) == 0:
        raise ValueError("encloses nothing")
    return ring


def oriented(rings: tuple["Ring", ...]) -> tuple["Ring", ...]:
    """The outer ring counter-clockwise, the holes clockwise."""
    return tuple(ring if (area_of(ring) > 0) == (k == 0) else ring[::-1] for k, ring in enumerate(rings))


Ring = Annotated[tuple[Position, ...], Field(min_length=3), AfterValidator(_enclosing)]
"""Corners in order; the last is joined to the first, which is not said twice."""
Polygon = Annotated[tuple[Ring, ...], Field(min_length=1), AfterValidator(oriented)]
"""The outer ring, then the holes."""


def box_of(rings: Iterable[Ring]) -> Box:
    """The smallest box that holds all these rings; there is one at least."""
    longitudes, latitudes = zip(*chain.from_iterable(rings), strict=True)
    return min(longitudes), min(latitudes), max(longitudes), max(latitudes)


def label_of(rings: Polygon) -> Position:
    """A point inside for the name: the middle of the longest stretch at the height of the centre of gravity."""
    height = _height(rings[0])
    ends = _crossings(rings, height)
    west, east = max(zip(ends[::2], ends[1::2], strict=True), key=lambda stretch: stretch[1] - stretch[0])
    return (west + east) / 2, height


def holds(rings: Iterable[Ring], longitude: float, latitude: float) -> bool:
    """Whether the point lies inside."""
    return sum(crossing <= longitude for crossing in _crossings(rings, latitude)) % 2 == 1


def outline(areas: Iterable[Polygon]) -> tuple[Polygon, ...]:
    """What the areas cover together. An edge that two of them share corner for corner falls away; where one has a
    corner that the other has not, the seam stays."""
    edges = Counter(edge for rings in areas for ring in rings for edge in edges_of(ring))
    after: dict[Position, list[Position]] = {}
    for (start, end), times in edges.items():
        after.setdefault(start, []).extend([end] * (times - edges[end, start]))
    rings = [*_closed(after)]
    outer = [ring for ring in rings if area_of(ring) > 0]
    holes: dict[Ring | None, list[Ring]] = {}
    for hole in (ring for ring in rings if area_of(ring) < 0):
        holes.setdefault(_around(hole, outer), []).append(hole)
    return tuple((ring, *holes.get(ring, ())) for ring in outer)


def _crossings(rings: Iterable[Ring], latitude: float) -> list[float]:
    """Where edges cross this latitude, from west to east. An edge has its southern end and not its northern, and is
    reckoned from the south whichever way it runs: neighbours find the same number."""
    found = []
    for start, end in chain.from_iterable(map(edges_of, rings)):
        (x1, y1), (x2, y2) = (start, end) if start[1] < end[1] else (end, start)
        if y1 <= latitude < y2:
            found.append(x1 + (x2 - x1) * (latitude - y1) / (y2 - y1))
    return sorted(found)


def _height(ring: Ring) -> float:
    """The latitude of the ring's centre of gravity; of one that crosses itself perhaps only the middle."""
    _, south, _, north = box_of([ring])
    moment = sum((a[1] + b[1]) * (a[0] * b[1] - b[0] * a[1]) for a, b in edges_of(_near_zero(ring)))
    height = ring[0][1] + moment / (6 * area_of(ring))
    return height if south < height < north else (south + north) / 2


def _closed(after: dict[Position, list[Position]]) -> Iterator[Ring]:
    """Edges (by where they start) put together to rings that meet themselves nowhere. As many edges end in a corner
    as start there, so that a walk ends where it began."""
    for start, ends in after.items():
        walk = [start]
        while len(walk) > 1 or ends:
            corner = after[walk[-1]].pop()
            if corner in walk:
                first = walk.index(corner)
                yield tuple(walk[first:])
                del walk[first + 1 :]
            else:
                walk.append(corner)


def _around(hole: Ring, outer: list[Ring]) -> Ring | None:
    """The smallest of the rings that the hole lies in: an island inside the hole is smaller than the hole. None where
    areas overlap so that there is no such ring."""
    inside, size = label_of((hole,)), -area_of(hole)
    return min((ring for ring in outer if area_of(ring) > size and holds([ring], *inside)), key=area_of, default=None)
