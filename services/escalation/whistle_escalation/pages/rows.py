"""One clock, one escalation, one event as a line of a page: names in the reader's language, states, times. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from whistle_escalation import domain
from whistle_shared.pages import Words, iso, kind, told

STATES = ("normal", "half", "nearly")
ENDED = {"met": "met", "met_late": "done", "cancelled": "done", "voided": "done", "paused": "paused"}


@dataclass(frozen=True, slots=True)
class ClockLine:
    """One clock as a line: whose it is, what it waits for, what about, and how it stands. `state` is one of the chip's;
    `address`: its page."""

    key: str
    address: str
    number: str
    title: str
    bound: str
    side: str
    task_of: str
    clock: str
    state: str
    due_at: datetime
    provisional: bool
    seen: bool = False
    rung: int = 0
    street: str = ""
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class FeedLine:
    """One event as a sentence."""

    key: str
    kind: str
    rung: int | None
    at: str
    at_iso: str
    at_exactly: str
    number: str
    text: str
    address: str


@dataclass(frozen=True)
class Line:
    """A clock of the domain with what a line needs of its whistle."""

    clock: domain.Clock
    number: str
    title: str
    street: str | None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.clock, name)


def state_of(row: Any) -> str:
    """How a clock stands, as the chip names it."""
    if row.status != "running":
        return ENDED[row.status]
    return "late" if row.breached_at is not None else STATES[min(row.warned, 2)]


def clock_line(words: Words, row: Any) -> ClockLine:
    """A clock of a list."""
    return _line(words, row, f"/clocks/{row.clock_id}", row.name, state_of(row), row.status, 0)


def escalation_line(words: Words, row: Any) -> ClockLine:
    """An escalation of a list: its clock is late, or it would not stand here."""
    return _line(words, row, f"/escalations/{row.escalation_id}", row.clock, "late", row.status, row.rung)


def _line(words: Words, row: Any, address: str, clock: str, state: str, outcome: str, rung: int) -> ClockLine:
    return ClockLine(
        key=str(row.clock_id) if rung == 0 else f"{row.clock_id}/{rung}",
        address=address,
        number=row.number or "",
        title=row.title or "…",
        bound=words.bound(row.side, row.department, row.street),
        side=row.side,
        task_of=words.department(row.department) if row.department and row.side != "department" else "",
        clock=words.clock(clock),
        state=state,
        due_at=row.due_at,
        provisional=row.provisional,
        seen=getattr(row, "acknowledged_at", None) is not None,
        rung=rung,
        street=words.street(row.street) if row.street else "",
        outcome=outcome,
    )


def feed_line(words: Words, row: Any, now: datetime) -> FeedLine:
    """An event of the log. It leads to the clock that it is about."""
    return FeedLine(
        key=str(getattr(row, "position", row.data.get("event_id"))),
        kind=kind(row.key),
        rung=row.data.get("rung"),
        at=words.moment(row.at, now),
        at_iso=iso(row.at),
        at_exactly=words.exactly(row.at),
        number=row.number or "",
        text=told(words, row),
        address=_address(row.data),
    )


def _address(data: Any) -> str:
    if data.get("escalation_id") and data.get("rung"):
        return f"/escalations/{UUID(data['escalation_id'])}"
    if data.get("clock_id"):
        return f"/clocks/{UUID(data['clock_id'])}"
    return f"/clocks?whistle={UUID(data['whistle_id'])}" if data.get("whistle_id") else ""


def address_of(path: str, **query: Any) -> str:
    """With what is not None of the query."""
    kept = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(kept)}" if kept else path
