"""What the street decides after the blowing: requests for more time, meetings, scores, call-backs."""

from sqlalchemy import Boolean, CheckConstraint, Column, DateTime, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from whistle_intake.tables.metadata import metadata

request = Table(
    "request",
    metadata,
    Column("request_id", Uuid, primary_key=True),
    Column("whistle_id", Uuid, nullable=False),
    Column("task_id", Uuid, nullable=False),
    Column("department", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("decider", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("asked_until", DateTime(timezone=True), nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("clock", Text),
    Column("current_due_at", DateTime(timezone=True)),
    Column("cause", Text),
    Column("status", Text, nullable=False),
    Column("reviews", Integer, nullable=False),
    Column("granted_until", DateTime(timezone=True)),
    Column("answer", Text),
    Column("decided_by", Text),
    Column("decided_at", DateTime(timezone=True)),
    CheckConstraint("kind in ('extension', 'suspension')", name="request_kind"),
    CheckConstraint("status in ('pending', 'granted', 'refused')", name="request_status"),
    Index("request_whistle", "whistle_id"),
    Index("request_pending", "request_id", postgresql_where=text("status = 'pending'")),
)

meeting = Table(
    "meeting",
    metadata,
    Column("meeting_id", Uuid, primary_key=True),
    Column("whistle_id", Uuid, nullable=False),
    Column("round", Integer, nullable=False),
    Column("departments", JSONB, nullable=False),
    Column("starts_at", DateTime(timezone=True), nullable=False),
    Column("place", Text, nullable=False),
    Column("agenda", Text, nullable=False),
    Column("convened_by", Text, nullable=False),
    Column("convened_at", DateTime(timezone=True), nullable=False),
    Column("attended", JSONB, nullable=False),
    Column("minutes", Text),
    Column("items", JSONB, nullable=False),
    Column("minuted_by", Text),
    Column("minuted_at", DateTime(timezone=True)),
    Column("calling", Uuid),
    Index("meeting_whistle", "whistle_id"),
)

callback = Table(
    "callback",
    metadata,
    Column("whistle_id", Uuid, primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("contacted", Boolean, nullable=False),
    Column("solved", Boolean),
    Column("satisfaction", Text),
    Column("waived", Boolean, nullable=False),
    Column("note", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

evaluation = Table(
    "evaluation",
    metadata,
    Column("task_id", Uuid, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("whistle_id", Uuid, nullable=False),
    Column("score", JSONB, nullable=False),
    Column("basis", Text, nullable=False),
    Column("by_default", Boolean, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("evaluation_whistle", "whistle_id"),
)
