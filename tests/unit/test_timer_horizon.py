"""How far the timer may fire: as far as the queue has been drained, and with caution when that cannot be known."""

from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from sqlalchemy.exc import DBAPIError

from support.clockface import MONDAY, local
from whistle_shared.timers import Horizon, Timer, timer
from whistle_shared.timesource import AffineTime

WALL = local(2026, 11, 22, 20)
RATE = 60.0
GRACE = 2.0
T = TypeVar("T")


def at_once(asked: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns that never waits for anything. Without a loop: the hands of the clocks that the tests
    move are seen by nobody else."""
    try:
        asked.send(None)
    except StopIteration as done:
        answer: T = done.value
        return answer
    raise AssertionError("it waited")


class Machine:
    """The machine's two clocks, the queue and the timer that watches them; a test moves the hands."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall = WALL
        self.steady = 1000.0
        self.handled: datetime | None = WALL
        monkeypatch.setattr(timer, "wall_now", lambda: self.wall)
        monkeypatch.setattr(timer, "monotonic", lambda: self.steady)
        self.timer = Timer(self.no_fire, self.caught_up_to, AffineTime(MONDAY, WALL, RATE), GRACE)

    async def no_fire(self, horizon: Horizon) -> int:
        raise AssertionError("this test asks for horizons only")

    async def caught_up_to(self) -> datetime | None:
        return self.handled

    def passes(self, seconds: float) -> None:
        """Both clocks go on."""
        self.wall += timedelta(seconds=seconds)
        self.steady += seconds

    def asks(self) -> tuple[float, bool] | None:
        """Up to how many technical seconds after the start may be fired, and whether that is a guess."""
        horizon = at_once(self.timer.horizon())
        if horizon is None:
            return None
        assert horizon.limit == 200
        return (horizon.until - MONDAY).total_seconds() / RATE, horizon.degraded


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def after(seconds: float) -> datetime:
    return WALL + timedelta(seconds=seconds)


def test_what_was_said_is_waited_for_before_anything_fires(machine: Machine) -> None:
    """INVARIANT: nothing fires for an instant before which something already said may still be on its way."""
    machine.passes(30)
    machine.handled = after(30)
    assert machine.asks() == (30 - GRACE, False)
    machine.handled = after(12)  # a message that was sent at 12 s is the last one handled
    assert machine.asks() == (12 - GRACE, False)


def test_the_grace_is_technical_seconds(machine: Machine) -> None:
    horizon = at_once(machine.timer.horizon())
    assert horizon is not None
    assert horizon.until == MONDAY - timedelta(seconds=GRACE * RATE)


def test_while_nothing_is_known_of_the_queue_nothing_fires_for_a_minute(machine: Machine) -> None:
    machine.handled = None
    heard = []
    for _ in range(7):
        heard.append(machine.asks())
        machine.passes(10)
    assert heard == [None] * 7
    assert machine.asks() == (70 - GRACE, True)


def test_a_queue_that_is_behind_holds_the_horizon_and_after_a_minute_says_so(machine: Machine) -> None:
    machine.passes(600)
    machine.handled = after(100)
    heard = []
    for _ in range(8):
        heard.append(machine.asks())
        machine.passes(10)
    assert heard == [(100 - GRACE, False)] * 7 + [(670 - GRACE, True)]


def test_once_drained_the_minute_begins_anew(machine: Machine) -> None:
    machine.handled = None
    assert machine.asks() is None
    machine.passes(61)
    assert machine.asks() == (61 - GRACE, True)
    machine.handled = after(61)
    assert machine.asks() == (61 - GRACE, False)
    machine.handled = None
    machine.passes(30)
    assert machine.asks() is None
    machine.passes(61)
    assert machine.asks() == (152 - GRACE, True)


@pytest.mark.parametrize("jump", [6.0, 3600.0, -6.0, -86400.0])
def test_a_clock_that_jumped_is_not_fired_on_for_a_minute(machine: Machine, jump: float) -> None:
    assert machine.asks() == (-GRACE, False)
    machine.wall += timedelta(seconds=jump)
    machine.handled = machine.wall
    assert machine.asks() is None
    machine.passes(59)
    assert machine.asks() is None
    machine.passes(1)
    machine.handled = machine.wall
    assert machine.asks() == (jump + 60 - GRACE, False)


def test_a_second_jump_begins_a_second_minute(machine: Machine) -> None:
    machine.wall += timedelta(hours=1)
    assert machine.asks() is None
    machine.passes(50)
    machine.wall -= timedelta(hours=1)
    assert machine.asks() is None
    machine.passes(50)
    assert machine.asks() is None


def test_a_clock_that_is_put_right_slowly_is_believed(machine: Machine) -> None:
    for _ in range(20):
        machine.passes(1)
        machine.wall += timedelta(seconds=4)
        machine.handled = machine.wall
        assert machine.asks() == ((machine.wall - WALL).total_seconds() - GRACE, False)


# -- the loop -------------------------------------------------------------------------------------------------


def fires(monkeypatch: pytest.MonkeyPatch, fire: Callable[[Horizon], Awaitable[int]], *unknown: None) -> list[float]:
    """Run the loop until `fire` ends it with a LookupError; returns the pauses it made. The queue is drained, but only
    after as many looks as there are `unknown`."""
    looks: list[datetime | None] = [*unknown]
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) > 100:
            raise AssertionError("the loop never ended")

    async def caught_up_to() -> datetime | None:
        return looks.pop() if looks else WALL

    monkeypatch.setattr(timer, "wall_now", lambda: WALL)
    monkeypatch.setattr(timer, "asyncio", SimpleNamespace(sleep=pause))
    with pytest.raises(LookupError):
        at_once(Timer(fire, caught_up_to, AffineTime(), GRACE).run())
    return pauses


def test_the_loop_goes_straight_on_while_there_is_more_than_it_can_take(monkeypatch: pytest.MonkeyPatch) -> None:
    due = iter([200, 200, 17, 0])

    async def fire(horizon: Horizon) -> int:
        assert horizon == Horizon(WALL - timedelta(seconds=GRACE), degraded=False)
        left = next(due, None)
        if left is None:
            raise LookupError("the test is over")
        return left

    assert len(fires(monkeypatch, fire)) == 2


def test_the_loop_outlives_the_database_and_a_lost_race_but_not_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    class Deadlock(Exception):
        sqlstate = "40P01"

    passing = iter([ConnectionRefusedError("database"), TimeoutError(), DBAPIError("update", {}, Deadlock())])

    async def fire(horizon: Horizon) -> int:
        error = next(passing, None)
        if error is None:
            raise LookupError("a bug")
        raise error

    assert len(fires(monkeypatch, fire)) == 3


def test_the_loop_does_not_fire_without_a_horizon(monkeypatch: pytest.MonkeyPatch) -> None:
    fired: list[Horizon] = []

    async def fire(horizon: Horizon) -> int:
        fired.append(horizon)
        raise LookupError("the test is over")

    assert len(fires(monkeypatch, fire, None, None)) == 2
    assert len(fired) == 1
