"""dispatch at work without a database, and what the departments ask of it: for tests of its use cases."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

from support import paperwork
from support.clockface import MONDAY, local
from support.paperwork import WHISTLE, Sheet
from whistle_dispatch import commands, domain
from whistle_dispatch.consumers import SUBSCRIPTIONS
from whistle_shared.contracts import Event, EventData
from whistle_shared.contracts.department import (
    ExtensionRequested,
    ReturnRequested,
    ScoreAppealed,
    SuspensionRequested,
)
from whistle_shared.contracts.escalation import EscalationRaised
from whistle_shared.contracts.intake import WhistleBlown, WhistleClosed, WhistleFacts, WhistleWithdrawn
from whistle_shared.replica import Replica

T = TypeVar("T", bound=EventData)
APPEAL = paperwork.facts("appeal", "normal")


class Office:
    """dispatch at work on one whistle: what one Unit leaves behind the next one finds."""

    def __init__(self, replica: Replica | None = None) -> None:
        self.replica = replica or paperwork.replica()
        self.cases: dict[UUID, Any] = {}

    def sheet(self, now: datetime = MONDAY) -> Sheet:
        return Sheet("dispatch", now, self.replica, self.cases)

    def hears(self, event: Event[Any], now: datetime | None = None) -> Sheet:
        """The event arrives at `now` (default: as soon as it is said)."""
        sheet = self.sheet(now or event.time)
        sheet.cause = event
        SUBSCRIPTIONS[type(event.data)](sheet, event)
        self.cases = sheet.cases
        return sheet

    def does(self, act: Callable[[Sheet], Any], now: datetime) -> Sheet:
        """The whistle office, or the timer, acts at `now`."""
        sheet = self.sheet(now)
        act(sheet)
        self.cases = sheet.cases
        return sheet

    @property
    def known(self) -> domain.Dispatch:
        found: domain.Dispatch = self.cases[WHISTLE]
        return found

    def task(self, department: str) -> domain.Task:
        """The department's latest task."""
        mine = [task for task in self.known.tasks if task.department == department]
        return max(mine, key=lambda task: (task.round, task.ended_at is None))

    def standing(self) -> list[tuple[str, str]]:
        return [(task.department, task.role) for task in self.known.active]


def calls(*departments: str, about: WhistleFacts = APPEAL) -> Office:
    """An office that has dispatched the whistle to these departments on Monday at nine."""
    office = Office()
    office.hears(blown(about, *departments))
    return office


def heard(data: EventData, at: datetime = MONDAY, department: str | None = None) -> Event[Any]:
    """What intake or escalation says; or a department, by the instance that serves it."""
    if department is None:
        return paperwork.event(data, at)
    return paperwork.event(data, at, f"department.{paperwork.pack().registry.department_by_code[department].instance}")


def only(sheet: Sheet, kind: type[T]) -> T:
    """The one event that was said."""
    (word,) = sheet.words
    assert isinstance(word.data, kind), word.data
    return word.data


def hours(after_nine: float) -> datetime:
    """An instant of the Monday on which everything here begins, at nine."""
    return MONDAY + timedelta(hours=after_nine)


def blown(about: WhistleFacts, *departments: str) -> Event[Any]:
    return heard(WhistleBlown(whistle_id=WHISTLE, round=1, facts=about, departments=departments), about.blown_at)


def withdrawn() -> Event[Any]:
    return heard(WhistleWithdrawn(whistle_id=WHISTLE, round=1, reason="重复上报", withdrawn_by="S01"))


def closed(round_: int = 1) -> Event[Any]:
    return heard(WhistleClosed(whistle_id=WHISTLE, round=round_, callback="done"))


def _about(office: Office, department: str) -> dict[str, Any]:
    task = office.task(department)
    about = {"whistle_id": WHISTLE, "task_id": task.task_id, "department": department}
    return about | {"by": f"{department} 值班室", "person": "王建国", "request_id": uuid4(), "reason": "权属不在本单位"}


def returned(office: Office, department: str, proper: str = "PSGS", at: datetime = MONDAY) -> Event[Any]:
    data = ReturnRequested(**_about(office, department), basis="排水条例第十二条", proper_department=proper)
    return heard(data, at, department)


def asks_extension(office: Office, department: str, decider: str = "district") -> Event[Any]:
    """From 8 June at nine until 10 June at nine."""
    data = {
        **_about(office, department),
        "clock": "resolve",
        "current_due_at": local(2026, 6, 8, 9),
        "due_at": local(2026, 6, 10, 9),
        "number": 2,
        "decider": decider,
    }
    return heard(ExtensionRequested.model_validate(data), MONDAY, department)


def asks_suspension(office: Office, department: str, number: int = 1, decider: str = "district") -> Event[Any]:
    """Until 1 September."""
    data = {
        **_about(office, department),
        "cause": "season_or_weather",
        "until": local(2026, 9, 1, 9),
        "number": number,
        "decider": decider,
    }
    return heard(SuspensionRequested.model_validate(data), MONDAY, department)


def appeals(office: Office, department: str) -> Event[Any]:
    return heard(ScoreAppealed(**_about(office, department), revision=1), MONDAY, department)


def silent(office: Office, department: str, at: datetime, role: str = "whistle_office") -> Event[Any]:
    """A rung of the department's acknowledgement clock is climbed."""
    data = {
        "whistle_id": WHISTLE,
        "task_id": office.task(department).task_id,
        "department": department,
        "clock_id": uuid4(),
        "clock": "ack",
        "side": "department",
        "due_at": at,
        "escalation_id": uuid4(),
        "rung": 3,
        "role": role,
        "form": "red_light",
        "rung_at": at,
        "fired_at": at,
        "late_by_seconds": 0,
        "degraded": False,
    }
    return heard(EscalationRaised.model_validate(data), at)


def request_id(office: Office, department: str) -> UUID:
    (found,) = [r.asked.request_id for r in office.known.requests.values() if r.asked.department == department]
    return found


def decides(office: Office, department: str, departments: Sequence[str] = (), at: float = 1) -> Sheet:
    """The office decides a department's return: upheld if somebody else is named."""
    asked, upheld = request_id(office, department), bool(departments)
    return office.does(
        lambda unit: commands.decide_return(
            unit, WHISTLE, asked, upheld, list(departments), "职责清单第 12 项", "区吹哨办"
        ),
        hours(at),
    )


def rules_on(
    office: Office, departments: Sequence[str] = (), at: float = 5, rule: str | None = None, on_site: bool = False
) -> Sheet:
    """The office decides the one open dispute."""
    (dispute_id,) = [d.dispute_id for d in office.known.disputes.values() if d.state == "open"]
    return office.does(
        lambda unit: commands.decide_dispute(
            unit, WHISTLE, dispute_id, bool(departments), list(departments), "现场踏勘", on_site, rule, "区吹哨办"
        ),
        hours(at),
    )


def overdue(office: Office, at: float) -> Sheet:
    """The timer comes by."""
    return office.does(lambda unit: commands.open_overdue(unit, WHISTLE, hours(at)), hours(at))
