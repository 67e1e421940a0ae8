"""One clock under a Hypothesis machine: looked at, stopped, cancelled and moved in any order at any time."""

from datetime import datetime, timedelta
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from support.clockface import MONDAY
from support.clocks import instants, started, terms
from whistle_escalation import domain
from whistle_shared.contracts.dispatch import (
    ClockSchedule,
    ClockSpec,
)

SECONDS = st.integers(0, 4 * 3600).map(lambda s: timedelta(seconds=s))
LENGTHS = st.integers(1, 6 * 3600).map(lambda s: timedelta(seconds=s))


@st.composite
def delay_lists(draw: st.DrawFn, size: int) -> list[timedelta]:
    """Rungs are climbed upwards only, some of them at the same instant."""
    return sorted(draw(st.lists(SECONDS | st.just(timedelta(0)), min_size=size, max_size=size)))


class ClockMachine(RuleBasedStateMachine):
    """INVARIANT: a running clock fires each warning and each rung at most once, in order.

    One clock under any sequence of looks, stops, cancellations and calendars, while time goes on."""

    clock: domain.Clock
    spec: ClockSpec
    schedule: ClockSchedule
    now: datetime

    @initialize(
        data=st.data(),
        percents=st.sets(st.integers(1, 100), max_size=3),
        first=st.integers(1, 3),
        length=LENGTHS,
        patience=st.integers(0, 25),
    )
    def starts(self, data: st.DataObject, percents: set[int], first: int, length: timedelta, patience: int) -> None:
        rungs = range(first, data.draw(st.integers(first, 6)))
        self.spec = terms(tuple(sorted(percents)), rungs)
        self.schedule = instants(self.spec, length, data.draw(delay_lists(len(rungs))))
        self.now = MONDAY
        self.patience = patience  # looks before anybody may end the clock, so that most runs see it climb
        self.warned: list[int] = []
        self.breaches = 0
        self.ids: set[UUID] = set()
        self.raised: list[tuple[int, datetime]] = []
        self.clock = started(self.spec, self.schedule)

    @rule(span=SECONDS)
    def time_passes(self, span: timedelta) -> None:
        self.now += span

    @rule(lag=st.just(timedelta(0)) | SECONDS)
    def fires(self, lag: timedelta) -> None:
        self.patience -= 1
        self.look(self.now - lag)

    def look(self, until: datetime) -> None:
        before = self.clock
        self.clock, firings = domain.fire(before, self.spec, self.schedule, self.now, until)
        if before.status != "running":
            assert (self.clock, firings) == (before, []), "INVARIANT: a stopped clock never fires"
        for firing in firings:
            match firing:
                case domain.Warned(percent, at):
                    self.is_the_latest_warning(percent, at, until)
                case domain.Breached(late_by):
                    assert before.breached_at is None
                    assert self.schedule.due_at <= until
                    assert late_by == self.now - self.schedule.due_at
                    self.breaches += 1
                case domain.Raised():
                    self.is_the_next_rung(firing, until)
        assert len(firings) <= 3
        assert self.clock.next_at is None or self.clock.next_at > until, "a look settles what was due by then"

    def is_the_latest_warning(self, percent: int, at: datetime, until: datetime) -> None:
        passed = [
            p for p, instant in zip(self.spec.warn_percent, self.schedule.warn_at, strict=True) if instant <= until
        ]
        assert percent == passed[-1], "of missed warnings only the latest is sent"
        assert at <= until
        assert percent not in self.warned, "each warning fires at most once"
        assert self.warned == sorted(self.warned)
        self.warned.append(percent)

    def is_the_next_rung(self, raised: domain.Raised, until: datetime) -> None:
        step = self.spec.ladder[len(self.raised)]
        assert (raised.rung, raised.role, raised.form) == (step.rung, step.role, step.form), "each rung once, in order"
        assert raised.rung_at == self.schedule.rung_at[len(self.raised)] <= until
        assert raised.late_by == self.now - raised.rung_at
        assert self.clock.breached_at is not None
        if self.raised:
            assert self.now - self.raised[-1][1] >= domain.APART, "rungs are at least 60 business seconds apart"
        assert raised.escalation_id not in self.ids, "(clock, rung) fires once, in whatever cycle"
        self.ids.add(raised.escalation_id)
        self.raised.append((raised.rung, self.now))

    @precondition(lambda self: self.patience <= 0)
    @rule(offset=SECONDS, before=st.booleans())
    def stops(self, offset: timedelta, before: bool) -> None:
        at = self.now - offset if before else MONDAY + offset
        was = self.clock
        self.clock = domain.stop(was, at)
        if was.status == "running":
            assert self.clock.status == ("met" if at <= self.schedule.due_at else "met_late")
            assert self.clock.stopped_at == at
        else:
            assert self.clock == was

    @precondition(lambda self: self.patience <= 0)
    @rule()
    def is_cancelled(self) -> None:
        was = self.clock
        self.clock = domain.cancel(was, self.now)
        assert self.clock.status == ("cancelled" if was.status == "running" else was.status)

    @rule(data=st.data(), length=LENGTHS)
    def calendar_is_published(self, data: st.DataObject, length: timedelta) -> None:
        was = self.clock
        schedule = instants(self.spec, length, data.draw(delay_lists(len(self.spec.ladder))))
        moved, again = domain.move_due(was, schedule, was.calendar_version + 1)
        if was.status != "running":
            assert (moved, again) == (was, None)
            return
        self.schedule, self.clock = schedule, again or moved
        assert self.clock.warned == was.warned, "a warning that is out is not sent again"
        undone = was.breached_at is not None and was.breached_at < schedule.due_at
        assert (again is not None) == undone
        if again is not None:
            assert (moved.status, moved.next_at) == ("voided", None)
            assert again.clock_id == domain.again_id(was.clock_id)
            self.breaches, self.raised = 0, []

    @invariant()
    def counts_agree_with_what_was_said(self) -> None:
        assert self.breaches == (self.clock.breached_at is not None)
        assert self.clock.climbed == len(self.raised)
        assert self.clock.warned >= len(self.warned)

    @invariant()
    def next_look_is_the_first_thing_unfired(self) -> None:
        """None exactly when nothing is left to fire or the clock has ended; else the earliest unfired instant."""
        assert self.clock.next_at == min(self.unfired(), default=None)

    def unfired(self) -> list[datetime]:
        if self.clock.status != "running":
            return []
        left = list(self.schedule.warn_at[self.clock.warned :])
        if self.clock.breached_at is None:
            left.append(self.schedule.due_at)
        elif self.clock.climbed < len(self.schedule.rung_at):
            at = self.schedule.rung_at[self.clock.climbed]
            left.append(max(at, self.raised[-1][1] + domain.APART) if self.raised else at)
        return left

    def teardown(self) -> None:
        """Looked at often enough, a clock that still runs says all that is left, and then nothing."""
        if not hasattr(self, "clock") or self.clock.status != "running":
            return
        looks = 0
        while self.clock.next_at is not None:
            self.now = max(self.now, self.clock.next_at)
            self.look(self.now)
            self.next_look_is_the_first_thing_unfired()
            looks += 1
        assert looks <= len(self.spec.warn_percent) + 1 + len(self.spec.ladder)
        assert [rung for rung, _ in self.raised] == [step.rung for step in self.spec.ladder]
        assert self.clock.warned == len(self.spec.warn_percent)
        assert self.breaches == 1


TestClock = ClockMachine.TestCase
TestClock.settings = settings(max_examples=150, stateful_step_count=30, deadline=None, database=None)
