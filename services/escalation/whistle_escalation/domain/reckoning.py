"""From courses to clocks: what of the clocks on record must change now that more is known.

INVARIANT: handlers are order-insensitive (EVENTS.md R5): the clocks follow from the facts, whatever was heard first.
INVARIANT: met or late is decided by the business time of the fact that stops the clock, whenever it arrives.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from whistle_escalation.domain import courses, dues
from whistle_escalation.domain.clocks import Clock, Escalation, again_id, clock_id, ended, move_due, next_look
from whistle_escalation.domain.courses import Course
from whistle_escalation.domain.dues import Calendars
from whistle_escalation.domain.facts import Matter, Task
from whistle_shared.contracts.dispatch import ClockSchedule
from whistle_shared.contracts.vocabulary import ClockStatus, EscalationStatus

_NO_TASKS_OWN = frozenset({"adjudication", "reply"})
MOVED = "the due time moved"
RECOMPUTED = "the calendar moved the due time"


class Changes:
    """A matter while it is being reckoned: the clocks that changed, and the escalations that ended with them.

    `expected`: clocks that run just as their dispatch said."""

    def __init__(self, matter: Matter, now: datetime) -> None:
        self._clocks = dict(matter.clocks)
        self._escalations = dict(matter.escalations)
        self.matter = replace(matter, clocks=self._clocks, escalations=self._escalations)
        self.now = now
        self.clocks: dict[UUID, Clock] = {}
        self.expected: set[UUID] = set()
        self.ended: list[tuple[Clock, Escalation]] = []

    def put(self, clock: Clock) -> None:
        """A clock as it stands now."""
        self._clocks[clock.clock_id] = self.clocks[clock.clock_id] = clock

    def end_open(self, clock: Clock, reason: str) -> None:
        """Every open escalation of a clock ends: resolved when the clock was met late, else withdrawn (R10); also one
        that had been resolved, when the clock turns out to have been in time."""
        status: EscalationStatus = "resolved" if clock.status == "met_late" else "withdrawn"
        for standing in self.matter.standing_on(clock.clock_id, status):
            over = replace(standing, status=status, ended_at=self.now, reason=reason, next_at=None)
            self.ended.append((clock, over))
            self._escalations[over.escalation_id] = over


def reckon(
    changes: Changes,
    tasks: Iterable[Task],
    calendars: Calendars,
    *,
    own: bool = False,
    only: frozenset[str] | None = None,
) -> None:
    """Bring the clocks of these tasks (`own`: and the whistle's own; `only`: those of these names) in line with the
    facts. A cancelled matter's clocks stay as they are."""
    if changes.matter.cancelled_at is not None:
        return
    for task in tasks:
        known = list(changes.matter.clocks.values())
        followed = {_follow(changes, course, calendars) for course in courses.of_task(changes.matter, task, only)}
        for clock in known:
            if clock.status != "voided" and _is_of(clock, task, only) and clock.clock_id not in followed:
                _void(changes, clock)
    if own:
        for course in courses.of_matter(changes.matter):
            _follow(changes, course, calendars)


def _is_of(clock: Clock, task: Task, only: frozenset[str] | None) -> bool:
    return (only is None or clock.name in only) and clock.task_id == task.task_id and clock.name not in _NO_TASKS_OWN


def _void(changes: Changes, clock: Clock) -> None:
    """A clock that follows from nothing any more: the step that began it came after its task's end, or the pass."""
    current = changes.matter.clocks[clock.clock_id]
    if current.status != "voided":
        over = ended(current, "voided", current.started_at)
        changes.put(over)
        changes.end_open(over, over.status)


def cancel_all(changes: Changes, at: datetime) -> None:
    """The whistle was withdrawn: whatever runs is cancelled."""
    for clock in list(changes.matter.clocks.values()):
        if clock.live:
            over = ended(clock, "cancelled", at)
            changes.put(over)
            changes.end_open(over, "cancelled")


def _latest(matter: Matter, first: UUID) -> Clock | None:
    """The clock that counts: of several that took over from one another the last."""
    found = matter.clocks.get(first)
    while found is not None and found.status == "voided":
        again = matter.clocks.get(again_id(found.clock_id))
        if again is None:
            return found
        found = again
    return found


def _follow(changes: Changes, course: Course, calendars: Calendars) -> UUID:
    """Bring the clock of a course in line with it. Returns its id."""
    first = clock_id(course.owner, course.spec.name, course.cycle)
    clock = _latest(changes.matter, first)
    if clock is None:
        schedule = dues.instants(course, course.versions[0], calendars)
        begun = begin(changes.matter.whistle_id, first, course, schedule)
        changes.put(begun)
        if begun.status == "running" and course.spec.schedule is not None:
            changes.expected.add(begun.clock_id)
        return first
    if _same(clock, course):
        return clock.clock_id
    schedule = dues.instants(course, clock.calendar_version, calendars)
    status = _status(course, schedule.due_at)
    standing = (clock.status, clock.started_at, clock.due_at, clock.stopped_at)
    if standing == (status, course.start, schedule.due_at, course.stop):
        return clock.clock_id
    _change(changes, clock, course, schedule)
    return clock.clock_id


def _same(clock: Clock, course: Course) -> bool:
    """Whether it is plain without reckoning that nothing has changed: the common case, and the cheap one."""
    if (
        course.spans
        or course.late
        or course.grants
        or (clock.started_at, clock.stopped_at) != (course.start, course.stop)
    ):
        return False
    if course.stop is None:
        return clock.status == "running" and not _was_bent(course)
    return not clock.live and not _was_bent(course) and course.end in (clock.status, clock.status.removesuffix("_late"))


def _was_bent(course: Course) -> bool:
    return course.task is not None and course.task.bent


def _change(changes: Changes, clock: Clock, course: Course, schedule: ClockSchedule) -> None:
    """A clock that is known, as the facts have it now; a breach that a later due time undoes starts it over."""
    warned = clock.warned
    if course.grants and schedule.due_at > clock.due_at:
        warned = min(warned, sum(at <= changes.now for at in schedule.warn_at))
    reopened = replace(clock, status="running", started_at=course.start, stopped_at=None, warned=warned)
    if course.stop is None:
        moved, again = move_due(reopened, schedule, clock.calendar_version)
    else:
        moved, again = replace(reopened, due_at=schedule.due_at, provisional=schedule.provisional), None
    if again is not None:
        changes.put(moved)
        changes.end_open(moved, MOVED)
        moved = again
    after = _standing(moved, course, schedule)
    changes.put(after)
    if not after.live:
        changes.end_open(after, _REASONS.get(after.status, after.status))


_REASONS: dict[ClockStatus, str] = {"met": "met in time", "met_late": "met late"}


def _standing(clock: Clock, course: Course, schedule: ClockSchedule) -> Clock:
    """The clock in the status that the course gives it."""
    status = _status(course, schedule.due_at)
    if course.stop is not None:
        return ended(clock, status, course.stop)
    if status == "paused":
        return replace(clock, status=status, next_at=None)
    return replace(clock, next_at=next_look(clock, schedule))


def _status(course: Course, due_at: datetime) -> ClockStatus:
    if course.stop is None:
        return "paused" if course.paused else "running"
    if course.end != "met":
        return course.end
    return "met" if course.stop <= due_at else "met_late"


def begin(whistle_id: UUID, identity: UUID, course: Course, schedule: ClockSchedule) -> Clock:
    """A clock that follows a course from its start, as far as the course is known."""
    task, spec = course.task, course.spec
    status = _status(course, schedule.due_at)
    return Clock(
        clock_id=identity,
        whistle_id=whistle_id,
        task_id=None if task is None else task.task_id,
        department=None if task is None else task.department,
        name=spec.name,
        side=spec.side,
        terms=course.terms,
        status=status,
        started_at=course.start,
        due_at=schedule.due_at,
        provisional=schedule.provisional,
        calendar_version=course.versions[0],
        registry_version=course.versions[1],
        cycle=course.cycle,
        rungs=len(spec.ladder),
        stopped_at=course.stop,
        next_at=min((*schedule.warn_at, schedule.due_at)) if status == "running" else None,
    )


def course_of(matter: Matter, clock: Clock) -> Course | None:
    """The course that a clock follows, by the facts known now."""
    task = matter.tasks.get(clock.task_id) if clock.task_id is not None else None
    own = clock.task_id is None or clock.name in _NO_TASKS_OWN
    found = courses.of_matter(matter) if own or task is None else courses.of_task(matter, task)
    known = (course for course in found if course.spec.name == clock.name and course.cycle == clock.cycle)
    return next((course for course in known if _leads_to(matter, course, clock)), None)


def _leads_to(matter: Matter, course: Course, clock: Clock) -> bool:
    first = clock_id(course.owner, course.spec.name, course.cycle)
    while first != clock.clock_id:
        if first not in matter.clocks:
            return False
        first = again_id(first)
    return True


def recompute(changes: Changes, clock: Clock, version: int, calendars: Calendars) -> Clock | None:
    """Reckon a running or paused provisional clock by a newer calendar. Returns the clock that counts now; None for one
    that follows from nothing and ends by it, so that it is not reckoned for ever."""
    course = course_of(changes.matter, clock)
    if course is None:
        _void(changes, clock)
        return None
    schedule = dues.instants(course, version, calendars)
    moved, again = move_due(clock, schedule, version)
    changes.put(moved)
    if again is not None:
        changes.end_open(moved, RECOMPUTED)
        changes.put(again)
    return again or moved


def look_again(changes: Changes, clock: Clock, calendars: Calendars) -> Clock | None:
    """A running clock that nobody would look at, given its next look; None when it needs none after all."""
    course = course_of(changes.matter, clock)
    if course is None or clock.status != "running":
        return None
    schedule = dues.instants(course, clock.calendar_version, calendars)
    found = replace(clock, next_at=next_look(clock, schedule))
    if found.next_at is None:
        return None
    changes.put(found)
    return found
