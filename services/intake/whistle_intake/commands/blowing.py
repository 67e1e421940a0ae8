"""Everything up to the blowing: drafting, the gate, the look for what is known already, handing up."""

from dataclasses import dataclass, replace
from uuid import UUID

from whistle_intake import domain, store
from whistle_shared import photos
from whistle_shared.auth import Caller
from whistle_shared.contracts.intake import WhistleBlown, WhistleJoined, WhistleSubmitted
from whistle_shared.db import Unit
from whistle_shared.errors import Conflict, Invalid, NotFound


@dataclass(frozen=True, slots=True)
class Reasons:
    """`override`: why it is beyond the street although its duty list has it. `distinct`: why it is a matter of its
    own although others are like it."""

    override: str | None = None
    distinct: str | None = None


class KnownAlready(Conflict):
    """The matter is like others: it can join an open one, reopen a closed one, or say why it is distinct."""

    def __init__(self, likeness: domain.Likeness) -> None:
        self.likeness = likeness
        found = [alike.number for alike in (*likeness.duplicates, *likeness.relapses)]
        super().__init__(f"alike: {', '.join(found)}; join an open one, reopen a closed one, or give a distinct_reason")


@dataclass(frozen=True, slots=True)
class HandedUp:
    """A whistle that was handed up, as it is now; `likeness`: what an emergency did not wait for."""

    whistle: domain.Whistle
    matter: domain.Matter
    likeness: domain.Likeness


def raise_whistle(
    unit: Unit, whistle_id: UUID, matter: domain.Matter, caller: Caller, reasons: Reasons, wish: store.Numbers
) -> HandedUp:
    """Draft and hand up in one step. Raises as `submit_draft` does."""
    draft = _draft(unit, whistle_id, matter, caller, wish)
    after, likeness = _judge(unit, draft, matter, caller, reasons)
    photos.claim(unit, matter.photos, caller.scope, f"whistle:{whistle_id}")
    store.add(unit, after, matter, reasons.override, reasons.distinct)
    _say_submitted(unit, after, matter, reasons)
    if after.stage == "open":
        say_blown(unit, after, matter)
    return HandedUp(after, matter, likeness)


def draft_whistle(
    unit: Unit, whistle_id: UUID, matter: domain.Matter, caller: Caller, wish: store.Numbers
) -> domain.Whistle:
    """Keep a draft (拟哨). Nobody is called yet. Raises Invalid naming what the registry does not bear out."""
    domain.check(matter, store.registry(unit))
    draft = _draft(unit, whistle_id, matter, caller, wish)
    photos.claim(unit, matter.photos, caller.scope, f"whistle:{whistle_id}")
    store.add(unit, draft, matter)
    return draft


def _draft(unit: Unit, whistle_id: UUID, matter: domain.Matter, caller: Caller, wish: store.Numbers) -> domain.Whistle:
    return domain.Whistle(
        whistle_id,
        store.next_number(unit, wish),
        matter.street,
        round=1,
        stage="draft",
        initiator=matter.initiator,
        drafted_by=caller.name,
    )


def edit_draft(unit: Unit, whistle_id: UUID, matter: domain.Matter, caller: Caller) -> domain.Whistle:
    """Say it again, whole. The street stays: the number is named after it. Raises NotFound, IllegalTransition and
    Invalid."""
    draft = store.of_caller(unit, whistle_id, caller)
    domain.guard("editing", draft.state)
    if matter.street != draft.street:
        raise Invalid("street", f"{draft.number} is of street {draft.street!r}")
    domain.check(matter, store.registry(unit))
    photos.claim(unit, matter.photos, caller.scope, f"whistle:{whistle_id}")
    photos.release(unit, set(store.matter(unit, whistle_id).photos) - set(matter.photos))
    store.write(unit, draft, replace(matter, initiator=draft.initiator))
    return draft


def submit_draft(unit: Unit, whistle_id: UUID, caller: Caller, reasons: Reasons) -> HandedUp:
    """Hand a draft up: it is blown, or waits for a leader of its street.

    Raises NotFound, IllegalTransition, Invalid (the registry, or the street's own duty list) and KnownAlready.
    """
    draft = store.of_caller(unit, whistle_id, caller)
    domain.guard("submission", draft.state)
    matter = store.matter(unit, whistle_id)
    domain.check(matter, store.registry(unit))
    after, likeness = _judge(unit, draft, matter, caller, reasons)
    store.save(unit, after)
    store.write(unit, after, matter)
    store.explain(unit, whistle_id, reasons.override, reasons.distinct)
    _say_submitted(unit, after, matter, reasons)
    if after.stage == "open":
        say_blown(unit, after, matter)
    return HandedUp(after, matter, likeness)


def likeness(unit: Unit, whistle_id: UUID, matter: domain.Matter, caller: Caller) -> domain.Likeness:
    """What a matter is like, of what the caller may see, among the whistles fetched for it."""
    known = store.similar(unit, whistle_id)
    if not known:
        return domain.Likeness()
    regulation = store.registry(unit).regulation
    return domain.liken(
        domain.Probe.of(matter),
        known,
        regulation,
        unit.now,
        lambda other: store.owns(caller, other.street, other.grid, other.initiator),
    )


def _judge(
    unit: Unit, draft: domain.Whistle, matter: domain.Matter, caller: Caller, reasons: Reasons
) -> tuple[domain.Whistle, domain.Likeness]:
    """The gate, the look for duplicates and relapses, and what handing up makes of the draft."""
    registry = store.registry(unit)
    domain.gate(matter, registry, reasons.override)
    found = likeness(unit, draft.whistle_id, matter, caller)
    if found and reasons.distinct is None and matter.kind != "emergency":
        raise KnownAlready(found)
    after = domain.submit(
        replace(draft, submitted_by=caller.name),
        matter,
        registry.street_by_code[draft.street],
        caller.name if caller.has("whistle.sign") else None,
        unit.now,
        registry.regulation,
        store.calendar(unit),
    )
    return after, found


def _say_submitted(unit: Unit, whistle: domain.Whistle, matter: domain.Matter, reasons: Reasons) -> None:
    """Said when somebody has to sign, or when the street's own duty list was overruled; else the blowing says all."""
    duties = domain.own_duties(matter, store.registry(unit)) if reasons.override is not None else ()
    if whistle.stage == "open" and not duties:
        return
    store.say(
        unit,
        WhistleSubmitted(
            whistle_id=whistle.whistle_id,
            street=whistle.street,
            kind=matter.kind,
            urgency=matter.urgency,
            category=matter.category,
            duties=duties,
            override_reason=reasons.override,
            submitted_by=whistle.submitted_by or "",
        ),
        whistle.whistle_id,
    )


def say_blown(unit: Unit, whistle: domain.Whistle, matter: domain.Matter) -> None:
    """Departments are called; dispatch's receipt ends the saying."""
    assert whistle.blown_at is not None
    facts = matter.facts(whistle.number, whistle.submitted_by or "", whistle.blown_at)
    said = WhistleBlown(whistle_id=whistle.whistle_id, round=whistle.round, facts=facts, departments=matter.departments)
    store.say(unit, said, whistle.whistle_id, awaiting=("dispatch",))


def join_whistle(unit: Unit, whistle_id: UUID, target_id: UUID, caller: Caller) -> domain.Whistle:
    """A draft becomes part of an open whistle of the same street. Raises NotFound, IllegalTransition and Conflict."""
    draft = store.of_caller(unit, whistle_id, caller)
    domain.guard("joining", draft.state)
    target = store.of_caller(unit, target_id, caller)
    if target.street != draft.street:
        raise NotFound(f"whistle {target_id}")
    joined = domain.join(draft, target)
    store.save(unit, joined)
    store.say(unit, WhistleJoined(whistle_id=target_id, joined_id=whistle_id, by=caller.name), target_id)
    return joined
