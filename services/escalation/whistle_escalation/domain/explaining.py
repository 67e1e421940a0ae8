"""Why is it due then? The road from a clock's start to its due time, each step of it. Pure.

INVARIANT: what is explained is what was reckoned: both come from the same course and the same arithmetic.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from whistle_escalation.domain import dues, reckoning
from whistle_escalation.domain.clocks import Clock
from whistle_escalation.domain.courses import PER_PLAN
from whistle_escalation.domain.dues import Bend, Calendars
from whistle_escalation.domain.facts import Matter
from whistle_shared.clockwork import after, awake, parse_limit
from whistle_shared.contracts.dispatch import LadderStep
from whistle_shared.worktime import Span, explain


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung with its instant; `quiet_until`: the end of the quiet hours that it waits for."""

    step: LadderStep
    at: datetime
    quiet_until: datetime | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """`counted`: the spans from start to `first_due`, the due time that nothing had bent yet; `bends`: what moved it
    since, in order, to the clock's own. `held_down`: the whistle's due time came first. `standing_still`: since when
    the clock is paused."""

    clock: Clock
    limit: str
    start_rule: str | None
    first_due: datetime
    held_down: bool
    counted: Sequence[Span]
    bends: Sequence[Bend]
    standing_still: datetime | None
    warnings: Sequence[tuple[int, datetime]]
    rungs: Sequence[Rung]


def explanation(matter: Matter, clock: Clock, calendars: Calendars) -> Explanation | None:
    """The whole road of one clock; None when its terms are not known any more."""
    course = reckoning.course_of(matter, clock)
    if course is None:
        return None
    calendar = calendars(clock.calendar_version)
    begun = dues.base(course, clock.calendar_version, calendars)
    end, bends = dues.bent(course, begun, calendar)
    schedule = dues.instants(course, clock.calendar_version, calendars)
    planned = course.spec.limit.startswith(PER_PLAN)
    counted = [] if planned else explain(course.start, parse_limit(course.spec.limit), calendar)
    held_down = bool(counted) and counted[-1].end > begun.at
    return Explanation(
        clock=clock,
        limit=course.spec.limit,
        start_rule=calendar.hours.start_rule if not planned and dues.unit_of(course).counts_days else None,
        first_due=begun.at,
        held_down=held_down,
        counted=[Span("natural", course.start, begun.at)] if planned else _until(counted, begun.at),
        bends=bends,
        standing_still=course.spans[-1][0] if course.paused else None,
        warnings=list(zip(course.spec.warn_percent, schedule.warn_at, strict=True)),
        rungs=[_rung(step, end.at, after(end.at, step.delay, "", calendar)) for step in course.spec.ladder],
    )


def _rung(step: LadderStep, breach: datetime, at: datetime) -> Rung:
    quiet = awake(at, step.quiet)
    return Rung(step, quiet, quiet if quiet != at else None)


def _until(spans: Sequence[Span], end: datetime) -> list[Span]:
    """The spans as far as `end`."""
    return [Span(span.kind, span.start, min(span.end, end)) for span in spans if span.start < end]
