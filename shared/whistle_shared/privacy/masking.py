"""Numbers by which a person can be reached or known, found in free text and blotted out.

INVARIANT: no telephone, identity-card or bank-card number, e-mail address, WeChat or QQ name, written as people write
them, leaves `masked` whole. Names of people are not found: nothing tells them from other words.
"""

import re
from collections.abc import Mapping
from typing import Any

# Every repetition whose end may be missing is bounded: the time it takes grows as the text does, and no faster.
# What people write for digits and between them, as plain ASCII of the same length, so that places agree.
_WRITTEN = {
    **dict(zip("０１２３４５６７８９", "0123456789", strict=True)),
    **dict(zip("〇零一幺二三四五六七八九", "001123456789", strict=True)),
    **dict.fromkeys("－—–‐·", "-"),
    **dict(zip("＋＠．（）：＝Ｘｘ\u3000", "+@.():=Xx ", strict=True)),
}
_PLAIN = str.maketrans(_WRITTEN)
_GAP = r"[\ \t-]{0,2}"
_COUNTRY = rf"(?: (?:\+|00)? 86 {_GAP} )?"
_FOUND = re.compile(
    rf"""
      (?P<keep> (?<![0-9a-f]) [0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}} (?![0-9a-f])     # a UUID
              | (?<![0-9a-f]) 00-[0-9a-f]{{32}}-[0-9a-f]{{16}}-[0-9a-f]{{2}} (?![0-9a-f])          # a trace
              | (?<![0-9a-f]) [0-9a-f]{{32,}} (?![0-9a-f]) )                                       # a digest
    | (?P<mail> [A-Za-z0-9][A-Za-z0-9._%+-]{{0,63}} ) (?=@[A-Za-z0-9-]{{1,63}}\.[A-Za-z0-9-])
    | (?<!\d) (?P<card> [1-9]\d{{5}} {_GAP} (?:18|19|20)\d{{2}} {_GAP} \d{{4}} {_GAP} \d{{3}}[\dXx]
                      | [1-9]\d{{7}}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{{3}} ) (?![\dXx])
    | (?<!\d) {_COUNTRY} (?P<mobile> 1[3-9]\d (?:{_GAP}\d){{8}} ) (?!\d)
    | (?<!\d) (?P<bank> [3-6]\d{{3}} (?:{_GAP}\d{{4}}){{3}} (?:{_GAP}\d{{1,3}})? ) (?!\d)
    | (?<!\d) {_COUNTRY} (?P<landline> \(?0(?:10|2\d|[3-9]\d{{2}})\)? {_GAP} \d{{3,4}} {_GAP} \d{{4}} ) (?!\d)
    | (?: (?:微信|薇信|威信) (?:号|号码|ID|id|名)? [\ \t]{{0,9}} (?:是|为|:|=)* [\ \t]{{0,9}}
        | (?<![A-Za-z]) (?:[Vv][Xx]|[Ww][Xx]|[Vv]信|[Ww]e[Cc]hat|[Ww]ei[Xx]in)
          [\ \t]{{0,9}} (?:号|是|为|:|=)+ [\ \t]{{0,9}} )
      (?P<wechat> [A-Za-z][-_A-Za-z0-9]{{5,19}} )
    | (?<![A-Za-z]) [Qq]{{2}} (?:号|号码)? [\ \t]{{0,9}} (?:是|为|:|=)* [\ \t]{{0,9}} (?P<qq> \d{{5,11}} ) (?!\d)
    """,
    re.VERBOSE,
)
# How many characters stay at either edge.
_EDGES = {"mail": (1, 0), "mobile": (3, 4), "landline": (3, 2), "card": (3, 2), "bank": (4, 2), "wechat": (1, 0)}


def masked(text: str) -> str:
    """The text with every such number blotted out but for its edges, `138****1234`; never longer than it was."""
    pieces: list[str] = []
    done = 0
    for match in _FOUND.finditer(text.translate(_PLAIN)):
        kind = match.lastgroup or "keep"
        if kind != "keep":
            start, end = match.span(kind)
            pieces += [text[done:start], _blotted(kind, text[start:end])]
            done = end
    return "".join([*pieces, text[done:]]) if pieces else text


def masked_values(value: Any) -> Any:
    """The same for every text inside a value, however deep; keys and what is not text stay."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {name: masked_values(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [masked_values(inner) for inner in value]
    return value


def masked_name(name: str) -> str:
    """`张三` → `张**`: how many characters follow is not told either."""
    return f"{name[:1]}**"


def masked_phone(phone: str) -> str:
    """`13812341234` → `138****1234`."""
    return _blotted("mobile" if phone.startswith("1") else "landline", phone)


def _blotted(kind: str, said: str) -> str:
    bare = "".join(character for character in said if character.isalnum())
    head, tail = _EDGES.get(kind, (1, 0))
    head = min(head, len(bare) - tail - 1)
    return f"{bare[:head]}{'*' * min(4, len(bare) - head - tail)}{bare[len(bare) - tail :]}"
