"""A task's history as sentences: what was done here, and what others said. Pure.

INVARIANT: every step of the log has a sentence in both languages.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from whistle_department import domain
from whistle_shared.pages import Words, mark

_ARRIVED = {
    "on_site": mark("%(who)s到场报到"),
    "online": mark("%(who)s线上报到"),
    "meeting": mark("%(who)s到会报到"),
}
_REACHED = {
    "contain": mark("%(who)s完成先期处置"),
    "plan": mark("%(who)s报备了处置方案"),
    "repair": mark("%(who)s完成修复"),
    "restore": mark("%(who)s恢复了原状"),
}
_DECIDED = {
    ("return", True): mark("退单成立，改派其他部门"),
    ("return", False): mark("退单不成立，继续办理"),
    ("extension", True): mark("同意延期"),
    ("extension", False): mark("不同意延期"),
    ("suspension", True): mark("同意缓办，停止计时"),
    ("suspension", False): mark("不同意缓办"),
    ("appeal", True): mark("评分复核成立，将重新记分"),
    ("appeal", False): mark("评分复核不成立，维持原分"),
}
_TOLD: Mapping[domain.EntryStep, str] = {
    "acknowledgement": mark("%(who)s签收"),
    "departure": mark("%(who)s离场"),
    "progress": mark("%(who)s记录进展"),
    "return": mark("%(who)s申请退单，应由%(proper)s承担"),
    "extension": mark("%(who)s申请延长%(clock)s时限"),
    "suspension": mark("%(who)s申请缓办（%(cause)s）"),
    "resumption": mark("恢复办理，继续计时"),
    "appeal": mark("%(who)s申请评分复核"),
    "cancellation": mark("哨单撤回，任务取消"),
    "closing": mark("销哨"),
    "dispute": mark("权责有争议，待区吹哨办裁定"),
    "exclusion": mark("不计入考核"),
    "reminder": mark("收到催办"),
    "rework": mark("街道核查未通过，返工"),
    "verification": mark("街道核查通过"),
}
_PICTURES: Mapping[domain.EntryStep, str] = {
    "acknowledgement": "user-check",
    "arrival": "map-pin-check",
    "departure": "door-exit",
    "progress": "notes",
    "milestones": "flag",
    "submission": "send",
    "return": "arrow-back-up",
    "extension": "clock-plus",
    "suspension": "player-pause",
    "resumption": "player-play",
    "appeal": "message-report",
    "cancellation": "x",
    "closing": "checks",
    "decision": "gavel",
    "dispute": "scale",
    "evaluation": "star",
    "exclusion": "eye-off",
    "handover": "switch-horizontal",
    "reminder": "bell",
    "rework": "rotate",
    "skipped_rung": "stairs-up",
    "verification": "checks",
}
_WORDS = ("note", "result", "reason", "reasons", "basis", "place")


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what happened, in whose words, when. `photos`: ids of pictures that go with it."""

    icon: str
    text: str
    words: tuple[str, ...]
    at: datetime
    by: str
    photos: tuple[str, ...]


def lines(words: Words, history: list[Any]) -> list[Line]:
    """The newest first. `history`: rows of the log in the order of hearing."""
    return [_line(words, row) for row in sorted(history, key=lambda row: row.at, reverse=True)]


def _line(words: Words, row: Any) -> Line:
    detail: Mapping[str, Any] = row.detail
    said = tuple(detail[name] for name in _WORDS if isinstance(detail.get(name), str) and detail[name])
    plan = tuple(f"{step['name']}：{words.exactly(datetime.fromisoformat(step['due_at']))}" for step in _plan(row))
    due = (_until(words, detail),) if detail.get("due_at") or detail.get("until") else ()
    named = (detail.get("photo"), *detail.get("evidence", ()))
    return Line(
        icon=_PICTURES[row.step],
        text=told(words, row.step, detail, row.person or row.by or ""),
        words=(*said, *due, *plan),
        at=row.at,
        by=row.by or "",
        photos=tuple(photo for photo in named if photo),
    )


def _plan(row: Any) -> list[Mapping[str, Any]]:
    return list(row.detail.get("plan", ())) if row.step == "milestones" else []


def _until(words: Words, detail: Mapping[str, Any]) -> str:
    at = datetime.fromisoformat(detail.get("due_at") or detail["until"])
    return words.gettext("至 %(moment)s") % {"moment": words.exactly(at)}


def told(words: Words, step: domain.EntryStep, detail: Mapping[str, Any], who: str) -> str:
    """The sentence of one line."""
    teller = _TELLERS.get(step)
    if teller is not None:
        return teller(words, detail, who)
    about = {"who": who}
    if step == "return":
        about["proper"] = words.department(detail["proper_department"])
    elif step == "extension":
        about["clock"] = words.clock(detail["clock"])
    elif step == "suspension":
        about["cause"] = words.of("suspension", detail["cause"])
    return words.gettext(_TOLD[step]) % about


def _arrived(words: Words, detail: Mapping[str, Any], who: str) -> str:
    text = _ARRIVED[detail["mode"]]
    return words.gettext(text) % {"who": who}


def _reached(words: Words, detail: Mapping[str, Any], who: str) -> str:
    text = _REACHED[detail["milestone"]]
    return words.gettext(text) % {"who": who}


def _submitted(words: Words, detail: Mapping[str, Any], who: str) -> str:
    if detail["attempt"] > 1:
        return words.gettext("%(who)s第 %(n)s 次提交办结") % {"who": who, "n": detail["attempt"]}
    return words.gettext("%(who)s提交办结") % {"who": who}


def _decided(words: Words, detail: Mapping[str, Any], who: str) -> str:
    text = _DECIDED[detail["kind"], bool(detail["granted"])]
    return words.gettext(text)


def _scored(words: Words, detail: Mapping[str, Any], who: str) -> str:
    total = detail["score"].get("total")
    if detail["by_default"]:
        return words.gettext("街道逾期未评，按默认记 %(total)s 分") % {"total": total}
    return words.gettext("街道评价 %(total)s 分") % {"total": total}


def _led(words: Words, detail: Mapping[str, Any], who: str) -> str:
    return words.gettext("主办部门变更")


def _skipped(words: Words, detail: Mapping[str, Any], who: str) -> str:
    about = {"rung": words.rung(detail["rung"]), "role": words.role(detail["role"])}
    return words.gettext("%(rung)s无人值守（%(role)s），由上一级接替") % about


_TELLERS: Mapping[str, Callable[[Words, Mapping[str, Any], str], str]] = {
    "arrival": _arrived,
    "milestones": _reached,
    "submission": _submitted,
    "decision": _decided,
    "evaluation": _scored,
    "handover": _led,
    "skipped_rung": _skipped,
}
