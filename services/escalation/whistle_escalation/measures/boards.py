"""Red and black boards: the units of one period in order, with the change of rank since the period before. Pure.

Source: seed 003 (quarterly boards with rank change), DOMAIN.md C.8. A board says of which formulas it was made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from whistle_escalation.measures.counts import Counts
from whistle_escalation.measures.formulas import (
    INDEX_DIGITS,
    MEASURES,
    RATE_DIGITS,
    By,
    Standing,
    band,
    grids_by_street,
    number,
    shown,
    standings,
    whistle_rate,
)
from whistle_shared.registry import Registry

Colour = Literal["red", "black"]


@dataclass(frozen=True, slots=True)
class Place:
    """One unit's place. `change`: places gained since the period before; None when it had none then."""

    standing: Standing
    rank: int
    previous_rank: int | None
    colour: Colour | None

    @property
    def change(self) -> int | None:
        return None if self.previous_rank is None else self.previous_rank - self.rank


def places(now: Sequence[Standing], earlier: Sequence[Standing]) -> list[Place]:
    """The best first; equals share a rank and stand in the order of their codes.

    Red (红榜): the first fifth, as far as it is above the district's mean and has something of its own to show; black
    (黑榜): the last fifth, as far as it is below. A fifth is rounded up.
    """
    ranks, before = _ranks(now), _ranks(earlier)
    fifth = -(-len(now) // 5)
    return [
        Place(standing, ranks[standing.unit], before.get(standing.unit), _colour(standing, ranks, fifth))
        for standing in sorted(now, key=lambda standing: (ranks[standing.unit], standing.unit))
    ]


def _ranks(standing: Sequence[Standing]) -> dict[str, int]:
    return {one.unit: 1 + sum(other.index > one.index for other in standing) for one in standing}


def _colour(standing: Standing, ranks: Mapping[str, int], fifth: int) -> Colour | None:
    rank = ranks[standing.unit]
    from_below = sum(other > rank for other in ranks.values()) + 1
    if rank <= fifth and standing.index > standing.mean and standing.proven:
        return "red"
    return "black" if from_below <= fifth and standing.index < standing.mean else None


def board(
    by: By, counts: Mapping[str, Counts], earlier: Mapping[str, Counts], registry: Registry
) -> list[dict[str, Any]]:
    """The rows of a board as they are stored and shown. `counts` and `earlier`: sums per unit in the period and in
    the one before; `*` is the whole district."""
    placed = places(standings(by, counts, registry), standings(by, earlier, registry))
    return [_row(by, place, counts[place.standing.unit], registry) for place in placed]


def _row(by: By, place: Place, counts: Counts, registry: Registry) -> dict[str, Any]:
    standing = place.standing
    row: dict[str, Any] = {
        "rank": place.rank,
        "previous_rank": place.previous_rank,
        "change": place.change,
        "colour": place.colour,
        **index_row(standing),
        "numbers": number_rows(by, counts, registry),
    }
    return row | (rate_row(standing.unit, counts, registry) if by == "street" else {})


def index_row(standing: Standing) -> dict[str, Any]:
    """A standing as it is shown; `exact` is the index to the last digit."""
    return {
        "unit": standing.unit,
        "n": standing.n,
        "n_excluded": standing.n_excluded,
        "raw": shown(standing.raw, INDEX_DIGITS),
        "mean": shown(standing.mean, INDEX_DIGITS),
        "index": shown(standing.index, INDEX_DIGITS),
        "exact": _text(standing.index),
        "points_off": shown(standing.points, INDEX_DIGITS),
    }


def rate_row(street: str, counts: Counts, registry: Registry) -> dict[str, Any]:
    """The whistle rate of a street and whether it is outside of its band."""
    rate = whistle_rate(counts, grids_by_street(registry).get(street, 0))
    return {"whistle_rate": shown(rate, RATE_DIGITS), "band": band(rate, registry.regulation)}


def number_rows(by: By, counts: Counts, registry: Registry) -> list[dict[str, Any]]:
    """Every measure of a unit as it is shown; `exact` is the value to the last digit."""
    numbers = [number(measure, counts, registry.regulation) for measure in MEASURES.values() if by in measure.of]
    return [
        {
            "name": one.name,
            "numerator": _text(one.numerator),
            "n": one.n,
            "value": shown(one.value, INDEX_DIGITS if one.name == "score" else RATE_DIGITS),
            "exact": None if one.value is None else _text(one.value),
        }
        for one in numbers
    ]


def _text(value: Fraction) -> str:
    return str(value)
