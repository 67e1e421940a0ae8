"""What a request can be refused with, read from the source: every sentence that an exception of ours is made with.

A sentence is a pattern: `street {0} is not yours`. What is no literal where it stands is listed here, with what it
can be.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from string import Formatter

import pytest
from pydantic_core import _pydantic_core

from support.places import ROOT, SERVICES, package
from whistle_shared.web import problems

# Where the words stand among what an exception is made of; of others it makes them itself, in its `__init__`.
WORDS_AT = {
    "Invalid": 1,
    "Malformed": 1,
    "NotFound": 0,
    "Conflict": 0,
    "Forbidden": 0,
    "Unauthenticated": 0,
    "Unavailable": 0,
    "NoPicture": 0,
    "TooManyPhotos": 0,
    "Unrouted": 0,
}
OF_THEIR_OWN = ("IllegalTransition", "KeyReused", "KnownAlready", "TooMany")
# What is made here answers a message of the broker or a file of a pack, or is only noted: no problem document has it.
NOT_TOLD = (
    "whistle_shared/contracts/envelope.py",
    "whistle_shared/messaging/consumer.py",
    "whistle_shared/pages/rendering.py",
    "whistle_shared/registry/shapes.py",
    "whistle_shared/replica.py",
    "whistle_intake/commands/following.py",
    "whistle_escalation/commands/marking.py",
)
# Whose ValueErrors an Invalid repeats (`str(error)`), beside those of the types of fields.
REPEATED = (
    "whistle_shared/auth/caller.py",
    "whistle_shared/auth/places.py",
    "whistle_shared/privacy/numbers.py",
    "whistle_shared/worktime/limits.py",
    "whistle_escalation/measures/periods.py",
)
VALIDATORS = re.compile(r"AfterValidator|BeforeValidator|field_validator|model_validator")
# Words that are no literal where they are raised: (file, how they stand there) → what they can be.
LISTED: dict[tuple[str, str], tuple[str, ...]] = {
    ("whistle_dispatch/domain/planning.py", "planned.reason"): (),  # of Unrouted
    ("whistle_dispatch/api/revisions.py", "first['reason']"): (),  # of the pack's own table
    ("whistle_escalation/api/measures.py", "str(error)"): (),  # of REPEATED, as those below
    ("whistle_intake/commands/meeting.py", "str(error)"): (),
    ("whistle_escalation/api/notices.py", "answer['receipt']"): (  # of the courier, as it writes them
        "shows it on the server and to nobody",
        "must begin with mailtos://, for mail goes over TLS",
        "must not set {0}",
        "is not known to Apprise",
        "names several recipients; one address has one",
    ),
    ("whistle_shared/auth/accounts.py", "str(error)"): (),
    ("whistle_shared/entrance/giving.py", "str(error)"): (),
    ("whistle_shared/photos/routes.py", "str(refused)"): (),  # of NoPicture
    ("whistle_shared/photos/pictures.py", "told['reason']"): (  # of the worker, as it writes them
        "has more than {0} megapixels",
        "is no JPEG, PNG or WebP picture",
        "moves: only a picture of one frame is taken",
        "takes more memory than a photo may",
        "cannot be decoded ({0})",
    ),
    ("whistle_department/queries.py", "f'{noun} {key}'"): ("task {0}", "letter {0}"),
    ("whistle_dispatch/queries/__init__.py", "f'{what} {wanted}'"): ("request {0}", "dispute {0}", "task {0}"),
    ("whistle_intake/queries/decisions.py", "f'{key.table.name} {value}'"): ("task {0}", "request {0}", "meeting {0}"),
    ("whistle_escalation/queries/__init__.py", "f'{key.table.name} {value}'"): (
        "clock {0}",
        "task {0}",
        "escalation {0}",
    ),
    ("whistle_escalation/api/measures.py", "f'{by} {whose}'"): ("department {0}", "street {0}"),
    ("whistle_escalation/pages/assessing.py", "f'{by} {whose}'"): (),  # as those
}
# What is not found in this way.
BESIDE = (
    "Not Found",  # of the framework, for an address and for a method
    "Method Not Allowed",
    "{0}; try again in {1} s",  # of `too_many`
    "must not be empty",  # of `_reason`, for what pydantic says in its own way
    "has {0} {1}; at most {2} are allowed",
    "must have at least {0} characters",  # of a resident's key
    "badly formed hexadecimal UUID string",  # of Python's UUID, which a type of a field repeats
    "Input should be ''",  # of patterns that are told differently when this stands in them
    "{0} is not possible in state {1}; possible: none",
    "'acceptance' is not possible in state {0}; possible: none",
)
# Types of fields that no request of ours has, and faults that only Python objects have.
NO_FIELD = re.compile(
    r"bytes_|url_|decimal_|fraction_|complex_|time_delta_|dataclass_|frozen_(field|instance|dict)|ordered_|counter_"
    r"|mapping_|deque_|named_tuple|callable_|is_instance|is_subclass|.*argument|iter|set_item|recursion|json_type"
    r"|needs_python|no_such|get_attribute|default_factory|missing_sentinel|ellipsis"
)


@cache
def trees() -> tuple[tuple[str, ast.Module], ...]:
    """(its path from its package on, its tree) of every module that serves requests."""
    packages = [ROOT / "shared" / "whistle_shared", *map(package, SERVICES)]
    files = {file.relative_to(at.parent).as_posix(): file for at in packages for file in at.rglob("*.py")}
    return tuple((name, ast.parse(file.read_text("utf-8"))) for name, file in files.items() if name not in NOT_TOLD)


def shapes(file: str, words: ast.expr) -> list[str]:
    """The sentences that an expression can say, with `{0}`, `{1}` for what is not known before."""
    listed = LISTED.get((file, ast.unparse(words)))
    if listed is not None:
        return list(listed)
    if isinstance(words, ast.IfExp):
        return [*shapes(file, words.body), *shapes(file, words.orelse)]
    if isinstance(words, ast.Constant):
        return [str(words.value)]
    if not isinstance(words, ast.JoinedStr):
        pytest.fail(f"{file}:{words.lineno}: say here a literal, or list in LISTED what {ast.unparse(words)} can be")
    said = [("", 0)]
    for part in words.values:
        said = [(text + more, n + grown) for text, n in said for more, grown in _pieces(part, n)]
    return [text for text, _ in said]


def _pieces(part: ast.expr, n: int) -> list[tuple[str, int]]:
    if isinstance(part, ast.Constant):
        return [(str(part.value), 0)]
    assert isinstance(part, ast.FormattedValue)
    if isinstance(part.value, ast.IfExp) and isinstance(part.value.body, ast.Constant):
        return [(str(getattr(choice, "value", "")), 0) for choice in (part.value.body, part.value.orelse)]
    return [(f"{{{n}}}", 1)]


def raised(file: str, tree: ast.Module) -> Iterator[str]:
    """What the exceptions and the documents say that this module makes."""
    at = WORDS_AT | ({"ValueError": 0} if file in REPEATED or VALIDATORS.search(ast.unparse(tree)) else {})
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _called(file, node, at)
        if isinstance(node, ast.ClassDef) and node.name in OF_THEIR_OWN:
            made = [call for call in ast.walk(node) if isinstance(call, ast.Call) and ast.unparse(call.func) == _INIT]
            yield from (text for call in made for text in shapes(file, call.args[0]))


def _called(file: str, call: ast.Call, at: Mapping[str, int]) -> Iterator[str]:
    name = ast.unparse(call.func)
    if name == "problem":
        yield from (str(arg.value) for arg in call.args[1:] if isinstance(arg, ast.Constant))
    if name in at and (call.args or call.keywords):
        assert len(call.args) > at[name], f"{file}:{call.lineno}: give the words by their place"
        yield from shapes(file, call.args[at[name]])


_INIT = "super().__init__"


@cache
def sayable() -> frozenset[str]:
    ours = {text for file, tree in trees() for text in raised(file, tree)}
    titles = {title for _, title in problems._TABLE.values()}
    return frozenset(ours | titles | set(BESIDE) | {_numbered(text) for text in _of_pydantic()})


def _of_pydantic() -> set[str]:
    every = _pydantic_core.list_all_errors()
    return {error["message_template_python"] for error in every if not NO_FIELD.match(error["type"])}


def _numbered(template: str) -> str:
    """`at most {max_length} item{expected_plural}` → `at most {0} item{1}`."""
    pieces = [*Formatter().parse(template)]
    return "".join(text + (f"{{{n}}}" if name is not None else "") for n, (text, name, *_) in enumerate(pieces))
