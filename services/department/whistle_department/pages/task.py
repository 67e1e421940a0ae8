"""A task's page: what to do next, its clocks, what was asked and answered, what was said of it, its history. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from whistle_department import domain, queries
from whistle_department.pages import history, rows, steps
from whistle_shared.auth import EVERYWHERE
from whistle_shared.pages import SHANGHAI, Panels, Words, mark
from whistle_shared.registry import Registry

_ANSWERS = {
    "pending": mark("待答复"),
    "granted": mark("同意"),
    "refused": mark("不同意"),
}
_ORDER = ("ack", "arrive", "contain", "first_meeting", "plan", "resolve", "restore", "reply")


@dataclass(frozen=True, slots=True)
class ClockLine:
    """One limit of the task. `until`: the latest due time that may be asked for, as a date field has it; empty: more
    time cannot be asked for."""

    name: str
    word: str
    chip: rows.Chip
    status: str
    limit: str
    due: str
    until: str
    until_exactly: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What the department asked for, and the answer."""

    kind: str
    about: str
    state: str
    answer: str
    reason: str
    at: datetime | None
    decided_at: datetime | None
    decided_by: str
    said: str


@dataclass(frozen=True, slots=True)
class RungLine:
    """One rung that was climbed."""

    rung: int
    clock: str
    role: str
    open: bool
    raised_at: datetime | None
    ended_at: datetime | None
    seen_by: str
    seen_at: datetime | None
    repeats: int


def panels(words: Words, whole: queries.Whole, now: datetime, rules: domain.Rules | None) -> Panels:
    """What each panel's template needs. `rules` None: the registry is not here, so nothing is said of more time."""
    found, task = whole.found, whole.found.task
    return {
        "task_now": {
            "task": task,
            "row": rows.row(words, found, now, EVERYWHERE),
            "steps": steps.steps(task, now),
            "names": steps.NAMES,
            "waits": words.gettext(steps.WAITS[task.state]) if task.state in steps.WAITS else "",
            "banner": _banner(words, found),
            "fill": _filling(words, whole, now),
            "rework": task.rework if task.state == "rework" else None,
            "suspended": _suspended(words, task),
            "plan": [(step.name, words.exactly(step.due_at)) for step in task.plan],
            "present_since": task.arrived_at if task.present else None,
        },
        "task_clocks": {"clocks": _clocks(words, found, now, rules), "act_on": str(task.task_id)},
        "task_asked": {"asked": _asked(words, task), "score": task.evaluation, "excluded": task.excluded},
        "task_told": {
            "rungs": [_rung(words, one) for one in found.escalations],
            "letters": whole.letters,
            "assistants": [
                (words.department(one.department), words.clock(one.clock), one.due_at) for one in found.assistants
            ],
        },
        "task_history": {"lines": history.lines(words, list(whole.history))},
    }


def _filling(words: Words, whole: queries.Whole, now: datetime) -> dict[str, dict[str, str]]:
    """What a dialog's fields begin with, by act."""
    task, facts = whole.found.task, whole.found.facts
    until = task.return_until
    mode = task.presence if task.presence in ("online", "meeting") else "on_site"
    milestones: dict[str, dict[str, str]] = {
        name: {"milestone": name, "what": words.gettext(steps.NAMES[name])} for name in steps.MILESTONES
    }
    return {
        **milestones,
        "arrival": {"place": facts["place"], "mode": mode},
        "return": {"until": words.exactly(until) if until else ""},
    }


def _banner(words: Words, found: queries.Found) -> dict[str, Any] | None:
    banner = found.banner
    if banner is None:
        return None
    answered = banner.clock in domain.answered(found.task)
    if answered and banner.level != "escalated":
        return None
    return {
        "level": banner.level,
        "rung": banner.rung,
        "clock": words.clock(banner.clock),
        "due_at": None if answered else banner.due_at,
        "percent": banner.percent,
        "role": words.role(banner.role) if banner.role else "",
        "seen": banner.acknowledged,
    }


def _suspended(words: Words, task: domain.Task) -> str:
    """Until when the task stands still; empty: it does not."""
    asked = task.suspension
    until = asked and asked.detail.get("until")
    return words.exactly(datetime.fromisoformat(until)) if until else ""


def _clocks(words: Words, found: queries.Found, now: datetime, rules: domain.Rules | None) -> list[ClockLine]:
    told = found.told.clocks.get(found.task.task_id, {})
    terms = {term.name: term for term in found.task.terms}
    answered = domain.answered(found.task)
    lines = []
    for clock in sorted(found.clocks, key=_rank):
        until = domain.longest_extension(found.task, clock.name, told, now, rules) if rules else None
        limit = terms[clock.name].limit if clock.name in terms else ""
        lines.append(
            ClockLine(
                name=clock.name,
                word=words.clock(clock.name),
                chip=rows.chip(words, clock, now, clock.name in answered),
                status=_status(words, clock, clock.name in answered),
                limit=words.limit(limit) if limit else "",
                due=words.exactly(clock.due_at) if clock.due_at else "",
                until=until.astimezone(SHANGHAI).strftime("%Y-%m-%dT%H:%M") if until else "",
                until_exactly=words.exactly(until) if until else "",
            )
        )
    return lines


def _status(words: Words, clock: domain.Clock, answered: bool) -> str:
    if clock.status == "running" and answered:
        return words.gettext("已完成，待计时确认")
    return words.of("clock_status", clock.status) if clock.status else words.gettext("尚未开始")


def _rank(clock: domain.Clock) -> int:
    return _ORDER.index(clock.name) if clock.name in _ORDER else len(_ORDER)


def _asked(words: Words, task: domain.Task) -> list[Asked]:
    """The newest first; an answer whose question has not arrived yet comes last."""
    heard = [one for one in task.requests.values() if one.asked_at is None]
    made = sorted((one for one in task.requests.values() if one.asked_at), key=lambda one: str(one.asked_at))
    return [_request(words, one) for one in [*reversed(made), *heard]]


def _request(words: Words, one: domain.Request) -> Asked:
    decision = one.decision
    return Asked(
        kind=words.of("request", one.kind),
        about=_about(words, one),
        state=one.state,
        answer=words.gettext(_ANSWERS[one.state]),
        reason=one.detail.get("reason", ""),
        at=one.asked_at,
        decided_at=decision.at if decision else None,
        decided_by=(decision.by or "") if decision else "",
        said=decision.reason if decision else "",
    )


def _about(words: Words, one: domain.Request) -> str:
    """Which clock, until when, why, or whose duty it is said to be."""
    detail = one.detail
    until = detail.get("due_at") or detail.get("until")
    at = words.gettext("至 %(moment)s") % {"moment": words.exactly(datetime.fromisoformat(until))} if until else ""
    if one.kind == "extension" and detail:
        return f"{words.clock(detail['clock'])} {at}"
    if one.kind == "suspension" and detail:
        return f"{words.of('suspension', detail['cause'])} {at}"
    if one.kind == "return" and detail:
        proper = words.department(detail["proper_department"])
        return words.gettext("应由%(proper)s承担（%(basis)s）") % {"proper": proper, "basis": detail["basis"]}
    return ""


def _rung(words: Words, one: domain.Escalation) -> RungLine:
    return RungLine(
        rung=one.rung,
        clock=words.clock(one.clock),
        role=words.role(one.role) if one.role else "",
        open=one.status == "open",
        raised_at=one.raised_at,
        ended_at=one.ended_at,
        seen_by=one.acknowledged_by or "",
        seen_at=one.acknowledged_at,
        repeats=one.repeats,
    )


def duties(words: Words, registry: Registry | None, category: str | None) -> Sequence[tuple[str, str, bool]]:
    """The duty list as (code, name, whether it is about this sub-category), those first."""
    if registry is None:
        return ()
    named = [(duty.code, words.named(duty), category in duty.categories) for duty in registry.duties]
    return sorted(named, key=lambda row: (not row[2], row[0]))
