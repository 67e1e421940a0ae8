"""Tasks as rows of a list, and their clocks as chips. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from whistle_department import domain, queries
from whistle_department.pages import steps
from whistle_shared.auth import EVERYWHERE
from whistle_shared.pages import Words

Alarm = Literal["", "once", "repeat"]


@dataclass(frozen=True, slots=True)
class Chip:
    """A clock as `chip` of `_kit.html` shows it."""

    clock: str
    state: str
    due_at: datetime | None
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One task of a list. `department` is said only to who sees several; `alarm`: how it calls for attention."""

    task_id: str
    number: str
    title: str
    place: str
    street: str
    department: str
    kind: str
    urgency: str
    urgency_code: str
    role: str
    rung: int | None
    chip: Chip | None
    state: str
    state_word: str
    person: str
    acknowledge: bool
    next_word: str
    alarm: Alarm


def row(words: Words, found: queries.Found, now: datetime, scope: str) -> Row:
    """A task as it stands at `now`, for somebody of this scope."""
    task, facts, banner = found.task, found.facts, found.banner
    following = steps.next_step(task, now)
    return Row(
        task_id=str(task.task_id),
        number=facts["number"],
        title=facts["title"],
        place=facts["place"],
        street=words.street(facts["street"]),
        department=words.department(task.department) if scope == EVERYWHERE else "",
        kind=words.of("kind", facts["kind"]),
        urgency=words.of("urgency", facts["urgency"]),
        urgency_code=facts["urgency"],
        role=words.of("task_role", task.role),
        rung=banner.rung if banner else None,
        chip=due_chip(words, found, now),
        state=task.state,
        state_word=words.of("task_state", task.state),
        person=task.person or words.gettext("、").join(task.people),
        acknowledge="acknowledgement" in domain.legal_steps(task, now),
        next_word=words.gettext(steps.NAMES[following]) if following else "",
        alarm=_alarm(facts, task),
    )


def rows(words: Words, found: Iterable[queries.Found], now: datetime, scope: str) -> list[Row]:
    """A list of them."""
    return [row(words, one, now, scope) for one in found]


def _alarm(facts: Any, task: domain.Task) -> Alarm:
    """A new emergency rings until it is acknowledged when it is critical, else once."""
    if task.acknowledged_at or task.state != "dispatched":
        return ""
    if facts["urgency"] == "critical":
        return "repeat"
    return "once" if facts["kind"] == "emergency" else ""


def due_chip(words: Words, found: queries.Found, now: datetime) -> Chip | None:
    """What runs out first for the department; None: nothing does."""
    first = next((c for c in found.clocks if c.status == "running" and c.due_at == found.due_at), None)
    return chip(words, first, now) if first is not None and found.due_at is not None else None


def chip(words: Words, clock: domain.Clock, now: datetime, answered: bool = False) -> Chip:
    """One clock as it stands; `answered`: the department has done its part, whatever has been heard of the clock."""
    state = "done" if answered and clock.status == "running" else standing(clock, now)
    return Chip(words.clock(clock.name), state, clock.due_at, bool(clock.provisional))


def standing(clock: domain.Clock, now: datetime) -> str:
    """How a clock stands, in the words of the style sheet."""
    if clock.status == "paused":
        return "paused"
    if clock.status == "met":
        return "met"
    if clock.status != "running" or clock.due_at is None:
        return "done" if clock.status else "normal"
    if clock.due_at <= now:
        return "late"
    if clock.warned_percent >= domain.NEARLY_PERCENT:
        return "nearly"
    return "half" if clock.warned_percent >= 50 else "normal"
