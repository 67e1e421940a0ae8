"""What a department may ask for and file, and within what bounds. Pure. Source: DOMAIN.md C.4, C.5.

Every function raises Invalid for a field that cannot be, IllegalTransition where the state or the count forbids it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from whistle_department.domain.clocks import Clock, clocks_of
from whistle_department.domain.task import Request, Task, Term, open_milestones, refuse, require
from whistle_shared.clockwork import parse_limit
from whistle_shared.contracts.department import PlanStep
from whistle_shared.contracts.vocabulary import ClockName, Decider, Milestone
from whistle_shared.errors import IllegalTransition, Invalid
from whistle_shared.registry import Registry
from whistle_shared.worktime import Calendar, Limit, add_working, due, working_minutes

PER_PLAN = "per_plan@natural"
_BETWEEN_STEPS = timedelta(days=30)
_LONGEST_SUSPENSION = timedelta(days=3650)


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """What is looked up while deciding: one version of the registry and one of the calendar."""

    registry: Registry
    calendar: Calendar


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension that may be asked for: `number` counts the requests for this clock."""

    current_due_at: datetime
    number: int
    decider: Decider


@dataclass(frozen=True, slots=True)
class Suspension:
    """A suspension that may be asked for: `number` counts those of the task."""

    number: int
    decider: Decider


def return_window(urgency: str, dispatched_at: datetime, rules: Rules) -> datetime | None:
    """Until when a task may be returned (UTC); None: act first, argue later."""
    window = rules.registry.regulation.returning.windows.get(urgency)  # type: ignore[call-overload]
    return due(dispatched_at, parse_limit(window), rules.calendar).at if window else None


def appeal_window(evaluated_at: datetime, rules: Rules) -> datetime:
    """Until when a score may be appealed against (UTC)."""
    return due(evaluated_at, parse_limit(rules.registry.regulation.scoring.appeal_window), rules.calendar).at


def check_return(task: Task, duty: str | None, basis: str | None, proper: str, now: datetime, rules: Rules) -> str:
    """A return cites an item of the duty list or a clause, and names the unit whose duty it is. Returns the basis."""
    require(task, "return", now)
    item = rules.registry.duty_by_code.get(duty) if duty else None
    if duty and item is None:
        raise Invalid("duty", f"{duty!r} is not in the duty list")
    if item is None and not basis:
        raise Invalid("basis", "a return cites an item of the duty list or a clause")
    named = rules.registry.department_by_code.get(proper)
    if named is None or not named.active:
        raise Invalid("proper_department", f"department {proper!r} is unknown or not active")
    if proper == task.department:
        raise Invalid("proper_department", "is the department that returns the task")
    return basis or (item.name_zh if item else "")


def check_extension(
    task: Task, name: ClockName, due_at: datetime, told: Mapping[ClockName, Clock], now: datetime, rules: Rules
) -> Extension:
    """More time for one clock, asked for before it is due, by at most the regulation's share of its original limit."""
    asked, latest = _askable(task, name, told, now, rules)
    if due_at <= asked.current_due_at:
        raise Invalid("due_at", "must be later than the present due time")
    if due_at > latest:
        percent = rules.registry.regulation.more_time.percent
        raise Invalid("due_at", f"at most {percent} % of the limit is added: until {latest.isoformat()}")
    return asked


def longest_extension(
    task: Task, name: ClockName, told: Mapping[ClockName, Clock], now: datetime, rules: Rules
) -> datetime | None:
    """Until when more time may be asked for one clock (UTC); None: it may not be asked for."""
    try:
        return _askable(task, name, told, now, rules)[1]
    except (IllegalTransition, Invalid):
        return None


def _askable(
    task: Task, name: ClockName, told: Mapping[ClockName, Clock], now: datetime, rules: Rules
) -> tuple[Extension, datetime]:
    """The request that may be made, and the latest due time that it may name."""
    require(task, "extension", now)
    setting = rules.registry.regulation.more_time
    before = [request for request in task.asked("extension") if request.detail["clock"] == name]
    if len(before) >= setting.extensions or any(request.state == "pending" for request in before):
        refuse(task, "extension", now)
    term = next((term for term in task.terms if term.name == name), None)
    if term is None or not term.extendable:
        raise Invalid("clock", f"{name} is not a clock of this task that can be extended")
    clock = next(clock for clock in clocks_of(task, told) if clock.name == name)
    if clock.due_at is None or clock.status != "running":
        raise Invalid("clock", f"{name} is not running")
    current = max([clock.due_at, *_granted(before)])
    if current <= now:
        raise Invalid("clock", f"the limit of {name} has passed")
    asked = Extension(current, len(before) + 1, "street" if not before else "district")
    return asked, _extended(task, term, current, setting.percent, rules.calendar)


def _granted(before: Sequence[Request]) -> list[datetime]:
    """The due times that were granted: escalation may not have moved the clock yet."""
    decided = (request.decision for request in before if request.decision and request.decision.granted)
    return [datetime.fromisoformat(made.detail["due_at"]) for made in decided if made.detail.get("due_at")]


def _extended(task: Task, term: Term, current: datetime, percent: int, calendar: Calendar) -> datetime:
    """The present due time and `percent` % of the original limit, in the limit's own unit."""
    if term.limit == PER_PLAN:
        filed = task.milestones.get("plan")
        return current + (task.plan[-1].due_at - filed) * percent / 100 if filed and task.plan else current
    limit = parse_limit(term.limit)
    if not limit.is_working:
        return current + limit.length * percent / 100
    return add_working(current, _working_length(task, term, limit, calendar) * percent / 100, calendar)


def _working_length(task: Task, term: Term, limit: Limit, calendar: Calendar) -> timedelta:
    """EVENTS.md section 6: `Nd@work` is as long as the working time between its start and its due."""
    if not limit.counts_days:
        return limit.length
    start = _start(task, term)
    return working_minutes(start, due(start, limit, calendar).at, calendar)


def _start(task: Task, term: Term) -> datetime:
    """When the clock began. Source: DOMAIN.md C.3."""
    later: dict[ClockName, datetime | None] = {
        "first_meeting": task.acknowledged_at,
        "plan": task.acknowledged_at,
        "restore": task.milestones.get("contain"),
    }
    return term.start_at or later.get(term.name) or task.dispatched_at


def check_suspension(task: Task, until: datetime, now: datetime, rules: Rules) -> Suspension:
    """One at a time; the street decides the short ones, the district the rest. A clock that can be paused there must
    be (an emergency has none)."""
    require(task, "suspension", now)
    if until <= now:
        raise Invalid("until", "must be in the future")
    if until > now + _LONGEST_SUSPENSION:
        raise Invalid("until", "is more than ten years ahead")
    short = due(now, parse_limit(rules.registry.regulation.more_time.street_suspension), rules.calendar).at
    return Suspension(len(task.asked("suspension")) + 1, "street" if until <= short else "district")


def check_appeal(task: Task, now: datetime) -> int:
    """The revision of the score that is appealed against."""
    require(task, "appeal", now)
    assert task.evaluation is not None
    return task.evaluation.revision


def check_milestone(task: Task, milestone: Milestone, plan: Sequence[PlanStep], now: datetime) -> None:
    """Each milestone once. A plan has steps: in the future, in order, at most 30 days apart (sla.csv)."""
    require(task, "milestones", now)
    possible = open_milestones(task)
    if milestone not in possible:
        raise IllegalTransition(milestone, task.state, possible)
    if (milestone == "plan") != bool(plan):
        raise Invalid("plan", "a plan has steps" if milestone == "plan" else "only a plan has steps")
    before = now
    for position, step in enumerate(plan):
        field = f"plan.{position}.due_at"
        if step.due_at <= before:
            raise Invalid(field, "must be later than the step before, and in the future")
        if step.due_at - before > _BETWEEN_STEPS:
            raise Invalid(field, "is more than 30 days after the step before")
        before = step.due_at
