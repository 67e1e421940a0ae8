"""A whistle's departments side by side on one axis of time: a lane each, with what it did, its limits, and now. Pure.

Places are percent of the axis, for attributes of SVG.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from whistle_intake import domain
from whistle_shared.pages import SHANGHAI, Words, mark

Span = Literal["hour", "day", "all"]
SPANS: Mapping[Span, str] = {"hour": mark("首小时"), "day": mark("首日"), "all": mark("全程")}
_LENGTH = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
_STEPS = [timedelta(minutes=m) for m in (5, 15, 30, 60, 120, 240, 360, 720)] + [
    timedelta(days=d) for d in (1, 2, 5, 10, 30, 90, 365)
]
_TICKS = 5
_SHORTEST = timedelta(minutes=10)
# Which stamp stops a clock.
_STOPS = {"ack": "acknowledged_at", "arrive": "arrived_at", "resolve": "submitted_at"}


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a lane. `kind`: waiting, seen, here, check, late, paused."""

    kind: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Limit:
    """Where a limit stands on a lane; `late`: it passed before it was met."""

    word: str
    x: float
    late: bool


@dataclass(frozen=True, slots=True)
class Lane:
    """One department. `told`: the same in words."""

    task_id: UUID
    department: str
    role: str
    segments: Sequence[Segment]
    limits: Sequence[Limit]
    told: Sequence[str]


@dataclass(frozen=True, slots=True)
class Axis:
    """The shared axis. `ticks`: (place, label); `now`: None when it lies beyond."""

    span: Span
    start: datetime
    end: datetime
    ticks: Sequence[tuple[float, str]]
    now: float | None

    def place(self, at: datetime) -> float:
        """Where an instant stands, in percent; what lies beyond stands at the edge."""
        return round(min(1.0, max(0.0, (at - self.start) / (self.end - self.start))) * 100, 2)


def axis(span: Span, start: datetime, until: Iterable[datetime], now: datetime) -> Axis:
    """The axis from `start` (UTC). The whole span ends with the last of `until`, and not before now."""
    end = start + _LENGTH[span] if span in _LENGTH else max([now, start + _SHORTEST, *until])
    length = end - start
    step = next((step for step in _STEPS if length / step <= _TICKS), _STEPS[-1])
    ahead = round((now - start) / length * 100, 2)
    marks = [start + step * n for n in range(int(length / step) + 1)]
    ticks = [(round((at - start) / length * 100, 2), _label(at, step)) for at in marks]
    return Axis(span, start, end, [tick for tick in ticks if tick[0] <= 92], ahead if 0 <= ahead <= 100 else None)


def _label(at: datetime, step: timedelta) -> str:
    return at.astimezone(SHANGHAI).strftime("%m-%d" if step >= timedelta(days=1) else "%H:%M")


def lane(words: Words, along: Axis, task: domain.Task, clocks: Sequence[domain.Clock], now: datetime) -> Lane:
    """One department's lane. `clocks`: of its task."""
    return Lane(
        task.task_id,
        words.department(task.department),
        words.of("task_role", task.role) if task.role else "",
        [*_course(along, task, now), *_lateness(along, task, clocks, now)],
        _limits(words, along, task, clocks, now),
        _told(words, task, clocks, now),
    )


def _course(along: Axis, task: domain.Task, now: datetime) -> list[Segment]:
    """Waiting, on the way, there, handed in; what stood still lies over it."""
    if task.called_at is None:
        return []
    over = task.verified_at or (now if task.ended is None else _last(task))
    stamps = [
        ("waiting", task.called_at),
        ("seen", task.acknowledged_at),
        ("here", task.arrived_at),
        ("check", task.submitted_at if task.delivered else None),
    ]
    known = [(kind, at) for kind, at in stamps if at is not None]
    ends = [*(at for _, at in known[1:]), over]
    found = [_segment(along, kind, at, end) for (kind, at), end in zip(known, ends, strict=True)]
    if task.suspended_at is not None:
        found.append(_segment(along, "paused", task.suspended_at, now if task.suspended else task.resumed_at or now))
    return [segment for segment in found if segment.width > 0]


def _last(task: domain.Task) -> datetime:
    stamps = (task.called_at, task.acknowledged_at, task.arrived_at, task.progressed_at, task.submitted_at)
    return max(at for at in stamps if at is not None)


def _segment(along: Axis, kind: str, start: datetime, end: datetime) -> Segment:
    x = along.place(start)
    return Segment(kind, x, round(max(0.0, along.place(end) - x), 2))


def _lateness(along: Axis, task: domain.Task, clocks: Iterable[domain.Clock], now: datetime) -> list[Segment]:
    late = [(clock.due_at, _stopped(task, clock, now)) for clock in clocks if clock.name in _STOPS and clock.due_at]
    found = [_segment(along, "late", due_at, stop) for due_at, stop in late if stop > due_at]
    return [segment for segment in found if segment.width > 0]


def _stopped(task: domain.Task, clock: domain.Clock, now: datetime) -> datetime:
    """Until when a clock ran; one that was taken away is late no more."""
    at: datetime | None = getattr(task, _STOPS[clock.name])
    if at is not None and clock.status != "running":
        return at
    if clock.status in ("running", "paused") or (at is None and clock.status == "met_late"):
        return now
    return at or clock.due_at or now


def _limits(words: Words, along: Axis, task: domain.Task, clocks: Iterable[domain.Clock], now: datetime) -> list[Limit]:
    return [
        Limit(words.clock(clock.name), along.place(clock.due_at), clock.status == "met_late" or clock.due_at <= now)
        for clock in clocks
        if clock.due_at is not None
        and clock.status in ("running", "paused", "met_late")
        and along.start <= clock.due_at <= along.end
    ]


def _told(words: Words, task: domain.Task, clocks: Iterable[domain.Clock], now: datetime) -> list[str]:
    stamps = [
        (words.gettext("应哨"), task.acknowledged_at),
        (words.gettext("报到"), task.arrived_at),
        (words.gettext("提交办结"), task.submitted_at),
        (words.gettext("核查通过"), task.verified_at),
    ]
    said = [f"{word} {words.moment(at, now)}" for word, at in stamps if at is not None]
    late = [
        clock.name
        for clock in clocks
        if clock.status == "met_late" or (clock.status == "running" and clock.due_at and clock.due_at <= now)
    ]
    said += [words.gettext("%(clock)s超时") % {"clock": words.clock(name)} for name in late]
    return said
