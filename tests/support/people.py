"""The people of the city and what they do: every deed is one call of a public API with that person's own token.

A deed that should succeed says so at once (the answer's text is in the failure); `tries_…` hands back the answer.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx

from support.answers import Blown, expect
from support.arbiter import DistrictDecisions
from support.counsel import StreetDecisions
from support.figures import Figures
from support.waiting import until

if TYPE_CHECKING:
    from support.ground import Ground


__all__ = ["Blown", "DepartmentOffice", "StreetOffice", "Watch", "WhistleOffice", "expect"]


@dataclass(frozen=True, slots=True)
class StreetOffice(StreetDecisions):
    """One street's people. What they decide after the blowing: counsel.py."""

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
            role="street_initiator",
            scope=self.code,
            json=self.says(**more) if body is None else body,
            headers={"Idempotency-Key": key or uuid4().hex},
        )

    async def blows(self, category: str | None = "0701", key: str | None = None, **more: Any) -> Blown:
        """Raise a whistle and have it accepted."""
        view = expect(await self.tries_to_blow(key=key, category=category, **more), 201)
        return Blown(view["whistle_id"], view["number"], category, view)

    # -- before the blowing: a community or the street drafts, the street hands up, its leader signs -----------------

    async def says_as(
        self, role: str, path: str, body: dict[str, Any] | None = None, method: str = "POST", **headers: str
    ) -> httpx.Response:
        """One request to intake by this street's people of a role; returns the answer."""
        about: dict[str, Any] = {} if body is None else {"json": body}
        return await self.city.call(
            "intake", method, f"/api/v1{path}", role=role, scope=self.code, headers=headers, **about
        )

    async def drafts(self, category: str | None = "0701", role: str = "community", **more: Any) -> Blown:
        """Say what the matter is, and call nobody yet (拟哨)."""
        view = expect(await self.says_as(role, "/drafts", self.says(category=category, **more)), 201)
        return Blown(view["whistle_id"], view["number"], category, view)

    async def tries_to_step(
        self, whistle: Blown, step: str, body: dict[str, Any] | None = None, role: str = "street_initiator"
    ) -> httpx.Response:
        """Take a step with a whistle or a draft; returns the answer, whatever it is."""
        return await self.says_as(role, f"/whistles/{whistle.whistle_id}/{step}", body)

    async def submits(self, draft: Blown, role: str = "street_initiator", **reasons: str) -> dict[str, Any]:
        """Hand a draft up, with an `override_reason` or a `distinct_reason`."""
        return expect(await self.tries_to_step(draft, "submission", reasons, role))

    async def signs(self, whistle: Blown) -> dict[str, Any]:
        """The leader signs (审签)."""
        return expect(await self.tries_to_step(whistle, "approval", role="street_approver"))

    async def rejects(
        self, whistle: Blown, outcome: str = "self_handled", reason: str = "可自行处置"
    ) -> dict[str, Any]:
        """The leader does not sign."""
        body = {"outcome": outcome, "reason": reason}
        return expect(await self.tries_to_step(whistle, "rejection", body, role="street_approver"))

    async def joins(self, draft: Blown, whistle: Blown) -> dict[str, Any]:
        """A draft becomes part of an open whistle."""
        return expect(await self.tries_to_step(draft, "joining", {"whistle_id": whistle.whistle_id}))

    async def reopens(self, whistle: Blown, cause: str = "relapse", reason: str = "同一处再次缺失") -> dict[str, Any]:
        """A closed whistle begins again (回潮)."""
        return expect(await self.tries_to_step(whistle, "reopening", {"cause": cause, "reason": reason}))

    async def looks_for_the_like(self, **more: Any) -> dict[str, Any]:
        """Ask whether a matter is known already."""
        said = self.says()
        body = {name: said[name] for name in ("street", "category", "title", "description")} | more
        return expect(await self.says_as("community", "/duplicate-checks", body))

    async def tries_to_withdraw(self, whistle: Blown, reason: str = "居民已自行解决") -> httpx.Response:
        """Take a whistle back; returns the answer, whatever it is."""
        return await self.city.call(
            "intake",
            "POST",
            f"/api/v1/whistles/{whistle.whistle_id}/withdrawal",
            role="street_initiator",
            scope=self.code,
            json={"reason": reason},
        )

    async def withdraws(self, whistle: Blown, reason: str = "居民已自行解决") -> dict[str, Any]:
        """Take a whistle back and have that accepted."""
        return expect(await self.tries_to_withdraw(whistle, reason))

    async def tries_to_see(self, whistle: Blown) -> httpx.Response:
        """Look at a whistle; returns the answer, whatever it is."""
        path = f"/api/v1/whistles/{whistle.whistle_id}"
        return await self.city.call("intake", "GET", path, role="street_initiator", scope=self.code)

    async def sees(self, whistle: Blown) -> dict[str, Any]:
        """The whistle with its tasks and its timeline."""
        return expect(await self.tries_to_see(whistle))

    async def lists(self, **query: Any) -> list[dict[str, Any]]:
        """This street's whistles, newest first."""
        answer = await self.city.call(
            "intake", "GET", "/api/v1/whistles", role="street_initiator", scope=self.code, params=query
        )
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
            self.instance, method, f"/api/v1{path}", role="department_head", scope=self.code, **request
        )

    async def tasks(self, **query: Any) -> list[dict[str, Any]]:
        """A page of this department's tasks."""
        return list(expect(await self.calls("GET", "/tasks", params=query))["items"])

    async def task(self, whistle: Blown) -> dict[str, Any]:
        """This department's task under a whistle, waited for."""
        return await until(lambda: self._find(whistle), f"the task of {self.code} under {whistle.number}")

    async def _find(self, whistle: Blown) -> dict[str, Any] | None:
        """The newest one: a meeting or a decided dispute may call a department again."""
        mine = [task for task in await self.tasks(limit=200) if task["whistle_id"] == whistle.whistle_id]
        kinds = {(task["round"], task["origin"]) for task in mine}
        assert len(kinds) == len(mine), f"{self.code} has {len(mine)} tasks under {whistle.number}"
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

    async def takes(self, whistle: Blown, step: str, **said: Any) -> dict[str, Any]:
        """Take a step and have it accepted."""
        return expect(await self.steps(whistle, step, {"person": "李强", **said}))

    async def sees(self, whistle: Blown) -> dict[str, Any]:
        """This department's task with its clocks, requests, letters and history."""
        task = await self.task(whistle)
        return expect(await self.calls("GET", f"/tasks/{task['task_id']}"))

    async def checks_out(self, whistle: Blown, note: str = "现场已恢复通行") -> dict[str, Any]:
        """The last responder leaves (离场)."""
        return await self.takes(whistle, "departure", note=note)

    async def reaches(self, whistle: Blown, milestone: str, note: str = "") -> dict[str, Any]:
        """The site is secured, the thing repaired, the surface restored."""
        return await self.takes(whistle, "milestones", milestone=milestone, note=note)

    async def files_plan(self, whistle: Blown, *steps: datetime) -> dict[str, Any]:
        """File a plan whose steps are due at these instants."""
        plan = [{"name": f"第 {number} 步", "due_at": due.isoformat()} for number, due in enumerate(steps, 1)]
        return await self.takes(whistle, "milestones", milestone="plan", plan=plan)

    async def returns(self, whistle: Blown, to: str, reason: str = "非本单位职责", **more: Any) -> dict[str, Any]:
        """Say that it is another department's duty (退单)."""
        said = {"basis": "《城市道路管理条例》第二十三条", "proper_department": to, "reason": reason}
        return await self.takes(whistle, "return", **{**said, **more})

    async def asks_for_time(self, whistle: Blown, due_at: datetime, clock: str = "resolve") -> dict[str, Any]:
        """Ask for more time (延期)."""
        return await self.takes(whistle, "extension", clock=clock, due_at=due_at.isoformat(), reason="备件次日到货")

    async def asks_to_suspend(
        self, whistle: Blown, until: datetime, cause: str = "superior_approval"
    ) -> dict[str, Any]:
        """Ask to put the task on the ledger (缓办)."""
        return await self.takes(whistle, "suspension", cause=cause, until=until.isoformat(), reason="待市级审批")

    async def resumes(self, whistle: Blown, reason: str = "审批已下达") -> dict[str, Any]:
        """Work on a suspended task again."""
        return await self.takes(whistle, "resumption", reason=reason)

    async def appeals(self, whistle: Blown, reason: str = "到场时间以签到记录为准") -> dict[str, Any]:
        """Do not accept the score."""
        return await self.takes(whistle, "appeal", reason=reason)

    async def attends(self, whistle: Blown, meeting_id: str) -> dict[str, Any]:
        """Report in at a joint meeting."""
        return await self.takes(whistle, "arrival", place="街道会议室", mode="meeting", meeting_id=meeting_id)

    async def letters(self) -> list[dict[str, Any]]:
        """The formal letters to this department, newest first."""
        return list(expect(await self.calls("GET", "/letters"))["items"])

    async def meetings(self) -> list[dict[str, Any]]:
        """The joint meetings this department is called to."""
        return list(expect(await self.calls("GET", "/meetings"))["items"])

    async def tries_to_reply(self, letter_id: str, reply: str = "已增派人员") -> httpx.Response:
        """Answer a formal letter; returns the answer, whatever it is."""
        body = {"person": "李强", "reply": reply}
        return await self.calls("POST", f"/letters/{letter_id}/reply", json=body)

    async def replies(self, letter_id: str, reply: str = "已增派人员") -> dict[str, Any]:
        """Answer a formal letter (函告回复)."""
        return expect(await self.tries_to_reply(letter_id, reply))


@dataclass(frozen=True, slots=True)
class WhistleOffice(DistrictDecisions):
    """The district whistle office."""

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
class Watch(Figures):
    """Whoever watches the clocks and the measures for the whole district."""

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

    async def letters(self, **query: Any) -> list[dict[str, Any]]:
        """Letters, by `whistle_id`, `department`, `task_id`, `form`; in the order of issue."""
        found = await self._items("/api/v1/letters", query)
        return sorted(found, key=lambda item: (item["issued_at"], item["number"]))

    async def explanation(self, clock: dict[str, Any]) -> dict[str, Any]:
        """Why a clock is due when it is."""
        path = f"/api/v1/clocks/{clock['clock_id']}/explanation"
        return expect(await self.city.call("escalation", "GET", path))

    async def says_why(self, clock: dict[str, Any], language: str = "zh") -> str:
        """The same as a fragment of a page."""
        path = f"/clocks/{clock['clock_id']}/why"
        answer = await self.city.call("escalation", "GET", path, params={"lang": language})
        assert answer.status_code == 200, answer.text
        return answer.text

    async def tries_to_climb(self, clock: dict[str, Any], rung: int, reason: str = "群众反映强烈") -> httpx.Response:
        """Climb to a rung by hand; returns the answer, whatever it is."""
        path = f"/api/v1/clocks/{clock['clock_id']}/rungs"
        return await self.city.call("escalation", "POST", path, json={"rung": rung, "reason": reason})

    async def reminds(self, task: dict[str, Any], note: str = "请尽快到场", **request: Any) -> httpx.Response:
        """Urge a department by hand; returns the answer, whatever it is."""
        body = {"task_id": task["task_id"], "note": note}
        return await self.city.call("escalation", "POST", "/api/v1/reminders", json=body, **request)

    async def writes(
        self, task: dict[str, Any], form: str = "letter", text: str = "请书面说明", **request: Any
    ) -> httpx.Response:
        """Write a formal letter; returns the answer, whatever it is."""
        body = {"task_id": task["task_id"], "form": form, "text": text}
        return await self.city.call("escalation", "POST", "/api/v1/letters", json=body, **request)

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
