"""What a street decides after the blowing, each deed one call of intake's API. `StreetOffice` takes it over whole."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx

from support.answers import Blown, expect
from support.waiting import until

if TYPE_CHECKING:
    from support.ground import Ground


@dataclass(frozen=True, slots=True)
class StreetDecisions:
    """One street's people at their counter."""

    city: "Ground"
    code: str

    async def asks(self, method: str, path: str, **request: Any) -> httpx.Response:
        """One request to intake as this street; returns the answer, whatever it is."""
        return await self.city.call(
            "intake", method, f"/api/v1{path}", role="street_initiator", scope=self.code, **request
        )

    async def task(self, whistle: Blown, department: str, *states: str) -> dict[str, Any]:
        """A department's task of the present round as this street sees it, waited for (in one of these states)."""

        async def seen() -> dict[str, Any] | None:
            view = expect(await self.asks("GET", f"/whistles/{whistle.whistle_id}"))
            mine = [t for t in view["tasks"] if t["department"] == department and t["round"] == view["round"]]
            return next((t for t in reversed(mine) if not states or t["state"] in states), None)

        return await until(seen, f"the task of {department} to be {' or '.join(states) or 'called'}")

    async def tries(self, whistle: Blown, department: str, step: str, body: dict[str, Any]) -> httpx.Response:
        """Take a step about a department's task as it stands; returns the answer, whatever it is."""
        task = await self.task(whistle, department)
        return await self.asks("POST", f"/whistles/{whistle.whistle_id}/tasks/{task['task_id']}/{step}", json=body)

    async def verifies(self, whistle: Blown, *departments: str, note: str = "") -> dict[str, Any]:
        """The work of these departments is done, says the street once they have said so (核查通过)."""
        for department in departments:
            await self.task(whistle, department, "submitted")
            view = expect(await self.tries(whistle, department, "verification", {"passed": True, "note": note}))
        return view

    async def orders_rework(self, whistle: Blown, department: str, note: str = "井盖松动，未固定") -> dict[str, Any]:
        """The work is not done (返工)."""
        await self.task(whistle, department, "submitted")
        return expect(await self.tries(whistle, department, "verification", {"passed": False, "note": note}))

    async def tries_to_score(self, whistle: Blown, department: str, veto: bool = False, **parts: int) -> httpx.Response:
        """Score a task; parts not named get their full mark. Returns the answer, whatever it is."""
        marks = dict(self.city.pack.registry.regulation.scoring.parts) | parts
        body = {"parts": marks, "veto": veto, "basis": "处置及时，现场已恢复"}
        return await self.tries(whistle, department, "score", body)

    async def scores(self, whistle: Blown, *departments: str, veto: bool = False, **parts: int) -> dict[str, Any]:
        """Score the tasks of these departments alike (评价)."""
        for department in departments:
            view = expect(await self.tries_to_score(whistle, department, veto, **parts))
        return view

    async def tries_to_call_back(self, whistle: Blown, **answer: Any) -> httpx.Response:
        """Ask the reporter, who is satisfied unless said otherwise; returns intake's answer, whatever it is."""
        said = {"contacted": True, "solved": True, "satisfaction": "satisfied"} | answer
        return await self.asks("POST", f"/whistles/{whistle.whistle_id}/callback", json=said)

    async def calls_back(self, whistle: Blown, **answer: Any) -> dict[str, Any]:
        """Ask the reporter (回访)."""
        return expect(await self.tries_to_call_back(whistle, **answer))

    async def tries_to_convene(
        self, whistle: Blown, departments: list[str], starts_at: datetime | None = None
    ) -> httpx.Response:
        """Call departments to a meeting (in an hour); returns the answer, whatever it is."""
        begins = starts_at or self.city.time.now() + timedelta(hours=1)
        body = {
            "departments": departments,
            "starts_at": begins.isoformat(),
            "place": "街道三楼会议室",
            "agenda": "会商停车难整治方案",
        }
        return await self.asks("POST", f"/whistles/{whistle.whistle_id}/meetings", json=body)

    async def convenes(
        self, whistle: Blown, departments: list[str], starts_at: datetime | None = None
    ) -> dict[str, Any]:
        """Call departments to a meeting (会商)."""
        return expect(await self.tries_to_convene(whistle, departments, starts_at), 201)

    async def tries_to_minute(self, meeting: dict[str, Any], **more: Any) -> httpx.Response:
        """File a meeting's minutes; returns the answer, whatever it is."""
        body = {"minutes": "议定由城管局牵头施划停车位。", "attended": [], "items": []} | more
        return await self.asks("POST", f"/meetings/{meeting['meeting_id']}/minutes", json=body)

    async def minutes(self, meeting: dict[str, Any], *items: tuple[str, str, str], **more: Any) -> dict[str, Any]:
        """File a meeting's minutes; items are (department, title, limit)."""
        said = [{"department": code, "title": title, "limit": limit} for code, title, limit in items]
        return expect(await self.tries_to_minute(meeting, items=said, **more))

    async def request(self, whistle: Blown, status: str = "pending") -> dict[str, Any]:
        """The newest request under a whistle that stands so, waited for."""

        async def asked() -> dict[str, Any] | None:
            page = expect(await self.asks("GET", "/requests", params={"status": status}))
            return next((item for item in page["items"] if item["whistle_id"] == whistle.whistle_id), None)

        return await until(asked, f"a {status} request under {whistle.number}")

    async def tries_to_decide(self, request: dict[str, Any], granted: bool = True, **more: Any) -> httpx.Response:
        """Decide a request; returns the answer, whatever it is."""
        body = {"granted": granted, "reason": "情况属实"} | more
        return await self.asks("POST", f"/requests/{request['request_id']}/decision", json=body)

    async def decides(self, whistle: Blown, granted: bool = True, **more: Any) -> dict[str, Any]:
        """Decide the newest request that is pending under a whistle."""
        return expect(await self.tries_to_decide(await self.request(whistle), granted, **more))

    async def resumes(self, whistle: Blown, department: str, reason: str = "资金已批复") -> dict[str, Any]:
        """End a suspension."""
        task = await self.task(whistle, department, "suspended")
        return expect(await self.asks("POST", f"/tasks/{task['task_id']}/resumption", json={"reason": reason}))

    async def urges(self, whistle: Blown, department: str, note: str = "居民已多次来电") -> dict[str, Any]:
        """Urge a department (催办)."""
        return expect(await self.tries(whistle, department, "urge", {"note": note}))
