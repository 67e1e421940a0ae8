"""Clocks, their terms and their instants, as short as a test of the state machine wants them."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import uuid5

from support.clockface import MONDAY
from support.paperwork import WHISTLE
from whistle_escalation import domain
from whistle_shared.contracts.dispatch import (
    ClockSchedule,
    ClockSpec,
    LadderStep,
)
from whistle_shared.contracts.vocabulary import RungForm

TASK = uuid5(WHISTLE, "task")
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
ROLES = ("deputy_head", "department_head", "whistle_office", "inspection_office", "district_leaders")
FORMS: tuple[RungForm, ...] = ("reminder", "letter", "red_light", "supervision", "interview")


def ladder(rungs: Sequence[int]) -> tuple[LadderStep, ...]:
    """Rungs with the roles and forms of their numbers."""
    return tuple(LadderStep(rung=n, role=ROLES[n - 1], form=FORMS[n - 1], delay="") for n in rungs)


def terms(percents: tuple[int, ...] = (50, 80), rungs: Sequence[int] = (1, 2, 3)) -> ClockSpec:
    """The terms of a clock of one hour."""
    return ClockSpec(
        name="ack",
        side="department",
        limit="60m@natural",
        warn_percent=percents,
        pausable=False,
        extendable=False,
        ladder=ladder(rungs),
    )


def instants(spec: ClockSpec, length: timedelta, delays: Sequence[timedelta]) -> ClockSchedule:
    """A schedule that starts on Monday at nine; `delays` run parallel to the ladder and count from the breach."""
    due_at = MONDAY + length
    return ClockSchedule(
        start_at=MONDAY,
        due_at=due_at,
        provisional=False,
        warn_at=tuple(MONDAY + length * percent / 100 for percent in spec.warn_percent),
        rung_at=tuple(due_at + delay for delay in delays),
    )


def started(spec: ClockSpec, schedule: ClockSchedule) -> domain.Clock:
    """The clock of CGJ's task, just started."""
    task = domain.Task(TASK, "CGJ")
    course = domain.Course(TASK, task, "standard", spec, schedule.start_at, versions=(1, 0))
    return domain.begin(WHISTLE, domain.clock_id(TASK, spec.name), course, schedule)
