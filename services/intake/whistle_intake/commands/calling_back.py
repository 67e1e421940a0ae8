"""The call-back (回访) to whoever reported the matter: it closes the whistle, or takes it up again."""

from dataclasses import replace
from uuid import UUID

from whistle_intake import domain, store
from whistle_intake.commands.closing import close_if_done
from whistle_intake.commands.reopening import reopen
from whistle_intake.commands.standing import Office, open_whistle
from whistle_shared.contracts.intake import CallbackRecorded
from whistle_shared.contracts.vocabulary import Satisfaction
from whistle_shared.db import Unit
from whistle_shared.errors import IllegalTransition

_DISSATISFIED = "回访：诉求人不满意或认为未解决"


def record_callback(
    unit: Unit,
    whistle_id: UUID,
    office: Office,
    *,
    contacted: bool,
    solved: bool | None,
    satisfaction: Satisfaction | None,
    waived: bool,
    note: str,
) -> domain.Whistle:
    """Note what was answered; who could not be reached may be called again.

    Somebody dissatisfied, or whose matter is not solved, reopens the whistle. Raises NotFound, IllegalTransition and
    Invalid.
    """
    whistle = open_whistle(unit, whistle_id, office, "callback")
    if "callback" not in whistle.legal:
        raise IllegalTransition("callback", whistle.state, whistle.legal)
    callback = domain.Callback(whistle.round, contacted, solved, satisfaction, waived, note, by=office.by, at=unit.now)
    domain.check_callback(callback)
    store.save(unit, replace(whistle, callbacks={**whistle.callbacks, whistle.round: callback}))
    _say(unit, whistle, callback)
    if callback.dissatisfied:
        return reopen(unit, store.whistle(unit, whistle_id), "dissatisfied", note or _DISSATISFIED, office.by)
    close_if_done(unit, whistle_id)
    return store.whistle(unit, whistle_id)


def _say(unit: Unit, whistle: domain.Whistle, callback: domain.Callback) -> None:
    store.say(
        unit,
        CallbackRecorded(
            whistle_id=whistle.whistle_id,
            round=whistle.round,
            street=whistle.street,
            contacted=callback.contacted,
            solved=callback.solved,
            satisfaction=callback.satisfaction,
            waived=callback.waived,
            note=callback.note,
            by=callback.by,
        ),
        whistle.whistle_id,
    )
