"""intake at work on one whistle, without a database: the street's counter, for tests of its decisions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from support import paperwork
from support.clockface import MONDAY
from support.desk import instance_of
from support.paperwork import WHISTLE, Sheet
from whistle_intake import commands, domain, store, tables
from whistle_intake.consumers import SUBSCRIPTIONS
from whistle_shared.contracts import Event, EventData
from whistle_shared.contracts import department as said_by_department
from whistle_shared.contracts.dispatch import WhistleDispatched
from whistle_shared.contracts.intake import WhistleFacts

REGISTRY = paperwork.pack().registry
OFFICE = commands.Office("S01", "采薇街道")
MATTER_FIELDS = ("kind", "urgency", "street", "grid", "category", "title", "description", "place")


def minutes(after_nine: float) -> datetime:
    """An instant of the Monday on which everything here begins, at nine."""
    return MONDAY + timedelta(minutes=after_nine)


def matter_of(facts: WhistleFacts) -> domain.Matter:
    """What the street said, as intake keeps it."""
    said = {name: getattr(facts, name) for name in MATTER_FIELDS}
    return domain.Matter(**said, beyond_power_reason=facts.beyond_power_reason)


@dataclass
class Counter:
    """One whistle of S01 that CGJ leads and GA assists in; what one Unit leaves behind the next one finds.

    `said`: what intake has said so far, with whom it was addressed to and whose receipts it awaits.
    """

    facts: WhistleFacts = field(default_factory=lambda: paperwork.facts("appeal", "normal"))
    departments: Sequence[str] = ("CGJ", "GA")
    said: list[paperwork.Word] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    sheets: list[Sheet] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.call: WhistleDispatched = paperwork.dispatched(self.facts, self.departments)
        self.matter = matter_of(self.facts)
        self.whistle = domain.Whistle(WHISTLE, self.facts.number, "S01", 1, blown_at=self.facts.blown_at)

    # -- what happens -----------------------------------------------------------------------------------------

    def dispatched(self) -> "Counter":
        """Both departments are called, at nine."""
        self.hears(self.call, MONDAY)
        return self

    def submitted(self, *departments: str, at: datetime = MONDAY, attempt: int = 1) -> "Counter":
        """These departments say they are done (default: all)."""
        for code in departments or self.departments:
            self.reports(code, said_by_department.TaskSubmitted, at, result="已修复", attempt=attempt)
        return self

    def reports(self, department: str, kind: type[said_by_department.TaskEvent], at: datetime, **more: Any) -> None:
        """A department says something about its task."""
        about = {"whistle_id": WHISTLE, "task_id": self.task_id(department), "department": department}
        data = kind.model_validate({**about, "by": "值班室", "person": "王建国", **more})
        self.hears(data, at, instance_of(department))

    def hears(self, data: EventData, at: datetime, producer: str = "") -> Event[Any]:
        """An event arrives as soon as it is said."""
        event = paperwork.event(data, at, producer)
        self.hears_event(event)
        return event

    def hears_event(self, event: Event[Any]) -> None:
        sheet = self.sheet(event.time)
        sheet.cause = event
        SUBSCRIPTIONS[type(event.data)](sheet, event)
        self.keep(sheet)

    def does(self, command: Any, *arguments: Any, at: datetime = MONDAY, **more: Any) -> Any:
        """The street carries out a command on this whistle; returns what the command returns."""
        sheet = self.sheet(at)
        result = command(sheet, WHISTLE, *arguments, **more)
        self.keep(sheet)
        return result

    def verifies(self, department: str, passed: bool = True, at: datetime = MONDAY, note: str = "") -> None:
        note = note or ("" if passed else "未修复")
        self.does(commands.verify_task, self.task_id(department), OFFICE, passed=passed, note=note, at=at)

    def scores(self, department: str, veto: bool = False, at: datetime = MONDAY, **parts: int) -> None:
        marks = REGISTRY.regulation.scoring.parts | parts
        self.does(
            commands.score_task,
            self.task_id(department),
            OFFICE,
            REGISTRY.regulation,
            parts=marks,
            veto=veto,
            basis="处置及时",
            at=at,
        )

    def calls_back(self, at: datetime = MONDAY, **answer: Any) -> None:
        said = {"contacted": True, "solved": True, "satisfaction": "satisfied", "waived": False, "note": ""} | answer
        self.does(commands.record_callback, OFFICE, at=at, **said)

    # -- what is known ----------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        return self.whistle.state

    def task(self, department: str) -> domain.Task:
        return self.whistle.tasks[self.task_id(department)]

    def task_id(self, department: str) -> UUID:
        return next(call.task_id for call in self.call.tasks if call.department == department)

    def last(self, kind: type[EventData]) -> Any:
        """The newest event of this type that intake said."""
        return next(word.data for word in reversed(self.said) if type(word.data) is kind)

    def word(self, kind: type[EventData]) -> paperwork.Word:
        """The same with its addressees and receipts."""
        return next(word for word in reversed(self.said) if type(word.data) is kind)

    def count(self, kind: type[EventData]) -> int:
        return sum(type(word.data) is kind for word in self.said)

    # -- how it is kept ---------------------------------------------------------------------------------------

    def sheet(self, at: datetime) -> Sheet:
        reference = store.Reference(paperwork.replica(), matters={WHISTLE: self.matter})
        return Sheet("intake", at, reference, {WHISTLE: self.whistle})

    def keep(self, sheet: Sheet) -> None:
        self.whistle = sheet.cases[WHISTLE]
        self.matter = sheet.reference.matters[WHISTLE]
        self.said += sheet.words
        self.told += [row["key"] for row in sheet.rows(tables.timeline)]
        self.sheets.append(sheet)


def finished() -> Counter:
    """Both tasks are submitted."""
    return Counter().dispatched().submitted()


def accepted() -> Counter:
    """Both tasks are verified."""
    counter = finished()
    counter.verifies("CGJ")
    counter.verifies("GA")
    return counter


def closed() -> Counter:
    """Everything is scored, and the reporter is satisfied."""
    counter = accepted()
    counter.scores("CGJ")
    counter.scores("GA")
    counter.calls_back()
    return counter
