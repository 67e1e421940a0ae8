"""What anyone can see of the stack from outside: the public APIs, the metrics, the broker's management API."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from whistle_demo.client import Api

PARKING = "parking"
_PENDING = re.compile(r"^whistle_outbox_pending(?:\{[^}]*\})? (\S+)$", re.MULTILINE)
_READERS = 16


@dataclass(frozen=True, slots=True)
class Outside:
    """`addresses` by process name; the Apis carry operations' tokens; `departments`: one for each instance."""

    http: httpx.AsyncClient
    addresses: Mapping[str, str]
    management_url: str
    intake: Api
    dispatch: Api
    departments: tuple[Api, ...]
    escalation: Api

    async def tasks(self) -> list[dict[str, Any]]:
        """Every task of every department instance."""
        return [task for api in self.departments async for task in api.items("/tasks")]

    async def clocks(self) -> list[dict[str, Any]]:
        """Every clock."""
        return [clock async for clock in self.escalation.items("/clocks")]

    async def escalations(self) -> list[dict[str, Any]]:
        """Every rung that was climbed."""
        return [rung async for rung in self.escalation.items("/escalations")]

    async def statistics(self) -> dict[str, Any]:
        """escalation's own summary, for the live view."""
        answer: dict[str, Any] = await self.escalation.get("/statistics")
        return answer

    async def whistles(self, ids: set[UUID]) -> dict[UUID, dict[str, Any]]:
        """These whistles with their timelines, as intake tells them."""
        slots = asyncio.Semaphore(_READERS)

        async def read(whistle: UUID) -> tuple[UUID, dict[str, Any]]:
            async with slots:
                return whistle, await self.intake.get(f"/whistles/{whistle}")

        return dict(await asyncio.gather(*map(read, ids)))

    async def undispatched(self, ids: set[UUID]) -> frozenset[UUID]:
        """Those of these whistles for which dispatch has called nobody."""
        found = {whistle: await self.dispatch.get(f"/dispatches/{whistle}") for whistle in ids}
        return frozenset(whistle for whistle, dispatch in found.items() if not dispatch["tasks"])

    async def pending(self) -> dict[str, int]:
        """Confirmations outstanding, by process. Raises httpx.HTTPError while one of them is down."""
        return {name: await self._pending(address) for name, address in self.addresses.items()}

    async def _pending(self, address: str) -> int:
        answer = await self.http.get(f"{address}/metrics")
        found = _PENDING.search(answer.raise_for_status().text)
        if found is None:
            raise httpx.DecodingError(f"{address}/metrics does not say whistle_outbox_pending")
        return int(float(found[1]))

    async def queues(self) -> dict[str, int]:
        """Messages ready and unacknowledged, by queue. Raises httpx.HTTPError while the broker is down or has no
        figures yet."""
        answer = await self.http.get(f"{self.management_url}/api/queues/whistle")
        try:
            return {
                queue["name"]: queue["messages_ready"] + queue["messages_unacknowledged"]
                for queue in answer.raise_for_status().json()
            }
        except KeyError as missing:
            raise httpx.DecodingError(f"a queue has no {missing} yet") from missing
