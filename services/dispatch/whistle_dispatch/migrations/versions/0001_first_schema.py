"""The first schema, written out: history must not import living code."""

from alembic import op

revision = "0001"
down_revision = None

_SCHEMA = """
CREATE TABLE api_token (
    token_id UUID NOT NULL,
    name TEXT NOT NULL,
    digest BYTEA NOT NULL,
    role TEXT NOT NULL,
    scope TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    revoked_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (token_id),
    UNIQUE (digest)
);
CREATE TABLE calendar_year (
    version INTEGER NOT NULL,
    year INTEGER NOT NULL,
    body JSONB NOT NULL,
    PRIMARY KEY (version, year)
);
CREATE TABLE idempotency (
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    digest TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE TABLE inbox (
    event_id UUID NOT NULL,
    receipt_id UUID,
    seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (event_id)
);
CREATE TABLE outbox (
    event_id UUID NOT NULL,
    key TEXT NOT NULL,
    subject TEXT NOT NULL,
    addressed_to JSONB NOT NULL,
    body TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (event_id)
);
CREATE INDEX outbox_created_at ON outbox (created_at);
CREATE TABLE outbox_due (
    event_id UUID NOT NULL,
    receiver TEXT NOT NULL,
    next_at TIMESTAMP WITH TIME ZONE NOT NULL,
    since TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    tries INTEGER DEFAULT '0' NOT NULL,
    stuck BOOLEAN DEFAULT 'false' NOT NULL,
    PRIMARY KEY (event_id, receiver)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX outbox_due_next_at ON outbox_due (next_at);
CREATE TABLE registry_part (
    version INTEGER NOT NULL,
    section TEXT NOT NULL,
    part INTEGER NOT NULL,
    sections JSONB NOT NULL,
    rows JSONB NOT NULL,
    PRIMARY KEY (version, section, part)
);
CREATE TABLE subject_version (
    subject TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (subject)
);
CREATE TABLE dispatch (
    whistle_id UUID NOT NULL,
    round INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    facts JSONB,
    flags JSONB NOT NULL,
    dispatched_at TIMESTAMP WITH TIME ZONE,
    whistle_due_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (whistle_id),
    CONSTRAINT dispatch_state CHECK (state in ('awaiting_triage', 'dispatched', 'cancelled')),
    CONSTRAINT dispatch_facts CHECK (facts is not null or state = 'cancelled')
);
CREATE INDEX dispatch_by_state ON dispatch (state, whistle_id);
CREATE TABLE task (
    task_id UUID NOT NULL,
    whistle_id UUID NOT NULL,
    round INTEGER NOT NULL,
    department TEXT NOT NULL,
    role TEXT NOT NULL,
    presence TEXT NOT NULL,
    origin TEXT NOT NULL,
    PRIMARY KEY (task_id),
    CONSTRAINT task_role CHECK (role in ('lead', 'assist')),
    CONSTRAINT task_presence CHECK (presence in ('none', 'online', 'meeting', 'on_site')),
    CONSTRAINT task_once UNIQUE (whistle_id, round, department, origin)
);
"""


def upgrade() -> None:
    for statement in _SCHEMA.split(";"):
        if statement.strip():
            op.execute(statement)
