"""Events of *dispatch*: the registry, the calendars, and who has which task under which terms."""

from typing import Any, ClassVar, Literal
from uuid import UUID

from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.contracts.vocabulary import (
    Attempt,
    ClockName,
    Code,
    DeliveryEvent,
    EventData,
    Frozen,
    Instant,
    Presence,
    RequestDecision,
    Round,
    RungForm,
    Score,
    Side,
    TaskFact,
    TaskRole,
    Text,
    Version,
)

Section = Literal[
    "departments",
    "streets",
    "grids",
    "categories",
    "policies",
    "ladders",
    "people",
    "duties",
    "keywords",
    "regulations",
]


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


class CalendarSeason(Frozen):
    """Other working hours in a part of every year, from `first` to `last`: local days `MM-DD`, both in it."""

    first: Text
    last: Text
    windows: tuple[tuple[int, int], ...]


class CalendarPublished(EventData):
    """One calendar year with the working hours in force. `windows` are local minutes of the day [open, close).

    `years`: all years of this version; a replica uses the version once it has every one of them. `seasons`: when
    other windows apply; every working day is equally long.
    """

    key: ClassVar[str] = "dispatch.calendar_published.v1"
    version: Version
    year: int
    official: bool
    days: tuple[CalendarDay, ...]
    windows: tuple[tuple[int, int], ...]
    start_rule: Literal["next_day", "same_day"]
    years: tuple[int, ...] = ()
    seasons: tuple[CalendarSeason, ...] = ()


class LadderStep(Frozen):
    """One rung with its delay after the breach. `delay` is a limit (`15m@natural`, `1d@work`) or "" for at once.

    `every`: the rung is repeated so often (a limit, "": never) and `repeats` times at most, until it is
    acknowledged. `quiet`: local hours in which it waits, `22:00-07:00`, "": none (an emergency has none).
    """

    rung: int
    role: Code
    form: RungForm
    delay: Text
    every: Text = ""
    repeats: int = 0
    quiet: Text = ""


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
    """One department's duty under a whistle. `terms` names its set of clocks in the event's `terms`.

    `origin`: `routed`, `reassigned-1`, `meeting-1`, `substitute-1`… `title`: the action item of a meeting, else "".
    `people`: the duty persons the registry names for this department and grid; none: the department's duty desk.
    """

    task_id: UUID
    department: Code
    role: TaskRole
    presence: Presence
    terms: Text
    origin: Text = "routed"
    title: Text = ""
    people: tuple[Text, ...] = ()


class TasksCalled(EventData):
    """Tasks that begin with this event. A name in `terms` is used once in the life of a whistle."""

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


class WhistleDispatched(TasksCalled):
    """Every task of one round, or tasks that join it later (a meeting's, a substitute's). Receipts: escalation and
    every department instance called."""

    key: ClassVar[str] = "dispatch.whistle_dispatched.v1"


class EndedTask(Frozen):
    """A task that another one replaced."""

    task_id: UUID
    department: Code


class ReturnDecided(TasksCalled):
    """The district's word on a return (退单). Refused: nothing changes. Upheld: `ended` ends and `tasks` begin; their
    resolve clock never runs past `whistle_due_at`. `lead`: who leads from now. Receipts: escalation and the instances
    of every department named."""

    key: ClassVar[str] = "dispatch.return_decided.v1"
    request_id: UUID
    task_id: UUID
    department: Code
    upheld: bool
    ended: tuple[EndedTask, ...] = ()
    lead: UUID | None = None
    reason: Text
    by: Text


class DisputeOpened(TaskFact):
    """Responsibility is disputed: the district whistle office decides under an `adjudication` clock. Receipt:
    escalation."""

    key: ClassVar[str] = "dispatch.dispute_opened.v1"
    addressed: ClassVar[bool] = True
    dispute_id: UUID
    request_id: UUID
    cause: Literal["second_return", "undecided", "transfer_cap"]
    clock: ClockSpec
    registry_version: Version
    calendar_version: Version


class Precedent(Frozen):
    """What a decided dispute says about the next matter of its kind (判例)."""

    precedent_id: UUID
    category: Code | None
    department: Code
    assist: tuple[Code, ...] = ()
    rule: Text


class DisputeDecided(ReturnDecided):
    """The district whistle office divided the duty (权责裁定). Receipts as for a return."""

    key: ClassVar[str] = "dispatch.dispute_decided.v1"
    dispute_id: UUID
    on_site: bool = False
    precedent: Precedent | None = None


class LeadChanged(TaskFact):
    """Another task of the whistle leads from now; no clock is touched. Receipt: none."""

    key: ClassVar[str] = "dispatch.lead_changed.v1"
    addressed: ClassVar[bool] = True
    previous_task_id: UUID
    previous_department: Code
    reason: Text
    by: Text


class ExtensionDecided(RequestDecision):
    """The district's word on a second request for more time. Receipt: escalation."""

    key: ClassVar[str] = "dispatch.extension_decided.v1"
    addressed: ClassVar[bool] = True
    clock: ClockName
    due_at: Instant | None = None


class SuspensionDecided(RequestDecision):
    """The district's word on a long suspension; `cycle` numbers the review clock. Receipt: escalation."""

    key: ClassVar[str] = "dispatch.suspension_decided.v1"
    addressed: ClassVar[bool] = True
    cycle: Attempt
    until: Instant | None = None


class TaskResumed(TaskFact):
    """The district ends a suspension. Receipt: escalation."""

    key: ClassVar[str] = "dispatch.task_resumed.v1"
    addressed: ClassVar[bool] = True
    reason: Text
    by: Text


class ScoreAppealDecided(RequestDecision):
    """The district's word on an appeal against a score; intake writes the new revision when it is granted."""

    key: ClassVar[str] = "dispatch.score_appeal_decided.v1"
    addressed: ClassVar[bool] = True
    revision: Attempt
    score: Score | None = None


class TaskExcluded(TaskFact):
    """A task does not count in assessment, with the reason on record; or counts again (`excluded` False)."""

    key: ClassVar[str] = "dispatch.task_excluded.v1"
    addressed: ClassVar[bool] = True
    excluded: bool = True
    reason: Text
    by: Text


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
