"""From facts to courses: when each clock started, what bent it, and what ended it. Source: EVENTS.md section 2.

A course is a pure function of the marks, so the order in which they were heard leaves no trace.
INVARIANT: one department's facts never touch the clocks of another's task.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from whistle_escalation.domain.facts import Mark, Matter, Task, first
from whistle_shared.contracts.dispatch import ClockSpec

End = Literal["met", "cancelled", "voided"]
Span = tuple[datetime, datetime | None]
PER_PLAN = "per_plan"


@dataclass(frozen=True, slots=True)
class Course:
    """One clock by the facts. `owner` and `cycle` make its id; `spans`: when it stood still, in order and apart, the
    last one perhaps to this day (None); `late`: (submitted, to be verified by, sent back) of every submission that the
    street was late to send back; `grants`: (granted at, new due); `planned`: the due time of a filed plan;
    `versions`: of the calendar and the registry that it began under."""

    owner: UUID
    task: Task | None
    terms: str
    spec: ClockSpec
    start: datetime
    cycle: int = 1
    stop: datetime | None = None
    end: End = "met"
    spans: tuple[Span, ...] = ()
    late: tuple[tuple[datetime, datetime, datetime], ...] = ()
    grants: tuple[tuple[datetime, datetime], ...] = ()
    planned: datetime | None = None
    versions: tuple[int, int] = (0, 0)

    @property
    def paused(self) -> bool:
        """Whether it stands still now."""
        return self.stop is None and bool(self.spans) and self.spans[-1][1] is None


@dataclass(frozen=True, slots=True)
class _Story:
    """A task's marks, sorted out once for all of its clocks."""

    task: Task
    by: dict[str, list[Mark]]
    minuted: Mark | None
    reworked: set[int]
    passed: Mark | None
    called: datetime

    def one(self, what: str) -> Mark | None:
        marks = self.by.get(what)
        return marks[0] if marks else None

    def all(self, what: str) -> list[Mark]:
        return self.by.get(what, [])


# The clocks that a mark can touch; a mark that is not here may touch every one.
TOUCHED: dict[str, frozenset[str]] = {
    "acknowledged": frozenset({"ack", "first_meeting", "plan"}),
    "arrived": frozenset({"arrive"}),
    "submitted": frozenset({"resolve", "contain", "first_meeting", "plan", "street_verify"}),
}


def of_task(matter: Matter, task: Task, only: frozenset[str] | None = None) -> Iterator[Course]:
    """Every course of a task that has been called (`only`: of these names), as the facts known so far have it."""
    if task.called_at is None:
        return
    story = _story(matter, task, task.called_at)
    last = _last(matter, task)
    for spec in matter.terms.get(task.terms, ()):
        if only is not None and spec.name not in only:
            continue
        for start, cycle, about in _starts(story, spec):
            if last is not None and start > last[0]:
                continue
            stop = _stop(story, spec, start, cycle, about)
            end: End = "met"
            if last is not None and (stop is None or last[0] < stop):
                stop, end = last
            bent = task.bent and (spec.pausable or spec.extendable or spec.name == "resolve")
            yield Course(
                owner=task.task_id,
                task=task,
                terms=task.terms,
                spec=spec,
                start=start,
                cycle=cycle,
                stop=stop,
                end=end,
                spans=merged(_clipped(_suspensions(story), start, stop)) if bent and spec.pausable else (),
                late=_late(story, start) if bent and spec.name == "resolve" else (),
                grants=_grants(story, spec, start) if bent and spec.extendable else (),
                planned=about.until if about is not None and about.what == "plan" else None,
                versions=(task.calendar_version, task.registry_version),
            )


def _story(matter: Matter, task: Task, called: datetime) -> _Story:
    by: dict[str, list[Mark]] = {}
    for mark in task.marks:
        by.setdefault(mark.what, []).append(mark)
    reworked = {mark.n for mark in by.get("reworked", ())}
    passed = first(mark for mark in by.get("passed", ()) if mark.n not in reworked)
    minuted = first(m for m in matter.marks if m.what == "minuted" and m.n == task.round)
    return _Story(task, by, minuted, reworked, passed, called)


def _last(matter: Matter, task: Task) -> tuple[datetime, End] | None:
    """What ends everything of the task, and how: a task that was taken away is not closed as well."""
    ends: list[tuple[datetime, End]] = [(mark.at, "voided") for mark in task.marks if mark.what == "ended"]
    ends += [
        (mark.at, "cancelled")
        for mark in matter.marks
        if (mark.what == "closed" and mark.n >= task.round) or (mark.what == "reopened" and mark.n > task.round)
    ]
    return min(ends, key=lambda end: end[0], default=None)


def _starts(story: _Story, spec: ClockSpec) -> Iterable[tuple[datetime, int, Mark | None]]:
    """(start, cycle, what started it) of every clock of this name. Source: EVENTS.md section 2, DOMAIN.md C.3."""
    if spec.schedule is not None:
        return [(spec.schedule.start_at, 1, None)]
    match spec.name:
        case "first_meeting" | "plan":
            return _after(story, story.one("acknowledged"))
        case "resolve" if spec.limit.startswith(PER_PLAN):
            filed = story.one("plan")
            return _after(story, filed) if filed is not None and filed.until is not None else ()
        case "restore":
            return _after(story, story.one("contain"))
        case "street_verify":
            return [(mark.since(story.called), mark.n, mark) for mark in story.all("submitted")]
        case "evaluate":
            return [(mark.since(story.called), mark.n, mark) for mark in story.all("passed")]
        case "suspension_review":
            decided = [mark for mark in story.all("suspended") if mark.ok and not _moot(story, mark)]
            return [(mark.since(story.called), mark.n, mark) for mark in decided if mark.about == spec.side]
    return ()


def _moot(story: _Story, review: Mark) -> bool:
    """Whether a suspension was looked at again when the work had been taken up already."""
    granted = next(mark for mark in story.all("suspended") if mark.ref == review.ref)
    return any(granted.moment <= mark.moment < review.moment for mark in story.all("resumed"))


def _after(story: _Story, mark: Mark | None) -> Iterable[tuple[datetime, int, Mark | None]]:
    """A clock that a step starts; after the street's pass there is nothing left to start."""
    if mark is None or (story.passed is not None and mark.at > story.passed.at):
        return ()
    return [(mark.since(story.called), 1, mark)]


def _stop(story: _Story, spec: ClockSpec, start: datetime, cycle: int, about: Mark | None) -> datetime | None:
    """When the clock's purpose was reached: the first fact that serves it."""
    stops = [mark.since(start) for mark in _stops(story, spec, start, cycle, about)]
    return min(stops, default=None)


def _stops(story: _Story, spec: ClockSpec, start: datetime, cycle: int, about: Mark | None) -> Sequence[Mark]:
    if spec.side == "department" or about is None:
        passed = [story.passed] if story.passed is not None else []
        return [*_steps(story, spec), *passed]
    match spec.name:
        case "street_verify":
            judged = story.all("passed") + story.all("reworked")
            return [mark for mark in judged if mark.n >= cycle]
        case "evaluate":
            scored = [mark for mark in story.all("evaluated") if mark.at >= start]
            return scored + [mark for mark in story.all("reworked") if mark.n >= cycle]
    nexts = [mark for mark in story.all("suspended") if mark.ref == about.ref and mark.n > cycle]
    resumed = [mark for mark in story.all("resumed") if mark.moment >= about.moment]
    return nexts + resumed + ([story.passed] if story.passed is not None else [])


def _steps(story: _Story, spec: ClockSpec) -> Sequence[Mark]:
    """What ends a clock of the department's before the street's pass does. A submission says that whoever has finished
    has also contained, planned and met."""
    submitted = story.all("submitted")
    match spec.name:
        case "ack":
            return story.all("acknowledged")
        case "arrive":
            return story.all("arrived")
        case "resolve":
            return [mark for mark in submitted if mark.n not in story.reworked]
        case "contain" | "plan":
            return story.all(spec.name) + submitted
        case "first_meeting":
            return ([story.minuted] if story.minuted is not None else []) + submitted
        case "restore":
            return story.all("restore")
    return ()


def _late(story: _Story, start: datetime) -> tuple[tuple[datetime, datetime, datetime], ...]:
    """The street's own lateness before each order to do it again."""
    submitted = {mark.n: mark.since(start) for mark in story.all("submitted")}
    ordered = [mark for mark in story.all("reworked") if mark.until is not None and mark.until < mark.at]
    return tuple((submitted.get(m.n, start), max(m.until, start), m.at) for m in ordered if m.until and start < m.at)


def _suspensions(story: _Story) -> Iterator[Span]:
    """Each granted request's span: from the first decision that granted it to the next resumption."""
    seen: set[str] = set()
    for mark in story.all("suspended"):
        if mark.ref not in seen:
            seen.add(mark.ref)
            if mark.ok:
                yield mark.at, next((m.at for m in story.all("resumed") if m.moment >= mark.moment), None)


def _clipped(spans: Iterable[Span], start: datetime, stop: datetime | None) -> Iterator[Span]:
    for begins, ends in spans:
        opens = max(begins, start)
        closes = stop if ends is None or (stop is not None and stop < ends) else ends
        if closes is None or opens < closes:
            yield opens, closes


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same time in spans that are in order and apart: what two of them cover counts once."""
    apart: list[Span] = []
    for begins, ends in sorted(spans, key=lambda span: span[0]):
        last = apart[-1][1] if apart else None
        if not apart or (last is not None and last <= begins):
            apart.append((begins, ends))
        elif last is not None and (ends is None or ends > last):
            apart[-1] = (apart[-1][0], ends)
    return tuple(apart)


def _grants(story: _Story, spec: ClockSpec, start: datetime) -> tuple[tuple[datetime, datetime], ...]:
    """What was granted for this clock, in the order of decisions."""
    granted = (mark for mark in story.all("extended") if mark.ok and mark.about == spec.name)
    return tuple((mark.since(start), mark.until) for mark in granted if mark.until is not None)


# -- what belongs to the whistle, a dispute or a letter ---------------------------------------------------------


def of_matter(matter: Matter) -> Iterator[Course]:
    """The courses that are no task's own: routing by hand, disputes, replies to letters."""
    for mark in matter.marks:
        if mark.what == "unrouted":
            yield from _triage(matter, mark)
        elif mark.what == "disputed":
            yield from _owed(matter, mark, f"dispute/{mark.ref}", "decided")
        elif mark.what == "letter":
            yield from _owed(matter, mark, f"reply/{mark.n}", "replied")


def _triage(matter: Matter, mark: Mark) -> Iterator[Course]:
    terms = f"triage/{mark.n}"
    done = first(m for m in matter.marks if m.what == "dispatched" and m.n == mark.n)
    for spec in matter.terms.get(terms, ()):
        start = spec.schedule.start_at if spec.schedule is not None else mark.at
        stop = None if done is None else done.since(start)
        yield Course(matter.whistle_id, None, terms, spec, start, mark.n, stop, versions=mark.versions)


def _owed(matter: Matter, mark: Mark, terms: str, answer: str) -> Iterator[Course]:
    """The clock of a dispute or a letter (`mark.about`: its task): from the mark to what answers it; the end of its
    task takes it along."""
    task = matter.tasks[UUID(mark.about)]
    last = _last(matter, task)
    done = first(m for m in matter.marks if m.what == answer and m.ref == mark.ref)
    for spec in matter.terms.get(terms, ()):
        start = spec.schedule.start_at if spec.schedule is not None else mark.at
        stop: datetime | None = None if done is None else done.since(start)
        end: End = "met"
        if last is not None and (stop is None or last[0] < stop):
            stop, end = max(last[0], start), last[1]
        yield Course(UUID(mark.ref), task, terms, spec, start, 1, stop, end, versions=mark.versions)
