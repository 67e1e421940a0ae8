"""Reports as pages show them: lines of a desk, how much each level settles, a report's way in plain steps. Pure.

INVARIANT: nothing here shows more than the API's views do: numbers and names of whoever reported stay blotted out.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from whistle_intake import domain
from whistle_intake.api.report_views import ProgressView, ReportDetail, ReportView, StepView, TurnView
from whistle_shared.pages import Words, mark

DESKS: Mapping[str, str] = {"grid": mark("网格员"), "community": mark("社区"), "street": mark("街道")}
TARGETS: Mapping[str, str] = {"grid": mark("报网格员"), "property": mark("报物业，请转告物业")}
OUTCOMES: Mapping[str, str] = {
    "handling": mark("就地办理"),
    "handed_up": mark("上报"),
    "drafted": mark("拟哨"),
    "handled": mark("已办结"),
    "declined": mark("不予受理"),
}
# How a report stands → the chip's tone and picture.
_TONES: Mapping[str, tuple[str, str]] = {
    "submitted": ("half", "inbox"),
    "handling": ("here", "user-check"),
    "handed_up": ("seen", "arrow-up"),
    "drafted": ("seen", "speakerphone"),
    "handled": ("done", "checks"),
    "declined": ("done", "circle-x"),
    "closed": ("done", "checks"),
    "withdrawn": ("nearly", "arrow-back-up"),
}
# A step → what whoever reported is told, its picture.
STEPS: Mapping[str, tuple[str, str]] = {
    "received": (mark("已收到"), "inbox"),
    "handling": (mark("正在办理"), "user-check"),
    "handed_up": (mark("已转给上一级"), "arrow-up"),
    "handled": (mark("已办结"), "checks"),
    "declined": (mark("不予受理"), "circle-x"),
    "whistle_blown": (mark("街道已吹哨，请部门来办"), "speakerphone"),
    "on_site": (mark("部门已到现场"), "map-pin-check"),
    "solved": (mark("街道核查：现场已解决"), "check"),
    "closed": (mark("已销哨，全部办完"), "checks"),
    "reopened": (mark("问题没有解决，重新办理"), "refresh"),
    "withdrawn": (mark("街道已撤回哨单"), "arrow-back-up"),
}
_SENTENCE_END = re.compile(r"[。！？!?\n]")
_LONGEST_TITLE = 40
_LEVELS = (*domain.DESKS, "whistle")


@dataclass(frozen=True, slots=True)
class Line:
    """One report on a desk. `acts`: what the viewer may say of it now; `gone`: its words are erased; `draft`: what a
    whistle drafted from it says to begin with, by field."""

    report_id: UUID
    address: str
    text: str
    gone: bool
    category: str
    place: str
    target: str
    channel: str
    state: str
    tone: str
    picture: str
    desk: str
    at: datetime
    has_contact: bool
    acts: tuple[str, ...]
    draft: Mapping[str, str]
    whistle: str
    rated: str


@dataclass(frozen=True, slots=True)
class Level:
    """How many reports one level settled; `left` and `width`: its part of a bar 100 wide."""

    name: str
    code: str
    n: int
    percent: str
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class Shares:
    """小事不出社区: who settled what. `small`: percent that grid and community settled; None: nothing is settled."""

    n: int
    small: str | None
    levels: Sequence[Level]


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step of a report's way."""

    text: str
    desk: str
    picture: str
    at: datetime


def grid_name(words: Words, grid: str | None) -> str:
    """What a grid is called; its code while the registry is not here."""
    known = words.registry.grid_by_code.get(grid) if words.registry and grid else None
    return (grid or "") if known is None else known.name_zh


def place_of(words: Words, street: str, grid: str | None) -> str:
    """Where it is, as people say it. A grid's own name tells its street already."""
    if grid and words.language == "zh":
        return grid_name(words, grid)
    return " ".join(filter(None, (words.street(street), grid)))


def line(words: Words, view: ReportView) -> Line:
    """A report as a line of a desk."""
    tone, picture = _TONES[view.state]
    return Line(
        report_id=view.report_id,
        address=f"/desk/{view.report_id}",
        text=view.text or words.gettext("（内容已按期删除）"),
        gone=view.text is None,
        category=words.category(view.category),
        place=place_of(words, view.street, view.grid),
        target=words.gettext(TARGETS[view.target]),
        channel=words.of("channel", view.channel),
        state=words.of("report_state", view.state),
        tone=tone,
        picture=picture,
        desk=words.gettext(DESKS[view.desk]),
        at=view.submitted_at,
        has_contact=view.has_contact,
        acts=tuple(view.steps),
        draft=_draft(words, view),
        whistle="" if view.whistle_id is None else f"/whistles/{view.whistle_id}",
        rated="" if view.rating is None else words.of("satisfaction", view.rating.satisfaction),
    )


def _draft(words: Words, view: ReportView) -> Mapping[str, str]:
    """The catalogue's usual kind and urgency, and the report's own words, blotted out as they are shown."""
    known = words.registry.category_by_code.get(view.category or "") if words.registry else None
    text = view.text or ""
    said = {
        "kind": known.default_kind if known else "appeal",
        "urgency": known.default_urgency if known else "normal",
        "street": view.street,
        "grid": view.grid or "",
        "category": view.category or "",
        "title": _SENTENCE_END.split(text, maxsplit=1)[0][:_LONGEST_TITLE],
        "description": text,
        "place": grid_name(words, view.grid) or words.street(view.street),
    }
    return {f"draft.{name}": value for name, value in said.items()}


def shares(words: Words, settled: Mapping[str, int]) -> Shares:
    """From how many each level settled. A bar's parts lie side by side without a gap."""
    n = sum(settled.values())
    counts = [settled.get(level, 0) for level in _LEVELS]
    names = [*DESKS.values(), mark("转成哨单")]
    levels, left = [], 0.0
    for code, name, count in zip(_LEVELS, names, counts, strict=True):
        width = 100 * count / n if n else 0.0
        levels.append(Level(words.gettext(name), code, count, _percent(count, n), round(left, 2), round(width, 2)))
        left += width
    return Shares(n, _percent(counts[0] + counts[1], n) if n else None, levels)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "—"


def detail(words: Words, view: ReportDetail) -> dict[str, Any]:
    """What a report's page needs beside its line."""
    contact, rating = view.contact, view.rating
    return {
        "line": line(words, view),
        "person_id": view.person_id,
        "contact": None if contact is None else " · ".join(filter(None, (contact.name, contact.phone))),
        "location": view.location,
        "turns": [_turn(words, turn) for turn in reversed(view.turns)],
        "rating": None if rating is None else _rating(words, rating),
    }


def _turn(words: Words, turn: TurnView) -> dict[str, Any]:
    said = {"outcome": words.gettext(OUTCOMES[turn.outcome]), "desk": words.gettext(DESKS[turn.desk])}
    return said | {"at": turn.at, "by": turn.by, "note": turn.note, "answer": turn.answer}


def _rating(words: Words, rating: Any) -> list[tuple[str, str]]:
    yes, no = words.gettext("是"), words.gettext("否")
    return [
        (words.gettext("联系了吗"), yes if rating.contacted else no),
        (words.gettext("解决了吗"), yes if rating.solved else no),
        (words.gettext("满意吗"), words.of("satisfaction", rating.satisfaction)),
    ]


def way(words: Words, view: ProgressView) -> dict[str, Any]:
    """What whoever reported is shown, the latest step first."""
    steps = [
        StepLine(words.gettext(STEPS[step.name][0]), _with(words, step), STEPS[step.name][1], step.at)
        for step in reversed(view.steps)
    ]
    return {
        "steps": steps,
        "state": words.of("report_state", view.state),
        "place": place_of(words, view.street, view.grid),
        "category": words.category(view.category),
        "answer": view.answer,
        "may_rate": view.may_rate,
        "rating": None if view.rating is None else _rating(words, view.rating),
        "photos": view.photos,
    }


def _with(words: Words, step: StepView) -> str:
    """With whom it is from then on; with nobody once it has ended."""
    if step.desk is None or step.name in domain.REPORT_ENDS:
        return ""
    return words.gettext("现由%(desk)s负责") % {"desk": words.gettext(DESKS[step.desk])}
