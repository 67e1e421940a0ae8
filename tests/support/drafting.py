"""intake at work on one matter before and around the blowing, without a database: for tests of its use cases."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

from support import paperwork
from support.clockface import MONDAY
from support.paperwork import WHISTLE, Sheet
from whistle_intake import commands, domain, store
from whistle_shared.auth import Caller
from whistle_shared.contracts import EventData
from whistle_shared.registry import Duty, Registry

FACTS = paperwork.facts()
MATTER = domain.Matter(
    kind="appeal",
    urgency="normal",
    street="S01",
    grid="S01-G001",
    category="0701",
    title=FACTS.title,
    description=FACTS.description,
    place=FACTS.place,
    beyond_power_reason=FACTS.beyond_power_reason,
    departments=("CGJ", "GA"),
)
EMERGENCY = replace(MATTER, kind="emergency", urgency="critical")
WISH = store.Numbers("S01", "20260601")
NONE = commands.Reasons()
DAY = timedelta(days=1)
COMMUNITY = Caller(uuid4(), "第一社区", "community", "S01")
STREET = Caller(uuid4(), "采薇街道值班长", "street_initiator", "S01")
LEADER = Caller(uuid4(), "采薇街道主任", "street_approver", "S01")
OTHER = Caller(uuid4(), "鹿鸣街道主任", "street_approver", "S02")
DISTRICT = Caller(uuid4(), "区吹哨办", "arbitrator", "*")
DEPARTMENT = Caller(uuid4(), "公安分局", "department_head", "GA")
DUTY = Duty(code="B99", level="basic", name_zh="井盖巡查", name_en="Looking at covers", categories=("0701",))


def registry(approval: Literal["automatic", "review"] = "automatic", *duties: Duty) -> Registry:
    """The sample district with one setting for all streets, and these duties."""
    known = paperwork.pack().registry
    streets = tuple(street.model_copy(update={"approval": approval}) for street in known.streets)
    return known.model_copy(update={"streets": streets, "duties": duties})


@dataclass
class DraftingDesk:
    """intake at work on one matter; what one Unit leaves behind the next one finds."""

    approval: Literal["automatic", "review"] = "automatic"
    duties: Sequence[Duty] = ()
    whistles: dict[UUID, domain.Whistle] = field(default_factory=dict)
    matters: dict[UUID, domain.Matter] = field(default_factory=dict)
    similar: Sequence[domain.Known] = ()
    said: list[EventData] = field(default_factory=list)
    awaited: list[tuple[str, ...]] = field(default_factory=list)

    def does(self, command: Any, *arguments: Any, at: datetime = MONDAY) -> Any:
        replica = paperwork.replica()
        replica.registry = registry(self.approval, *self.duties)
        reference = store.Reference(replica, {WISH: iter([7])}, self.matters, {WHISTLE: self.similar})
        sheet = Sheet("intake", at, reference, self.whistles)
        result = command(sheet, *arguments)
        self.whistles = dict(sheet.cases)
        self.said += sheet.said
        self.awaited += [word.awaiting for word in sheet.words]
        return result

    def raises(
        self, matter: domain.Matter = MATTER, caller: Caller = STREET, reasons: commands.Reasons = NONE
    ) -> commands.HandedUp:
        up: commands.HandedUp = self.does(commands.raise_whistle, WHISTLE, matter, caller, reasons, WISH)
        self.matters[WHISTLE] = matter
        return up

    def drafts(self, matter: domain.Matter = MATTER, caller: Caller = COMMUNITY) -> domain.Whistle:
        self.matters[WHISTLE] = matter
        draft: domain.Whistle = self.does(commands.draft_whistle, WHISTLE, matter, caller, WISH)
        return draft

    def submits(self, caller: Caller = STREET, reasons: commands.Reasons = NONE) -> commands.HandedUp:
        up: commands.HandedUp = self.does(commands.submit_draft, WHISTLE, caller, reasons)
        return up

    def told(self, *kinds: type[EventData]) -> bool:
        """Whether exactly these were said, in this order."""
        return [type(word) for word in self.said] == list(kinds)

    @property
    def whistle(self) -> domain.Whistle:
        return self.whistles[WHISTLE]
