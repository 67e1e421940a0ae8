"""The tables of the mechanisms, in every service's database beside its own (DDL is copied into each first migration).

`outbox` is the ledger of what this service said; `outbox_due` lists who has yet to confirm each event: the broker,
and every consumer whose receipt is awaited. A row disappears by its confirmation and by nothing else.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()
_now = func.now()

outbox = Table(
    "outbox",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("key", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("addressed_to", JSONB, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_now),
    Index("outbox_created_at", "created_at"),
)

outbox_due = Table(
    "outbox_due",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("receiver", Text, primary_key=True),
    Column("next_at", DateTime(timezone=True), nullable=False),
    Column("since", DateTime(timezone=True), nullable=False, server_default=_now),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("stuck", Boolean, nullable=False, server_default="false"),
    Index("outbox_due_next_at", "next_at"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("receipt_id", Uuid),
    Column("seen_at", DateTime(timezone=True), nullable=False, server_default=_now),
)

subject_version = Table(
    "subject_version",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("caller", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_now),
)

api_token = Table(
    "api_token",
    metadata,
    Column("token_id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_now),
    Column("expires_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
)

registry_part = Table(
    "registry_part",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("section", Text, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("sections", JSONB, nullable=False),
    Column("rows", JSONB, nullable=False),
)

calendar_year = Table(
    "calendar_year",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("year", Integer, primary_key=True),
    Column("body", JSONB, nullable=False),
)

own_tables: tuple[Table, ...] = tuple(metadata.sorted_tables)
