"""A whistle as one line of a list: where it stands, which clock is the worst, what each department does. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from whistle_intake import domain
from whistle_shared.pages import Words, mark

# State → how its chip looks, and its picture.
LOOKS: dict[str, tuple[str, str]] = {
    "draft": ("normal", "pencil"),
    "pending_approval": ("half", "signature"),
    "self_handled": ("done", "checks"),
    "joined": ("done", "arrows-join-2"),
    "blown": ("normal", "speakerphone"),
    "responding": ("seen", "user-check"),
    "on_scene": ("here", "map-pin-check"),
    "handling": ("here", "tools"),
    "suspended": ("paused", "player-pause"),
    "pending_verify": ("half", "clipboard-check"),
    "pending_evaluation": ("half", "star"),
    "closed": ("done", "checks"),
    "withdrawn": ("done", "arrow-back-up"),
    "dispatched": ("normal", "clock"),
    "acknowledged": ("seen", "user-check"),
    "arrived": ("here", "map-pin-check"),
    "working": ("here", "tools"),
    "submitted": ("half", "clipboard-check"),
    "accepted": ("done", "check"),
    "evaluated": ("done", "checks"),
    "return_requested": ("paused", "arrow-back-up"),
    "disputed": ("paused", "scale"),
    "rework": ("half", "rotate"),
    "reassigned": ("done", "switch-horizontal"),
    "cancelled": ("done", "arrow-back-up"),
}
# What the street does next with a whistle in this state, if it is the street's turn: the right it takes, the words.
TURNS: dict[str, tuple[str, str]] = {
    "draft": ("whistle.blow", mark("去吹哨")),
    "pending_approval": ("whistle.sign", mark("去审签")),
    "pending_verify": ("task.verify", mark("去核查")),
    "pending_evaluation": ("task.verify", mark("去评价")),
}
_OF_STREET = ("street_verify", "evaluate")
_OF_DISTRICT = ("dispatch", "adjudication")


@dataclass(frozen=True, slots=True)
class Sign:
    """A chip without a clock: the word, how it looks, its picture."""

    word: str
    tone: str
    picture: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A clock that runs or stands still, and whom it binds."""

    clock_id: UUID
    name: str
    who: str
    state: str
    due_at: datetime | None
    provisional: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One whistle. `worst`: what runs out first; `rung`: the highest one that stands open, 0: none; `more`: how many
    departments are not named; `turn`: what the street does next, "": nothing."""

    whistle_id: UUID
    number: str
    title: str
    place: str
    street: str
    category: str
    kind: str
    urgency: str
    urgency_code: str
    state: str
    sign: Sign
    unrouted: bool
    round: int
    blown_at: datetime | None
    closed_at: datetime | None
    worst: Tick | None
    rung: int
    departments: Sequence[tuple[str, Sign]]
    more: int
    turn: str
    turn_right: str
    signature: str | None
    signature_due_at: datetime | None


def sign(words: Words, vocabulary: str, state: str) -> Sign:
    """Where a whistle or a task stands."""
    tone, picture = LOOKS[state]
    return Sign(words.of(vocabulary, state), tone, picture)


def standing(clock: domain.Clock, now: datetime) -> str:
    """How a clock stands, in the words of the style sheet."""
    if clock.status == "paused":
        return "paused"
    if clock.status != "running":
        return "met"
    if clock.due_at is not None and clock.due_at <= now:
        return "late"
    return "nearly" if clock.warned >= 80 else "half" if clock.warned >= 50 else "normal"


def tick(words: Words, clock: domain.Clock, street: str, departments: dict[UUID, str], now: datetime) -> Tick:
    """A clock as it is shown. `departments`: task → whose it is."""
    side = "street" if clock.name in _OF_STREET else "district" if clock.name in _OF_DISTRICT else "department"
    department = departments.get(clock.task_id) if clock.task_id is not None else None
    return Tick(
        clock.clock_id,
        words.clock(clock.name),
        words.bound(side, department, street) if department or side != "department" else "",
        standing(clock, now),
        clock.due_at,
        clock.provisional,
    )


def worst(clocks: Iterable[domain.Clock]) -> domain.Clock | None:
    """What runs out first, or has run out longest ago; of what stands still any."""
    known = [clock for clock in clocks if clock.due_at is not None and clock.status in ("running", "paused")]
    return min(known, key=lambda clock: (clock.status != "running", clock.due_at, clock.clock_id), default=None)


def line(
    words: Words, row: Any, tasks: Sequence[domain.Task], clocks: Sequence[domain.Clock], now: datetime, named: int = 4
) -> Line:
    """A row of `queries.lines` as it is shown. `named`: how many departments at most."""
    live = [task for task in tasks if task.ended is None]
    ordered = sorted(live, key=lambda task: (task.role != "lead", task.department))
    first = worst(clocks)
    right, turn = TURNS.get(row.state, ("", ""))
    return Line(
        whistle_id=row.whistle_id,
        number=row.number,
        title=row.title,
        place=row.place,
        street=words.street(row.street),
        category=words.category(row.category),
        kind=words.of("kind", row.kind),
        urgency=words.of("urgency", row.urgency),
        urgency_code=row.urgency,
        state=row.state,
        sign=sign(words, "whistle_state", row.state),
        unrouted=row.routing == "unrouted" and row.stage == "open",
        round=row.round,
        blown_at=row.blown_at,
        closed_at=row.closed_at,
        worst=tick(words, first, row.street, {t.task_id: t.department for t in tasks}, now) if first else None,
        rung=max((clock.rung for clock in clocks), default=0),
        departments=[(words.department(t.department), sign(words, "task_state", t.state)) for t in ordered[:named]],
        more=max(0, len(ordered) - named),
        turn=words.gettext(turn) if turn else "",
        turn_right=right,
        signature=row.signature,
        signature_due_at=row.signature_due_at,
    )
