"""Which sub-category does this matter belong to? From its words, the catalogue's names and the keyword list. Pure.

Three kinds of evidence: a word of the list, a sub-category's whole name, and two neighbouring characters of a name
(a piece), which are weak. What few sub-categories share weighs more; so does what is longer, and what is in the title.
INVARIANT: the same text and the same registry give the same suggestions in the same order, with the words for each.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import log, log2, sqrt
from operator import add
from unicodedata import normalize

from whistle_shared.registry import Registry

_NAME = 1.0
_PIECE = 0.3
_IN_TITLE = 2.0
_AGAIN = 0.25
_REASONS = 4
_SHORT = 200
_LEAST, _MOST = 0.001, 0.999


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A sub-category that the text speaks for. `score`: above 0, below 1, to compare with others; no probability.
    `reasons`: the words that spoke for it, the strongest first, in Chinese."""

    category: str
    score: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Term:
    """What may speak for sub-categories (code → weight). `piece`: two characters out of a name."""

    text: str
    speaks_for: Mapping[str, float]
    piece: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """A term with how often it stands in the title and in the description."""

    term: _Term
    in_title: int
    in_description: int

    @property
    def presence(self) -> float:
        """Said again, a word counts a little more, however long the text."""
        return _IN_TITLE * _said(self.in_title) + _said(self.in_description)

    def reason(self) -> str:
        place = "标题" if self.in_title else "正文"
        times = self.in_title + self.in_description
        again = f"（{times} 次）" if times > 1 else ""
        return (
            f"{place}与类别名称同有“{self.term.text}”{again}"
            if self.term.piece
            else f"{place}提到“{self.term.text}”{again}"
        )


def _said(times: int) -> float:
    return 1 + _AGAIN * log2(times) if times else 0.0


def suggest(registry: Registry, title: str, description: str, limit: int = 3) -> list[Suggestion]:
    """The sub-categories that the text speaks for, the likeliest first, at most `limit`; none where no word does."""
    found = list(_index(_Edition(registry)).find(title, description))
    scores: dict[str, float] = defaultdict(float)
    for each in found:
        for category, weight in each.term.speaks_for.items():
            scores[category] += weight * each.presence
    best = sorted(scores, key=lambda category: (-scores[category], category))[:limit]
    return [Suggestion(code, _shown(scores[code]), _reasons(code, found)) for code in best]


def _shown(score: float) -> float:
    return min(max(round(score / (1 + score), 3), _LEAST), _MOST)


def _reasons(category: str, found: Iterable[_Found]) -> tuple[str, ...]:
    spoke = [each for each in found if category in each.term.speaks_for]
    spoke.sort(key=lambda each: (-each.term.speaks_for[category] * each.presence, each.term.text))
    words = [each for each in spoke if not each.term.piece]
    return tuple(each.reason() for each in (words or spoke)[:_REASONS])


class _Index:
    """The terms of one registry, to be found in a text in one pass. A term has two characters at least: one alone
    stands in too many other words."""

    def __init__(self, registry: Registry) -> None:
        words: dict[str, dict[str, float]] = defaultdict(dict)
        pieces: dict[str, dict[str, float]] = defaultdict(dict)
        for category in registry.categories:
            name = _plain(category.name_zh)
            words[name][category.code] = _NAME
            for pair in pairwise(name):
                pieces["".join(pair)][category.code] = _PIECE
        for keyword in registry.keywords:
            words[_plain(keyword.word)][keyword.category] = keyword.weight
        total = max(1, len(registry.categories))
        self._words = {text: _term(text, weights, total, piece=False) for text, weights in words.items() if text}
        self._pieces = {text: _term(text, weights, total, piece=True) for text, weights in pieces.items()}
        lengths: dict[str, set[int]] = defaultdict(set)
        for text in self._words:
            lengths[text[:2]].add(len(text))
        self._lengths = {pair: tuple(sorted(known, reverse=True)) for pair, known in lengths.items()}

    def find(self, title: str, description: str) -> Iterator[_Found]:
        """Every term of the two texts."""
        in_title, in_description = self._counted(_plain(title)), self._counted(_plain(description))
        for text, piece in in_title | in_description:
            term = self._pieces[text] if piece else self._words[text]
            yield _Found(term, in_title[text, piece], in_description[text, piece])

    def _counted(self, text: str) -> Counter[tuple[str, bool]]:
        """Words, the longest from each place that is not inside another, and pieces of names outside of words."""
        found: list[tuple[str, bool]] = []
        covered = 0
        for start, pair in enumerate(map(add, text, text[1:])):
            if (lengths := self._lengths.get(pair)) and (word := self._longest(text, start, lengths)):
                if start + len(word) > covered:
                    found.append((word, False))
                    covered = start + len(word)
            elif start >= covered and pair in self._pieces:
                found.append((pair, True))
        return Counter(found)

    def _longest(self, text: str, start: int, lengths: tuple[int, ...]) -> str:
        for length in lengths:
            if (word := text[start : start + length]) in self._words:
                return word
        return ""


def _term(text: str, weights: Mapping[str, float], total: int, *, piece: bool) -> _Term:
    """Weighs the term by its length and by how few of `total` sub-categories share it (1 for a single one)."""
    rare = log(1 + total / len(weights)) / log(1 + total)
    return _Term(text, {code: weight * rare * sqrt(len(text) / 2) for code, weight in weights.items()}, piece)


def _plain(text: str) -> str:
    """The text as it is compared: full and half width alike, capitals as small letters; no longer than it was said,
    for one character may stand for eighteen."""
    return normalize("NFKC", text).casefold()[: max(len(text), _SHORT)]


@dataclass(frozen=True, slots=True, eq=False)
class _Edition:
    """A registry as a key: the same object is the same edition; comparing its rows would take longer than a search."""

    registry: Registry

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Edition) and self.registry is other.registry

    def __hash__(self) -> int:
        return id(self.registry)


@lru_cache(maxsize=2)
def _index(edition: _Edition) -> _Index:
    return _Index(edition.registry)
