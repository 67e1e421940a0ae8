"""Suspension, extension and rework against a brute-force minute counter. Source: EVENTS.md section 6.

The oracle knows no formula: it walks minute by minute, asks of each whether it counts, and stops when nothing is left.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import paperwork
from support.clockface import local
from support.clocks import TASK, ladder
from support.paperwork import WHISTLE
from whistle_escalation import domain
from whistle_escalation.domain import dues
from whistle_shared.clockwork import schedule
from whistle_shared.contracts.dispatch import ClockSpec
from whistle_shared.worktime import is_open

CALENDAR = paperwork.replica().calendar()
START = local(2026, 9, 17, 9)  # before a make-up Sunday (09-20) and a day off (09-25)
MINUTE = timedelta(minutes=1)
HORIZON = 12 * 1440
LIMITS = ["90m@natural", "30h@natural", "3d@natural", "45m@work", "9h@work", "20h@work"]
Spans = list[tuple[int, int]]


def spec(limit: str) -> ClockSpec:
    return ClockSpec(
        name="resolve",
        side="department",
        limit=limit,
        warn_percent=(50, 80),
        pausable=True,
        extendable=True,
        ladder=ladder((1, 2)),
    )


def course(limit: str, spans: Spans = (), grants: Sequence[tuple[int, int]] = ()) -> domain.Course:  # type: ignore[assignment]
    """A clock that starts at START; minutes count from there."""
    return domain.Course(
        owner=TASK,
        task=domain.Task(TASK, "CGJ"),
        terms="lead@1",
        spec=spec(limit),
        start=START,
        spans=domain.merged((at(a), at(b)) for a, b in spans),
        grants=tuple((at(a), at(b)) for a, b in grants),
        versions=(1, 1),
    )


def at(minutes: int) -> datetime:
    return START + minutes * MINUTE


def due_of(of: domain.Course) -> datetime:
    return domain.instants(of, 1, lambda _: CALENDAR).due_at


def counted(limit: str, spans: Spans) -> int:
    """The oracle: how many minutes after START the limit has been used up."""
    left = _minutes(limit)
    for minute in range(HORIZON * 4):
        if left == 0:
            return minute
        stands = any(a <= minute < b for a, b in spans)
        counts = limit.endswith("natural") or is_open(at(minute), CALENDAR)
        left -= counts and not stands
    raise AssertionError("the oracle ran out of days")


def _minutes(limit: str) -> int:
    amount, unit = int(limit.partition("@")[0][:-1]), limit.partition("@")[0][-1]
    return amount * {"m": 1, "h": 60, "d": 1440}[unit]


@st.composite
def disjoint(draw: st.DrawFn, most: int = 3) -> Spans:
    edges = sorted(draw(st.sets(st.integers(1, HORIZON), min_size=2 * most, max_size=2 * most)))
    return [(edges[i], edges[i + 1]) for i in range(0, 2 * draw(st.integers(0, most)), 2)]


@settings(max_examples=120, deadline=None, database=None)
@given(limit=st.sampled_from(LIMITS), spans=disjoint())
def test_what_stood_still_is_given_back_to_the_minute(limit: str, spans: Spans) -> None:
    """INVARIANT: spans given back are measured in the clock's own unit."""
    assert due_of(course(limit, spans)) == at(counted(limit, spans))


@settings(max_examples=120, deadline=None, database=None)
@given(limit=st.sampled_from(LIMITS), spans=disjoint(), data=st.data())
def test_disjoint_spans_commute_and_an_empty_one_is_nothing(limit: str, spans: Spans, data: st.DataObject) -> None:
    """INVARIANT: a span of no length changes nothing; two disjoint spans commute; nothing else bends a due time."""
    due = due_of(course(limit, spans))
    assert due_of(course(limit, data.draw(st.permutations(spans)))) == due
    moment = data.draw(st.integers(0, HORIZON))
    assert due_of(course(limit, [*spans, (moment, moment)])) == due


@settings(max_examples=80, deadline=None, database=None)
@given(limit=st.sampled_from(LIMITS), edges=st.sets(st.integers(1, HORIZON), min_size=3, max_size=3).map(sorted))
def test_a_span_cut_in_two_gives_back_the_same(limit: str, edges: list[int]) -> None:
    begins, cut, ends = edges
    assert due_of(course(limit, [(begins, cut), (cut, ends)])) == due_of(course(limit, [(begins, ends)]))


@settings(max_examples=120, deadline=None, database=None)
@given(limit=st.sampled_from([*LIMITS, "2d@work"]), spans=disjoint(), more=st.integers(1, 5 * 1440))
def test_a_grant_puts_the_due_time_where_it_says_and_later_spans_add_to_it(limit: str, spans: Spans, more: int) -> None:
    granted_at = max((b for _, b in spans), default=0)
    new = granted_at + more
    assert due_of(course(limit, spans, [(granted_at, new)])) == at(new)
    pause = (granted_at + more // 2, granted_at + more // 2 + 90)
    longer = due_of(course(limit, [*spans, pause], [(granted_at, new)]))
    assert longer >= at(new)
    if limit.endswith("natural"):
        assert longer == (at(new + 90) if pause[0] < new else at(new))


def test_the_newest_of_two_grants_counts() -> None:
    assert due_of(course("3d@natural", [], [(60, 5000), (4800, 6000)])) == at(6000)
    assert due_of(course("3d@natural", [(4900, 4960)], [(60, 5000), (4800, 6000)])) == at(6060)


def test_what_has_run_out_cannot_be_paused() -> None:
    """A span that begins at the due time or after it adds nothing; one that begins a minute before adds all."""
    assert due_of(course("90m@natural", [(90, 500)])) == at(90)
    assert due_of(course("90m@natural", [(89, 500)])) == at(501)


@settings(max_examples=80, deadline=None, database=None)
@given(limit=st.sampled_from(LIMITS), spans=disjoint())
def test_warnings_and_rungs_follow_the_moved_due_time(limit: str, spans: Spans) -> None:
    moved = domain.instants(course(limit, spans), 1, lambda _: CALENDAR)
    plain = schedule(START, limit, (50, 80), spec(limit).ladder, CALENDAR)
    assert moved.rung_at == (moved.due_at, moved.due_at)
    assert START < moved.warn_at[0] <= moved.warn_at[1] <= moved.due_at
    assert all(later >= at_first for later, at_first in zip(moved.warn_at, plain.warn_at, strict=True))
    if not spans:
        assert moved == plain


def test_a_reopened_office_recomputes_what_a_calendar_moves_and_moves_it_back() -> None:
    """INVARIANT: recomputation by calendar is exact and undoable: the due time follows from facts alone."""
    bent = course("9h@work", [(60, 400)], [])
    replica = paperwork.replica()
    before = domain.instants(bent, 1, lambda _: CALENDAR)
    shorter = replace(CALENDAR, hours=replace(CALENDAR.hours, windows=((540, 720),)))
    moved = domain.instants(bent, 2, lambda version: shorter if version == 2 else CALENDAR)
    assert moved.due_at > before.due_at
    assert domain.instants(bent, 3, lambda _: replica.calendar()) == before


@pytest.mark.parametrize(
    ("verify_due", "decided"),
    [(300, 200), (300, 300), (300, 301), (300, 900), (1700, 1900), (1800, 2400), (2000, 2400), (2000, 2000)],
)
def test_a_rework_gives_back_the_streets_own_lateness_and_nothing_else(verify_due: int, decided: int) -> None:
    """As if the clock had never stopped, less max(0, decided - verify_due)."""
    dispatched = paperwork.dispatched(paperwork.facts("key_work", "urgent"), ["CGJ"])
    (task,) = dispatched.tasks
    limit = spec("30h@natural")
    marks = (
        domain.Mark("submitted", at(100), at(100), n=1),
        domain.Mark("reworked", at(decided), at(decided), n=1, until=at(verify_due)),
    )
    given_at_start = limit.model_copy(update={"schedule": schedule(START, limit.limit, (50, 80), (), CALENDAR)})
    known = domain.Task(
        task.task_id, "CGJ", "t", "lead", 1, called_at=START, calendar_version=1, registry_version=1, marks=marks
    )
    matter = domain.Matter(WHISTLE, terms={"t": (given_at_start,)}, tasks={known.task_id: known})
    (found,) = domain.of_task(matter, known)
    assert found.stop is None
    assert due_of(found) == at(30 * 60 + max(0, decided - verify_due))
    assert dues.unit_of(found).is_working is False
