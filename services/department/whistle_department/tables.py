"""department's tables: its tasks, the log of what was done to them or said about them, and what it has been told of
their clocks; the letters it is to answer, the meetings it is called to, and the hand-overs of its duty desk.

`entry`, `clock` and `escalation` may hold rows of tasks that have not arrived yet: an early fact waits there for its
late parent (EVENTS.md R5). `task.state` and `task.due_at` follow from the log and the clocks, for lists to select by.
INVARIANT: a transaction sees and writes only what belongs to the departments in its reach (WALLS).
"""

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    column,
    event,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

# What is the department's turn, or was until it gave it away: not yet submitted, and no end.
_IN_HAND = (
    "state in ('dispatched', 'acknowledged', 'arrived', 'working', 'return_requested', 'disputed', 'suspended', "
    "'rework')"
)

whistle = Table(
    "whistle",
    metadata,
    Column("whistle_id", Uuid, primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("facts", JSONB, nullable=False),
)

task = Table(
    "task",
    metadata,
    Column("task_id", Uuid, primary_key=True),
    Column("whistle_id", Uuid, nullable=False),
    Column("round", Integer, nullable=False),
    Column("department", Text, nullable=False),
    Column("called_as", Text, nullable=False),
    Column("presence", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("action_item", Text, nullable=False),
    Column("people", JSONB, nullable=False),
    Column("terms", JSONB, nullable=False),
    Column("dispatched_at", DateTime(timezone=True), nullable=False),
    Column("return_until", DateTime(timezone=True)),
    Column("state", Text, nullable=False),
    Column("due_at", DateTime(timezone=True)),
    CheckConstraint("round >= 1", name="task_round"),
    CheckConstraint("called_as in ('lead', 'assist', 'co_handle', 'street_joint')", name="task_called_as"),
    CheckConstraint("presence in ('none', 'online', 'meeting', 'on_site')", name="task_presence"),
    CheckConstraint(
        "state in ('dispatched', 'acknowledged', 'arrived', 'working', 'submitted', 'accepted', 'evaluated', "
        "'closed', 'return_requested', 'disputed', 'reassigned', 'suspended', 'rework', 'cancelled')",
        name="task_state",
    ),
    CheckConstraint(
        "due_at is null or state not in ('accepted', 'evaluated', 'closed', 'reassigned', 'cancelled')",
        name="task_nothing_due",
    ),
    UniqueConstraint("whistle_id", "round", "department", "origin", name="task_once"),
    Index("task_newest", "dispatched_at", "task_id"),
    Index("task_newest_of_department", "department", "dispatched_at", "task_id"),
    Index("task_due", "department", "due_at", "task_id", postgresql_where=column("due_at").is_not(None)),
    Index("task_due_anywhere", "due_at", "task_id", postgresql_where=column("due_at").is_not(None)),
    Index("task_in_hand", "department", "state", "due_at", "task_id", postgresql_where=text(_IN_HAND)),
)
IN_HAND = literal_column(f"task.{_IN_HAND}", Boolean)
"""Of `task`: whether the department is to do something."""

entry = Table(
    "entry",
    metadata,
    Column("position", BigInteger, Identity(), unique=True, nullable=False),
    Column("event_id", Uuid, primary_key=True),
    Column("whistle_id", Uuid, nullable=False),
    Column("task_id", Uuid),
    Column("step", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("by", Text),
    Column("person", Text),
    Column("detail", JSONB, nullable=False),
    CheckConstraint(
        "step in ('acknowledgement', 'arrival', 'departure', 'progress', 'milestones', 'submission', 'return', "
        "'extension', 'suspension', 'resumption', 'appeal', 'cancellation', 'closing', 'decision', 'dispute', "
        "'evaluation', 'exclusion', 'handover', 'reminder', 'rework', 'skipped_rung', 'verification')",
        name="entry_step",
    ),
    CheckConstraint("(task_id is null) = (step in ('cancellation', 'closing'))", name="entry_task"),
    Index("entry_whistle", "whistle_id", "position"),
    Index("entry_appealed", "at", postgresql_where=text("step = 'appeal'")),
    Index("entry_scored", "at", postgresql_where=text("step = 'evaluation'")),
)

clock = Table(
    "clock",
    metadata,
    Column("task_id", Uuid, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("whistle_id", Uuid, nullable=False),
    Column("due_at", DateTime(timezone=True)),
    Column("due_version", BigInteger, nullable=False),
    Column("provisional", Boolean),
    Column("status", Text),
    Column("status_version", BigInteger, nullable=False),
    Column("warned_percent", Integer, nullable=False),
    Column("breached_at", DateTime(timezone=True)),
    Column("department", Text),
    CheckConstraint("status in ('running', 'paused', 'met', 'met_late', 'cancelled', 'voided')", name="clock_status"),
    CheckConstraint("(status is null) = (status_version = 0)", name="clock_status_version"),
    CheckConstraint("(due_at is null) = (due_version = 0)", name="clock_due_version"),
    CheckConstraint("warned_percent between 0 and 100", name="clock_warned_percent"),
    Index("clock_whistle", "whistle_id"),
)

escalation = Table(
    "escalation",
    metadata,
    Column("escalation_id", Uuid, primary_key=True),
    Column("whistle_id", Uuid, nullable=False),
    Column("task_id", Uuid, nullable=False),
    Column("clock", Text, nullable=False),
    Column("rung", Integer, nullable=False),
    Column("role", Text),
    Column("form", Text),
    Column("status", Text, nullable=False),
    Column("raised_at", DateTime(timezone=True)),
    Column("acknowledged_at", DateTime(timezone=True)),
    Column("acknowledged_by", Text),
    Column("ended_at", DateTime(timezone=True)),
    Column("reason", Text),
    Column("repeats", Integer, nullable=False),
    CheckConstraint("rung >= 1", name="escalation_rung"),
    CheckConstraint("status in ('open', 'withdrawn', 'resolved')", name="escalation_status"),
    CheckConstraint("(status = 'open') = (ended_at is null)", name="escalation_ended"),
    CheckConstraint("repeats >= 0", name="escalation_repeats"),
    Index("escalation_whistle", "whistle_id"),
)

letter = Table(
    "letter",
    metadata,
    Column("letter_id", Uuid, primary_key=True),
    Column("whistle_id", Uuid, nullable=False),
    Column("task_id", Uuid, nullable=False),
    Column("department", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("form", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("issued_at", DateTime(timezone=True), nullable=False),
    Column("reply_due_at", DateTime(timezone=True), nullable=False),
    Column("replied_at", DateTime(timezone=True)),
    Column("person", Text),
    Column("reply", Text),
    CheckConstraint("num_nulls(replied_at, person, reply) in (0, 3)", name="letter_replied"),
    Index("letter_task", "task_id"),
    Index("letter_newest_of_department", "department", "issued_at", "letter_id"),
)

invitation = Table(
    "invitation",
    metadata,
    Column("meeting_id", Uuid, primary_key=True),
    Column("department", Text, primary_key=True),
    Column("whistle_id", Uuid, nullable=False),
    Column("starts_at", DateTime(timezone=True), nullable=False),
    Column("place", Text, nullable=False),
    Column("agenda", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("convened_at", DateTime(timezone=True), nullable=False),
    Column("attended_at", DateTime(timezone=True)),
    Column("person", Text),
    CheckConstraint("num_nulls(attended_at, person) in (0, 2)", name="invitation_attended"),
    Index("invitation_newest_of_department", "department", "starts_at", "meeting_id"),
)

handover = Table(
    "handover",
    metadata,
    Column("handover_id", Uuid, primary_key=True),
    Column("department", Text, nullable=False),
    Column("offered_at", DateTime(timezone=True), nullable=False),
    Column("offered_by", Uuid, nullable=False),
    Column("person", Text, nullable=False),
    Column("successor", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("tasks", JSONB, nullable=False),
    Column("replaced_at", DateTime(timezone=True)),
    Column("accepted_at", DateTime(timezone=True)),
    Column("accepted_by", Uuid),
    Column("accepted_person", Text),
    CheckConstraint("num_nulls(accepted_at, accepted_by, accepted_person) in (0, 3)", name="handover_accepted"),
    CheckConstraint("replaced_at is null or accepted_at is null", name="handover_once"),
    CheckConstraint("accepted_by is null or accepted_by <> offered_by", name="handover_to_somebody_else"),
    Index("handover_newest_of_department", "department", "offered_at", "handover_id"),
)

_REACH = "current_setting('whistle.departments', true)"
_ALL = f"(select {_REACH}) = '*'"
_OWN = f"department = any ((select string_to_array({_REACH}, ','))::text[])"
# The inner query sees the tasks in reach only: task has a wall of its own.
_OF_THE_WHISTLE = "exists (select from task t where t.whistle_id = {0}.whistle_id and {1})"
_OF_THE_TASK = "exists (select from task t where t.task_id = {0}.task_id)"
_TO_ALL_CALLED = "step in ('cancellation', 'closing', 'handover') or step = 'decision' and detail ? 'ended'"

WALLS: dict[Table, str] = {
    task: _OWN,
    letter: _OWN,
    invitation: _OWN,
    handover: _OWN,
    whistle: _OF_THE_WHISTLE.format("whistle", "t.round = whistle.round"),
    # Who leads and whose task has ended is told to all who are called under the whistle; the rest is a task's own.
    entry: _OF_THE_WHISTLE.format("entry", f"(t.task_id = entry.task_id or {_TO_ALL_CALLED})"),
    # A limit that has passed is told to the lead, and who leads follows from the log.
    clock: _OF_THE_WHISTLE.format("clock", "(t.task_id = clock.task_id or breached_at is not null)"),
    escalation: _OF_THE_TASK.format("escalation"),
}
"""Whose rows are whose, as PostgreSQL is told: what a policy lets through beside everything for the system."""

for walled, seen in WALLS.items():
    for statement in (
        f"alter table {walled.name} enable row level security, force row level security",
        f"create policy wall on {walled.name} using ({_ALL} or {seen})",
    ):
        event.listen(metadata, "after_create", DDL(statement))  # type: ignore[no-untyped-call]
