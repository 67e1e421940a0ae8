"""What a published calendar does to clocks that were reckoned without it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from support import paperwork
from support.clockface import MONDAY
from support.desk import KEY_CALL, MINUTE, Desk, minutes, of, step
from support.paperwork import WHISTLE
from whistle_escalation import commands, domain, store
from whistle_shared import worktime
from whistle_shared.contracts import EventData
from whistle_shared.contracts.dispatch import CalendarPublished
from whistle_shared.contracts.escalation import (
    ClockBreached,
    ClockWarned,
    DeadlineRecomputed,
    EscalationRaised,
    EscalationWithdrawn,
)
from whistle_shared.messaging import RetryLater


def test_a_calendar_that_has_not_arrived_is_waited_for() -> None:
    desk = Desk()
    desk.hears(paperwork.event(KEY_CALL.model_copy(update={"calendar_version": 2}), MONDAY))
    with pytest.raises(RetryLater, match="calendar version 2"):
        desk.hears(step("GA", "acknowledged", minutes(20), KEY_CALL.tasks[1].task_id))


def year_2027(*days_off: str) -> CalendarPublished:
    official: dict[str, Any] = {
        "version": 2,
        "year": 2027,
        "official": True,
        "days": [{"date": day, "is_off_day": True} for day in days_off],
        "windows": [(510, 720), (810, 1050)],
        "start_rule": "next_day",
    }
    return CalendarPublished.model_validate(official)


def recomputed(desk: Desk, at: datetime) -> list[EventData]:
    unit = desk.unit(at)
    commands.recompute_matter(unit, WHISTLE)
    return desk.keep(unit)


NEW_YEAR = MONDAY.replace(year=2026, month=12, day=30)  # a Wednesday, 09:00
OVER_NEW_YEAR = paperwork.dispatched(paperwork.facts("key_work", "normal", at=NEW_YEAR), ["CGJ"], NEW_YEAR)


def test_a_published_calendar_moves_provisional_due_times_only() -> None:
    desk = Desk()
    desk.hears(paperwork.event(OVER_NEW_YEAR, NEW_YEAR))
    ack, resolve = desk.clock("ack", "CGJ"), desk.clock("resolve", "CGJ")
    assert (ack.provisional, resolve.provisional) == (False, True)
    desk.replica._years.append(year_2027("2027-01-01", "2027-01-04"))
    (word,) = recomputed(desk, NEW_YEAR + MINUTE)
    assert isinstance(word, DeadlineRecomputed)
    moved = desk.clock("resolve", "CGJ")
    assert desk.clock("ack", "CGJ") == ack
    assert moved.due_at == word.due_at > resolve.due_at == word.previous_due_at
    assert (moved.provisional, moved.calendar_version, moved.started_at) == (False, 2, resolve.started_at)
    assert recomputed(desk, NEW_YEAR + 2 * MINUTE) == []


def test_the_ladder_of_a_moved_clock_counts_from_the_new_due_time() -> None:
    desk = Desk()
    desk.hears(paperwork.event(OVER_NEW_YEAR, NEW_YEAR))
    desk.replica._years.append(year_2027("2027-01-01", "2027-01-04"))
    recomputed(desk, NEW_YEAR + MINUTE)
    new_due = desk.clock("resolve", "CGJ").due_at
    words = [word for word in desk.watches(new_due + timedelta(days=30)) if getattr(word, "clock", "") == "resolve"]
    (spec,) = [spec for spec in OVER_NEW_YEAR.terms["lead@1"] if spec.name == "resolve"]
    calendar = desk.replica.calendar(2)
    expected = [
        worktime.due(new_due, worktime.Limit.parse(rung.delay), calendar).at if rung.delay else new_due
        for rung in spec.ladder
    ]
    assert [word.rung_at for word in of(EscalationRaised, words)] == expected
    assert len(of(ClockWarned, words)) == 2
    assert all(word.late_by_seconds == 0 for word in of(EscalationRaised, words))


def test_a_rung_climbed_before_the_new_due_time_is_withdrawn_and_can_be_climbed_again() -> None:
    desk = Desk()
    desk.hears(paperwork.event(OVER_NEW_YEAR, NEW_YEAR))
    early = desk.clock("resolve", "CGJ")
    desk.watches(early.due_at)
    assert [e.rung for e in desk.matter.standing_on(early.clock_id, "resolved")] == [1]
    desk.replica._years.append(year_2027("2027-01-01", "2027-01-04", "2027-01-05"))
    words = recomputed(desk, early.due_at + MINUTE)
    assert (len(words), len(of(EscalationWithdrawn, words)), len(of(DeadlineRecomputed, words))) == (2, 1, 1)
    assert desk.matter.clocks[early.clock_id].status == "voided"
    assert desk.matter.standing_on(early.clock_id, "resolved") == []
    new = desk.clock("resolve", "CGJ")
    assert (new.clock_id, new.due_at > early.due_at) == (domain.again_id(early.clock_id), True)
    (moved,) = of(DeadlineRecomputed, words)
    assert (moved.clock_id, moved.due_at, moved.previous_due_at) == (new.clock_id, new.due_at, early.due_at)
    later = desk.watches(new.due_at)
    assert [(w.clock_id, w.fired_at) for w in of(ClockBreached, later) if w.clock == "resolve"] == [
        (new.clock_id, new.due_at)
    ]
    assert [e.rung for e in desk.matter.standing_on(new.clock_id, "resolved")] == [1]


def test_a_clock_that_was_met_is_not_reckoned_again() -> None:
    desk = Desk()
    desk.hears(paperwork.event(OVER_NEW_YEAR, NEW_YEAR))
    desk.hears(step("CGJ", "submitted", NEW_YEAR + MINUTE, OVER_NEW_YEAR.tasks[0].task_id))
    met = desk.clock("resolve", "CGJ")
    desk.replica._years.append(year_2027("2027-01-01"))
    recomputed(desk, NEW_YEAR + 2 * MINUTE)
    assert desk.clock("resolve", "CGJ") == met


def test_a_clock_that_follows_from_nothing_is_voided_instead_of_being_reckoned_for_ever() -> None:
    """Else the claim of what goes by an older calendar would find it again and again."""
    desk = Desk()
    desk.hears(paperwork.event(OVER_NEW_YEAR, NEW_YEAR))
    stray = replace(desk.clock("resolve", "CGJ"), clock_id=UUID(int=1), cycle=9)
    matter = replace(desk.matter, clocks={**desk.matter.clocks, stray.clock_id: stray})
    desk.loaded = store.Loaded(matter, exists=True)
    desk.replica._years.append(year_2027("2027-01-01"))
    recomputed(desk, NEW_YEAR + MINUTE)
    assert {clock.calendar_version for clock in desk.matter.clocks.values() if clock.provisional and clock.live} <= {2}
    assert desk.matter.clocks[stray.clock_id].status == "voided"
