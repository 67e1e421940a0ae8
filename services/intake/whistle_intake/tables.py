"""intake's tables. `whistle` holds the facts as blown and the derived state; `timeline` what was heard of it."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

whistle = Table(
    "whistle",
    metadata,
    Column("whistle_id", Uuid, primary_key=True),
    Column("number", Text, nullable=False, unique=True),
    Column("street", Text, nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("departments", JSONB, nullable=False),
    Column("round", Integer, nullable=False),
    Column("routing", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("blown_at", DateTime(timezone=True), nullable=False),
    Column("withdrawn_at", DateTime(timezone=True)),
    CheckConstraint("round >= 1", name="whistle_round"),
    CheckConstraint("routing in ('pending', 'unrouted', 'dispatched')", name="whistle_routing"),
    CheckConstraint(
        "state in ('blown', 'responding', 'on_scene', 'handling', 'pending_verify', 'withdrawn')",
        name="whistle_state",
    ),
    Index("whistle_street", "street", "whistle_id"),
)

task = Table(
    "task",
    metadata,
    Column("task_id", Uuid, primary_key=True),
    Column("whistle_id", Uuid, nullable=False),
    Column("department", Text, nullable=False),
    Column("role", Text),
    Column("called_at", DateTime(timezone=True)),
    Column("acknowledged_at", DateTime(timezone=True)),
    Column("arrived_at", DateTime(timezone=True)),
    Column("progressed_at", DateTime(timezone=True)),
    Column("submitted_at", DateTime(timezone=True)),
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

street_counter = Table(
    "street_counter",
    metadata,
    Column("street", Text, primary_key=True),
    Column("day", Text, primary_key=True),
    Column("last", Integer, nullable=False),
)
