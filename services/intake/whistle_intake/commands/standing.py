"""Whose word counts, and about what: the street's own whistles, as long as they are open."""

from dataclasses import dataclass
from uuid import UUID

from whistle_intake import domain, store
from whistle_shared.db import Unit
from whistle_shared.errors import IllegalTransition, NotFound


@dataclass(frozen=True, slots=True)
class Office:
    """A street's office: `street` is the caller's scope (`*`: any), `by` the name that is put on record, `grid` the
    only one it speaks for, if that is not the whole street."""

    street: str
    by: str
    grid: str | None = None


def open_whistle(unit: Unit, whistle_id: UUID, office: Office, step: str) -> domain.Whistle:
    """The whistle, if it is this office's and under way.

    Raises NotFound (also for another street's) and IllegalTransition before the blowing and after the end.
    """
    whistle = store.whistle(unit, whistle_id)
    if office.street not in ("*", whistle.street):
        raise NotFound(f"whistle {whistle_id}")
    if office.grid is not None and office.grid != store.matter(unit, whistle_id).grid:
        raise NotFound(f"whistle {whistle_id}")
    if whistle.state not in domain.OPEN:
        raise IllegalTransition(step, whistle.state, whistle.legal)
    return whistle


def task_of(whistle: domain.Whistle, task_id: UUID) -> domain.Task:
    """A task of this whistle. Raises NotFound."""
    task = whistle.tasks.get(task_id)
    if task is None:
        raise NotFound(f"task {task_id}")
    return task
