"""What one task and one whistle contribute to the measures: whole numbers by name. Pure.

Every measure is made of sums of these numbers and of nothing else, so a sum can be taken anywhere (in the database,
or over a fold of the log) and the tasks behind a number are those that contribute to its denominator.
INVARIANT: an excluded task contributes nothing but `excluded`; one that was returned by right contributes nothing but
that return.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from whistle_escalation.measures.periods import Period
from whistle_escalation.measures.records import CallBack, Ledger, TaskRecord, WhistleRecord

Counts = dict[str, int]
OF_WHISTLES = {"whistles", "withdrawn", "proposals", "self_handled", "signatures", "signatures_missed"}
"""What whistles contribute; everything else is contributed by tasks."""


def task_counts(ledger: Ledger, task: TaskRecord) -> Counts:
    """The contribution of a task, zeros left out. A task that has not been called yet has none."""
    if task.called_at is None:
        return {}
    if task.excluded:
        return {"excluded": 1}
    counts = _returns(ledger, task)
    if task.ended_at is None:
        counts += _duty(ledger, task) + _work(task) + _of_street(task)
        if ledger.leads(task):
            counts += _matter(ledger, task)
    return _plain(counts)


def _returns(ledger: Ledger, task: TaskRecord) -> Counter[str]:
    """What a department called is not the street's calling."""
    upheld = sum(decision.granted for decision in task.returns.values())
    decided = len(task.returns)
    counts = Counter(called=1, returns=decided, returns_upheld=upheld, returns_refused=decided - upheld)
    if ledger.whistle.by_street:
        counts += Counter(street_called=1, street_returned=upheld > 0)
    return counts


def _duty(ledger: Ledger, task: TaskRecord) -> Counter[str]:
    """What the department's own clocks say. Tasks of a withdrawn round are no longer `tasks`, but a clock that had
    ended before stays as it ended."""
    counted = not ledger.whistle.withdrawn(task.round)
    suspended = any(decision.granted for decision in task.suspensions.values())
    counts: Counter[str] = Counter(tasks=counted, suspended=counted and suspended)
    acknowledged = _outcome(task, "ack")
    counts["acknowledgements"] = acknowledged is not None
    counts["acknowledged_in_time"] = acknowledged == "met"
    arrived = _outcome(task, "arrive") if task.presence != "none" else None
    counts["presences"] = arrived is not None
    counts["arrived_in_time"] = arrived == "met"
    counts["no_shows"] = arrived == "late" and not task.came
    resolved = _outcome(task, "resolve")
    paused = any(clock.name == "resolve" and clock.status == "paused" for clock in task.clocks.values())
    counts["due"] = resolved is not None or paused
    counts["suspended_now"] = paused
    counts["on_time"] = resolved == "met" and not paused
    return counts


def _work(task: TaskRecord) -> Counter[str]:
    failed = len(task.reworked)
    counts: Counter[str] = Counter(
        submitted=bool(task.submitted),
        reworked=failed > 0,
        reworks=failed,
        third_failed_checks=max(0, failed - 2),
    )
    if task.evaluation is not None:
        counts.update(scored=1, score=task.evaluation.total)
    return counts


def _of_street(task: TaskRecord) -> Counter[str]:
    """How the street kept its own time on this task: each verification is one, the score is one."""
    checks = [clock.outcome for clock in task.clocks.values() if clock.name == "street_verify" and clock.outcome]
    scoring = "late" if task.scored_by_default else _outcome(task, "evaluate")
    return Counter(
        verifications=len(checks),
        verified_late=checks.count("late"),
        scorings=scoring is not None,
        scored_late=scoring == "late",
    )


def _matter(ledger: Ledger, task: TaskRecord) -> Counter[str]:
    """What is known of the matter as a whole counts for whoever leads it."""
    known = ledger.whistle.rounds.get(task.round)
    if known is None:
        return Counter()
    cause = known.reopening.cause if known.reopening else None
    closed = known.closed_at is not None
    counts: Counter[str] = Counter(
        closed=closed, relapsed=closed and cause == "relapse", false_completions=cause == "false_completion"
    )
    if known.callback is not None and not known.callback.waived:
        counts += _call_back(known.callback)
    return counts


def _call_back(said: CallBack) -> Counter[str]:
    return Counter(
        callbacks=1,
        contacted=said.contacted,
        solved=said.solved is True,
        satisfied=said.satisfaction == "satisfied",
        basically_satisfied=said.satisfaction == "basically_satisfied",
    )


def whistle_counts(whistle: WhistleRecord) -> Counts:
    """The contribution of a whistle to its street's measures, zeros left out. One that a department blew is not the
    street's doing."""
    if whistle.began_at is None or not whistle.by_street:
        return {}
    blown = whistle.blown_at is not None
    emergency = blown and whistle.kind == "emergency"
    self_handled = not blown and whistle.self_handled_at is not None
    counts: Counter[str] = Counter(
        whistles=blown,
        withdrawn=blown and whistle.withdrawn(),
        proposals=blown or self_handled,
        self_handled=self_handled,
        signatures=emergency,
        signatures_missed=emergency and whistle.signature_missed,
    )
    return _plain(counts)


def _outcome(task: TaskRecord, name: str) -> Literal["met", "late"] | None:
    """Of the clocks of this name (a moved due time may have left several): late when one is, else met when one is."""
    outcomes = {clock.outcome for clock in task.clocks.values() if clock.name == name}
    return "late" if "late" in outcomes else "met" if "met" in outcomes else None


def total(contributions: Iterable[Counts]) -> Counts:
    """Their sum."""
    summed: Counter[str] = Counter()
    for counts in contributions:
        summed.update(counts)
    return _plain(summed)


@dataclass(frozen=True, slots=True)
class Contribution:
    """One row of the projection as the sums see it. `department` None: a whistle's."""

    began_at: datetime | None
    department: str | None
    street: str
    counts: Counts


def contributions(ledger: Ledger) -> Iterator[Contribution]:
    """What a whistle and its tasks contribute; a task belongs to the period in which it was called."""
    whistle = ledger.whistle
    yield Contribution(whistle.began_at, None, whistle.street, whistle_counts(whistle))
    for task in ledger.tasks.values():
        yield Contribution(task.called_at, task.department, whistle.street, task_counts(ledger, task))


def sums(by: Literal["department", "street"], rows: Iterable[Contribution], period: Period) -> dict[str, Counts]:
    """The contributions of a period, summed by unit; `*` is the whole district. The database sums the same rows."""
    by_unit: dict[str, list[Counts]] = {}
    for row in rows:
        unit = row.department if by == "department" else row.street
        if unit is not None and row.counts and period.covers(row.began_at):
            by_unit.setdefault(unit, []).append(row.counts)
    summed = {unit: total(counts) for unit, counts in by_unit.items()}
    return {**summed, "*": total(summed.values())}


def _plain(counts: Counter[str]) -> Counts:
    return {name: int(n) for name, n in counts.items() if n}
