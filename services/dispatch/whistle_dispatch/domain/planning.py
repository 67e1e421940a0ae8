"""From a whistle to tasks: who leads, who assists, who joins later, or why nobody follows. Pure.

INVARIANT: a whistle is never dropped: it is planned, or it waits at the district whistle office with a reason.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from whistle_dispatch.domain.dispatch import (
    Dispatch,
    RequestKind,
    Task,
    origin,
    require_open,
    task_id,
    terms_name,
)
from whistle_dispatch.domain.terms import (
    Rules,
    dispatch_clock,
    duty_people,
    hours_of,
    item_terms,
    limits_of,
    task_terms,
)
from whistle_shared.contracts.dispatch import ClockSpec, TaskCalled
from whistle_shared.contracts.intake import ActionItem, WhistleFacts
from whistle_shared.contracts.vocabulary import TaskRole
from whistle_shared.errors import Conflict, IllegalTransition, Invalid
from whistle_shared.registry import Policy, Registry


@dataclass(frozen=True, slots=True)
class Plan:
    """Tasks that begin, the lead first, with their terms by name. `shared`: the tasks whose set of clocks has another
    task's name. Where the limits are the same one set serves all: the event is half as long."""

    tasks: tuple[Task, ...]
    terms: dict[str, tuple[ClockSpec, ...]]
    whistle_due_at: datetime | None
    flags: tuple[str, ...] = field(default=())
    shared: Mapping[UUID, str] = field(default_factory=dict)

    def named(self, task: Task) -> str:
        """The name of the task's set of clocks."""
        return self.shared.get(task.task_id) or terms_name(task)


@dataclass(frozen=True, slots=True)
class Unrouted:
    """Nobody follows from what is known; the reason is for the whistle office."""

    reason: str


def plan(
    whistle_id: UUID, round_: int, facts: WhistleFacts, wanted: Sequence[str], now: datetime, rules: Rules
) -> Plan | Unrouted:
    """One task per department, exactly one of them leading. `wanted` wins over the sub-category's routing."""
    codes = _departments(facts, wanted, rules.registry)
    if isinstance(codes, Unrouted):
        return codes
    policy = rules.registry.policy_by_pair.get((facts.kind, facts.urgency))
    if policy is None:
        return Unrouted(f"there is no policy for {facts.kind} whistles that are {facts.urgency}")
    active = [code for code in codes if is_active(code, rules.registry)]
    if not active:
        return Unrouted(f"none of the departments is active: {', '.join(codes)}")
    tasks = tuple(
        Task(
            task_id(whistle_id, round_, code),
            code,
            "lead" if code == active[0] else "assist",
            policy.presence,
            round=round_,
        )
        for code in active
    )
    names = _names(tasks, policy, rules)
    owners: dict[str, Task] = {}
    for task in tasks:
        owners.setdefault(names[task.task_id], task)
    terms = {
        name: task_terms(facts.kind, facts.urgency, task.role, now, rules, hours_of(task.department, rules))
        for name, task in owners.items()
    }
    return Plan(
        tasks=tasks,
        terms=terms,
        whistle_due_at=_latest_resolve(terms.values()),
        flags=_inactive(codes, rules.registry),
        shared=names,
    )


def _names(tasks: Sequence[Task], policy: Policy, rules: Rules) -> dict[UUID, str]:
    """Task → the name of its set of clocks: one for all that have the same limits."""
    alike: dict[object, str] = {}
    names = {}
    for task in tasks:
        limits = tuple(limits_of(policy, task.role, hours_of(task.department, rules)).items())
        own = terms_name(task)
        names[task.task_id] = alike.setdefault(limits, f"{own}.24h" if own in alike.values() else own)
    return names


def _latest_resolve(terms: Iterable[tuple[ClockSpec, ...]]) -> datetime | None:
    resolves = (spec.schedule for specs in terms for spec in specs if spec.name == "resolve")
    return max((schedule.due_at for schedule in resolves if schedule), default=None)


def _inactive(codes: Iterable[str], registry: Registry) -> tuple[str, ...]:
    return tuple(f"inactive:{code}" for code in dict.fromkeys(codes) if not is_active(code, registry))


def _departments(facts: WhistleFacts, wanted: Sequence[str], registry: Registry) -> list[str] | Unrouted:
    """Who is called, the lead first."""
    if wanted:
        return list(dict.fromkeys(wanted))
    if facts.cross_district:
        return Unrouted("a cross-district whistle: the whistle office names the departments")
    if facts.category is None:
        return Unrouted("the whistle names no sub-category")
    category = registry.category_by_code.get(facts.category)
    if category is None:
        return Unrouted(f"sub-category {facts.category} is not in the registry")
    if category.lead is None:
        return Unrouted(f"sub-category {facts.category} has no route")
    return list(dict.fromkeys((category.lead, *category.assist)))


def is_active(code: str, registry: Registry) -> bool:
    """Whether the registry knows this department as one that takes tasks."""
    department = registry.department_by_code.get(code)
    return department is not None and department.active


def require_active(departments: Iterable[str], registry: Registry, field_name: str = "departments") -> None:
    """Raises Invalid naming the first department that takes no tasks."""
    for position, code in enumerate(departments):
        if not is_active(code, registry):
            where = f"{field_name}.{position}" if field_name == "departments" else field_name
            raise Invalid(where, f"department {code!r} is unknown or not active")


def policy_of(facts: WhistleFacts, registry: Registry) -> Policy:
    """The policy in force for a whistle. Raises Conflict when the registry has dropped it since."""
    policy = registry.policy_by_pair.get((facts.kind, facts.urgency))
    if policy is None:
        raise Conflict(f"there is no policy any more for {facts.kind} whistles that are {facts.urgency}")
    return policy


def called(task: Task, terms: str, facts: WhistleFacts, rules: Rules) -> TaskCalled:
    """A new task as it is called under its terms, with the people on duty for it."""
    return TaskCalled(
        task_id=task.task_id,
        department=task.department,
        role=task.role,
        presence=task.presence,
        terms=terms,
        origin=task.origin,
        title=task.title,
        people=duty_people(task.department, facts.grid, rules),
    )


def triage_clock(facts: WhistleFacts, rules: Rules) -> tuple[ClockSpec, ...]:
    """The `dispatch` clock of an unrouted whistle, counted from when it was blown; none without a policy."""
    if (facts.kind, facts.urgency) not in rules.registry.policy_by_pair:
        return ()
    return dispatch_clock(facts.kind, facts.urgency, facts.blown_at, rules)


def route_by_hand(dispatch: Dispatch, departments: Sequence[str], now: datetime, rules: Rules) -> Plan:
    """The whistle office names the departments, the lead first. Raises IllegalTransition and Invalid."""
    if dispatch.state != "awaiting_triage" or dispatch.facts is None:
        raise IllegalTransition("routing", dispatch.state, ())
    require_active(departments, rules.registry)
    planned = plan(dispatch.whistle_id, dispatch.round, dispatch.facts, departments, now, rules)
    if isinstance(planned, Unrouted):
        raise Invalid("departments", planned.reason)
    return planned


def plan_items(
    dispatch: Dispatch, facts: WhistleFacts, meeting_id: UUID, items: Sequence[ActionItem], now: datetime, rules: Rules
) -> Plan:
    """One task per action item of a meeting that has none yet; its id follows from the meeting, so the same minutes
    call nobody twice. A department that is not active is left out and flagged."""
    policy_of(facts, rules.registry)
    tasks: list[Task] = []
    terms = {}
    for position, item in enumerate(items):
        made = task_id(dispatch.whistle_id, dispatch.round, item.department, f"meeting/{meeting_id}/{position}")
        if dispatch.task(made) is not None or not is_active(item.department, rules.registry):
            continue
        name = origin(dispatch, "meeting", beside=len(tasks))
        task = Task(made, item.department, "co_handle", "none", name, dispatch.round, item.title, item.limit)
        terms[terms_name(task)] = item_terms(facts, item.limit, now, rules, hours_of(item.department, rules))
        tasks.append(task)
    flags = _inactive((item.department for item in items), rules.registry)
    return Plan(tuple(tasks), terms, dispatch.whistle_due_at, flags)


def plan_substitute(
    dispatch: Dispatch, department: str, role: TaskRole, reason: str, now: datetime, rules: Rules
) -> tuple[Dispatch, Plan]:
    """Another department is called in because one of the whistle's stayed silent up to the whistle office's rung;
    the silent one's clocks run on. The one that has been waited for longest is relieved by it.

    Raises IllegalTransition, Conflict when nobody was silent that long, Invalid.
    """
    facts = require_open(dispatch, "substitute")
    silent = min((task for task in dispatch.active if task.raised_at), key=_raised, default=None)
    if silent is None:
        raise Conflict("no department of this whistle has been silent up to the whistle office's rung")
    require_active([department], rules.registry, "department")
    if dispatch.held_by(department) is not None:
        raise Invalid("department", f"{department!r} has a task under this whistle already")
    name = origin(dispatch, "substitute")
    made = task_id(dispatch.whistle_id, dispatch.round, department, name)
    presence = policy_of(facts, rules.registry).presence
    task = Task(made, department, role, presence, name, dispatch.round, reason=reason)
    hours = hours_of(department, rules)
    terms = {terms_name(task): task_terms(facts.kind, facts.urgency, role, now, rules, hours)}
    tasks = tuple(replace(known, raised_at=None) if known is silent else known for known in dispatch.tasks)
    return replace(dispatch, tasks=tasks), Plan((task,), terms, dispatch.whistle_due_at)


def _raised(task: Task) -> datetime:
    assert task.raised_at is not None
    return task.raised_at


def lapse(dispatch: Dispatch, *kept: RequestKind, of: UUID | None = None) -> Dispatch:
    """The matter ends, or one task of it (`of`): what was asked and not decided is moot, but for the kinds `kept`."""
    moot = {
        request_id: replace(request, state="lapsed", decide_by=None)
        for request_id, request in dispatch.requests.items()
        if request.state in ("pending", "disputed") and request.kind not in kept and of in (None, request.asked.task_id)
    }
    disputes = {
        dispute_id: replace(dispute, state="lapsed")
        if dispute.state == "open" and dispute.request_id in moot
        else dispute
        for dispute_id, dispute in dispatch.disputes.items()
    }
    return replace(dispatch, requests={**dispatch.requests, **moot}, disputes=disputes)


def cancel(dispatch: Dispatch, reason: str) -> Dispatch:
    """The withdrawal, made good. A whistle that is not known yet is remembered as cancelled."""
    return replace(lapse(dispatch), state="cancelled", reason=reason)


def close(dispatch: Dispatch) -> Dispatch:
    """The matter is over and read-only. What concerns its assessment stays open: an appeal, an exclusion."""
    return replace(lapse(dispatch, "appeal"), state="closed")
