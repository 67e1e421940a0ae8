"""escalation's use cases, one function each: decide with the domain, save, say."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from whistle_escalation import domain, store
from whistle_shared.auth import Caller
from whistle_shared.clockwork import schedule
from whistle_shared.contracts.dispatch import ClockSchedule, ClockSpec, TaskCalled
from whistle_shared.contracts.escalation import (
    ClockBreached,
    ClockChange,
    ClocksArmed,
    ClocksChanged,
    ClockWarned,
    DeadlineRecomputed,
    EscalationAcknowledged,
    EscalationRaised,
    EscalationResolved,
    EscalationWithdrawn,
)
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.contracts.vocabulary import EscalationStatus
from whistle_shared.db import Unit
from whistle_shared.errors import Invalid
from whistle_shared.messaging import RetryLater
from whistle_shared.timers import Horizon
from whistle_shared.worktime import Calendar


def note_whistle(unit: Unit, whistle_id: UUID, facts: WhistleFacts) -> None:
    """Remember what a whistle is about, for the dashboard and the record."""
    store.save(unit, store.matter(unit, whistle_id), facts)


def arm_clocks(
    unit: Unit,
    whistle_id: UUID,
    round_: int,
    facts: WhistleFacts,
    tasks: Sequence[TaskCalled],
    terms: dict[str, tuple[ClockSpec, ...]],
    calendar_version: int,
    at: datetime,
) -> None:
    """Start the clocks of a dispatched whistle, stop the one that waited for it, and make good the steps that were
    heard of before. A cancelled whistle arms nothing. Says how many clocks stand, always and first: that is the
    receipt, and dispatch listens to nothing else from here."""
    matter = store.matter(unit, whistle_id)
    known = {**matter.terms, **terms}
    matter = replace(matter, terms=known, calendar_version=calendar_version, dispatched_at=at)
    made_good: dict[UUID, domain.Clock] = {}
    for called in tasks:
        heard = matter.tasks.get(called.task_id)
        if heard is None or heard.department != called.department:
            heard = domain.Task(called.task_id, called.department)
        task = replace(heard, terms=called.terms)
        matter = replace(matter, tasks={**matter.tasks, task.task_id: task})
        if matter.cancelled_at is None:
            matter = _with_clocks(matter, task, terms[called.terms], calendar_version)
            matter, changed = _make_good(unit, matter, task)
            made_good |= changed
    store.say(unit, ClocksArmed(whistle_id=whistle_id, round=round_, clocks=len(matter.clocks)), whistle_id)
    _say_changes(unit, whistle_id, made_good.values())
    store.save(unit, _end_waiting(unit, matter), facts)


def _with_clocks(
    matter: domain.Matter, task: domain.Task, specs: Iterable[ClockSpec], calendar_version: int
) -> domain.Matter:
    """The matter with those of this task's clocks that start with the dispatch."""
    clocks = dict(matter.clocks)
    for spec in specs:
        if spec.schedule is not None:
            clock = domain.start(matter, spec, spec.schedule, task, task.terms, calendar_version)
            clocks.setdefault(clock.clock_id, clock)
    return replace(matter, clocks=clocks)


def _say_changes(unit: Unit, whistle_id: UUID, changed: Iterable[domain.Clock]) -> None:
    """Tell every department how its clocks stand now."""
    clocks = list(changed)
    for task_id, department in dict.fromkeys((clock.task_id, clock.department) for clock in clocks):
        mine = [clock for clock in clocks if clock.task_id == task_id]
        store.say(unit, _changes(whistle_id, task_id, mine), whistle_id, department)


def wait_for_routing(
    unit: Unit,
    whistle_id: UUID,
    round_: int,
    facts: WhistleFacts,
    clocks: Sequence[ClockSpec],
    calendar_version: int,
) -> None:
    """Start the clock of a whistle that waits at the district whistle office; one that has been dispatched since
    stops it at once, so that the office's time is on record in whatever order this is heard."""
    matter = store.matter(unit, whistle_id)
    if matter.cancelled_at is None:
        matter = replace(matter, terms={**matter.terms, "triage": tuple(clocks)})
        if matter.dispatched_at is None:
            matter = replace(matter, calendar_version=calendar_version)
        for spec in clocks:
            if spec.schedule is not None:
                clock = domain.start(matter, spec, spec.schedule, None, "triage", calendar_version)
                matter = replace(matter, clocks={clock.clock_id: clock, **matter.clocks})
    store.say(unit, ClocksArmed(whistle_id=whistle_id, round=round_, clocks=len(matter.clocks)), whistle_id)
    store.save(unit, _end_waiting(unit, matter), facts)


def _end_waiting(unit: Unit, matter: domain.Matter) -> domain.Matter:
    """Stop the clock of the district whistle office once the whistle has been dispatched."""
    waiting = [clock for clock in matter.clocks.values() if clock.name == "dispatch" and clock.status == "running"]
    if matter.dispatched_at is None:
        return matter
    return _stopped(unit, matter, [domain.stop(clock, matter.dispatched_at) for clock in waiting])


def take_step(unit: Unit, whistle_id: UUID, task_id: UUID, department: str, step: domain.Step, at: datetime) -> None:
    """A department acknowledged, arrived or submitted at `at` (business): stop and start the clocks that follow.

    Heard before the dispatch, it is remembered. Always says what changed: that is the receipt. Raises Invalid when
    the task is another department's (EVENTS.md R8).
    """
    matter = store.matter(unit, whistle_id)
    known = matter.tasks.get(task_id, domain.Task(task_id, department))
    if known.department != department:
        raise Invalid("department", f"task {task_id} is {known.department}'s, not {department}'s")
    task = domain.with_step(known, step, at)
    matter = replace(matter, tasks={**matter.tasks, task_id: task})
    changed: dict[UUID, domain.Clock] = {}
    if task.terms and matter.cancelled_at is None:
        matter, changed = _make_good(unit, matter, task)
    store.save(unit, matter)
    store.say(unit, _changes(whistle_id, task_id, changed.values()), whistle_id, department)


def _make_good(unit: Unit, matter: domain.Matter, task: domain.Task) -> tuple[domain.Matter, dict[UUID, domain.Clock]]:
    """The matter after all known steps of a task, whatever the order in which they were heard; and what changed."""
    changed: dict[UUID, domain.Clock] = {}
    for step, at in domain.stamps(task):
        matter, more = _step(unit, matter, task, step, at)
        changed |= {clock.clock_id: clock for clock in more}
    return matter, changed


def _changes(whistle_id: UUID, task_id: UUID | None, clocks: Iterable[domain.Clock]) -> ClocksChanged:
    return ClocksChanged(
        whistle_id=whistle_id,
        task_id=task_id,
        changes=tuple(
            ClockChange(clock_id=clock.clock_id, name=clock.name, status=clock.status, due_at=clock.due_at)
            for clock in clocks
        ),
    )


def _step(
    unit: Unit, matter: domain.Matter, task: domain.Task, step: domain.Step, at: datetime
) -> tuple[domain.Matter, list[domain.Clock]]:
    """What a step of a task does to its clocks. Returns the matter and the clocks that changed. Doing it again
    changes nothing. A stamp from before the clock's start is not believed: now stands in (EVENTS.md R1)."""
    stopped = [
        domain.stop(clock, at if at >= clock.started_at else unit.now)
        for clock in matter.clocks.values()
        if clock.task_id == task.task_id and clock.name in domain.STOPS[step] and clock.status == "running"
    ]
    matter = _stopped(unit, matter, stopped)
    started = []
    for name in domain.STARTS[step]:
        clock = _started(unit, matter, task, name, at)
        if clock is not None and clock.clock_id not in matter.clocks:
            started.append(clock)
            matter = replace(matter, clocks={**matter.clocks, clock.clock_id: clock})
    return matter, stopped + started


def _started(unit: Unit, matter: domain.Matter, task: domain.Task, name: str, at: datetime) -> domain.Clock | None:
    spec = matter.spec(task.terms, name)
    if spec is None or spec.limit.startswith("per_plan"):
        return None
    calendar = _calendar(unit, matter.calendar_version)
    instants = schedule(at, spec.limit, spec.warn_percent, spec.ladder, calendar)
    return domain.start(matter, spec, instants, task, task.terms, matter.calendar_version)


def _stopped(unit: Unit, matter: domain.Matter, stopped: Sequence[domain.Clock]) -> domain.Matter:
    """The matter with these clocks at their end; their open escalations end with them (EVENTS.md R10)."""
    for clock in stopped:
        matter = replace(matter, clocks={**matter.clocks, clock.clock_id: clock})
        status: EscalationStatus = "resolved" if clock.status == "met_late" else "withdrawn"
        reason = {"met": "met in time", "met_late": "met late"}.get(clock.status, clock.status)
        matter = _end_open(unit, matter, clock, status, reason)
    return matter


def _end_open(
    unit: Unit, matter: domain.Matter, clock: domain.Clock, status: EscalationStatus, reason: str
) -> domain.Matter:
    model = EscalationResolved if status == "resolved" else EscalationWithdrawn
    for standing in matter.open_on(clock.clock_id):
        store.end_escalation(unit, standing.escalation_id, status, reason)
        ended = model(**_about(clock), escalation_id=standing.escalation_id, rung=standing.rung, reason=reason)
        store.say(unit, ended, clock.whistle_id, _hearer(clock))
        matter = _with_escalation(matter, replace(standing, status=status))
    return matter


def _with_escalation(matter: domain.Matter, escalation: domain.Escalation) -> domain.Matter:
    return replace(matter, escalations={**matter.escalations, escalation.escalation_id: escalation})


def cancel_matter(unit: Unit, whistle_id: UUID, at: datetime) -> None:
    """The whistle was withdrawn: every clock stops, also those that a late dispatch would start."""
    matter = store.matter(unit, whistle_id)
    ended = [domain.cancel(clock, at) for clock in matter.clocks.values()]
    ended = [clock for clock in ended if clock != matter.clocks[clock.clock_id]]
    matter = _stopped(unit, matter, ended)
    store.save(unit, replace(matter, cancelled_at=matter.cancelled_at or at))
    _say_changes(unit, whistle_id, ended)
    if not ended:
        store.say(unit, _changes(whistle_id, None, ()), whistle_id)


def fire_matter(unit: Unit, whistle_id: UUID, horizon: Horizon) -> None:
    """Fire what is due in one matter: warnings, breaches, one rung per clock."""
    matter = store.matter(unit, whistle_id)
    due = [clock for clock in matter.clocks.values() if clock.next_at is not None and clock.next_at <= horizon.until]
    for clock in sorted(due, key=lambda clock: (clock.next_at, clock.name)):
        spec = matter.spec(clock.terms, clock.name)
        assert spec is not None, f"clock {clock.clock_id} has no terms"
        fired, firings = domain.fire(clock, spec, _instants(unit, clock, spec), unit.now, horizon.until)
        matter = replace(matter, clocks={**matter.clocks, clock.clock_id: fired})
        for firing in firings:
            matter = _say_firing(unit, matter, fired, firing, horizon.degraded)
    store.save(unit, matter)


def _say_firing(
    unit: Unit, matter: domain.Matter, clock: domain.Clock, firing: domain.Firing, degraded: bool
) -> domain.Matter:
    about = _about(clock)
    data: ClockWarned | ClockBreached | EscalationRaised
    match firing:
        case domain.Warned(percent, _):
            data = ClockWarned(**about, percent=percent, warned_at=unit.now)
        case domain.Breached(late_by):
            data = ClockBreached(**about, fired_at=unit.now, late_by_seconds=late_by.total_seconds())
        case domain.Raised():
            store.add_escalation(unit, clock, firing, degraded)
            matter = _with_escalation(matter, domain.Escalation(firing.escalation_id, clock.clock_id, firing.rung))
            data = EscalationRaised(
                **about,
                escalation_id=firing.escalation_id,
                rung=firing.rung,
                role=firing.role,
                form=firing.form,
                rung_at=firing.rung_at,
                fired_at=unit.now,
                late_by_seconds=firing.late_by.total_seconds(),
                degraded=degraded,
            )
    store.say(unit, data, clock.whistle_id, _hearer(clock))
    return matter


def _hearer(clock: domain.Clock) -> str | None:
    """The department that must see what happens to a clock: not the street's or the district's lateness."""
    return clock.department if clock.side == "department" else None


def _about(clock: domain.Clock) -> dict[str, Any]:
    return {
        "whistle_id": clock.whistle_id,
        "task_id": clock.task_id,
        "department": clock.department,
        "clock_id": clock.clock_id,
        "clock": clock.name,
        "side": clock.side,
        "due_at": clock.due_at,
    }


def _instants(unit: Unit, clock: domain.Clock, spec: ClockSpec) -> ClockSchedule:
    """The clock's instants: as dispatch gave them, or reckoned again by the calendar the clock goes by."""
    given = spec.schedule
    if given is not None and given.due_at == clock.due_at:
        return given
    calendar = _calendar(unit, clock.calendar_version)
    return schedule(clock.started_at, spec.limit, spec.warn_percent, spec.ladder, calendar)


def _calendar(unit: Unit, version: int) -> Calendar:
    replica = store.replica(unit)
    if replica.calendar_version < version:
        raise RetryLater(f"calendar version {version} has not arrived yet")
    return replica.calendar(version)


def acknowledge_escalation(unit: Unit, whistle_id: UUID, escalation_id: UUID, by: str) -> None:
    """The person whom a rung called has seen it; later rungs still fire. The first stamp counts."""
    matter = store.matter(unit, whistle_id)
    standing = matter.escalations[escalation_id]
    if standing.acknowledged_at is not None:
        return
    store.acknowledge(unit, escalation_id, by)
    clock = matter.clocks[standing.clock_id]
    seen = EscalationAcknowledged(**_about(clock), escalation_id=escalation_id, rung=standing.rung, by=by)
    store.say(unit, seen, whistle_id, _hearer(clock))
    store.save(unit, _with_escalation(matter, replace(standing, acknowledged_at=unit.now)))


def recompute_matter(unit: Unit, whistle_id: UUID) -> None:
    """Reckon the provisional clocks of one matter by the newest calendar and say which due times moved."""
    matter = store.matter(unit, whistle_id)
    replica = store.replica(unit)
    newest = replica.calendar_version
    for clock in list(matter.clocks.values()):
        spec = matter.spec(clock.terms, clock.name)
        if not clock.provisional or clock.status != "running" or clock.calendar_version >= newest or spec is None:
            continue
        instants = schedule(clock.started_at, spec.limit, spec.warn_percent, spec.ladder, replica.calendar(newest))
        moved, again = domain.move_due(clock, instants, newest)
        matter = replace(matter, clocks={**matter.clocks, clock.clock_id: moved})
        if again is not None:
            matter = _end_open(unit, matter, moved, "withdrawn", "the calendar moved the due time")
            matter = replace(matter, clocks={**matter.clocks, again.clock_id: again})
        if instants.due_at != clock.due_at:
            _say_recomputed(unit, clock, again or moved)
    store.save(unit, matter)


def _say_recomputed(unit: Unit, before: domain.Clock, after: domain.Clock) -> None:
    recomputed = DeadlineRecomputed(
        **_about(after),
        previous_due_at=before.due_at,
        provisional=after.provisional,
        calendar_version=after.calendar_version,
    )
    store.say(unit, recomputed, after.whistle_id, _hearer(after))


async def sign_in(unit: Unit, caller: Caller) -> str:
    """The holder of a token opens the pages; returns what the browser's cookie carries."""
    return await store.add_session(unit, caller)


def stay_signed_in(unit: Unit, secret: str) -> None:
    """The pages are in use."""
    store.keep_session(unit, secret)


def sign_out(unit: Unit, secret: str) -> None:
    """The session ends at once, wherever its cookie is."""
    store.end_session(unit, secret)
