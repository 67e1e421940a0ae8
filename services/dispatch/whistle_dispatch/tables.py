"""dispatch's tables. The registry itself stands in the mechanisms' `registry_part` and `calendar_year`."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

dispatch = Table(
    "dispatch",
    metadata,
    Column("whistle_id", Uuid, primary_key=True),
    Column("round", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("facts", JSONB),
    Column("flags", JSONB, nullable=False),
    Column("dispatched_at", DateTime(timezone=True)),
    Column("whistle_due_at", DateTime(timezone=True)),
    CheckConstraint("state in ('awaiting_triage', 'dispatched', 'cancelled')", name="dispatch_state"),
    CheckConstraint("facts is not null or state = 'cancelled'", name="dispatch_facts"),
    Index("dispatch_by_state", "state", "whistle_id"),
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
    CheckConstraint("role in ('lead', 'assist')", name="task_role"),
    CheckConstraint("presence in ('none', 'online', 'meeting', 'on_site')", name="task_presence"),
    UniqueConstraint("whistle_id", "round", "department", "origin", name="task_once"),
)
