"""Problem documents in Chinese for whoever prefers it: written in English everywhere, and told here by a catalogue.

`locale/zh.po` has the sentences; a msgid is the English one with `{0}`, `{1}` for what stood in its placeholders. Its
Chinese names them again: `{0}` as it is; `{0:words}`, `{0:kinds}`, `{0:parts}` a code or a list of codes by the
catalogue's words (msgctxt `word`, `kind`, `part`); `{0:time}` an instant as Beijing time; `{0:said}` a sentence within
the sentence. Sentences with the msgctxt `pack` say what is wrong in a pack.
INVARIANT: every sentence with which a request can be refused has its Chinese.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal

from babel.messages.pofile import read_po

from whistle_shared.auth.roles import ROLES
from whistle_shared.worktime import SHANGHAI

CATALOGUE = Path(__file__).parent / "locale" / "zh.po"
_Context = Literal["sentence", "word", "kind", "part"]
_SENTENCES = (None, "pack")
_PLACEHOLDER = re.compile(r"\{\d\}")
_QUALITY = re.compile(r"\s*q=([01](?:\.\d{0,3})?)\s*", re.IGNORECASE)


def prefers_chinese(accepted: str) -> bool:
    """Whether `Accept-Language` puts Chinese before English; of two that weigh the same, the first. Source: RFC 9110,
    12.5.4."""
    weighed = []
    for item in accepted.split(","):
        tag, _, weight = item.partition(";")
        quality = _QUALITY.fullmatch(weight)
        weighed.append((tag.strip().lower().partition("-")[0], float(quality[1]) if quality else float(not weight)))
    known = [one for one in weighed if one[0] in ("zh", "en") and one[1] > 0]
    return max(known, key=itemgetter(1), default=("en", 1.0))[0] == "zh"


def in_chinese(document: Mapping[str, Any]) -> dict[str, Any]:
    """The problem document with its title, its detail and its reasons in Chinese; codes and names of fields stay."""
    told: dict[str, Any] = {key: said(document[key]) for key in ("title", "detail") if key in document}
    if document.get("errors"):
        faults = [{**fault, "reason": said(fault["reason"])} for fault in document["errors"]]
        told |= {"errors": faults, "detail": f"{faults[0]['field']}：{faults[0]['reason']}"}
    return {**document, **told}


def said(text: str) -> str:
    """A sentence in Chinese; as it is, when the catalogue has none like it."""
    return _book("sentence").find(text) or text


@dataclass(frozen=True, slots=True)
class _Book:
    """`whole`: what has no placeholder. `parts`: a msgid's literal parts, with its Chinese; the most literal first."""

    whole: Mapping[str, str]
    parts: tuple[tuple[tuple[str, ...], str], ...]

    def find(self, text: str) -> str | None:
        if text in self.whole:
            return self.whole[text]
        for parts, chinese in self.parts:
            between = _between(parts, text)
            if between is not None:
                return chinese.format(*map(_Filling, between))
        return None


@cache
def _book(context: _Context) -> _Book:
    with CATALOGUE.open("rb") as source:
        entries = read_po(source, locale="zh", abort_invalid=True)
    wanted = _SENTENCES if context == "sentence" else (context,)
    chosen = {str(entry.id): str(entry.string) for entry in entries if entry.id and entry.context in wanted}
    if context == "word":
        chosen |= {name: rule.zh for name, rule in ROLES.items()}
    split = {tuple(_PLACEHOLDER.split(english)): chinese for english, chinese in chosen.items()}
    parts = sorted(split.items(), key=lambda item: -sum(map(len, item[0])))
    return _Book(chosen, tuple(item for item in parts if len(item[0]) > 1))


def _between(parts: tuple[str, ...], text: str) -> list[str] | None:
    """What stands in the placeholders, if the text is made of these parts; found in time linear in the text."""
    first, *middle, last = parts
    end = len(text) - len(last)
    if not (text.startswith(first) and text.endswith(last) and len(first) <= end):
        return None
    found, at = [], len(first)
    for part in middle:
        upto = text.find(part, at, end)
        if upto < 0:
            return None
        found.append(text[at:upto])
        at = upto + len(part)
    return [*found, text[at:end]]


class _Filling(str):
    """What stood in a placeholder. A format names how it is said; the quotes that Python puts around a text go."""

    __slots__ = ()

    def __format__(self, way: str) -> str:
        quoted = len(self) > 1 and self[0] == self[-1] and self[0] in "'\""
        if way in _CODES:
            return _words(self, _book(_CODES[way]))
        return _WAYS[way](self[1:-1] if quoted else str(self))


def _words(text: str, book: _Book) -> str:
    codes = (code.strip("'\"") for code in re.split(", | or ", text))
    return book.find(text) or "、".join(book.find(code) or code for code in codes)


def _time(text: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" if at.tzinfo else text


_CODES: Mapping[str, _Context] = {"words": "word", "kinds": "kind", "parts": "part"}
_WAYS: Mapping[str, Callable[[str], str]] = {"": str, "time": _time, "said": said}
