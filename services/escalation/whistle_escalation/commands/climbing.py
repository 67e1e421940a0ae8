"""Time passes: warnings, breaches and rungs; rungs said again; rungs climbed by hand."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from whistle_escalation import domain, store
from whistle_escalation.commands.saying import about, calendars, hearer
from whistle_escalation.notices import writing
from whistle_shared.clockwork import after, schedule
from whistle_shared.contracts.dispatch import ClockSchedule, ClockSpec, LadderStep
from whistle_shared.contracts.escalation import (
    ClockBreached,
    ClockWarned,
    EscalationAcknowledged,
    EscalationRaised,
    EscalationRepeated,
    RungSkipped,
)
from whistle_shared.db import Unit
from whistle_shared.errors import Conflict, IllegalTransition, Invalid, NotFound
from whistle_shared.registry import Regulation
from whistle_shared.timers import Horizon
from whistle_shared.worktime import Calendar, is_open

PER_PLAN = "per_plan"
LADDER = "the ladder"


def fire_matter(unit: Unit, whistle_id: UUID, horizon: Horizon) -> list[domain.Owed]:
    """Fire what is due in one matter: warnings, breaches, one rung per clock, repetitions. Returns the letters that
    the climbed rungs call for."""
    matter = store.matter(unit, whistle_id)
    due = [clock for clock in matter.clocks.values() if clock.next_at is not None and clock.next_at <= horizon.until]
    clocks, climbed = dict(matter.clocks), dict[UUID, domain.Escalation]()
    owed: list[domain.Owed] = []
    for clock in sorted(due, key=lambda clock: (clock.next_at, clock.name)):
        spec = _spec(matter, clock)
        instants = _instants(unit, matter, clock, spec)
        fired, firings = domain.fire(clock, spec, instants, unit.now, horizon.until, _reach(unit, matter, clock))
        clocks[clock.clock_id] = fired
        for firing in firings:
            if isinstance(firing, domain.Raised):
                _raise(unit, climbed, fired, spec, firing, degraded=horizon.degraded)
                owed += _letter(fired, firing, LADDER)
            else:
                _say_firing(unit, matter, fired, firing)
    again = _said_again(unit, matter, horizon.until)
    matter = replace(matter, clocks=clocks, escalations={**matter.escalations, **again, **climbed})
    store.save(unit, matter, added=climbed)
    return owed


def _spec(matter: domain.Matter, clock: domain.Clock) -> ClockSpec:
    spec = matter.spec(clock.terms, clock.name, clock.side)
    assert spec is not None, f"clock {clock.clock_id} has no terms"
    return spec


def _instants(unit: Unit, matter: domain.Matter, clock: domain.Clock, spec: ClockSpec) -> ClockSchedule:
    """The clock's instants: as dispatch gave them, or plainly reckoned, or by all that has bent them since."""
    given = spec.schedule
    if given is not None and given.due_at == clock.due_at:
        return given
    task = matter.tasks.get(clock.task_id) if clock.task_id is not None else None
    if given is None and not (task is not None and task.bent) and not spec.limit.startswith(PER_PLAN):
        calendar = calendars(unit)(clock.calendar_version)
        return schedule(clock.started_at, spec.limit, spec.warn_percent, spec.ladder, calendar)
    course = domain.course_of(matter, clock)
    assert course is not None, f"clock {clock.clock_id} follows from nothing"
    return domain.instants(course, clock.calendar_version, calendars(unit))


def _reach(unit: Unit, matter: domain.Matter, clock: domain.Clock) -> domain.Reach:
    """Who is on duty now for a rung. Without a registry every desk is taken to be manned."""
    replica = store.replica(unit)
    registry = replica.registry
    if registry is None:
        return domain.somebody

    def reach(step: LadderStep) -> tuple[str, ...] | None:
        return domain.on_duty(registry, step.role, clock, matter.about, lambda: is_open(unit.now, replica.calendar()))

    return reach


def _raise(
    unit: Unit,
    climbed: dict[UUID, domain.Escalation],
    clock: domain.Clock,
    spec: ClockSpec,
    raised: domain.Raised,
    *,
    degraded: bool = False,
    by: str | None = None,
    reason: str | None = None,
) -> EscalationRaised:
    """Store a climbed rung, put it to the others and say it."""
    step = next(step for step in spec.ladder if step.rung == raised.rung)
    standing = domain.Escalation(
        raised.escalation_id, clock.clock_id, raised.rung, next_at=_repeat_at(unit, step, repeated=0)
    )
    climbed[standing.escalation_id] = standing
    store.add_escalation(unit, clock, raised, standing, degraded=degraded, by=by, reason=reason)
    word = EscalationRaised(
        **about(clock),
        escalation_id=raised.escalation_id,
        rung=raised.rung,
        role=raised.role,
        form=raised.form,
        rung_at=raised.rung_at,
        fired_at=unit.now,
        late_by_seconds=raised.late_by.total_seconds(),
        degraded=degraded,
        people=raised.people,
        by=by,
        reason=reason,
    )
    store.say(unit, word, clock.whistle_id, hearer(clock))
    writing.tell_of_rung(unit, store.matter(unit, clock.whistle_id), clock, raised)
    return word


def _repeat_at(unit: Unit, step: LadderStep, repeated: int) -> datetime | None:
    if not step.every or repeated >= step.repeats:
        return None
    return after(unit.now, step.every, step.quiet, store.replica(unit).calendar())


def _letter(clock: domain.Clock, raised: domain.Raised, by: str) -> list[domain.Owed]:
    """The letter of a rung: to a department about its own lateness, never about its lateness in replying to one."""
    if clock.side != "department" or clock.name == "reply" or clock.task_id is None:
        return []
    if not domain.is_letter(raised.form):
        return []
    return [domain.Owed(clock.whistle_id, clock.task_id, raised.form, by, raised.escalation_id)]


def _say_firing(
    unit: Unit,
    matter: domain.Matter,
    clock: domain.Clock,
    firing: domain.Warned | domain.Breached | domain.Skipped,
) -> None:
    match firing:
        case domain.Warned(percent, _):
            warned = ClockWarned(**about(clock), percent=percent, warned_at=unit.now)
            store.say(unit, warned, clock.whistle_id, hearer(clock))
            writing.tell_of_warning(unit, matter, clock, percent, _spec(matter, clock).ladder)
        case domain.Breached(late_by):
            word = ClockBreached(**about(clock), fired_at=unit.now, late_by_seconds=late_by.total_seconds())
            store.say(unit, word, clock.whistle_id, hearer(clock), _lead(matter, clock))
        case domain.Skipped(rung, role):
            skipped = RungSkipped(**about(clock), rung=rung, role=role)
            store.say(unit, skipped, clock.whistle_id, hearer(clock))


def _lead(matter: domain.Matter, clock: domain.Clock) -> str | None:
    """The lead sees what its assistants let pass."""
    task = matter.tasks.get(clock.task_id) if clock.task_id is not None else None
    return None if task is None or clock.side != "department" else matter.lead(task.round)


# -- said again -------------------------------------------------------------------------------------------------


def _said_again(unit: Unit, matter: domain.Matter, until: datetime) -> dict[UUID, domain.Escalation]:
    """Rungs that nobody acknowledged, and those whose acknowledgement led to nothing, as they stand after it."""
    due = [e for e in matter.escalations.values() if e.next_at is not None and e.next_at <= until]
    changed: dict[UUID, domain.Escalation] = {}
    for standing in sorted(due, key=lambda e: (e.next_at, e.rung)):
        clock = matter.clocks[standing.clock_id]
        step = next(step for step in _spec(matter, clock).ladder if step.rung == standing.rung)
        changed[standing.escalation_id] = _again(unit, matter, clock, step, standing)
    return changed


def _again(
    unit: Unit, matter: domain.Matter, clock: domain.Clock, step: LadderStep, standing: domain.Escalation
) -> domain.Escalation:
    stale = standing.acknowledged_at is not None
    if stale:
        stale_at = _stale_at(unit, matter, clock, standing)
        if stale_at > unit.now:
            return replace(standing, next_at=stale_at)
    if clock.status != "running":  # it stands still: look again when it may run
        return replace(standing, next_at=after(unit.now, _regulation(unit).climbing.stale_after, "", _calendar(unit)))
    repeated = standing.repeated + 1
    word = EscalationRepeated(
        **about(clock), escalation_id=standing.escalation_id, rung=standing.rung, repeat=repeated, stale=stale
    )
    store.say(unit, word, clock.whistle_id, hearer(clock))
    writing.tell_again(unit, matter, clock, step, standing.escalation_id, repeated, stale=stale)
    return replace(
        standing,
        acknowledged_at=None,
        acknowledged_by=None,
        repeated=repeated,
        next_at=_repeat_at(unit, step, repeated),
    )


def _stale_at(unit: Unit, matter: domain.Matter, clock: domain.Clock, standing: domain.Escalation) -> datetime:
    """When an acknowledgement without anything done since is worth nothing any more."""
    task = matter.tasks.get(clock.task_id) if clock.task_id is not None else None
    seen = standing.acknowledged_at or unit.now
    if task is not None and task.active_at is not None:
        seen = max(seen, task.active_at)
    return after(seen, _regulation(unit).climbing.stale_after, "", _calendar(unit))


def _regulation(unit: Unit) -> Regulation:
    registry = store.replica(unit).registry
    return Regulation() if registry is None else registry.regulation


def _calendar(unit: Unit) -> Calendar:
    return store.replica(unit).calendar()


# -- by hand ----------------------------------------------------------------------------------------------------


def acknowledge_escalation(unit: Unit, whistle_id: UUID, escalation_id: UUID, by: str) -> None:
    """The person whom a rung called has seen it: it is not repeated, later rungs still fire. The first stamp counts,
    until it goes stale: then the rung is said again."""
    matter = store.matter(unit, whistle_id)
    standing = matter.escalations[escalation_id]
    if standing.acknowledged_at is not None:
        return
    clock = matter.clocks[standing.clock_id]
    seen = replace(standing, acknowledged_at=unit.now, acknowledged_by=by, next_at=None)
    if standing.status == "open" and clock.side == "department":
        seen = replace(seen, next_at=_stale_at(unit, matter, clock, seen))
    word = EscalationAcknowledged(**about(clock), escalation_id=escalation_id, rung=standing.rung, by=by)
    store.say(unit, word, whistle_id, hearer(clock))
    store.save(unit, replace(matter, escalations={**matter.escalations, escalation_id: seen}))


def ladder_step(matter: domain.Matter, clock_id: UUID, rung: int) -> LadderStep:
    """The rung of a clock's ladder. Raises NotFound for another clock, Invalid for another rung."""
    clock = matter.clocks.get(clock_id)
    if clock is None:
        raise NotFound(f"clock {clock_id}")
    ladder = _spec(matter, clock).ladder
    found = next((step for step in ladder if step.rung == rung), None)
    if found is None:
        have = ", ".join(str(step.rung) for step in ladder) or "none"
        raise Invalid("rung", f"the ladder of this clock has the rungs {have}")
    return found


def jump_to_rung(
    unit: Unit, whistle_id: UUID, clock_id: UUID, rung: int, reason: str, by: str
) -> tuple[EscalationRaised, list[domain.Owed]]:
    """Climb to a rung by hand; those below are passed over. Returns what was said and the letter it calls for. Raises
    IllegalTransition when the clock does not run or has climbed there, Conflict when nobody of the rung can be told."""
    matter = store.matter(unit, whistle_id)
    step = ladder_step(matter, clock_id, rung)
    clock = matter.clocks[clock_id]
    spec = _spec(matter, clock)
    above = [str(left.rung) for left in spec.ladder[clock.climbed :]] if clock.status == "running" else []
    reach = _reach(unit, matter, clock)
    jumped = domain.jump(clock, spec, _instants(unit, matter, clock, spec), rung, unit.now, reach)
    if clock.status != "running" or jumped is None:
        raise IllegalTransition(f"rung {rung}", clock.status, above)
    if reach(step) is None:
        raise Conflict(f"nobody of {step.role!r} is on duty now")
    after_jump, raised = jumped
    climbed = dict(matter.escalations)
    word = _raise(unit, climbed, after_jump, spec, raised, by=by, reason=reason)
    matter = replace(matter, clocks={**matter.clocks, clock_id: after_jump}, escalations=climbed)
    store.save(unit, matter, added={raised.escalation_id})
    return word, _letter(after_jump, raised, by)
