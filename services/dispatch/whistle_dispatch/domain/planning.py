"""From a whistle to tasks: who leads, who assists, or why nobody follows. Pure.

INVARIANT: a whistle is never dropped: it is planned, or it waits at the district whistle office with a reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from whistle_dispatch.domain.terms import Rules, dispatch_clock, task_terms
from whistle_shared.contracts.dispatch import ClockSpec
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.contracts.vocabulary import Presence, TaskRole
from whistle_shared.errors import IllegalTransition, Invalid
from whistle_shared.registry import Registry

State = Literal["awaiting_triage", "dispatched", "cancelled"]


@dataclass(frozen=True, slots=True)
class Task:
    """One department's duty under a whistle."""

    task_id: UUID
    department: str
    role: TaskRole
    presence: Presence
    origin: str = "routed"


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What dispatch knows about one whistle. `facts` None: the withdrawal came before the whistle."""

    whistle_id: UUID
    state: State
    round: int = 1
    facts: WhistleFacts | None = None
    reason: str = ""
    tasks: tuple[Task, ...] = ()
    flags: tuple[str, ...] = ()
    dispatched_at: datetime | None = None
    whistle_due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A routed whistle: its tasks, the lead first, under one set of terms (`standard`)."""

    tasks: tuple[Task, ...]
    terms: dict[str, tuple[ClockSpec, ...]]
    whistle_due_at: datetime | None
    flags: tuple[str, ...] = field(default=())


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
    active = [code for code in codes if _is_active(code, rules.registry)]
    if not active:
        return Unrouted(f"none of the departments is active: {', '.join(codes)}")
    terms = task_terms(facts.kind, facts.urgency, now, rules)
    return Plan(
        tasks=tuple(
            Task(
                _task_id(whistle_id, round_, code),
                code,
                "lead" if code == active[0] else "assist",
                policy.presence,
            )
            for code in active
        ),
        terms={"standard": terms},
        whistle_due_at=max((s.schedule.due_at for s in terms if s.name == "resolve" and s.schedule), default=None),
        flags=tuple(f"inactive:{code}" for code in codes if code not in active),
    )


def _departments(facts: WhistleFacts, wanted: Sequence[str], registry: Registry) -> list[str] | Unrouted:
    """Who is called, the lead first."""
    if wanted:
        return list(dict.fromkeys(wanted))
    if facts.category is None:
        return Unrouted("the whistle names no sub-category")
    category = registry.category_by_code.get(facts.category)
    if category is None:
        return Unrouted(f"sub-category {facts.category} is not in the registry")
    if category.lead is None:
        return Unrouted(f"sub-category {facts.category} has no route")
    return list(dict.fromkeys((category.lead, *category.assist)))


def _is_active(code: str, registry: Registry) -> bool:
    department = registry.department_by_code.get(code)
    return department is not None and department.active


def _task_id(whistle_id: UUID, round_: int, department: str, origin: str = "routed") -> UUID:
    """The same task has the same id, however often it is planned (EVENTS.md R9)."""
    return uuid5(NAMESPACE_URL, f"whistle:{whistle_id}/{round_}/{department}/{origin}")


def triage_clock(facts: WhistleFacts, rules: Rules) -> tuple[ClockSpec, ...]:
    """The `dispatch` clock of an unrouted whistle, counted from when it was blown; none without a policy."""
    if (facts.kind, facts.urgency) not in rules.registry.policy_by_pair:
        return ()
    return tuple(dispatch_clock(facts.kind, facts.urgency, facts.blown_at, rules))


def route_by_hand(dispatch: Dispatch, departments: Sequence[str], now: datetime, rules: Rules) -> Plan:
    """The whistle office names the departments, the lead first. Raises IllegalTransition and Invalid."""
    if dispatch.state != "awaiting_triage" or dispatch.facts is None:
        raise IllegalTransition("routing", dispatch.state, ())
    for position, code in enumerate(departments):
        if not _is_active(code, rules.registry):
            raise Invalid(f"departments.{position}", f"department {code!r} is unknown or not active")
    planned = plan(dispatch.whistle_id, dispatch.round, dispatch.facts, departments, now, rules)
    if isinstance(planned, Unrouted):
        raise Invalid("departments", planned.reason)
    return planned


def cancel(dispatch: Dispatch, reason: str) -> Dispatch:
    """The withdrawal, made good. A whistle that is not known yet is remembered as cancelled."""
    return replace(dispatch, state="cancelled", reason=reason)
