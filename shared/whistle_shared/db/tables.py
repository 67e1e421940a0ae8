"""The tables of the mechanisms, in every service's database beside its own (DDL is copied into each first migration).

`outbox` is the ledger of what this service said; `outbox_due` lists who has yet to confirm each event: the broker,
and every consumer whose receipt is awaited. A row disappears by its confirmation and by nothing else.
`audit` says who did what; `audit_link` chains its rows, `audit_head` signs the chain once a day.
INVARIANT: these three only grow: a trigger refuses to change, delete or truncate, whoever asks.
"""

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    event,
    func,
    text,
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
    Column("digest", LargeBinary),
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
    Index("idempotency_created_at", "created_at"),
)

api_token = Table(
    "api_token",
    metadata,
    Column("token_id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("part", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_now),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("revoked_at", DateTime(timezone=True)),
    Column("used_at", DateTime(timezone=True)),
    Column("used_from", Text),
)

account = Table(
    "account",
    metadata,
    Column("account_id", Uuid, primary_key=True),
    Column("username", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("part", Text),
    Column("password", Text),
    Column("must_change", Boolean, nullable=False),
    Column("password_at", DateTime(timezone=True)),
    Column("second_factor", LargeBinary),
    Column("second_factor_at", DateTime(timezone=True)),
    Column("second_factor_step", BigInteger),
    Column("recovery", JSONB, nullable=False),
    Column("issuer", Text),
    Column("subject", Text),
    Column("failures", Integer, nullable=False),
    Column("locked_until", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("created_by", Text, nullable=False),
    Column("disabled_at", DateTime(timezone=True)),
    Column("signed_in_at", DateTime(timezone=True)),
    UniqueConstraint("issuer", "subject", name="account_single_sign_on"),
    CheckConstraint("num_nulls(issuer, subject) in (0, 2)", name="account_issuer"),
    CheckConstraint("(second_factor_at is null) or (second_factor is not null)", name="account_second_factor"),
)

web_session = Table(
    "web_session",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("session_id", Uuid, nullable=False, unique=True),
    Column("account_id", Uuid, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("ends_at", DateTime(timezone=True), nullable=False),
    Column("second_factor", Boolean, nullable=False),
    Column("address", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Index("web_session_account", "account_id"),
)

audit = Table(
    "audit",
    metadata,
    Column("audit_id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("business_at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text),
    Column("scope", Text),
    Column("action", Text, nullable=False),
    Column("subject", Text),
    Column("outcome", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("correlation_id", Uuid, nullable=False),
    Column("asked", JSONB, nullable=False),
    Column("before", JSONB),
    Column("after", JSONB),
    CheckConstraint("outcome in ('done', 'refused', 'failed')", name="audit_outcome"),
    Index("audit_at", "at"),
    Index("audit_actor", "actor", "audit_id"),
    Index("audit_subject", "subject", "audit_id"),
)

audit_link = Table(
    "audit_link",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("audit_id", BigInteger, nullable=False, unique=True),
    Column("digest", LargeBinary, nullable=False),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("day", Date, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False),
)

_APPEND_ONLY = """
CREATE OR REPLACE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION USING MESSAGE = tg_table_name || ' only grows', ERRCODE = 'restrict_violation'; END
$$
"""
_REFUSING = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %(table)s
FOR EACH STATEMENT EXECUTE FUNCTION append_only()
"""
event.listen(metadata, "before_create", DDL(_APPEND_ONLY))  # type: ignore[no-untyped-call]
for _table in (audit, audit_link, audit_head):
    event.listen(_table, "after_create", DDL(_REFUSING))  # type: ignore[no-untyped-call]

photo = Table(
    "photo",
    metadata,
    Column("photo_id", Uuid, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("subject", Text),
    Column("sealed", Boolean, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("added_at", DateTime(timezone=True), nullable=False),
    Column("deleted_at", DateTime(timezone=True)),
    Index("photo_subject", "subject"),
    Index("photo_unclaimed", "added_at", postgresql_where=text("subject is null and deleted_at is null")),
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
