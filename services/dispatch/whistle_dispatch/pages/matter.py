"""A whistle as the office sees it, what departments asked about it, and the two sides of a dispute. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from whistle_dispatch import domain
from whistle_dispatch.domain.terms import Rules
from whistle_dispatch.pages import waiting
from whistle_dispatch.queries.desk import Case
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.pages import Words, mark
from whistle_shared.registry import Registry

STATES = {
    "awaiting_triage": (mark("待派单"), "half", "inbox"),
    "dispatched": (mark("已派单"), "seen", "send"),
    "closed": (mark("销哨"), "done", "checks"),
    "cancelled": (mark("撤哨"), "done", "x"),
}
OUTCOMES = {
    "pending": (mark("待决定"), "half", "hourglass"),
    "disputed": (mark("已转权责争议"), "nearly", "scale"),
    "refused": (mark("不同意"), "done", "x"),
    "upheld": (mark("同意"), "here", "checks"),
    "lapsed": (mark("已失效"), "done", "x"),
}
VERDICTS = {
    "open": (mark("待裁定"), "half", "scale"),
    "decided": (mark("已裁定"), "here", "gavel"),
    "lapsed": (mark("已失效"), "done", "x"),
}
ORIGINS = {
    "routed": mark("派单"),
    "reassigned": mark("改派"),
    "meeting": mark("会商"),
    "substitute": mark("替补"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A word with its colour and its picture, as `standing` of `_kit.html` wants it."""

    word: str
    tone: str
    picture: str


@dataclass(frozen=True, slots=True)
class Duty:
    """One department's task."""

    task_id: str
    code: str
    department: str
    role: str
    presence: str
    origin: str
    title: str
    reason: str
    round: int
    ended: bool
    silent_since: datetime | None
    excluded: bool
    resting: str
    is_lead: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as a line."""

    address: str
    kind: str
    picture: str
    department: str
    reason: str
    at: datetime
    standing: Standing


@dataclass(frozen=True, slots=True)
class Claim:
    """What one side says, or what speaks for it."""

    department: str
    role: str
    points: Sequence[tuple[str, str]]
    words: Sequence[tuple[str, datetime, str]]


@dataclass(frozen=True, slots=True)
class Precedent:
    """A precedent beside a matter."""

    precedent_id: str
    rule: str
    category: str
    lead: str
    assist: str
    decided_at: datetime
    decided_by: str
    adopted_at: datetime | None
    adopted_by: str
    address: str


def of(words: Words, known: dict[str, tuple[str, str, str]], state: str) -> Standing:
    """How something stands, in words."""
    word, tone, picture = known[state]
    return Standing(words.gettext(word), tone, picture)


def facts_of(words: Words, facts: WhistleFacts) -> list[tuple[str, str]]:
    """What the street said, as a list of names and values."""
    said = [
        (words.gettext("哨型"), f"{words.of('kind', facts.kind)} · {words.of('urgency', facts.urgency)}"),
        (words.gettext("类别"), words.category(facts.category)),
        (words.gettext("街道"), words.street(facts.street)),
        (words.gettext("地点"), facts.place),
        (words.gettext("为何吹哨"), facts.beyond_power_reason),
        (words.gettext("吹哨人"), facts.blown_by),
    ]
    if facts.initiator:
        said.insert(2, (words.gettext("发起单位"), words.department(facts.initiator)))
    return said


def standing_of(words: Words, dispatch: domain.Dispatch, rules: Rules, now: datetime) -> dict[str, Any]:
    """The panel above everything: how the whistle stands, with the clock that runs for the office or for all."""
    facts = dispatch.facts
    waits = dispatch.state == "awaiting_triage" and facts is not None
    due_at = dispatch.whistle_due_at if dispatch.state == "dispatched" else None
    since = dispatch.dispatched_at or now
    if waits and facts is not None:
        clock = next(iter(domain.triage_clock(facts, rules)), None)
        due_at = clock.schedule.due_at if clock and clock.schedule else None
        since = facts.blown_at
    return {
        "standing": of(words, STATES, dispatch.state),
        "because": waiting.unrouted_because(words, facts.category, facts.cross_district) if waits and facts else "",
        "clock": words.gettext("派单") if waits else words.gettext("全部办结"),
        "clock_state": waiting.standing(since, due_at, now),
        "due_at": due_at,
        "left_out": [
            words.department(flag.partition(":")[2]) for flag in dispatch.flags if flag.startswith("inactive:")
        ],
        "round": dispatch.round,
    }


def duties_of(words: Words, dispatch: domain.Dispatch) -> list[Duty]:
    """Who has which task, the present round first."""
    resting = {
        request.asked.task_id: str(request.asked.request_id)
        for request in dispatch.requests.values()
        if request.kind == "suspension" and request.state == "upheld" and request.resumed_at is None
    }
    return [
        Duty(
            task_id=str(task.task_id),
            code=task.department,
            department=words.department(task.department),
            role=words.of("task_role", task.role),
            presence=words.of("presence", task.presence),
            origin=words.gettext(ORIGINS.get(task.origin.partition("-")[0], task.origin)),
            title=task.title,
            reason=task.reason,
            round=task.round,
            ended=task.ended_at is not None,
            silent_since=task.raised_at if task.ended_at is None and task.round == dispatch.round else None,
            excluded=task.excluded,
            resting=resting.get(task.task_id, ""),
            is_lead=task == dispatch.lead,
        )
        for task in dispatch.tasks
    ]


def asked_of(words: Words, dispatch: domain.Dispatch) -> list[Asked]:
    """What departments asked about this whistle, the newest first."""
    disputes = {dispute.request_id: dispute for dispute in dispatch.disputes.values()}
    found = [
        Asked(
            address=f"/disputes/{disputes[request_id].dispute_id}"
            if request_id in disputes
            else f"/requests/{request_id}",
            kind=words.of("request", request.kind),
            picture=waiting.PICTURES[request.kind],
            department=words.department(request.asked.department),
            reason=request.asked.reason,
            at=request.asked_at,
            standing=of(words, OUTCOMES, request.state),
        )
        for request_id, request in dispatch.requests.items()
    ]
    return sorted(found, key=lambda one: one.at, reverse=True)


def precedents_of(words: Words, rulings: Iterable[domain.Ruling]) -> list[Precedent]:
    """Precedents as they stand beside a matter."""
    comma = words.gettext("、")
    return [
        Precedent(
            precedent_id=str(one.precedent_id),
            rule=one.rule,
            category=words.category(one.category),
            lead=words.department(one.department),
            assist=comma.join(map(words.department, one.assist)),
            decided_at=one.decided_at,
            decided_by=one.decided_by,
            adopted_at=one.adopted_at,
            adopted_by=one.adopted_by or "",
            address=f"/disputes/{one.dispute_id}",
        )
        for one in rulings
    ]


def claims(words: Words, case: Case, registry: Registry) -> tuple[Claim, Claim]:
    """The department that gives back, and whoever it names instead."""
    asked: Any = case.request.asked
    own = _claim(words, case, asked.department, registry)
    return own, _claim(words, case, asked.proper_department, registry)


def _claim(words: Words, case: Case, department: str, registry: Registry) -> Claim:
    facts = case.dispatch.facts
    category = registry.category_by_code.get(facts.category) if facts and facts.category else None
    points: list[tuple[str, str]] = []
    if category is not None and category.lead is not None:
        route = words.gettext("主办") if category.lead == department else ""
        route = words.gettext("协办") if department in category.assist else route
        points.append((words.gettext("分类目录"), route or words.gettext("未列入")))
    listed = [
        duty
        for duty in registry.duties
        if duty.department == department and category and category.code in duty.categories
    ]
    points += [(words.gettext("职责清单"), f"{duty.code} {words.named(duty)}") for duty in listed]
    said = []
    for request in case.dispatch.requests.values():
        asked: Any = request.asked
        if request.kind == "return" and asked.department == department:
            duty = f"{words.gettext('职责清单')} {asked.duty} · " if asked.duty else ""
            said.append((words.gettext("退单依据"), request.asked_at, f"{duty}{asked.basis}"))
            said.append((words.gettext("理由"), request.asked_at, asked.reason))
            if request.reason:
                said.append((words.gettext("吹哨办答复"), request.decided_at or request.asked_at, request.reason))
    held = case.dispatch.held_by(department)
    role = words.of("task_role", held.role) if held else words.gettext("未参与")
    return Claim(words.department(department), role, points, said)


def limits_of(words: Words, planned: domain.Plan, facts: WhistleFacts) -> list[dict[str, Any]]:
    """Every task of a plan with the limits of its clocks and when they would run out."""
    return [
        {
            "department": words.department(task.department),
            "role": words.of("task_role", task.role),
            "presence": words.of("presence", task.presence),
            "clocks": [
                (words.clock(spec.name), words.limit(spec.limit), spec.schedule.due_at if spec.schedule else None)
                for spec in planned.terms[planned.named(task)]
                if spec.name != "suspension_review"
            ],
        }
        for task in planned.tasks
    ]


def request_state(words: Words, case: Case, rules: Rules, now: datetime) -> dict[str, Any]:
    """The panel of a request or a dispute: how it stands, by when, and what was decided."""
    request, dispute = case.request, case.dispute
    asked: Any = request.asked
    rests = request.kind == "suspension" and request.state == "upheld" and request.resumed_at is None
    due_at: datetime | None
    if dispute is not None:
        due_at, since, clock = dispute.due_at, dispute.opened_at, words.clock("adjudication")
        ended = dispute.state != "open"
    else:
        due_at, since, clock = request.decide_by, request.asked_at, words.gettext("审核")
        ended = request.state != "pending"
        if request.kind == "extension":
            due_at, clock = asked.current_due_at, words.clock(asked.clock)
        if rests:
            due_at, since = waiting.review_due(request, rules), request.decided_at or request.asked_at
            clock, ended = words.clock("suspension_review"), False
    outcome = of(words, VERDICTS, dispute.state) if dispute else of(words, OUTCOMES, request.state)
    decided_at = dispute.decided_at if dispute else request.decided_at
    return {
        "outcome": outcome,
        "clock": "" if ended else clock,
        "clock_state": waiting.standing(since, due_at, now),
        "due_at": None if ended else due_at,
        "decided_at": decided_at,
        "decided_by": dispute.decided_by if dispute else request.decided_by,
        "decision": dispute.reason if dispute else request.reason,
        "upheld": dispute.upheld if dispute else None,
        "on_site": bool(dispute and dispute.on_site),
        "granted_until": request.granted_until,
        "resumed_at": request.resumed_at,
        "now_with": [words.department(task.department) for task in case.dispatch.active],
    }
