"""The end of a whistle (销哨): nobody declares it, it follows from the scores and the call-back."""

from uuid import UUID

from whistle_intake import domain, store
from whistle_shared.contracts.intake import WhistleClosed
from whistle_shared.db import Unit


def close_if_done(unit: Unit, whistle_id: UUID) -> None:
    """Close the whistle once every task of its round is scored and the call-back is done or waived."""
    whistle = store.whistle(unit, whistle_id)
    callback = whistle.callbacks.get(whistle.round)
    if whistle.state != "pending_evaluation" or callback is None or not callback.settled:
        return
    if not domain.all_scored(whistle.current):
        return
    store.save(unit, domain.close(whistle, unit.now))
    store.say(
        unit,
        WhistleClosed(whistle_id=whistle_id, round=whistle.round, callback="done" if callback.contacted else "waived"),
        whistle_id,
        to=sorted({task.department for task in whistle.tasks.values()}),
    )
