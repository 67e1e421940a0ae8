"""The formulas: from sums of contributions to rates and to the two indices. Pure and exact. Source: DOMAIN.md C.8.

INVARIANT: everything is reckoned in whole numbers and fractions; a number is rounded (half to even) only when it is
shown. Settings are taken as the decimals that they are written as. Every formula with a worked example:
docs/measures.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from whistle_escalation.measures.counts import Counts
from whistle_shared.registry import Registry, Regulation

FORMULAS_VERSION = "1"
"""Of the formulas, the contributions and the rules of the fold; a change of any of them is another version."""

By = Literal["department", "street"]
DISTRICT = "*"
RATE_DIGITS, INDEX_DIGITS = 4, 2


@dataclass(frozen=True, slots=True)
class Measure:
    """`sum(numerator) / (sum(denominator) - sum(less))`, all of them names of contributions.

    `partly`: contributions that count with a setting's weight; `of`: who is measured by it. The composite weighs its
    three numerators by settings of their own.
    """

    name: str
    numerator: tuple[str, ...]
    denominator: tuple[str, ...]
    less: tuple[str, ...] = ()
    partly: tuple[str, ...] = ()
    of: tuple[By, ...] = ("department", "street")

    @property
    def contributions(self) -> tuple[str, ...]:
        """Every name that it is made of."""
        return (*self.numerator, *self.partly, *self.denominator, *self.less)


MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("acknowledgement", ("acknowledged_in_time",), ("acknowledgements",)),
        Measure("report_in", ("arrived_in_time",), ("presences",)),
        Measure("on_time", ("on_time",), ("due",), less=("suspended_now",)),
        Measure("rework", ("reworked",), ("submitted",)),
        Measure("relapse", ("relapsed",), ("closed",)),
        Measure("return_upheld", ("returns_upheld",), ("returns",)),
        Measure("dispute_loss", ("returns_refused",), ("returns",)),
        Measure("suspension", ("suspended",), ("tasks",)),
        Measure("response", ("contacted",), ("callbacks",)),
        Measure("solved", ("solved",), ("callbacks",)),
        Measure("satisfied", ("satisfied",), ("callbacks",), partly=("basically_satisfied",)),
        Measure("composite", ("contacted", "solved", "satisfied"), ("callbacks",), partly=("basically_satisfied",)),
        Measure("score", ("score",), ("scored",)),
        Measure("self_handling", ("self_handled",), ("proposals",), of=("street",)),
        Measure("returned_tasks", ("street_returned",), ("street_called",), of=("street",)),
        Measure("late_verification", ("verified_late",), ("verifications",), of=("street",)),
        Measure("late_scoring", ("scored_late",), ("scorings",), of=("street",)),
        Measure("self_closure", ("withdrawn",), ("whistles",), of=("street",)),
        Measure("missed_signature", ("signatures_missed",), ("signatures",), of=("street",)),
    )
}
LISTS: dict[tuple[str, By], Measure] = {
    **{(measure.name, by): measure for measure in MEASURES.values() for by in measure.of},
    ("index", "department"): Measure("index", (), ("called",), of=("department",)),
    ("index", "street"): Measure("index", (), ("whistles",), of=("street",)),
    ("whistle_rate", "street"): Measure("whistle_rate", (), ("whistles",), of=("street",)),
    ("excluded", "department"): Measure("excluded", (), ("excluded",)),
    ("excluded", "street"): Measure("excluded", (), ("excluded",)),
}
"""Of what there is a list of tasks: every measure, what makes the indices, and what does not count."""


@dataclass(frozen=True, slots=True)
class Number:
    """One measure of one unit. `value` None: nobody counts (n is 0). `n`: the denominator."""

    name: str
    numerator: Fraction
    n: int

    @property
    def value(self) -> Fraction | None:
        return self.numerator / self.n if self.n else None


@dataclass(frozen=True, slots=True)
class Standing:
    """One unit's index: `raw` before and `index` after shrinking towards `mean`; `points`: what was taken off;
    `proven`: whether any part of it is the unit's own and not only the district's."""

    unit: str
    n: int
    n_excluded: int
    raw: Fraction
    mean: Fraction
    index: Fraction
    points: Fraction
    proven: bool = True


def exact(setting: float) -> Fraction:
    """A setting as the decimal that was written, not as the nearest binary number."""
    return Fraction(str(setting))


def shown(value: Fraction | None, digits: int) -> str | None:
    """The number as it is shown: `digits` after the point, half to even."""
    if value is None:
        return None
    rounded = round(value * 10**digits)
    whole, rest = divmod(abs(rounded), 10**digits)
    return f"{'-' if rounded < 0 else ''}{whole}" + (f".{rest:0{digits}}" if digits else "")


def number(measure: Measure, counts: Counts, regulation: Regulation) -> Number:
    """One measure over a sum of contributions."""
    n = _sum(counts, measure.denominator) - _sum(counts, measure.less)
    if measure.name == "composite":
        return Number(measure.name, _composite(counts, regulation), n)
    numerator = Fraction(_sum(counts, measure.numerator))
    numerator += exact(regulation.assessing.basically_satisfied) * _sum(counts, measure.partly)
    return Number(measure.name, numerator, n)


def _sum(counts: Counts, names: Iterable[str]) -> int:
    return sum(counts.get(name, 0) for name in names)


def _composite(counts: Counts, regulation: Regulation) -> Fraction:
    """`0.1 R + 0.5 S + 0.4 M` with the weights of the settings, times V. Source: S15 of DOMAIN.md."""
    weights = regulation.assessing
    parts = {
        "response": weights.response_weight,
        "solved": weights.solved_weight,
        "satisfied": weights.satisfied_weight,
    }
    return sum(
        (exact(weight) * number(MEASURES[name], counts, regulation).numerator for name, weight in parts.items()),
        Fraction(0),
    )


def whistle_rate(counts: Counts, grids: int) -> Fraction | None:
    """Whistles per grid in the period (吹哨率); None for a street without grids."""
    return Fraction(counts.get("whistles", 0), grids) if grids else None


def band(rate: Fraction | None, regulation: Regulation) -> Literal["too_few", "too_many"] | None:
    """Too few whistles and too many are both looked at. Source: S6 of DOMAIN.md."""
    if rate is None:
        return None
    if rate < exact(regulation.assessing.band_low):
        return "too_few"
    return "too_many" if rate > exact(regulation.assessing.band_high) else None


def grids_by_street(registry: Registry) -> dict[str, int]:
    """How many grids each street has."""
    grids = {street.code: 0 for street in registry.streets}
    for grid in registry.grids:
        grids[grid.street] = grids.get(grid.street, 0) + 1
    return grids


# -- the indices ----------------------------------------------------------------------------------------------

_Parts = list[tuple[Fraction, Fraction | None]]
"""The weighed parts of an index, each from 0 to 1; None where nothing is known."""


def _rate(name: str, counts: Counts, regulation: Regulation) -> Fraction | None:
    return number(MEASURES[name], counts, regulation).value


def _department_parts(counts: Counts, regulation: Regulation) -> _Parts:
    weights = regulation.assessing
    score = _rate("score", counts, regulation)
    rework, relapse = (_rate(name, counts, regulation) for name in ("rework", "relapse"))
    quality = None if rework is None else max(Fraction(0), 1 - rework - (relapse or 0))
    return [
        (exact(weights.score_weight), None if score is None else score / 100),
        (exact(weights.on_time_weight), _rate("on_time", counts, regulation)),
        (exact(weights.composite_weight), _rate("composite", counts, regulation)),
        (exact(weights.quality_weight), quality),
    ]


def _street_parts(counts: Counts, grids: int, regulation: Regulation) -> _Parts:
    """Seven parts of equal weight: the nearness of the whistle rate to its band, and six shares of what went well."""
    bad = ("self_handling", "returned_tasks", "late_verification", "late_scoring", "self_closure", "missed_signature")
    shares = [_rate(name, counts, regulation) for name in bad]
    parts = [_nearness(whistle_rate(counts, grids), regulation)]
    parts += [None if share is None else max(Fraction(0), 1 - share) for share in shares]
    return [(Fraction(1), part) for part in parts]


def _nearness(rate: Fraction | None, regulation: Regulation) -> Fraction | None:
    """1 inside the band; below it `rate / low`, above it `high / rate`."""
    outside = band(rate, regulation)
    if rate is None or outside is None:
        return None if rate is None else Fraction(1)
    low, high = exact(regulation.assessing.band_low), exact(regulation.assessing.band_high)
    return rate / low if outside == "too_few" else high / rate


def points_off(counts: Counts, regulation: Regulation) -> Fraction:
    """What is taken off a department's index. Source: DOMAIN.md C.8, four of the five from Jinhua (S28)."""
    settings = regulation.assessing
    charged = {
        "no_shows": settings.no_show,
        "returns_refused": settings.unjustified_refusal,
        "false_completions": settings.false_completion,
        "reworks": settings.rework,
        "third_failed_checks": settings.third_failed_check,
    }
    return sum((exact(each) * counts.get(name, 0) for name, each in charged.items()), Fraction(0))


def _weighed(parts: _Parts, of_district: _Parts) -> Fraction:
    """Of 100. A part of which nothing is known takes the district's; one of which the district knows nothing either
    is left out and the others keep their proportions."""
    known = [
        (weight, part if part is not None else common)
        for (weight, part), (_, common) in zip(parts, of_district, strict=True)
    ]
    told = [(weight, part) for weight, part in known if part is not None]
    whole = sum((weight for weight, _ in told), Fraction(0))
    return 100 * sum((weight * part for weight, part in told), Fraction(0)) / whole if whole else Fraction(0)


def standings(by: By, counts: Mapping[str, Counts], registry: Registry) -> list[Standing]:
    """The index of every unit that has something to be measured by, in the order of codes.

    `index = (n · raw + k · mean) / (n + k)`, where mean is the district's, weighed by n: few cases prove little.
    `n`: tasks of a department, whistles of a street.
    """
    counted = "tasks" if by == "department" else "whistles"
    raw = {
        unit: _raw(by, unit, own, counts.get(DISTRICT, {}), registry)
        for unit, own in sorted(counts.items())
        if unit != DISTRICT and own.get(counted, 0)
    }
    n = {unit: counts[unit][counted] for unit in raw}
    whole = sum(n.values())
    mean = sum((n[unit] * raw[unit].index for unit in raw), Fraction(0)) / whole if whole else Fraction(0)
    k = registry.regulation.assessing.shrink
    return [
        Standing(
            unit=unit,
            n=n[unit],
            n_excluded=counts[unit].get("excluded", 0),
            raw=own.index,
            mean=mean,
            index=(n[unit] * own.index + k * mean) / (n[unit] + k),
            points=own.points,
            proven=own.proven,
        )
        for unit, own in raw.items()
    ]


@dataclass(frozen=True, slots=True)
class _Raw:
    """The index before shrinking, and the points taken off, which may take it below 0."""

    index: Fraction
    points: Fraction
    proven: bool


def _raw(by: By, unit: str, own: Counts, district: Counts, registry: Registry) -> _Raw:
    regulation = registry.regulation
    if by == "department":
        points = points_off(own, regulation)
        parts, common = _department_parts(own, regulation), _department_parts(district, regulation)
    else:
        points = Fraction(0)
        grids = grids_by_street(registry)
        parts = _street_parts(own, grids.get(unit, 0), regulation)
        common = _street_parts(district, sum(grids.values()), regulation)
    return _Raw(_weighed(parts, common) - points, points, any(part is not None for _, part in parts))
