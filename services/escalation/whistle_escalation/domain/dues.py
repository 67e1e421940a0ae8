"""When a course is due, and its warnings and rungs: a pure function of start, frozen terms, grants and spans.

In the order of business time, a span that begins before the due time adds itself, measured in the clock's own unit;
a grant puts the due time where it says. What has run out cannot be paused; what was submitted in time does not run out
by the street's own lateness in sending it back. Source: EVENTS.md section 6.
INVARIANT: a span of no length changes nothing; two disjoint spans commute; nothing else bends a due time.
"""

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from whistle_escalation.domain.courses import PER_PLAN, Course
from whistle_shared.clockwork import parse_limit, rungs, schedule
from whistle_shared.contracts.dispatch import ClockSchedule
from whistle_shared.worktime import Calendar, Due, Limit, add_working, due, extend_by, points, working_minutes

Calendars = Callable[[int], Calendar]
"""The calendar of a version. Raises RetryLater for one that has not arrived."""


@dataclass(frozen=True, slots=True)
class Bend:
    """One thing that moved a due time: a span given back (`until` its end) or a grant; `due` is the due time after."""

    kind: str
    at: datetime
    until: datetime | None
    due: datetime


def instants(course: Course, version: int, calendars: Calendars) -> ClockSchedule:
    """The instants (UTC) of a clock that goes by calendar `version`. As dispatch gave them unless something bent it."""
    if not course.spans and not course.late and not course.grants and course.planned is None:
        return _plain(course, version, calendars)
    calendar = calendars(version)
    begun = base(course, version, calendars)
    end, _ = bent(course, begun, calendar)
    return ClockSchedule(
        start_at=course.start,
        due_at=end.at,
        provisional=end.provisional,
        warn_at=tuple(_warnings(course, begun, end, calendar)),
        rung_at=rungs(end.at, course.spec.ladder, calendar),
    )


def _plain(course: Course, version: int, calendars: Calendars) -> ClockSchedule:
    spec = course.spec
    given = spec.schedule
    if given is not None and (version == course.versions[0] or not given.provisional):
        return given
    calendar = calendars(version)
    plain = schedule(course.start, spec.limit, spec.warn_percent, spec.ladder, calendar)
    cap = None if given is None else _cap(course, calendars)
    if cap is None or plain.due_at <= cap:
        return plain
    warn_at = _between(course, course.start, cap, calendar)
    return plain.model_copy(
        update={"due_at": cap, "warn_at": tuple(warn_at), "rung_at": rungs(cap, spec.ladder, calendar)}
    )


def base(course: Course, version: int, calendars: Calendars) -> Due:
    """When it would be due if nothing bent it."""
    if course.planned is not None:
        return Due(course.planned, False)
    plain = _plain(course, version, calendars)
    return Due(plain.due_at, plain.provisional)


def _cap(course: Course, calendars: Calendars) -> datetime | None:
    """What dispatch held the due time down to: the whistle's own, after a reassignment."""
    given = course.spec.schedule
    assert given is not None
    own = due(course.start, parse_limit(course.spec.limit), calendars(course.versions[0])).at
    return given.due_at if given.due_at < own else None


def bent(course: Course, begun: Due, calendar: Calendar) -> tuple[Due, list[Bend]]:
    """The due time after everything that bent it, and each thing in its order. A span that still runs adds nothing
    yet. The clock's unit is its limit's; of a plan's, natural time."""
    limit, end, bends = unit_of(course), begun, list[Bend]()
    for bend, running in _in_order(course, end):
        if bend.until is None:
            end = Due(bend.due, False)
            bends.append(bend)
        elif running(end.at):
            end = extend_by(end, bend.at, bend.until, limit, calendar)
            bends.append(replace(bend, due=end.at))
    return end, bends


def _in_order(course: Course, begun: Due) -> Iterable[tuple[Bend, Callable[[datetime], bool]]]:
    """What may bend it, in the order of time (a span counts when it is over), and whether the clock was running out
    then, by its due time."""
    spans = [Bend("given_back", at, until, begun.at) for at, until in course.spans if until is not None]
    found: list[tuple[datetime, int, Bend, Callable[[datetime], bool]]] = [
        (span.until or span.at, 0, span, partial(operator.lt, span.at)) for span in spans
    ]
    for submitted, due_by, decided in course.late:
        late = Bend("given_back", due_by, decided, begun.at)
        found.append((decided, 0, late, partial(operator.le, submitted)))
    found += [(at, 1, Bend("extension", at, None, new), bool) for at, new in course.grants]
    return [(bend, running) for _, _, bend, running in sorted(found, key=lambda entry: entry[:2])]


def unit_of(course: Course) -> Limit:
    """The limit whose unit the clock counts in."""
    return parse_limit("1m@natural" if course.spec.limit.startswith(PER_PLAN) else course.spec.limit)


def _warnings(course: Course, begun: Due, end: Due, calendar: Calendar) -> Iterable[datetime]:
    """After a grant the shares of the time between start and due; else the limit's own, moved by the spans before."""
    if course.grants or course.planned is not None:
        return _between(course, course.start, end.at, calendar)
    limit = unit_of(course)
    plain = _own_points(course, begun, calendar)
    return [_pushed(at, course, limit, calendar) for at in plain]


def _own_points(course: Course, begun: Due, calendar: Calendar) -> Iterable[datetime]:
    given = course.spec.schedule
    if given is not None and given.due_at == begun.at:
        return given.warn_at
    limit = parse_limit(course.spec.limit)
    if due(course.start, limit, calendar).at != begun.at:
        return _between(course, course.start, begun.at, calendar)
    return points(course.start, limit, course.spec.warn_percent, calendar)


def _pushed(at: datetime, course: Course, limit: Limit, calendar: Calendar) -> datetime:
    moved = Due(at, False)
    given_back = [*course.spans, *((due_by, decided) for _, due_by, decided in course.late)]
    for begins, ends in sorted(given_back, key=lambda span: span[0]):
        if ends is not None and begins < moved.at:
            moved = extend_by(moved, begins, ends, limit, calendar)
    return moved.at


def _between(course: Course, start: datetime, end: datetime, calendar: Calendar) -> list[datetime]:
    """The warnings as shares of the time from start to end in the clock's own unit."""
    shares = course.spec.warn_percent
    if end <= start:
        return [end for _ in shares]
    if not unit_of(course).is_working:
        return [start + (end - start) * percent // 100 for percent in shares]
    whole = working_minutes(start, end, calendar)
    return [add_working(start, whole * percent // 100, calendar) for percent in shares]
