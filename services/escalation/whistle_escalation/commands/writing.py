"""Reminders and formal letters: what a person or a rung puts before a department."""

from dataclasses import replace
from uuid import UUID

from whistle_escalation import domain, store
from whistle_escalation.commands.arming import noted
from whistle_escalation.commands.saying import calendars, say_changes
from whistle_shared.contracts.escalation import LetterIssued, TaskReminded
from whistle_shared.contracts.vocabulary import TaskFact
from whistle_shared.db import Unit
from whistle_shared.errors import IllegalTransition, NotFound
from whistle_shared.registry import Registry


def pass_on_urge(unit: Unit, fact: TaskFact, note: str, by: str) -> None:
    """The street urged a department: the department is reminded."""
    _remind(unit, fact.whistle_id, fact.task_id, fact.department, note, by)


def remind(unit: Unit, whistle_id: UUID, task_id: UUID, note: str, by: str) -> TaskReminded:
    """Urge a department by hand (催办). Raises IllegalTransition for a task that is over."""
    task = open_task(store.matter(unit, whistle_id), task_id, "reminder")
    return _remind(unit, whistle_id, task_id, task.department, note, by)


def _remind(unit: Unit, whistle_id: UUID, task_id: UUID, department: str, note: str, by: str) -> TaskReminded:
    word = TaskReminded(whistle_id=whistle_id, task_id=task_id, department=department, note=note, by=by)
    store.say(unit, word, whistle_id, department)
    return word


def open_task(matter: domain.Matter, task_id: UUID, step: str) -> domain.Task:
    """A task that is still to be done. Raises NotFound, or IllegalTransition for one that is over."""
    task = matter.tasks.get(task_id)
    if task is None or task.called_at is None:
        raise NotFound(f"task {task_id}")
    over = {mark.what for mark in task.marks if mark.what == "ended"}
    over |= {mark.what for mark in matter.marks if mark.what == "closed" and mark.n >= task.round}
    over |= {mark.what for mark in matter.marks if mark.what == "reopened" and mark.n > task.round}
    if matter.cancelled_at is not None or over:
        raise IllegalTransition(step, "cancelled" if matter.cancelled_at else over.pop(), ())
    return task


def issue_letter(unit: Unit, owed: domain.Owed, series: domain.Series) -> LetterIssued:
    """Write a letter with the next number of its series; its reply clock runs from now."""
    matter = store.matter(unit, owed.whistle_id)
    task = open_task(matter, owed.task_id, "letter")
    number = store.next_number(unit, series)
    letter_id = domain.letter_id(owed.whistle_id, number)
    matter, version = _reply_terms(unit, matter)
    versions = (store.replica(unit).calendar_version, version)
    mark = domain.Mark(
        "letter", unit.now, unit.now, ref=str(letter_id), n=version, about=str(task.task_id), versions=versions
    )
    changes = domain.Changes(noted(unit, matter, mark), unit.now)
    domain.reckon(changes, (), calendars(unit), own=True)
    due_at = changes.matter.clocks[domain.clock_id(letter_id, "reply")].due_at
    word = LetterIssued(
        whistle_id=owed.whistle_id,
        task_id=task.task_id,
        department=task.department,
        letter_id=letter_id,
        number=number,
        form=owed.form,
        escalation_id=owed.escalation_id,
        text=owed.text or domain.words(owed.form, matter.about, _concerned(matter, owed), unit.now, due_at),
        reply_due_at=due_at,
        by=owed.by,
    )
    store.add_letter(unit, word)
    store.say(unit, word, owed.whistle_id, task.department)
    store.save(unit, changes.matter)
    say_changes(unit, changes)
    return word


def _concerned(matter: domain.Matter, owed: domain.Owed) -> domain.Clock | None:
    """The clock on whose ladder a letter stands; none for a letter by hand."""
    standing = matter.escalations.get(owed.escalation_id) if owed.escalation_id is not None else None
    return None if standing is None else matter.clocks.get(standing.clock_id)


def _reply_terms(unit: Unit, matter: domain.Matter) -> tuple[domain.Matter, int]:
    """The matter with the terms of a reply under the newest registry, and that registry's version."""
    registry = store.replica(unit).registry or Registry(version=0)
    name = f"reply/{registry.version}"
    if name in matter.terms:
        return matter, registry.version
    about = matter.about
    urgency = "normal" if about is None else about.urgency
    ladder = registry.ladder("department", urgency, emergency=about is not None and about.kind == "emergency")
    spec = domain.reply_terms(registry.regulation.climbing.letter_reply, ladder)
    return replace(matter, terms={**matter.terms, name: (spec,)}), registry.version
