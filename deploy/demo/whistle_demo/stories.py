"""The stories that the script tells of some of its whistles: what goes on between a street, its departments and the
district beyond acknowledging in time. Everybody still acts through their own service with their own token.

A story is a word and the departments it is about: `close`, `rework`, `return SF ZJ`, `refuse GA WJ`, `extend GRGS`,
`suspend ZJ`, `meet GDGS`. The departments of such a whistle act here and nowhere else.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from whistle_demo.client import Api, Refused
from whistle_demo.clock import Clock
from whistle_demo.ledger import Ledger, Step
from whistle_demo.scenario import Planned

T = TypeVar("T")
_LOOK_SECONDS = 0.5
_NOT_YET = 404
_PARTS = {"arrival": 18, "people": 9, "handling": 17, "result": 27, "cooperation": 9, "citizen": 9}


class _Over(Exception):
    """The play ended before the story did."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody's own door: streets and departments by code, and the district whistle office."""

    streets: Mapping[str, Api]
    departments: Mapping[str, Api]
    office: Api
    clock: Clock
    ledger: Ledger


async def tell_all(cast: Cast, plans: list[Planned]) -> None:
    """Plays the stories of these whistles side by side, each from the moment it is raised."""
    async with asyncio.TaskGroup() as group:
        for planned in plans:
            group.create_task(_tell(cast, planned))


async def _tell(cast: Cast, planned: Planned) -> None:
    name, *departments = planned.story.split()
    try:
        whistle = await _raised(cast, planned)
        cast.ledger.told.add(whistle)
        await _STORIES[name](_Story(cast, planned, whistle), *departments)
    except _Over:
        cast.ledger.problems.append(f"the story {planned.story!r} of {planned.title} did not come to its end")
    except Refused as refused:
        cast.ledger.problems.append(f"{planned.story!r}: {refused}")


async def _raised(cast: Cast, planned: Planned) -> UUID:
    while not cast.clock.over:
        for whistle, raised in cast.ledger.raised.items():
            if raised is planned:
                return whistle
        await asyncio.sleep(_LOOK_SECONDS)
    raise _Over


class _Story:
    """One whistle and those who act on it."""

    def __init__(self, cast: Cast, planned: Planned, whistle: UUID) -> None:
        self._cast = cast
        self._whistle = whistle
        self._street = cast.streets[planned.street]
        self._planned = planned
        self._deeds = 0

    # -- seeing and waiting

    async def sees(self) -> dict[str, Any]:
        """The whistle as its street sees it."""
        view: dict[str, Any] = await self._street.get(f"/whistles/{self._whistle}")
        return view

    async def task(self, department: str, *states: str, origin: str | None = None) -> dict[str, Any]:
        """The department's newest task once it has it and the street sees it (in one of these states)."""

        async def look() -> dict[str, Any] | None:
            for task in reversed((await self.sees())["tasks"]):
                fits = task["department"] == department and origin in (None, task["origin"])
                if fits and (not states or task["state"] in states) and await self._has(task):
                    found: dict[str, Any] = task
                    return found
            return None

        return await self._until(look)

    async def _has(self, task: dict[str, Any]) -> bool:
        """Whether the department has received the task that its street sees."""
        try:
            await self._cast.departments[task["department"]].get(f"/tasks/{task['task_id']}")
        except Refused as refused:
            if refused.status == _NOT_YET:
                return False
            raise
        return True

    async def departments(self) -> list[str]:
        """Those called, the lead first."""

        async def look() -> list[str] | None:
            tasks = (await self.sees())["tasks"]
            return [t["department"] for t in sorted(tasks, key=lambda t: t["role"] != "lead")] or None

        return await self._until(look)

    async def on_district_desk(self, path: str, status: str) -> dict[str, Any]:
        """What is about this whistle in a list of the district whistle office, once it is there."""
        return await self._item(self._cast.office, path, status)

    async def on_street_desk(self, path: str, status: str) -> dict[str, Any]:
        """What is about this whistle in a list of its street, once it is there."""
        return await self._item(self._street, path, status)

    async def _item(self, api: Api, path: str, status: str) -> dict[str, Any]:

        async def look() -> dict[str, Any] | None:
            async for item in api.items(path, status=status):
                if item["whistle_id"] == str(self._whistle):
                    return item
            return None

        return await self._until(look)

    async def passes(self, minutes: float) -> None:
        """Business time goes by."""
        if not await self._cast.clock.reaches(self._cast.clock.now() + timedelta(minutes=minutes)):
            raise _Over

    async def _until(self, look: Callable[[], Awaitable[T | None]]) -> T:
        while True:
            seen = await look()
            if seen:
                return seen
            if self._cast.clock.over:
                raise _Over
            await asyncio.sleep(_LOOK_SECONDS)

    # -- acting

    def in_(self, **span: float) -> str:
        """A business instant from now on, as it is sent."""
        return (self._cast.clock.now() + timedelta(**span)).isoformat()

    async def street(self, path: str, **body: object) -> Any:
        return await self._post(self._street, path, body)

    async def office(self, path: str, **body: object) -> Any:
        return await self._post(self._cast.office, path, body)

    async def department(self, task: dict[str, Any], deed: str, **body: object) -> Any:
        """One department's deed on its task; acknowledgements and the other steps are noted in the ledger."""
        api = self._cast.departments[task["department"]]
        answer = await self._post(api, f"/tasks/{task['task_id']}/{deed}", {"person": "值班员", **body})
        if deed == "acknowledgement":
            self._cast.ledger.acknowledged[UUID(task["task_id"])] = self._whistle
        if deed in ("acknowledgement", "arrival", "progress", "submission"):
            step: Step = deed  # type: ignore[assignment]
            self._cast.ledger.steps[step] += 1
        return answer

    async def _post(self, api: Api, path: str, body: dict[str, object]) -> Any:
        self._deeds += 1
        return await api.post(path, body, f"story-{self._whistle}-{self._deeds}")

    # -- what several stories share

    async def takes_on(self, task: dict[str, Any]) -> None:
        """The department acknowledges and goes there."""
        await self.passes(2)
        await self.department(task, "acknowledgement")
        await self.passes(8)
        await self.department(task, "arrival", place=self._planned.place, mode="on_site")

    async def finishes(self, task: dict[str, Any], result: str = "已处置完毕，现场复核。") -> None:
        """The department works on and says that it is done."""
        await self.passes(15)
        await self.department(task, "progress", note="正在处置。")
        await self.passes(15)
        await self.department(task, "submission", result=result)

    async def works(self, department: str) -> None:
        task = await self.task(department)
        await self.takes_on(task)
        await self.finishes(task)

    async def verifies(self, department: str, passed: bool = True) -> None:
        """The street goes and looks at what was submitted."""
        task = await self.task(department, "submitted")
        await self.passes(5)
        note = "现场核查，已恢复。" if passed else "现场仍有积水，须返工。"
        await self.street(self._of(task, "verification"), passed=passed, note=note)

    async def concludes(self, departments: list[str]) -> None:
        """The street scores every task and calls whoever reported; the whistle closes."""
        for department in departments:
            task = await self.task(department, "accepted")
            await self.street(self._of(task, "score"), parts=_PARTS, veto=False, basis="到场及时，处置到位。")
        path = f"/whistles/{self._whistle}/callback"
        await self.street(path, contacted=True, solved=True, satisfaction="satisfied", waived=False, note="")
        await self._until(self._closed)

    def _of(self, task: dict[str, Any], deed: str) -> str:
        return f"/whistles/{self._whistle}/tasks/{task['task_id']}/{deed}"

    async def _closed(self) -> bool:
        return bool((await self.sees())["state"] == "closed")

    def path(self, deed: str) -> str:
        return f"/whistles/{self._whistle}/{deed}"


async def _close(story: _Story) -> None:
    """Everybody does their part, and the street closes the whistle."""
    departments = await story.departments()
    await asyncio.gather(*map(story.works, departments))
    for department in departments:
        await story.verifies(department)
    await story.concludes(departments)


async def _rework(story: _Story) -> None:
    """The lead's work does not hold: it is done again before the whistle closes."""
    departments = await story.departments()
    await asyncio.gather(*map(story.works, departments))
    await story.verifies(departments[0], passed=False)
    again = await story.task(departments[0], "rework")
    await story.finishes(again, "已重新更换阀门并试压合格。")
    for department in departments:
        await story.verifies(department)
    await story.concludes(departments)


async def _return(story: _Story, first: str, second: str) -> None:
    """The first says it is the second's, and is right; the second says the same of the first: the district decides on
    the spot, once and for all."""
    await _says_not_mine(story, first, second)
    returned = await story.on_district_desk("/returns", "pending")
    path = f"/returns/{returned['request_id']}/decision"
    await story.office(path, upheld=True, departments=[second], reason="房屋渗漏由住建部门主责。")
    await _says_not_mine(story, second, first)
    dispute = await story.on_district_desk("/disputes", "open")
    await story.office(
        f"/disputes/{dispute['dispute_id']}/decision",
        upheld=False,
        departments=[second],
        reason="现场会商：渗漏源在公共管道，由住建部门牵头。",
        on_site=True,
        precedent="楼上漏水引发的纠纷，渗漏源在公共部位的由住建部门主办，司法部门协助调解。",
    )
    departments = [code for code in await story.departments() if code != first]
    await asyncio.gather(*map(story.works, departments))
    for department in departments:
        await story.verifies(department)
    await story.concludes(departments)


async def _refuse(story: _Story, department: str, other: str) -> None:
    """Not mine, says the department; it is, says the district, and no clock has stood still meanwhile."""
    await _says_not_mine(story, department, other)
    returned = await story.on_district_desk("/returns", "pending")
    path = f"/returns/{returned['request_id']}/decision"
    await story.office(path, upheld=False, departments=[], reason="职责清单列明由该部门承担。")
    await asyncio.gather(*map(story.works, await story.departments()))


async def _says_not_mine(story: _Story, department: str, other: str) -> None:
    task = await story.task(department, "dispatched", "acknowledged")
    await story.passes(3)
    await story.department(
        task, "return", duty=None, basis="部门“三定”规定第五条", proper_department=other, reason="不属本部门职责。"
    )


async def _extend(story: _Story, department: str) -> None:
    """More time, asked for and granted by the street."""
    task = await story.task(department)
    await story.takes_on(task)
    await story.passes(10)
    until = story.in_(days=8)
    await story.department(task, "extension", clock="resolve", due_at=until, reason="需停暖换管，配件到货须三日。")
    asked = await story.on_street_desk("/requests", "pending")
    await story.street(f"/requests/{asked['request_id']}/decision", granted=True, due_at=until, reason="同意。")


async def _suspend(story: _Story, department: str) -> None:
    """Put on the ledger until the owners have voted, and taken up again."""
    task = await story.task(department)
    await story.takes_on(task)
    await story.department(
        task, "suspension", cause="owner_vote", until=story.in_(days=3), reason="动用维修资金须业主表决。"
    )
    asked = await story.on_street_desk("/requests", "pending")
    await story.street(f"/requests/{asked['request_id']}/decision", granted=True, reason="同意挂账。")
    await story.task(department, "suspended")
    await story.passes(45)
    await story.department(task, "resumption", reason="表决已通过。")
    await story.finishes(task)


async def _meet(story: _Story, other: str) -> None:
    """A joint meeting; what it decides becomes a task of another department."""
    departments = await story.departments()
    called = [await story.task(department) for department in departments]
    for task in called:
        await story.department(task, "acknowledgement")
    meeting = await story.street(
        story.path("meetings"),
        departments=departments,
        starts_at=story.in_(minutes=45),
        place="街道二楼会议室",
        agenda="应急托管与电梯、水泵值守分工",
    )
    await story.passes(46)
    for task in called:
        await story.department(
            task, "arrival", place="街道二楼会议室", mode="meeting", meeting_id=meeting["meeting_id"]
        )
    await story.passes(40)
    await story.street(
        f"/meetings/{meeting['meeting_id']}/minutes",
        minutes="住建局今日启动应急托管；供电公司两日内检修配电房。",
        attended=departments,
        items=[{"department": other, "title": "检修配电房并恢复备用电源", "limit": "2d@work"}],
    )
    item = await story.task(other)
    await story.passes(5)
    await story.department(item, "acknowledgement")


_STORIES: Mapping[str, Callable[..., Awaitable[None]]] = {
    "close": _close,
    "rework": _rework,
    "return": _return,
    "refuse": _refuse,
    "extend": _extend,
    "suspend": _suspend,
    "meet": _meet,
}
