"""The street's score of a task, what stands in for it, and what an appeal makes of it.

INVARIANT: the revisions of a task's score count from 1 without a gap, and each is said once.
"""

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from whistle_intake import domain, store
from whistle_intake.commands.closing import close_if_done
from whistle_intake.commands.standing import Office, open_whistle, task_of
from whistle_intake.commands.verifying import order_rework
from whistle_shared.contracts import Event
from whistle_shared.contracts.dispatch import ScoreAppealDecided
from whistle_shared.contracts.escalation import ClockBreached
from whistle_shared.contracts.intake import TaskEvaluated
from whistle_shared.contracts.vocabulary import Score
from whistle_shared.db import Unit
from whistle_shared.errors import Invalid
from whistle_shared.registry import Regulation

_DEFAULT_BASIS = "街道逾期未评价，按规定计默认分"
_DEFAULT_BY = "intake"


def score_task(
    unit: Unit,
    whistle_id: UUID,
    task_id: UUID,
    office: Office,
    regulation: Regulation,
    *,
    parts: Mapping[str, int],
    veto: bool,
    basis: str,
) -> domain.Whistle:
    """Score an accepted task. A veto (一票否决) sends it back first: it is scored after the next verification, and its
    result then counts 0. Raises NotFound, IllegalTransition and Invalid."""
    whistle = open_whistle(unit, whistle_id, office, "score")
    task = task_of(whistle, task_id)
    task.needs("score")
    score = domain.score(parts, task.vetoed, regulation)
    if veto and not task.vetoed:
        if task.round not in (None, whistle.round):
            raise Invalid("veto", f"round {task.round} is over: nothing of it is done again")
        return order_rework(unit, whistle, replace(task, vetoed=True), basis, office.by)
    _evaluate(unit, whistle, task, score, basis, office.by)
    close_if_done(unit, whistle_id)
    return store.whistle(unit, whistle_id)


def score_by_default(unit: Unit, breach: Event[ClockBreached]) -> None:
    """Nobody scored the task in time: the regulation's default stands. A breach that the task has left behind, by its
    score or by a later verification, changes nothing."""
    whistle = store.whistle(unit, breach.data.whistle_id)
    task = None if breach.data.task_id is None else whistle.tasks.get(breach.data.task_id)
    if task is None or task.state != "accepted" or task.verified_at is None or breach.data.due_at < task.verified_at:
        return
    score = domain.by_default(task.vetoed, store.regulation(unit))
    _evaluate(unit, whistle, task, score, _DEFAULT_BASIS, _DEFAULT_BY, by_default=True)
    close_if_done(unit, whistle.whistle_id)


def rewrite_score(unit: Unit, decided: Event[ScoreAppealDecided]) -> None:
    """The district granted an appeal: its marks are the next revision. Only the first word on a revision counts."""
    data = decided.data
    whistle = store.whistle(unit, data.whistle_id)
    task = whistle.tasks.get(data.task_id)
    if not data.granted or data.score is None or task is None or task.revision != data.revision:
        return
    _evaluate(unit, whistle, task, data.score, data.reason, data.by)


def _evaluate(
    unit: Unit,
    whistle: domain.Whistle,
    task: domain.Task,
    score: Score,
    basis: str,
    by: str,
    *,
    by_default: bool = False,
) -> None:
    after = replace(task, revision=task.revision + 1, evaluated_at=unit.now)
    store.save(unit, domain.with_task(whistle, after))
    said = TaskEvaluated(
        whistle_id=whistle.whistle_id,
        task_id=task.task_id,
        department=task.department,
        revision=after.revision,
        score=score,
        basis=basis,
        by_default=by_default,
        by=by,
    )
    store.keep_score(unit, said)
    store.say(unit, said, whistle.whistle_id, awaiting=("escalation",), to=(task.department,))
