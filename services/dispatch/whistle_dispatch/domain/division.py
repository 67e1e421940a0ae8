"""Whose duty is it? Returns, disputes, the duty divided anew, and the lead handed over. Pure.

INVARIANT: a refused return resets nothing.
INVARIANT: a return that nobody decides in time is disputed exactly once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid5

from whistle_dispatch.domain.dispatch import (
    Cause,
    Dispatch,
    Dispute,
    Request,
    RequestState,
    Ruling,
    Task,
    origin,
    require_open,
    task_id,
    terms_name,
    with_task,
)
from whistle_dispatch.domain.planning import is_active, lapse, policy_of, require_active
from whistle_dispatch.domain.terms import Rules, adjudication_clock, decide_by, hours_of, successor_terms
from whistle_shared.contracts.department import ReturnRequested
from whistle_shared.contracts.dispatch import ClockSpec
from whistle_shared.errors import Conflict, IllegalTransition, Invalid, NotFound
from whistle_shared.registry import Registry, registry_rows


@dataclass(frozen=True, slots=True)
class Opened:
    """A dispute that begins, with the clock it is decided under."""

    dispute: Dispute
    clock: ClockSpec


@dataclass(frozen=True, slots=True)
class Division:
    """How the duty is divided from now: what ends, what begins, and who leads if that changed."""

    dispatch: Dispatch
    tasks: tuple[Task, ...] = ()
    terms: dict[str, tuple[ClockSpec, ...]] | None = None
    ended: tuple[Task, ...] = ()
    lead: Task | None = None


def ask_return(
    dispatch: Dispatch, asked: ReturnRequested, asked_at: datetime, now: datetime, rules: Rules
) -> tuple[Dispatch, Opened | None]:
    """A department says it is not its duty: the whistle office has until `decide_by`, unless it is disputed at once:
    a second return in the round, or one too many transfers."""
    request = Request(asked, asked_at, dispatch.round)
    cause = _cause(dispatch, rules)
    if cause is None:
        request = replace(request, decide_by=decide_by(asked_at, rules))
        return with_request(dispatch, request), None
    return open_dispute(with_request(dispatch, request), request, cause, now, rules)


def _cause(dispatch: Dispatch, rules: Rules) -> Cause | None:
    moved = [task for task in dispatch.tasks if task.round == dispatch.round and task.ended_at]
    if len(moved) >= rules.registry.regulation.returning.transfer_cap:
        return "transfer_cap"
    returned = (request.kind == "return" and request.round == dispatch.round for request in dispatch.requests.values())
    return "second_return" if any(returned) else None


def undecided(dispatch: Dispatch, until: datetime) -> list[Request]:
    """The returns that should have been decided by `until`, the longest overdue first."""
    late = [request for request in dispatch.requests.values() if request.decide_by and request.decide_by <= until]
    return sorted(late, key=lambda request: (request.decide_by, request.asked.request_id))


def open_dispute(
    dispatch: Dispatch, request: Request, cause: Cause, now: datetime, rules: Rules
) -> tuple[Dispatch, Opened]:
    """The whistle office has to rule on a return, under a clock of its own."""
    facts = require_open(dispatch, "dispute")
    clock = adjudication_clock(facts, now, rules)
    assert clock.schedule is not None
    asked_id = request.asked.request_id
    dispute = Dispute(dispute_of(asked_id), asked_id, cause, now, clock.schedule.due_at)
    after = with_request(dispatch, replace(request, state="disputed", decide_by=None))
    return with_dispute(after, dispute), Opened(dispute, clock)


def dispute_of(request_id: UUID) -> UUID:
    """The same return is disputed under the same id, however often it is opened."""
    return uuid5(request_id, "dispute")


def decide_return(
    dispatch: Dispatch,
    request_id: UUID,
    upheld: bool,
    departments: Sequence[str],
    reason: str,
    by: str,
    now: datetime,
    rules: Rules,
) -> Division:
    """The whistle office's word on a return: refused, or upheld and the duty given to others.

    Raises IllegalTransition, Invalid, NotFound.
    """
    require_open(dispatch, "decision")
    request = _request(dispatch, request_id)
    if request.state != "pending":
        legal = ("dispute_decision",) if request.state == "disputed" else ()
        raise IllegalTransition("decision", request.state, legal)
    task = _standing(dispatch, request)
    if upheld and task.department in departments:
        raise Invalid("departments", f"{task.department!r} cannot keep what it gives back: refuse the return")
    return _decided(dispatch, request, task, upheld, departments, reason, by, now, rules)


def decide_dispute(
    dispatch: Dispatch,
    dispute_id: UUID,
    upheld: bool,
    departments: Sequence[str],
    reason: str,
    by: str,
    on_site: bool,
    now: datetime,
    rules: Rules,
) -> Division:
    """The whistle office divides the duty: refused, or `departments` have it from now, the first one leading where the
    task led; the department that gave it back may be among them and then keeps its task.

    Raises IllegalTransition, Invalid, NotFound.
    """
    require_open(dispatch, "decision")
    dispute = dispatch.disputes.get(dispute_id)
    if dispute is None:
        raise NotFound(f"dispute {dispute_id}")
    if dispute.state != "open":
        raise IllegalTransition("decision", dispute.state, ())
    request = _request(dispatch, dispute.request_id)
    task = _standing(dispatch, request)
    if upheld and set(departments) == {task.department}:
        raise Invalid("departments", f"only {task.department!r} is named: that refuses the return")
    divided = _decided(dispatch, request, task, upheld, departments, reason, by, now, rules)
    ruled = replace(
        dispute, state="decided", decided_at=now, decided_by=by, reason=reason, upheld=upheld, on_site=on_site
    )
    return replace(divided, dispatch=with_dispute(divided.dispatch, ruled))


def _decided(
    dispatch: Dispatch,
    request: Request,
    task: Task,
    upheld: bool,
    departments: Sequence[str],
    reason: str,
    by: str,
    now: datetime,
    rules: Rules,
) -> Division:
    if upheld and not departments:
        raise Invalid("departments", "name who has the duty from now, the lead first")
    if not upheld and set(departments) - {task.department}:
        raise Invalid("departments", "a refused return calls nobody else")
    state: RequestState = "upheld" if upheld else "refused"
    closed = replace(request, state=state, decide_by=None, decided_at=now, decided_by=by, reason=reason)
    after = with_request(dispatch, closed)
    return divide(after, task, departments, reason, now, rules) if upheld else Division(after)


def divide(
    dispatch: Dispatch, task: Task, departments: Sequence[str], reason: str, now: datetime, rules: Rules
) -> Division:
    """The task's duty goes to `departments`. Who has a task already keeps it; the others get one, to be acknowledged
    and reached from now, with no more time to resolve it than the whistle has. Where the task led, the first leads."""
    facts = require_open(dispatch, "division")
    policy_of(facts, rules.registry)
    require_active(departments, rules.registry)
    new = _successors(dispatch, task, departments, reason)
    terms = {
        terms_name(one): successor_terms(
            facts, one.role, one.item_limit, now, dispatch.whistle_due_at, rules, hours_of(one.department, rules)
        )
        for one in new
    }
    ended = () if task.department in departments else (replace(task, ended_at=now, raised_at=None),)
    after = replace(dispatch, tasks=(*with_task(dispatch, *ended), *new))
    for gone in ended:
        after = lapse(after, "appeal", of=gone.task_id)
    lead = _leading(after, task, departments[0])
    return Division(hand_over(after, lead) if lead else after, tuple(new), terms, ended, lead)


def _successors(dispatch: Dispatch, task: Task, departments: Sequence[str], reason: str) -> list[Task]:
    """One task for each department that has no share yet. An action item of a meeting is handed on as it is, also to
    who has another task."""
    name = origin(dispatch, "reassigned")
    new: list[Task] = []
    for code in dict.fromkeys(departments):
        if code == task.department or not (task.item_limit or dispatch.held_by(code) is None):
            continue
        role = task.role if task.role != "lead" else "lead" if code == departments[0] else "assist"
        made = task_id(dispatch.whistle_id, dispatch.round, code, name)
        as_is = (task.presence, name, dispatch.round, task.title, task.item_limit)
        new.append(Task(made, code, role, *as_is, reason))
    return new


def _leading(after: Dispatch, task: Task, first: str) -> Task | None:
    """Who leads from now, if the task led and does so no more."""
    if task.role != "lead" or first == task.department:
        return None
    lead = after.held_by(first)
    return replace(lead, role="lead") if lead else None


def hand_over(dispatch: Dispatch, lead: Task) -> Dispatch:
    """The whistle with this task leading and no other one of the round."""
    tasks = tuple(
        replace(task, role="lead")
        if task.task_id == lead.task_id
        else replace(task, role="assist")
        if task.round == dispatch.round and task.role == "lead" and task.ended_at is None
        else task
        for task in dispatch.tasks
    )
    return replace(dispatch, tasks=tasks)


def change_lead(dispatch: Dispatch, department: str) -> tuple[Dispatch, Task, Task]:
    """Another department of the round leads from now: (the whistle, who leads, who led). Raises IllegalTransition,
    Invalid."""
    require_open(dispatch, "lead")
    lead, previous = dispatch.held_by(department), dispatch.lead
    if lead is None or previous is None:
        raise Invalid("department", f"{department!r} has no task under this whistle")
    if lead.task_id == previous.task_id:
        raise Invalid("department", f"{department!r} leads already")
    return hand_over(dispatch, lead), replace(lead, role="lead"), previous


def rule(dispatch: Dispatch, dispute_id: UUID, text: str, by: str, now: datetime) -> tuple[Dispatch, Ruling]:
    """What a decided dispute says about the next matter of its kind: the duty as it is divided now, in one rule."""
    dispute = dispatch.disputes[dispute_id]
    lead = dispatch.lead
    assert dispatch.facts is not None
    assert lead is not None
    divided = [t for t in dispatch.active if t.origin.startswith(("routed", "reassigned")) and not t.item_limit]
    ruling = Ruling(
        precedent_id=uuid5(dispute_id, "precedent"),
        dispute_id=dispute_id,
        whistle_id=dispatch.whistle_id,
        category=dispatch.facts.category,
        department=lead.department,
        assist=tuple(dict.fromkeys(task.department for task in divided if task.department != lead.department)),
        rule=text,
        decided_at=now,
        decided_by=by,
    )
    return with_dispute(dispatch, replace(dispute, precedent_id=ruling.precedent_id)), ruling


def _request(dispatch: Dispatch, request_id: UUID) -> Request:
    request = dispatch.requests.get(request_id)
    if request is None or request.kind != "return":
        raise NotFound(f"return {request_id}")
    return request


def _standing(dispatch: Dispatch, request: Request) -> Task:
    """The task it is about. Raises IllegalTransition when that has ended or belongs to an earlier round."""
    task = dispatch.task(request.asked.task_id)
    if task is None or task.ended_at is not None or task.round != dispatch.round:
        raise IllegalTransition("decision", "ended", ())
    return task


def with_request(dispatch: Dispatch, request: Request) -> Dispatch:
    """The whistle with this request in its present form."""
    return replace(dispatch, requests={**dispatch.requests, request.asked.request_id: request})


def with_dispute(dispatch: Dispatch, dispute: Dispute) -> Dispatch:
    """The whistle with this dispute in its present form."""
    return replace(dispatch, disputes={**dispatch.disputes, dispute.dispute_id: dispute})


def adopt(ruling: Ruling, registry: Registry) -> Registry:
    """The next version of the registry, with the sub-category routed as the precedent says. Raises IllegalTransition
    when it has been adopted, Conflict when the registry cannot follow it."""
    if ruling.adopted_at is not None:
        raise IllegalTransition("adoption", "adopted", ())
    category = registry.category_by_code.get(ruling.category or "")
    if category is None:
        raise Conflict("the precedent is about no sub-category of the registry in force")
    gone = [code for code in (ruling.department, *ruling.assist) if not is_active(code, registry)]
    if gone:
        raise Conflict(f"not active any more: {', '.join(gone)}")
    routed = category.model_copy(update={"lead": ruling.department, "assist": ruling.assist})
    categories = tuple(routed if row.code == category.code else row for row in registry.categories)
    rows = {**registry_rows(registry), "categories": tuple(row.model_dump(mode="json") for row in categories)}
    return Registry.from_rows(registry.version + 1, rows)
