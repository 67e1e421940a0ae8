"""The street's marks for a task. Source: DOMAIN.md C.8; the parts and their maxima are the regulation's. Pure."""

from collections.abc import Mapping

from whistle_shared.contracts.vocabulary import Score
from whistle_shared.errors import Invalid
from whistle_shared.registry import Regulation

RESULT = "result"


def score(parts: Mapping[str, int], vetoed: bool, regulation: Regulation) -> Score:
    """The score of these marks; after a veto the result counts 0, whatever was given for it.

    Raises Invalid naming the part that is missing, unknown, or not between 0 and its maximum.
    """
    maxima = regulation.scoring.parts
    for name in parts:
        if name not in maxima:
            raise Invalid(f"parts.{name}", f"is no part of a score; the parts are {', '.join(maxima)}")
    for name, most in maxima.items():
        if name not in parts:
            raise Invalid(f"parts.{name}", "is missing")
        if not 0 <= parts[name] <= most:
            raise Invalid(f"parts.{name}", f"must be between 0 and {most}")
    return _total({name: parts[name] for name in maxima}, vetoed)


def by_default(vetoed: bool, regulation: Regulation) -> Score:
    """The score that stands when the street is late: the regulation's default, each part in proportion to its maximum.

    Whole marks by largest remainder, so that the parts add up to the default to the last mark.
    """
    maxima, default = regulation.scoring.parts, regulation.scoring.default
    whole = sum(maxima.values()) or 1
    parts = {name: most * default // whole for name, most in maxima.items()}
    left = min(default, whole) - sum(parts.values())
    for name in sorted(maxima, key=lambda name: (-(maxima[name] * default % whole), name))[: max(left, 0)]:
        parts[name] += 1
    return _total(parts, vetoed)


def _total(parts: dict[str, int], vetoed: bool) -> Score:
    if vetoed and RESULT in parts:
        parts = parts | {RESULT: 0}
    return Score(parts=parts, total=min(sum(parts.values()), 100), veto=vetoed)
