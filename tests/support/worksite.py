"""department at work on one whistle, without a database: for tests of its use cases."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from support import paperwork
from support.clockface import MONDAY
from support.paperwork import WHISTLE, Sheet
from whistle_department import commands, domain, store
from whistle_department.consumers import SUBSCRIPTIONS
from whistle_shared.contracts import Event, EventData
from whistle_shared.contracts.department import PlanStep
from whistle_shared.contracts.dispatch import ClockSpec, TaskCalled, WhistleDispatched
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.contracts.vocabulary import Presence, TaskRole
from whistle_shared.errors import Invalid
from whistle_shared.registry import Duty, Registry
from whistle_shared.replica import Replica

INSTANCE = "department.hosted"
DAY = timedelta(days=1)
DUTY = Duty(code="D-07", level="taken_back", name_zh="井盖权属单位维护", name_en="Covers", department="PSGS")


def district(**changes: Any) -> Replica:
    """The sample district, with one item of a duty list, as an instance holds it. `changes`: other sections."""
    replica = paperwork.replica()
    known = replica.registry
    assert known is not None
    replica.registry = Registry.model_validate(
        {name: getattr(known, name) for name in Registry.model_fields} | {"duties": (DUTY,)} | changes
    )
    return replica


@dataclass
class Worksite:
    """What one Unit leaves behind the next one finds. `now` is business time; each event heard has the next version."""

    replica: Replica = field(default_factory=district)
    now: datetime = MONDAY
    case: store.Case = field(default_factory=store.Case)
    said: list[EventData] = field(default_factory=list)
    version: int = 0
    sheet: Sheet = field(init=False)

    def unit(self) -> Sheet:
        self.sheet = Sheet(INSTANCE, self.now, self.replica, {WHISTLE: self.case})
        return self.sheet

    def passes(self, **span: float) -> None:
        self.now += timedelta(**span)

    def hears(self, data: EventData, version: int | None = None) -> list[EventData]:
        """An event arrives as soon as it is said. Returns what is said to it."""
        self.version += 1
        said = replace(paperwork.event(data, self.now), subject_version=version or self.version)
        return self.takes_in(said)

    def takes_in(self, event: Event[Any]) -> list[EventData]:
        unit = self.unit()
        unit.cause = event
        SUBSCRIPTIONS[type(event.data)](unit, event)
        self.said += unit.said
        return unit.said

    def does(self, act: Callable[..., domain.Task], department: str = "CGJ", **said: Any) -> domain.Task:
        """A department's person takes a step on the department's newest task."""
        unit = self.unit()
        task = self.task(department)
        actor = commands.Actor(WHISTLE, task.task_id, department, "值班室", "王建国")
        after = act(unit, actor, **said)
        self.said += unit.said
        return after

    def task(self, department: str = "CGJ") -> domain.Task:
        return [task for task in self.case.tasks.values() if task.department == department][-1]

    def legal(self, department: str = "CGJ") -> tuple[domain.Step, ...]:
        return domain.legal_steps(self.task(department), self.now)

    def last(self) -> Any:
        return self.said[-1]

    def about(self, department: str = "CGJ") -> dict[str, Any]:
        """What every fact about a department's task says."""
        return {"whistle_id": WHISTLE, "task_id": self.task(department).task_id, "department": department}


def called(
    *departments: str,
    facts: WhistleFacts | None = None,
    at: datetime = MONDAY,
    presence: Presence | None = None,
    specs: tuple[ClockSpec, ...] | None = None,
    origin: str = "routed",
    roles: tuple[TaskRole, ...] = (),
    round_: int = 1,
) -> WhistleDispatched:
    """A dispatch to these departments, by the rules of the sample district."""
    said = paperwork.dispatched(facts or urgent(), departments or ("CGJ",), at)
    tasks = tuple(
        TaskCalled(
            task_id=uuid4(),
            department=task.department,
            role=roles[number] if roles else task.role,
            presence=presence or task.presence,
            terms=task.terms,
            origin=origin,
            people=("王建国",),
        )
        for number, task in enumerate(said.tasks)
    )
    terms = {tasks[0].terms: specs} if specs is not None else said.terms
    return said.model_copy(update={"tasks": tasks, "terms": terms, "round": round_})


def urgent() -> WhistleFacts:
    """An appeal: 30 minutes to acknowledge, two hours to arrive, 24 hours to resolve; may be returned within 2 h."""
    return paperwork.facts("appeal", "urgent")


def at_work(**how: Any) -> Worksite:
    """CGJ was called, has acknowledged and arrived; nine o'clock still."""
    site = Worksite()
    site.hears(called(**how))
    site.does(commands.acknowledge_task)
    arrives(site)
    return site


def arrives(site: Worksite, department: str = "CGJ", meeting_id: UUID | None = None) -> domain.Task:
    return site.does(
        commands.arrive, department, place="采薇路 12 号", mode="on_site", photo=None, meeting_id=meeting_id
    )


def submits(site: Worksite, department: str = "CGJ") -> domain.Task:
    return site.does(commands.submit, department, result="已修复", evidence=())


def reaches(site: Worksite, milestone: str, plan: tuple[PlanStep, ...] = ()) -> domain.Task:
    return site.does(commands.reach, milestone=milestone, note="", plan=plan)


def files(site: Worksite, *days: float) -> domain.Task:
    return reaches(site, "plan", tuple(PlanStep(name=f"第 {day} 天", due_at=MONDAY + day * DAY) for day in days))


def wrong(field: str) -> Any:
    """A refusal that names this field."""
    return pytest.raises(Invalid, match=rf"^{field}: ")
