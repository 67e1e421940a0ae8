"""The people of the city and what they do: every deed is one call of a public API with that person's own token.

A deed that should succeed says so at once (the answer's text is in the failure); `tries_…` hands back the answer.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx

from support.waiting import until

if TYPE_CHECKING:
    from support.ground import Ground


@dataclass(frozen=True, slots=True)
class Blown:
    """A whistle as its street was answered."""

    whistle_id: str
    number: str
    category: str | None
    view: dict[str, Any]


def expect(answer: httpx.Response, *statuses: int) -> dict[str, Any]:
    """The body of an answer that must have one of these statuses (default 200)."""
    assert answer.status_code in (statuses or (200,)), f"{answer.status_code}: {answer.text}"
    body: dict[str, Any] = answer.json()
    return body


@dataclass(frozen=True, slots=True)
class StreetOffice:
    """One street's people."""

    city: "Ground"
    code: str

    def says(self, category: str | None = "0701", **more: Any) -> dict[str, Any]:
        """What this street sends to blow a whistle; kind and urgency default to the sub-category's."""
        known = self.city.pack.registry.category_by_code.get(category or "")
        return {
            "kind": known.default_kind if known else "appeal",
            "urgency": known.default_urgency if known else "normal",
            "street": self.code,
            "category": category,
            "title": "井盖缺失",
            "description": "人行道上一处井盖缺失，夜间无照明，行人有坠落危险。",
            "place": "东门路 12 号门前",
            "beyond_power_reason": "井盖权属不明，街道无权处置地下管线。",
        } | more

    async def tries_to_blow(
        self, body: dict[str, Any] | None = None, key: str | None = None, **more: Any
    ) -> httpx.Response:
        """Raise a whistle; returns the answer, whatever it is."""
        return await self.city.call(
            "intake",
            "POST",
            "/api/v1/whistles",
            role="street",
            scope=self.code,
            json=self.says(**more) if body is None else body,
            headers={"Idempotency-Key": key or uuid4().hex},
        )

    async def blows(self, category: str | None = "0701", key: str | None = None, **more: Any) -> Blown:
        """Raise a whistle and have it accepted."""
        view = expect(await self.tries_to_blow(key=key, category=category, **more), 201)
        return Blown(view["whistle_id"], view["number"], category, view)

    async def tries_to_withdraw(self, whistle: Blown, reason: str = "居民已自行解决") -> httpx.Response:
        """Take a whistle back; returns the answer, whatever it is."""
        return await self.city.call(
            "intake",
            "POST",
            f"/api/v1/whistles/{whistle.whistle_id}/withdrawal",
            role="street",
            scope=self.code,
            json={"reason": reason},
        )

    async def withdraws(self, whistle: Blown, reason: str = "居民已自行解决") -> dict[str, Any]:
        """Take a whistle back and have that accepted."""
        return expect(await self.tries_to_withdraw(whistle, reason))

    async def tries_to_see(self, whistle: Blown) -> httpx.Response:
        """Look at a whistle; returns the answer, whatever it is."""
        path = f"/api/v1/whistles/{whistle.whistle_id}"
        return await self.city.call("intake", "GET", path, role="street", scope=self.code)

    async def sees(self, whistle: Blown) -> dict[str, Any]:
        """The whistle with its tasks and its timeline."""
        return expect(await self.tries_to_see(whistle))

    async def lists(self, **query: Any) -> list[dict[str, Any]]:
        """This street's whistles, newest first."""
        answer = await self.city.call("intake", "GET", "/api/v1/whistles", role="street", scope=self.code, params=query)
        return list(expect(answer)["items"])


@dataclass(frozen=True, slots=True)
class DepartmentOffice:
    """One department's people, at the instance that serves them."""

    city: "Ground"
    code: str

    @property
    def instance(self) -> str:
        """The producer name of the instance."""
        return self.city.instance_of(self.code)

    async def calls(self, method: str, path: str, **request: Any) -> httpx.Response:
        """One request to this department's instance, as this department."""
        return await self.city.call(
            self.instance, method, f"/api/v1{path}", role="department", scope=self.code, **request
        )

    async def tasks(self, **query: Any) -> list[dict[str, Any]]:
        """A page of this department's tasks."""
        return list(expect(await self.calls("GET", "/tasks", params=query))["items"])

    async def task(self, whistle: Blown) -> dict[str, Any]:
        """This department's task under a whistle, waited for."""
        return await until(lambda: self._find(whistle), f"the task of {self.code} under {whistle.number}")

    async def _find(self, whistle: Blown) -> dict[str, Any] | None:
        mine = [task for task in await self.tasks(limit=200) if task["whistle_id"] == whistle.whistle_id]
        assert len(mine) < 2, f"{self.code} has {len(mine)} tasks under {whistle.number}"
        return mine[0] if mine else None

    async def steps(self, whistle: Blown, step: str, body: dict[str, Any], **request: Any) -> httpx.Response:
        """Take one step on this department's task; returns the answer, whatever it is."""
        task = await self.task(whistle)
        return await self.calls("POST", f"/tasks/{task['task_id']}/{step}", json=body, **request)

    async def acknowledges(self, whistle: Blown, person: str = "王敏") -> dict[str, Any]:
        """A named duty person takes the task on (应哨)."""
        return expect(await self.steps(whistle, "acknowledgement", {"person": person}))

    async def arrives(self, whistle: Blown, person: str = "李强", mode: str = "on_site") -> dict[str, Any]:
        """A responder reports in (报到)."""
        body = {"person": person, "place": "东门路 12 号门前", "mode": mode}
        return expect(await self.steps(whistle, "arrival", body))

    async def logs(self, whistle: Blown, note: str = "已设置围挡", person: str = "李强") -> dict[str, Any]:
        """A note on the work under way."""
        return expect(await self.steps(whistle, "progress", {"person": person, "note": note}), 200, 201)

    async def submits(self, whistle: Blown, result: str = "井盖已更换", person: str = "李强") -> dict[str, Any]:
        """The work is done, says the department."""
        return expect(await self.steps(whistle, "submission", {"person": person, "result": result}))


@dataclass(frozen=True, slots=True)
class WhistleOffice:
    """The district whistle office."""

    city: "Ground"

    async def dispatch(self, whistle: Blown) -> dict[str, Any]:
        """Who is responsible for a whistle, waited for."""

        async def known() -> dict[str, Any] | None:
            answer = await self.city.call("dispatch", "GET", f"/api/v1/dispatches/{whistle.whistle_id}")
            return None if answer.status_code == 404 else expect(answer)

        return await until(known, f"dispatch to know {whistle.number}")

    async def desk(self) -> list[dict[str, Any]]:
        """The whistles that wait to be routed by hand."""
        answer = await self.city.call("dispatch", "GET", "/api/v1/dispatches", params={"state": "awaiting_triage"})
        return list(expect(answer)["items"])

    async def tries_to_route(self, whistle: Blown, departments: list[str]) -> httpx.Response:
        """Route a waiting whistle; returns the answer, whatever it is."""
        path = f"/api/v1/dispatches/{whistle.whistle_id}/routing"
        return await self.city.call("dispatch", "POST", path, json={"departments": departments})

    async def routes(self, whistle: Blown, departments: list[str]) -> dict[str, Any]:
        """Route a waiting whistle by hand, the lead first."""
        return expect(await self.tries_to_route(whistle, departments))

    async def sees(self, whistle: Blown) -> dict[str, Any]:
        """The whistle with its timeline, as intake shows it to the district."""
        return expect(await self.city.call("intake", "GET", f"/api/v1/whistles/{whistle.whistle_id}"))


@dataclass(frozen=True, slots=True)
class Watch:
    """Whoever watches the clocks for the whole district."""

    city: "Ground"

    async def clocks(self, **query: Any) -> list[dict[str, Any]]:
        """Clocks, by `whistle_id`, `department`, `name`, `status`."""
        return await self._items("/api/v1/clocks", query)

    async def escalations(self, **query: Any) -> list[dict[str, Any]]:
        """Escalations, by `whistle_id`, `department`, `rung`, `status`; in the order in which they fired."""
        found = await self._items("/api/v1/escalations", query)
        return sorted(found, key=lambda item: (item["fired_at"], item["rung"]))

    async def statistics(self) -> dict[str, Any]:
        return expect(await self.city.call("escalation", "GET", "/api/v1/statistics"))

    async def acknowledges(self, escalation: dict[str, Any]) -> dict[str, Any]:
        """The person whom a rung called has seen it."""
        path = f"/api/v1/escalations/{escalation['escalation_id']}/acknowledgement"
        return expect(await self.city.call("escalation", "POST", path))

    async def _items(self, path: str, query: dict[str, Any]) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            answer = await self.city.call("escalation", "GET", path, params={"limit": 200, **query, **cursor})
            page = expect(answer)
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            cursor = {"cursor": page["next_cursor"]}
