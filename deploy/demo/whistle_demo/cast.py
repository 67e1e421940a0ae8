"""Who acts: street clerks, the district whistle office, and a duty officer for every department.

Each acts through its own service with its own token and sees only what that shows. What they do is fixed by hashes
of what they read, so that two runs play the same.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Literal
from uuid import UUID

from whistle_demo.client import PATIENCE_SECONDS, Api, Refused
from whistle_demo.clock import Clock
from whistle_demo.ledger import Ledger, Step
from whistle_demo.scenario import Planned, choice, fraction

RAISING_AT_ONCE = 32
_DESK_PAGE = 20
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林"
_GIVEN = ("建国", "秀英", "志强", "桂兰", "晓东", "丽华", "海涛", "雪梅", "文博", "春燕")
_ILLEGAL = 409

Temper = Literal["prompt", "late", "silent"]


class Streets:
    """Every street's clerk. `apis`: one per street, with the street's own token."""

    def __init__(self, apis: dict[str, Api], clock: Clock, ledger: Ledger) -> None:
        self._apis = apis
        self._clock = clock
        self._ledger = ledger
        self._slots = asyncio.Semaphore(RAISING_AT_ONCE)

    async def raise_all(self, plans: list[Planned], opening: datetime) -> None:
        """Raises every whistle at its time; returns when all are raised, and withdrawn where the plan says so."""
        async with asyncio.TaskGroup() as group:
            for planned in plans:
                group.create_task(self._raise(planned, opening + planned.after))

    async def _raise(self, planned: Planned, at: datetime) -> None:
        await self._clock.reaches(at)
        try:
            async with self._slots:
                answer = await self._apis[planned.street].post("/whistles", planned.body(), planned.key)
            whistle = UUID(answer["whistle_id"])
            self._ledger.raised[whistle] = planned
            self._ledger.numbers[whistle] = answer["number"]
            if planned.withdrawn_after is not None:
                await self._withdraw(whistle, planned, planned.withdrawn_after)
        except Refused as refused:
            self._ledger.problems.append(str(refused))

    async def _withdraw(self, whistle: UUID, planned: Planned, after: timedelta) -> None:
        api, at = self._apis[planned.street], self._clock.now() + after
        if after:
            await self._dispatched(api, whistle)
            await self._clock.reaches(at)
        await api.post(f"/whistles/{whistle}/withdrawal", {"reason": "情况已缓解，街道自行处置"}, f"{planned.key}-back")
        self._ledger.withdrawn.add(whistle)

    async def _dispatched(self, api: Api, whistle: UUID) -> None:
        """Returns when the street sees that departments were called, or at the end of the play."""
        while not self._clock.over:
            if (await api.get(f"/whistles/{whistle}"))["routing"] == "dispatched":
                return
            await asyncio.sleep(0.5)


class WhistleOffice:
    """The district whistle office: routes by hand what reached its desk, as far as it has decided to.

    `poll`: technical seconds between two looks at the desk.
    """

    def __init__(self, api: Api, clock: Clock, ledger: Ledger, poll: float) -> None:
        self._api = api
        self._clock = clock
        self._ledger = ledger
        self._poll = poll

    async def serve(self, owed: int) -> None:
        """Routes until as many whistles are routed as are `owed` a decision, or the play has been over for long."""
        limit: float | None = None
        while len(self._ledger.routed) < owed and (limit is None or monotonic() < limit):
            try:
                async for dispatch in self._api.items("/dispatches", state="awaiting_triage"):
                    await self._decide(UUID(dispatch["whistle_id"]))
            except Refused as refused:
                self._ledger.problems.append(str(refused))
                return
            await asyncio.sleep(self._poll)
            if self._clock.over:
                limit = limit or monotonic() + PATIENCE_SECONDS

    async def _decide(self, whistle: UUID) -> None:
        planned = self._ledger.raised.get(whistle)
        if planned is None or not planned.routed_to or whistle in self._ledger.routed:
            return
        self._ledger.routed.add(whistle)
        body: dict[str, object] = {"departments": list(planned.routed_to)}
        await self._api.post(f"/dispatches/{whistle}/routing", body, f"{planned.key}-route")


@dataclass(frozen=True, slots=True)
class Habit:
    """How a department behaves, as shares of its tasks. What is neither late nor silent is answered promptly."""

    silent: float = 0.15
    late: float = 0.15


HABITS = {
    "TXGS": Habit(silent=0.7, late=0.2),
    "PSGS": Habit(silent=0.45),
    "YJ": Habit(silent=0.05, late=0.05),
    "ZJ": Habit(silent=0.3, late=0.3),
}


class DutyOfficer:
    """One department's duty desk. `attention`: the share of its tasks that it looks at; `poll`: technical seconds;
    `elsewhere`: titles of the whistles that stories are told of, which are not its business here."""

    def __init__(
        self,
        department: str,
        api: Api,
        clock: Clock,
        ledger: Ledger,
        attention: float,
        poll: float,
        elsewhere: frozenset[str] = frozenset(),
    ) -> None:
        self._department = department
        self._api = api
        self._clock = clock
        self._ledger = ledger
        self._attention = attention
        self._poll = poll
        self._elsewhere = elsewhere
        self._known: set[str] = set()

    async def serve(self) -> None:
        """Watches the desk until business time stands still, then finishes what has begun."""
        async with asyncio.TaskGroup() as answers:
            while not self._clock.over:
                try:
                    fresh = await self._fresh()
                except Refused as refused:
                    self._ledger.problems.append(str(refused))
                    return
                for task in fresh:
                    if task["title"] not in self._elsewhere and self._draw("attention", task) < self._attention:
                        answers.create_task(self._answer(task))
                await asyncio.sleep(self._poll)

    async def _fresh(self) -> list[dict[str, Any]]:
        """Tasks not met before; the list is newest first, so it is read until nothing on a page is new."""
        fresh: list[dict[str, Any]] = []
        async for page in self._api.pages("/tasks", _DESK_PAGE, state="dispatched"):
            new = [task for task in page if task["task_id"] not in self._known]
            if not new:
                break
            fresh += new
            self._known.update(task["task_id"] for task in new)
        return fresh

    async def _answer(self, task: dict[str, Any]) -> None:
        """Acknowledge, arrive, note progress, submit; each at its own business time, as far as the temper goes."""
        temper = self._temper(task)
        if temper == "silent" or task["due_at"] is None:  # nothing runs out: the whistle is being withdrawn
            return
        person = choice(_SURNAMES, "surname", self._department, task["title"]) + choice(_GIVEN, "given", task["title"])
        try:
            if not await self._clock.reaches(self._acknowledges_at(task, temper)):
                return
            answered = await self._step(task, "acknowledgement", person=person)
            self._ledger.acknowledged[UUID(task["task_id"])] = UUID(task["whistle_id"])
            if self._draw("arrives", task) < 0.85:
                await self._work(answered | {"title": task["title"], "place": task["place"]}, person)
        except Refused as refused:
            if refused.status != _ILLEGAL or UUID(task["whistle_id"]) not in self._ledger.withdrawn:
                self._ledger.problems.append(str(refused))

    async def _work(self, task: dict[str, Any], person: str) -> None:
        on_the_way = self._clock.now() + self._draw("way", task) * _reach(task, self._clock.now(), timedelta(hours=2))
        if not await self._clock.reaches(on_the_way):
            return
        mode = task["presence"] if task["presence"] in ("online", "meeting") else "on_site"
        await self._step(task, "arrival", person=person, place=task["place"], mode=mode)
        if await self._pauses("progress", task):
            await self._step(task, "progress", person=person, note="已到场核实，正在处置。")
        if await self._pauses("submission", task):
            await self._step(task, "submission", person=person, result="已处置完毕，现场复核。")

    async def _pauses(self, before: Step, task: dict[str, Any]) -> bool:
        """Lets ten to ninety minutes pass; False when the end of the play comes first."""
        return await self._clock.reaches(self._clock.now() + timedelta(minutes=10 + 80 * self._draw(before, task)))

    async def _step(self, task: dict[str, Any], step: Step, **body: object) -> dict[str, Any]:
        answer: dict[str, Any] = await self._api.post(
            f"/tasks/{task['task_id']}/{step}", body, f"{task['task_id']}-{step}"
        )
        self._ledger.steps[step] += 1
        return answer

    def _acknowledges_at(self, task: dict[str, Any], temper: Temper) -> datetime:
        called, due = _instant(task["dispatched_at"]), _instant(task["due_at"])
        if temper == "prompt":
            return called + (due - called) * (0.4 * self._draw("ack", task))
        return due + timedelta(minutes=10) + (due - called) * (2 * self._draw("ack", task))

    def _temper(self, task: dict[str, Any]) -> Temper:
        habit, drawn = HABITS.get(self._department, Habit()), self._draw("temper", task)
        if drawn < habit.silent:
            return "silent"
        return "late" if drawn < habit.silent + habit.late else "prompt"

    def _draw(self, about: str, task: dict[str, Any]) -> float:
        return fraction(about, self._department, task["title"], task["place"])


def _reach(task: dict[str, Any], now: datetime, most: timedelta) -> timedelta:
    """The time until the task's next limit, at most so much; half an hour where that limit has passed."""
    left = _instant(task["due_at"]) - now if task["due_at"] else most
    return min(left, most) if left > timedelta() else timedelta(minutes=30)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
