"""Rounds of a whistle: dispatched, routed by hand, joined by others later, withdrawn, closed."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from whistle_dispatch import domain, store
from whistle_shared.contracts.dispatch import LeadChanged, WhistleCancelled, WhistleDispatched, WhistleUnrouted
from whistle_shared.contracts.intake import ActionItem, WhistleFacts
from whistle_shared.contracts.vocabulary import TaskRole
from whistle_shared.db import Unit
from whistle_shared.errors import NotFound
from whistle_shared.messaging import RetryLater
from whistle_shared.registry import Registry


def dispatch_whistle(unit: Unit, whistle_id: UUID, round_: int, facts: WhistleFacts, wanted: Sequence[str]) -> None:
    """Turn a blown whistle into tasks, or let it wait at the district whistle office."""
    known = store.dispatch(unit, whistle_id)
    if known is not None:
        if known.state == "cancelled":
            _emit_cancelled(unit, known)
        return
    _begin_round(unit, domain.Dispatch(whistle_id, "dispatched", round_, facts), wanted)


def reopen_whistle(unit: Unit, whistle_id: UUID, round_: int, facts: WhistleFacts, wanted: Sequence[str]) -> None:
    """The matter came back: another round of tasks, and the rounds before stay as they were."""
    known = store.heard_of(unit, whistle_id)
    if known.state == "cancelled":
        _emit_cancelled(unit, known)
    elif round_ > known.round:
        ended = domain.close(known)
        _begin_round(unit, replace(ended, state="dispatched", round=round_, facts=facts, reason="", flags=()), wanted)


def _begin_round(unit: Unit, dispatch: domain.Dispatch, wanted: Sequence[str]) -> None:
    assert dispatch.facts is not None
    rules = store.rules(unit)
    planned = domain.plan(dispatch.whistle_id, dispatch.round, dispatch.facts, wanted, unit.now, rules)
    if isinstance(planned, domain.Plan):
        _dispatched(unit, dispatch, planned)
        return
    store.save(
        unit,
        replace(dispatch, state="awaiting_triage", reason=planned.reason, dispatched_at=None, whistle_due_at=None),
    )
    unit.emit(
        WhistleUnrouted(
            whistle_id=dispatch.whistle_id,
            round=dispatch.round,
            facts=dispatch.facts,
            reason=planned.reason,
            clocks=domain.triage_clock(dispatch.facts, rules),
            registry_version=rules.registry.version,
            calendar_version=rules.calendar.version,
        ),
        dispatch.whistle_id,
        awaiting=("escalation",),
    )


def route_whistle(unit: Unit, whistle_id: UUID, departments: Sequence[str]) -> domain.Dispatch:
    """The whistle office routes a waiting whistle by hand. Raises NotFound, IllegalTransition, Invalid."""
    waiting = store.dispatch(unit, whistle_id)
    if waiting is None or waiting.facts is None:
        raise NotFound(f"whistle {whistle_id}")
    planned = domain.route_by_hand(waiting, list(dict.fromkeys(departments)), unit.now, store.rules(unit))
    return _dispatched(unit, replace(waiting, state="dispatched"), planned)


def _dispatched(unit: Unit, dispatch: domain.Dispatch, planned: domain.Plan) -> domain.Dispatch:
    done = replace(dispatch, dispatched_at=unit.now, whistle_due_at=planned.whistle_due_at)
    return _call(unit, done, planned)


def _call(unit: Unit, dispatch: domain.Dispatch, planned: domain.Plan) -> domain.Dispatch:
    """The planned tasks begin: one event to everybody concerned."""
    assert dispatch.facts is not None
    rules, facts = store.rules(unit), dispatch.facts
    flags = dispatch.flags + tuple(flag for flag in planned.flags if flag not in dispatch.flags)
    done = replace(dispatch, tasks=in_order((*dispatch.tasks, *planned.tasks)), flags=flags)
    store.save(unit, done)
    departments = [task.department for task in planned.tasks]
    unit.emit(
        WhistleDispatched(
            whistle_id=done.whistle_id,
            round=done.round,
            facts=facts,
            whistle_due_at=done.whistle_due_at,
            tasks=tuple(domain.called(task, planned.named(task), facts, rules) for task in planned.tasks),
            terms=planned.terms,
            registry_version=rules.registry.version,
            calendar_version=rules.calendar.version,
            flags=planned.flags,
        ),
        done.whistle_id,
        to=departments,
        awaiting=("escalation", *instances(rules.registry, departments)),
    )
    return done


def in_order(tasks: Iterable[domain.Task]) -> tuple[domain.Task, ...]:
    """As they are shown: the present round first, the lead first."""
    return tuple(sorted(tasks, key=domain.in_order))


def instances(registry: Registry, departments: Iterable[str]) -> list[str]:
    """The department services that serve these departments, by producer name."""
    known = (registry.department_by_code.get(code) for code in departments)
    return [f"department.{department.instance}" for department in known if department]


def call_for_meeting(unit: Unit, whistle_id: UUID, round_: int, meeting_id: UUID, items: Sequence[ActionItem]) -> None:
    """Each action item of a meeting becomes a task of its round. Where the whistle or the round is over, nobody is
    called; that is said too, for intake waits for a receipt. Raises RetryLater for a round that has not begun here."""
    if not items:
        return
    known = store.heard_of(unit, whistle_id)
    if known.state == "cancelled" or known.facts is None:
        _emit_cancelled(unit, known)
        return
    if round_ > known.round:
        raise RetryLater(f"round {round_} of whistle {whistle_id} has not begun here (yet)")
    nothing = domain.Plan((), {}, known.whistle_due_at)
    over = known.state == "closed" or round_ < known.round
    rules = store.rules(unit)
    _call(
        unit,
        known,
        nothing if over else domain.plan_items(known, known.facts, meeting_id, items, unit.now, rules),
    )


def call_substitute(unit: Unit, whistle_id: UUID, department: str, role: TaskRole, reason: str) -> domain.Dispatch:
    """Another department is called in where one stays silent. Raises NotFound, IllegalTransition, Conflict, Invalid."""
    known = store.on_desk(unit, whistle_id)
    relieved, planned = domain.plan_substitute(known, department, role, reason, unit.now, store.rules(unit))
    return _call(unit, relieved, planned)


def note_silence(unit: Unit, whistle_id: UUID, task_id: UUID, at: datetime) -> None:
    """The whistle office was called because of a silent department: its desk shows it."""
    known = store.dispatch(unit, whistle_id)
    if known is not None:
        store.save(unit, domain.note_silence(known, task_id, at))


def change_lead(unit: Unit, whistle_id: UUID, department: str, reason: str, by: str) -> domain.Dispatch:
    """Another department of the whistle leads from now; no clock is touched. Raises NotFound, IllegalTransition,
    Invalid."""
    changed, lead, previous = domain.change_lead(store.on_desk(unit, whistle_id), department)
    done = replace(changed, tasks=in_order(changed.tasks))
    store.save(unit, done)
    unit.emit(
        LeadChanged(
            whistle_id=whistle_id,
            task_id=lead.task_id,
            department=lead.department,
            previous_task_id=previous.task_id,
            previous_department=previous.department,
            reason=reason,
            by=by,
        ),
        whistle_id,
        to=(lead.department, previous.department),
    )
    return done


def cancel_whistle(unit: Unit, whistle_id: UUID, round_: int, reason: str) -> None:
    """Make a withdrawal good, also when it overtakes the whistle itself."""
    known = store.dispatch(unit, whistle_id) or domain.Dispatch(whistle_id, "cancelled", round_, reason=reason)
    cancelled = domain.cancel(known, reason)
    store.save(unit, cancelled)
    _emit_cancelled(unit, cancelled)


def _emit_cancelled(unit: Unit, cancelled: domain.Dispatch) -> None:
    departments = tuple(dict.fromkeys(task.department for task in cancelled.active))
    unit.emit(
        WhistleCancelled(
            whistle_id=cancelled.whistle_id,
            round=cancelled.round,
            departments=departments,
            reason=cancelled.reason,
        ),
        cancelled.whistle_id,
        to=departments,
        awaiting=instances(store.rules(unit).registry, departments) if departments else (),
    )


def close_whistle(unit: Unit, whistle_id: UUID, round_: int) -> None:
    """The matter is over: read-only from now, unless a later round has begun already."""
    known = store.heard_of(unit, whistle_id)
    if known.round <= round_ and known.state != "cancelled":
        store.save(unit, domain.close(known))
