"""Returns and disputes: asked, overdue, decided, and remembered as precedents."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from whistle_dispatch import domain, store
from whistle_dispatch.commands.dispatching import in_order, instances
from whistle_shared.contracts.department import ReturnRequested
from whistle_shared.contracts.dispatch import (
    DisputeDecided,
    DisputeOpened,
    EndedTask,
    Precedent,
    ReturnDecided,
)
from whistle_shared.db import Unit


def request_return(unit: Unit, asked: ReturnRequested, at: datetime) -> None:
    """A department says it is not its duty: it lies on the desk, or is disputed at once."""
    known = store.heard_of(unit, asked.whistle_id)
    if not domain.takes(known, asked):
        return
    after, opened = domain.ask_return(known, asked, at, unit.now, store.rules(unit))
    store.save(unit, after)
    if opened is not None:
        _say_opened(unit, asked, opened)


def open_overdue(unit: Unit, whistle_id: UUID, until: datetime) -> None:
    """Returns that nobody decided by `until` become disputes.

    INVARIANT: a return that nobody decides in time is disputed exactly once: its time limit, the dispute and its
    event are one transaction.
    """
    known = store.on_desk(unit, whistle_id)
    for request in domain.undecided(known, until):
        known, opened = domain.open_dispute(known, request, "undecided", unit.now, store.rules(unit))
        store.save(unit, known)
        _say_opened(unit, request.asked, opened)


def _say_opened(unit: Unit, asked: domain.Asked, opened: domain.Opened) -> None:
    rules = store.rules(unit)
    unit.emit(
        DisputeOpened(
            whistle_id=asked.whistle_id,
            task_id=asked.task_id,
            department=asked.department,
            dispute_id=opened.dispute.dispute_id,
            request_id=asked.request_id,
            cause=opened.dispute.cause,
            clock=opened.clock,
            registry_version=rules.registry.version,
            calendar_version=rules.calendar.version,
        ),
        asked.whistle_id,
        to=(asked.department,),
        awaiting=("escalation",),
    )


def decide_return(
    unit: Unit, whistle_id: UUID, request_id: UUID, upheld: bool, departments: list[str], reason: str, by: str
) -> domain.Dispatch:
    """The whistle office's word on a return. Raises NotFound, IllegalTransition, Invalid."""
    divided = domain.decide_return(
        store.on_desk(unit, whistle_id), request_id, upheld, departments, reason, by, unit.now, store.rules(unit)
    )
    done = _settle(unit, divided)
    asked = done.requests[request_id].asked
    _say(unit, ReturnDecided.model_validate(_decision(unit, divided, asked, upheld, reason, by)), divided)
    return done


def decide_dispute(
    unit: Unit,
    whistle_id: UUID,
    dispute_id: UUID,
    upheld: bool,
    departments: list[str],
    reason: str,
    on_site: bool,
    rule: str | None,
    by: str,
) -> domain.Dispatch:
    """The whistle office divides the duty, with a rule for the next matter of its kind if it gives one.

    Raises NotFound, IllegalTransition, Invalid.
    """
    known, rules = store.on_desk(unit, whistle_id), store.rules(unit)
    divided = domain.decide_dispute(known, dispute_id, upheld, departments, reason, by, on_site, unit.now, rules)
    ruling = None
    if rule is not None:
        ruled, ruling = domain.rule(divided.dispatch, dispute_id, rule, by, unit.now)
        divided = replace(divided, dispatch=ruled)
        store.save_ruling(unit, ruling, is_new=True)
    done = _settle(unit, divided)
    asked = done.requests[done.disputes[dispute_id].request_id].asked
    more = {"dispute_id": dispute_id, "on_site": on_site, "precedent": ruling and _precedent(ruling)}
    _say(unit, DisputeDecided.model_validate(_decision(unit, divided, asked, upheld, reason, by) | more), divided)
    return done


def _settle(unit: Unit, divided: domain.Division) -> domain.Dispatch:
    done = replace(divided.dispatch, tasks=in_order(divided.dispatch.tasks))
    store.save(unit, done)
    return done


def _precedent(ruling: domain.Ruling) -> Precedent:
    return Precedent(
        precedent_id=ruling.precedent_id,
        category=ruling.category,
        department=ruling.department,
        assist=ruling.assist,
        rule=ruling.rule,
    )


def _decision(
    unit: Unit, divided: domain.Division, asked: domain.Asked, upheld: bool, reason: str, by: str
) -> dict[str, object]:
    """What both kinds of decision say."""
    rules, dispatch = store.rules(unit), divided.dispatch
    assert dispatch.facts is not None
    return {
        "whistle_id": dispatch.whistle_id,
        "round": dispatch.round,
        "facts": dispatch.facts,
        "whistle_due_at": dispatch.whistle_due_at,
        "tasks": tuple(domain.called(task, domain.terms_name(task), dispatch.facts, rules) for task in divided.tasks),
        "terms": divided.terms or {},
        "registry_version": rules.registry.version,
        "calendar_version": rules.calendar.version,
        "request_id": asked.request_id,
        "task_id": asked.task_id,
        "department": asked.department,
        "upheld": upheld,
        "ended": tuple(EndedTask(task_id=task.task_id, department=task.department) for task in divided.ended),
        "lead": divided.lead and divided.lead.task_id,
        "reason": reason,
        "by": by,
    }


def _say(unit: Unit, decided: ReturnDecided, divided: domain.Division) -> None:
    """To the department that asked and to everybody whose duty changes by it."""
    named = [decided.department, *(task.department for task in (*divided.ended, *divided.tasks))]
    if divided.lead is not None:
        named.append(divided.lead.department)
    unit.emit(
        decided,
        decided.whistle_id,
        to=named,
        awaiting=("escalation", *instances(store.rules(unit).registry, named)),
    )
