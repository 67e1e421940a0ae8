"""Clocks and the ladder, pure: what is known, what follows from it, what fires.

`facts` are what was heard, `courses` what they mean for each clock, `dues` when it is due, `reckoning` what of the
clocks on record must change, `ladder` what a look at a clock says, `letters` what is put in writing, `explaining` why.
"""

from whistle_escalation.domain.clocks import (
    APART,
    Clock,
    Escalation,
    again_id,
    cancel,
    clock_id,
    escalation_id,
    move_due,
    next_look,
    stop,
)
from whistle_escalation.domain.courses import TOUCHED, Course, merged, of_matter, of_task
from whistle_escalation.domain.dues import Bend, Calendars, instants
from whistle_escalation.domain.duty import DISTRICT, on_duty, organisation
from whistle_escalation.domain.explaining import Explanation, Rung, explanation
from whistle_escalation.domain.facts import About, Mark, Matter, Task, noted
from whistle_escalation.domain.ladder import Breached, Firing, Raised, Reach, Skipped, Warned, fire, jump, somebody
from whistle_escalation.domain.letters import Owed, Series, is_letter, letter_id, reply_terms, words
from whistle_escalation.domain.moves import MOVES, Move
from whistle_escalation.domain.reckoning import (
    RECOMPUTED,
    Changes,
    begin,
    cancel_all,
    course_of,
    look_again,
    reckon,
    recompute,
)

__all__ = [
    "APART",
    "DISTRICT",
    "MOVES",
    "RECOMPUTED",
    "TOUCHED",
    "About",
    "Bend",
    "Breached",
    "Calendars",
    "Changes",
    "Clock",
    "Course",
    "Escalation",
    "Explanation",
    "Firing",
    "Mark",
    "Matter",
    "Move",
    "Owed",
    "Raised",
    "Reach",
    "Rung",
    "Series",
    "Skipped",
    "Task",
    "Warned",
    "again_id",
    "begin",
    "cancel",
    "cancel_all",
    "clock_id",
    "course_of",
    "escalation_id",
    "explanation",
    "fire",
    "instants",
    "is_letter",
    "jump",
    "letter_id",
    "look_again",
    "merged",
    "move_due",
    "next_look",
    "noted",
    "of_matter",
    "of_task",
    "on_duty",
    "organisation",
    "reckon",
    "recompute",
    "reply_terms",
    "somebody",
    "stop",
    "words",
]
