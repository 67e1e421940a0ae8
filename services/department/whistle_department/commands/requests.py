"""What the department asks for and never decides: a return, more time, a suspension, another score; and its word that
it works again. Every one raises NotFound, IllegalTransition and, naming the field, Invalid."""

from dataclasses import asdict
from datetime import datetime

import uuid_utils.compat

from whistle_department import domain, store
from whistle_department.commands.steps import Actor, own_task, record
from whistle_shared.contracts.department import (
    ExtensionRequested,
    ReturnRequested,
    ScoreAppealed,
    SuspensionRequested,
    TaskResumed,
)
from whistle_shared.contracts.vocabulary import ClockName, SuspensionReason
from whistle_shared.db import Unit


def request_return(
    unit: Unit, actor: Actor, duty: str | None, basis: str | None, proper_department: str, reason: str
) -> domain.Task:
    """Say that it is another department's duty (退单). Every clock runs on."""
    task = own_task(unit, actor)
    cited = domain.check_return(task, duty, basis, proper_department, unit.now, store.rules(unit))
    event = ReturnRequested(
        **asdict(actor),
        request_id=uuid_utils.compat.uuid7(),
        basis=cited,
        duty=duty,
        proper_department=proper_department,
        reason=reason,
    )
    return record(unit, "return", event)


def ask_for_time(unit: Unit, actor: Actor, clock: ClockName, due_at: datetime, reason: str) -> domain.Task:
    """Ask for more time for one clock (延期). It runs on meanwhile."""
    task = own_task(unit, actor)
    told = store.case(unit, task.whistle_id).told.clocks.get(task.task_id, {})
    asked = domain.check_extension(task, clock, due_at, told, unit.now, store.rules(unit))
    event = ExtensionRequested(
        **asdict(actor),
        request_id=uuid_utils.compat.uuid7(),
        clock=clock,
        current_due_at=asked.current_due_at,
        due_at=due_at,
        number=asked.number,
        decider=asked.decider,
        reason=reason,
    )
    return record(unit, "extension", event)


def ask_to_suspend(unit: Unit, actor: Actor, cause: SuspensionReason, until: datetime, reason: str) -> domain.Task:
    """Ask to put the task on the ledger (缓办). Everything runs on until it is granted."""
    asked = domain.check_suspension(own_task(unit, actor), until, unit.now, store.rules(unit))
    event = SuspensionRequested(
        **asdict(actor),
        request_id=uuid_utils.compat.uuid7(),
        cause=cause,
        until=until,
        number=asked.number,
        decider=asked.decider,
        reason=reason,
    )
    return record(unit, "suspension", event)


def resume(unit: Unit, actor: Actor, reason: str) -> domain.Task:
    """Work on a suspended task again."""
    domain.require(own_task(unit, actor), "resumption", unit.now)
    return record(unit, "resumption", TaskResumed(**asdict(actor), reason=reason), ("escalation",))


def appeal(unit: Unit, actor: Actor, reason: str) -> domain.Task:
    """Do not accept the score, once."""
    revision = domain.check_appeal(own_task(unit, actor), unit.now)
    event = ScoreAppealed(**asdict(actor), request_id=uuid_utils.compat.uuid7(), revision=revision, reason=reason)
    return record(unit, "appeal", event)
