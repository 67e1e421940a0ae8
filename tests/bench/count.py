"""Counts from outside, by SQL: how many tasks stand in the department databases and how many clocks in escalation's."""

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from time import monotonic
from uuid import UUID

import asyncpg

_ALL = "select count(*) from {}"
_OF = "select whistle_id, count(*) from {} where whistle_id = any($1) group by whistle_id"


class Ledger:
    """The databases in which one side's whistles end. Addresses are asyncpg's (postgresql://…)."""

    def __init__(self, departments: Sequence[str], escalation: str) -> None:
        self._addresses = [*departments, escalation]
        self._connections: list[asyncpg.Connection] = []

    async def open(self) -> None:
        """Connect; once, before the first count."""
        self._connections = [await asyncpg.connect(address) for address in self._addresses]

    async def close(self) -> None:
        """Let go of the connections."""
        for connection in self._connections:
            await connection.close()

    async def totals(self) -> tuple[int, int]:
        """All tasks and all clocks."""
        *departments, escalation = self._connections
        tasks = await asyncio.gather(*(c.fetchval(_ALL.format("task")) for c in departments))
        return sum(tasks), await escalation.fetchval(_ALL.format("clock"))

    async def complete_at(self, tasks: int, clocks: int, limit: float) -> float:
        """The monotonic instant by which so many stand there. Raises TimeoutError after `limit` seconds, and
        RuntimeError when there are more than there should be."""
        until = monotonic() + limit
        while True:
            found = await self.totals()
            now = monotonic()
            if found == (tasks, clocks):
                return now
            if found[0] > tasks or found[1] > clocks:
                raise RuntimeError(f"expected {tasks} tasks and {clocks} clocks, found {found}")
            if now > until:
                raise TimeoutError(f"expected {tasks} tasks and {clocks} clocks within {limit:.0f} s, found {found}")
            await asyncio.sleep(0.1)

    async def of(self, whistles: Collection[UUID]) -> dict[UUID, tuple[int, int]]:
        """Tasks and clocks of each of these whistles."""
        *departments, escalation = self._connections
        found = await asyncio.gather(*(c.fetch(_OF.format("task"), whistles) for c in departments))
        tasks: Counter[UUID] = Counter()
        for rows in found:
            tasks.update(dict(rows))
        clocks = dict(await escalation.fetch(_OF.format("clock"), whistles))
        return {whistle: (tasks[whistle], clocks.get(whistle, 0)) for whistle in whistles}
