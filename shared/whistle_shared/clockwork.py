"""A clock's instants from its terms: due, warnings, rungs. Pure; dispatch and escalation share it (EVENTS.md R11)."""

import re
from datetime import datetime, timedelta
from functools import lru_cache

from whistle_shared.contracts.dispatch import ClockSchedule, ClockSpec, LadderStep
from whistle_shared.worktime import SHANGHAI, Calendar, Limit, due, points

PER_PLAN = "per_plan@natural"
"""In a limit's place: the clock waits for the plan."""

parse_limit = lru_cache(maxsize=256)(Limit.parse)
_QUIET = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


def schedule(
    start: datetime, limit: str, percents: tuple[int, ...], ladder: tuple[LadderStep, ...], calendar: Calendar
) -> ClockSchedule:
    """The instants (UTC) of a clock that starts at `start`. Source: EVENTS.md sections 5 and 6."""
    parsed = parse_limit(limit)
    end = due(start, parsed, calendar)
    return ClockSchedule(
        start_at=start,
        due_at=end.at,
        provisional=end.provisional,
        warn_at=tuple(points(start, parsed, percents, calendar)),
        rung_at=rungs(end.at, ladder, calendar),
    )


def rungs(breach: datetime, ladder: tuple[LadderStep, ...], calendar: Calendar) -> tuple[datetime, ...]:
    """When each rung may be climbed after a breach: its delay later, and not in its quiet hours."""
    return tuple(after(breach, step.delay, step.quiet, calendar) for step in ladder)


def after(start: datetime, delay: str, quiet: str, calendar: Calendar) -> datetime:
    """`delay` (a limit, "": at once) after `start`; an instant in the quiet hours waits for their end."""
    at = due(start, parse_limit(delay), calendar).at if delay else start
    return awake(at, quiet) if quiet else at


def awake(at: datetime, quiet: str) -> datetime:
    """The instant itself, or the end of the quiet hours [from, to) that it lies in (local time, `22:00-07:00`; ""
    for none). Raises ValueError for hours that cannot be read."""
    if not quiet:
        return at
    opens, closes = quiet_hours(quiet)
    local = at.astimezone(SHANGHAI)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    gone = local - midnight
    if opens <= closes:
        ends = closes if opens <= gone < closes else None
    elif gone >= opens:
        ends = closes + timedelta(days=1)
    else:
        ends = closes if gone < closes else None
    return at if ends is None else (midnight + ends).astimezone(at.tzinfo)


@lru_cache(maxsize=16)
def quiet_hours(quiet: str) -> tuple[timedelta, timedelta]:
    """`22:00-07:00` as times since midnight. Raises ValueError."""
    match = _QUIET.fullmatch(quiet)
    if match is None:
        raise ValueError(f"{quiet[:40]!r} are no quiet hours: expected HH:MM-HH:MM")
    opens, closes, *_ = (timedelta(hours=int(match[hours]), minutes=int(match[hours + 1])) for hours in (1, 3))
    return opens, closes


def spec_fault(spec: ClockSpec) -> str | None:
    """What is wrong with a clock's terms, or None. A clock that cannot be counted may not start."""
    try:
        if not spec.limit.startswith(PER_PLAN):
            parse_limit(spec.limit)
        for step in spec.ladder:
            for limit in filter(None, (step.delay, step.every)):
                parse_limit(limit)
            if step.quiet:
                quiet_hours(step.quiet)
    except ValueError as error:
        return f"clock {spec.name!r}: {error}"
    given = spec.schedule
    if given and (len(given.rung_at), len(given.warn_at)) != (len(spec.ladder), len(spec.warn_percent)):
        return f"clock {spec.name!r}: its schedule is not for its rungs and warnings"
    return None
