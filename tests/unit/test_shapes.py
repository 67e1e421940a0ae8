"""The ground of grids: who holds a point, what several cover together, where a name stands."""

from itertools import pairwise, product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from whistle_dispatch.domain.pack import read_pack
from whistle_shared.registry import Grid, Polygon, Ring, area_of, box_of, label_of
from whistle_shared.registry.shapes import holds, outline

REGISTRY = read_pack(Path(__file__).parents[2] / "deploy" / "district" / "sample").registry
GROUNDS = {grid.code: grid.ground for grid in REGISTRY.grids if grid.ground}
CORNERS = sorted({corner for rings in GROUNDS.values() for ring in rings for corner in ring})
WEST, SOUTH, EAST, NORTH = box_of([ring for rings in GROUNDS.values() for ring in rings])
(DISTRICT,) = outline(GROUNDS.values())
POLYGON: TypeAdapter[Polygon] = TypeAdapter(Polygon)


def square(west: float, south: float, size: float = 1.0) -> Ring:
    east, north = west + size, south + size
    return ((west, south), (east, south), (east, north), (west, north))


def board(*lines: str) -> list[tuple[str, Polygon]]:
    """An area for every cell that is not blank, with its letter; the first line is in the north."""
    cells = ((x, -y, line[x]) for y, line in enumerate(lines) for x in range(len(line)))
    return [(name, (square(x, y),)) for x, y, name in cells if name != " "]


def holders(longitude: float, latitude: float) -> list[str]:
    return [grid.code for grid in REGISTRY.grids if grid.holds(longitude, latitude)]


@settings(max_examples=300, deadline=None, database=None)
@given(
    longitude=st.floats(WEST, EAST) | st.sampled_from([x for x, _ in CORNERS]),
    latitude=st.floats(SOUTH, NORTH) | st.sampled_from([y for _, y in CORNERS]),
)
def test_a_point_has_one_grid_where_its_district_has_it(longitude: float, latitude: float) -> None:
    """INVARIANT: of two areas that share an edge one holds a point on it, never both and never neither."""
    assert len(holders(longitude, latitude)) == holds(DISTRICT, longitude, latitude)


@settings(max_examples=300, deadline=None, database=None)
@given(grid=st.sampled_from([*GROUNDS]), edge=st.integers(0, 20), share=st.floats(0, 1))
def test_a_point_on_an_edge_has_one_grid_at_most(grid: str, edge: int, share: float) -> None:
    """INVARIANT: of two areas that share an edge one holds a point on it, never both and never neither."""
    ring = GROUNDS[grid][0]
    (x1, y1), (x2, y2) = ring[edge % len(ring)], ring[(edge + 1) % len(ring)]
    at = (x1 + share * (x2 - x1), y1 + share * (y2 - y1))
    assert len(holders(*at)) == holds(DISTRICT, *at)


def test_every_corner_between_four_squares_belongs_to_one_of_them() -> None:
    areas = board("ab", "cd")
    held = [[name for name, rings in areas if holds(rings, x, y)] for y, x in product((-1, 0), (0, 1))]
    assert held == [["c"], ["d"], ["a"], ["b"]]


def test_a_hole_is_outside() -> None:
    held = [holds((square(0, 0, 3), square(1, 1)), x, 1.5) for x in (-0.5, 0.5, 1.5, 2.5, 3.5)]
    assert held == [False, True, False, True, False]


def test_rings_are_turned_the_right_way_and_areas_are_areas() -> None:
    rings = POLYGON.validate_python((square(0, 0, 3)[::-1], square(1, 1)))
    assert [area_of(ring) for ring in rings] == [9, -1]


@pytest.mark.parametrize(
    "rings",
    [
        (),
        (((0, 0), (1, 1)),),
        (((0, 0), (1, 1), (2, 2)),),
        (((0, 0), (181, 0), (1, 1)),),
        (((0, 0), (1, 0), (1, 91)),),
        (((0, 0), (1, 0), (float("nan"), 1)),),
    ],
)
def test_what_is_no_area_is_refused(rings: object) -> None:
    with pytest.raises(ValidationError):
        Grid.model_validate({"code": "S01-G001", "street": "S01", "name_zh": "网格", "ground": rings})


def together(*lines: str) -> tuple[Polygon, ...]:
    return outline(rings for _, rings in board(*lines))


def areas(*lines: str) -> list[list[float]]:
    """The areas of what a board covers, by part: the outer ring, then its holes."""
    return sorted([area_of(ring) for ring in part] for part in together(*lines))


def test_squares_side_by_side_have_one_outline() -> None:
    (((*ring,),),) = together("aa")
    assert sorted(ring) == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    assert area_of(tuple(ring)) == 2


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("a b",), [[1], [1]]),
        (("aaa", "a a", "aaa"), [[9, -1]]),
        (("aaaaa", "a   a", "a b a", "a   a", "aaaaa"), [[1], [25, -9]]),
        (("aaaaa", "a a a", "aaaaa"), [[15, -1, -1]]),
        (("a ", " b"), [[1], [1]]),
        (("aaa", "a b", "aaa"), [[9, -1]]),
        (("aaaa", "a  a", "a aa", "aa a", "aaaa"), [[20, -3, -1]]),
    ],
    ids=["apart", "a hole", "an island in the hole", "two holes", "a corner in common", "closed", "holes at a corner"],
)
def test_outlines_have_parts_and_holes(lines: tuple[str, ...], expected: list[list[float]]) -> None:
    assert areas(*lines) == expected


@settings(max_examples=200, deadline=None, database=None)
@given(
    lines=st.lists(st.text("a ", min_size=6, max_size=6), min_size=1, max_size=6).filter(lambda x: "a" in "".join(x))
)
def test_an_outline_covers_what_its_shapes_cover(lines: list[str]) -> None:
    squares, parts = board(*lines), together(*lines)
    assert sum(area_of(ring) for part in parts for ring in part) == len(squares)
    for y, x in product(range(-len(lines), 2), range(-1, 7)):
        at = (x + 0.5, y + 0.25)
        whole = [part for part in parts if holds(part, *at)]
        assert len(whole) == any(holds(rings, *at) for _, rings in squares)
    for part in parts:
        assert area_of(part[0]) > 0
        assert all(area_of(hole) < 0 for hole in part[1:])
        assert all(len(set(ring)) == len(ring) for ring in part)


@settings(max_examples=200, deadline=None, database=None)
@given(
    rings=st.lists(
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=3, max_size=8).map(tuple).filter(area_of),
        min_size=1,
        max_size=4,
    )
)
def test_no_shapes_whatever_stop_an_outline_or_a_name(rings: list[Ring]) -> None:
    """Areas that cross themselves and lie over one another."""
    assert all(part for part in outline([(ring,) for ring in rings]))
    for ring in rings:
        west, south, east, north = box_of([ring])
        x, y = label_of((ring,))
        assert west <= x <= east
        assert south <= y <= north


def test_names_stand_inside() -> None:
    for grid, rings in GROUNDS.items():
        assert holders(*label_of(rings)) == [grid]
    hook = (((0, 0), (5, 0), (5, 5), (4, 5), (4, 1), (0, 1)),)
    assert holds(hook, *label_of(hook))
    pierced = (square(0, 0, 3), square(1, 1))
    assert holds(pierced, *label_of(pierced))


def test_the_outlines_of_the_sample_are_closed_walks_along_grids_edges() -> None:
    for street, parts in REGISTRY.outline_by_street.items():
        own = [GROUNDS[grid.code] for grid in REGISTRY.grids if grid.street == street]
        edges = {edge for rings in own for ring in rings for edge in pairwise((*ring, ring[0]))}
        assert {edge for part in parts for ring in part for edge in pairwise((*ring, ring[0]))} <= edges
