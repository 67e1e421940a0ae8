"""escalation's use cases, one function each: decide with the domain, save, say."""

from whistle_escalation.commands.arming import (
    arm_clocks,
    decide_return,
    note_whistle,
    open_dispute,
    wait_for_routing,
)
from whistle_escalation.commands.climbing import acknowledge_escalation, fire_matter, jump_to_rung, ladder_step
from whistle_escalation.commands.marking import (
    cancel_matter,
    change_lead,
    close_matter,
    file_minutes,
    note_progress,
    reopen_matter,
    reply_to_letter,
    take_step,
)
from whistle_escalation.commands.watching import recompute_matter, watch_matter
from whistle_escalation.commands.writing import issue_letter, open_task, pass_on_urge, remind

__all__ = [
    "acknowledge_escalation",
    "arm_clocks",
    "cancel_matter",
    "change_lead",
    "close_matter",
    "decide_return",
    "file_minutes",
    "fire_matter",
    "issue_letter",
    "jump_to_rung",
    "ladder_step",
    "note_progress",
    "note_whistle",
    "open_dispute",
    "open_task",
    "pass_on_urge",
    "recompute_matter",
    "remind",
    "reopen_matter",
    "reply_to_letter",
    "take_step",
    "wait_for_routing",
    "watch_matter",
]
