"""Whom a notice is for, when it may be sent, and what follows from how an attempt went. Pure.

Times of due notices are business time, as quiet hours are; pauses between attempts are technical time (EVENTS.md R2).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID, uuid5

from whistle_shared.clockwork import awake
from whistle_shared.contracts.vocabulary import Side

Kind = Literal["task", "warning", "rung", "again"]
State = Literal["waiting", "sending", "delivered", "covered", "unknown", "failed", "nowhere", "dropped"]
Outcome = Literal["delivered", "failed", "rejected", "gone", "refused", "unknown"]
ChannelKind = Literal["apprise", "push"]

PAUSES = (timedelta(seconds=10), timedelta(seconds=60))
"""Before the second and the third attempt by one channel; then comes the next channel."""
ATTEMPTS = len(PAUSES) + 1
LEASE = timedelta(seconds=90)
"""How long an attempt may be under way; after that nobody knows how it ended."""
SHORTLY = timedelta(seconds=2)
_LATE_IN_THE_LIMIT = 80
_FOR_GOOD: frozenset[Outcome] = frozenset({"rejected", "gone", "refused"})
# Who is warned at half time, and who when time is nearly up. Source: EVENTS.md section 5.
_WARNED: dict[Side, tuple[str, str]] = {
    "department": ("handler", "section_head"),
    "street": ("street_initiator", "street_approver"),
    "district": ("whistle_office", "whistle_office"),
}
NEW_TASK = "handler"
WARNED_ROLES = frozenset(role for pair in _WARNED.values() for role in pair)


@dataclass(frozen=True, slots=True)
class Addressee:
    """Somebody of a role of an organisation (a department's or street's code, or `district`); `name` "": the desk."""

    organisation: str
    role: str
    name: str = ""

    @property
    def desk(self) -> str:
        """The duty desk behind the person."""
        return f"{self.organisation}/{self.role}"


def addressees(organisation: str, role: str, names: Iterable[str]) -> list[Addressee]:
    """Everybody named, each once, or the desk when nobody is."""
    return [Addressee(organisation, role, name) for name in dict.fromkeys(names)] or [Addressee(organisation, role)]


def notice_id(cause: UUID, to: Addressee) -> UUID:
    """The same thing told to the same person is the same notice."""
    return uuid5(cause, f"notice/{to.desk}/{to.name}")


def warning_cause(clock: UUID, percent: int) -> UUID:
    """What a warning is known by."""
    return uuid5(clock, f"warning/{percent}")


def again_cause(escalation: UUID, repeated: int) -> UUID:
    """What the n-th repetition of a rung is known by."""
    return uuid5(escalation, f"again/{repeated}")


def warned_role(side: Side, percent: int) -> str:
    """Who hears that so much of a clock has passed."""
    first, second = _WARNED[side]
    return second if percent >= _LATE_IN_THE_LIMIT else first


def due_at(now: datetime, quiet: str, *, pressing: bool) -> datetime:
    """When a notice may go out: now, or after the quiet hours; an emergency knows none."""
    return now if pressing else awake(now, quiet)


# -- attempts -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to reach somebody. `account`: whose, None for a duty desk's."""

    channel_id: UUID
    kind: ChannelKind
    label: str
    sealed: bytes = b""
    language: str = "zh"
    account: UUID | None = None


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt for one notice; `outcome` None while it is under way."""

    channel_id: UUID
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is known of a notice that is due. `over`: what it tells of is over. `elsewhere`: what became of attempts for
    others about the same thing, by channel."""

    over: bool
    channels: Sequence[Channel]
    tries: Sequence[Try]
    elsewhere: Mapping[UUID, Outcome | None]


@dataclass(frozen=True, slots=True)
class Step:
    """What to do with a notice now: the state that it gets, and the channel by which it is sent."""

    state: State
    channel: Channel | None = None


def decide(waiting: Waiting) -> Step:
    """The next step of a due notice.

    INVARIANT: after an attempt whose outcome nobody knows, nothing is tried but the same channel, and that only if it
    shows the same thing once.
    INVARIANT: one channel is told of one thing once, whoever it stands behind.
    """
    uncertain = {known.channel_id for known in waiting.tries if known.outcome == "unknown"}
    open_to = [c for c in waiting.channels if not uncertain or (c.channel_id in uncertain and repeats(c.kind))]
    channel = next((c for c in open_to if not _exhausted(waiting.tries, c)), None)
    if channel is None and uncertain:
        return Step("unknown")
    if waiting.over:
        return Step("dropped")
    if channel is None:
        return Step("failed" if waiting.channels else "nowhere")
    if channel.channel_id not in waiting.elsewhere:
        return Step("sending", channel)
    told = waiting.elsewhere[channel.channel_id]
    if told == "delivered":
        return Step("covered", channel)
    if told == "unknown":
        return Step("unknown", channel)
    return Step("waiting") if told is None else Step("sending", channel)


def repeats(kind: ChannelKind) -> bool:
    """Whether sending twice shows once."""
    return kind == "push"


def _exhausted(tries: Sequence[Try], channel: Channel) -> bool:
    own = [known for known in tries if known.channel_id == channel.channel_id]
    return len(own) >= ATTEMPTS or any(known.outcome in _FOR_GOOD for known in own)


def after(outcome: Outcome, kind: ChannelKind, attempt: int) -> tuple[State, timedelta]:
    """The state of a notice after its `attempt`-th try (from 1) by a channel of this kind, and how long it rests."""
    if outcome == "delivered":
        return "delivered", timedelta(0)
    if outcome == "unknown" and not repeats(kind):
        return "unknown", timedelta(0)
    if outcome in _FOR_GOOD or attempt >= ATTEMPTS:
        return "waiting", timedelta(0)
    return "waiting", PAUSES[attempt - 1]
