"""`whistle` holds what is said of the matter now, its stage and the derived state; `street_counter` the numbers given
out. Category, grid and point stand beside the facts to be searched for whistles that are alike; `due_at`, when the
first running clock runs out, for lists to be ordered by."""

from sqlalchemy import CheckConstraint, Column, DateTime, Double, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from whistle_intake.tables.metadata import metadata

whistle = Table(
    "whistle",
    metadata,
    Column("whistle_id", Uuid, primary_key=True),
    Column("number", Text, nullable=False, unique=True),
    Column("street", Text, nullable=False),
    Column("initiator", Text),
    Column("category", Text),
    Column("grid", Text),
    Column("latitude", Double),
    Column("longitude", Double),
    Column("facts", JSONB, nullable=False),
    Column("departments", JSONB, nullable=False),
    Column("override_reason", Text),
    Column("distinct_reason", Text),
    Column("round", Integer, nullable=False),
    Column("stage", Text, nullable=False),
    Column("routing", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("drafted_by", Text),
    Column("submitted_by", Text),
    Column("signature", Text),
    Column("signature_due_at", DateTime(timezone=True)),
    Column("signed_by", Text),
    Column("joined_to", Uuid),
    Column("blown_at", DateTime(timezone=True)),
    Column("closed_at", DateTime(timezone=True)),
    Column("withdrawn_at", DateTime(timezone=True)),
    Column("due_at", DateTime(timezone=True)),
    CheckConstraint("round >= 1", name="whistle_round"),
    CheckConstraint("routing in ('pending', 'unrouted', 'dispatched')", name="whistle_routing"),
    CheckConstraint(
        "stage in ('draft', 'pending_approval', 'self_handled', 'joined', 'open', 'closed', 'withdrawn')",
        name="whistle_stage",
    ),
    CheckConstraint(
        "state in ('draft', 'pending_approval', 'self_handled', 'joined', 'blown', 'responding', 'on_scene', "
        "'handling', 'suspended', 'pending_verify', 'pending_evaluation', 'closed', 'withdrawn')",
        name="whistle_state",
    ),
    CheckConstraint("signature in ('owed', 'given', 'missed', 'late')", name="whistle_signature"),
    Index("whistle_street", "street", "whistle_id"),
    Index("whistle_board", "street", "state", "due_at", "whistle_id"),
    Index("whistle_board_of_district", "state", "due_at", "whistle_id"),
    Index("whistle_initiator", "initiator", "whistle_id", postgresql_where=text("initiator is not null")),
    Index(
        "whistle_same_grid",
        "category",
        "grid",
        "stage",
        "whistle_id",
        postgresql_where=text("stage in ('open', 'closed')"),
    ),
    Index("whistle_near", "category", "stage", "latitude", postgresql_where=text("latitude is not null")),
    Index(
        "whistle_unsigned_by_street",
        "street",
        "signature_due_at",
        postgresql_where=text("signature in ('owed', 'missed')"),
    ),
    Index("whistle_unsigned", "signature_due_at", postgresql_where=text("signature = 'owed'")),
)

street_counter = Table(
    "street_counter",
    metadata,
    Column("street", Text, primary_key=True),
    Column("day", Text, primary_key=True),
    Column("last", Integer, nullable=False),
)
