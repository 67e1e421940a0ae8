"""The matter comes back (回潮), was never solved, or left the reporter dissatisfied: the next round begins."""

from dataclasses import replace
from typing import Literal
from uuid import UUID

from whistle_intake import domain, store
from whistle_shared.auth import Caller
from whistle_shared.contracts.intake import WhistleReopened
from whistle_shared.db import Unit

Cause = Literal["relapse", "false_completion", "dissatisfied"]


def reopen_whistle(
    unit: Unit, whistle_id: UUID, caller: Caller, cause: Literal["relapse", "false_completion"], reason: str
) -> domain.Whistle:
    """Begin the next round of a closed whistle. Raises NotFound and IllegalTransition."""
    whistle = store.of_caller(unit, whistle_id, caller)
    domain.guard("reopening", whistle.state)
    return reopen(unit, whistle, cause, reason, caller.name)


def reopen(unit: Unit, whistle: domain.Whistle, cause: Cause, reason: str, by: str) -> domain.Whistle:
    """The next round: more urgent by one step, the original lead first. dispatch's receipt ends the saying.

    Raises IllegalTransition when the whistle is neither closed of late nor waiting for its call-back.
    """
    registry = store.registry(unit)
    before = store.matter(unit, whistle.whistle_id)
    after = replace(domain.reopen(whistle, registry.regulation, unit.now), submitted_by=by)
    matter = replace(
        before,
        urgency=domain.raised(before.kind, before.urgency, registry),
        departments=domain.called_again(whistle.current) or before.departments,
    )
    store.save(unit, after)
    store.write(unit, after, matter)
    assert after.blown_at is not None
    store.say(
        unit,
        WhistleReopened(
            whistle_id=whistle.whistle_id,
            round=after.round,
            facts=matter.facts(after.number, by, after.blown_at),
            departments=matter.departments,
            cause=cause,
            reason=reason,
            by=by,
        ),
        whistle.whistle_id,
        awaiting=("dispatch",),
    )
    return after
