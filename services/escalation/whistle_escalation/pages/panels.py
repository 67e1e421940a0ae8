"""From a scene to what the dashboard's templates show: names, shares, geometry, and the order of things. Pure.

INVARIANT: every number counts only what the viewer's scope covers; the scene was read for that scope alone.
INVARIANT: every number leads to the list of what it counts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from whistle_escalation.pages.rows import ClockLine, address_of, clock_line, escalation_line, feed_line
from whistle_escalation.queries.scenes import Scene
from whistle_shared.pages import RUNGS, SHANGHAI, Words, midnight
from whistle_shared.registry import Registry

BLOWN, CLOSED = "intake.whistle_blown.v1", "intake.whistle_closed.v1"
BREACHED, RAISED = "escalation.clock_breached.v1", "escalation.escalation_raised.v1"


@dataclass(frozen=True, slots=True)
class RungBlock:
    """One rung: how many escalations stand open on it, how many clocks stand there and how many have climbed on; and
    the worst of those that stand there."""

    rung: int
    word: str
    roles: str
    open: int
    standing: int
    climbed_on: int
    worst: Sequence[ClockLine]


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
    """One department by what it did in time in the last week."""

    code: str
    name: str
    reported_in: Share
    acknowledged: Share


@dataclass(frozen=True, slots=True)
class Against:
    """A number of today, and the same weekday's a week ago as far as its day had come then."""

    now: int
    then: int

    @property
    def more(self) -> int:
        return self.now - self.then


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of today: bars and the mark of last week, as parts of 100; `address` of what was blown in it."""

    hour: int
    blown: int
    closed: int
    last: int
    blown_height: float
    closed_height: float
    last_height: float
    address: str
    ahead: bool


@dataclass(frozen=True, slots=True)
class Place:
    """One street: whistles under way, and those of them with something overdue."""

    code: str
    name: str
    open: int
    overdue: int


def contents(words: Words, scene: Scene, now: datetime) -> dict[str, dict[str, Any]]:
    """What each panel's template needs, by panel. `now`: business time, UTC."""
    return {
        "stuck": {"stuck": [feed_line(words, row, now) for row in scene.stuck]},
        "figures": _figures(scene, now),
        "rungs": {"rungs": _rungs(words, scene)},
        "places": _places(words, scene.places),
        "hours": _hours(scene, now),
        "upcoming": {"clocks": [clock_line(words, row) for row in scene.upcoming]},
        "departments": {"departments": _departments(words, scene.duties)},
        "feed": {"events": [feed_line(words, row, now) for row in scene.feed]},
    }


# -- the figures, today against last week


def _figures(scene: Scene, now: datetime) -> dict[str, Any]:
    return {
        "open": sum(scene.rungs.values()),
        "late": _total(scene.places, "late"),
        "nearly": _total(scene.places, "nearly"),
        "under_way": _total(scene.places, "open"),
        "blown": _against(scene, BLOWN, now),
        "closed": _against(scene, CLOSED, now),
        "breached": _against(scene, BREACHED, now),
        "raised": _against(scene, RAISED, now),
        "acknowledged": _of_week(scene.duties, "ack"),
        "reported_in": _of_week(scene.duties, "arrive"),
        "today": f"{now.astimezone(SHANGHAI):%Y-%m-%d}",
    }


def _total(rows: Iterable[Any], name: str) -> int:
    return sum(int(getattr(row, name)) for row in rows)


def _against(scene: Scene, key: str, now: datetime) -> Against:
    today = midnight(now)
    rows = [row for row in scene.flow if row.key == key and row.so_far]
    return Against(sum(row.n for row in rows if row.hour >= today), sum(row.n for row in rows if row.hour < today))


def _of_week(duties: Sequence[Any], name: str) -> tuple[Share, Share]:
    """The last seven days, and the seven before."""
    rows = [row for row in duties if row.name == name]
    return share(row for row in rows if row.recent), share(row for row in rows if not row.recent)


def share(rows: Iterable[Any]) -> Share:
    """The same reckoning as `GET /statistics`: met of met, met late and overdue."""
    counted = dict.fromkeys(("met", "met_late", "overdue", "running"), 0)
    for row in rows:
        if row.outcome in counted:
            counted[row.outcome] += row.n
    decided = counted["met"] + counted["met_late"] + counted["overdue"]
    return Share(counted["met"], decided, counted["running"])


# -- rungs


def _rungs(words: Words, scene: Scene) -> list[RungBlock]:
    numbers = sorted({*RUNGS, *scene.rungs}, reverse=True)
    nearly = _total(scene.places, "nearly")
    warned = RungBlock(0, words.gettext("L0 预警"), words.gettext("时限已过 80%%") % {}, nearly, 0, 0, ())
    return [*(_rung(words, rung, scene) for rung in numbers), warned]


def _rung(words: Words, rung: int, scene: Scene) -> RungBlock:
    standing = [row for row in scene.worst if row.rung == rung]
    stand_here = standing[0].standing if standing else 0
    is_open = scene.rungs.get(rung, 0)
    return RungBlock(
        rung=rung,
        word=words.rung(rung),
        roles=words.rung_roles(rung),
        open=is_open,
        standing=stand_here,
        climbed_on=is_open - stand_here,
        worst=[escalation_line(words, row) for row in standing],
    )


# -- the map


def _places(words: Words, rows: Sequence[Any]) -> dict[str, Any]:
    by_street: dict[str, list[Any]] = {}
    for row in rows:
        if row.street:
            by_street.setdefault(row.street, []).append(row)
    streets = [
        Place(code, words.street(code), _total(own, "open"), _total(own, "overdue")) for code, own in by_street.items()
    ]
    return {
        "streets": sorted(streets, key=lambda place: (-place.overdue, -place.open, place.code)),
        "grids": {row.grid: [level, row.open, row.overdue] for row, level in _shaded(rows)},
        "elsewhere": sum(row.open for row in rows if not row.grid),
        "mapped": is_mapped(words.registry),
    }


def is_mapped(registry: Registry | None) -> bool:
    """Whether there is a map to colour."""
    return registry is not None and any(grid.ground for grid in registry.grids)


def _shaded(rows: Sequence[Any]) -> list[tuple[Any, int]]:
    """Grids with their level: 1 something under way, 2 much, 3 something overdue, 4 much."""
    own = [row for row in rows if row.grid]
    most_open = max((row.open for row in own), default=0)
    most_overdue = max((row.overdue for row in own), default=0)

    def level(row: Any) -> int:
        if row.overdue:
            return 4 if row.overdue > 1 and 2 * row.overdue >= most_overdue else 3
        return 2 if row.open > 1 and 2 * row.open >= most_open else 1

    return [(row, level(row)) for row in own]


# -- by the hour


def _hours(scene: Scene, now: datetime) -> dict[str, Any]:
    today = midnight(now)
    counts: dict[tuple[str, datetime], int] = {}
    for row in scene.flow:
        counts[row.key, row.hour] = counts.get((row.key, row.hour), 0) + row.n
    shown = [
        (counts.get((BLOWN, at), 0), counts.get((CLOSED, at), 0), counts.get((BLOWN, at - timedelta(days=7)), 0))
        for at in (today + timedelta(hours=hour) for hour in range(24))
    ]
    most = max((max(three) for three in shown), default=0)
    day = f"{now.astimezone(SHANGHAI):%Y-%m-%d}"
    hours = [
        Hour(
            hour=hour,
            blown=blown,
            closed=closed,
            last=last,
            blown_height=_height(blown, most),
            closed_height=_height(closed, most),
            last_height=_height(last, most),
            address=address_of("/log", kind="whistle_blown", day=day, hour=hour),
            ahead=today + timedelta(hours=hour) > now,
        )
        for hour, (blown, closed, last) in enumerate(shown)
    ]
    return {"hours": hours, "most": most}


def _height(n: int, most: int) -> float:
    return round(100 * n / most, 1) if most else 0.0


# -- departments


def _departments(words: Words, duties: Sequence[Any]) -> list[DepartmentLine]:
    """Lowest report-in rate first, of equal ones the one with more to show; departments without any come last."""
    by_department: dict[str, list[Any]] = {}
    for row in duties:
        if row.recent:
            by_department.setdefault(row.department, []).append(row)
    lines = [
        DepartmentLine(
            code,
            words.department(code),
            share(row for row in rows if row.name == "arrive"),
            share(row for row in rows if row.name == "ack"),
        )
        for code, rows in by_department.items()
    ]
    return sorted(lines, key=_rank)


def _rank(line: DepartmentLine) -> tuple[bool, float, int, str]:
    return (line.reported_in.n == 0, line.reported_in.width, -line.reported_in.n, line.code)
