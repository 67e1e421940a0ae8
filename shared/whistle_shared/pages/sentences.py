"""The feed's sentences: one event of the log, told to a person. Pure.

INVARIANT: every event type that the feed shows has a sentence in both languages.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from whistle_shared.pages.mechanism_sentences import MILESTONES, PLAIN, VARIED, Variant
from whistle_shared.pages.words import Words, mark

_LONGEST = 60
_ARRIVED = {
    "on_site": mark("%(department)s到场报到（%(person)s）：%(title)s"),
    "online": mark("%(department)s线上报到（%(person)s）：%(title)s"),
    "meeting": mark("%(department)s到会报到（%(person)s）：%(title)s"),
}
_WITHDRAWN = {
    "met in time": mark("%(rung)s已撤销，%(who)s实际已按时%(clock)s：%(title)s"),
    "cancelled": mark("%(rung)s已撤销，哨单已撤回：%(title)s"),
}
_OTHERWISE_WITHDRAWN = mark("%(rung)s已撤销，%(who)s的%(clock)s时限已调整：%(title)s")

Sentence = Callable[[Words, Mapping[str, Any], dict[str, str]], str]


def told(words: Words, row: Any) -> str:
    """The sentence for a row of the feed (`key`, `at`, `data`, `title`, `street`). Source: EVENTS.md section 2."""
    data: Mapping[str, Any] = row.data
    facts = data.get("facts") or {}
    street = row.street or facts.get("street")
    about = {"title": row.title or facts.get("title") or "…", "street": words.street(street) if street else ""}
    if isinstance(data.get("clock"), str):
        about["clock"] = words.clock(data["clock"])
    if "side" in data:
        about["who"] = words.bound(data["side"], data["department"], street)
    if "rung" in data:
        about["rung"] = words.rung(data["rung"])
    if data.get("department"):
        about["department"] = words.department(data["department"])
    return SENTENCES[kind(row.key)](words, data, about)


def kind(key: str) -> str:
    """`dispatch.whistle_dispatched.v1` → `whistle_dispatched`: what happened, whoever says it."""
    return key.split(".")[1]


def _blown(words: Words, data: Mapping[str, Any], about: dict[str, str]) -> str:
    return words.gettext("%(street)s吹哨：%(title)s") % about


def _whistle_withdrawn(words: Words, data: Mapping[str, Any], about: dict[str, str]) -> str:
    text = words.gettext("%(street)s撤回了哨单（%(reason)s）：%(title)s")
    return text % {**about, "reason": _short(data["reason"])}


def _dispatched(words: Words, data: Mapping[str, Any], about: dict[str, str]) -> str:
    tasks = data["tasks"]
    lead = next((words.department(task["department"]) for task in tasks if task["role"] == "lead"), "")
    n = len(tasks)
    text = words.ngettext("已派 %(n)s 个部门，%(lead)s主办：%(title)s", "已派 %(n)s 个部门，%(lead)s主办：%(title)s", n)
    return text % {**about, "n": n, "lead": lead}


def _unrouted(words: Words, data: Mapping[str, Any], about: dict[str, str]) -> str:
    return words.gettext("没有对应的部门，等待区吹哨办派单：%(title)s") % about


def _cancelled(words: Words, data: Mapping[str, Any], about: dict[str, str]) -> str:
    n = len(data["departments"])
    text = words.ngettext("%(n)s 个部门的任务已取消：%(title)s", "%(n)s 个部门的任务已取消：%(title)s", n)
    return text % {**about, "n": n}


def _acknowledged(words: Words, data: Mapping[str, Any], about: dict[str, str]) -> str:
    return words.gettext("%(department)s应哨（%(person)s）：%(title)s") % {**about, "person": _short(data["person"])}


def _arrived(words: Words, data: Mapping[str, Any], about: dict[str, str]) -> str:
    text = _ARRIVED[data["mode"]]
    return words.gettext(text) % {**about, "person": _short(data["person"])}


def _progress(words: Words, data: Mapping[str, Any], about: dict[str, str]) -> str:
    return words.gettext("%(department)s记录进展“%(note)s”：%(title)s") % {**about, "note": _short(data["note"])}


def _submitted(words: Words, data: Mapping[str, Any], about: dict[str, str]) -> str:
    text = words.gettext("%(department)s提交办结“%(result)s”：%(title)s")
    return text % {**about, "result": _short(data["result"])}


def _warned(words: Words, data: Mapping[str, Any], about: dict[str, str]) -> str:
    text = words.gettext("%(who)s的%(clock)s时限已过 %(percent)s%%：%(title)s")
    return text % {**about, "percent": data["percent"]}


def _breached(words: Words, data: Mapping[str, Any], about: dict[str, str]) -> str:
    return words.gettext("%(who)s%(clock)s超时：%(title)s") % about


def _raised(words: Words, data: Mapping[str, Any], about: dict[str, str]) -> str:
    text = words.gettext("%(who)s%(clock)s超时，升至 %(rung)s，已报告%(role)s：%(title)s")
    return text % {**about, "role": words.role(data["role"])}


def _escalation_withdrawn(words: Words, data: Mapping[str, Any], about: dict[str, str]) -> str:
    text = _WITHDRAWN.get(data["reason"], _OTHERWISE_WITHDRAWN)
    return words.gettext(text) % about


def _resolved(words: Words, data: Mapping[str, Any], about: dict[str, str]) -> str:
    return words.gettext("%(rung)s结束，%(who)s已%(clock)s（超时）：%(title)s") % about


def _seen(words: Words, data: Mapping[str, Any], about: dict[str, str]) -> str:
    text = words.gettext("%(by)s已知悉 %(rung)s，%(who)s%(clock)s超时：%(title)s")
    return text % {**about, "by": _short(data["by"])}


def _recomputed(words: Words, data: Mapping[str, Any], about: dict[str, str]) -> str:
    due = words.exactly(datetime.fromisoformat(data["due_at"]))
    return words.gettext("日历更新，%(who)s的%(clock)s时限改到 %(due)s：%(title)s") % {**about, "due": due}


def _stuck(words: Words, data: Mapping[str, Any], about: dict[str, str]) -> str:
    text = words.gettext("%(receiver)s没有回执，消息正在持续重发：%(title)s")
    return text % {**about, "receiver": words.receiver(data["receiver"])}


def _recovered(words: Words, data: Mapping[str, Any], about: dict[str, str]) -> str:
    text = words.gettext("%(receiver)s已补回执，消息送达：%(title)s")
    return text % {**about, "receiver": words.receiver(data["receiver"])}


def _convened(words: Words, data: Mapping[str, Any], about: dict[str, str]) -> str:
    n = len(data["departments"])
    text = words.ngettext("%(street)s召集 %(n)s 个部门会商：%(title)s", "%(street)s召集 %(n)s 个部门会商：%(title)s", n)
    return text % {**about, "n": n}


def _plain(text: str) -> Sentence:
    return lambda words, data, about: words.gettext(text) % (_filling(words, data) | about)


def _varied(variant: Variant, texts: Mapping[str, str]) -> Sentence:
    return lambda words, data, about: words.gettext(texts[variant(data)]) % (_filling(words, data) | about)


def _filling(words: Words, data: Mapping[str, Any]) -> dict[str, Any]:
    """What a text may name, beside the matter itself."""
    filling: dict[str, Any] = {name: _short(value) for name, value in data.items() if isinstance(value, str)}
    if data.get("due_at"):
        filling["due"] = words.exactly(datetime.fromisoformat(data["due_at"]))
    if "role" in data:
        filling["role"] = words.role(data["role"])
    if "milestone" in data:
        reached = MILESTONES[data["milestone"]]
        filling["milestone"] = words.gettext(reached)
    return filling | {"total": (data.get("score") or {}).get("total"), "repeat": data.get("repeat")}


SENTENCES: dict[str, Sentence] = {
    **{name: _plain(text) for name, text in PLAIN.items()},
    **{name: _varied(*varied) for name, varied in VARIED.items()},
    "meeting_convened": _convened,
    "whistle_blown": _blown,
    "whistle_withdrawn": _whistle_withdrawn,
    "whistle_dispatched": _dispatched,
    "whistle_unrouted": _unrouted,
    "whistle_cancelled": _cancelled,
    "task_acknowledged": _acknowledged,
    "responder_checked_in": _arrived,
    "progress_logged": _progress,
    "task_submitted": _submitted,
    "clock_warned": _warned,
    "clock_breached": _breached,
    "escalation_raised": _raised,
    "escalation_withdrawn": _escalation_withdrawn,
    "escalation_resolved": _resolved,
    "escalation_acknowledged": _seen,
    "deadline_recomputed": _recomputed,
    "delivery_stuck": _stuck,
    "delivery_recovered": _recovered,
}


def _short(text: str) -> str:
    """Enough of what someone wrote to recognise it."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
