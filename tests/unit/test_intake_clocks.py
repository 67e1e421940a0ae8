"""What intake knows of time: the order of hearing does not matter, and lists are ordered by what runs out first."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

from support import paperwork
from support.clockface import MONDAY
from support.desk import CALL, FACTS, TASKS, Desk, called, minutes, step
from support.paperwork import WHISTLE, Sheet
from whistle_intake import domain, store, tables
from whistle_intake.consumers import SUBSCRIPTIONS
from whistle_shared.contracts import Event
from whistle_shared.contracts.escalation import ClockEvent, ClocksChanged


def heard(*events: Event[Any], stage: str = "open") -> Sheet:
    """intake after it has heard these, in this order."""
    whistle = domain.Whistle(WHISTLE, FACTS.number, "S01", 1, stage=stage)  # type: ignore[arg-type]
    sheet = Sheet("intake", minutes(600), None, {WHISTLE: whistle})
    for event in events:
        SUBSCRIPTIONS[type(event.data)](sheet, event)
    return sheet


def clocks(sheet: Sheet) -> dict[tuple[Any, str], tuple[str, datetime | None, int, int]]:
    """Each clock as it stands: by task and name, its status, due time, percent and highest open rung."""
    of = {task_id: department for department, task_id in TASKS.items()}
    known = store.clocks(sheet, WHISTLE).values()
    return {
        (of.get(clock.task_id or WHISTLE), clock.name): (clock.status, clock.due_at, clock.warned, clock.rung)
        for clock in known
    }


def said(*data: Any) -> list[Event[Any]]:
    """escalation's words on the whistle, in the order and with the versions in which it says them."""
    told = [word for word in data if isinstance(word, ClocksChanged | ClockEvent)]
    return [replace(paperwork.event(word, minutes(n)), subject_version=n + 1) for n, word in enumerate(told)]


def story() -> list[Event[Any]]:
    """A dispatch, a warning, a breach with its rung, and a late acknowledgement."""
    desk = Desk()
    words = desk.hears(called())
    words += desk.watches(minutes(6))
    words += desk.hears(step("CGJ", "acknowledged", minutes(7)))
    return [called(), *said(*words)]


def test_a_dispatch_tells_when_its_clocks_run_out() -> None:
    sheet = heard(called())
    ack = next(spec for specs in CALL.terms.values() for spec in specs if spec.name == "ack")
    assert ack.schedule is not None
    assert clocks(sheet)["CGJ", "ack"] == ("running", ack.schedule.due_at, 0, 0)
    due = [row["due_at"] for row in sheet.rows(tables.whistle) if "due_at" in row]
    assert due[-1] == ack.schedule.due_at


def test_a_withdrawn_whistle_starts_no_clock() -> None:
    assert not clocks(heard(called(), stage="withdrawn"))


def test_what_escalation_says_moves_the_clocks() -> None:
    late = clocks(heard(*story()))
    assert late["CGJ", "ack"][0] == "met_late"
    assert late["CGJ", "ack"][3] == 0  # its rung is over
    others = [at for (department, name), at in late.items() if name == "ack" and department != "CGJ"]
    assert others
    assert all(at[0] == "running" and at[2] == 100 and at[3] == 1 for at in others)


def test_the_order_of_hearing_does_not_matter() -> None:
    """INVARIANT: the order in which it is heard does not matter."""
    events = story()
    of_one = [event for event in events[1:] if getattr(event.data, "department", "CGJ") == "CGJ"][:5]
    told = {repr(sorted(clocks(heard(*order)).items(), key=str)) for order in permutations([events[0], *of_one])}
    assert len(told) == 1


def test_the_first_running_clock_decides() -> None:
    """INVARIANT: `whistle.due_at` is when the first of the whistle's running clocks runs out."""
    clock = domain.Clock(WHISTLE, WHISTLE, None, "ack", due_at=MONDAY)
    later = domain.Clock(WHISTLE, WHISTLE, None, "resolve", due_at=MONDAY + timedelta(hours=1))
    assert domain.next_due([later, clock]) == MONDAY
    assert domain.next_due([later, domain.told_status(clock, "met", 1)]) == later.due_at
    assert domain.next_due([domain.told_status(clock, "paused", 1)]) is None


def test_a_moved_due_time_takes_its_warning_along() -> None:
    warned = domain.told_warning(domain.Clock(WHISTLE, WHISTLE, None, "ack", due_at=MONDAY), 80, MONDAY)
    assert warned.warned == 80
    moved = domain.told_due(warned, MONDAY + timedelta(hours=1), 3)
    assert moved.warned == 0
    assert domain.told_warning(moved, 80, MONDAY).warned == 0
