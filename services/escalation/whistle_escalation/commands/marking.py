"""Facts about tasks and whistles: each is noted, and the clocks follow from all that is known."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

import structlog

from whistle_escalation import domain, store
from whistle_escalation.commands.arming import informed, led, noted
from whistle_escalation.commands.saying import calendars, finish
from whistle_shared.contracts.department import LetterReplied
from whistle_shared.contracts.dispatch import LeadChanged
from whistle_shared.contracts.intake import MeetingMinuted, WhistleClosed, WhistleReopened
from whistle_shared.contracts.vocabulary import TaskFact
from whistle_shared.db import Unit
from whistle_shared.errors import Invalid

log = structlog.get_logger(__name__)


def take_step(unit: Unit, fact: TaskFact, *marks: domain.Mark, active: bool = False) -> None:
    """A department, its street or the district said something about a task: note it (`active`: the department was at
    work), and start, stop, pause or move the clocks that follow.

    Heard before the dispatch, it is remembered. Always says what changed: that is the receipt. Raises Invalid when
    the task is another department's (EVENTS.md R8).
    """
    matter, task = _known(unit, fact)
    for mark in marks:
        task = replace(task, marks=domain.noted(task.marks, mark))
    if active:
        task = _active(task, marks[0].at)
    changes = domain.Changes(replace(matter, tasks={**matter.tasks, task.task_id: task}), unit.now)
    only = domain.TOUCHED.get(marks[0].what) if len(marks) == 1 else None
    domain.reckon(changes, (task,), calendars(unit), only=only)
    finish(unit, changes, (task.task_id, task.department))


def note_progress(unit: Unit, fact: TaskFact, at: datetime) -> None:
    """The department is at work: an acknowledged rung is not stale. Nobody waits for a receipt."""
    matter, task = _known(unit, fact)
    store.save(unit, replace(matter, tasks={**matter.tasks, task.task_id: _active(task, at)}))


def _known(unit: Unit, fact: TaskFact) -> tuple[domain.Matter, domain.Task]:
    matter = store.matter(unit, fact.whistle_id)
    task = matter.tasks.get(fact.task_id) or domain.Task(fact.task_id, fact.department)
    if task.department != fact.department:
        raise Invalid("department", f"task {fact.task_id} is {task.department}'s, not {fact.department}'s")
    return matter, task


def _active(task: domain.Task, at: datetime) -> domain.Task:
    return task if task.active_at is not None and task.active_at >= at else replace(task, active_at=at)


def file_minutes(unit: Unit, data: MeetingMinuted, at: datetime) -> None:
    """The minutes of a joint meeting stop the first meeting of every task of the round."""
    matter = noted(unit, store.matter(unit, data.whistle_id), domain.Mark("minuted", at, unit.now, n=data.round))
    _follow(unit, matter)


def change_lead(unit: Unit, data: LeadChanged, at: datetime, version: int) -> None:
    """Another department hears of the assistants' breaches from now. No clock is touched."""
    matter = store.matter(unit, data.whistle_id)
    store.save(unit, noted(unit, matter, led(data.task_id, at, unit.now, version)))


def close_matter(unit: Unit, data: WhistleClosed, at: datetime) -> None:
    """The whistle is closed: nothing should run any more, and whatever does is stopped and reported."""
    matter = noted(unit, store.matter(unit, data.whistle_id), domain.Mark("closed", at, unit.now, n=data.round))
    _report_left(_follow(unit, matter))


def reopen_matter(unit: Unit, data: WhistleReopened, at: datetime) -> None:
    """The next round begins; the one before is history."""
    matter = informed(store.matter(unit, data.whistle_id), data.round, data.facts)
    matter = noted(unit, matter, domain.Mark("reopened", at, unit.now, n=data.round))
    _report_left(_follow(unit, matter))


def _follow(unit: Unit, matter: domain.Matter) -> domain.Changes:
    changes = domain.Changes(matter, unit.now)
    domain.reckon(changes, list(matter.tasks.values()), calendars(unit), own=True)
    finish(unit, changes)
    return changes


def _report_left(changes: domain.Changes) -> None:
    """A clock that an end cancelled should have ended before; a letter may go unanswered."""
    for clock in changes.clocks.values():
        if clock.status == "cancelled" and clock.name != "reply":
            log.error(
                "clock.left_running",
                whistle_id=str(clock.whistle_id),
                clock_id=str(clock.clock_id),
                clock=clock.name,
                department=clock.department,
            )


def reply_to_letter(unit: Unit, data: LetterReplied, at: datetime) -> None:
    """A department answers a letter: the reply clock stops."""
    matter, task = _known(unit, data)
    matter = noted(unit, matter, domain.Mark("replied", at, unit.now, ref=str(data.letter_id)))
    changes = domain.Changes(replace(matter, tasks={**matter.tasks, task.task_id: task}), unit.now)
    domain.reckon(changes, (), calendars(unit), own=True)
    store.reply_to_letter(unit, data.letter_id, at, data.person, data.reply)
    finish(unit, changes, (task.task_id, task.department))


def cancel_matter(unit: Unit, whistle_id: UUID, at: datetime) -> None:
    """The whistle was withdrawn: every clock stops, also those that a late dispatch would start."""
    changes = domain.Changes(store.matter(unit, whistle_id), unit.now)
    domain.cancel_all(changes, at)
    changes.matter = replace(changes.matter, cancelled_at=changes.matter.cancelled_at or at)
    finish(unit, changes)
