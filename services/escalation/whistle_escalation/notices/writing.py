"""Notices written down with what they tell of, in its transaction."""

from typing import Any
from uuid import UUID

import orjson

from whistle_escalation import domain as clocks
from whistle_escalation import store, tables
from whistle_escalation.domain import About, Clock, Matter, Raised
from whistle_escalation.notices import domain
from whistle_shared.contracts.dispatch import LadderStep, TaskCalled
from whistle_shared.db import Unit
from whistle_shared.privacy import masked
from whistle_shared.timesource import wall_now
from whistle_shared.worktime import is_open

_AT_ONCE = ("emergency",)


def tell_of_task(unit: Unit, matter: Matter, called: TaskCalled) -> None:
    """A department has a new task: whoever the dispatch names, or its desk."""
    if matter.cancelled_at is not None:
        return
    ack = matter.clocks.get(clocks.clock_id(called.task_id, "ack"))
    to = domain.addressees(called.department, domain.NEW_TASK, called.people)
    spec = matter.spec(called.terms, "ack")
    facts = {"department": called.department, "due_at": None if ack is None else ack.due_at, "clock": "ack"}
    _write(unit, matter, "task", called.task_id, to, facts, ack, _quiet(spec.ladder if spec else ()), called.task_id)


def tell_of_warning(unit: Unit, matter: Matter, clock: Clock, percent: int, ladder: tuple[LadderStep, ...]) -> None:
    """A part of a limit has passed."""
    role = domain.warned_role(clock.side, percent)
    facts = _of_clock(clock) | {"percent": percent}
    cause = domain.warning_cause(clock.clock_id, percent)
    _write(unit, matter, "warning", cause, _to(unit, matter, clock, role), facts, clock, _quiet(ladder))


def tell_of_rung(unit: Unit, matter: Matter, clock: Clock, raised: Raised) -> None:
    """A rung was climbed: everybody whom it calls. The ladder has kept its quiet hours already."""
    to = domain.addressees(_organisation(unit, matter, clock, raised.role), raised.role, raised.people)
    facts = _of_clock(clock) | {"rung": raised.rung, "role": raised.role, "form": raised.form}
    _write(unit, matter, "rung", raised.escalation_id, to, facts, clock, "", None, raised.escalation_id)


def tell_again(
    unit: Unit, matter: Matter, clock: Clock, step: LadderStep, escalation_id: UUID, repeated: int, *, stale: bool
) -> None:
    """A rung is said again, because nobody acknowledged it or because nothing was done since (`stale`)."""
    facts = _of_clock(clock) | {"rung": step.rung, "role": step.role, "form": step.form, "stale": stale}
    cause = domain.again_cause(escalation_id, repeated)
    _write(unit, matter, "again", cause, _to(unit, matter, clock, step.role), facts, clock, "", None, escalation_id)


def _to(unit: Unit, matter: Matter, clock: Clock, role: str) -> list[domain.Addressee]:
    """Who of a role is on duty now; its desk when nobody is named or there."""
    replica = store.replica(unit)
    names: tuple[str, ...] = ()
    if replica.registry is not None:
        working = lambda: is_open(unit.now, replica.calendar())  # noqa: E731 - asked only where hours matter
        names = clocks.on_duty(replica.registry, role, clock, matter.about, working) or ()
    return domain.addressees(_organisation(unit, matter, clock, role), role, names)


def _organisation(unit: Unit, matter: Matter, clock: Clock, role: str) -> str:
    registry = store.replica(unit).registry
    found = None if registry is None else clocks.organisation(registry, role, clock, matter.about)
    return found or clock.department or clocks.DISTRICT


def _of_clock(clock: Clock) -> dict[str, Any]:
    return {"clock": clock.name, "department": clock.department, "side": clock.side, "due_at": clock.due_at}


def _quiet(ladder: tuple[LadderStep, ...]) -> str:
    """The quiet hours of what comes before a ladder are those of its first rung."""
    return ladder[0].quiet if ladder else ""


def _pressing(about: About | None) -> bool:
    return about is not None and (about.kind in _AT_ONCE or about.urgency == "critical")


def _write(
    unit: Unit,
    matter: Matter,
    kind: domain.Kind,
    cause: UUID,
    to: list[domain.Addressee],
    facts: dict[str, Any],
    clock: Clock | None,
    quiet: str,
    task_id: UUID | None = None,
    escalation_id: UUID | None = None,
) -> None:
    """INVARIANT: (thing, person) is written once, whatever is heard or fired again."""
    about, pressing = matter.about, _pressing(matter.about)
    if about is not None:
        # It leaves the house: the matter's own words without anybody's numbers, and nothing of the description.
        facts = facts | {"number": about.number, "title": masked(about.title), "street": about.street}
    for person in to:
        unit.keep(
            tables.notice,
            notice_id=domain.notice_id(cause, person),
            cause_id=cause,
            kind=kind,
            whistle_id=matter.whistle_id,
            task_id=task_id if clock is None else clock.task_id,
            clock_id=None if clock is None else clock.clock_id,
            escalation_id=escalation_id,
            organisation=person.organisation,
            role=person.role,
            name=person.name,
            pressing=pressing,
            facts=orjson.dumps(facts).decode(),
            made_at=unit.now,
            due_at=domain.due_at(unit.now, quiet, pressing=pressing),
            next_at=wall_now(),
            state="waiting",
            ended_at=None,
        )
