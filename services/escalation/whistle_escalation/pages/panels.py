"""From a scene to what the templates show: names, words, shares, and the order of things. Pure.

INVARIANT: every number counts only what the viewer's scope covers; the scene was read for that scope alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from whistle_escalation.pages import sentences
from whistle_escalation.pages.words import RUNGS, Words, iso
from whistle_escalation.queries import Scene

_STATES = ("normal", "half", "nearly")
PANELS = ("stuck", "figures", "rungs", "upcoming", "departments", "feed")


@dataclass(frozen=True, slots=True)
class ClockLine:
    """One clock as a line: whose it is, what it waits for, what about, and its due time."""

    key: str
    number: str
    title: str
    bound: str
    side: str
    task_of: str
    clock: str
    state: str
    due_iso: str
    due_at: str
    due_exactly: str
    provisional: bool
    seen: bool = False


@dataclass(frozen=True, slots=True)
class RungBlock:
    """One rung: how many escalations stand open on it, and the clocks that climbed no higher."""

    rung: int
    word: str
    roles: str
    open: int
    climbed_on: int
    worst: Sequence[ClockLine]
    more: int


@dataclass(frozen=True, slots=True)
class Share:
    """In time of those that are decided. `percent` None: nothing is decided yet."""

    met: int
    n: int
    running: int

    @property
    def percent(self) -> str | None:
        return f"{self.met / self.n * 100:.1f}" if self.n else None

    @property
    def width(self) -> float:
        """Of a bar that is 100 wide."""
        return round(self.met / self.n * 100, 1) if self.n else 0.0


@dataclass(frozen=True, slots=True)
class DepartmentLine:
    """One department by what it does in time."""

    code: str
    name: str
    reported_in: Share
    acknowledged: Share


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


def contents(words: Words, scene: Scene, now: datetime) -> dict[str, dict[str, Any]]:
    """What each panel's template needs, by panel. `now`: business time, UTC."""
    return {
        "stuck": {"stuck": [_feed_line(words, row, now) for row in scene.stuck]},
        "figures": _figures(scene),
        "rungs": {"rungs": _rungs(words, scene, now)},
        "upcoming": {"clocks": [_upcoming(words, row, now) for row in scene.upcoming]},
        "departments": {"departments": _departments(words, scene.outcomes)},
        "feed": {"events": [_feed_line(words, row, now) for row in scene.feed]},
    }


def _figures(scene: Scene) -> dict[str, Any]:
    return {
        "open": sum(scene.rungs.values()),
        "overdue": _count(scene.outcomes, "overdue"),
        "nearly": _count(scene.outcomes, "nearly"),
        "blown": scene.blown,
        "acknowledged": _share(row for row in scene.outcomes if row.name == "ack" and row.department),
    }


def _count(outcomes: Iterable[Any], outcome: str) -> int:
    return sum(row.n for row in outcomes if row.outcome == outcome)


def _share(rows: Iterable[Any]) -> Share:
    """The same reckoning as `GET /statistics`: met of met, met late and overdue."""
    counted = dict.fromkeys(("met", "met_late", "overdue", "running", "nearly"), 0)
    for row in rows:
        if row.outcome in counted:
            counted[row.outcome] += row.n
    decided = counted["met"] + counted["met_late"] + counted["overdue"]
    return Share(counted["met"], decided, counted["running"] + counted["nearly"])


def _rungs(words: Words, scene: Scene, now: datetime) -> list[RungBlock]:
    numbers = sorted({*RUNGS, *scene.rungs}, reverse=True)
    return [_rung(words, rung, scene, now) for rung in numbers]


def _rung(words: Words, rung: int, scene: Scene, now: datetime) -> RungBlock:
    standing = [row for row in scene.worst if row.rung == rung]
    stand_here = standing[0].standing if standing else 0
    is_open = scene.rungs.get(rung, 0)
    return RungBlock(
        rung=rung,
        word=words.rung(rung),
        roles=words.rung_roles(rung),
        open=is_open,
        climbed_on=is_open - stand_here,
        worst=[_line(words, row, row.clock, now, "late", seen=row.acknowledged_at is not None) for row in standing],
        more=stand_here - len(standing),
    )


def _upcoming(words: Words, row: Any, now: datetime) -> ClockLine:
    return _line(words, row, row.name, now, _STATES[min(row.warned, 2)])


def _line(words: Words, row: Any, clock: str, now: datetime, state: str, *, seen: bool = False) -> ClockLine:
    return ClockLine(
        key=str(row.clock_id),
        number=row.number or "",
        title=row.title or "",
        bound=words.bound(row.side, row.department, row.street),
        side=row.side,
        task_of=words.department(row.department) if row.department and row.side != "department" else "",
        clock=words.clock(clock),
        state=state,
        due_iso=iso(row.due_at),
        due_at=words.moment(row.due_at, now),
        due_exactly=words.exactly(row.due_at),
        provisional=row.provisional,
        seen=seen,
    )


def _departments(words: Words, outcomes: Sequence[Any]) -> list[DepartmentLine]:
    """Lowest report-in rate first, of equal ones the one with more to show; departments without any come last."""
    by_department: dict[str, list[Any]] = {}
    for row in outcomes:
        if row.department and row.name in ("ack", "arrive"):
            by_department.setdefault(row.department, []).append(row)
    lines = [
        DepartmentLine(
            code,
            words.department(code),
            _share(row for row in rows if row.name == "arrive"),
            _share(row for row in rows if row.name == "ack"),
        )
        for code, rows in by_department.items()
    ]
    return sorted(lines, key=_rank)


def _rank(line: DepartmentLine) -> tuple[bool, float, int, str]:
    return (line.reported_in.n == 0, line.reported_in.width, -line.reported_in.n, line.code)


def _feed_line(words: Words, row: Any, now: datetime) -> FeedLine:
    return FeedLine(
        key=str(getattr(row, "position", row.data.get("event_id"))),
        kind=sentences.kind(row.key),
        rung=row.data.get("rung"),
        at=words.moment(row.at, now),
        at_iso=iso(row.at),
        at_exactly=words.exactly(row.at),
        number=row.number or "",
        text=sentences.told(words, row),
    )
