"""`task` is what the departments' events say of it; `timeline` everything that was heard of a whistle."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Identity, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from whistle_intake.tables.metadata import metadata

task = Table(
    "task",
    metadata,
    Column("task_id", Uuid, primary_key=True),
    Column("whistle_id", Uuid, nullable=False),
    Column("department", Text, nullable=False),
    Column("role", Text),
    Column("called_as", Text),
    Column("led_at", DateTime(timezone=True)),
    Column("round", Integer),
    Column("presence", Text),
    Column("origin", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("called_at", DateTime(timezone=True)),
    Column("acknowledged_at", DateTime(timezone=True)),
    Column("arrived_at", DateTime(timezone=True)),
    Column("progressed_at", DateTime(timezone=True)),
    Column("attempt", Integer, nullable=False),
    Column("submitted_at", DateTime(timezone=True)),
    Column("reworked", Integer, nullable=False),
    Column("verified_at", DateTime(timezone=True)),
    Column("vetoed", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("evaluated_at", DateTime(timezone=True)),
    Column("suspended_at", DateTime(timezone=True)),
    Column("suspended_by", Text),
    Column("resumed_at", DateTime(timezone=True)),
    Column("returned_at", DateTime(timezone=True)),
    Column("disputed_at", DateTime(timezone=True)),
    Column("settled_at", DateTime(timezone=True)),
    Column("ended", Text),
    Column("verify_limit", Text),
    Column("calendar_version", Integer),
    Column("person", Text),
    Index("task_whistle", "whistle_id"),
)

timeline = Table(
    "timeline",
    metadata,
    Column("position", BigInteger, Identity(), unique=True, nullable=False),
    Column("event_id", Uuid, primary_key=True),
    Column("whistle_id", Uuid, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("key", Text, nullable=False),
    Column("producer", Text, nullable=False),
    Column("data", JSONB, nullable=False),
    Index("timeline_whistle", "whistle_id", "position"),
)
