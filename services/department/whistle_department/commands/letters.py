"""Answers to formal letters (函告回复)."""

from dataclasses import replace
from uuid import UUID

from whistle_department import store
from whistle_shared.contracts.department import LetterReplied
from whistle_shared.db import Unit
from whistle_shared.errors import IllegalTransition, NotFound


def reply_to_letter(
    unit: Unit, whistle_id: UUID, letter_id: UUID, department: str, by: str, person: str, reply: str
) -> store.Letter:
    """Answer a letter, once. Raises NotFound (also for another's) and IllegalTransition."""
    letter = store.letter(unit, whistle_id, letter_id)
    if letter.department != department:
        raise NotFound(f"letter {letter_id}")
    if letter.replied_at is not None:
        raise IllegalTransition("reply", "replied", ())
    unit.emit(
        LetterReplied(
            whistle_id=whistle_id,
            task_id=letter.task_id,
            department=department,
            by=by,
            person=person,
            letter_id=letter_id,
            reply=reply,
        ),
        whistle_id,
        awaiting=("escalation",),
    )
    answered = replace(letter, replied_at=unit.now, person=person, reply=reply)
    store.save_letter(unit, answered)
    return answered
