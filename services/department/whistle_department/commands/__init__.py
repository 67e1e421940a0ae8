"""department's use cases, one function each: load, decide, save, emit.

`hearing` takes in what others say, `steps` are the work on a task, `requests` what only others may decide, `letters`
the answers to formal letters, `shifts` the hand-overs of the duty desk.
"""

from whistle_department.commands.hearing import (
    cancel_tasks,
    decide_return,
    follow_clock,
    follow_escalation,
    hear,
    invite,
    keep_letter,
    receive_tasks,
)
from whistle_department.commands.letters import reply_to_letter
from whistle_department.commands.requests import (
    appeal,
    ask_for_time,
    ask_to_suspend,
    request_return,
    resume,
)
from whistle_department.commands.shifts import hand_over, take_over
from whistle_department.commands.steps import (
    Actor,
    acknowledge_task,
    arrive,
    depart,
    log_progress,
    reach,
    submit,
)

__all__ = [
    "Actor",
    "acknowledge_task",
    "appeal",
    "arrive",
    "ask_for_time",
    "ask_to_suspend",
    "cancel_tasks",
    "decide_return",
    "depart",
    "follow_clock",
    "follow_escalation",
    "hand_over",
    "hear",
    "invite",
    "keep_letter",
    "log_progress",
    "reach",
    "receive_tasks",
    "reply_to_letter",
    "request_return",
    "resume",
    "submit",
    "take_over",
]
