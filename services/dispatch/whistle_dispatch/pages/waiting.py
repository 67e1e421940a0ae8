"""The desk: everything that waits for the office, by the clock it is decided by. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from whistle_dispatch import domain
from whistle_dispatch.domain.terms import Rules
from whistle_dispatch.queries.desk import KINDS, MOST, Kind, Waiting
from whistle_shared.clockwork import parse_limit
from whistle_shared.pages import Words, mark
from whistle_shared.worktime import due

_FIRST = 50
NAMES: Mapping[Kind, str] = {
    "unrouted": mark("待派单"),
    "silent": mark("部门未应"),
    "dispute": mark("权责争议"),
    "return": mark("退单"),
    "extension": mark("延期"),
    "suspension": mark("缓办申请"),
    "appeal": mark("评分复核"),
    "review": mark("缓办中"),
}
PICTURES: Mapping[Kind, str] = {
    "unrouted": "inbox",
    "silent": "bell-ringing",
    "dispute": "scale",
    "return": "arrow-back-up",
    "extension": "clock-plus",
    "suspension": "player-pause",
    "appeal": "message-report",
    "review": "calendar-time",
}
ACTS: Mapping[Kind, str] = {
    "unrouted": mark("指定部门"),
    "silent": mark("叫替补"),
    "dispute": mark("裁定"),
    "return": mark("审核"),
    "extension": mark("审批"),
    "suspension": mark("审批"),
    "appeal": mark("复核"),
    "review": mark("复查"),
}
CLOCKS: Mapping[Kind, str] = {
    "unrouted": mark("派单"),
    "silent": mark("已到吹哨办"),
    "dispute": mark("权责裁定"),
    "return": mark("审核"),
    "extension": mark("原时限"),
    "review": mark("缓办复核"),
}
CAUSES: Mapping[str, str] = {
    "second_return": mark("再次退单"),
    "undecided": mark("退单逾期未审"),
    "transfer_cap": mark("改派次数已到上限"),
}


@dataclass(frozen=True, slots=True)
class _Turn:
    """When something that waits has its turn."""

    one: Waiting
    due_at: datetime | None
    state: str

    @property
    def key(self) -> str:
        return f"{self.one.kind}-{self.one.subject}-{self.one.department}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the desk. `state` of the chip's; `due_at` None: no clock waits for it."""

    key: str
    kind: Kind
    kind_word: str
    picture: str
    act: str
    address: str
    number: str
    title: str
    urgency: str
    about: str
    who: str
    clock: str
    state: str
    due_at: datetime | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Tile:
    """A kind with how many wait; `more`: there are more than are shown."""

    kind: Kind
    word: str
    picture: str
    n: int
    more: bool
    late: int


def contents(
    words: Words, found: Mapping[Kind, Sequence[Waiting]], rules: Rules, now: datetime, only: Kind | None
) -> dict[str, Any]:
    """Panel → what it needs. `only`: the kind that is wanted; of all kinds together the `_FIRST` most urgent."""
    everything = [_turn(one, rules, now) for kind in KINDS for one in found.get(kind, ())]
    wanted = sorted((turn for turn in everything if only in (None, turn.one.kind)), key=_order)
    rows = [_row(words, turn) for turn in wanted[: _FIRST if only is None else MOST]]
    tiles = [_tile(words, kind, [turn for turn in everything if turn.one.kind == kind]) for kind in KINDS]
    return {"tiles": {"tiles": tiles, "only": only}, "queue": {"rows": rows, "more": len(wanted) - len(rows)}}


def _turn(one: Waiting, rules: Rules, now: datetime) -> _Turn:
    due_at = decided_by(one, rules)
    return _Turn(one, due_at, standing(one.since, due_at, now))


def _order(turn: _Turn) -> tuple[bool, datetime, str]:
    """What has a clock comes first, the most urgent of it first; the rest by how long it has waited."""
    return turn.due_at is None, turn.due_at or turn.one.since, turn.key


def _tile(words: Words, kind: Kind, turns: Sequence[_Turn]) -> Tile:
    late = sum(turn.state == "late" for turn in turns)
    return Tile(kind, words.gettext(NAMES[kind]), PICTURES[kind], len(turns), len(turns) >= MOST, late)


def _row(words: Words, turn: _Turn) -> Row:
    one = turn.one
    return Row(
        key=turn.key,
        kind=one.kind,
        kind_word=words.gettext(NAMES[one.kind]),
        picture=PICTURES[one.kind],
        act=words.gettext(ACTS[one.kind]),
        address=_address(one),
        number=one.facts.number,
        title=one.facts.title,
        urgency=words.of("urgency", one.facts.urgency),
        about=about(words, one),
        who=words.department(one.department) if one.department else words.street(one.facts.street),
        clock=words.gettext(CLOCKS[one.kind]) if one.kind in CLOCKS else "",
        state=turn.state,
        due_at=turn.due_at,
        since=one.since,
    )


def decided_by(one: Waiting, rules: Rules) -> datetime | None:
    """When this has to be decided."""
    if one.kind == "unrouted":
        clock = next(iter(domain.triage_clock(one.facts, rules)), None)
        return clock.schedule.due_at if clock and clock.schedule else None
    return one.since if one.kind == "silent" else one.due_at


def review_due(request: domain.Request, rules: Rules) -> datetime | None:
    """When a granted suspension has to be looked at again."""
    if request.decided_at is None:
        return None
    return due(request.decided_at, parse_limit(rules.registry.regulation.more_time.review), rules.calendar).at


def standing(since: datetime, due_at: datetime | None, now: datetime) -> str:
    """How a decision stands, in the words of the style sheet."""
    if due_at is None:
        return "normal"
    if due_at <= now:
        return "late"
    passed = (now - since) / (due_at - since) if due_at > since else 0
    return "nearly" if passed >= 0.8 else "half" if passed >= 0.5 else "normal"


def about(words: Words, one: Waiting) -> str:
    """What it is about, in a line."""
    match one.kind:
        case "unrouted":
            return unrouted_because(words, one.facts.category, one.facts.cross_district)
        case "dispute":
            return words.gettext(CAUSES[one.reason])
        case "silent":
            return words.gettext("一直没有应哨或到场，已升级到吹哨办")
    return one.reason


def unrouted_because(words: Words, category: str | None, cross_district: bool) -> str:
    """Why nobody follows from what the street said."""
    if cross_district:
        return words.gettext("跨区事项，由吹哨办指定部门")
    if category is None:
        return words.gettext("没有选定类别")
    return words.gettext("类别“%(category)s”没有可派的部门") % {"category": words.category(category)}


def _address(one: Waiting) -> str:
    if one.kind in ("unrouted", "silent"):
        return f"/whistles/{one.whistle_id}"
    return f"/{'disputes' if one.kind == 'dispute' else 'requests'}/{one.subject}"
