"""How far a report has come, in the plain steps that whoever made it may know: no names and no reasons. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from whistle_intake.domain.reports import FIRST_DESK, Desk, Report
from whistle_shared.contracts.vocabulary import ReportOutcome

StepName = Literal[
    "received",
    "handling",
    "handed_up",
    "handled",
    "declined",
    "whistle_blown",
    "on_site",
    "solved",
    "closed",
    "reopened",
    "withdrawn",
]


@dataclass(frozen=True, slots=True)
class Turn:
    """What was said of a report, once. `desk`: with whom it was from then on."""

    number: int
    at: datetime
    outcome: ReportOutcome
    desk: Desk
    by: str
    note: str
    answer: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `desk`: with whom it is then, where that changes."""

    name: StepName
    at: datetime
    desk: Desk | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a whistle's timeline."""

    key: str
    at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Course:
    """How far the whistle drafted from a report has come. `told`: its timeline in order; `solved_at`: when the street
    found the work of every department done, if that is so now; `withdrawn_at`: also of a draft, which nobody tells."""

    told: Sequence[Told] = ()
    solved_at: datetime | None = None
    withdrawn_at: datetime | None = None


_OF_WHISTLE: dict[str, StepName] = {
    "intake.whistle_blown.v1": "whistle_blown",
    "intake.whistle_reopened.v1": "reopened",
    "intake.whistle_closed.v1": "closed",
}
_REJECTED, _CHECKED_IN = "intake.whistle_rejected.v1", "department.responder_checked_in.v1"
_ENDINGS = ("closed", "withdrawn")
TOLD: tuple[str, ...] = (*_OF_WHISTLE, _REJECTED, _CHECKED_IN)
"""The events of a whistle that make steps."""


def progress(report: Report, turns: Iterable[Turn], course: Course) -> tuple[Step, ...]:
    """Everything that has happened, in order."""
    steps = [Step("received", report.submitted_at, FIRST_DESK[report.channel])]
    steps += [_of_turn(turn) for turn in turns]
    steps += _of_whistle(course.told)
    if course.solved_at is not None:
        steps.append(Step("solved", course.solved_at))
    if course.withdrawn_at is not None:
        steps.append(Step("withdrawn", course.withdrawn_at))
    return tuple(sorted(steps, key=lambda step: (step.at, step.name in _ENDINGS)))


def _of_turn(turn: Turn) -> Step:
    """A draft is nothing yet that a resident would notice, but that the street has it."""
    name: StepName = "handed_up" if turn.outcome == "drafted" else turn.outcome
    return Step(name, turn.at, turn.desk)


def _of_whistle(told: Iterable[Told]) -> Iterator[Step]:
    arrived = False
    for event in told:
        if event.key == _CHECKED_IN:
            if event.data.get("arrival", True) and not arrived:
                arrived = True
                yield Step("on_site", event.at)
        elif event.key == _REJECTED:
            if event.data.get("outcome") == "self_handled":
                yield Step("handling", event.at, "street")
        else:
            name = _OF_WHISTLE[event.key]
            arrived = arrived and name != "reopened"
            yield Step(name, event.at)
