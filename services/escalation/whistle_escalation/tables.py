"""escalation's tables. `clock.next_at` is what the timer claims by; `event_log` is append-only."""

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
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

matter = Table(
    "matter",
    metadata,
    Column("whistle_id", Uuid, primary_key=True),
    Column("round", Integer),
    Column("number", Text),
    Column("title", Text),
    Column("street", Text),
    Column("grid", Text),
    Column("kind", Text),
    Column("urgency", Text),
    Column("category", Text),
    Column("terms", Text, nullable=False),  # JSON, only ever read as a whole
    Column("marks", JSONB, nullable=False),
    Column("cancelled_at", DateTime(timezone=True)),
)

task = Table(
    "task",
    metadata,
    Column("task_id", Uuid, primary_key=True),
    Column("whistle_id", Uuid, nullable=False),
    Column("department", Text, nullable=False),
    Column("terms", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("round", Integer, nullable=False),
    Column("called_at", DateTime(timezone=True)),
    Column("calendar_version", Integer, nullable=False),
    Column("registry_version", Integer, nullable=False),
    Column("active_at", DateTime(timezone=True)),
    Column("marks", JSONB, nullable=False),
    Index("task_whistle", "whistle_id"),
)

clock = Table(
    "clock",
    metadata,
    Column("clock_id", Uuid, primary_key=True),
    Column("whistle_id", Uuid, nullable=False),
    Column("task_id", Uuid),
    Column("department", Text),
    Column("name", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("terms", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("provisional", Boolean, nullable=False),
    Column("calendar_version", Integer, nullable=False),
    Column("registry_version", Integer, nullable=False),
    Column("cycle", Integer, nullable=False),
    Column("warned", Integer, nullable=False),
    Column("climbed", Integer, nullable=False),
    Column("rungs", Integer, nullable=False),
    Column("breached_at", DateTime(timezone=True)),
    Column("last_fired_at", DateTime(timezone=True)),
    Column("stopped_at", DateTime(timezone=True)),
    Column("next_at", DateTime(timezone=True)),
    CheckConstraint("status in ('running', 'paused', 'met', 'met_late', 'cancelled', 'voided')", name="clock_status"),
    CheckConstraint("side in ('department', 'district', 'street')", name="clock_side"),
    CheckConstraint("status = 'running' or next_at is null", name="clock_stopped_never_fires"),
    Index("clock_whistle", "whistle_id"),
    Index("clock_next", "next_at", postgresql_where=text("next_at is not null")),
    Index(
        "clock_provisional",
        "calendar_version",
        postgresql_where=text("provisional and status in ('running', 'paused')"),
    ),
    # What the watchdog asks for: a clock that runs and that nobody will look at. It is empty.
    Index(
        "clock_overlooked",
        "clock_id",
        postgresql_where=text("status = 'running' and next_at is null and (breached_at is null or climbed < rungs)"),
    ),
)

escalation = Table(
    "escalation",
    metadata,
    Column("escalation_id", Uuid, primary_key=True),
    Column("clock_id", Uuid, nullable=False),
    Column("rung", Integer, nullable=False),
    Column("whistle_id", Uuid, nullable=False),
    Column("task_id", Uuid),
    Column("department", Text),
    Column("clock", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("form", Text, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("rung_at", DateTime(timezone=True), nullable=False),
    Column("fired_at", DateTime(timezone=True), nullable=False),
    Column("degraded", Boolean, nullable=False),
    Column("people", JSONB, nullable=False),
    Column("raised_by", Text),
    Column("raised_reason", Text),
    Column("status", Text, nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("reason", Text),
    Column("acknowledged_at", DateTime(timezone=True)),
    Column("acknowledged_by", Text),
    Column("repeated", Integer, nullable=False),
    Column("next_at", DateTime(timezone=True)),
    CheckConstraint("status in ('open', 'withdrawn', 'resolved')", name="escalation_status"),
    CheckConstraint("status = 'open' or next_at is null", name="escalation_ended_never_repeats"),
    UniqueConstraint("clock_id", "rung", name="escalation_once"),
    Index("escalation_whistle", "whistle_id"),
    Index("escalation_open", "rung", postgresql_where=text("status = 'open'")),
    Index("escalation_next", "next_at", postgresql_where=text("next_at is not null")),
)

letter = Table(
    "letter",
    metadata,
    Column("letter_id", Uuid, primary_key=True),
    Column("number", Text, nullable=False, unique=True),
    Column("form", Text, nullable=False),
    Column("whistle_id", Uuid, nullable=False),
    Column("task_id", Uuid, nullable=False),
    Column("department", Text, nullable=False),
    Column("escalation_id", Uuid),
    Column("text", Text, nullable=False),
    Column("issued_at", DateTime(timezone=True), nullable=False),
    Column("issued_by", Text, nullable=False),
    Column("reply_due_at", DateTime(timezone=True), nullable=False),
    Column("replied_at", DateTime(timezone=True)),
    Column("replied_by", Text),
    Column("reply", Text),
    Index("letter_whistle", "whistle_id"),
)

# Letters are numbered within a year and a form.
letter_counter = Table(
    "letter_counter",
    metadata,
    Column("year", Integer, primary_key=True),
    Column("form", Text, primary_key=True),
    Column("last", Integer, nullable=False),
)

event_log = Table(
    "event_log",
    metadata,
    Column("position", BigInteger, Identity(), primary_key=True),
    Column("event_id", Uuid, nullable=False, unique=True),
    Column("key", Text, nullable=False),
    Column("producer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("data", JSONB, nullable=False),
    Index("event_log_subject", "subject", "position"),
    # What the dashboard asks for every second, each a sliver of the log.
    Index("event_log_blown", "at", postgresql_where=text("key = 'intake.whistle_blown.v1'")),
    Index("event_log_delivery", "position", postgresql_where=text("key ~ '[.]delivery_'")),
)


# The projection of the measures: what the log says of each whistle and each task (`facts`), and what that contributes
# to the measures (`counts`, zeros left out). Both can be made anew from the log.
measure_whistle = Table(
    "measure_whistle",
    metadata,
    Column("whistle_id", Uuid, primary_key=True),
    Column("street", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("began_at", DateTime(timezone=True)),
    Column("facts", JSONB, nullable=False),
    Column("counts", JSONB, nullable=False),
    Index("measure_whistle_began", "began_at"),
)

measure_task = Table(
    "measure_task",
    metadata,
    Column("task_id", Uuid, primary_key=True),
    Column("whistle_id", Uuid, nullable=False),
    Column("department", Text, nullable=False),
    Column("street", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("began_at", DateTime(timezone=True)),
    Column("facts", JSONB, nullable=False),
    Column("counts", JSONB, nullable=False),
    Index("measure_task_began", "began_at"),
    Index("measure_task_whistle", "whistle_id"),
)

# Published boards, append-only. `position`: up to where the log had been heard.
board = Table(
    "board",
    metadata,
    Column("board_id", Uuid, primary_key=True),
    Column("period", Text, nullable=False),
    Column("units", Text, nullable=False),
    Column("published_at", DateTime(timezone=True), nullable=False),
    Column("published_by", Text, nullable=False),
    Column("formulas_version", Text, nullable=False),
    Column("registry_version", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("rows", JSONB, nullable=False),
    CheckConstraint("units in ('department', 'street')", name="board_units"),
    Index("board_period", "period", "units", "board_id"),
)
