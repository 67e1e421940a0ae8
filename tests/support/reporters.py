"""People who report (一键报事) and people who decide about reports, each by public API calls."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from support.answers import Blown, expect
from support.ground import Ground
from whistle_shared.auth import create_token

WORDS = "楼下井盖不见了，晚上没有灯，老人差点摔倒，找欧阳师傅。"
NAME, PHONE = "诸葛小明", "13987654321"


def keys_in(city: Ground) -> set[str]:
    """The names of the keys in intake's vault; those of photos lie in a room of their own."""
    root = Path(urlsplit(city.services["intake"].settings.vault_url).path)
    return {file.name for file in root.glob("??/*") if file.is_file()}


@dataclass(frozen=True, slots=True)
class Reported:
    """A report as whoever made it was answered."""

    report_id: str
    code: str
    view: dict[str, Any]


@dataclass(slots=True)
class Neighbourhood:
    """One street's residents and people around reports, at intake."""

    city: Ground
    street: str = "S01"
    grid: str = "S01-G001"
    tokens: dict[tuple[str, str, str | None], str] = field(default_factory=dict)

    def says(self, **more: Any) -> dict[str, Any]:
        """What a resident sends."""
        return {"grid": self.grid, "text": WORDS, "contact": {"name": NAME, "phone": PHONE}} | more

    async def tries_to_report(
        self, body: dict[str, Any] | None = None, key: str | None = None, **more: Any
    ) -> httpx.Response:
        """A resident reports; returns the answer, whatever it is."""
        headers = {"Idempotency-Key": key or uuid4().hex}
        said = self.says(**more) if body is None else body
        return await self.city.client("intake").post("/api/v1/reports", json=said, headers=headers)

    async def reports(self, key: str | None = None, **more: Any) -> Reported:
        """A resident reports, and is given a code."""
        view = expect(await self.tries_to_report(key=key, **more), 201)
        return Reported(view["report_id"], view["code"], view)

    async def tries_to_follow(self, code: str) -> httpx.Response:
        """Look after a report by its code; returns the answer, whatever it is."""
        return await self.city.client("intake").get("/api/v1/reports/progress", headers={"Tracking-Code": code})

    async def follows(self, report: Reported) -> dict[str, Any]:
        """How far the report has come."""
        return expect(await self.tries_to_follow(report.code))

    async def steps(self, report: Reported) -> list[str]:
        """The names of the steps so far."""
        return [step["name"] for step in (await self.follows(report))["steps"]]

    async def tries_to_rate(self, report: Reported, **said: Any) -> httpx.Response:
        """Say how it went; returns the answer, whatever it is."""
        body = {"contacted": True, "solved": True, "satisfaction": "satisfied"} | said
        headers = {"Tracking-Code": report.code}
        return await self.city.client("intake").post("/api/v1/reports/progress/rating", json=body, headers=headers)

    async def call(
        self,
        role: str,
        method: str,
        path: str,
        *,
        scope: str | None = None,
        part: str | None = None,
        headers: dict[str, str] | None = None,
        **request: Any,
    ) -> httpx.Response:
        """One request to intake by somebody of this street (or `scope`), of one grid only with `part`."""
        where = scope or self.street
        token = self.tokens.get((role, where, part))
        if token is None:
            async with self.city.services["intake"].group.unit() as unit:
                token = create_token(unit, f"{role} {part or where}", role, where, part=part)
            self.tokens[role, where, part] = token
        bearing = {"authorization": f"Bearer {token}"} | (headers or {})
        return await self.city.client("intake").request(method, f"/api/v1{path}", headers=bearing, **request)

    async def triages(self, report: Reported, outcome: str, role: str = "grid_officer", **said: Any) -> dict[str, Any]:
        """Somebody says what becomes of a report."""
        return expect(await self.tries_to_triage(report, outcome, role, **said))

    async def tries_to_triage(
        self, report: Reported, outcome: str, role: str = "grid_officer", **said: Any
    ) -> httpx.Response:
        """The same; returns the answer, whatever it is."""
        part = self.grid if role == "grid_officer" else None
        body = {"outcome": outcome} | said
        return await self.call(role, "POST", f"/reports/{report.report_id}/triage", part=part, json=body)

    async def drafts(self, report: Reported, role: str = "community", **more: Any) -> Blown:
        """A whistle is drafted from a report, in words of whoever drafts it."""
        draft = {
            "kind": "emergency",
            "urgency": "critical",
            "street": self.street,
            "grid": self.grid,
            "category": "0701",
            "title": "井盖缺失",
            "description": "人行道井盖缺失，夜间无照明。",
            "place": "东门路 12 号门前",
            "beyond_power_reason": "井盖权属不明。",
            "departments": ["CGJ"],
        } | more
        view = await self.triages(report, "drafted", role, draft=draft)
        shown = expect(await self.call("street_initiator", "GET", f"/whistles/{view['whistle_id']}"))
        return Blown(view["whistle_id"], shown["number"], "0701", shown)

    async def sees(self, report: Reported, role: str = "community") -> dict[str, Any]:
        """A report on the desk of somebody of the street."""
        return expect(await self.call(role, "GET", f"/reports/{report.report_id}"))

    async def unmasks(self, report: Reported, role: str = "community", reason: str = "电话核实") -> dict[str, Any]:
        """Whom to call back, on record."""
        return expect(await self.call(role, "POST", f"/reports/{report.report_id}/contact", json={"reason": reason}))

    async def erases(self, report: Reported, reason: str = "本人申请") -> dict[str, Any]:
        """The person behind a report is forgotten."""
        person_id = (await self.sees(report, "street_approver"))["person_id"]
        path = f"/people/{person_id}/erasure"
        return expect(await self.call("street_approver", "POST", path, json={"reason": reason}))
