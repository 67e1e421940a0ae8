"""Group commit without a database: who waits, and who commits."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from whistle_shared.db import Group, Outbox, Work, make_engine
from whistle_shared.timesource import AffineTime


async def _load_nothing(unit: Any, works: Sequence[Work]) -> None:
    """Nothing is loaded, because nothing is read."""


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> Group:
    async def run(works: Sequence[Work]) -> list[Any]:
        await asyncio.sleep(0)
        return ["done"] * len(works)

    never = make_engine("postgresql+asyncpg://nobody@127.0.0.1:1/nothing")
    group = Group(never, "intake", AffineTime(), _load_nothing, Outbox())
    monkeypatch.setattr(group, "run", run)
    return group


async def test_a_request_made_while_the_committers_leave_is_committed_too(group: Group) -> None:
    """INVARIANT: whoever waits has a committer, also who asks in the very step in which the last two leave."""
    work = Work(act=lambda unit: None)
    for _ in range(20):
        first, second = (asyncio.create_task(group.do(work)) for _ in range(2))
        await first
        async with asyncio.timeout(2):
            assert await group.do(work) == await second == "done"
