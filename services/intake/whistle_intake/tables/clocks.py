"""`clock` holds what dispatch and escalation say of time under a whistle, also before the whistle's tasks are known."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, DateTime, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from whistle_intake.tables.metadata import metadata

clock = Table(
    "clock",
    metadata,
    Column("clock_id", Uuid, primary_key=True),
    Column("whistle_id", Uuid, nullable=False),
    Column("task_id", Uuid),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("status_version", BigInteger, nullable=False),
    Column("due_at", DateTime(timezone=True)),
    Column("due_version", BigInteger, nullable=False),
    Column("provisional", Boolean, nullable=False),
    Column("warned", Integer, nullable=False),
    Column("rungs", JSONB, nullable=False),
    CheckConstraint("status in ('running', 'paused', 'met', 'met_late', 'cancelled', 'voided')", name="clock_status"),
    Index("clock_whistle", "whistle_id"),
)
