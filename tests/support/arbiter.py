"""What the district whistle office decides, each deed one call of dispatch's API; `WhistleOffice` takes it over."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from support.answers import Blown, expect
from support.waiting import until

if TYPE_CHECKING:
    from support.ground import Ground


@dataclass(frozen=True, slots=True)
class DistrictDecisions:
    """The district whistle office at its desk."""

    city: "Ground"

    async def asks(self, method: str, path: str, **request: Any) -> httpx.Response:
        """One request to dispatch as the district; returns the answer, whatever it is."""
        return await self.city.call("dispatch", method, f"/api/v1{path}", **request)

    async def finds(self, room: str, status: str, department: str) -> dict[str, Any]:
        """A department's request on a desk (`returns`, `requests`, `appeals`), waited for."""

        async def seen() -> dict[str, Any] | None:
            found = expect(await self.asks("GET", f"/{room}", params={"status": status, "limit": 200}))["items"]
            return next((one for one in found if one["department"] == department), None)

        return await until(seen, f"a {status} one of {department} among the {room}")

    async def finds_dispute(self, whistle: Blown, status: str = "open") -> dict[str, Any]:
        """A dispute over this whistle, waited for."""

        async def seen() -> dict[str, Any] | None:
            found = expect(await self.asks("GET", "/disputes", params={"status": status, "limit": 200}))["items"]
            return next((one for one in found if one["whistle_id"] == whistle.whistle_id), None)

        return await until(seen, f"a dispute over {whistle.number} to be {status}")

    async def tries_to_decide(self, room: str, item_id: str, **decision: Any) -> httpx.Response:
        """Decide what lies on a desk; returns the answer, whatever it is."""
        body = {"reason": "职责清单第 12 项"} | decision
        return await self.asks("POST", f"/{room}/{item_id}/decision", json=body)

    async def decides_return(self, department: str, *departments: str, **more: Any) -> dict[str, Any]:
        """A department's pending return (退单): upheld for whoever is named, else refused."""
        asked = await self.finds("returns", "pending", department)
        decision = {"upheld": bool(departments), "departments": list(departments)} | more
        return expect(await self.tries_to_decide("returns", asked["request_id"], **decision))

    async def decides_dispute(self, whistle: Blown, *departments: str, **more: Any) -> dict[str, Any]:
        """The whistle's open dispute (权责裁定): the duty is divided among whoever is named, else it stays."""
        dispute = await self.finds_dispute(whistle)
        decision = {"upheld": bool(departments), "departments": list(departments)} | more
        return expect(await self.tries_to_decide("disputes", dispute["dispute_id"], **decision))

    async def decides_request(self, department: str, granted: bool = True, **more: Any) -> dict[str, Any]:
        """A department's pending request for more time."""
        asked = await self.finds("requests", "pending", department)
        return expect(await self.tries_to_decide("requests", asked["request_id"], granted=granted, **more))

    async def keeps_suspension(self, department: str, **more: Any) -> dict[str, Any]:
        """A suspension is kept at its review."""
        asked = await self.finds("requests", "upheld", department)
        return expect(await self.tries_to_decide("requests", asked["request_id"], granted=True, review=True, **more))

    async def decides_appeal(self, department: str, score: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """A department's pending score appeal: granted with a score, else refused."""
        asked = await self.finds("appeals", "pending", department)
        decision = {"granted": score is not None, "score": score} | more
        return expect(await self.tries_to_decide("appeals", asked["request_id"], **decision))

    async def hands_over(self, whistle: Blown, department: str) -> dict[str, Any]:
        """Another department leads from now."""
        body = {"department": department, "reason": "现场以其职责为主"}
        return expect(await self.asks("POST", f"/dispatches/{whistle.whistle_id}/lead", json=body))

    async def calls_substitute(self, whistle: Blown, department: str, role: str = "assist") -> dict[str, Any]:
        """A department is called in where another one stays silent."""
        body = {"department": department, "role": role, "reason": "原单位未应哨"}
        return expect(await self.asks("POST", f"/dispatches/{whistle.whistle_id}/tasks", json=body))

    async def resumes(self, task_id: str) -> dict[str, Any]:
        """A suspension that the district granted is over."""
        return expect(await self.asks("POST", f"/tasks/{task_id}/resumption", json={"reason": "条件已具备"}))

    async def excludes(self, task_id: str, excluded: bool = True) -> dict[str, Any]:
        """A task is left out of assessment."""
        body = {"excluded": excluded, "reason": "不可抗力"}
        return expect(await self.asks("POST", f"/tasks/{task_id}/exclusion", json=body))

    async def precedents(self, category: str) -> list[dict[str, Any]]:
        """What earlier disputes say about a sub-category (判例)."""
        return list(expect(await self.asks("GET", "/precedents", params={"category": category}))["items"])

    async def adopts(self, precedent_id: str) -> dict[str, Any]:
        """The catalogue follows a precedent."""
        return expect(await self.asks("POST", f"/precedents/{precedent_id}/adoption"))
