"""What whoever watches the district does with the measures: looks at them, at the tasks behind, and at boards."""

from typing import TYPE_CHECKING, Any

import httpx

from support.answers import expect

if TYPE_CHECKING:
    from support.ground import Ground


class Figures:
    """The measures as escalation shows them; a part of `Watch`."""

    city: "Ground"

    async def tries_to_measure(
        self, by: str = "department", role: str = "arbitrator", scope: str = "*", **query: Any
    ) -> Any:
        """Ask for the measures; returns the answer, whatever it is."""
        return await self._asks("GET", "/measures", role, scope, params={"by": by, **query})

    async def measures(self, by: str = "department", role: str = "arbitrator", scope: str = "*", **query: Any) -> Any:
        """The measures of a period, by unit."""
        view = expect(await self.tries_to_measure(by, role, scope, **query))
        return {unit["unit"]: unit for unit in view["items"]}

    async def number(self, unit: str, name: str, by: str = "department") -> tuple[str, int, str | None]:
        """(numerator, n, value) of one measure of one unit, in the running period."""
        rows = (await self.measures(by))[unit]["numbers"]
        (row,) = [row for row in rows if row["name"] == name]
        return row["numerator"], row["n"], row["value"]

    async def behind(self, name: str, role: str = "arbitrator", scope: str = "*", **query: Any) -> list[dict[str, Any]]:
        """The tasks behind a measure."""
        answer = await self._asks("GET", f"/measures/{name}/tasks", role, scope, params=query)
        return list(expect(answer)["items"])

    async def tries_to_publish(
        self, by: str = "department", period: str = "2026Q2", role: str = "arbitrator", scope: str = "*", **headers: str
    ) -> httpx.Response:
        """Publish a board; returns the answer, whatever it is."""
        body = {"by": by, "period": period}
        return await self._asks("POST", "/boards", role, scope, json=body, headers=headers)

    async def publishes(self, by: str = "department", period: str = "2026Q2") -> dict[str, Any]:
        """Publish a board and have it accepted."""
        return expect(await self.tries_to_publish(by, period), 201)

    async def boards(self, role: str = "arbitrator", scope: str = "*", **query: Any) -> list[dict[str, Any]]:
        """Published boards, newest first."""
        return list(expect(await self._asks("GET", "/boards", role, scope, params=query))["items"])

    async def _asks(self, method: str, path: str, role: str, scope: str, **request: Any) -> httpx.Response:
        return await self.city.call("escalation", method, f"/api/v1{path}", role=role, scope=scope, **request)
