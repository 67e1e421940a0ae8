"""intake's use cases, one function each: load, decide, save, emit."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from whistle_intake import domain, store
from whistle_shared.contracts.dispatch import TaskCalled
from whistle_shared.contracts.intake import WhistleBlown, WhistleFacts, WhistleWithdrawn
from whistle_shared.contracts.vocabulary import Kind, Urgency
from whistle_shared.db import Unit
from whistle_shared.errors import Invalid, NotFound
from whistle_shared.registry import Registry


@dataclass(frozen=True, slots=True)
class Blow:
    """A street blows: what it says about the matter, checked for form but not yet against the registry."""

    whistle_id: UUID
    kind: Kind
    urgency: Urgency
    street: str
    grid: str | None
    category: str | None
    title: str
    description: str
    place: str
    beyond_power_reason: str
    departments: tuple[str, ...]
    blown_by: str


def check(blow: Blow, registry: Registry) -> None:
    """Raises Invalid naming the first field that the registry does not bear out."""
    if blow.street not in registry.street_by_code:
        raise Invalid("street", f"street {blow.street!r} is unknown")
    if blow.grid is not None:
        grid = registry.grid_by_code.get(blow.grid)
        if grid is None or grid.street != blow.street:
            raise Invalid("grid", f"street {blow.street!r} has no grid {blow.grid!r}")
    if blow.category is not None and blow.category not in registry.category_by_code:
        raise Invalid("category", f"sub-category {blow.category!r} is unknown")
    for position, code in enumerate(blow.departments):
        department = registry.department_by_code.get(code)
        if department is None or not department.active:
            raise Invalid(f"departments.{position}", f"department {code!r} is unknown or not active")
    if (blow.kind, blow.urgency) not in registry.policy_by_pair:
        legal = ", ".join(urgency for kind, urgency in registry.policy_by_pair if kind == blow.kind)
        raise Invalid("urgency", f"there is no policy for {blow.kind} whistles that are {blow.urgency}; legal: {legal}")


def blow_whistle(unit: Unit, blow: Blow, wish: store.Numbers) -> tuple[domain.Whistle, WhistleFacts]:
    """Create a whistle and say so; dispatch's receipt ends the saying. In this version to raise is to blow."""
    facts = WhistleFacts(
        number=store.next_number(unit, wish),
        kind=blow.kind,
        urgency=blow.urgency,
        street=blow.street,
        grid=blow.grid,
        category=blow.category,
        title=blow.title,
        description=blow.description,
        place=blow.place,
        beyond_power_reason=blow.beyond_power_reason,
        blown_by=blow.blown_by,
        blown_at=unit.now,
    )
    whistle = domain.Whistle(blow.whistle_id, facts.number, blow.street, round=1)
    store.add(unit, whistle, facts, blow.departments)
    store.say(
        unit,
        WhistleBlown(whistle_id=whistle.whistle_id, round=1, facts=facts, departments=blow.departments),
        whistle.whistle_id,
        awaiting=("dispatch",),
    )
    return whistle, facts


def withdraw_whistle(unit: Unit, whistle_id: UUID, streets: str, by: str, reason: str) -> domain.Whistle:
    """Take a whistle back. `streets`: the caller's scope. A repetition changes nothing.

    Raises NotFound (also for another street's whistle) and IllegalTransition.
    """
    whistle = store.whistle(unit, whistle_id)
    if streets not in ("*", whistle.street):
        raise NotFound(f"whistle {whistle_id}")
    if whistle.withdrawn_at is not None:
        return whistle
    withdrawn = domain.withdraw(whistle, unit.now)
    store.save(unit, withdrawn)
    store.say(
        unit,
        WhistleWithdrawn(whistle_id=whistle_id, round=whistle.round, reason=reason, withdrawn_by=by),
        whistle_id,
        awaiting=("dispatch", "escalation"),
    )
    return withdrawn


def follow_task(unit: Unit, whistle_id: UUID, task_id: UUID, department: str, **told: Any) -> None:
    """Note what an event says about a task, also when it overtakes the dispatch that called it."""
    whistle = store.whistle(unit, whistle_id)
    store.save(unit, domain.with_task(whistle, replace(known_task(whistle, task_id, department), **told)))


def known_task(whistle: domain.Whistle, task_id: UUID, department: str) -> domain.Task:
    """The task as known, or as first heard of. Raises Invalid when it is another department's (EVENTS.md R8)."""
    task = whistle.tasks.get(task_id) or domain.Task(task_id, department)
    if task.department != department:
        raise Invalid("department", f"task {task_id} is {task.department}'s, not {department}'s")
    return task


def call_task(unit: Unit, whistle_id: UUID, called: TaskCalled, at: datetime) -> None:
    """Note a task as dispatch called it; what another department said about it before is dropped."""
    whistle = store.whistle(unit, whistle_id)
    task = whistle.tasks.get(called.task_id)
    if task is None or task.department != called.department:
        task = domain.Task(called.task_id, called.department)
    store.save(unit, domain.with_task(whistle, replace(task, role=called.role, called_at=at)))


def follow_routing(unit: Unit, whistle_id: UUID, routed: bool) -> None:
    """Note that dispatch has called departments, or that the whistle waits at the district whistle office."""
    whistle = store.whistle(unit, whistle_id)
    if whistle.routing != "dispatched":
        store.save(unit, replace(whistle, routing="dispatched" if routed else "unrouted"))
