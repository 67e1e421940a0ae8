"""One whistle as its page shows it: where it stands, what may be done with it, its tasks, what was decided. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from whistle_intake import domain, queries
from whistle_intake.pages import lanes, rows
from whistle_shared.auth import Caller, Right
from whistle_shared.pages import SENTENCES, SHANGHAI, Words, kind, mark, told

# A step that the domain offers → the right that it takes.
RIGHTS: Mapping[str, Right] = {
    "editing": "whistle.draft",
    "submission": "whistle.blow",
    "joining": "whistle.blow",
    "approval": "whistle.sign",
    "rejection": "whistle.sign",
    "withdrawal": "whistle.withdraw",
    "reopening": "whistle.blow",
    "meeting": "task.verify",
    "callback": "task.verify",
    "urge": "task.verify",
    "verification": "task.verify",
    "score": "task.verify",
    "resumption": "task.verify",
}
# What a street does next stands first, and as the one primary act.
_FIRST = ("approval", "submission", "callback", "reopening")
# What only the street's own timeline has.
OWN = {
    "whistle_submitted": mark("%(by)s提交了哨单"),
    "whistle_approved": mark("%(by)s审签"),
    "whistle_rejected": mark("%(by)s未予审签：%(reason)s"),
    "responder_checked_out": mark("%(department)s撤离现场（%(person)s）"),
    "task_excluded": mark("%(department)s的任务不计入考核：%(reason)s"),
}
_TITLE = "\ue000"
_TAIL = re.compile(rf"\s*[：:]\s*{_TITLE}$")


@dataclass(frozen=True, slots=True)
class Duty:
    """One department's task. `ticks`: its clocks that run; `stamps`: (word, instant, who); `score`: the last one."""

    task_id: UUID
    department: str
    code: str
    role: str
    presence: str
    title: str
    sign: rows.Sign
    ticks: Sequence[rows.Tick]
    rung: int
    stamps: Sequence[tuple[str, datetime, str]]
    steps: Sequence[str]
    vetoed: bool
    attempt: int
    score: Mapping[str, Any] | None
    round: int | None
    over: bool


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that happened, as a sentence."""

    at: datetime
    kind: str
    text: str
    rung: int | None


def steps(found: Iterable[str], caller: Caller) -> list[str]:
    """What this caller may do of what may be done, the most urgent first."""
    mine = [step for step in found if step in RIGHTS and caller.has(RIGHTS[step])]
    return sorted(mine, key=lambda step: (step == "withdrawal", _FIRST.index(step) if step in _FIRST else len(_FIRST)))


def duties(
    words: Words,
    tasks: Iterable[domain.Task],
    clocks: Mapping[UUID | None, Sequence[domain.Clock]],
    evaluations: Iterable[Any],
    street: str,
    caller: Caller,
    now: datetime,
) -> list[Duty]:
    """The tasks of all rounds, the newest round first and in it the lead. `clocks`: by task."""
    scores = {row.task_id: row for row in evaluations}

    def rank(task: domain.Task) -> tuple[int, bool, bool, str]:
        return (-(task.round or 1_000_000), task.ended is not None, task.role != "lead", task.department)

    ordered = sorted(tasks, key=rank)
    return [_duty(words, task, clocks.get(task.task_id, ()), scores, street, caller, now) for task in ordered]


def _duty(
    words: Words,
    task: domain.Task,
    clocks: Sequence[domain.Clock],
    scores: Mapping[UUID, Any],
    street: str,
    caller: Caller,
    now: datetime,
) -> Duty:
    runs = [clock for clock in clocks if clock.status in ("running", "paused")] if task.ended is None else []
    of = {task.task_id: task.department}
    return Duty(
        task_id=task.task_id,
        department=words.department(task.department),
        code=task.department,
        role=words.of("task_role", task.role) if task.role else "",
        presence=words.of("presence", task.presence) if task.presence else "",
        title=task.title,
        sign=rows.sign(words, "task_state", task.state),
        ticks=[rows.tick(words, clock, street, of, now) for clock in runs],
        rung=max((clock.rung for clock in runs), default=0),
        stamps=_stamps(words, task),
        steps=steps(task.steps, caller),
        vetoed=task.vetoed,
        attempt=task.attempt,
        score=_score(words, scores.get(task.task_id)),
        round=task.round,
        over=task.ended is not None,
    )


def _stamps(words: Words, task: domain.Task) -> list[tuple[str, datetime, str]]:
    known = [
        (words.gettext("应哨"), task.acknowledged_at, task.person or ""),
        (words.gettext("报到"), task.arrived_at, ""),
        (words.gettext("提交办结"), task.submitted_at, ""),
        (words.gettext("核查通过"), task.verified_at, ""),
    ]
    return [(word, at, who) for word, at, who in known if at is not None]


def _score(words: Words, row: Any) -> dict[str, Any] | None:
    if row is None:
        return None
    parts = [(words.of("score_part", code), n) for code, n in row.score["parts"].items()]
    return {"total": row.score["total"], "parts": parts, "basis": row.basis, "by": row.by, "by_default": row.by_default}


def by_task(clocks: Iterable[domain.Clock]) -> dict[UUID | None, list[domain.Clock]]:
    """The clocks of each task; under None the whistle's own."""
    found: dict[UUID | None, list[domain.Clock]] = {}
    for clock in clocks:
        if clock.status != "voided":
            found.setdefault(clock.task_id, []).append(clock)
    return found


def side_by_side(
    words: Words,
    row: Any,
    tasks: Sequence[domain.Task],
    clocks: Sequence[domain.Clock],
    span: lanes.Span,
    now: datetime,
) -> dict[str, Any]:
    """The lanes of the present round."""
    current = [task for task in tasks if task.round in (None, row.round) and task.called_at is not None]
    start = row.blown_at or now
    known = [clock for clock in clocks if clock.status in ("running", "paused", "met_late")]
    ends = [clock.due_at for clock in known if clock.due_at is not None and clock.name in ("ack", "arrive", "contain")]
    ends += [at for task in current for at in (task.submitted_at, task.verified_at) if at is not None]
    along = lanes.axis(span, start, ends, row.closed_at or row.withdrawn_at or now)
    of = by_task(clocks)
    ordered = sorted(current, key=lambda task: (task.ended is not None, task.role != "lead", task.department))
    drawn = [lanes.lane(words, along, task, of.get(task.task_id, ()), now) for task in ordered]
    return {"axis": along, "lanes": drawn, "spans": [(code, words.gettext(name)) for code, name in lanes.SPANS.items()]}


def timeline(words: Words, row: Any, told_rows: Iterable[Any]) -> list[Told]:
    """What happened, the latest first; the title stands above and is left out."""
    lines = []
    for line in told_rows:
        text = _sentence(words, row, line)
        if text:
            lines.append(Told(line.at, kind(line.key), text, line.data.get("rung")))
    return lines[::-1]


def _sentence(words: Words, row: Any, line: Any) -> str:
    name = kind(line.key)
    if name in OWN:
        said = {"by": "", "reason": "", "person": "", **line.data}
        if said.get("submitted_by"):
            said["by"] = said["submitted_by"]
        if said.get("department"):
            said["department"] = words.department(said["department"])
        return words.gettext(OWN[name]) % said
    if name not in SENTENCES:
        return ""
    about = SimpleNamespace(key=line.key, at=line.at, data=line.data, title=_TITLE, street=row.street)
    return _TAIL.sub("", told(words, about)).replace(_TITLE, row.facts["title"])


def local(at: datetime) -> str:
    """An instant as a field for date and time takes it, in local time."""
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%dT%H:%M")


def asked(words: Words, requests: Iterable[domain.Request], may: bool) -> list[dict[str, Any]]:
    """The departments' requests, those that wait for the street first."""
    ordered = sorted(requests, key=lambda request: (request.status != "pending", request.asked_at))
    return [
        {
            "request": request,
            "department": words.department(request.department),
            "kind": words.of("request", request.kind),
            "clock": words.clock(request.clock) if request.clock else "",
            "cause": words.of("suspension", request.cause) if request.cause else "",
            "until": local(request.asked_until),
            "open": may and request.status == "pending",
        }
        for request in ordered
    ]


def met(words: Words, meetings: Iterable[domain.Meeting], now: datetime) -> list[dict[str, Any]]:
    """The joint meetings, the latest first."""
    return [
        {
            "meeting": meeting,
            "departments": [words.department(code) for code in meeting.departments],
            "attended": [words.department(code) for code in meeting.attended],
            "items": [(words.department(i.department), i.title, words.limit(i.limit)) for i in meeting.items],
            "open": meeting.minuted_at is None and meeting.starts_at <= now,
        }
        for meeting in sorted(meetings, key=lambda meeting: meeting.starts_at, reverse=True)
    ]


_IN_A_LINE = (
    *("whistle_id", "number", "street", "category", "state", "stage", "routing", "round", "blown_at", "closed_at"),
    *("signature", "signature_due_at"),
)


def _flat(row: Any) -> SimpleNamespace:
    """A whole row of a whistle as lists have it."""
    said = {name: row.facts[name] for name in ("title", "place", "kind", "urgency")}
    return SimpleNamespace(**{name: getattr(row, name) for name in _IN_A_LINE}, **said)


def panels(
    words: Words,
    caller: Caller,
    found: tuple[Any, list[domain.Task], Sequence[Any]],
    clocks: Sequence[domain.Clock],
    decided: queries.Decisions,
    span: lanes.Span,
    now: datetime,
) -> dict[str, dict[str, Any]]:
    """What each panel of the page needs."""
    row, tasks, told_rows = found
    current = [task for task in tasks if task.round in (None, row.round)]
    of, live = by_task(clocks), [clock for clock in clocks if clock.status in ("running", "paused")]
    may = steps(domain.steps(row.state, row.stage, row.signature, row.called_back), caller)
    waits = sum(request.status == "pending" for request in decided.requests)
    return {
        "whistle_head": {
            "line": rows.line(words, _flat(row), current, live, now),
            "steps": may,
            "joined_to": row.joined_to,
            "waits": waits if caller.has("task.verify") else 0,
            "signed_by": row.signed_by,
            "called": [task.department for task in current if task.ended is None],
        },
        "whistle_lanes": side_by_side(words, row, tasks, clocks, span, now),
        "whistle_tasks": {
            "whistle_id": row.whistle_id,
            "state": row.state,
            "round": row.round,
            "duties": duties(words, tasks, of, decided.evaluations, row.street, caller, now),
            "own": [rows.tick(words, clock, row.street, {}, now) for clock in live if clock.task_id is None],
        },
        "whistle_desk": {
            "asked": asked(words, decided.requests, caller.has("task.verify") and row.state in domain.OPEN),
            "meetings": met(words, decided.meetings, now),
            "callbacks": decided.callbacks[::-1],
            "minutes": caller.has("task.verify") and row.state in domain.OPEN,
        },
        "whistle_told": {"told": timeline(words, row, told_rows)},
    }
