"""department's tables: its tasks, the steps taken on them, and what it has been told of their clocks.

`cancellation`, `clock` and `escalation` may hold rows of tasks that have not arrived yet: an early fact waits
there for its late parent (EVENTS.md R5).
"""

from sqlalchemy import (
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
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

whistle = Table(
    "whistle",
    metadata,
    Column("whistle_id", Uuid, primary_key=True),
    Column("facts", JSONB, nullable=False),
)

task = Table(
    "task",
    metadata,
    Column("task_id", Uuid, primary_key=True),
    Column("whistle_id", Uuid, nullable=False),
    Column("round", Integer, nullable=False),
    Column("department", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("presence", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("terms", JSONB, nullable=False),
    Column("state", Text, nullable=False),
    Column("dispatched_at", DateTime(timezone=True), nullable=False),
    Column("acknowledged_at", DateTime(timezone=True)),
    Column("acknowledged_by", Text),
    Column("person", Text),
    Column("arrived_at", DateTime(timezone=True)),
    Column("progressed_at", DateTime(timezone=True)),
    Column("submitted_at", DateTime(timezone=True)),
    Column("cancelled_at", DateTime(timezone=True)),
    Column("cancel_reason", Text),
    Column("due_at", DateTime(timezone=True)),
    CheckConstraint("round >= 1", name="task_round"),
    CheckConstraint("role in ('lead', 'assist')", name="task_role"),
    CheckConstraint("presence in ('none', 'online', 'meeting', 'on_site')", name="task_presence"),
    CheckConstraint(
        "state in ('dispatched', 'acknowledged', 'arrived', 'working', 'submitted', 'cancelled')",
        name="task_state",
    ),
    CheckConstraint("num_nulls(acknowledged_at, acknowledged_by, person) in (0, 3)", name="task_acknowledged"),
    CheckConstraint("state in ('dispatched', 'cancelled') or acknowledged_at is not null", name="task_taken_on"),
    CheckConstraint(
        "presence = 'none' or submitted_at is null or arrived_at is not null",
        name="task_submitted_after_arrival",
    ),
    CheckConstraint("(state = 'cancelled') = (cancelled_at is not null)", name="task_cancelled"),
    CheckConstraint("num_nulls(cancelled_at, cancel_reason) in (0, 2)", name="task_cancel_reason"),
    UniqueConstraint("whistle_id", "round", "department", "origin", name="task_once"),
    Index("task_newest", "dispatched_at", "task_id"),
    Index("task_newest_of_department", "department", "dispatched_at", "task_id"),
    Index("task_due", "department", "due_at", "task_id", postgresql_where=column("due_at").is_not(None)),
)

step = Table(
    "step",
    metadata,
    Column("position", BigInteger, Identity(), unique=True, nullable=False),
    Column("event_id", Uuid, primary_key=True),
    Column("task_id", Uuid, nullable=False),
    Column("step", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
    CheckConstraint("step in ('acknowledgement', 'arrival', 'progress', 'submission')", name="step_step"),
    Index("step_task", "task_id", "position"),
)

cancellation = Table(
    "cancellation",
    metadata,
    Column("whistle_id", Uuid, primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("department", Text, primary_key=True),
    Column("cancelled_at", DateTime(timezone=True), nullable=False),
    Column("reason", Text, nullable=False),
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
    CheckConstraint("rung >= 1", name="escalation_rung"),
    CheckConstraint("status in ('open', 'withdrawn', 'resolved')", name="escalation_status"),
    CheckConstraint("(status = 'open') = (ended_at is null)", name="escalation_ended"),
    Index("escalation_whistle", "whistle_id"),
)
