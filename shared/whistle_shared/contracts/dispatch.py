"""Events of *dispatch*: the registry, the calendars, and who has which task under which terms."""

from typing import Any, ClassVar, Literal
from uuid import UUID

from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.contracts.vocabulary import (
    ClockName,
    Code,
    DeliveryEvent,
    EventData,
    Frozen,
    Instant,
    Presence,
    Round,
    RungForm,
    Side,
    TaskRole,
    Text,
    Version,
)

Section = Literal["departments", "streets", "grids", "categories", "policies", "ladders"]


class RegistryPublished(EventData):
    """Part `part` of `parts` (from 1) of one section of the registry; a replica is whole when it holds every part
    of every section named in `sections` (section → number of parts) for one version."""

    key: ClassVar[str] = "dispatch.registry_published.v1"
    version: Version
    section: Section
    part: int
    parts: int
    sections: dict[Section, int]
    rows: tuple[dict[str, Any], ...]


class CalendarDay(Frozen):
    """A day that differs from the plain week. `date` is a local date (Asia/Shanghai), ISO."""

    date: Text
    is_off_day: bool
    name: Text = ""


class CalendarPublished(EventData):
    """One calendar year with the working hours in force. `windows` are local minutes of the day [open, close).

    `years`: all years of this version; a replica uses the version once it has every one of them.
    """

    key: ClassVar[str] = "dispatch.calendar_published.v1"
    version: Version
    year: int
    official: bool
    days: tuple[CalendarDay, ...]
    windows: tuple[tuple[int, int], ...]
    start_rule: Literal["next_day", "same_day"]
    years: tuple[int, ...] = ()


class LadderStep(Frozen):
    """One rung with its delay after the breach. `delay` is a limit (`15m@natural`, `1d@work`) or "" for at once."""

    rung: int
    role: Code
    form: RungForm
    delay: Text


class ClockSchedule(Frozen):
    """The instants of a clock that has started (UTC). `rung_at` runs parallel to the spec's ladder."""

    start_at: Instant
    due_at: Instant
    provisional: bool
    warn_at: tuple[Instant, ...]
    rung_at: tuple[Instant, ...]


class ClockSpec(Frozen):
    """A clock's terms, frozen at dispatch. `schedule` is given when the clock starts with the event (EVENTS.md R11)."""

    name: ClockName
    side: Side
    limit: Text
    warn_percent: tuple[int, ...]
    pausable: bool
    extendable: bool
    ladder: tuple[LadderStep, ...]
    schedule: ClockSchedule | None = None


class TaskCalled(Frozen):
    """One department's duty under a whistle. `terms` names its set of clocks in the event's `terms`."""

    task_id: UUID
    department: Code
    role: TaskRole
    presence: Presence
    terms: Text
    origin: Text = "routed"


class WhistleDispatched(EventData):
    """Every task of one round. Receipts: escalation and every department instance called."""

    key: ClassVar[str] = "dispatch.whistle_dispatched.v1"
    addressed: ClassVar[bool] = True
    whistle_id: UUID
    round: Round
    facts: WhistleFacts
    whistle_due_at: Instant | None
    tasks: tuple[TaskCalled, ...]
    terms: dict[Text, tuple[ClockSpec, ...]]
    registry_version: Version
    calendar_version: Version
    flags: tuple[Text, ...] = ()


class WhistleUnrouted(EventData):
    """No department follows from the whistle: it waits at the district whistle office. Receipt: escalation."""

    key: ClassVar[str] = "dispatch.whistle_unrouted.v1"
    whistle_id: UUID
    round: Round
    facts: WhistleFacts
    reason: Text
    clocks: tuple[ClockSpec, ...]
    registry_version: Version
    calendar_version: Version


class WhistleCancelled(EventData):
    """The withdrawal, made good: these departments' tasks end. Receipt: every department instance concerned."""

    key: ClassVar[str] = "dispatch.whistle_cancelled.v1"
    addressed: ClassVar[bool] = True
    whistle_id: UUID
    round: Round
    departments: tuple[Code, ...]
    reason: Text


class DeliveryStuck(DeliveryEvent):
    """No receipt for two minutes: the matter is shown to operations while it is sent again."""

    key: ClassVar[str] = "dispatch.delivery_stuck.v1"


class DeliveryRecovered(DeliveryEvent):
    """The receipt of a stuck event arrived after all."""

    key: ClassVar[str] = "dispatch.delivery_recovered.v1"
