"""How far the queue has been handled, which is how far clocks may fire."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from support.waiting import SECONDS, until
from support.wire import wire
from support.workshop import Workshop, hear, withdrawn
from whistle_shared.contracts import Event
from whistle_shared.contracts.intake import WhistleWithdrawn
from whistle_shared.db import Unit
from whistle_shared.timers import Horizon, Timer
from whistle_shared.timers import timer as timer_module
from whistle_shared.timesource import AffineTime, wall_now

_WAITING = 30


class Counting:
    """A service that counts what it handles, beside a queue in which something waits."""

    def __init__(self, workshop: Workshop) -> None:
        self.handled: list[UUID] = []
        self._workshop = workshop
        self.service = workshop.build("dispatch", {WhistleWithdrawn: self._count})
        workshop.adopt(self.service)

    def _count(self, unit: Unit, event: Event[Any]) -> None:
        hear(unit, event)
        self.handled.append(event.id)

    async def put(self) -> datetime:
        """Let something wait in the queue; returns an instant after the last of it was put there."""
        for _ in range(_WAITING):
            await self._workshop.broker.put("dispatch.in", wire(withdrawn()), "intake")
        return wall_now()

    async def handled_when_caught_up_to(self, instant: datetime) -> int:
        """Ask again and again without a pause; how many were handled at the moment of the first yes."""
        async with asyncio.timeout(SECONDS):
            while True:
                up_to = await self.service.consumer.caught_up_to()
                if up_to is not None and up_to >= instant:
                    return len(self.handled)
                await asyncio.sleep(0)


@pytest.mark.parametrize("round_", range(4))
async def test_a_service_that_starts_is_not_caught_up_before_the_last_waiting_event_is_handled(
    workshop: Workshop, round_: int
) -> None:
    """INVARIANT: nothing fires for an instant before which something already said may still be on its way."""
    counting = Counting(workshop)
    put_at = await counting.put()
    await counting.service.start()
    assert await counting.handled_when_caught_up_to(put_at) == _WAITING


@pytest.mark.parametrize("round_", range(4))
async def test_a_lost_connection_makes_nobody_believe_that_what_waits_is_handled(
    workshop: Workshop, round_: int
) -> None:
    counting = Counting(workshop)
    await counting.service.start()
    await until(counting.service.consumer.caught_up_to, "the service to be caught up")
    channel = counting.service.consumer._channel
    assert channel is not None
    await channel.close()

    put_at = await counting.put()

    assert await counting.handled_when_caught_up_to(put_at) == _WAITING
    assert not counting.service.failed.is_set()


async def test_a_service_without_its_broker_does_not_know_how_far_it_is(workshop: Workshop) -> None:
    assert await workshop.build("dispatch").consumer.caught_up_to() is None


class Wall:
    """A wall clock and a monotonic one that a test moves."""

    def __init__(self) -> None:
        self.start = wall_now()
        self.seconds = 1_000.0
        self.jump = 0.0

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds - 1_000 + self.jump)

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    """The clocks that the timer reads."""
    wall = Wall()
    monkeypatch.setattr(timer_module, "wall_now", wall.now)
    monkeypatch.setattr(timer_module, "monotonic", wall.monotonic)
    return wall


class Queue:
    """What a consumer says of its queue."""

    def __init__(self, wall: Wall, behind: float | None = 0.0) -> None:
        self._wall, self.behind = wall, behind

    async def caught_up_to(self) -> datetime | None:
        return None if self.behind is None else self._wall.now() - timedelta(seconds=self.behind)


async def nothing_fires(horizon: Horizon) -> int:
    """A timer whose horizon alone is looked at."""
    return 0


def timer_over(queue: Queue) -> Timer:
    return Timer(nothing_fires, queue.caught_up_to, AffineTime(), grace=2.0)


@pytest.mark.parametrize("behind", [0.0, 10.0, 59.0])
async def test_clocks_fire_up_to_what_is_handled_less_the_grace(wall: Wall, behind: float) -> None:
    horizon = await timer_over(Queue(wall, behind)).horizon()
    assert horizon == Horizon(wall.now() - timedelta(seconds=behind + 2), degraded=False)


async def test_while_the_queue_cannot_be_seen_nothing_fires_for_a_minute_and_then_it_says_so(wall: Wall) -> None:
    queue = Queue(wall, behind=None)
    timer = timer_over(queue)
    assert await timer.horizon() is None
    wall.seconds += 59
    assert await timer.horizon() is None
    wall.seconds += 2
    assert await timer.horizon() == Horizon(wall.now() - timedelta(seconds=2), degraded=True)

    queue.behind = 0
    assert await timer.horizon() == Horizon(wall.now() - timedelta(seconds=2), degraded=False)
    queue.behind = None
    assert await timer.horizon() is None, "the minute begins anew"


async def test_a_queue_that_lags_by_more_than_a_minute_holds_the_firing_for_a_minute_more(wall: Wall) -> None:
    timer = timer_over(Queue(wall, behind=120))
    first = await timer.horizon()
    assert first == Horizon(wall.now() - timedelta(seconds=122), degraded=False)
    wall.seconds += 61
    assert (await timer.horizon()) == Horizon(wall.now() - timedelta(seconds=2), degraded=True)


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
async def test_a_wall_clock_that_jumps_is_not_fired_on_for_a_minute(wall: Wall, jump: float) -> None:
    timer = timer_over(Queue(wall))
    assert await timer.horizon() is not None
    wall.jump = jump
    assert await timer.horizon() is None
    wall.seconds += 59
    assert await timer.horizon() is None
    wall.seconds += 2
    assert await timer.horizon() is not None
