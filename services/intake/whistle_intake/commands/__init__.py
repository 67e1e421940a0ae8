"""intake's use cases, one function each: load, decide, save, emit."""

from whistle_intake.commands.blowing import (
    HandedUp,
    KnownAlready,
    Reasons,
    draft_whistle,
    edit_draft,
    join_whistle,
    likeness,
    raise_whistle,
    submit_draft,
)
from whistle_intake.commands.calling_back import record_callback
from whistle_intake.commands.closing import close_if_done
from whistle_intake.commands.evaluating import rewrite_score, score_by_default, score_task
from whistle_intake.commands.following import (
    call_tasks,
    cancel_tasks,
    change_task,
    end_tasks,
    follow_routing,
    follow_task,
    give_lead,
)
from whistle_intake.commands.forgetting import Erased, forget
from whistle_intake.commands.granting import Decision, decide_request, note_request, resume_task
from whistle_intake.commands.meeting import (
    Call,
    Minutes,
    check_departments,
    check_items,
    convene_meeting,
    file_minutes,
    note_attendance,
    note_called,
)
from whistle_intake.commands.reopening import reopen, reopen_whistle
from whistle_intake.commands.reporting import (
    Draft,
    Said,
    channel_of,
    level_of,
    rate_report,
    submit_report,
    triage_report,
)
from whistle_intake.commands.signing import approve_whistle, miss_signature, reject_whistle
from whistle_intake.commands.standing import Office
from whistle_intake.commands.timing import begin_clocks, begin_waiting, follow_clock, follow_event
from whistle_intake.commands.verifying import urge_task, verify_task
from whistle_intake.commands.withdrawing import withdraw_whistle

__all__ = [
    "Call",
    "Decision",
    "Draft",
    "Erased",
    "HandedUp",
    "KnownAlready",
    "Minutes",
    "Office",
    "Reasons",
    "Said",
    "approve_whistle",
    "begin_clocks",
    "begin_waiting",
    "call_tasks",
    "cancel_tasks",
    "change_task",
    "channel_of",
    "check_departments",
    "check_items",
    "close_if_done",
    "convene_meeting",
    "decide_request",
    "draft_whistle",
    "edit_draft",
    "end_tasks",
    "file_minutes",
    "follow_clock",
    "follow_event",
    "follow_routing",
    "follow_task",
    "forget",
    "give_lead",
    "join_whistle",
    "level_of",
    "likeness",
    "miss_signature",
    "note_attendance",
    "note_called",
    "note_request",
    "raise_whistle",
    "rate_report",
    "record_callback",
    "reject_whistle",
    "reopen",
    "reopen_whistle",
    "resume_task",
    "rewrite_score",
    "score_by_default",
    "score_task",
    "submit_draft",
    "submit_report",
    "triage_report",
    "urge_task",
    "verify_task",
    "withdraw_whistle",
]
