"""A report (一键报事): somebody says that something is wrong; grid, community or street say what becomes of it. Pure.

What is stored is the *stage*. Once a whistle was drafted the state follows that whistle, wherever it goes.
INVARIANT: a report goes up (网格 → 社区 → 街道) and never down, and nobody decides about one that went past them.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Literal, get_args
from uuid import UUID

from whistle_intake.domain.states import Stage
from whistle_shared.contracts.intake import Location
from whistle_shared.contracts.vocabulary import ReportChannel, ReportOutcome, Satisfaction
from whistle_shared.errors import Conflict, IllegalTransition, Invalid
from whistle_shared.registry import Registry

Desk = Literal["grid", "community", "street"]
"""With whom a report is."""
Target = Literal["grid", "property"]
"""Whom it was meant for: the grid officer, or the property manager, whom the grid officer tells."""
ReportStage = Literal["submitted", "handling", "handed_up", "drafted", "handled", "declined"]
ReportState = Literal["submitted", "handling", "handed_up", "drafted", "handled", "declined", "closed", "withdrawn"]

DESKS: tuple[Desk, ...] = get_args(Desk)
FIRST_DESK: dict[ReportChannel, Desk] = {
    "resident": "grid",
    "informant": "grid",
    "grid_officer": "grid",
    "community": "community",
    "street": "street",
}
OPEN_REPORTS: tuple[ReportState, ...] = ("submitted", "handling", "handed_up", "withdrawn")
REPORT_ENDS: tuple[ReportState, ...] = ("handled", "declined", "closed", "withdrawn")
"""Whoever reported is asked how it went; one whose whistle was withdrawn may be taken up again all the same."""
# (step, from, to) of what people do with a report.
REPORT_STEPS: tuple[tuple[ReportOutcome, ReportState, ReportState], ...] = (
    ("handling", "submitted", "handling"),
    ("handling", "handed_up", "handling"),
    ("handling", "withdrawn", "handling"),
    *(("handed_up", state, "handed_up") for state in ("submitted", "handling", "handed_up")),
    *(("drafted", state, "drafted") for state in OPEN_REPORTS),
    *(("handled", state, "handled") for state in OPEN_REPORTS),
    *(("declined", state, "declined") for state in OPEN_REPORTS),
)
# (what happens to its whistle, from, to); none is stored.
REPORT_FOLLOWS: tuple[tuple[str, ReportState, ReportState], ...] = (
    ("whistle closed", "drafted", "closed"),
    ("whistle reopened", "closed", "drafted"),
    ("whistle withdrawn", "drafted", "withdrawn"),
    ("street handles it itself", "drafted", "handling"),
)
BY_WHISTLE: dict[Stage, ReportState] = {"closed": "closed", "withdrawn": "withdrawn", "self_handled": "handling"}
"""What a drafted report's state follows from; any other stage of its whistle leaves it as it is."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a report is about."""

    street: str
    grid: str | None


@dataclass(frozen=True, slots=True)
class Words:
    """What somebody wrote and where their device said it was; sealed wherever it is kept."""

    text: str
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """How somebody can be asked back; sealed wherever it is kept. `phone`: digits only."""

    name: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Rating:
    """What whoever reported says in the end."""

    contacted: bool
    solved: bool
    satisfaction: Satisfaction


@dataclass(frozen=True, slots=True)
class Report:
    """One report, without a word of whoever made it. Instants UTC.

    `turns` counts what was said about it. `whistle`: the stage of the whistle drafted from it, or of the one that its
    draft was joined to. `ended_at`: when it was handled or declined.
    """

    report_id: UUID
    person_id: UUID
    street: str
    grid: str | None
    category: str | None
    channel: ReportChannel
    target: Target
    desk: Desk
    submitted_at: datetime
    stage: ReportStage = "submitted"
    turns: int = 0
    whistle_id: UUID | None = None
    ended_at: datetime | None = None
    contacted: bool | None = None
    solved: bool | None = None
    satisfaction: Satisfaction | None = None
    rated_at: datetime | None = None
    whistle: Stage | None = None

    @property
    def state(self) -> ReportState:
        if self.stage == "drafted" and self.whistle is not None:
            return BY_WHISTLE.get(self.whistle, "drafted")
        return self.stage

    @property
    def rating(self) -> Rating | None:
        if self.contacted is None or self.solved is None or self.satisfaction is None:
            return None
        return Rating(self.contacted, self.solved, self.satisfaction)

    def legal(self, level: Desk) -> tuple[ReportOutcome, ...]:
        """What people at this level may say of it now."""
        if not reaches(level, self.desk):
            return ()
        return tuple(step for step in report_steps(self.state) if step != "handed_up" or level != DESKS[-1])


@cache
def report_steps(state: ReportState) -> tuple[ReportOutcome, ...]:
    """The steps that are open from a state."""
    return tuple(dict.fromkeys(step for step, source, _ in REPORT_STEPS if source == state))


def reaches(level: Desk, desk: Desk) -> bool:
    """Whether people at this level may decide about what lies at this desk: their own and what is below."""
    return DESKS.index(level) >= DESKS.index(desk)


def place_of(street: str | None, grid: str | None, category: str | None, registry: Registry) -> Place:
    """Where it is, as the registry has it: a grid tells its street. Raises Invalid naming the first field at fault."""
    if category is not None and category not in registry.category_by_code:
        raise Invalid("category", f"sub-category {category!r} is unknown")
    if grid is not None:
        known = registry.grid_by_code.get(grid)
        if known is None or street not in (None, known.street):
            raise Invalid("grid", f"street {street!r} has no grid {grid!r}" if street else f"grid {grid!r} is unknown")
        return Place(known.street, grid)
    if street is None:
        raise Invalid("street", "a street or a grid is needed: whoever is responsible follows from it")
    if street not in registry.street_by_code:
        raise Invalid("street", f"street {street!r} is unknown")
    return Place(street, None)


def triage(report: Report, outcome: ReportOutcome, level: Desk, now: datetime, whistle_id: UUID | None) -> Report:
    """What somebody at this level says becomes of it; `whistle_id` where a whistle was drafted.

    Raises Conflict when it lies higher up, IllegalTransition when it cannot become that now.
    """
    if not reaches(level, report.desk):
        raise Conflict(f"the report is with the {report.desk} now")
    if outcome not in report.legal(level):
        raise IllegalTransition(outcome, report.state, report.legal(level))
    return replace(
        report,
        stage=outcome,
        desk=_desk_after(outcome, level),
        turns=report.turns + 1,
        whistle_id=whistle_id or report.whistle_id,
        whistle="draft" if whistle_id else report.whistle,
        ended_at=now if outcome in ("handled", "declined") else None,
    )


def _desk_after(outcome: ReportOutcome, level: Desk) -> Desk:
    """Whoever takes it on has it; handed up it is with the next; a whistle is the street's."""
    if outcome == "handed_up":
        return DESKS[DESKS.index(level) + 1]
    return DESKS[-1] if outcome == "drafted" else level


def rate(report: Report, rating: Rating, now: datetime) -> Report:
    """Once, at the end; the same rating again changes nothing.

    Raises IllegalTransition before the end, Conflict for another rating.
    """
    if report.rating == rating:
        return report
    if report.rating is not None:
        raise Conflict("this report was rated already")
    if report.state not in REPORT_ENDS:
        raise IllegalTransition("rating", report.state, ())
    return replace(
        report,
        contacted=rating.contacted,
        solved=rating.solved,
        satisfaction=rating.satisfaction,
        rated_at=now,
    )
