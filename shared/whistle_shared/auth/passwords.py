"""Passwords of people: which will do, and what is kept of them.

INVARIANT: a sign-in takes the same work whether the account exists, has a password, or is closed.
INVARIANT: a flood of sign-ins never takes the event loop, nor more than two processors and 128 MiB.
"""

import asyncio
import secrets
import unicodedata
from collections.abc import Callable, Iterable
from typing import Literal, ParamSpec, TypeVar, get_args

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from whistle_shared.errors import Unavailable

P = ParamSpec("P")
T = TypeVar("T")
Weakness = Literal["short", "long", "guessable", "same"]
WEAKNESSES: tuple[Weakness, ...] = get_args(Weakness)
SHORTEST, LONGEST = 12, 128
_GOOD_ENOUGH = 3
# What the estimator reads; it refuses more, and what is strong so far does not become weaker.
_ESTIMATED = 72
_EXPECTED = ("whistle", "chuishao", "chuishaobaodao", "baodao", "jiedao", "吹哨报到", "吹哨", "报到", "街道")
_AT_ONCE, _MOST_WAITING = 2, 64
# RFC 9106, second recommended option: 3 passes over 64 MiB in 4 lanes.
PASSES, KIB, LANES = 3, 64 * 1024, 4
_argon2 = PasswordHasher(PASSES, KIB, LANES)
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def normal(password: str) -> str:
    """The one spelling of a password: keyboards and pasted text differ in how they write the same letter."""
    return unicodedata.normalize("NFKC", password)


def weakness(password: str, about: Iterable[str] = ()) -> Weakness | None:
    """Why a password will not do, or None. `about`: what others know of its owner (name, username).

    Source: NIST SP 800-63B 3.1.1.2 (length, no composition rules), zxcvbn score of at least 3.
    """
    spelt = normal(password)
    if len(spelt) < SHORTEST:
        return "short"
    if len(spelt) > LONGEST:
        return "long"
    known = [word.lower() for words in (*about, *_EXPECTED) for word in (words, *words.split()) if word]
    if zxcvbn(spelt[:_ESTIMATED], user_inputs=known)["score"] < _GOOD_ENOUGH or _repeats(spelt, known):
        return "guessable"
    return None


def _repeats(password: str, known: Iterable[str]) -> bool:
    """Whether little is left of a password without what is known of its owner. The estimator takes a name in letters
    that it has no dictionary for as random text."""
    left = password.lower()
    for word in sorted(known, key=len, reverse=True):
        left = left.replace(word, "")
    return len(set(left)) < 4


def initial_password() -> str:
    """A password to be given to a person and changed by them: 79 bits, without letters that look alike."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


def hash_password(password: str) -> str:
    """What is kept of a password (Argon2id). Takes about a tenth of a second: never on the event loop."""
    return _argon2.hash(normal(password))


def is_password(kept: str, password: str) -> bool:
    """Whether this is the password that was kept. Takes as long as hash_password."""
    try:
        return _argon2.verify(kept, normal(password))
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(kept: str) -> bool:
    """Whether it was kept by weaker parameters than today's."""
    return _argon2.check_needs_rehash(kept)


class Hasher:
    """Passwords checked and kept in threads, two at a time; a service has one."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """As hash_password. Raises Unavailable when too many are waiting."""
        return await self._in_turn(hash_password, password)

    async def weakness(self, password: str, about: Iterable[str]) -> Weakness | None:
        """As the function of this name. Raises Unavailable when too many are waiting."""
        return await self._in_turn(weakness, password, tuple(about))

    async def verify(self, kept: str | None, password: str) -> bool:
        """Whether this is the password that was kept; of nobody's it never is, and that is found out just as slowly.

        Raises Unavailable when too many are waiting.
        """
        if self._nobodys is None:
            self._nobodys = await self.hash(secrets.token_urlsafe())
        right = await self._in_turn(is_password, kept or self._nobodys, password)
        return kept is not None and right

    async def _in_turn(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        if self._waiting >= _MOST_WAITING:
            raise Unavailable("too many people are signing in at this moment; try again shortly")
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(work, *arguments, **named)
        finally:
            self._waiting -= 1
