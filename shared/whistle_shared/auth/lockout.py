"""How long an account is closed to sign-ins after failures: guessing is slow, and nobody is shut out for good.

INVARIANT: failures close the sign-in and nothing else: sessions that are open stay open.
INVARIANT: a name without an account is closed by the same rule, so that being closed tells nothing.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

FREE = 5
"""Failures in a row that cost nothing yet but the last."""
_FIRST, _LONGEST = timedelta(minutes=1), timedelta(hours=1)
_FORGOTTEN = timedelta(days=1)
_MOST_STRANGERS = 10_000


@dataclass(frozen=True, slots=True)
class Failures:
    """Failures in a row, and until when (wall time) no sign-in is looked at."""

    count: int = 0
    locked_until: datetime | None = None

    def locked_for(self, now: datetime) -> timedelta | None:
        """How much longer it is closed, or None."""
        return self.locked_until - now if self.locked_until is not None and self.locked_until > now else None

    def and_one_more(self, now: datetime) -> "Failures":
        """After another failure: the fifth closes for a minute, each further one for twice as long, an hour at most.
        A day after the last closing all is forgotten."""
        past = self.locked_until is not None and self.locked_until < now - _FORGOTTEN
        count = 1 if past else self.count + 1
        if count < FREE:
            return Failures(count)
        doublings = min(count - FREE, 6)
        return Failures(count, now + min(_LONGEST, _FIRST * 2**doublings))


class Strangers:
    """Failures of names that have no account, in this process's memory; of too many the oldest are forgotten."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Failures] = OrderedDict()

    def failures(self, username: str) -> Failures:
        """What is known of this name."""
        return self._known.get(username, Failures())

    def fails(self, username: str, now: datetime) -> None:
        """One more failure, unless the name is closed at present."""
        before = self.failures(username)
        if before.locked_for(now) is None:
            self._known[username] = before.and_one_more(now)
            self._known.move_to_end(username)
        if len(self._known) > _MOST_STRANGERS:
            self._known.popitem(last=False)
