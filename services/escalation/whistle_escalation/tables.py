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

from whistle_shared.web import session_table

metadata = MetaData()

matter = Table(
    "matter",
    metadata,
    Column("whistle_id", Uuid, primary_key=True),
    Column("number", Text),
    Column("title", Text),
    Column("street", Text),
    Column("kind", Text),
    Column("urgency", Text),
    Column("category", Text),
    Column("terms", JSONB, nullable=False),
    Column("calendar_version", Integer, nullable=False),
    Column("dispatched_at", DateTime(timezone=True)),
    Column("cancelled_at", DateTime(timezone=True)),
)

task = Table(
    "task",
    metadata,
    Column("task_id", Uuid, primary_key=True),
    Column("whistle_id", Uuid, nullable=False),
    Column("department", Text, nullable=False),
    Column("terms", Text, nullable=False),
    Column("acknowledged_at", DateTime(timezone=True)),
    Column("arrived_at", DateTime(timezone=True)),
    Column("submitted_at", DateTime(timezone=True)),
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
    Column("cycle", Integer, nullable=False),
    Column("warned", Integer, nullable=False),
    Column("climbed", Integer, nullable=False),
    Column("breached_at", DateTime(timezone=True)),
    Column("last_fired_at", DateTime(timezone=True)),
    Column("stopped_at", DateTime(timezone=True)),
    Column("next_at", DateTime(timezone=True)),
    CheckConstraint("status in ('running', 'paused', 'met', 'met_late', 'cancelled', 'voided')", name="clock_status"),
    CheckConstraint("side in ('department', 'district', 'street')", name="clock_side"),
    CheckConstraint("status = 'running' or next_at is null", name="clock_stopped_never_fires"),
    Index("clock_whistle", "whistle_id"),
    Index("clock_next", "next_at", postgresql_where=text("next_at is not null")),
    Index("clock_provisional", "calendar_version", postgresql_where=text("provisional and status = 'running'")),
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
    Column("status", Text, nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("reason", Text),
    Column("acknowledged_at", DateTime(timezone=True)),
    Column("acknowledged_by", Text),
    CheckConstraint("status in ('open', 'withdrawn', 'resolved')", name="escalation_status"),
    UniqueConstraint("clock_id", "rung", name="escalation_once"),
    Index("escalation_whistle", "whistle_id"),
    Index("escalation_open", "rung", postgresql_where=text("status = 'open'")),
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

web_session = session_table(metadata)
