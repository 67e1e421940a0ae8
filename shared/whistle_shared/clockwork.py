"""A clock's instants from its terms: due, warnings, rungs. Pure; dispatch and escalation share it (EVENTS.md R11)."""

from datetime import datetime
from functools import lru_cache

from whistle_shared.contracts.dispatch import ClockSchedule, LadderStep
from whistle_shared.worktime import Calendar, Due, Limit, due, points

parse_limit = lru_cache(maxsize=256)(Limit.parse)


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
        rung_at=tuple(_rung(end, step.delay, calendar) for step in ladder),
    )


def _rung(end: Due, delay: str, calendar: Calendar) -> datetime:
    """Rungs count from the breach."""
    return due(end.at, parse_limit(delay), calendar).at if delay else end.at
