"""The ladder of one clock, drawn: its warnings, its breach, its rungs; what is done, where it stands, what comes next.
Pure.

INVARIANT: what is shown as done was said: beside each rung stands where in the log, to whom, and who has yet to
confirm it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from whistle_escalation.domain import Explanation
from whistle_escalation.pages.rows import ClockLine, FeedLine, Line, clock_line, feed_line
from whistle_escalation.queries.dossiers import Dossier
from whistle_shared.pages import Words

State = Literal["done", "now", "next", "later", "passed"]
"""`passed`: nobody of the rung could be told, or a higher one was climbed by hand."""
_RAISED, _REPEATED = "escalation.escalation_raised.v1", "escalation.escalation_repeated.v1"


@dataclass(frozen=True, slots=True)
class Report:
    """Where it stands in the log, and who has not confirmed it yet."""

    position: int
    at: datetime
    waiting: Sequence[str]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the ladder. `at`: when it was, else when it will be. `rung` 0: a warning or the breach."""

    state: State
    word: str
    at: datetime | None
    rung: int = 0
    role: str = ""
    people: Sequence[str] = ()
    form: str = ""
    quiet: bool = False
    reports: Sequence[Report] = ()
    escalation: Any = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Warned:
    """If still nobody does it: what comes next, and when."""

    clock: str
    at: datetime
    rung: str
    role: str


def contents(words: Words, dossier: Dossier, now: datetime) -> dict[str, Any]:
    """What the page of a clock shows beside the task's facts."""
    found = steps(words, dossier)
    return {
        "line": clock_line(words, dossier.clock),
        "steps": found,
        "ahead": _ahead(words, dossier, found),
        "history": _history(words, dossier, now),
        "clocks": _clocks(words, dossier),
    }


def steps(words: Words, dossier: Dossier) -> list[Step]:
    """From the first warning to the last rung, in the order of time."""
    clock, road = dossier.clock, dossier.explanation
    climbed = {row.rung: row for row in dossier.rungs}
    if road is None:
        return [_climbed(words, row, dossier, is_top=row is dossier.rungs[-1]) for row in dossier.rungs]
    before = [
        Step("done" if n < clock.warned else "later", _percent(words, percent), at, key=f"warning-{percent}")
        for n, (percent, at) in enumerate(road.warnings)
    ]
    late = clock.breached_at is not None
    breach = Step("done" if late else "later", words.gettext("超时"), clock.breached_at or clock.due_at, key="breach")
    top = max((row.rung for row in dossier.rungs if row.status == "open"), default=None)
    rungs = [_rung(words, dossier, climbed, place, top) for place in range(len(road.rungs))]
    return _with_next([*before, breach, *rungs], running=clock.status == "running")


def _percent(words: Words, percent: int) -> str:
    return words.gettext("预警（%(percent)s%%）") % {"percent": percent}


def _rung(words: Words, dossier: Dossier, climbed: Mapping[int, Any], place: int, top: int | None) -> Step:
    road = dossier.explanation
    assert road is not None
    planned = road.rungs[place]
    row = climbed.get(planned.step.rung)
    if row is not None:
        return _climbed(words, row, dossier, is_top=row.rung == top)
    return Step(
        state="passed" if place < dossier.clock.climbed else "later",
        word=words.rung(planned.step.rung),
        at=None if place < dossier.clock.climbed else _when(dossier, road, place),
        rung=planned.step.rung,
        role=words.role(planned.step.role),
        form=words.of("form", planned.step.form),
        quiet=planned.quiet_until is not None,
        key=f"rung-{planned.step.rung}",
    )


def _when(dossier: Dossier, road: Explanation, place: int) -> datetime:
    """The next rung comes when the clock is looked at next; the others when they are due, if nothing holds them up."""
    clock = dossier.clock
    if place == clock.climbed and clock.breached_at is not None and clock.next_at is not None:
        at: datetime = clock.next_at
        return at
    return road.rungs[place].at


def _climbed(words: Words, row: Any, dossier: Dossier, *, is_top: bool) -> Step:
    return Step(
        state="now" if is_top and row.status == "open" else "done",
        word=words.rung(row.rung),
        at=row.fired_at,
        rung=row.rung,
        role=words.role(row.role),
        people=row.people,
        form=words.of("form", row.form),
        reports=_reports(dossier, row.escalation_id),
        escalation=row,
        key=f"rung-{row.rung}",
    )


def _reports(dossier: Dossier, escalation_id: UUID) -> list[Report]:
    told = [
        event
        for event in dossier.said
        if event.key in (_RAISED, _REPEATED) and event.data.get("escalation_id") == str(escalation_id)
    ]
    return [Report(event.position, event.at, dossier.waiting.get(event.event_id, ())) for event in told]


def _with_next(all_steps: Sequence[Step], *, running: bool) -> list[Step]:
    """The first step that has not come yet is the next one, while the clock runs."""
    first = next((n for n, step in enumerate(all_steps) if step.state == "later"), None) if running else None
    return [replace(step, state="next") if n == first else step for n, step in enumerate(all_steps)]


def _ahead(words: Words, dossier: Dossier, found: Sequence[Step]) -> Warned | None:
    if dossier.clock.status != "running":
        return None
    step = next((step for step in found if step.rung and step.state in ("next", "later") and step.at), None)
    if step is None or step.at is None:
        return None
    return Warned(words.clock(dossier.clock.name), step.at, step.word, step.role)


def _history(words: Words, dossier: Dossier, now: datetime) -> list[FeedLine]:
    """What was said, the latest first."""
    return [feed_line(words, row, now) for row in reversed(dossier.said)]


def _clocks(words: Words, dossier: Dossier) -> list[ClockLine]:
    """The other clocks of the same task (of a clock without one: of the whistle itself), by due time."""
    own = dossier.clock
    same = [
        clock
        for clock in dossier.matter.clocks.values()
        if clock.task_id == own.task_id and clock.clock_id != own.clock_id and clock.status != "voided"
    ]
    if own.task_id is not None and own.side == "street":
        same = [clock for clock in same if clock.side in ("street", "department")]
    rows = [Line(clock, own.number, own.title, own.street) for clock in sorted(same, key=lambda clock: clock.due_at)]
    return [clock_line(words, row) for row in rows]
